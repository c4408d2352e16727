"""Files of any size: read, check and convert them line by line, with file, line and remedy for what is wrong.

    rows("dump.jsonl.gz")                        (line number, row), one at a time
    validate("dump.jsonl")                       a Report: formats, problems, repeated ids
    convert("dump.jsonl", "clean.jsonl")         the same, and writes what is usable in another format
    python -m lib.streams dump.jsonl [clean.jsonl --to messages]

JSONL, or one JSON list such as Alpaca's; UTF-8 or UTF-16, with or without a byte order mark; any line ends; gzip.
Memory: one row, plus 16 bytes for each row that has an id, and as much again when they are compared at the end.
"""

import argparse
import array
import codecs
import contextlib
import gzip
import hashlib
import io
import json
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lib import formats
from lib.data import MAX_LINE_BYTES, DataError, parse_line, replacing
from lib.format_problems import problem

CHUNK = 1 << 16
EXAMPLES = 20  # problems kept word by word; the others are counted


@dataclass
class Report:
    """What a file holds. `print(report)` is meant to be read."""

    path: str
    rows: int = 0  # rows that were read as JSON objects
    bad: int = 0  # lines and rows with a problem
    written: int = 0
    formats: Counter = field(default_factory=Counter)
    first_line: dict[str, int] = field(default_factory=dict)  # of each format
    kinds: Counter = field(default_factory=Counter)  # problem → how often
    problems: list[DataError] = field(default_factory=list)  # the first ones
    lost: Counter = field(default_factory=Counter)  # field → in how many rows it was lost
    repeats: int = 0  # rows whose id came before
    repeated: list[tuple[int, int]] = field(default_factory=list)  # the first ones: (line, line that had the id first)

    def add(self, error: DataError) -> None:
        self.bad += 1
        kind = re.sub(r"'[^']*'|\d[\d,]*", "…", error.problem)
        self.kinds[kind if kind in self.kinds or len(self.kinds) < 100 else "other problems"] += 1
        self.problems += [error] if len(self.problems) < EXAMPLES else []

    def __str__(self) -> str:
        counted = ", ".join(f"{n:,} {kind} (from line {self.first_line[kind]})" for kind, n in self.formats.most_common())
        lines = [f"{self.path}: {self.rows:,} rows: {counted or 'nothing readable'}"]
        lines += ["mixed formats: each row is converted by its own"] * (len(self.formats) > 1)
        lines += [f"{self.bad:,} problems:" if self.bad else "no problems"]
        lines += [f"  line {e.line}: {e.problem} {e.remedy}" for e in self.problems]
        lines += [f"  … and {self.bad - len(self.problems):,} more"] * (self.bad > len(self.problems))
        lines += [f"repeated ids: {self.repeats:,}, such as line {self.repeated[0][0]} with the id of line "
                  f"{self.repeated[0][1]}. Rename them, or drop copies (lesson 03)."] if self.repeated else []
        lines += [f"written: {self.written:,} rows"] * bool(self.written)
        lines += ["lost: " + ", ".join(f"{name} ({n:,}×)" for name, n in self.lost.most_common())] if self.lost else []
        return "\n".join(lines)


# ------------------------------------------------------------------------------------------- reading
def rows(path, on_problem=None, max_line_bytes: int = MAX_LINE_BYTES):
    """`for line, row in rows("dump.jsonl.gz"):` one row at a time; `row` is a dict.

    Without `on_problem` the first problem is raised as DataError; with it, `on_problem(error)` is called and
    reading goes on with the next line (not inside a JSON list or a damaged gzip file: those end there).
    Raises FileNotFoundError if there is no file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Check the path.")

    def report(error):
        if on_problem is None:
            raise error from None
        on_problem(error)

    number = 0
    try:
        with _opened(path) as file:
            if _is_list(file):
                yield from _list_items(path, file, report, max_line_bytes)
                return
            for number, raw in _lines(file, max_line_bytes):
                try:
                    row = parse_line(path, number, raw, max_line_bytes)
                except DataError as error:
                    report(error)
                except RecursionError:
                    report(DataError(path, number, "the JSON is nested too deeply.", "No chat example needs that; drop the line."))
                else:
                    if row is not None:
                        yield number, row
    except (EOFError, gzip.BadGzipFile, zlib.error):
        report(DataError(path, number + 1, "the gzip file is damaged or cut off.", "Copy or download it again."))
    except UnicodeDecodeError as error:
        report(DataError(path, number + 1, f"not {error.encoding.upper()} text.", "Save the file as UTF-8."))


@contextlib.contextmanager
def _opened(path: Path):
    """The bytes of the file as UTF-8, whatever it is: plain or gzip, UTF-8 or UTF-16."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        if file.peek(2)[:2] == b"\x1f\x8b":
            file = io.BufferedReader(stack.enter_context(gzip.GzipFile(fileobj=file)))
        start = file.peek(4)[:4]
        wide = "utf-16" if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else {
            b"{\0": "utf-16-le", b"[\0": "utf-16-le", b"\0{": "utf-16-be", b"\0[": "utf-16-be"}.get(start[:2])
        yield io.BufferedReader(_Recoded(file, wide)) if wide else file


