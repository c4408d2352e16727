"""One training job, really executed as a process under SageMaker's container contract.

The folder `opt/ml` of the job stands for the container's /opt/ml: hyperparameters and channels are laid out in it, the
job's own entry point is run with every `/opt/ml` of its command (and of the SDK's driver scripts) pointing there, what
it prints is kept as its log and read by the metric expressions, model/ becomes model.tar.gz in S3, and
output/failure becomes the FailureReason. Checkpoints travel to S3 while it runs and come back after an interruption.

Real: processes, files, S3 objects, signals, exit codes, times. Simulated: the machine's type and its start-up, the
image (this Python takes its place), the role's rights, quotas, and the moment at which a spot machine is taken away.
"""

import contextlib
import io
import json
import os
import re
import shutil
import sys
import tarfile
import threading
import time
from pathlib import Path
from urllib.parse import urlparse

from lib import local_process

CONTAINER = "/opt/ml"
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
KEPT_VARIABLES = ("LANG", "LC_ALL", "TZ", "SYSTEMROOT", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "HF_HUB_OFFLINE", "HF_HOME", "LD_LIBRARY_PATH",
                  "SSL_CERT_FILE", "CUDA_VISIBLE_DEVICES")


class Job:
    """A training job: `Job(request, clients, folder).start()`; `describe()` is what DescribeTrainingJob answers.

    `clients`: boto3 clients by name, for s3 and logs.
    """

    def __init__(self, request: dict, clients: dict, folder: Path, python: str = sys.executable):
        self.request, self.s3, self.logs, self.folder, self.python = request, clients["s3"], clients["logs"], Path(folder), python
        self.name = request["TrainingJobName"]
        self.created = time.time()
        self.status, self.secondary, self.reason = "InProgress", "Starting", ""
        self.transitions: list[dict] = []
        self.lines: list[tuple[float, str]] = []  # the log: (time, line)
        self.metrics: list[dict] = []  # {"MetricName", "Value", "Timestamp"} in the order they were printed
        self.attempts, self.training_seconds, self.ended, self.artifact = 0, 0.0, None, None
        self._wanted_end: str | None = None  # "stop", "time" or "interrupt": why we ended the process
        self._sudden = False  # taken away without a warning
        self._child, self._lock = None, threading.Lock()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._move("Starting", "Preparing the (simulated) instance")

    # ------------------------------------------------------------------------------------ what others call
    def start(self):
        self._thread.start()
        return self

    def interrupt(self, grace_seconds: float = 0.0) -> None:
        """Take the (simulated) spot machine away: SIGTERM, `grace_seconds`, SIGKILL. AWS warns two minutes ahead."""
        self._end("interrupt", grace_seconds)

    def stop(self, grace_seconds: float = 2.0) -> None:
        self._end("stop", grace_seconds)

    def close(self) -> None:
        """Kill what still runs and wait for the thread: after this no process of the job is left."""
        if self._thread.is_alive():
            self._end("stop", 0.0)
            self._thread.join(30)

    def describe(self) -> dict:
        """The fields of DescribeTrainingJob; times as seconds since 1970."""
        same = ("TrainingJobName", "AlgorithmSpecification", "RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig", "Environment",
                "StoppingCondition", "CheckpointConfig", "HyperParameters", "VpcConfig")
        found = {name: self.request[name] for name in same if self.request.get(name)}
        found |= {"TrainingJobArn": arn(self.name), "TrainingJobStatus": self.status, "SecondaryStatus": self.secondary,
                  "CreationTime": self.created, "LastModifiedTime": self.transitions[-1]["StartTime"],
                  "SecondaryStatusTransitions": self.transitions, "FinalMetricDataList": self._latest_metrics(),
                  "EnableManagedSpotTraining": bool(self.request.get("EnableManagedSpotTraining"))}
        if self.artifact:
            found["ModelArtifacts"] = {"S3ModelArtifacts": self.artifact}
        if self.reason:
            found["FailureReason"] = self.reason
        if self.ended:
            found |= {"TrainingEndTime": self.ended, "TrainingTimeInSeconds": round(self.ended - self.created),
                      "BillableTimeInSeconds": round(self.training_seconds)}
        return found

    # ------------------------------------------------------------------------------------------ its course
    def _run(self) -> None:
        try:
            while True:
                self.attempts += 1
                root = self.folder / f"attempt-{self.attempts}" / "opt" / "ml"
                self._download(root)
                code = self._execute(root)
                if self._wanted_end != "interrupt" or code == 0:  # it may have finished at that very moment
                    break
                self._wanted_end, self._sudden, self._child = None, False, None
                self._move("Interrupted", "The (simulated) spot machine was taken away; waiting for another one")
                shutil.rmtree(root.parent.parent)  # a new machine has nothing of the old one
            self._finish(root, code)
        except InputMissing as error:
            self._close_as("Failed", "Failed", f"ClientError: {error}")
        except Exception as error:  # the thread must not die with the job still "InProgress"
            self._close_as("Failed", "Failed", f"InternalServerError: {type(error).__name__}: {error}")

    def _download(self, root: Path) -> None:
        self._move("Downloading", "Downloading the channels from S3")
        for part in ("input/config", "input/data", "model", "output/data", "checkpoints"):
            (root / part).mkdir(parents=True)
        channels = self.request.get("InputDataConfig", [])
        for entry in channels:
            source = entry["DataSource"]["S3DataSource"]
            fetch(self.s3, source["S3Uri"], root / "input" / "data" / entry["ChannelName"], entry["ChannelName"])
        for script in (root / "input" / "data" / "sm_drivers").rglob("*"):  # the SDK's own launcher, moved to this folder
            if script.is_file() and script.suffix in (".py", ".sh", ".json"):
                script.write_text(script.read_text(encoding="utf-8").replace(CONTAINER, str(root)), encoding="utf-8")
        if (checkpoint := self.request.get("CheckpointConfig")):
            with contextlib.suppress(InputMissing):
                fetch(self.s3, checkpoint["S3Uri"], root / "checkpoints", "checkpoints")
        resource = self.request.get("ResourceConfig", {})
        config = {"hyperparameters": self.request.get("HyperParameters", {}),
                  "inputdataconfig": {c["ChannelName"]: {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"} for c in channels},
                  "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"], "current_group_name": "homogeneousCluster",
                                     "current_instance_type": resource.get("InstanceType", ""), "network_interface_name": "lo"}}
        for name, content in config.items():
            (root / "input" / "config" / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")

    def _execute(self, root: Path) -> int:
        algorithm = self.request["AlgorithmSpecification"]
        command = [part.replace(CONTAINER, str(root)) for part in (*algorithm["ContainerEntrypoint"], *algorithm.get("ContainerArguments", []))]
        if command[0] in ("python", "python3"):
            command[0] = self.python
        self._move("Training", f"Training, attempt {self.attempts}")
        started = time.time()
        with self._lock:
            if self._wanted_end == "stop":
                return 143
            self._child = local_process.start(command, self._environment(root), root)
        syncing = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(root, syncing), daemon=True)
        watcher.start()
        for line in self._child.stdout:
            self._log(line.rstrip("\n").replace(str(root), CONTAINER))
        code = self._child.wait()
        self._child.stdin.close()
        self.training_seconds += time.time() - started
        syncing.set()
        watcher.join()
        return code

    def _environment(self, root: Path) -> dict:
        """Only what a container would have: nothing of the reader's shell, above all no credentials."""
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        home = root.parent / "home"
        home.mkdir(exist_ok=True)
        return kept | {"PATH": f"{Path(self.python).parent}{os.pathsep}{os.environ.get('PATH', '')}", "HOME": str(home), "PIP_NO_INDEX": "1",
                       "SAGEMAKER_BASE_DIR": str(root), "TRAINING_JOB_NAME": self.name, "TRAINING_JOB_ARN": arn(self.name),
                       "AWS_REGION": "us-east-1", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                       "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"} | self.request.get("Environment", {})

    def _watch(self, root: Path, done: threading.Event) -> None:
        """Beside the process: sends new checkpoint files to S3, and ends the job when its time is over."""
        target = self.request.get("CheckpointConfig", {}).get("S3Uri")
        most = self.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400)
        began, sent, logged = time.time(), {}, len(self.lines)
        stream = f"{self.name}/algo-1-{round(began)}-{self.attempts}"
        self.logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
        while True:
            last = done.wait(0.2)
            if target and not (last and self._sudden):  # a machine that is gone sends nothing
                send_new(self.s3, root / "checkpoints", target, sent)
            logged = self._publish(stream, logged)
            if last:
                return
            if time.time() - began > most and not self._wanted_end:
                threading.Thread(target=self._end, args=("time", 2.0), daemon=True).start()

    def _publish(self, stream: str, begin: int) -> int:
        """The lines from `begin` on → the log stream; returns where the next call begins."""
        new = self.lines[begin:]
        for k in range(0, len(new), 1000):
            events = [{"timestamp": round(1000 * t), "message": line or " "} for t, line in new[k : k + 1000]]
            self.logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=stream, logEvents=events)
        return begin + len(new)

    def _finish(self, root: Path, code: int) -> None:
        self._move("Uploading", "Uploading the results to S3")
        target = f"{self.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.name}/output"
        failure = root / "output" / "failure"
        if any((root / "output" / "data").iterdir()):
            put(self.s3, f"{target}/output.tar.gz", packed(root / "output" / "data"))
        if (code == 0 or self._wanted_end) and any((root / "model").iterdir()):
            put(self.s3, f"{target}/model.tar.gz", packed(root / "model"))
            self.artifact = f"{target}/model.tar.gz"
        if self._wanted_end in ("stop", "time"):
            self._close_as("Stopped", "Stopped" if self._wanted_end == "stop" else "MaxRuntimeExceeded", "")
        elif code == 0:
            self._close_as("Completed", "Completed", "")
        else:
            said = failure.read_text(encoding="utf-8", errors="replace") if failure.is_file() else "; ".join(t for _, t in self.lines[-3:])
            said = said.replace(str(root), CONTAINER)[:1024]
            self._close_as("Failed", "Failed", f"AlgorithmError: {said.strip()}, exit code: {code}")

    # --------------------------------------------------------------------------------------------- helpers
    def _end(self, why: str, grace_seconds: float) -> None:
        with self._lock:
            if self.ended:
                return
            self._wanted_end = self._wanted_end or why
            self._sudden = why == "interrupt" and not grace_seconds
            if why == "stop":
                self._move("Stopping", "Stopping the training job")
            child = self._child
        if child is not None:
            local_process.stop(child, grace_seconds)

    def _close_as(self, status: str, secondary: str, reason: str) -> None:
        self.reason, self.ended = reason, time.time()
        self._move(secondary, reason or "Training job " + secondary.lower())
        self.status = status

    def _move(self, secondary: str, message: str) -> None:
        now = time.time()
        if self.transitions:
            self.transitions[-1].setdefault("EndTime", now)
        self.secondary = secondary
        self.transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": message})

    def _log(self, line: str) -> None:
        self.lines.append((time.time(), line))
        for definition in self.request["AlgorithmSpecification"].get("MetricDefinitions", []):
            for value in re.findall(definition["Regex"], line):
                with contextlib.suppress(ValueError):
                    self.metrics.append({"MetricName": definition["Name"], "Value": float(value), "Timestamp": time.time()})

    def _latest_metrics(self) -> list[dict]:
        return list({m["MetricName"]: m for m in self.metrics}.values())


