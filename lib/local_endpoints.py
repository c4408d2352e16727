"""Endpoints that really answer: a model.tar.gz is unpacked, served by a process, watched, and asked over HTTP.

A `Fleet` is what stands behind a production variant: some server processes (lib.sagemaker_serve) that take turns. A
server that dies is started again; a server that is no longer wanted finishes what it was asked. An asynchronous request is accepted into a queue, taken from S3, answered into S3,
and tried again after a server's death until it is answered, refused by the model, or too old.

Real: processes, HTTP, batches, queues, S3 objects, time-outs. Simulated: machine types, images, load balancers, cold starts.
"""

import contextlib
import http.client
import os
import queue
import re
import sys
import threading
import time
import uuid
from pathlib import Path

from lib import local_jobs, local_process

SERVER = Path(__file__).with_name("sagemaker_serve.py")
MAX_PAYLOAD = 6 * 2**20  # bytes, real time
RESPONSE_SECONDS = 60.0  # SageMaker's limit for a real-time answer
HEALTH_SECONDS = 60.0  # the container must answer /ping with 200 within this time
MOST_SERVERS = 8  # of one asynchronous endpoint on this machine
REQUEST_LIFE_SECONDS = 21600.0  # an asynchronous request lives for six hours at most


class EndpointError(Exception):
    """What InvokeEndpoint answers instead of a result: `kind` is the AWS error code, `status` the model's own status."""

    def __init__(self, kind: str, message: str, status: int = 0):
        super().__init__(message)
        self.kind, self.status = kind, status


class ServerGone(Exception):
    """The server process died before it answered."""


