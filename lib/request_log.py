"""Requests and answers on disk: personal data masked first, one JSONL file a day, old days deleted.

    log = RequestLog("build/log", keep_share=0.2)
    log.write("2026-11-03", {"id": "r-17", "question": "Call me: 212-555-0187", "answer": "…"})   True if it is in the sample
    rows, problems = read("build/log/2026-11-03.jsonl")        a torn line is skipped and named, with its number
    forget("build/log", today="2026-11-30", keep_days=14)      names of the files that were deleted

Several processes may write into one folder: every line is appended whole, under a lock on the day's file.
"""

import datetime
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import portalocker

from lib import data

KEYS = ("id", "arm")  # what is no free text and stays as it is; never use a name or a number of a person as id


@dataclass
class RequestLog:
    """`find` gives the spans to mask in a text; the default, lib.pii.find, knows patterns, not names (NameFinder does)."""

    folder: Path | str
    keep_share: float = 1.0
    find: Callable[[str], list] | None = None

    def write(self, day: str, row: dict) -> bool:
        """Mask and append the row to the file of the day (YYYY-MM-DD), if its id is in the sample."""
        path = Path(self.folder) / f"{datetime.date.fromisoformat(day)}.jsonl"
        if not sampled(row["id"], self.keep_share):
            return False
        append(path, masked(row, self.find))
        return True


def masked(row: dict, find=None) -> dict:
    """`masked({"id": "r-1", "question": "Call 212-555-0187"})` → {"id": "r-1", "question": "Call [PHONE]"}."""
    from lib import pii  # here, because it brings torch: whoever only appends or reads does without

    find = find or pii.find
    return {key: pii.mask(value, find(value)) if isinstance(value, str) and key not in KEYS else value for key, value in row.items()}


def sampled(identifier: str, share: float) -> bool:
    """`sampled("r-17", 0.2)`: True for about a fifth of all ids, and for one id always the same answer."""
    return int(hashlib.sha256(identifier.encode()).hexdigest()[:12], 16) < share * 16**12


def append(path, row: dict) -> None:
    """Add one whole line; after a writer that died in the middle of a line, begin on a new one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(row, ensure_ascii=False).encode() + b"\n"  # json writes a newline inside a text as \n: one row, one line
    with portalocker.Lock(path, mode="a+b", flags=portalocker.LOCK_EX) as file:  # waits its turn; asking again and again would starve one of them
        if file.seek(0, 2):
            file.seek(-1, 2)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line)
        file.flush()  # before the lock is given back: closing comes after that


def read(path) -> tuple[list[dict], list[str]]:
    """The whole rows of a day, and a sentence (file, line, what is wrong) for each line that is not one."""
    path, rows, problems = Path(path), [], []
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                row = data.parse_line(path, number, raw, data.MAX_LINE_BYTES)
            except data.DataError as error:
                problems.append(f"{path.name}, line {number}: {error.problem} Skipped.")
                continue
            rows += [row] if row is not None else []
    return rows, problems


def days(folder) -> list[Path]:
    """The day files of a folder in order of their dates; other files are left alone."""
    return sorted(path for path in Path(folder).glob("????-??-??.jsonl") if _date(path))


def forget(folder, today: str, keep_days: int) -> list[str]:
    """Delete every day that is `keep_days` or more before today; returns the names of the files."""
    if keep_days < 1:
        raise ValueError(f"keep_days={keep_days}: this would delete today's log too. Write at least 1.")
    limit = datetime.date.fromisoformat(today) - datetime.timedelta(days=keep_days)
    old = [path for path in days(folder) if _date(path) <= limit]
    for path in old:
        path.unlink()
    return [path.name for path in old]


def _date(path: Path) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(path.stem)
    except ValueError:
        return None