class InputMissing(Exception):
    """An S3 address under which nothing lies. The message names the channel."""


def arn(name: str, kind: str = "training-job") -> str:
    return f"arn:aws:sagemaker:us-east-1:123456789012:{kind}/{name}"


# ---------------------------------------------------------------------------------------------------------- S3
def place(uri: str) -> tuple[str, str]:
    """`place("s3://bucket/a/b")` → ("bucket", "a/b"). Raises ValueError for anything else."""
    parts = urlparse(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError(f"{uri!r} is no S3 address; write s3://bucket/prefix.")
    return parts.netloc, parts.path.lstrip("/")


def fetch(s3, uri: str, folder: Path, channel: str) -> None:
    """Every object under the prefix → files in `folder`. Raises InputMissing when there is none."""
    bucket, prefix = place(uri)
    try:
        keys = [o["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix) for o in page.get("Contents", [])]
    except s3.exceptions.NoSuchBucket:
        keys = []
    keys = [k for k in keys if k == prefix or prefix == "" or k.startswith(prefix.rstrip("/") + "/")] or [k for k in keys if k.startswith(prefix)]
    if not keys:
        raise InputMissing(f"Data download failed for channel {channel}: no S3 objects found under {uri}. Check the S3Uri and the region.")
    for key in keys:
        inside = key[len(prefix):].lstrip("/") if key != prefix else Path(key).name
        target = (folder / inside).resolve()
        if not target.is_relative_to(folder.resolve()):
            raise InputMissing(f"the key {key!r} leads out of the channel's folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, key, str(target))


def put(s3, uri: str, content: bytes) -> None:
    bucket, key = place(uri)
    s3.put_object(Bucket=bucket, Key=key, Body=content)


def send_new(s3, folder: Path, uri: str, sent: dict) -> None:
    """Upload what is new or changed since the last call; the file that marks a checkpoint as complete goes last."""
    bucket, prefix = place(uri)
    files = sorted((f for f in folder.rglob("*") if f.is_file()), key=lambda f: (f.name == "trainer_state.json", str(f)))
    for file in files:
        with contextlib.suppress(FileNotFoundError):  # an old checkpoint is being removed
            stamp = (file.stat().st_size, file.stat().st_mtime_ns)
            if sent.get(file) != stamp:
                s3.upload_file(str(file), bucket, f"{prefix.rstrip('/')}/{file.relative_to(folder).as_posix()}")
                sent[file] = stamp


def packed(folder: Path) -> bytes:
    """The files of a folder as .tar.gz, with the folder itself left out: the layout of model.tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for file in sorted(Path(folder).iterdir()):
            archive.add(file, arcname=file.name)
    return buffer.getvalue()
