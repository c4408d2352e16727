"""The cleaning of a dump as a list of steps, each with its account: rows in, rows out, what was taken and why.

    steps = standard_steps(secret="…")
    report = run("dump.jsonl", "build/clean", steps)       clean.jsonl, removed.jsonl and report.json in that folder
    print(report)                                          a table; report.picture() draws it

A stopped run goes on after its last finished step: every step writes its rows under a temporary name, renames them,
and signs them with a fingerprint of the input and of all settings so far. Removed rows are kept with their reason.
Rows are held in memory, a few kilobytes each: up to some hundred thousand on a laptop.
"""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lib import cleaning_text, dedup, format_problems, formats, pii, safety_rules, streams
from lib.data import write_text

EXAMPLES = 5


@dataclass
class Step:
    """`apply(rows)` → (rows that stay, [(row, reason)] that go, how many of those that stay were changed)."""

    name: str
    apply: Callable
    settings: str = ""  # part of the fingerprint: a step with other settings is computed again


@dataclass
class Account:
    """What one step did."""

    step: str
    rows_in: int
    rows_out: int
    changed: int
    seconds: float
    reasons: dict[str, int]
    examples: list[dict]  # {"id", "reason", "text"}
    resumed: bool = False


@dataclass
class Report:
    """The accounts of all steps. `print(report)` is meant to be read."""

    path: str
    accounts: list[Account] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.path}", f"{'step':<12}{'in':>8}{'out':>8}{'removed':>9}{'changed':>9}{'seconds':>9}  reasons"]
        for a in self.accounts:
            reasons = ", ".join(f"{reason} {n}" for reason, n in list(a.reasons.items())[:3])
            lines.append(f"{a.step:<12}{a.rows_in:>8,}{a.rows_out:>8,}{a.rows_in - a.rows_out:>9,}{a.changed:>9,}{a.seconds:>9.1f}  {reasons}"
                         + " (resumed)" * a.resumed)
        return "\n".join(lines)

    def picture(self):
        """Rows that are left after each step, and what each took; a matplotlib figure."""
        import matplotlib.pyplot as plt

        figure, axis = plt.subplots(figsize=(7.5, 0.5 * len(self.accounts) + 1))
        most = self.accounts[0].rows_in
        for y, account in enumerate(self.accounts):
            gone = account.rows_in - account.rows_out
            axis.barh(y, account.rows_out, color="#0072B2")
            axis.barh(y, gone, left=account.rows_out, color="#D55E00")
            axis.text(account.rows_in + most / 100, y, f"−{gone:,}" if gone else f"{account.changed:,} changed", va="center", fontsize=9)
        axis.set_yticks(range(len(self.accounts)), [a.step for a in self.accounts])
        axis.invert_yaxis()
        axis.set(xlabel="rows that stay (blue) and go (red)", xlim=(0, most * 1.16), title=f"Cleaning {self.path}")
        axis.grid(axis="y", visible=False)
        return figure


def asked(row: dict) -> str:
    """The text of the user's turns: what duplicates are judged by."""
    return "\n".join(turn["content"] for turn in row["messages"] if turn["role"] == "user")


def answered(row: dict) -> str:
    """The text of the assistant's turns."""
    return "\n".join(turn["content"] for turn in row["messages"] if turn["role"] == "assistant")


def all_text(row: dict) -> str:
    return "\n".join(turn["content"] for turn in row["messages"])


def in_every_turn(row: dict, change: Callable[[str], str]) -> dict:
    """A new row whose texts are changed; the row that comes in stays as it is."""
    return row | {"messages": [turn | {"content": change(turn["content"])} for turn in row["messages"]]}


