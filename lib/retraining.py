"""When to train again: a rule in YAML, a decision with its reason, and one papermill command.

    rule = read("retraining.yaml")
    decision = decide(rule, "2026-11-20", alarms=[False, True, True], score=score, rows=120, last_start=last_start(folder))
    decision.action, decision.reason               ("retrain", "labelled answers 55.0% …")
    start(decision, "2026-11-20", pipeline="notebooks/17_….ipynb", raw_file="raw.jsonl", folder="build/retraining")

An alarm of the inputs asks for labels; only labels can show that answers got worse, so only they start a training.
Every start leaves `<day>.json` with the reason and the outcome, written before the training begins.
"""

import datetime
import json
import shlex
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import portalocker
import yaml

from lib import data, results
from lib.evaluate import Score
from lib.metric import MetricError


@dataclass(frozen=True)
class Rule:
    """The lines of the YAML file."""

    score_below: float  # train again when the upper end of the labelled score's interval is below this
    least_labels: int  # labelled answers without which no score is believed
    alarm_days: int  # so many days with an alarm …
    within_days: int  # … among so many last days ask for labels
    least_rows: int  # reviewed rows without which there is nothing to learn from
    cool_down_days: int  # days after a start before the next one


@dataclass(frozen=True)
class Decision:
    """`action`: nothing, label (people must look), wait (cool-down) or retrain."""

    action: str
    reason: str


def read(path) -> Rule:
    """The rule in the file. Raises MetricError (file, field, remedy) for one that cannot be used."""
    path = Path(path)
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MetricError(path, "file", f"not readable as YAML ({' '.join(str(error).split())}).", "Lesson 16 shows one.") from None
    if not isinstance(found, dict):
        raise MetricError(path, "file", "no `name: value` lines.", "Lesson 16 shows one.")
    names = {f.name: f.type for f in fields(Rule)}
    for name in [*(n for n in names if n not in found), *(n for n in found if n not in names)]:
        raise MetricError(path, name, "missing or unknown.", f"The lines are: {', '.join(names)}.")
    for name, kind in names.items():
        value = found[name]
        if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)) or value < (name != "cool_down_days" and kind is int) or (kind is float and not 0 < value <= 1):
            raise MetricError(path, name, f"{value!r} does not fit.", "Write a share such as 0.85." if kind is float else "Write a whole number above 0.")
    if found["alarm_days"] > found["within_days"]:
        raise MetricError(path, "alarm_days", f"{found['alarm_days']} days among {found['within_days']} can never be.", "Lower it or raise within_days.")
    return Rule(**found)


def decide(rule: Rule, day: str, alarms: list[bool], score: Score | None, rows: int, last_start: str | None) -> Decision:
    """`alarms`: one a day, the newest last. `score`: of the labelled answers since the model went live or the last change."""
    alarmed = sum(alarms[-rule.within_days:])
    known = score is not None and score.n >= rule.least_labels
    if known and score.high < rule.score_below:
        why = f"labelled answers {score}, upper end below {rule.score_below:.0%}"
        if last_start and (past := (_date(day) - _date(last_start)).days) < rule.cool_down_days:
            return Decision("wait", f"{why}; but the last training began {past} day{'' if past == 1 else 's'} ago, cool-down is {rule.cool_down_days}")
        if rows < rule.least_rows:
            return Decision("label", f"{why}; but only {rows} of {rule.least_rows} reviewed rows are there to learn from")
        return Decision("retrain", why)
    if alarmed >= rule.alarm_days and not known:
        return Decision("label", f"alarms on {alarmed} of the last {rule.within_days} days, and only {score.n if score else 0} of {rule.least_labels} labels")
    return Decision("nothing", f"alarms on {alarmed} of the last {rule.within_days} days; labelled answers: {score or 'none'}")


def command(pipeline, raw_file, run_folder) -> list[str]:
    """The papermill call: `PIPELINE RUN_FOLDER/pipeline.ipynb -p RAW_FILE … -p RUN_FOLDER …`."""
    return [sys.executable, "-m", "papermill", str(pipeline), str(Path(run_folder) / "pipeline.ipynb"), "-p", "RAW_FILE", str(raw_file), "-p", "RUN_FOLDER", str(run_folder)]


def start(decision: Decision, day: str, *, pipeline, raw_file, folder) -> dict:
    """Run the pipeline and wait; returns what `<folder>/<day>.json` then says. Two at a time are refused (RuntimeError).

    The record is written before the training begins: after a crash the cool-down still counts, so that a broken
    pipeline is not started every day.
    """
    if decision.action != "retrain":
        raise ValueError(f"the decision is {decision.action!r}: {decision.reason}")
    if not Path(pipeline).is_file():
        raise FileNotFoundError(f"{pipeline}: no such notebook. Set PIPELINE to the one that trains.")
    folder = Path(folder)
    run_folder = folder / day
    run_folder.mkdir(parents=True, exist_ok=True)
    called = command(pipeline, raw_file, run_folder)
    record = {"day": day, "reason": decision.reason, "command": shlex.join(["papermill", *called[3:]]), "state": "started"}
    try:
        with portalocker.Lock(folder / "lock", mode="a", flags=portalocker.LOCK_EX | portalocker.LOCK_NB, fail_when_locked=True):
            results.write_json(folder / f"{day}.json", record)
            done = subprocess.run(called, capture_output=True, text=True, encoding="utf-8", errors="replace")
            data.write_text(run_folder / "papermill.log", done.stdout + done.stderr)
            record |= {"state": "finished" if done.returncode == 0 else "failed", "exit": done.returncode}
            if done.returncode:
                record["last_lines"] = done.stderr.strip().splitlines()[-3:]
            results.write_json(folder / f"{day}.json", record)
    except portalocker.exceptions.LockException:
        raise RuntimeError(f"a training is running already (its record is in {folder}); wait for it to end.") from None
    return record


def last_start(folder) -> str | None:
    """The day of the newest record in the folder, whatever came of it."""
    found = [json.loads(path.read_text(encoding="utf-8"))["day"] for path in Path(folder).glob("????-??-??.json")]
    return max(found, default=None)


def _date(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)
