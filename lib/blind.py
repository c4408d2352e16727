"""Two models' answers side by side for a person who must not know which is which, and ratings that are not lost.

    sheet, key = make(questions, answers_a, answers_b)      sides drawn by a coin for every item; the key stays apart
    with serving(sheet, "ratings.jsonl") as url: …          a page in the browser; every click is on disk before the next page
    rate("ratings.jsonl", sheet, item=3, choice="left", rater="anna")     the same from a program
    result(read("ratings.jsonl", sheet), key)               → {"a": 12, "b": 5, "same": 3}

The page is plain HTML and is served to this machine only. A rating is one line, written and flushed at once; whoever changes
his mind adds a line, and the last one counts.
"""

import contextlib
import html
import json
import os
import random
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lib import data

CHOICES = ("left", "right", "same")


def make(questions: list[str], answers_a: list[str], answers_b: list[str], seed: int = 0) -> tuple[list[dict], dict[int, bool]]:
    """→ (sheet, key): the sheet shows question, left and right; the key says for each item whether a is on the left.

    Items with equal answers are left out: there is nothing to choose.
    """
    generator, sheet, key = random.Random(seed), [], {}
    for item, (question, a, b) in enumerate(zip(questions, answers_a, answers_b, strict=True)):
        if a.strip() == b.strip():
            continue
        key[item] = generator.random() < 0.5
        sheet.append({"item": item, "question": question, "left": a if key[item] else b, "right": b if key[item] else a})
    return sheet, key


def rate(path, sheet: list[dict], item: int, choice: str, rater: str) -> None:
    """Append one rating. Raises ValueError for an item that is not on the sheet, another choice, or no rater's name."""
    if item not in {row["item"] for row in sheet}:
        raise ValueError(f"item {item} is not on this sheet.")
    if choice not in CHOICES:
        raise ValueError(f"choice {choice!r}: one of {', '.join(CHOICES)}.")
    if not rater.strip():
        raise ValueError("no name: ratings of different people must be told apart.")
    line = json.dumps({"item": item, "choice": choice, "rater": rater.strip()}, ensure_ascii=False) + "\n"
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as file:  # a crash can cut this line, never an older one
        if file.tell() and path.read_bytes()[-1:] != b"\n":
            line = "\n" + line  # the last line was cut: begin a new one
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def read(path, sheet: list[dict]) -> list[dict]:
    """The last rating of every rater for every item. A cut or foreign line raises DataError with file, line and remedy."""
    if not Path(path).is_file():
        return []
    items, last = {row["item"] for row in sheet}, {}
    with open(path, "rb") as file:
        for number, raw in enumerate(file, start=1):
            row = data.parse_line(Path(path), number, raw, data.MAX_LINE_BYTES)
            if row is None:
                continue
            if row.get("item") not in items or row.get("choice") not in CHOICES or not row.get("rater"):
                raise data.DataError(path, number, "not a rating of this sheet.", "Remove the line, or read it with the sheet it belongs to.")
            last[row["rater"], row["item"]] = row
    return list(last.values())


def result(ratings: list[dict], key: dict[int, bool]) -> dict[str, int]:
    """Open the envelope: how often a, b and neither was better."""
    found = {"a": 0, "b": 0, "same": 0}
    for row in ratings:
        side = row["choice"]
        found["same" if side == "same" else "a" if (side == "left") == key[row["item"]] else "b"] += 1
    return found


# ------------------------------------------------------------------------------------------- the page
def page(sheet: list[dict], ratings: list[dict], rater: str) -> str:
    """The next item that this rater has not judged, as HTML with three buttons; all text is escaped."""
    done = {row["item"] for row in ratings if row["rater"] == rater}
    left = [row for row in sheet if row["item"] not in done]
    frame = ('<!doctype html><meta charset="utf-8"><title>Which answer is better?</title><style>body{{font:16px sans-serif;max-width:60em;margin:2em auto}}'
             "td{{width:50%;vertical-align:top;border:1px solid #999;padding:1em;white-space:pre-wrap}}table{{width:100%}}</style>{}")
    if not rater:
        return frame.format('<form method="get"><label>Your name: <input name="rater" required></label> <button>Begin</button></form>')
    if not left:
        return frame.format(f"<p>Thank you, all {len(sheet)} are judged and saved.</p>")
    row, said = left[0], html.escape
    buttons = " ".join(f'<button name="choice" value="{choice}">{text}</button>' for choice, text in zip(CHOICES, ("left is better", "right is better", "no difference"), strict=True))
    return frame.format(f"<p>{len(done) + 1} of {len(sheet)}</p><h1>{said(row['question'])}</h1><table><tr><td>{said(row['left'])}</td><td>{said(row['right'])}</td></tr></table>"
                        f'<form method="post"><input type="hidden" name="item" value="{row["item"]}"><input type="hidden" name="rater" value="{said(rater, quote=True)}">{buttons}</form>')


@contextlib.contextmanager
def serving(sheet: list[dict], path, port: int = 0):
    """Serve the page on this machine while the block runs; gives its address. Without Jupyter: `serving(…)` and `input()`."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def _send(self, status: int, text: str, **headers) -> None:
            body = text.encode()
            self.send_response(status)
            for name, value in {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):  # noqa: N802  the name that http.server asks for
            rater = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("rater", [""])[0]
            self._send(200, page(sheet, read(path, sheet), rater))

        def do_POST(self):  # noqa: N802
            form = {k: v[0] for k, v in urllib.parse.parse_qs(self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 10_000)).decode(errors="replace")).items()}
            try:
                with lock:
                    rate(path, sheet, int(form.get("item", -1)), form.get("choice", ""), form.get("rater", ""))
            except ValueError as error:
                return self._send(400, html.escape(str(error)))
            self._send(303, "", Location=f"/?rater={urllib.parse.quote(form['rater'])}")

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
