"""A Lambda function on this machine: your handler, run by the program that also runs it inside AWS (awslambdaric).

    with Function("lambda_function.handler", folder, {"ENDPOINT": "clinic"}) as function:
        function.invoke({"body": "…"})          → what the handler returned
        function.client                         → "AWS's runtime interface client"

AWS's program asks a *runtime API* for the next event and sends the answer back. That API is here, on 127.0.0.1:
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html (read 2026-11). Where awslambdaric is not installed
(Windows), the handler is called in a plain process of this Python, and `client` says so.

Real: the process, the handler, events and answers, the time limit. Simulated: memory limits, rights, cold starts, API Gateway.
"""

import contextlib
import importlib.util
import json
import os
import queue
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lib import local_jobs, local_process

# what awslambdaric does, in short: next event, handler, response; for systems on which it can't be installed
PLAIN = """
import importlib, json, os, sys, urllib.request
module, name = sys.argv[1].rsplit(".", 1)
sys.path.insert(0, os.getcwd())
api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime"
function = getattr(importlib.import_module(module), name)
while True:
    with urllib.request.urlopen(f"{api}/invocation/next") as got:
        number, event = got.headers["Lambda-Runtime-Aws-Request-Id"], json.load(got)
    try:
        where, said = "response", function(event, None)
    except Exception as error:
        where, said = "error", {"errorType": type(error).__name__, "errorMessage": str(error)}
    urllib.request.urlopen(urllib.request.Request(f"{api}/invocation/{number}/{where}", json.dumps(said).encode())).close()
"""


class FunctionError(Exception):
    """The handler raised, could not be loaded, or took too long."""


class Function:
    """A handler "module.function" from `folder`, started with the first `with` or `start()`, stopped with `close()`."""

    def __init__(self, handler: str, folder, environment: dict[str, str], seconds: float = 30.0, python: str = sys.executable):
        self.handler, self.folder, self.environment, self.seconds, self.python = handler, Path(folder), environment, seconds, python
        self.real = importlib.util.find_spec("awslambdaric") is not None
        self.client = "AWS's runtime interface client (awslambdaric)" if self.real else "a plain loop (simulated: awslambdaric is not installed)"
        self.log: list[str] = []
        self._events: queue.Queue = queue.Queue()
        self._answers: dict[str, queue.Queue] = {}
        self._process = self._http = None

    def start(self):
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _api(self))
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self._run()
        return self

    def _run(self) -> None:
        kept = {name: os.environ[name] for name in local_jobs.KEPT_VARIABLES if name in os.environ}
        variables = kept | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._http.server_port}", "LAMBDA_TASK_ROOT": str(self.folder), "PYTHONUNBUFFERED": "1",
                            "PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(self.folder), "HOME": str(self.folder), **self.environment}
        command = ["-m", "awslambdaric"] if self.real else ["-c", PLAIN]
        self._process = local_process.start([self.python, *command, self.handler], variables, self.folder)
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

    def _read(self, process) -> None:
        for line in process.stdout:
            self.log.append(line.rstrip("\n"))

    def invoke(self, event: dict):
        """What the handler returns. Raises FunctionError with its message; after the time limit the process is ended, as on AWS."""
        number, answer = str(uuid.uuid4()), queue.Queue()
        if self._process.poll() is not None:
            self._run()
        self._answers[number] = answer
        self._events.put((number, event))
        try:
            ends = time.monotonic() + self.seconds
            while True:
                with contextlib.suppress(queue.Empty):
                    failed, content = answer.get(timeout=0.1)
                    break
                if self._process.poll() is not None:
                    raise FunctionError(f"the function's process has ended: {(self.log or ['no output'])[-1]}")
                if time.monotonic() > ends:
                    local_process.stop(self._process)
                    raise FunctionError(f"Task timed out after {self.seconds:.2f} seconds")
        finally:
            del self._answers[number]
        if failed:
            raise FunctionError(f"{content.get('errorType')}: {content.get('errorMessage')}")
        return content

    def close(self) -> None:
        if self._http:
            if self._process:
                local_process.stop(self._process)
            self._http.shutdown()
            self._http.server_close()
            self._http = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


def _api(function: Function):
    """The runtime API: next, response, error."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def handle(self):
            with contextlib.suppress(ConnectionError):  # the function's process has ended while it waited
                super().handle()

        def _send(self, status: int, content: bytes = b"", **headers) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self):  # noqa: N802  the name that http.server asks for
            while function._process is not None and function._http is not None:  # the runtime waits here for its next event
                with contextlib.suppress(queue.Empty):
                    number, event = function._events.get(timeout=0.2)
                    deadline = int(1000 * (time.time() + function.seconds))
                    return self._send(200, json.dumps(event).encode(), Content_Type="application/json", Lambda_Runtime_Aws_Request_Id=number,
                                      Lambda_Runtime_Deadline_Ms=str(deadline), Lambda_Runtime_Invoked_Function_Arn=local_jobs.arn(function.handler, "function"))
            self.close_connection = True

        def do_POST(self):  # noqa: N802
            content = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
            parts = self.path.split("/")  # /2018-06-01/runtime/invocation/<id>/response, …/<id>/error, or /…/runtime/init/error
            waiting = [function._answers[parts[4]]] if parts[3] == "invocation" and parts[4] in function._answers else list(function._answers.values())
            for answer in waiting:
                answer.put((parts[-1] == "error", content))
            self._send(202)

    return Handler
