"""One call, one report card: everything the release gate wants to know about a model or an adapter.

    exam = make_exam("tiny", task=data.sample("shorthand", "test", "en")[:200])       asks the base once
    card = of("data/samples/adapters/shorthand-tiny", exam)                           an adapter's folder, a model's, or a name
    card = measure("mine", model, tokenizer, exam)                                    the same for a model in memory
    print(table([card])); figure = picture([card]); save("build/card.json", card)

A card is a plain dictionary, ready for JSON. A share is {"value", "low", "high", "n"} with its 95 % interval. The same
model gives the same card on the same machine; only the times differ. `python -m lib.report_card NAME` prints one.
"""

import argparse
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from scipy.stats import binomtest

from lib import data, evaluate, metric, models, plots, refusals, results, train

FOLDER = data.SAMPLES / "evaluation"
SHARES = {"task": "task right", "general": "general right", "unrefused": "dangerous not refused", "over_refused": "harmless refused",
          "invented": "invented an answer", "json_valid": "JSON valid"}


@dataclass(frozen=True)
class Exam:
    """The questions, and what the base said to them: every candidate is compared with the same base on the same items."""

    base_name: str
    base: torch.nn.Module
    task: list[dict]  # chat rows, scored by exact match
    general: list[dict]  # {"question", "answers"}
    base_right: list[bool]  # which general questions the base answers
    own_answers: list[dict]  # chat rows: the base's answers to them
    stress: list[dict]  # chat rows without an answer; "dangerous" or its benign twin
    unanswerable: list[dict]  # {"question", "kind"}


def make_exam(base: str, task: list[dict], language: str = "both", stress_items: int = 0, unanswerable_items: int = 0) -> Exam:
    """Load the base and ask it the 100 general questions. `language` chooses the stress test and the unanswerable questions.

    `…_items` > 0 takes about that many, spread over the file, for a quick look.
    """
    model, tokenizer = models.load(base)
    wanted = data.read_jsonl(data.SAMPLES / "general" / "questions.jsonl")
    said = evaluate.answer(model, tokenizer, [row["question"] for row in wanted], 24)
    right = [evaluate.general_correct(text, row["answers"]) for text, row in zip(said, wanted, strict=True)]
    own = [_chat(row["question"], text) for row, text in zip(wanted, said, strict=True) if text]
    stress, unanswerable = ([row for row in data.read_jsonl(FOLDER / f"{name}.jsonl") if language in ("both", row["lang"])] for name in ("stress", "unanswerable"))
    return Exam(base, model, task, wanted, right, own, _some(stress, stress_items, 2), _some(unanswerable, unanswerable_items))


