"""Lesson 00: the success metric file, its gate, the exercises' wrong answers, and the adapter that is shipped."""

import ast
import dataclasses
import hashlib
import json
import math
import re
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from safetensors import safe_open

from lib import checks, data, metric, models
from lib.evaluate import Score

NOTEBOOK = data.ROOT / "notebooks" / "00_start_here.ipynb"
ADAPTER = data.SAMPLES / "adapters" / "shorthand-tiny"
HELD_OUT = data.SAMPLES / "style" / "test.jsonl"


@pytest.fixture
def promise():
    return metric.SuccessMetric(
        task="explain a term to a patient", metric="in house style", model="tiny", baseline=0.0, target=0.85, p95_ms=500,
        general_kept=0.8, held_out="data/samples/style/test.jsonl", language="en",
        held_out_sha256=metric.sha256(HELD_OUT))


# ------------------------------------------------------------------------------------- the metric file
def test_what_is_written_is_read_back(promise, tmp_path):
    file = tmp_path / "deep" / "success_metric.yaml"
    assert "is written" in metric.write(file, promise)
    assert metric.read(file) == promise
    assert "# z: 95 of 100 single requests" in file.read_text(encoding="utf-8"), "each line explains itself"
    assert "exactly this already" in metric.write(file, promise)


def test_text_with_quotes_colons_and_cyrillic_survives(promise, tmp_path):
    odd = dataclasses.replace(promise, task='расшифровать: "ГБ-СД" # и всё')
    metric.write(tmp_path / "m.yaml", odd)
    assert metric.read(tmp_path / "m.yaml") == odd


def test_a_readers_file_is_not_overwritten(promise, tmp_path):
    file = tmp_path / "m.yaml"
    file.write_text("my notes, not even a metric\n", encoding="utf-8")
    said = metric.write(file, promise)
    assert "kept as it is" in said and file.name in said
    assert file.read_text(encoding="utf-8") == "my notes, not even a metric\n"
    assert "is written" in metric.write(file, promise, replace=True)
    assert metric.read(file) == promise
    assert [f.name for f in tmp_path.iterdir()] == ["m.yaml"], "no temporary file is left"


@pytest.mark.parametrize(
    "old, new, field, words",
    [
        ("target: 0.85", "target: 85", "target", "85 % is written 0.85"),
        ("target: 0.85", "target: high", "target", "Write a number"),
        ("target: 0.85", "target: yes", "target", "not a number"),
        ("target: 0.85", "target: .nan", "target", "not a number"),
        ("target: 0.85", "target: 0.0", "target", "kept by doing nothing"),
        ("target: 0.85", "tarket: 0.85", "target", "missing"),
        ("target: 0.85", "target: 0.85\nextra: 1", "extra", "unknown.*known: task"),
        ("p95_ms: 500", "p95_ms: 0", "p95_ms", "milliseconds above 0"),
        ("general_kept: 0.8", "general_kept: -1", "general_kept", "not a share"),
        ('language: "en"', 'language: "de"', "language", "en, ru or both"),
        ('metric: "in house style"', "metric: ''", "metric", "in quotes"),
        ("baseline: 0.0", "baseline: [0", "file", "not readable as YAML"),
    ],
)
def test_a_bad_file_names_file_field_and_remedy(promise, tmp_path, old, new, field, words):
    file = tmp_path / "m.yaml"
    metric.write(file, promise)
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(metric.MetricError, match=words) as caught:
        metric.read(file)
    assert caught.value.path == str(file) and caught.value.field == field and caught.value.remedy
    assert str(file) in str(caught.value) and field in str(caught.value)


