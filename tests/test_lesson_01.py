"""What lesson 01 teaches is what is tested: its functions are read out of the notebook."""

import copy
import random
import re
from pathlib import Path

import nbformat
import pytest

from lib import checks_decision, cost, data, memory
from lib.checks import WrongAnswer
from lib.memory import GIB

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "01_decision.ipynb"
CELLS = {c["id"]: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}
CASE = {"task": "new codes", "examples": 2500, "documents": 0, "pretrained_allowed": True, "data_may_leave": False, "looked_up": True,
        "prompt_score": 0.2, "prompt_p95_ms": None, "tuned_score": None, "target": 0.85, "p95_ms": 500, "model": "Llama-3.1-8B",
        "train_gib": 24, "serve_gib": 8, "months": 24, "weeks": 8}  # fmt: skip


def from_notebook(*cell_ids, **given) -> dict:
    import pandas as pd

    namespace = {"memory": memory, "GIB": GIB, "data": data, "re": re, "random": random, "pd": pd, "display": lambda _: None, **given}
    for cell_id in cell_ids:
        exec(compile(CELLS[cell_id], cell_id, "exec"), namespace)
    return namespace


@pytest.fixture(scope="module")
def taught():
    return from_notebook("rules", "decide")


# ------------------------------------------------------------------------------------------------- the decision
@pytest.mark.parametrize("change, advice, rule", [
    ({}, "PEFT", 9),
    ({"pretrained_allowed": False}, "from scratch", 1),
    ({"prompt_score": None}, "prompt", 2),
    ({"prompt_score": 0.85}, "prompt", 3),
    ({"prompt_score": 0.90, "prompt_p95_ms": 500}, "prompt", 3),
    ({"prompt_score": 0.90, "prompt_p95_ms": 501}, "PEFT", 9),
    ({"prompt_score": 0.84}, "PEFT", 9),
    ({"prompt_score": 0.0}, "PEFT", 9),
    ({"task": "knowledge", "looked_up": False}, "prompt", 4),
    ({"task": "knowledge"}, "PEFT", 9),
    ({"looked_up": False}, "PEFT", 9),
    ({"examples": 99}, "prompt", 5),
    ({"examples": 100}, "PEFT", 9),
    ({"serve_gib": 0.1}, "from scratch", 6),
    ({"tuned_score": 0.69, "documents": 100_001}, "from scratch", 7),
    ({"tuned_score": 0.70, "documents": 100_001}, "PEFT", 9),
    ({"tuned_score": 0.69, "documents": 100_000}, "PEFT", 9),
    ({"tuned_score": 0.69, "documents": 100_001, "months": 23}, "PEFT", 9),
    ({"tuned_score": 0.0, "documents": 100_001}, "from scratch", 7),
    ({"tuned_score": 0.84, "train_gib": 80}, "full", 8),
    ({"tuned_score": 0.85, "train_gib": 80}, "PEFT", 9),
    ({"tuned_score": 0.84, "train_gib": 24}, "PEFT", 9),
    ({"tuned_score": 0.84, "train_gib": 24, "model": "Llama-3.2-1B"}, "full", 8),
    ({"pretrained_allowed": False, "prompt_score": 0.95}, "from scratch", 1),
])  # fmt: skip
def test_the_rules_decide_in_their_order(taught, change, advice, rule):
    got, number, why = taught["decide"](CASE | change)
    assert (got, number) == (advice, rule)
    assert taught["RULES"][rule - 1][0] in why and "(" in why, "the reason names the rule and its evidence"


def test_every_rule_carries_advice_and_evidence_and_the_last_one_always_applies(taught):
    for name, _, advice, evidence in taught["RULES"]:
        assert advice in ("prompt", "PEFT", "full", "from scratch") and name and evidence
        assert re.search(r"measur|comput|rule of thumb|law|section", evidence), evidence
    assert taught["RULES"][-1][1]({}) is True
    untested = [evidence for _, _, _, evidence in taught["RULES"] if "rule of thumb" in evidence]
    assert len(untested) == 2, "thresholds of the articles are marked as what they are"


def test_a_better_prompt_never_leads_away_from_the_prompt(taught):
    draw = random.Random(0)
    for _ in range(100):
        case = CASE | {"examples": draw.choice([50, 500, 50_000]), "task": draw.choice(taught["KINDS"]), "months": draw.choice([6, 36]),
                       "tuned_score": draw.choice([None, 0.6, 0.9]), "documents": draw.choice([0, 200_000])}
        advice = [taught["decide"](case | {"prompt_score": score})[0] for score in (0.0, 0.4, 0.8, 0.85, 1.0)]
        first = advice.index("prompt") if "prompt" in advice else len(advice)
        assert all(a == "prompt" for a in advice[first:])
        assert advice[-1] == "prompt"


