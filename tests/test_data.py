"""Bad input is answered with file, line and remedy, and nothing already written is lost."""

import json
import os

import pytest

from lib import data

GOOD = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}


def written(tmp_path, content: bytes):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    return path


def line(row) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


@pytest.mark.parametrize(
    "content, number, words",
    [
        (line(GOOD) + b'{"messages": [\n', 2, "broken JSON"),
        (line(GOOD) + b"[1, 2]\n", 2, "expected an object"),
        (line(GOOD) + b"\n" + line({"text": "no messages"}), 3, '"messages" is missing'),
        (line({"messages": []}), 1, '"messages" is missing or empty'),
        (line({"messages": [GOOD["messages"][0], {"role": "assistant", "content": "  "}]}), 1, "empty answer"),
        (line({"messages": GOOD["messages"][:1]}), 1, "last turn"),
        (line({"messages": [{"role": "doctor", "content": "x"}]}), 1, "no known role"),
        (line({"messages": [{"role": "user", "content": None}]}), 1, "no text"),
        (line(GOOD) + "{\"a\": \"привет\"}\n".encode("cp1251"), 2, "not UTF-8"),
        (json.dumps(GOOD).encode("utf-16"), 1, "UTF-16"),
        (line(GOOD) + b'{"a": "' + b"x" * 10_000_000 + b'"}\n', 2, "longer than 1,000,000 bytes"),
    ],
)
def test_bad_files_name_the_line_and_the_remedy(tmp_path, content, number, words):
    path = written(tmp_path, content)
    with pytest.raises(data.DataError) as caught:
        data.read_chat(path)
    assert caught.value.line == number
    assert words in str(caught.value) and str(path) in str(caught.value)
    assert len(caught.value.remedy) > 10


def test_harmless_things_are_read(tmp_path):
    path = written(tmp_path, b"\xef\xbb\xbf" + line(GOOD).replace(b"\n", b"\r\n") + b"\n\n" + line(GOOD))
    assert data.read_chat(path) == [GOOD, GOOD]


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        data.read_jsonl(tmp_path / "none.jsonl")


def test_write_and_read_back(tmp_path):
    rows = [{"текст": "ё", "n": 1}, {"текст": "b\nc", "n": 2}]
    data.write_jsonl(tmp_path / "new" / "rows.jsonl", rows)
    assert data.read_jsonl(tmp_path / "new" / "rows.jsonl") == rows


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    data.write_text(path, "old")

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space"):
        data.write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path], "no partial file is left behind"
