"""Lesson 04: its data are what their labels say, and its taught functions are read out of the notebook and checked."""

import re
from collections import Counter
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from lib import data, dedup, evaluate, judge, splits
from tools import build_quality

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "04_data_quality.ipynb"
CELLS = {c["id"]: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}


@pytest.fixture(scope="module")
def built():
    return build_quality.build()


def definitions(cell_id: str, *names: str, **given) -> dict:
    """The named functions of a cell, without the rest of the cell."""
    namespace = {"np": np, "re": re, "data": data, "evaluate": evaluate, "judge": judge, **given}
    for name in names:
        source = re.search(rf"^def {name}\(.*?(?=^\S|\Z)", CELLS[cell_id], re.DOTALL | re.MULTILINE)[0]
        exec(compile(source, cell_id, "exec"), namespace)
    return namespace


def test_the_committed_files_are_what_the_script_builds(built):
    for name, rows in built.items():
        assert data.read_chat(build_quality.FOLDER / f"{name}.jsonl") == rows, "remedy: python -m tools.build_quality"


def test_a_label_says_what_is_wrong(built):
    whole = {row["id"]: row for task in ("shorthand", "style", "frontdesk") for row in data.sample(task, "train")}
    for row in [row for rows in built.values() for row in rows]:
        original = whole[row["made_from"]]
        assert data.question(row) == data.question(original)
        assert (data.target(row) == data.target(original)) == (row["defect"] == ""), row
    for row in built["pool"]:
        said, true = data.target(row), data.target(whole[row["made_from"]])
        if row["defect"] == "completeness":
            assert len(said) < len(true), row
        if row["defect"] == "accuracy":  # fluent: it says as much as the right answer does
            assert abs(len(said.split(", ")) - len(true.split(", "))) == 0, row


def test_every_defect_is_there_and_the_parts_share_no_group(built):
    for lang in ("en", "ru"):
        kinds = Counter(row["defect"] for row in built["rated"] if row["lang"] == lang)
        assert set(kinds) == {"", *judge.CRITERIA} and min(kinds.values()) >= 60
    groups = {part: {(r["task"], r["group"]) for r in built["rated"] if r["part"] == part} for part in ("learn", "report")}
    assert not groups["learn"] & groups["report"]
    pool = {row["group"] for row in built["pool"]}
    assert not pool & {row["group"] for row in built["rated"] if row["task"] == "shorthand"}
    assert not pool & {row["group"] for row in data.sample("shorthand", "test")}


def test_the_verdict_rule():
    verdict_of = definitions("position-claim", "verdict_of")["verdict_of"]
    clear, open_, low = (evaluate.Score(*v, 50) for v in ((0.8, 0.7, 0.9), (0.55, 0.45, 0.65), (0.2, 0.1, 0.3)))
    assert verdict_of([clear]) == verdict_of([clear, clear]) == "holds"
    assert verdict_of([clear, low]) == "holds with conditions"
    assert verdict_of([open_]) == verdict_of([low, open_]) == "does not hold"


def test_auc_by_defect_leaves_the_other_defects_out():
    by_defect = definitions("grades", "by_defect")["by_defect"]
    rows = [{"defect": kind} for kind in ["", "clarity", "accuracy"] * 10]
    found = by_defect([2, 1, 3] * 10, rows)
    assert found["clarity"].value == 1 and found["accuracy"].value == 0 and found["any"].value == 0.5
    assert "relevance" not in found


def test_the_truth_of_synthetic_rows():
    pair = definitions("counts", "pair")["pair"]
    is_right = definitions("synthetic-truth", "is_right", pair=pair, meaning={"HTN": "hypertension", "DM": "diabetes mellitus"},
                           UNITS={"d": "day", "w": "week", "m": "month"})["is_right"]

    def row(note, answer):
        return {"messages": [{"role": "user", "content": f"Expand the note: {note}"}, {"role": "assistant", "content": answer}]}

    assert is_right(row("HTN-DM, f/u 2w", "hypertension, diabetes mellitus; follow-up in 2 weeks"))
    assert is_right(row("DM, f/u 1m", "diabetes mellitus; follow-up in 1 month"))
    for wrong in ("hypertension; follow-up in 2 weeks", "diabetes mellitus, hypertension; follow-up in 2 weeks", "hypertension, diabetes mellitus; follow-up in 2 days"):
        assert not is_right(row("HTN-DM, f/u 2w", wrong))
    assert not is_right(row("XYZ, f/u 2w", "something; follow-up in 2 weeks"))


def test_near_copies_are_grouped_as_notes():
    namespace = {"ENOUGH": False, "LANGUAGE": "en", "data": data, "pd": pd, "random": __import__("random"), "dedup": dedup, "splits": splits,
                 "pair": definitions("counts", "pair")["pair"]}
    for cell in ("family-rows", "chain", "grouped"):
        exec(compile(CELLS[cell], cell, "exec"), namespace)
    assert len(set(namespace["chained"])) < 10, "letters alone join different notes"
    assert len(set(namespace["names"])) == len(namespace["alone"]) == 150


def test_own_files_run_through_the_same_parameters():
    assert "data.read_chat(RATED_FILE)" in CELLS["look"] and "INPUT_FILE" in CELLS["write"]