# ------------------------------------------------------------------------------------------- the run
def run(path, folder, steps: list[Step], resume: bool = True) -> Report:
    """`run("dump.jsonl", "build/clean", standard_steps("secret"))` → Report; writes clean.jsonl, removed.jsonl, report.json.

    Reads what lib.streams reads. Raises FileNotFoundError for no file, ValueError when a step leaves no row: a rule
    that takes everything is a wrong rule, and nothing is written over an earlier clean.jsonl.
    """
    path, folder = Path(path), Path(folder)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Check the path.")
    report, removed = Report(path.name), []
    sources = [Path(module.__file__).read_bytes() for module in (cleaning_text, dedup, pii, safety_rules)]  # a changed rule is another run
    fingerprint = hashlib.sha256(b"".join([path.read_bytes(), *sources])).hexdigest()
    rows = None
    for number, step in enumerate([Step("read", lambda _: _read(path)), *steps]):
        fingerprint = hashlib.sha256(f"{fingerprint}\n{step.name}\n{step.settings}".encode()).hexdigest()
        stem = folder / "steps" / f"{number:02}_{step.name}"
        done = _finished(stem, fingerprint) if resume else None
        if done is None:
            done = _apply(step, rows, stem, fingerprint)
        rows, gone, account = done
        report.accounts.append(account)
        removed += gone
        if not rows:
            raise ValueError(f"the step “{step.name}” leaves no row of {account.rows_in:,}; most common reason: "
                             f"{next(iter(account.reasons), 'none')}. Check its settings; {folder.name}/clean.jsonl is as it was.")
    _write_rows(folder / "clean.jsonl", rows)
    _write_rows(folder / "removed.jsonl", removed)
    write_text(folder / "report.json", json.dumps([asdict(a) for a in report.accounts], ensure_ascii=False, indent=1) + "\n")
    return report


def _read(path: Path):
    bad, rows, lines = [], [], 0

    def note(error):
        bad.append(({"id": f"line {error.line}", "messages": []}, error.problem))

    for number, row in streams.rows(path, note):
        lines += 1
        problem = format_problems.problem(row)
        if problem:
            bad.append(({"id": row.get("id", f"line {number}"), "messages": []}, problem[0]))
            continue
        for chat in formats.to_messages(row):
            if not asked(chat).strip():
                bad.append(({"id": row.get("id", f"line {number}"), "messages": []}, "the question is empty."))
                continue
            rows.append({"id": chat.pop("id", f"line {number}"), **chat})
    return rows, bad, 0


def _apply(step: Step, rows, stem: Path, fingerprint: str):
    start = time.perf_counter()
    kept, gone, changed = step.apply(rows)
    seconds = time.perf_counter() - start
    records = [{"id": row["id"], "step": step.name, "reason": reason, "row": row} for row, reason in gone]
    reasons = Counter(reason.split(" of ")[0] if reason.startswith("copy of") else reason for _, reason in gone)
    examples = [{"id": row["id"], "reason": reason, "text": all_text(row)[:160]} for row, reason in gone[:EXAMPLES]]
    account = Account(step.name, len(kept) + len(gone), len(kept), changed, round(seconds, 3), dict(reasons.most_common()), examples)
    _write_rows(stem.with_suffix(".kept.jsonl"), kept)
    _write_rows(stem.with_suffix(".gone.jsonl"), records)
    write_text(stem.with_suffix(".json"), json.dumps({"fingerprint": fingerprint, **asdict(account)}, ensure_ascii=False))  # last: it signs
    return kept, records, account


def _finished(stem: Path, fingerprint: str):
    """What an earlier run left of this step, if it is whole and of the same input and settings."""
    try:
        stored = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
        if stored.pop("fingerprint") != fingerprint:
            return None
        kept, gone = ([row for _, row in streams.rows(stem.with_suffix(f".{part}.jsonl"))] for part in ("kept", "gone"))
        return kept, gone, Account(**stored | {"resumed": True})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_rows(path: Path, rows: list[dict]) -> None:
    with streams.replacing(path) as file:
        for row in rows:
            file.write((json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "replace"))


# ------------------------------------------------------------------------------------------- the steps
def normalise(rows):
    clean = [in_every_turn(row, cleaning_text.normalise) for row in rows]
    return clean, [], sum(a != b for a, b in zip(rows, clean, strict=True))


def drop_exact(rows):
    first, kept, gone = {}, [], []
    for row in rows:
        key = dedup.exact_key(asked(row))
        if key in first:
            gone.append((row, f"copy of {first[key]}"))
        else:
            first[key] = row["id"]
            kept.append(row)
    return kept, gone, 0


def quarantine(rows, rule: Callable[[str], str | None], text=asked):
    """Rows for which `rule(text)` gives a reason go, with that reason; they can be read again in removed.jsonl."""
    reasons = [rule(text(row)) for row in rows]
    return ([row for row, reason in zip(rows, reasons, strict=True) if not reason],
            [(row, reason) for row, reason in zip(rows, reasons, strict=True) if reason], 0)


def drop_copies(rows, pairs):
    """Of every group of pairs the first row stays."""
    dropped = dedup.copies(pairs, len(rows))
    return ([row for i, row in enumerate(rows) if i not in dropped],
            [(rows[i], f"copy of {rows[j]['id']}") for i, j in sorted(dropped.items())], 0)


