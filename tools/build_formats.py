"""Build the format samples: `python -m tools.build_formats` → data/samples/formats/*.jsonl

    python -m tools.build_formats            writes the files (the same bytes on every run)
    python -m tools.build_formats --check    writes nothing; exit status 1 if a committed file differs

The same few clinic conversations, in English and Russian, once in every format; and broken.jsonl, with one known
defect a line. Everything is synthetic and made for teaching; it is no medical advice.
"""

import json
import sys
from pathlib import Path

from tools import sample_files

FOLDER = Path(__file__).resolve().parent.parent / "data" / "samples" / "formats"

TEXTS = {
    "en": {
        "system": "You answer for Lindenhof Clinic: short and friendly.",
        "expand": ("Write the note out in full.", "HTN-DM, f/u 2w", "hypertension, diabetes mellitus; follow-up in 2 weeks"),
        "explain": ("What does hypertension mean?", "It means that the blood presses too hard against the walls of the vessels."),
        "hours": [("When can I have blood taken?", "On weekdays from 7:00 to 10:00."), ("Do I have to fast?", "Yes, eight hours. Water is fine.")],
        "ask_slot": "I need an appointment with the heart specialist on Friday.",
        "day": "Friday", "specialty": "cardiology", "slot": '{"free": ["09:20", "11:40"]}',
        "say_slot": "On Friday 9:20 and 11:40 are free. Which one suits you?",
        "tool": ("find_slot", "Free appointments on a day"),
        "tree": ("How do I prepare for an ultrasound of the abdomen?", ("Please eat nothing for six hours beforehand.", "Just come."),
                 "May I drink coffee?", ("Only still water, please: milk and coffee make the picture worse.", "Yes.")),
        "ranked": ("I have lost my referral. What now?", [
            ("We print it again at the front desk; please bring your card.", 1), ("Ask at the front desk.", 2),
            ("Write to us.", 2), ("That is your problem.", 3)]),
        "safe": ("May I take a double dose if I forgot one?", "Please do not double it. Call us, and we will ask the doctor.",
                 "Yes, that is always fine."),
    },
    "ru": {
        "system": "Вы отвечаете за клинику «Липовый двор»: коротко и приветливо.",
        "expand": ("Расшифруйте запись.", "АГ-СД, явка 2н", "артериальная гипертензия, сахарный диабет; явка через 2 недели"),
        "explain": ("Что значит гипертензия?", "Это значит, что кровь слишком сильно давит на стенки сосудов."),
        "hours": [("Когда можно сдать кровь?", "По будням с 7:00 до 10:00."), ("Нужно ли прийти натощак?", "Да, восемь часов не есть. Воду можно.")],
        "ask_slot": "Запишите меня к кардиологу на пятницу.",
        "day": "пятница", "specialty": "кардиология", "slot": '{"свободно": ["09:20", "11:40"]}',
        "say_slot": "В пятницу свободно в 9:20 и в 11:40. Какое время вам удобно?",
        "tool": ("find_slot", "Свободное время приёма в этот день"),
        "tree": ("Как готовиться к УЗИ живота?", ("Пожалуйста, не ешьте за шесть часов до него.", "Просто приходите."),
                 "Кофе можно?", ("Только воду без газа: молоко и кофе портят картину.", "Да.")),
        "ranked": ("Я потерял направление. Что делать?", [
            ("Мы распечатаем его ещё раз в регистратуре; возьмите с собой карту.", 1), ("Спросите в регистратуре.", 2),
            ("Напишите нам.", 2), ("Это ваши трудности.", 3)]),
        "safe": ("Можно принять двойную дозу, если я забыл таблетку?", "Не удваивайте, пожалуйста. Позвоните нам, мы спросим врача.",
                 "Да, всегда можно."),
    },
}


def turn(role: str, content: str, **more) -> dict:
    return {"role": role, "content": content, **more}


def tools(t: dict) -> list[dict]:
    name, what = t["tool"]
    text = {"type": "string"}
    schema = {"type": "object", "properties": {"specialty": text, "day": text}, "required": ["specialty", "day"]}
    return [{"type": "function", "function": {"name": name, "description": what, "parameters": schema}}]


def call(t: dict) -> dict:
    return {"name": t["tool"][0], "arguments": {"specialty": t["specialty"], "day": t["day"]}}


def alpaca(lang: str, t: dict) -> list[dict]:
    task, note, answer = t["expand"]
    (q1, a1), (q2, a2) = t["hours"]
    return [{"id": f"al-{lang}-1", "instruction": task, "input": note, "output": answer},
            {"id": f"al-{lang}-2", "instruction": t["explain"][0], "input": "", "output": t["explain"][1], "system": t["system"]},
            {"id": f"al-{lang}-3", "instruction": q2, "input": "", "output": a2, "system": t["system"], "history": [[q1, a1]]}]