class Replica:
    """One server process: start, /ping, /invocations, stop."""

    def __init__(self, folder: Path, environment: dict, log: list, python: str = sys.executable):
        self.port, self.log, self.busy, self._said_ready = None, log, 0, False
        kept = {name: os.environ[name] for name in local_jobs.KEPT_VARIABLES if name in os.environ}
        variables = kept | {"PATH": f"{Path(python).parent}{os.pathsep}{os.environ.get('PATH', '')}", "SAGEMAKER_BIND_TO_PORT": "0",
                            "PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "HOME": str(folder)} | environment
        self.process = local_process.start([python, str(SERVER), str(folder)], variables, folder)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            if found := re.match(r"listening=(\d+)", line):
                self.port = int(found[1])
            self._said_ready = self._said_ready or line == "ready\n"
            self.log.append(line.rstrip("\n"))

    @property
    def ready(self) -> bool:
        return self._said_ready and self.alive()

    def alive(self) -> bool:
        return self.process.poll() is None

    def healthy(self) -> bool:
        with contextlib.suppress(OSError, ServerGone):
            return self.port is not None and self.ask("GET", "/ping", seconds=2)[0] == 200
        return False

    def ask(self, method: str, path: str, body: bytes = b"", content_type: str = "application/json", seconds: float = 60) -> tuple[int, bytes, str]:
        """(status, body, content type). TimeoutError after `seconds`; ServerGone when the connection breaks."""
        with self._asked(method, path, body, content_type, seconds) as answer:
            return answer.status, answer.read(), answer.headers.get("Content-Type", "")

    @contextlib.contextmanager
    def _asked(self, method: str, path: str, body: bytes, content_type: str, seconds: float):
        """The answer whose head has arrived; its body is read inside the `with`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request(method, path, body=body, headers={"Content-Type": content_type})
            yield connection.getresponse()
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise ServerGone(f"the server process ended before it answered ({type(error).__name__})") from error
        finally:
            connection.close()

    def stream(self, body: bytes, content_type: str, seconds: float):
        """Yields (status, content type), then the body in the pieces in which it arrives."""
        with self._asked("POST", "/invocations", body, content_type, seconds) as answer:
            yield answer.status, answer.headers.get("Content-Type", "")
            while piece := answer.read1(65536):
                yield piece

    def stop(self) -> None:
        local_process.stop(self.process)
        self._reader.join(5)


class Fleet:
    """`size` replicas of one archive. `start()` returns when all are healthy and raises EndpointError when one will not be."""

    def __init__(self, folder: Path, environment: dict, size: int, python: str = sys.executable):
        self.folder, self.environment, self.python = folder, environment, python
        self.log: list[str] = []
        self.replicas: list[Replica] = []
        self.wanted, self.restarts, self.closed = size, 0, False
        self._turn, self.busy, self._lock = 0, 0, threading.Lock()
        self._leaving: list[Replica] = []  # no longer asked, but still answering

    def start(self, seconds: float = HEALTH_SECONDS):
        self._fill()
        ends = time.monotonic() + seconds
        while not all(r.healthy() for r in self.replicas):
            dead = [r for r in self.replicas if not r.alive()]
            failed = next((line.removeprefix("failed: ") for line in self.log if line.startswith("failed: ")), "")
            if dead or failed or time.monotonic() > ends:
                self.close()
                raise EndpointError("Failed", "The primary container for production variant AllTraffic did not pass the ping health check. "
                                              f"Please check the logs of this endpoint. Last line there: {failed or (self.log or ['none'])[-1]}")
            time.sleep(0.05)
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def _fill(self) -> None:
        while len(self.replicas) < self.wanted:
            self.replicas.append(Replica(self.folder, self.environment, self.log, self.python))

    def _watch(self) -> None:
        """Starts again what has died; called beside the requests."""
        while not self.closed:
            with self._lock:
                for k, replica in enumerate(self.replicas):
                    if not self.closed and not replica.alive():
                        self.replicas[k] = Replica(self.folder, self.environment, self.log, self.python)
                        self.restarts += 1
            time.sleep(0.1)

    def resize(self, size: int) -> None:
        """More or fewer server processes, now. What a surplus server was asked before, it still answers (for a minute at most)."""
        with self._lock:
            if self.closed:
                return
            self.wanted = size
            surplus, self.replicas = self.replicas[size:], self.replicas[:size]
            self._leaving += surplus
            self._fill()
        for replica in surplus:
            threading.Thread(target=self._retire, args=(replica,), daemon=True).start()

    def _retire(self, replica: Replica) -> None:
        ends = time.monotonic() + RESPONSE_SECONDS
        while replica.busy and not self.closed and time.monotonic() < ends:
            time.sleep(0.05)
        replica.stop()

    @contextlib.contextmanager
    def _chosen(self, seconds: float):
        """The next replica, one that has loaded its model if there is one; its failures become EndpointError."""
        with self._lock:
            running = [r for r in self.replicas if r.port is not None and r.alive()]
            ready = [r for r in running if r.ready] or running
            self._turn += 1
            chosen = ready[self._turn % len(ready)] if ready else None
            self.busy += 1
            if chosen:
                chosen.busy += 1
        try:
            if chosen is None:
                raise EndpointError("ServiceUnavailable", "no server is running at the moment" + ("; it is being started again" if self.wanted else ": scaled to zero"))
            yield chosen
        except TimeoutError:
            raise EndpointError("ModelError", f"Received server error (0) from primary: the model did not answer within {seconds:g} seconds "
                                              "(real-time limit). Use asynchronous inference for long requests.", 0) from None
        except ServerGone as error:
            raise EndpointError("ServiceUnavailable", str(error)) from None
        finally:
            with self._lock:
                self.busy -= 1
                if chosen:
                    chosen.busy -= 1

    def invoke(self, body: bytes, content_type: str, seconds: float = RESPONSE_SECONDS) -> tuple[bytes, str]:
        """The answer of one replica. Raises EndpointError with AWS's code and the model's message."""
        with self._chosen(seconds) as replica:
            status, answer, kind = replica.ask("POST", "/invocations", body, content_type, seconds)
        if status != 200:
            raise _model_error(status, answer)
        return answer, kind

    def stream(self, body: bytes, content_type: str, seconds: float = RESPONSE_SECONDS):
        """Yields the content type, then the pieces of the answer. `seconds`: the longest silence. Raises EndpointError, also midway."""
        with self._chosen(seconds) as replica:
            pieces = replica.stream(body, content_type, seconds)
            try:
                status, kind = next(pieces)
                if status != 200:
                    raise _model_error(status, b"".join(pieces))
                yield kind
                yield from pieces
            finally:
                pieces.close()  # the connection ends, and with it the computation, when nobody reads any more

    def close(self) -> None:
        with self._lock:
            self.closed = True
        for replica in (*self.replicas, *self._leaving):
            replica.stop()


def _model_error(status: int, answer: bytes) -> EndpointError:
    side = "client" if status < 500 else "server"
    return EndpointError("ModelError", f"Received {side} error ({status}) from primary with message \"{answer.decode(errors='replace')}\"", status)


class Endpoint:
    """A name under which a fleet answers; with an asynchronous configuration also a queue. `update` is blue/green."""

    def __init__(self, name: str, fleet: Fleet, config: dict, s3):
        self.name, self.fleet, self.config, self.s3 = name, fleet, config, s3
        self.status, self.reason, self.created = "Creating", "", time.time()
        self.response_seconds = RESPONSE_SECONDS
        self.closed = threading.Event()
        self.asynchronous = config.get("AsyncInferenceConfig")
        self.waiting: queue.Queue = queue.Queue()
        self.accepted, self.finished, self.retries = 0, 0, 0  # asynchronous requests; attempts that a dead server spoiled
        self._threads, self._coming, self._lock = [], None, threading.Lock()
        self._starter = threading.Thread(target=self._start, daemon=True)
        self._starter.start()

    def _start(self) -> None:
        try:
            self.fleet.start(self._health_seconds())
        except Exception as error:  # whatever it was: an endpoint that stays in Creating for ever says nothing
            self.status, self.reason = "Failed", str(error) or type(error).__name__
            return
        if self.asynchronous:
            self._threads = [threading.Thread(target=self._serve_queue, args=(k,), daemon=True) for k in range(MOST_SERVERS * self._concurrency())]
            for thread in self._threads:
                thread.start()
        self.status = "InService"

    def _concurrency(self) -> int:
        return self.asynchronous.get("ClientConfig", {}).get("MaxConcurrentInvocationsPerInstance", 4)

    def backlog(self) -> int:
        """Asynchronous requests that were accepted and not yet answered: AWS's metric ApproximateBacklogSize."""
        return self.accepted - self.finished

    def _health_seconds(self) -> float:
        return float(self.config["ProductionVariants"][0].get("ContainerStartupHealthCheckTimeoutInSeconds", HEALTH_SECONDS))

    def invoke(self, body: bytes, content_type: str) -> tuple[bytes, str]:
        self._admit(body)
        return self.fleet.invoke(body, content_type, self.response_seconds)

    def _admit(self, body: bytes) -> None:
        if self.status not in ("InService", "Updating", "RollingBack"):
            raise EndpointError("ValidationError", f"Endpoint {self.name} is {self.status}: it can't be invoked.")
        if len(body) > MAX_PAYLOAD:
            raise EndpointError("ValidationError", f"the payload has {len(body):,} bytes; a real-time request may have {MAX_PAYLOAD:,}. "
                                                   "Put it into S3 and invoke asynchronously.")

    def stream(self, body: bytes, content_type: str):
        """As `invoke`, piece by piece: yields the content type, then bytes."""
        self._admit(body)
        return self.fleet.stream(body, content_type, self.response_seconds)

    def update(self, fleet: Fleet, config: dict) -> None:
        """Blue/green: start the new fleet beside the old one, switch when it is healthy, else keep the old one."""
        self.status, self._coming = "Updating", fleet

        def change():
            try:
                fleet.start(self._health_seconds())
            except Exception as error:
                self.status, self.reason = "InService", f"rolled back: {error}"
                return
            old, self.fleet, self.config, self.reason = self.fleet, fleet, config, ""
            self.status = "InService"
            time.sleep(0.2)  # a request may be on its way to the old fleet
            while old.busy and not self.closed.is_set():
                time.sleep(0.05)
            old.close()

        self._starter = threading.Thread(target=change, daemon=True)
        self._starter.start()

    # ------------------------------------------------------------------------------------------ asynchronous
    def accept(self, uri: str, content_type: str) -> tuple[str, str, str]:
        """Put a request into the queue; returns (its id, where the answer will be, where a failure will be)."""
        if not self.asynchronous:
            raise EndpointError("ValidationError", f"Endpoint {self.name} has no AsyncInferenceConfig: use invoke_endpoint.")
        name, output = str(uuid.uuid4()), self.asynchronous["OutputConfig"]
        answer = f"{output['S3OutputPath'].rstrip('/')}/{name}.out"
        failure = f"{output.get('S3FailurePath', output['S3OutputPath']).rstrip('/')}/{name}-error.out"
        with self._lock:
            self.accepted += 1
        self.waiting.put((uri, content_type, answer, failure, time.monotonic()))
        return name, answer, failure

    def _serve_queue(self, number: int) -> None:
        """Thread `number` works while the fleet is large enough for it: so many requests at a time for each server."""
        while not self.closed.is_set():
            if number >= self.fleet.wanted * self._concurrency():
                self.closed.wait(0.1)
                continue
            with contextlib.suppress(queue.Empty):
                self._serve_one(*self.waiting.get(timeout=0.1))
                with self._lock:
                    self.finished += not self.closed.is_set()

    def _serve_one(self, uri, content_type, answer, failure, accepted) -> None:
        try:
            bucket, key = local_jobs.place(uri)
            body = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except Exception as error:
            return local_jobs.put(self.s3, failure, f"input {uri} can't be read: {error}".encode())
        while not self.closed.is_set():
            try:
                return local_jobs.put(self.s3, answer, self.fleet.invoke(body, content_type, 3600)[0])
            except EndpointError as error:
                too_old = time.monotonic() - accepted > REQUEST_LIFE_SECONDS
                if error.kind != "ServiceUnavailable" and error.status != 503 or too_old:
                    return local_jobs.put(self.s3, failure, str(error).encode())
                with self._lock:
                    self.retries += 1  # the server died or is starting: the request was accepted, so it is kept
                self.closed.wait(0.5)

    def close(self) -> None:
        self.closed.set()
        self.fleet.close()
        if self._coming:
            self._coming.close()
        self._starter.join(10)
        for thread in self._threads:
            thread.join(5)
        self.fleet.close()  # what a starter had begun in the meantime

    def describe(self) -> dict:
        variant = self.config["ProductionVariants"][0]
        found = {"EndpointName": self.name, "EndpointArn": local_jobs.arn(self.name, "endpoint"), "EndpointConfigName": self.config["EndpointConfigName"],
                 "EndpointStatus": self.status, "CreationTime": self.created, "LastModifiedTime": time.time(),
                 "ProductionVariants": [{"VariantName": variant["VariantName"], "CurrentInstanceCount": len(self.fleet.replicas),
                                         "DesiredInstanceCount": self.fleet.wanted}]}
        if self.reason:
            found["FailureReason"] = self.reason
        return found