def drop_near(rows, threshold: float = 0.5):
    texts = [asked(row) for row in rows]
    return drop_copies(rows, [p for p in dedup.near_pairs(texts, threshold) if dedup.same_facts(texts[p[0]], texts[p[1]])])


def hide_personal(rows, secret: str, names: "pii.NameFinder | None" = None):
    """Every text with stand-ins in place of personal data."""
    stand_ins, hidden = pii.Pseudonyms(secret), []
    turns = [turn["content"] for row in rows for turn in row["messages"]]
    found = iter(names.find(turns) if names else [[]] * len(turns))
    for row in rows:
        hidden.append(in_every_turn(row, lambda text: stand_ins.replace(text, pii.without_overlaps(pii.find(text) + next(found)))))
    return hidden, [], sum(a != b for a, b in zip(rows, hidden, strict=True))


def standard_steps(secret: str, near: float = 0.5, injection: Callable[[str], str | None] = safety_rules.prompt_injection,
                   meaning: Callable | None = None, names: "pii.NameFinder | None" = None, version: str = "") -> list[Step]:
    """The course's order: cheap steps first, so that the dear ones see fewer rows; personal data last, once.

    `injection(text)` gives a reason or None; `meaning(rows)` gives pairs that ask the same (None leaves that step out);
    `version` names trained parts, so that a run with others is not taken for the same.
    """
    steps = [
        Step("normalise", normalise, "2"),
        Step("exact", drop_exact),
        Step("markup", lambda rows: quarantine(rows, safety_rules.active_markup)),
        Step("sql", lambda rows: quarantine(rows, safety_rules.sql_injection)),
        Step("injection", lambda rows: quarantine(rows, injection), f"{version} {_identity(injection)}"),
        Step("profanity", lambda rows: quarantine(rows, safety_rules.profanity)),
        Step("off-topic", lambda rows: quarantine(rows, lambda t: None if safety_rules.relevant(t) else "no word of the subject", all_text)),
        Step("near", lambda rows: drop_near(rows, near), f"{near}"),
    ]
    if meaning:
        steps.append(Step("meaning", lambda rows: drop_copies(rows, meaning(rows)), f"{version} {_identity(meaning)}"))
    digest = hashlib.sha256(secret.encode()).hexdigest()[:16]
    return [*steps, Step("personal", lambda rows: hide_personal(rows, secret, names), f"{digest} {version} {names is not None}")]


def _identity(function: Callable) -> str:
    """The name and the code of a function: another rule must not be taken for the same one."""
    code = getattr(function, "__code__", None)
    if code is None:
        return function.__qualname__
    constants = repr([c for c in code.co_consts if not hasattr(c, "co_code")])  # nested code prints its address
    return f"{function.__qualname__} {hashlib.sha256(code.co_code + constants.encode()).hexdigest()[:16]}"


# ------------------------------------------------------------------------------------------- against labels
COPIES = ("exact", "near", "paraphrase")
TARGETS = {"exact": ("exact",), "markup": ("script",), "sql": ("sql",), "injection": ("injection",), "profanity": ("profanity",),
           "off-topic": ("off-topic",), "near": ("near",), "meaning": ("paraphrase",)}


def scored(removed: list[dict], labels: dict[str, dict], step: str, lang: str = "") -> tuple[int, int, int, int]:
    """(rightly removed, removed, planted and not removed earlier, found of those): precision is a / b, recall d / c.

    `labels` is id → {"defect", "lang"}. A copy of any kind that a later kind of search finds is rightly removed, too.
    """
    order = list(TARGETS)
    earlier = {r["id"] for r in removed if r["step"] in order[: order.index(step)]}
    own = [r["id"] for r in removed if r["step"] == step and (not lang or labels[r["id"]]["lang"] == lang)]
    kinds = COPIES if TARGETS[step][0] in COPIES else TARGETS[step]
    right = sum(labels[i]["defect"] in kinds for i in own)
    wanted = {i for i, label in labels.items() if label["defect"] in TARGETS[step] and i not in earlier and (not lang or label["lang"] == lang)}
    return right, len(own), len(wanted), len(wanted & set(own))


def good_rows_lost(removed: list[dict], labels: dict[str, dict], step: str, lang: str = "") -> int:
    """How many rows the step took that should have stayed: good ones, and those whose fault is repaired or hidden instead."""
    own = [labels[r["id"]] for r in removed if r["step"] == step]
    return sum(label["defect"] in ("", "unicode", "pii") and lang in (label["lang"], "") for label in own)
