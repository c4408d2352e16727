"""The success metric: what "better" means, written down before any training, and checked at the release gate.

    metric.write("build/success_metric.yaml", SuccessMetric(task="expand clinical shorthand", …))
    verdict = metric.check(metric.read("build/success_metric.yaml"), score, p95_ms=120.0, held_out=path)
    verdict.passed, verdict.line     → (False, "refused: P95 of single requests 640 ms > 500 ms")
"""

import hashlib
import json
import math
import time
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from lib import data, evaluate

HEADER = ("# What \"better\" means for this project, written before any training (lesson 00).\n"
          "# Edit it as you like; lessons 13 and 17 release only a model that passes it.\n")
MEANING = {
    "task": "what the model has to do",
    "metric": "how one answer is scored",
    "model": "what the baseline was measured on",
    "baseline": "x: the share of right answers before anything is trained",
    "target": "y: the 95 % interval of the new score must lie at or above this",
    "p95_ms": "z: 95 of 100 single requests must be answered within this many milliseconds where the model will run",
    "general_kept": "guard: this share of the general answers that were right must stay right",
    "held_out": "the examples that are only ever used for scoring",
    "language": "which of them: en, ru or both",
    "held_out_sha256": "their fingerprint: a changed test set can't go unnoticed",
}


@dataclass(frozen=True)
class SuccessMetric:
    """"From x to ≥ y, at P95 ≤ z ms, on these held-out examples." Shares are between 0 and 1."""

    task: str
    metric: str
    model: str
    baseline: float
    target: float
    p95_ms: float
    general_kept: float
    held_out: str
    language: str
    held_out_sha256: str

    def __str__(self) -> str:
        return (f"{self.task}: {self.metric} from {self.baseline:.1%} to at least {self.target:.1%}, at P95 ≤ "
                f"{self.p95_ms:g} ms, keeping {self.general_kept:.0%} of the general answers, on {self.held_out} "
                f"({self.language})")


@dataclass(frozen=True)
class Verdict:
    """`passed`, the one `line` that decides, and all `lines`."""

    passed: bool
    line: str
    lines: tuple[str, ...]


class MetricError(ValueError):
    """Something is wrong with a metric file. The message names file, field and remedy."""

    def __init__(self, path, field: str, problem: str, remedy: str):
        super().__init__(f"{path}, {field}: {problem} {remedy}")
        self.path, self.field, self.problem, self.remedy = str(path), field, problem, remedy


def write(path, promise: SuccessMetric, replace: bool = False) -> str:
    """Write the file and return a sentence that says so; a different file that is there already is kept.

    With `replace=True` it is overwritten. Raises MetricError for a promise that can't be checked.
    """
    path = Path(path)
    _validate(path, promise)
    text = HEADER + "".join(
        f"{f.name}: {json.dumps(getattr(promise, f.name), ensure_ascii=False)}  # {MEANING[f.name]}\n"
        for f in fields(promise))
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return f"{path} says exactly this already."
    if path.exists() and not replace:
        return f"{path} exists and says something else: kept as it is. Delete it or ask for its replacement."
    path.parent.mkdir(parents=True, exist_ok=True)
    data.write_text(path, text)
    return f"{path} is written."


def read(path) -> SuccessMetric:
    """The promise in the file. Raises MetricError (file, field, remedy) when it can't be used."""
    path = Path(path)
    if not path.is_file():
        raise MetricError(path, "file", "there is none.", "Lesson 00 writes it.")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MetricError(path, "file", f"not readable as YAML ({' '.join(str(error).split())}).",
                          "Write one `name: value` a line, in UTF-8.") from None
    if not isinstance(found, dict):
        raise MetricError(path, "file", "no `name: value` lines.", "Delete it and run lesson 00 again.")
    names = [f.name for f in fields(SuccessMetric)]
    for name in names:
        if name not in found:
            raise MetricError(path, name, "missing.", f"Add a line `{name}: …` ({MEANING[name]}).")
    for name in found:
        if name not in names:
            raise MetricError(path, name, "unknown.", f"Remove it or correct the name; known: {', '.join(names)}.")
    promise = SuccessMetric(**found)
    _validate(path, promise)
    return promise


def _validate(path, promise: SuccessMetric) -> None:
    for f in fields(promise):
        value = getattr(promise, f.name)
        if f.type is str and not (isinstance(value, str) and value.strip()):
            raise MetricError(path, f.name, f"{value!r} is not a text.", f"Write {MEANING[f.name]}, in quotes.")
        if f.type is float and (isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)):
            raise MetricError(path, f.name, f"{value!r} is not a number.", "Write a number, with a point: 0.85.")
    for name in ("baseline", "target", "general_kept"):
        if not 0 <= getattr(promise, name) <= 1:
            raise MetricError(path, name, f"{getattr(promise, name):g} is not a share.", "85 % is written 0.85.")
    if promise.target <= promise.baseline:
        raise MetricError(path, "target", f"{promise.target:g} is not above the baseline {promise.baseline:g}.",
                          "Such a promise is kept by doing nothing: raise the target, or solve another problem.")
    if promise.p95_ms <= 0:
        raise MetricError(path, "p95_ms", f"{promise.p95_ms:g} is no time limit.", "Write milliseconds above 0.")
    if promise.language not in ("en", "ru", "both"):
        raise MetricError(path, "language", f"{promise.language!r} is unknown.", "Write en, ru or both.")


def check(promise: SuccessMetric, score: evaluate.Score, p95_ms: float, general_kept: float, held_out,
          language: str) -> Verdict:
    """Does what was measured keep the promise? A refusal names the first line that was not kept.

    The lower end of the score's interval must reach the target: a lucky draw of test examples
    releases nothing. `held_out` and `language` say what was really scored.
    """
    same = sha256(held_out) == promise.held_out_sha256 and language == promise.language
    rows = [
        (same, f"scored on {'the held-out set of the promise' if same else 'another set or language: begin with a new baseline'}"),
        (score.low >= promise.target, f"{promise.metric} {score}, its lower end {_versus(score.low, promise.target)}"),
        (p95_ms <= promise.p95_ms, f"P95 of single requests {p95_ms:.0f} ms {'≤' if p95_ms <= promise.p95_ms else '>'} {promise.p95_ms:g} ms"),
        (general_kept >= promise.general_kept, f"general answers kept {_versus(general_kept, promise.general_kept)}"),
    ]
    lines = tuple(f"{'kept   ' if ok else 'refused'}: {text}" for ok, text in rows)
    broken = [line for (ok, _), line in zip(rows, lines, strict=True) if not ok]
    return Verdict(not broken, broken[0] if broken else "kept   : every line", lines)


def _versus(value: float, wanted: float) -> str:
    return f"{value:.1%} {'≥' if value >= wanted else '<'} {wanted:.1%}"


def p95(latencies_ms) -> float:
    """`p95([10, 20, …, 200])` → 190: 95 % of the requests took this long or less (nearest rank)."""
    ordered = sorted(latencies_ms)
    if not ordered:
        raise ValueError("no latencies: measure at least one request first.")
    return ordered[math.ceil(95 * len(ordered) / 100) - 1]


def latencies_ms(model, tokenizer, rows) -> list[float]:
    """How long each row takes when it is asked alone, in milliseconds; the first one warms up and is left out."""
    times_ms = []
    for row in rows[:1] + rows:
        started = time.perf_counter()
        evaluate.answer(model, tokenizer, [data.question(row)], max_new_tokens=110)
        times_ms.append(1000 * (time.perf_counter() - started))
    return times_ms[1:]


def sha256(path) -> str:
    """Fingerprint of a file: 64 hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
