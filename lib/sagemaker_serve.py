"""The server inside the container, with pip packages only: GET /ping, POST /invocations, around code/inference.py.

    python sagemaker_serve.py <folder of the unpacked model.tar.gz>      port: SAGEMAKER_BIND_TO_PORT (0: any free one)

On AWS the Hugging Face image brings a server of its own that calls the same four functions; this one stands in for it.
One thread computes. What waits while it does so is taken together as the next batch, up to SERVE_MAX_BATCH requests:
that raises the throughput and delays nobody, because nobody is waited for. A request with `"stream": true` is answered
in chunks, one JSON line a piece, and computed alone; when its client leaves, the computation stops.
"""

import importlib.util
import json
import os
import queue
import sys
import threading
import traceback
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MAX_PAYLOAD = 6 * 2**20  # bytes: the largest body of a real-time request on SageMaker
MAX_WAITING = 200  # requests; more would only time out later


def say(text: str) -> None:
    """One line of the log in one piece: `print` writes the text and the end of its line apart, and another thread may come between."""
    os.write(1, f"{text}\n".encode())


class Job:
    """A request that waits: `future` for its whole answer, or `pieces` (text, then None or an error) for a stream."""

    def __init__(self, request: dict):
        self.request, self.future = request, Future()
        self.pieces = queue.Queue() if request.get("stream") else None
        self.gone = threading.Event()  # the client of the stream has left


class Worker:
    """Loads the model in the background and answers requests in batches. `state`: loading, ready or the reason of a failure."""

    def __init__(self, folder, max_batch: int):
        self.folder, self.max_batch = Path(folder), max_batch
        self.state, self.batches = "loading", []
        self.waiting: queue.Queue = queue.Queue(MAX_WAITING)
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        try:
            path = self.folder / "code" / "inference.py"
            if not path.is_file():
                raise FileNotFoundError("code/inference.py is not in the archive: its folders must lie at the top of model.tar.gz")
            spec = importlib.util.spec_from_file_location("inference", path)
            self.code = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(self.code)
            self.model = self.code.model_fn(str(self.folder))
        except Exception as error:
            self.state = f"{type(error).__name__}: {error}"
            traceback.print_exc()
            say(f"failed: {self.state}")
            return
        self.state = "ready"
        say("ready")
        while True:
            taken = [self.waiting.get()]
            while len(taken) < self.max_batch and not self.waiting.empty():
                taken.append(self.waiting.get())
            if whole := [job for job in taken if job.pieces is None]:
                self._answer(whole)
            for job in taken:
                if job.pieces is not None:
                    self._stream(job)

    def _answer(self, jobs: list[Job]) -> None:
        self.batches.append(len(jobs))
        try:
            answers = self.code.predict_fn([job.request for job in jobs], self.model)
            for job, answer in zip(jobs, answers, strict=True):
                job.future.set_result(answer)
        except Exception as error:  # one bad batch must not end the server
            traceback.print_exc()
            for job in jobs:
                job.future.set_exception(error)

    def _stream(self, job: Job) -> None:
        def give(text: str) -> None:
            if job.gone.is_set():
                raise ConnectionAbortedError("the client has left")
            job.pieces.put(text)

        try:
            self.code.stream_fn(job.request, self.model, give)
            job.pieces.put(None)
        except ConnectionAbortedError:
            say("a stream was given up: its client has left")
        except Exception as error:
            traceback.print_exc()
            job.pieces.put(error)


def handler(worker: Worker):
    """The request handler class for this worker."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def _send(self, status: int, content, kind: str = "application/json") -> None:
            body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _send_stream(self, job: Job) -> None:
            """One chunk a piece. An error before the first piece is a status; after it, it can only be a last line."""
            piece = job.pieces.get()
            if isinstance(piece, Exception):
                return self._send(500, {"error": f"{type(piece).__name__}: {piece}"})
            self.send_response(200)
            self.send_header("Content-Type", "application/jsonlines")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                while piece is not None:
                    failed = isinstance(piece, Exception)
                    self._chunk({"error": f"{type(piece).__name__}: {piece}"} if failed else {"text": piece})
                    piece = None if failed else job.pieces.get()
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                job.gone.set()
                self.close_connection = True

        def _chunk(self, content: dict) -> None:
            line = json.dumps(content, ensure_ascii=False).encode() + b"\n"
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            self.wfile.flush()

        def _discard(self, length: int) -> None:
            """Read and forget (up to ten times the limit): else the client sees a broken pipe instead of the reason."""
            left = min(length, 10 * MAX_PAYLOAD)
            while left > 0 and (read := len(self.rfile.read(min(65536, left)))):
                left -= read
            self.close_connection = True

        def do_GET(self):  # noqa: N802  the name that http.server asks for
            if self.path != "/ping":
                return self._send(404, {"error": "GET /ping or POST /invocations"})
            self._send(200 if worker.state == "ready" else 503, {"status": worker.state})

        def do_POST(self):  # noqa: N802
            length = int(self.headers.get("Content-Length") or 0)
            if length > MAX_PAYLOAD:
                self._discard(length)
                return self._send(413, {"error": f"the body has {length:,} bytes, more than {MAX_PAYLOAD:,}: send less, or invoke asynchronously"})
            body = self.rfile.read(length)
            if self.path != "/invocations":
                return self._send(404, {"error": "GET /ping or POST /invocations"})
            if worker.state != "ready":
                return self._send(503, {"error": f"the model is not ready: {worker.state}"})
            try:
                request = worker.code.input_fn(body, self.headers.get("Content-Type", ""))
            except ValueError as error:
                return self._send(400, {"error": str(error)})
            job = Job(request)
            if job.pieces is not None and not hasattr(worker.code, "stream_fn"):
                return self._send(400, {"error": "this model's code/inference.py has no stream_fn: leave \"stream\" out"})
            try:
                worker.waiting.put_nowait(job)
            except queue.Full:
                return self._send(503, {"error": f"{MAX_WAITING} requests are waiting already: try again later"})
            if job.pieces is not None:
                return self._send_stream(job)
            try:
                self._send(200, worker.code.output_fn(job.future.result(), self.headers.get("Accept", "application/json")))
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client has given up
            except Exception as error:
                self._send(500, {"error": f"{type(error).__name__}: {error}"})

    return Handler


def main(folder: str) -> None:
    worker = Worker(folder, int(os.environ.get("SERVE_MAX_BATCH", 8)))
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("SAGEMAKER_BIND_TO_PORT", 8080))), handler(worker))
    server.daemon_threads = True
    say(f"listening={server.server_port}")
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