def test_decide_refuses_what_it_does_not_know(taught):
    with pytest.raises(ValueError, match="'poetry' is unknown: write one of style or format"):
        taught["decide"](CASE | {"task": "poetry"})
    with pytest.raises(ValueError, match="examples, months: write a number of at least 0"):
        taught["decide"](CASE | {"examples": -1, "months": -2})
    with pytest.raises(ValueError, match="Llama-3.2-7B"):
        taught["decide"](CASE | {"tuned_score": 0.8, "model": "Llama-3.2-7B"})


# -------------------------------------------------------------------------------------------------- the prompts
@pytest.fixture(scope="module")
def prompts():
    rows, pool = data.sample("shorthand", "test", "en")[:40], data.sample("shorthand", "train", "en")
    space = from_notebook("prompted", LANGUAGE="en", SHOTS=[0, 1, 3, 5], tests={"shorthand": rows}, pools={"shorthand": pool})
    part = CELLS["few-shot"].split("\n\n\n")[0]
    exec(part, space)
    exec(CELLS["nearest"].split('\n\n\nprint("asked')[0], space)
    exec(CELLS["glossary"], space)
    return space | {"rows": rows, "pool": pool}


def test_a_prompt_is_instruction_examples_question_in_this_order(prompts):
    row, shots = prompts["rows"][0], prompts["pool"][:2]
    before = copy.deepcopy(row)
    made = prompts["prompted"](row, shots, "Do it.")
    assert row == before, "the held-out row itself is not changed"
    assert [t["role"] for t in made["messages"]] == ["system", *["user", "assistant"] * 2, "user", "assistant"]
    assert made["messages"][0]["content"] == "Do it." and made["messages"][1:3] == shots[0]["messages"]
    assert data.question(made)[-1] == data.question(row)[-1] and data.target(made) == data.target(row)
    assert prompts["prompted"](row)["messages"] == row["messages"]


def test_examples_never_give_the_answer_away(prompts):
    for row in prompts["rows"]:
        five, near = prompts["drawn"](row, prompts["pool"], 5), prompts["nearest"](row, prompts["pool"], 5)
        assert prompts["drawn"](row, prompts["pool"], 3) == five[:3] and len(five) == len(near) == 5
        assert prompts["drawn"](row, prompts["pool"], 5) == five, "the same in every run"
        for shot in five + near:
            assert shot["group"] != row["group"], "the same combination of codes would be the answer itself"
    assert len({tuple(s["id"] for s in prompts["drawn"](r, prompts["pool"], 5)) for r in prompts["rows"]}) > 30


def test_the_nearest_rows_are_the_nearest(prompts):
    row = prompts["rows"][1]
    mine = prompts["words"](row)
    share = [len(mine & prompts["words"](r)) / len(mine | prompts["words"](r)) for r in prompts["pool"]]
    got = [share[prompts["pool"].index(r)] for r in prompts["nearest"](row, prompts["pool"], 5)]
    assert got == sorted(share)[-5:], "five largest overlaps, the nearest last"


def test_the_glossary_is_the_clinics_own(prompts):
    from tools.clinic_content_en import CODES

    assert prompts["glossary"] == CODES


# --------------------------------------------------------------------------------------------- tables and claims
def test_the_readme_of_the_tables_counts_their_rows():
    text = (cost.PRICES.parent / "README.md").read_text(encoding="utf-8")
    assert f"prices.csv: {len(cost.read_prices())} rows" in text and f"base_models.csv: {len(cost.base_models())} rows" in text


def test_claims_are_written_before_they_are_measured():
    """Every claim cell follows a text cell with its rule."""
    ids = list(CELLS)
    for cell_id in ("fewshot-claim", "llama-claim", "sm-claim", "x4000", "s2-claim"):
        assert "**The rule" in CELLS[ids[ids.index(cell_id) - 1]], cell_id


@pytest.mark.parametrize("check, wrong, words", [
    ("tuning_is_worth_it", lambda prompt, gain, target: prompt.value < target and gain.low > 0, "interval begins at 82 %"),
    ("tuning_is_worth_it", lambda prompt, gain, target: prompt.low < target and gain.value > 0, "may be luck"),
    ("tuning_is_worth_it", lambda prompt, gain, target: gain.low > 0, "nobody asked for it"),
    ("tuning_is_worth_it", lambda prompt, gain, target: 1, "True or False"),
    ("year_usd", lambda once, hourly, servers: once + 365 * hourly * servers, "all 24"),
    ("year_usd", lambda once, hourly, servers: 8760 * hourly * servers, "training itself is missing"),
    ("year_usd", lambda once, hourly, servers: once + 8760 * hourly, "there are two"),
    ("break_even", lambda own, each: own / each, "How many a day"),
    ("break_even", lambda own, each: None, "expected 12000"),
])  # fmt: skip
def test_typical_mistakes_get_a_teaching_message(check, wrong, words):
    with pytest.raises(WrongAnswer, match=words):
        getattr(checks_decision, check)(wrong)