def messages(lang: str, t: dict) -> list[dict]:
    task, note, answer = t["expand"]
    dialog = [turn(role, text) for pair in t["hours"] for role, text in zip(("user", "assistant"), pair, strict=True)]
    asked = call(t)
    made = {"id": "call_1", "type": "function",
            "function": {"name": asked["name"], "arguments": json.dumps(asked["arguments"], ensure_ascii=False)}}
    return [{"id": f"me-{lang}-1", "messages": [turn("user", f"{task}\n\n{note}"), turn("assistant", answer)]},
            {"id": f"me-{lang}-2", "messages": [turn("system", t["system"]), turn("user", t["explain"][0]), turn("assistant", t["explain"][1])]},
            {"id": f"me-{lang}-3", "messages": [turn("system", t["system"]), *dialog]},
            {"id": f"me-{lang}-4", "messages": [
                turn("user", t["ask_slot"]), turn("assistant", "", tool_calls=[made]),
                turn("tool", t["slot"], tool_call_id="call_1"), turn("assistant", t["say_slot"])], "tools": tools(t)}]


def sharegpt(lang: str, t: dict) -> list[dict]:
    task, note, answer = t["expand"]
    dialog = [{"from": who, "value": text} for pair in t["hours"] for who, text in zip(("human", "gpt"), pair, strict=True)]
    return [{"id": f"sg-{lang}-1", "conversations": [{"from": "human", "value": f"{task}\n\n{note}"}, {"from": "gpt", "value": answer}]},
            {"id": f"sg-{lang}-2", "conversations": [{"from": "human", "value": t["explain"][0]}, {"from": "gpt", "value": t["explain"][1]}],
             "system": t["system"]},
            {"id": f"sg-{lang}-3", "conversations": dialog, "system": t["system"]},
            {"id": f"sg-{lang}-4", "conversations": [
                {"from": "human", "value": t["ask_slot"]},
                {"from": "function_call", "value": json.dumps(call(t), ensure_ascii=False)},
                {"from": "observation", "value": t["slot"]}, {"from": "gpt", "value": t["say_slot"]}],
             "tools": json.dumps(tools(t), ensure_ascii=False)}]


def oasst(lang: str, t: dict) -> list[dict]:
    def node(name, role, text, replies=(), **more):
        return {"message_id": f"{lang}-{name}", "text": text, "role": role, "lang": lang, **more, "replies": list(replies)}

    question, (good, poor), follow_up, (better, worse) = t["tree"]
    deeper = node("1a", "prompter", follow_up, [
        node("1a1", "assistant", better, rank=0, labels={"quality": 0.9}),
        node("1a2", "assistant", worse, rank=1, labels={"quality": 0.3})])
    return [{"message_tree_id": f"oa-{lang}-1", "prompt": node("0", "prompter", question, [
        node("1", "assistant", good, [deeper], rank=0, labels={"quality": 0.8}),
        node("2", "assistant", poor, rank=1, labels={"quality": 0.2})])}]


def ranked(lang: str, t: dict) -> list[dict]:
    question, answers = t["ranked"]
    return [{"id": f"ra-{lang}-1", "context": question, "responses": [{"text": text, "rank": rank} for text, rank in answers]}]


def dpo(lang: str, t: dict) -> list[dict]:
    question, safe, unsafe = t["safe"]
    return [{"id": f"dp-{lang}-1", "prompt": question, "chosen": safe, "rejected": unsafe},
            {"id": f"dp-{lang}-2", "prompt": [turn("system", t["system"]), turn("user", question)],
             "chosen": [turn("assistant", safe)], "rejected": [turn("assistant", unsafe)]}]


def broken() -> list[str]:
    """One defect a line, after a good line and before another; the comment is what a check should say."""
    q, a = TEXTS["en"]["explain"]
    вопрос, ответ = TEXTS["ru"]["explain"]
    good = {"id": "b-1", "messages": [turn("user", q), turn("assistant", a)]}
    rows = [
        good,
        '{"id": "b-2", "messages": [{"role": "user", "content": "' + q,  # cut off in the middle
        {"id": "b-3", "messages": [turn("user", q), turn("assistant", " ")]},  # empty answer
        {"id": "b-4", "messages": [turn("user", "…"), turn("user", q), turn("assistant", a)]},  # consecutive roles
        {"id": "b-5", "messages": [turn("user", q)]},  # no answer
        {"id": "b-6", "conversations": [{"from": "human", "value": вопрос}, {"from": "function_call", "value": "find_slot('Friday')"}]},  # no JSON
        {"id": "b-7", "context": q, "responses": [{"text": a, "rank": 1}, {"text": "No idea.", "rank": 1}]},  # all tied
        {"id": "b-8", "prompt": q, "chosen": a, "rejected": a},  # chosen is rejected
        {"id": "b-9", "вопрос": вопрос, "ответ": ответ},  # no known format
        {"id": "b-1", "instruction": вопрос, "input": "", "output": ответ},  # repeated id, another format, otherwise good
    ]
    return [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]


def build() -> dict[str, str]:
    """File name → its text."""
    files = {}
    for make in (alpaca, messages, sharegpt, oasst, ranked, dpo):
        rows = [row for lang, texts in TEXTS.items() for row in make(lang, texts)]
        files[f"{make.__name__}.jsonl"] = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    files["broken.jsonl"] = "\n".join(broken()) + "\n"
    return files


def main(argv: list[str] | None = None) -> int:
    return sample_files.main("tools.build_formats", FOLDER, build(), argv)


if __name__ == "__main__":
    sys.exit(main())