def _some(rows: list[dict], items: int, together: int = 1) -> list[dict]:
    """Every k-th group of `together` neighbours (a question and its twin), so that about `items` rows are left."""
    groups = [rows[i : i + together] for i in range(0, len(rows), together)]
    step = max(1, len(groups) * together // items) if items else 1
    return [row for group in groups[::step] for row in group]


def _chat(question: str, answer: str) -> dict:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


# ------------------------------------------------------------------------------------------- measuring
def of(name: str, exam: Exam, requests: int = 20) -> dict:
    """The card of a model name, a Hub id, a model's folder, or a folder with a peft adapter for the exam's base."""
    if (Path(name) / "adapter_config.json").is_file():
        from peft import PeftModel

        model, tokenizer = models.load(exam.base_name)
        return measure(name, PeftModel.from_pretrained(model, name).eval(), tokenizer, exam, requests)
    return measure(name, *models.load(name), exam, requests)


def measure(name: str, model, tokenizer, exam: Exam, requests: int = 20) -> dict:
    """Ask the candidate everything. `requests` single requests are timed; 0 leaves the time out, and the gate will refuse the card."""
    model.eval()
    task, task_answers = evaluate.task(model, tokenizer, exam.task)
    loss = evaluate.loss_nats_per_token(model, tokenizer, exam.task)
    general_answers = evaluate.answer(model, tokenizer, [row["question"] for row in exam.general], 24)
    right = [evaluate.general_correct(text, row["answers"]) for text, row in zip(general_answers, exam.general, strict=True)]
    stress_answers = evaluate.answer(model, tokenizer, [row["messages"] for row in exam.stress], 64)
    unknown_answers = evaluate.answer(model, tokenizer, [row["question"] for row in exam.unanswerable], 24)
    refused = [refusals.refuses(text) for text in stress_answers]
    danger = [row["dangerous"] for row in exam.stress]
    card = {
        "name": name, "base": exam.base_name,
        "task": asdict(task), "loss_nats": loss, "perplexity": evaluate.perplexity(min(loss, 50.0)), "bits_per_byte": bits_per_byte(model, tokenizer, exam.task),
        "general": asdict(evaluate.interval(right)), "forgetting": forgetting(exam.base_right, right), "drift_nats": drift_nats(model, exam.base, tokenizer, exam.own_answers),
        "unrefused": _share(not r for r, d in zip(refused, danger, strict=True) if d), "over_refused": _share(r for r, d in zip(refused, danger, strict=True) if not d),
        "invented": _share(not refusals.abstains(text) for text in unknown_answers), "abstained_known": _share(refusals.abstains(text) for text in general_answers),
        "json_valid": json_validity(exam.task, task_answers),
        "answers": {"task": task_answers, "general": general_answers, "stress": stress_answers, "unanswerable": unknown_answers},
    }
    if requests:
        card["single_p95_ms"] = metric.p95(metric.latencies_ms(model, tokenizer, exam.task[:requests]))
    return card


def _share(hits) -> dict | None:
    hits = list(hits)
    return asdict(evaluate.interval(hits)) if hits else None


def forgetting(before: list[bool], after: list[bool]) -> dict:
    """`forgetting([1, 1, 1, 0], [1, 0, 0, 0])` → lost 2, gained 0, kept 1/3, and the exact paired test (McNemar 1947).

    `p`: how often chance alone would split as many changed answers at least as unevenly.
    """
    lost = sum(a and not b for a, b in zip(before, after, strict=True))
    gained = sum(b and not a for a, b in zip(before, after, strict=True))
    p = float(binomtest(lost, lost + gained).pvalue) if lost + gained else 1.0
    return {"lost": lost, "gained": gained, "kept": (sum(before) - lost) / max(1, sum(before)), "p": p}


def _logits_and_labels(model, tokenizer, rows: list[dict], batch_size: int = 32):
    examples = train.tokenize(rows, tokenizer)
    for start in range(0, len(examples), batch_size):
        ids, mask, labels = evaluate.pad(examples[start : start + batch_size], tokenizer.pad_token_id, model.device)
        yield ids, mask, labels[:, 1:] != -100  # (B, T), (B, T), (B, T-1)


@torch.inference_mode()
def drift_nats(model, base, tokenizer, rows: list[dict]) -> float:
    """Cross-entropy of the model against the base's own predictions, less the base's entropy: 0.0 for the base itself.

    In nats a token of the base's answers, over whole distributions, so that it moves before an answer does. It is
    the mean of KL(base ‖ model).
    """
    total, count = 0.0, 0
    for ids, mask, kept in _logits_and_labels(base, tokenizer, rows):
        wanted = base(input_ids=ids, attention_mask=mask).logits[:, :-1][kept].float().log_softmax(-1)  # (labelled, V)
        found = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device)).logits[:, :-1][kept.to(model.device)].float().log_softmax(-1).to(wanted.device)
        total, count = total + float((wanted.exp() * (wanted - found)).sum()), count + len(wanted)
    return total / max(1, count)


def bits_per_byte(model, tokenizer, rows: list[dict]) -> float:
    """Loss on the answers in bits for each UTF-8 byte of text: comparable between tokenizers, as nats a token are not."""
    tokens = sum(sum(label != -100 for label in example["labels"]) for example in train.tokenize(rows, tokenizer))
    nats = evaluate.loss_nats_per_token(model, tokenizer, rows) * tokens
    return nats / math.log(2) / sum(len(data.target(row).encode()) for row in rows)


def json_validity(rows: list[dict], answers: list[str]) -> dict | None:
    """Share of the answers that parse and have the keys of the right one, among the rows whose right answer is JSON; None without such rows."""
    return _share(_same_form(text, data.target(row)) for row, text in zip(rows, answers, strict=True) if data.target(row).startswith("{"))


def _same_form(text: str, target: str) -> bool:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return False
    wanted = json.loads(target)
    return isinstance(found, dict) and found.keys() == wanted.keys() and all(type(found[k]) is type(wanted[k]) for k in wanted)


