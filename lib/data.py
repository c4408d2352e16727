"""Read and check JSONL files, and find the samples of the course."""

import contextlib
import gzip
import json
import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "data" / "samples"
ROLES = ("system", "user", "assistant", "tool")
MAX_LINE_BYTES = 1_000_000  # a chat example of a megabyte is a broken file, not an example


class DataError(ValueError):
    """Something is wrong with a data file. The message names file, line and remedy."""

    def __init__(self, path, line: int, problem: str, remedy: str):
        super().__init__(f"{path}, line {line}: {problem} {remedy}")
        self.path, self.line, self.problem, self.remedy = str(path), line, problem, remedy


def read_jsonl(path, max_line_bytes: int = MAX_LINE_BYTES) -> list[dict]:
    """`'{"a": 1}\\n{"a": 2}\\n'` in a file → `[{"a": 1}, {"a": 2}]`. Blank lines are skipped.

    Raises DataError (file, line, remedy) for another encoding than UTF-8, broken JSON, a line that is
    not an object, and a line over `max_line_bytes`; FileNotFoundError with a remedy if there is no file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Check the path; the samples are made by `make samples`.")
    rows = []
    with path.open("rb") as file:
        for number, raw in enumerate(iter(lambda: file.readline(max_line_bytes + 1), b""), start=1):
            row = parse_line(path, number, raw, max_line_bytes)
            if row is not None:
                rows.append(row)
    return rows


def parse_line(path: Path, number: int, raw: bytes, max_line_bytes: int) -> dict | None:
    if number == 1 and raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(path, 1, "the file is UTF-16.", "Save it as UTF-8.")
    if number == 1 and raw[:3] == b"\xef\xbb\xbf":
        raw = raw[3:]  # a byte order mark is harmless in UTF-8; Windows editors write it
    if len(raw) > max_line_bytes:
        raise DataError(path, number, f"the line is longer than {max_line_bytes:,} bytes.",
                        "Is it really one JSON object a line? Otherwise raise max_line_bytes.")
    try:
        text = raw.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise DataError(path, number, f"byte {error.start} is not UTF-8.",
                        "Convert the file: iconv -f WINDOWS-1251 -t UTF-8 (or the encoding it has).") from None
    if not text:
        return None
    try:
        row = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(path, number, f"broken JSON at column {error.colno} ({error.msg}).",
                        "Each line must be one complete JSON object.") from None
    if not isinstance(row, dict):
        raise DataError(path, number, f"expected an object, found {type(row).__name__}.",
                        'Write {"messages": [...]} on each line.')
    return row


def read_chat(path) -> list[dict]:
    """`{"messages": [{"role": "user", …}, {"role": "assistant", …}]}` a line → the rows, checked.

    Raises DataError for a missing field, an unknown role, an empty answer, or a last turn that is not
    the assistant's. Line numbers count every line of the file, blank ones too.
    """
    path = Path(path)
    rows = read_jsonl(path)
    numbers = [n for n, raw in enumerate(path.open("rb"), start=1) if raw.strip(b" \t\r\n\xef\xbb\xbf")]
    for number, row in zip(numbers, rows, strict=True):
        problem = chat_problem(row)
        if problem:
            raise DataError(path, number, *problem)
    return rows


def chat_problem(row: dict) -> tuple[str, str] | None:
    """What is wrong with a chat row, and what to do; None if nothing is."""
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        return 'the field "messages" is missing or empty.', "Add it, or convert the file first (lesson 02)."
    for i, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            return f"message {i} has no known role.", f"Use one of {', '.join(ROLES)}."
        if not isinstance(message.get("content"), str):
            return f'message {i} has no text in "content".', "Write the text of the turn there."
        if message["role"] == "assistant" and not message["content"].strip():
            return f"message {i} is an empty answer.", "Write the answer or remove the row."
    if messages[-1]["role"] != "assistant":
        return "the last turn is not the assistant's, so there is nothing to learn.", "Add the answer."
    return None


def write_jsonl(path, rows) -> None:
    """Write the rows to a temporary file and rename it: a reader never sees half a file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def write_text(path, text: str) -> None:
    """Replace the file in one step; after a crash or on a full disk the old content is still there."""
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


@contextlib.contextmanager
def replacing(path):
    """A file for bytes under a temporary name, renamed to `path` when the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".partial")
    try:
        with contextlib.ExitStack() as stack:
            raw = stack.enter_context(os.fdopen(handle, "wb"))
            if path.suffix == ".gz":
                raw = stack.enter_context(gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0))
            yield raw
        os.chmod(name, 0o644)  # mkstemp makes private files
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def sample(task: str, part: str, language: str = "both") -> list[dict]:
    """`sample("shorthand", "test", "en")[0]["messages"][0]["content"]` → "Expand the note: …"

    `task` is a folder of data/samples, `part` is train, validation or test, `language` en, ru or both.
    """
    rows = read_jsonl(SAMPLES / task / f"{part}.jsonl")
    return [row for row in rows if language == "both" or row["lang"] == language]


def question(row: dict) -> list[dict]:
    """The turns before the answer: what the model is asked."""
    return row["messages"][:-1]


def target(row: dict) -> str:
    """The text of the last turn: what the model should say."""
    return row["messages"][-1]["content"]
