"""What a notebook records for the scoreboard, the claims table and the index page.

Everything goes to build/<profile>/<notebook>/results.json, replaced in one step at every call.
"""

import json
from pathlib import Path

import yaml

from lib.data import ROOT, write_text

VERDICTS = ("holds", "holds with conditions", "does not hold", "contradicts another source", "not testable here")
CLAIMS = ROOT / "data" / "claims.yaml"


def run_dir(notebook: str, profile: str) -> Path:
    """`run_dir("06", "ci")` → build/ci/06, created."""
    folder = ROOT / "build" / profile / notebook
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def start(notebook: str, profile: str, model: str) -> Path:
    """Begin a fresh record for this run of the notebook; returns its folder."""
    folder = run_dir(notebook, profile)
    blank = {"notebook": notebook, "profile": profile, "model": model, "headline": "", "figure": None,
             "claims": [], "scores": []}
    _save(folder, blank)
    return folder


def headline(folder: Path, text: str, figure: str | None = None) -> str:
    """The one sentence, and the one picture (a file in `folder`), that the index shows."""
    record = _load(folder)
    record.update(headline=text, figure=figure)
    _save(folder, record)
    return text


def score(folder: Path, method: str, metric: str, result, model: str, **cost) -> dict:
    """One row of the scoreboard. `result` is an evaluate.Score; `cost`: seconds, adapter_mib, general …"""
    row = {"method": method, "metric": metric, "model": model, "value": result.value, "low": result.low,
           "high": result.high, "n": result.n, **cost}
    record = _load(folder)
    record["scores"] = [s for s in record["scores"] if (s["method"], s["metric"], s["model"]) !=
                        (method, metric, model)] + [row]
    _save(folder, record)
    return row


def claim(folder: Path, claim_id: str, rule: str, measured: str, verdict: str, n: int, model: str,
          interval: tuple[float, float] | None = None) -> str:
    """Record the verdict on one claim of data/claims.yaml; returns a line to look at.

    `rule` is the sentence written down before the measurement. Raises ValueError for an unknown
    claim or verdict.
    """
    if verdict not in VERDICTS:
        raise ValueError(f"verdict {verdict!r} is not one of {', '.join(VERDICTS)}")
    if claim_id not in ledger():
        raise ValueError(f"claim {claim_id!r} is not in {CLAIMS.name}; add it there first")
    record = _load(folder)
    row = {"id": claim_id, "rule": rule, "measured": measured, "verdict": verdict, "n": n, "interval": interval,
           "model": model, "profile": record["profile"]}
    record["claims"] = [c for c in record["claims"] if c["id"] != claim_id] + [row]
    _save(folder, record)
    return f"{claim_id}: {verdict}. {measured}"


def ledger() -> dict[str, dict]:
    """Claim id → {"id", "source", "claim", "notebook"}."""
    return {row["id"]: row for row in yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))}


def _load(folder: Path) -> dict:
    return json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))


def _save(folder: Path, record: dict) -> None:
    write_json(Path(folder) / "results.json", record)


def write_json(path, record) -> None:
    """Readable JSON, replaced in one step."""
    write_text(path, json.dumps(record, ensure_ascii=False, indent=1) + "\n")
