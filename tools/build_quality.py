"""Build the data of lesson 04: `python -m tools.build_quality` → data/samples/quality/*.jsonl (same bytes every run).

    python -m tools.build_quality            writes rated.jsonl and pool.jsonl
    python -m tools.build_quality --check    writes nothing; exit status 1 if a committed file differs

Rows of the clinic samples are taken as they are (good) or spoiled on purpose in one of four ways, one for each
criterion of the rubric; the label says which. Everything is synthetic and no medical advice.
"""

import json
import random
import re
import sys

from lib import data, splits
from tools import sample_files

FOLDER = data.SAMPLES / "quality"
SEED = 20261121
RATED = {"shorthand": 600, "style": 200, "frontdesk": 240}  # rows a language, of all parts together
POOL = 1000  # rows a language, shorthand only
SPOILED_RATED, SPOILED_POOL = 0.5, 0.4
CRITERIA = ("relevance", "clarity", "completeness", "accuracy")


def spoil(row: dict, kind: str, others: list[dict], rng: random.Random) -> str | None:
    """The answer of `row` with one defect; None if this row cannot have it."""
    answer = data.target(row)
    if kind == "relevance":  # a good answer to another question
        fits = [o for o in others if topic(o) != topic(row) and data.target(o) != answer]
        return data.target(rng.choice(fits))
    if kind == "clarity":
        return unclear(answer, rng)
    if kind == "completeness":
        return incomplete(row, rng)
    return inaccurate(row, others, rng)


def unclear(answer: str, rng: random.Random) -> str:
    """Words in disorder, letters lost, or one piece said three times."""
    words = answer.split()
    way = rng.randrange(3)
    if way == 0 and len(words) > 3:
        shuffled = words[:]
        while shuffled == words:
            rng.shuffle(shuffled)
        return " ".join(shuffled)
    if way == 1 and len(words) > 2:
        at = rng.randrange(len(words) - 1)
        return " ".join([*words[: at + 2], *words[at : at + 2] * 2, *words[at + 2 :]])
    letters = list(answer)
    for place in rng.sample(range(len(letters)), max(2, len(letters) // 6)):
        letters[place] = "" if letters[place] != " " else "  "
    return "".join(letters)


def incomplete(row: dict, rng: random.Random) -> str | None:
    """Stops in the middle, or silently leaves one part out."""
    answer = data.target(row)
    if row["task"] == "shorthand" and row["form"] == "text":
        diagnoses, period = answer.split("; ")
        parts = diagnoses.split(", ")
        if len(parts) > 1 and rng.random() < 0.5:
            parts.pop(rng.randrange(len(parts)))
            return ", ".join(parts) + "; " + period
        return diagnoses  # the date to come again is missing
    words = answer.split()
    if len(words) < 4:
        return None
    return " ".join(words[: rng.randrange(len(words) // 3, 2 * len(words) // 3 + 1) or 1])


def inaccurate(row: dict, others: list[dict], rng: random.Random) -> str | None:
    """A fluent answer with one wrong fact: another diagnosis, number, unit, day, room or explanation."""
    answer = data.target(row)
    if row["task"] == "style":  # the explanation of another term, in the same house style
        fits = [data.target(o) for o in others if o["task"] == "style" and o["group"] != row["group"]]
        return rng.choice(fits) if fits else None
    if row["task"] == "frontdesk":
        fits = [o["answer"] for o in others if o.get("fact") and kind_of_fact(o) == kind_of_fact(row)
                and o["answer"].lower() != row["answer"].lower()]
        place = answer.lower().find(row["answer"].lower())
        if not fits or place < 0:
            return None
        return answer[:place] + rng.choice(fits) + answer[place + len(row["answer"]) :]
    number = re.search(r"[2-9](?=\D*$)", answer)  # not 1: its unit would have to change as well
    if number and rng.random() < 0.25:
        return answer[: number.start()] + rng.choice([d for d in "56789" if d != number[0]]) + answer[number.end() :]
    names = dictionary(others)
    known = [name for name in names if name in answer]
    wrong = names[(names.index(rng.choice(known)) + 1) % len(names)] if known else None  # always the same confusion
    return answer.replace(names[names.index(wrong) - 1], wrong) if wrong else None


def topic(row: dict) -> str:
    """What an answer is about, coarsely: an explanation, a kind of fact, or one set of codes."""
    return {"style": "style", "frontdesk": row.get("fact") and kind_of_fact(row)}.get(row["task"], row["group"])


def kind_of_fact(row: dict) -> str:
    return row["fact"].rsplit("-", 1)[0] if row["fact"][-1].isdigit() else row["fact"]


_dictionaries: dict[int, list[str]] = {}


def dictionary(rows: list[dict]) -> list[str]:
    """All diagnoses of the text answers of these rows, longest first (so that none hides in another)."""
    if id(rows) not in _dictionaries:
        found = {name for r in rows if r.get("form") == "text" for name in data.target(r).split("; ")[0].split(", ")}
        _dictionaries[id(rows)] = sorted(found, key=lambda name: (-len(name), name))
    return _dictionaries[id(rows)]


def labelled(row: dict, kind: str, answer: str, number: int, prefix: str) -> dict:
    return {"id": f"{prefix}-{row['lang']}-{number:05d}", "lang": row["lang"], "task": row["task"], "group": row["group"],
            "messages": [*data.question(row), {"role": "assistant", "content": answer}], "defect": kind,
            "made_from": row["id"]}


def spoiled(rows: list[dict], share: float, prefix: str, rng: random.Random) -> list[dict]:
    """The share of the rows with one defect each, the four kinds in turn; the others as they are."""
    made = []
    for number, row in enumerate(rows):
        kind, answer = "", data.target(row)
        if rng.random() < share:
            for k in range(4):  # if a row cannot have this defect, it takes the next
                kind = CRITERIA[(number + k) % 4]
                answer = spoil(row, kind, rows, rng)
                if answer and answer != data.target(row):
                    break
        made.append(labelled(row, kind, answer, number, prefix))
    return made


def build() -> dict[str, list[dict]]:
    """{"rated": rows with a part "learn" or "report", "pool": rows}: both languages, no group in two places."""
    rng = random.Random(SEED)
    rated, pool = [], []
    for lang in ("en", "ru"):
        taken = []
        for task, count in RATED.items():
            rows = data.sample(task, "train", lang)
            rng.shuffle(rows)
            taken += rows[:count]
        used = {row["group"] for row in taken if row["task"] == "shorthand"}
        rest = [row for row in data.sample("shorthand", "train", lang) if row["group"] not in used]
        rng.shuffle(rest)
        rng.shuffle(taken)
        rated += spoiled(taken, SPOILED_RATED, "qr", rng)
        pool += spoiled(rest[:POOL], SPOILED_POOL, "qp", rng)
    parts = splits.split([f"{row['task']} {row['group']}" for row in rated], {"learn": 0.6, "report": 0.4}, seed=SEED)
    for row, part in zip(rated, parts, strict=True):
        row["part"] = part
    return {"rated": rated, "pool": pool}


def main(argv: list[str] | None = None) -> int:
    files = {f"{name}.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows) for name, rows in build().items()}
    return sample_files.main("tools.build_quality", FOLDER, files, argv)


if __name__ == "__main__":
    sys.exit(main())