def by_category(card: dict, exam: Exam) -> dict[str, evaluate.Score]:
    """Category of attack → share of dangerous questions that were not refused."""
    found: dict[str, list] = {}
    for row, text in zip(exam.stress, card["answers"]["stress"], strict=True):
        if row["dangerous"]:
            found.setdefault(row["category"], []).append(not refusals.refuses(text))
    return {category: evaluate.interval(hits) for category, hits in found.items()}


# ------------------------------------------------------------------------------------------- showing and keeping
def score(share: dict | None) -> evaluate.Score | None:
    """The dictionary of a card as an evaluate.Score again."""
    return evaluate.Score(**share) if share else None


def table(cards: list[dict]) -> str:
    """The cards side by side as a Markdown table, one line a measurement."""
    def row(label, show):
        return f"| {label} | " + " | ".join(show(card) for card in cards) + " |"

    lines = [row("", lambda c: Path(c["name"]).name), "|---|" + "---|" * len(cards)]
    lines += [row(label, lambda c, key=key: "–" if not c.get(key) else f"{c[key]['value']:.0%} [{c[key]['low']:.0%}, {c[key]['high']:.0%}]") for key, label in SHARES.items()]
    lines += [row("general lost / gained (p)", lambda c: f"{c['forgetting']['lost']} / {c['forgetting']['gained']} ({c['forgetting']['p']:.1g})"),
              row("drift from the base, nats a token", lambda c: f"{c['drift_nats']:.2f}"), row("held-out loss, nats a token", lambda c: f"{c['loss_nats']:.4f}"),
              row("perplexity; bits per byte", lambda c: f"{c['perplexity']:.3g}; {c['bits_per_byte']:.3f}"),
              row("P95 of single requests, ms", lambda c: f"{c['single_p95_ms']:.0f}" if "single_p95_ms" in c else "–"),
              row("under load: P95, first token P95, ms", lambda c: f"{c['load']['p95_ms']:.0f}, {c['load']['ttft_p95_ms']:.0f}" if "load" in c else "–")]
    return "\n".join(lines)


def picture(cards: list[dict]):
    """One panel a share, one dot a card, with intervals; a matplotlib figure."""
    figure, axes = plots.plt.subplots(1, len(SHARES), figsize=(11, 0.6 + 0.38 * len(cards)), sharey=True)
    for axis, (key, label) in zip(axes, SHARES.items(), strict=True):
        for place, card in enumerate(cards):
            if card.get(key):
                found = score(card[key])
                axis.errorbar(100 * found.value, place, xerr=[[100 * (found.value - found.low)], [100 * (found.high - found.value)]], fmt="o", capsize=3,
                              color=plots.COLOURS["LoRA"] if key in ("task", "general", "json_valid") else plots.COLOURS["full"])
        axis.set(title=label, xlim=(-6, 106), xlabel="%", yticks=range(len(cards)), yticklabels=[Path(card["name"]).name for card in cards])
        axis.title.set_fontsize(9)
    axes[0].set_ylim(len(cards) - 0.5, -0.5)
    return figure


def save(path, card: dict) -> None:
    """The card as JSON, replaced in one step."""
    results.write_json(path, card)


def read(path) -> dict:
    """A saved card. Raises ValueError naming the file if it is none."""
    try:
        card = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: no report card ({error}). Make one: python -m lib.report_card NAME --out {path}") from None
    if not isinstance(card, dict) or "task" not in card or "forgetting" not in card:
        raise ValueError(f"{path}: JSON, but no report card: it has no task and no forgetting. Make one: python -m lib.report_card NAME --out {path}")
    return card


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The report card of a model or an adapter.")
    parser.add_argument("name", help="a model's name, Hub id or folder, or an adapter's folder")
    parser.add_argument("--base", default="tiny", help="the model that it was tuned from")
    parser.add_argument("--task", default="", help="held-out chat JSONL; empty takes the English shorthand")
    parser.add_argument("--items", type=int, default=200, help="rows of it")
    parser.add_argument("--out", default="", help="where to write the card as JSON")
    args = parser.parse_args(argv)
    task = data.read_chat(args.task) if args.task else data.sample("shorthand", "test", "en")
    card = of(args.name, make_exam(args.base, task[: args.items]))
    if args.out:
        save(args.out, card)
    print(table([card]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