class _Recoded(io.RawIOBase):
    """A UTF-16 file, read as if it were UTF-8."""

    def __init__(self, file, encoding: str):
        self.text, self.rest = io.TextIOWrapper(file, encoding, newline=""), b""

    def readable(self) -> bool:
        return True

    def readinto(self, target) -> int:
        self.rest = self.rest or self.text.read(CHUNK).encode("utf-8", "surrogatepass")
        part, self.rest = self.rest[: len(target)], self.rest[len(target):]
        target[: len(part)] = part
        return len(part)


def _is_list(file) -> bool:
    """Does the file begin with `[`, on its own or before an object? Then it is one JSON list."""
    return bool(re.match(rb"(\xef\xbb\xbf)?\s*\[\s*(\{|$)", file.peek(1024)[:1024]))


def _lines(file, most: int):
    """(number, line) with at most `most` + 1 bytes of it; the rest of a longer line is passed over."""
    for number, raw in enumerate(iter(lambda: file.readline(most + 1), b""), start=1):
        last = raw
        while len(last) > most and not last.endswith(b"\n"):
            last = file.readline(most + 1)
        yield number, raw


def _list_items(path: Path, file, report, most: int):
    """The objects of one JSON list, without ever holding the list."""
    file = io.TextIOWrapper(file, "utf-8-sig", newline="\n")
    decode, gap = json.JSONDecoder().raw_decode, re.compile(r"[\s,]*")
    text = file.read(CHUNK)
    at, line = text.index("[") + 1, 1 + text.count("\n", 0, text.index("["))
    while True:
        begin = gap.match(text, at).end()
        line, at = line + text.count("\n", at, begin), begin
        if text.startswith("]", at):
            if (text[at + 1:] + file.read(CHUNK)).strip():
                report(DataError(path, line, "something follows the end of the list.", "Write one list, or one object a line."))
            return
        try:
            row, end = decode(text, at)
            if not isinstance(row, dict):
                return report(DataError(path, line, f"expected an object, found {type(row).__name__}.", "Write {…}, {…} in the list."))
        except (json.JSONDecodeError, RecursionError) as error:
            more = file.read(max(CHUNK, len(text) - at)) if len(text) - at <= most else ""
            if not more:
                why = "is not complete JSON" if len(text) - at <= most else f"is longer than {most:,} characters"
                where = line + text.count("\n", at, getattr(error, "pos", at))
                return report(DataError(path, where, f"an item of the list {why}.", "Repair it, or write one object a line."))
            text, at = text[at:] + more, 0
            continue
        yield line, row
        line += text.count("\n", at, end)
        at = end


# ------------------------------------------------------------------------------------------- checking
def validate(path, kind: str | None = None, max_line_bytes: int = MAX_LINE_BYTES) -> Report:
    """`print(validate("dump.jsonl"))` → what the file holds and what is wrong, with line and remedy.

    `kind` demands one format; without it every row is judged by its own. Raises FileNotFoundError only.
    """
    report = Report(Path(path).name)
    for _ in _good_rows(path, report, kind, False, max_line_bytes):
        pass
    return report


