"""The clinic data in data/samples: sizes, schema, fair held-out parts, right answers."""

import itertools
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import clinic_content_en as en  # noqa: E402
import clinic_content_ru as ru  # noqa: E402

SAMPLES = ROOT / "data" / "samples"
CONTENT = {"en": en, "ru": ru}
PARTS = ("train", "validation", "test")
TASKS = ("shorthand", "style", "frontdesk")
SETS = (*TASKS, "preferences")


def read(name: str) -> dict[str, list[dict]]:
    return {
        part: [json.loads(line) for line in (SAMPLES / name / f"{part}.jsonl").open(encoding="utf-8")]
        for part in PARTS
    }


DATA = {name: read(name) for name in SETS}


def everything(name: str) -> list[dict]:
    return [row for rows in DATA[name].values() for row in rows]


def prompt(row: dict) -> str:
    return (row.get("messages") or row["prompt"])[0]["content"]


def reply(row: dict) -> str:
    return row["messages"][1]["content"]


def auc(higher: list[int], lower: list[int]) -> float:
    """([3, 2], [1, 2]) → 0.875: how often a random first exceeds a random second; ties count half."""
    wins = sum((a > b) + 0.5 * (a == b) for a in higher for b in lower)
    return wins / (len(higher) * len(lower))


def oracle(row: dict) -> str:
    """Answer a shorthand prompt from the code tables alone; written without the generator's functions."""
    codes, follow_up = prompt(row).replace(",", " ").replace("f/u", "").replace("явка", "").split()[-2:]
    content, n, unit = CONTENT[row["lang"]], int(follow_up[:-1]), follow_up[-1]
    names = [content.CODES[code] for code in codes.split("-")]
    if row["lang"] == "en":
        period = f"{n} " + {"d": "day", "w": "week", "m": "month"}[unit] + "s" * (n > 1)
        if row["form"] == "text":
            return f"{', '.join(names)}; follow-up in {period}"
        return json.dumps({"diagnoses": names, "follow_up": period})
    bare = {"д": "день дня дней", "н": "неделя недели недель", "м": "месяц месяца месяцев"}[unit].split()
    word = bare[0] if n == 1 else bare[1] if n < 5 else bare[2]
    if row["form"] == "text":
        return f"{', '.join(names)}; явка через {n} {'неделю' if word == 'неделя' else word}"
    return json.dumps({"диагнозы": names, "явка": f"{n} {word}"}, ensure_ascii=False)