@pytest.mark.parametrize("content", ["", "just words\n", "- a\n- b\n"])
def test_a_file_without_fields_is_refused(tmp_path, content):
    (tmp_path / "m.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(metric.MetricError, match="run lesson 00 again"):
        metric.read(tmp_path / "m.yaml")


def test_no_file_and_another_encoding(tmp_path):
    with pytest.raises(metric.MetricError, match="Lesson 00 writes it"):
        metric.read(tmp_path / "none.yaml")
    (tmp_path / "m.yaml").write_bytes("task: задача".encode("cp1251"))
    with pytest.raises(metric.MetricError, match="UTF-8"):
        metric.read(tmp_path / "m.yaml")


def test_a_promise_kept_by_doing_nothing_is_not_written(promise, tmp_path):
    with pytest.raises(metric.MetricError, match="doing nothing"):
        metric.write(tmp_path / "m.yaml", dataclasses.replace(promise, baseline=0.9))
    assert not list(tmp_path.iterdir())


# -------------------------------------------------------------------------------------------- the gate
GOOD = Score(0.93, 0.90, 0.96, 200)


@pytest.mark.parametrize(
    "score, p95_ms, kept, decides",
    [
        (GOOD, 320, 0.9, None),
        (Score(0.9, 0.85, 0.95, 200), 500, 0.8, None),  # exactly on every line
        (Score(0.88, 0.82, 0.93, 200), 320, 0.9, "its lower end 82.0% < 85.0%"),
        (GOOD, 501, 0.9, "501 ms > 500 ms"),
        (GOOD, 320, 0.79, "general answers kept 79.0% < 80.0%"),
        (Score(0.1, 0.0, 0.2, 10), 900, 0.1, "in house style"),  # the first broken line decides
        (GOOD, math.nan, 0.9, "P95"),  # what was not measured is not kept
    ],
)
def test_the_gate(promise, score, p95_ms, kept, decides):
    verdict = metric.check(promise, score, p95_ms, kept, HELD_OUT, "en")
    assert verdict.passed == (decides is None) and len(verdict.lines) == 4
    assert decides is None or (verdict.line.startswith("refused") and decides in verdict.line)


def test_a_changed_held_out_set_is_refused(promise, tmp_path):
    (tmp_path / "test.jsonl").write_bytes(HELD_OUT.read_bytes() + b"\n")
    verdict = metric.check(promise, GOOD, 320, 0.9, tmp_path / "test.jsonl", "en")
    assert not verdict.passed and "another set or language" in verdict.line
    verdict = metric.check(promise, GOOD, 320, 0.9, HELD_OUT, "ru")
    assert not verdict.passed and "another set or language" in verdict.line


def test_p95_is_a_time_that_occurred():
    assert metric.p95(range(10, 210, 10)) == 190
    assert metric.p95([5]) == 5
    times_ms = np.random.default_rng(0).gamma(2, 50, size=173)
    assert metric.p95(times_ms) == np.percentile(times_ms, 95, method="inverted_cdf")
    with pytest.raises(ValueError, match="measure at least one"):
        metric.p95([])


# --------------------------------------------------------------------------------------- the exercises
def wrong_p95_answers():
    yield "mean", lambda x: sum(x) / len(x), "mean"
    yield "slowest", lambda x: max(x), "slowest of all"
    yield "truncated place", lambda x: sorted(x)[int(0.95 * len(x))], "slowest of all"
    yield "unsorted", lambda x: x[math.ceil(0.95 * len(x)) - 1], "Sort first"
    yield "numpy", lambda x: float(np.percentile(x, 95)), "Nearest rank"
    yield "rounded down", lambda x: sorted(x)[max(95 * len(x) // 100 - 1, 0)], "round up"
    yield "crash", lambda x: sorted(x)[len(x)], "stopped with IndexError"
    yield "nothing", lambda x: None, "expected 190|stopped"


def wrong_gates():
    yield "the point value", lambda p, s, ms, k: s.value >= p.target and ms <= p.p95_ms and k >= p.general_kept, "score.low"
    yield "no speed", lambda p, s, ms, k: s.low >= p.target and k >= p.general_kept, "too late"
    yield "no guard", lambda p, s, ms, k: s.low >= p.target and ms <= p.p95_ms, "guard"
    yield "any line", lambda p, s, ms, k: s.low >= p.target or ms <= p.p95_ms or k >= p.general_kept, "interval"
    yield "strict", lambda p, s, ms, k: s.low > p.target and ms < p.p95_ms and k > p.general_kept, "on the line"
    yield "always", lambda p, s, ms, k: True, "interval"
    yield "not a verdict", lambda p, s, ms, k: "passed", "True or False"


@pytest.mark.parametrize("name, wrong, words", list(wrong_p95_answers()))
def test_wrong_p95_answers_are_refused(name, wrong, words):
    with pytest.raises(checks.WrongAnswer, match=words):
        checks.p95_of(wrong)


@pytest.mark.parametrize("name, wrong, words", list(wrong_gates()))
def test_wrong_gates_are_refused(name, wrong, words):
    with pytest.raises(checks.WrongAnswer, match=words):
        checks.keeps_the_promise(wrong)


def cell(name: str) -> str:
    return next(c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells if c.id == name)


@pytest.mark.parametrize("exercise, check", [("ex-p95", checks.p95_of), ("ex-gate", checks.keeps_the_promise)])
def test_stub_and_solution(exercise, check, capsys):
    stub, solution = {}, {}
    exec(cell(exercise), stub)
    exec(re.search(r"```python\n(.*?)```", cell(f"{exercise}-solution"), re.DOTALL)[1], solution)
    check(stub[check.__name__])
    assert capsys.readouterr().out == "not attempted yet\n"
    check(solution[check.__name__])
    assert "✓" in capsys.readouterr().out


def test_the_solution_and_the_gate_of_lib_agree(promise):
    solution = {}
    exec(re.search(r"```python\n(.*?)```", cell("ex-gate-solution"), re.DOTALL)[1], solution)
    random = np.random.default_rng(0)
    for _ in range(200):
        low, p95_ms, kept = random.uniform(0.7, 1), random.uniform(300, 600), random.uniform(0.7, 1)
        score = Score(min(1, low + 0.03), low, min(1, low + 0.06), 200)
        expected = metric.check(promise, score, p95_ms, kept, HELD_OUT, "en").passed
        assert solution["keeps_the_promise"](promise, score, p95_ms, kept) == expected


# ------------------------------------------------------------------------------- the notebook and lib
def body(source: str, name: str) -> str:
    function = next(n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef) and n.name == name)
    skip = ast.get_docstring(function) is not None
    return ast.dump(ast.Module(function.body[skip:], []))


def test_the_latency_loop_of_the_notebook_is_the_one_in_lib():
    ours = (data.ROOT / "lib" / "metric.py").read_text(encoding="utf-8")
    assert body(cell("latency"), "latencies_ms") == body(ours, "latencies_ms")


def test_latencies_leave_the_warm_up_out(monkeypatch):
    asked = []
    monkeypatch.setattr(metric.evaluate, "answer", lambda *a, **k: asked.append(a))
    row = {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]}
    assert len(metric.latencies_ms(SimpleNamespace(), None, [row] * 5)) == 5 and len(asked) == 6


# --------------------------------------------------------------------------------------- the adapter
def test_the_adapter_belongs_to_the_base_that_is_shipped():
    base = hashlib.sha256((models.TINY / "model.safetensors").read_bytes()).hexdigest()
    card = (ADAPTER / "README.md").read_text(encoding="utf-8")
    assert base in card, "tiny-base has changed: python -m tools.train_tour_adapter"


def test_the_adapter_is_small_safe_and_without_local_paths():
    weights = ADAPTER / "adapter_model.safetensors"
    assert weights.stat().st_size <= 700_000
    assert sorted(f.name for f in ADAPTER.iterdir()) == ["README.md", "adapter_config.json", "adapter_model.safetensors"]
    with safe_open(weights, "pt") as file:
        names = list(file.keys())
    assert names and all("lora_" in name for name in names)
    settings = json.loads((ADAPTER / "adapter_config.json").read_text(encoding="utf-8"))
    assert settings["base_model_name_or_path"] == "data/samples/tiny-base"
    assert settings["target_modules"] == sorted(settings["target_modules"])
    assert "synthetic" in (ADAPTER / "README.md").read_text(encoding="utf-8")
