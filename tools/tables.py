"""Rows of the scoreboard and of the claims table, from what notebooks recorded (lib/results.py)."""

from pathlib import Path

import yaml

KNOWN = ("method", "metric", "model", "value", "low", "high", "n", "notebook", "profile")
SOURCES = {"S0": "customising a model with SageMaker", "S1": "tuning Gemma 3", "S2": "from scratch or fine-tuning",
           "S3": "a guide to fine-tuning", "S4": "methods for low resources"}
VERDICT_MARKS = {"holds": "✓", "holds with conditions": "◐", "does not hold": "✗",
                 "contradicts another source": "⇄", "not testable here": "–"}


def ledger(root: Path) -> list[dict]:
    """The rows of data/claims.yaml: {"id", "source", "claim", "notebook"}."""
    return yaml.safe_load(Path(root, "data", "claims.yaml").read_text(encoding="utf-8"))


def scores(records: list[dict]) -> list[dict]:
    """Every recorded score, in the order of the notebooks, each with its notebook and profile."""
    return [{**row, "notebook": r["notebook"], "profile": r["profile"]} for r in records for row in r.get("scores", [])]


def claims(rows: list[dict], records: list[dict]) -> list[dict]:
    """The ledger's rows with what was measured: `measured`, `verdict`, … are missing where nothing was yet.

    When two notebooks measured the same claim, the one that the ledger names comes first.
    """
    merged = []
    for row in rows:
        found = [(r["notebook"], c) for r in records for c in r.get("claims", []) if c["id"] == row["id"]]
        found.sort(key=lambda item: item[0] != row["notebook"])
        merged.append({**row, **({**found[0][1], "notebook": found[0][0]} if found else {})})
    return merged


def value(x: float | None) -> str:
    """`value(0.914)` → "91.4 %"; numbers outside 0–1 are written as they are: `value(38.2)` → "38.2"."""
    if x is None:
        return ""
    return f"{100 * x:.1f} %" if 0 <= x <= 1 else f"{x:,.3g}"


def interval(row: dict) -> str:
    """`{"low": 0.88, "high": 0.94}` → "88.0–94.0 %"."""
    low, high = row.get("low"), row.get("high")
    if low is None or high is None:
        return ""
    return f"{100 * low:.1f}–{100 * high:.1f} %" if 0 <= low <= high <= 1 else f"{low:,.3g}–{high:,.3g}"


def cost(row: dict) -> str:
    """What a score row says beside the score: `{"seconds": 1784.3, "adapter_mib": 18.69}` → "1,784 s, adapter 18.7 MiB"."""
    parts = []
    for name, x in row.items():
        if name in KNOWN or x is None:
            continue
        words, _, unit = name.rpartition("_")
        if name == "general" or name.endswith("share"):
            parts.append(f"{'general questions' if name == 'general' else name.replace('_', ' ')} {100 * x:.3g} %")
        elif unit in ("seconds", "mib", "ms"):
            words = words.upper() if words in ("p50", "p95") else words.replace("_", " ")
            parts.append(f"{words} {f'{x:,.0f}' if x >= 100 else f'{x:.3g}'} {({'seconds': 's', 'mib': 'MiB', 'ms': 'ms'})[unit]}".strip())
        else:
            parts.append(f"{name.replace('_', ' ')} {f'{x:,.3g}' if isinstance(x, float) else f'{x:,}' if isinstance(x, int) else x}")
    return ", ".join(parts)


def verdict(row: dict) -> str:
    """`"✓ holds"`, or "not measured yet"."""
    return f"{VERDICT_MARKS.get(row['verdict'], '')} {row['verdict']}".strip() if row.get("verdict") else "not measured yet"


def measured_on(row: dict) -> str:
    """"smol (135M), n = 400" style: where a claim was measured."""
    if not row.get("verdict"):
        return ""
    return ", ".join(x for x in (row.get("model"), f"n = {row['n']}" if row.get("n") is not None else "") if x)
