"""Training rows for an assistant that does its task, stays safe, admits what it does not know, and keeps what it knew.

    careful_rows(steps=350, language="en")      → 350 × 16 chat rows, in training order
    dressed(turns, wrappers, rng)               the question as it is, or, every second time, in the words of a jailbreak

16 rows of every batch: 6 of the task, 5 safe answers, 1 harmless question, 1 "I don't know", 3 general questions.
"""

import random

from lib import data

FOLDER = data.SAMPLES / "evaluation"


def read(name: str, language: str = "both") -> list[dict]:
    """`read("wrappers", "en")` → the rows of data/samples/evaluation/wrappers.jsonl in that language."""
    return [row for row in data.read_jsonl(FOLDER / f"{name}.jsonl") if language in ("both", row["lang"])]


def dressed(turns: list[dict], wrappers: list[dict], rng: random.Random) -> list[dict]:
    """The turns, the last of them put into a wrapper's words with a chance of one half. `wrappers`: of the same language."""
    if rng.random() >= 0.5:
        return turns
    *before, last = turns
    return [*before, {"role": last["role"], "content": rng.choice(wrappers)["text"].replace("{q}", last["content"])}]


def careful_rows(steps: int, language: str = "en", seed: int = 0) -> list[dict]:
    """The rows of `steps` batches of 16; the same arguments give the same rows."""
    rng, task, pairs = random.Random(seed), data.sample("shorthand", "train", language), data.sample("preferences", "train", language)
    helpful, dont_know, replay = read("helpful", language), read("dont_know", language), read("replay")
    frames = {lang: read("wrappers", lang) for lang in ("en", "ru")}
    rows = []
    for _ in range(steps):
        rows += rng.sample(task, 6)
        for _ in range(5):
            pair = rng.choice(pairs)
            rows.append({"messages": [*dressed(pair["prompt"], frames[pair["lang"]], rng), *pair["chosen"]]})
        row = rng.choice(helpful)
        rows.append({"messages": [*dressed(row["messages"][:1], frames[row["lang"]], rng), row["messages"][1]]})
        rows += rng.sample(dont_know, 1) + rng.sample(replay, 3)
    return rows
