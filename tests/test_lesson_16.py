"""Lesson 16: the taught cells against lib, the rules before the measurements, and what the exercises say to mistakes."""

import ast
import json
import math
from pathlib import Path

import nbformat
import numpy as np
import pytest

from lib import ab_test, checks, checks_monitoring, data, drift, results, retraining, traffic

ROOT = Path(__file__).resolve().parent.parent
NB = nbformat.read(ROOT / "notebooks" / "16_monitoring.ipynb", as_version=4)
CELLS = {c["id"]: c.source for c in NB.cells}


def definitions(cell_id: str, **given) -> dict:
    """The functions that a cell of the lesson defines, without running its other lines."""
    tree = ast.parse(CELLS[cell_id])
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    namespace = {"np": np, **given}
    exec(compile(tree, cell_id, "exec"), namespace)
    return namespace


def test_the_taught_bet_and_arms_are_those_of_the_library():
    import hashlib

    rng = np.random.default_rng(0)
    a, b = (rng.random((4, 300)) < 0.8).astype(float), (rng.random((4, 300)) < 0.9).astype(float)
    assert np.allclose(definitions("evidence")["evidence"](a, b), ab_test.evidence(a, b))
    arm_of = definitions("arms", hashlib=hashlib)["arm_of"]
    assert all(arm_of(f"u{k}", "x") == ab_test.arm_of(f"u{k}", "x") for k in range(300))


def test_the_taught_mmd_is_that_of_the_library():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(8, 3))
    both = np.concatenate([x, y])
    ours = drift.mmd2(drift.kernel(both, both, 0.9), (np.arange(14) < 6)[None])[0]
    assert definitions("mmd")["mmd_by_hand"](x, y, 0.9) == pytest.approx(ours)


def test_the_taught_z_test_keeps_its_error_for_one_look_only():
    rng = np.random.default_rng(2)
    n = np.arange(1, 401)
    found = definitions("peek", n=n)["significant"](*(rng.random((2, 2000, 400)) < 0.7).astype(float))
    assert 0.03 < found[:, -1].mean() < 0.075 and found[:, 19::20].any(1).mean() > 0.15


def test_psi_on_quiet_days_follows_the_formula_of_the_page():
    held_out = [{"messages": [{"content": "x" * k}, {"content": ""}]} for k in range(30, 80)]
    quiet_psi = definitions("textbook", REFERENCE=400, drift=drift, held_out=held_out, asked=lambda rows: [r["messages"][0]["content"] for r in rows])["quiet_psi"]
    for day in (60, 1000):
        assert quiet_psi(day, 300).mean() == pytest.approx(9 * (1 / day + 1 / 400), rel=0.2)


def test_rules_stand_above_the_measurements():
    ids = list(CELLS)
    for rule, measured in (("null-md", "null"), ("claim-md", "claim"), ("ab-live-md", "ab-compare")):
        assert "**The rule" in CELLS[rule] and ids.index(rule) < ids.index(measured), rule
    assert {"drift-answers", "ab-versions"} <= results.ledger().keys()


def test_the_published_run_shows_what_the_page_says():
    record = NB.metadata["course"]["results"]
    verdicts = {claim["id"]: claim["verdict"] for claim in record["claims"]}
    assert verdicts == {"drift-answers": "holds with conditions", "ab-versions": "holds with conditions"}
    text = "\n".join(c.source for c in NB.cells if c.cell_type == "markdown")
    assert not any(word in text for word in ("LEAKTEXT", "TEXTBOOKTEXT", "NULLTEXT", "POWERTEXT", "MONTHTEXT", "LABELTEXT", "PEEKTEXT", "ABTEXT", "RECAPTEXT", "MINUTES"))


def test_the_rule_of_the_page_can_be_read_and_its_rows_are_chats(tmp_path):
    text = CELLS["rule"].split('"""')[1]
    (tmp_path / "rule.yaml").write_text(text, encoding="utf-8")
    assert retraining.read(tmp_path / "rule.yaml").score_below == 0.85
    rows = traffic.month(data.sample("shorthand", "test", "en"), 5)[18]
    data.write_jsonl(tmp_path / "raw.jsonl", [{"messages": row["messages"]} for row in rows])
    assert len(data.read_chat(tmp_path / "raw.jsonl")) == 5
    called = retraining.command("p.ipynb", "raw.jsonl", "out")
    assert called[1:3] == ["-m", "papermill"] and called[5:] == ["-p", "RAW_FILE", "raw.jsonl", "-p", "RUN_FOLDER", "out"]


def plain_psi(reference, today):
    return sum((q / sum(today) - p / sum(reference)) * math.log((q / sum(today)) / (p / sum(reference))) for p, q in zip(reference, today, strict=True))


@pytest.mark.parametrize("check, wrong, words", [
    (checks_monitoring.psi_of, plain_psi, "floor"),
    (checks_monitoring.any_false_alarm, lambda rate, k, days: rate * k * days, "do not add up"),
    (checks_monitoring.any_false_alarm, lambda rate, k, days: 1 - (1 - rate) ** days, "do not add up"),
    (checks_monitoring.rings, lambda values, limit, needed: sum(v > limit for v in values) >= needed, "TypeError"),
    (checks_monitoring.rings, lambda values, limit, needed: sum(v is None or v > limit for v in values) >= needed, "harmless|nothing came"),
    (checks_monitoring.rings, lambda values, limit, needed: sum(v is not None and v >= limit for v in values) >= needed, "exactly at"),
    (checks_monitoring.rings, lambda values, limit, needed: sum(v is not None and v > limit for v in values) == needed, "more than needed"),
])
def test_typical_mistakes_get_a_teaching_message(check, wrong, words):
    with pytest.raises(checks.WrongAnswer, match=words):
        check(wrong)


def test_the_parameters_of_ci_are_the_lessons():
    import yaml

    declared = CELLS["parameters"]
    ci = yaml.safe_load((ROOT / "profiles" / "ci.yaml").read_text(encoding="utf-8"))
    for name in ("EMBEDDER", "REFERENCE", "REQUESTS_A_DAY", "STUDY_POOL", "NULL_RUNS", "POWER_DAYS", "PATCH_STEPS", "AB_SIMULATIONS", "AB_PAIRS", "OTHER_ADAPTER"):
        assert f"{name}: " in declared and name in ci, name
    assert ci["NULL_RUNS"] >= 200 and ci["AB_SIMULATIONS"] >= 1000, "the error rates are asserted in ci too"
    assert json.dumps(ci["OTHER_ADAPTER"]) == '""'