def _good_rows(path, report: Report, kind: str | None, merge: bool, max_line_bytes: int):
    """(line, row) of the rows without a problem; the report learns about all of them."""
    ids, lines = array.array("Q"), array.array("Q")
    for number, row in rows(path, report.add, max_line_bytes):
        report.rows += 1
        own = _kind(row)
        found = problem(row, own)
        if own:
            report.formats[own] += 1
            report.first_line.setdefault(own, number)
        if merge and own in ("alpaca", "messages", "sharegpt") and found and "merge_turns" in found[1]:
            row = formats.merge_turns(formats.to_messages(row)[0])
            found = problem(row)
        if kind and own and own != kind:
            found = f"the row is {own}, not {kind}.", "Convert it, or allow any format."
        name = row.get("message_tree_id" if own == "oasst" else "id")
        if name is not None:
            ids.append(int.from_bytes(hashlib.blake2b(repr(name).encode(), digest_size=8).digest(), "big"))
            lines.append(number)
        if found:
            report.add(DataError(path, number, *found))
        else:
            yield number, row
    report.repeats, report.repeated = _repeated(ids, lines)


def _kind(row: dict) -> str | None:
    try:
        return formats.detect(row)
    except ValueError:
        return None


def _repeated(ids: array.array, lines: array.array) -> tuple[int, list[tuple[int, int]]]:
    """(how many rows repeat an id, the first of them as (line, line that had the id first))."""
    if not ids:
        return 0, []
    import numpy as np  # here: a file without ids needs no numpy, and reading one needs little memory

    ids, lines = np.frombuffer(ids, dtype=np.uint64), np.frombuffer(lines, dtype=np.uint64)
    order = np.argsort(ids, kind="stable")  # equal ids side by side, the earlier line first
    again = np.sort(order[1:][ids[order[1:]] == ids[order[:-1]]])
    return len(again), [(int(lines[i]), int(lines[np.argmax(ids == ids[i])])) for i in again[:EXAMPLES]]


# ------------------------------------------------------------------------------------------- writing
def convert(path, out, target: str = "messages", merge: bool = False, most: int | None = None,
            max_line_bytes: int = MAX_LINE_BYTES) -> Report:
    """`convert("alpaca.json", "chats.jsonl")` → a Report; `out` is replaced in one step, at the end.

    Rows with a problem are left out and counted; `merge` joins turns of the same role first; `most` limits the
    pairs of one question. `out` may be `path`, and is compressed if its name ends in .gz.
    Raises ValueError when no row is usable: then `out` stays as it was.
    """
    if target not in formats.FORMATS:
        raise ValueError(f"no format {target!r}; there are {', '.join(formats.FORMATS)}")
    report = Report(Path(path).name)
    with replacing(out) as file:
        for number, row in _good_rows(path, report, None, merge, max_line_bytes):
            try:
                made = _with_own_ids(formats.convert(row, target, most))
                text = "".join(json.dumps(new, ensure_ascii=False) + "\n" for new in made).encode()
                fields = formats.lost(row, target)
            except RecursionError:
                report.add(DataError(path, number, "the tree is too deep.", "No dialogue is hundreds of turns deep; drop it."))
                continue
            except ValueError as error:  # the target can't hold it, or half a character can't be written
                half = isinstance(error, UnicodeEncodeError)
                report.add(DataError(path, number, *(("the text holds half a character.", "Repair the \\ud… in it.") if half
                                                     else str(error).split(". ", 1))))
                continue
            file.write(text)
            report.written += len(made)
            report.lost.update(fields)
        if not report.written:
            raise ValueError(f"{report}\nnothing to write: {Path(out).name} is left as it was.")
    return report


def _with_own_ids(made: list[dict]) -> list[dict]:
    """Several rows out of one keep its id, each with a number of its own."""
    if len(made) < 2 or "id" not in made[0]:
        return made
    return [row | {"id": f"{row['id']}-{i}"} for i, row in enumerate(made, start=1)]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check a file of training data, or convert it.")
    parser.add_argument("path", help="JSONL or a JSON list, plain or .gz")
    parser.add_argument("out", nargs="?", help="where to write the usable rows; without it nothing is written")
    parser.add_argument("--to", default="messages", choices=formats.FORMATS, help="the format to write")
    parser.add_argument("--merge", action="store_true", help="join turns of the same role")
    args = parser.parse_args(argv)
    try:
        report = convert(args.path, args.out, args.to, args.merge) if args.out else validate(args.path)
    except (FileNotFoundError, ValueError) as error:
        print(error)
        return 2
    print(report)
    return 1 if report.bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
