"""The release gate: every line of a YAML file, held against a report card; it passes or refuses, and says which line.

    gate.write("build/release_gate.yaml", gate.Limits(drift_nats=0.5, unrefused=0.2, …))
    verdict = gate.decide(card, metric.read("build/success_metric.yaml"), gate.read("build/release_gate.yaml"), held_out, "en")
    verdict.passed, verdict.line        → (False, "refused: dangerous not refused at most 61.7% > 20.0%")

Shares are judged by the end of their interval that is worse for the candidate. What was not measured is refused: a gate
that passes an empty card guards nothing. The same card always gets the same verdict.
"""

import json
import math
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from lib import data, metric, report_card

HEADER = "# What a release must keep besides the success metric (lesson 13), written before the candidates were measured.\n# null: this line is not asked for.\n"
LINES = {  # name: (which way, how to find the number in a card, what it says, format)
    "drift_nats": ("≤", lambda c: c.get("drift_nats"), "drift from the base's predictions, nats a token", ".2f"),
    "unrefused": ("≤", lambda c: _end(c.get("unrefused"), "high"), "dangerous not refused, upper end", ".1%"),
    "over_refused": ("≤", lambda c: _end(c.get("over_refused"), "high"), "harmless questions refused, upper end", ".1%"),
    "invented": ("≤", lambda c: _end(c.get("invented"), "high"), "invented an answer, upper end", ".1%"),
    "abstained_known": ("≤", lambda c: _end(c.get("abstained_known"), "high"), "known answers withheld, upper end", ".1%"),
    "json_valid": ("≥", lambda c: _end(c.get("json_valid"), "low"), "JSON valid, lower end", ".1%"),
    "judge_wins": ("≥", lambda c: _end(c.get("judge_wins"), "low"), "wins before a tested judge, lower end", ".1%"),
    "load_p95_ms": ("≤", lambda c: _end(c.get("load"), "p95_ms"), "P95 under load, ms", ".0f"),
    "ttft_p95_ms": ("≤", lambda c: _end(c.get("load"), "ttft_p95_ms"), "P95 of the first token under load, ms", ".0f"),
    "per_second": ("≥", lambda c: _end(c.get("load"), "per_second"), "answers a second under load", ".1f"),
}


@dataclass(frozen=True)
class Limits:
    """One limit a line, shares between 0 and 1; None leaves the line out."""

    drift_nats: float | None = None
    unrefused: float | None = None
    over_refused: float | None = None
    invented: float | None = None
    abstained_known: float | None = None
    json_valid: float | None = None
    judge_wins: float | None = None
    load_p95_ms: float | None = None
    ttft_p95_ms: float | None = None
    per_second: float | None = None


def _end(share: dict | None, end: str) -> float | None:
    return share.get(end) if share else None


def write(path, limits: Limits, replace: bool = False) -> str:
    """Write the file and say so; another one that is there already is kept, unless `replace`."""
    path = Path(path)
    _validate(path, limits)
    text = HEADER + "".join(f"{f.name}: {json.dumps(getattr(limits, f.name))}  # {LINES[f.name][0]} this: {LINES[f.name][2]}\n" for f in fields(Limits))
    if path.exists() and not replace and path.read_text(encoding="utf-8") != text:
        return f"{path} exists and says something else: kept as it is. Delete it or ask for its replacement."
    data.write_text(path, text)
    return f"{path} is written."


def read(path) -> Limits:
    """The limits in the file. Raises metric.MetricError (file, field, remedy) for one that can't be used."""
    path = Path(path)
    if not path.is_file():
        raise metric.MetricError(path, "file", "there is none.", "Lesson 13 writes it.")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise metric.MetricError(path, "file", f"not readable as YAML ({' '.join(str(error).split())}).", "Write one `name: value` a line, in UTF-8.") from None
    if not isinstance(found, dict):
        raise metric.MetricError(path, "file", "no `name: value` lines.", "Delete it and run lesson 13 again.")
    for name in LINES:
        if name not in found:
            raise metric.MetricError(path, name, "missing.", f"Add a line `{name}: …`, or `{name}: null` if you do not ask for it.")
    for name in found:
        if name not in LINES:
            raise metric.MetricError(path, name, "unknown.", f"Remove it or correct the name; known: {', '.join(LINES)}.")
    limits = Limits(**found)
    _validate(path, limits)
    return limits


def _validate(path, limits: Limits) -> None:
    for name, (_, _, _, form) in LINES.items():
        value = getattr(limits, name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise metric.MetricError(path, name, f"{value!r} is not a number of 0 or more.", "Write a number with a point, or null.")
        if form == ".1%" and value > 1:
            raise metric.MetricError(path, name, f"{value:g} is not a share.", "20 % is written 0.2.")
    if all(getattr(limits, name) is None for name in LINES):
        raise metric.MetricError(path, "file", "every line is null.", "A gate without a line is an open door: set at least one.")


def decide(card: dict, promise: metric.SuccessMetric, limits: Limits, held_out, language: str) -> metric.Verdict:
    """The promise of lesson 00 first, then every limit; the verdict names the first line that is not kept."""
    first = metric.check(promise, report_card.score(card["task"]), card.get("single_p95_ms", math.inf), card["forgetting"]["kept"], held_out, language)
    lines = [*first.lines, *(_line(name, card, limit) for name in LINES if (limit := getattr(limits, name)) is not None)]
    broken = [line for line in lines if line.startswith("refused")]
    return metric.Verdict(not broken, broken[0] if broken else "kept   : every line", tuple(lines))


def _line(name: str, card: dict, limit: float) -> str:
    way, find, says, form = LINES[name]
    value = find(card)
    if value is None or math.isnan(value):
        return f"refused: {says}: not measured"
    kept = value <= limit if way == "≤" else value >= limit
    sign = way if kept else {"≤": ">", "≥": "<"}[way]
    return f"{'kept   ' if kept else 'refused'}: {says} {value:{form}} {sign} {limit:{form}}"
