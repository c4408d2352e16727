"""A model behind an address that streams its answer token by token, and what it needs to be measured.

    with serving("tiny", "data/samples/adapters/shorthand-tiny") as url:
        ask(url, "Expand the note: HTN-DM, f/u 2w")     → Answer(text="hypertension, …", ttft_ms=41.0, tokens=19)
        seen = load.run(lambda n: ask(url, questions[n]), requests=40, users=4)
        summary(seen)                                    → load.summary's figures and {"ttft_p95_ms": …, "tokens_per_second": …}

A process of its own, on this machine only (127.0.0.1). It answers one request after the other, in the order of their
coming: what a user waits for is then the queue too. Servers for production compute many requests at once.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lib import data, load

MOST_TOKENS = 256  # a request may not keep the machine for longer
LARGEST_BODY = 100_000  # bytes


@dataclass(frozen=True)
class Answer:
    """What the client saw: the text, the milliseconds until its first piece came, the number of tokens."""

    text: str
    ttft_ms: float
    tokens: int


def ask(url: str, question, max_new_tokens: int = 110, timeout_s: float = 120) -> Answer:
    """Send a question or a list of chat turns, read the stream. Raises RuntimeError with the server's reason."""
    chat = [{"role": "user", "content": question}] if isinstance(question, str) else question
    request = urllib.request.Request(url, json.dumps({"messages": chat, "max_new_tokens": max_new_tokens}).encode(), {"Content-Type": "application/json"})
    started, first, pieces = time.perf_counter(), None, []
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as reply:
            for line in reply:
                first = first or time.perf_counter()
                pieces.append(json.loads(line))
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{url}: HTTP {error.code}: {error.read(300).decode(errors='replace')}") from None
    if not pieces or not pieces[-1].get("done"):
        raise RuntimeError(f"{url}: the stream broke off after {len(pieces)} pieces")
    return Answer(pieces[-1]["text"], 1000 * (first - started), len(pieces) - 1)


def summary(seen: list[load.Seen]) -> dict:
    """load.summary's P50, P95, P99 of whole answers, answers a second and errors, and the same for the first token."""
    first = [s.answer.ttft_ms for s in seen if not s.error]
    found = load.summary(seen)
    lasted = max(s.at_s + s.ms / 1000 for s in seen) - min(s.at_s for s in seen)
    return found | {"ttft_p50_ms": load.rank(first, 0.5), "ttft_p95_ms": load.rank(first, 0.95), "requests": len(seen),
                    "tokens_per_second": sum(s.answer.tokens for s in seen if not s.error) / lasted}


@contextlib.contextmanager
def serving(model: str, adapter: str = "", start_s: float = 180):
    """Start the server in a process of its own, give its address, and end it whatever happens."""
    command = [sys.executable, "-m", "lib.stream_server", model, adapter]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=data.ROOT,
                               env=os.environ | {"PYTHONPATH": str(data.ROOT)})
    killer = threading.Timer(start_s, process.kill)
    killer.start()
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("listening="):
                break
        else:
            raise RuntimeError(f"the server did not start: {''.join(said)[-500:]}")
        killer.cancel()
        threading.Thread(target=lambda: [None for _ in process.stdout], daemon=True).start()  # a full pipe would stop it
        yield f"http://127.0.0.1:{said[-1].split('=')[1].strip()}/stream"
    finally:
        killer.cancel()
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# ------------------------------------------------------------------------------------------- the server's side
def handler(model, tokenizer):
    """The request handler class for this model."""
    import torch
    from transformers.generation.streamers import BaseStreamer

    from lib import evaluate

    turn, stops = threading.Lock(), evaluate.stop_ids(model, tokenizer)

    class Pieces(BaseStreamer):
        """generate() gives it the prompt first, then one token after the other."""

        def __init__(self, send):
            self.send, self.ids = send, None

        def put(self, value):
            if self.ids is None:
                self.ids = []
                return
            self.ids += value.flatten().tolist()
            self.send({"token": self.ids[-1]})

        def end(self):
            pass

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_POST(self):  # noqa: N802  the name that http.server asks for
            try:
                chat, limit = self._request()
                prompt = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
            except Exception as error:
                return self._refuse(str(error))
            with turn, torch.inference_mode(), contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client may give up
                batch = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).to(model.device)
                self.send_response(200)
                self.send_header("Content-Type", "application/jsonl")
                self.end_headers()
                pieces = Pieces(self._send)
                model.generate(**{k: batch[k] for k in ("input_ids", "attention_mask")}, max_new_tokens=limit, do_sample=False,
                               pad_token_id=tokenizer.pad_token_id, eos_token_id=stops, streamer=pieces)
                self._send({"done": True, "text": tokenizer.decode(pieces.ids or [], skip_special_tokens=True).strip()})

        def _request(self):
            length = int(self.headers.get("Content-Length") or 0)
            if not 0 < length <= LARGEST_BODY:
                raise ValueError(f"the body has {length} bytes; send 1 to {LARGEST_BODY}")
            given = json.loads(self.rfile.read(length))
            chat, limit = given["messages"], given.get("max_new_tokens", 64)
            if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST_TOKENS:
                raise ValueError(f'"max_new_tokens" must be a whole number from 1 to {MOST_TOKENS}')
            return chat, limit

        def _send(self, piece: dict) -> None:
            self.wfile.write(json.dumps(piece, ensure_ascii=False).encode() + b"\n")
            self.wfile.flush()

        def _refuse(self, why: str) -> None:
            body = json.dumps({"error": why}).encode()
            self.send_response(400)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def main(model_name: str, adapter: str = "") -> None:
    """Load, bind any free port of this machine, say which, and serve until ended."""
    from lib import models

    model, tokenizer = models.load(model_name)
    if adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter).merge_and_unload().eval()  # no second product at every layer
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(model, tokenizer))
    server.daemon_threads = True
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    print(f"listening={server.server_port}", flush=True)
    server.serve_forever()


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:  # a kernel that was killed must not leave servers behind
        time.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:3])