# --- sizes and schema ----------------------------------------------------------------------------
def test_sizes():
    assert {part: len(rows) for part, rows in DATA["shorthand"].items()} == {
        "train": 5000, "validation": 300, "test": 400,
    }  # fmt: skip
    for rows in DATA["shorthand"].values():
        assert Counter(row["lang"] for row in rows) == {"en": len(rows) // 2, "ru": len(rows) // 2}
        assert 0.2 < sum(row["form"] == "json" for row in rows) / len(rows) < 0.4
    assert len(everything("style")) >= 300
    assert len({row["fact"] for row in everything("frontdesk")}) >= 200
    for lang in CONTENT:
        pairs = [row for row in everything("preferences") if row["lang"] == lang]
        assert len(pairs) >= 200
        assert len({row["group"] for row in pairs}) >= 80
        assert len({row["group"] for row in everything("style") if row["lang"] == lang}) >= 75


@pytest.mark.parametrize("name", SETS)
def test_schema_and_file_form(name):
    columns = {"id", "lang", "group"}
    columns |= {"prompt", "chosen", "rejected"} if name == "preferences" else {"task", "messages"}
    columns |= {"shorthand": {"form"}, "frontdesk": {"fact", "answer"}}.get(name, set())
    for row in everything(name):
        assert set(row) == columns
        assert row["lang"] in CONTENT
        turns = row.get("messages") or [*row["prompt"], *row["chosen"], *row["rejected"]]
        roles = ["user", "assistant"] if name in TASKS else ["user", "assistant", "assistant"]
        assert [turn["role"] for turn in turns] == roles
        assert all(turn["content"] == turn["content"].strip() != "" for turn in turns)
        assert all("{" not in turn["content"] for turn in turns if row.get("form") != "json")
        if name in TASKS:
            assert row["task"] == name
    for part in PARTS:
        raw = (SAMPLES / name / f"{part}.jsonl").read_bytes()
        assert len(raw) < 2_000_000
        assert raw.endswith(b"\n") and b"\r" not in raw and b"\\u" not in raw


def test_ids_and_prompts_are_unique():
    ids = [row["id"] for name in SETS for row in everything(name)]
    assert len(ids) == len(set(ids))
    for name in SETS:
        prompts = [prompt(row) for row in everything(name)]
        assert [p for p, n in Counter(prompts).items() if n > 1] == []


# --- held out and yet fair -------------------------------------------------------------------------
@pytest.mark.parametrize("name", SETS)
def test_no_group_straddles_two_parts(name):
    groups = [{(row["lang"], row["group"]) for row in DATA[name][part]} for part in PARTS]
    assert all(a.isdisjoint(b) for a, b in itertools.combinations(groups, 2))


# Not for shorthand: its notes all share one short frame, so "HTN-DM" and "HTN-DM-CKD" look alike and are
# different questions. There the criterion is the unordered set of codes, tested above through `group`.
@pytest.mark.parametrize("name", ("style", "frontdesk", "preferences"))
def test_no_near_duplicate_prompt_straddles_two_parts(name):
    def fivegrams(text):
        return {text.lower()[i : i + 5] for i in range(len(text) - 4)}

    grams = {part: [(fivegrams(prompt(row)), prompt(row)) for row in DATA[name][part]] for part in PARTS}
    for first, second in itertools.combinations(PARTS, 2):
        for (a, text_a), (b, text_b) in itertools.product(grams[first], grams[second]):
            assert len(a & b) < 0.8 * len(a | b), (text_a, text_b)


def test_shorthand_group_is_the_set_of_codes():
    for row in everything("shorthand"):
        note = prompt(row).replace(",", " ").split()
        codes = next(word for word in note if word.split("-")[0] in CONTENT[row["lang"]].CODES)
        assert row["group"] == "-".join(sorted(codes.split("-")))


def test_every_code_period_and_wording_is_seen_often_in_training():
    for lang, content in CONTENT.items():
        train = [row for row in DATA["shorthand"]["train"] if row["lang"] == lang]
        codes = Counter(code for row in train for code in row["group"].split("-"))
        assert set(codes) == set(content.CODES)
        assert min(codes.values()) >= 100
        periods = Counter(prompt(row).split()[-1] for row in train)
        assert len(periods) == 27 and min(periods.values()) >= 30
        for wording in content.TEXT_WORDINGS + content.JSON_WORDINGS:
            assert sum(prompt(row).startswith(wording.split("{")[0]) for row in train) >= 100


def test_every_held_out_fact_was_asked_in_training():
    trained = Counter(row["fact"] for row in DATA["frontdesk"]["train"])
    answers = {row["fact"]: row["answer"] for row in DATA["frontdesk"]["train"]}
    for part in ("validation", "test"):
        for row in DATA["frontdesk"][part]:
            assert trained[row["fact"]] >= 2
            assert row["answer"] == answers[row["fact"]]
    assert set(Counter(row["fact"] for row in everything("frontdesk")).values()) <= {4, 5}


# --- answers -------------------------------------------------------------------------------------
def test_oracle_agrees_with_the_spec():
    note = {"lang": "ru", "form": "text", "messages": [{"content": "Расшифруй запись: ГБ-СД, явка 1н"}]}
    assert oracle(note) == "гипертоническая болезнь, сахарный диабет; явка через 1 неделю"
    assert oracle(note | {"form": "json"}).endswith('"явка": "1 неделя"}')
    note = {"lang": "en", "form": "text", "messages": [{"content": "Expand the note: HTN-DM-CKD, f/u 2w"}]}
    assert oracle(note) == "hypertension, diabetes mellitus, chronic kidney disease; follow-up in 2 weeks"


def test_shorthand_answers_follow_from_the_code_tables():
    for row in everything("shorthand"):
        assert reply(row) == oracle(row)
        if row["form"] == "json":
            assert tuple(json.loads(reply(row))) == CONTENT[row["lang"]].JSON_KEYS


def test_russian_plural_forms():
    right = {
        "через 1 день", "через 2 дня", "через 4 дня", "через 5 дней", "через 9 дней", "через 1 неделю",
        "через 3 недели", "через 6 недель", "через 1 месяц", "через 2 месяца", "через 8 месяцев",
    }  # fmt: skip
    seen = {reply(row).split("явка ")[-1] for row in everything("shorthand") if row["lang"] == "ru"}
    assert right <= seen
    assert not seen & {"через 1 неделя", "через 2 день", "через 5 недели", "через 4 дней", "через 2 месяцев"}


def test_house_style():
    frame = {
        "en": ("In plain words: ", " Please ask us if anything is unclear."),
        "ru": ("Простыми словами: ", " Спросите нас, если что-то неясно."),
    }
    for row in everything("style"):
        start, end = frame[row["lang"]]
        assert reply(row).startswith(start) and reply(row).endswith(end)
        middle = reply(row)[len(start) : -len(end)]
        assert middle.endswith(".") and middle.count(". ") <= 1
        assert len(reply(row).split()) <= 30


def test_frontdesk_answer_is_in_the_text():
    for row in everything("frontdesk"):
        # A sentence may begin with the answer («Доктор Орлова принимает…»), so the case may differ.
        assert row["answer"].lower() in reply(row).lower()
        assert len(reply(row).split()) <= 20


# --- preferences: nothing superficial gives the label away -------------------------------------------
@pytest.mark.parametrize("lang", CONTENT)
def test_length_does_not_tell_chosen_from_rejected(lang):
    rows = [row for row in everything("preferences") if row["lang"] == lang]
    for measure in (len, lambda text: len(text.split())):
        chosen = [measure(row["chosen"][0]["content"]) for row in rows]
        rejected = [measure(row["rejected"][0]["content"]) for row in rows]
        assert max(chosen + rejected) < 30 or measure is len
        assert 0.85 < sum(chosen) / sum(rejected) < 1.15
        assert 0.4 < auc(chosen, rejected) < 0.6
        within_a_pair = [(c > r) + 0.5 * (c == r) for c, r in zip(chosen, rejected, strict=True)]
        assert 0.35 < sum(within_a_pair) / len(rows) < 0.65


@pytest.mark.parametrize("lang", CONTENT)
@pytest.mark.parametrize("side", ("chosen", "rejected"))
def test_no_single_opening_tells_the_label(lang, side):
    openings = Counter(
        " ".join(row[side][0]["content"].split()[:3])
        for row in everything("preferences")
        if row["lang"] == lang
    )
    assert len(openings) >= 15
    assert max(openings.values()) < 0.1 * sum(openings.values())


def test_no_answer_is_both_chosen_and_rejected():
    rows = everything("preferences")
    chosen, rejected = ({row[side][0]["content"] for row in rows} for side in ("chosen", "rejected"))
    assert chosen.isdisjoint(rejected)


def test_committed_files_are_what_the_generator_writes():
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "build_clinic.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
