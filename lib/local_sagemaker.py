"""SageMaker on this machine: unchanged submission code, no account, no docker, and the job is really executed.

    cloud = open_cloud("local", folder)                # "aws" gives your own account instead; the rest stays the same
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_training_job(...)                 # runs as a process: lib.local_jobs
    cloud.close()                                      # everything that was started is stopped

A real HTTP server on 127.0.0.1 takes the requests of boto3 and of the SageMaker SDK. SageMaker's own operations are
answered here; S3, IAM, STS, logs and CloudWatch by moto (https://github.com/getmoto/moto). The switch is an AWS profile
named `local` with an `endpoint_url`, in a configuration file of its own; your ~/.aws is not read and not written.

Simulated, and said so in the lessons: machine types, images, the enforcement of rights, quotas, cold starts, prices.
"""

import contextlib
import http
import json
import os
import re
import shutil
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from lib import local_jobs
from lib.local_deployments import Deployments, Refused

ACCOUNT, REGION = "123456789012", "us-east-1"  # the account number of AWS's own examples
ROLE = f"arn:aws:iam::{ACCOUNT}:role/CourseRole"
BUCKET = f"sagemaker-{REGION}-{ACCOUNT}"
VARIABLES = {"AWS_PROFILE": "local", "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true", "SAGEMAKER_VALIDATE_ROLE": "false"}
FOREIGN = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION")


class Cloud:
    """Where the lessons send their requests. `where` is "local" or "aws"; `client(name)` is a boto3 client for it."""

    def __init__(self, where: str, session, server=None):
        self.where, self.session, self.server = where, session, server
        self._opened = contextlib.ExitStack()

    def client(self, name: str, **settings):
        return self.session.client(name, **settings)

    def close(self) -> None:
        """Stop every job, server and thread of this cloud; on "aws" nothing is touched. Calling it twice is fine."""
        self._opened.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


_opened: list[Cloud] = []


def open_cloud(where: str, folder=None, region: str = REGION) -> Cloud:
    """`open_cloud("local", "build/smol/14/cloud")` or `open_cloud("aws")`. Raises ValueError for another name.

    A local cloud that is still open is closed first, as when the cell is run again.
    """
    if where == "aws":
        return Cloud("aws", boto3.Session(region_name=region))
    if where != "local":
        raise ValueError(f"where={where!r}: write 'local' or 'aws'.")
    while _opened:  # moto's memory belongs to the process, so there is one local cloud at a time
        _opened.pop().close()
    cloud = Cloud("local", None)
    with contextlib.ExitStack() as stack:
        folder = Path(folder or stack.enter_context(tempfile.TemporaryDirectory())).resolve()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        cloud.server = stack.enter_context(Server(folder))
        stack.enter_context(_profile(cloud.server.url, folder))
        cloud.session = boto3.Session(profile_name="local", region_name=region)
        cloud.server.connect(cloud.session)
        cloud.client("s3").create_bucket(Bucket=BUCKET)
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}]}
        cloud.client("iam").create_role(RoleName="CourseRole", AssumeRolePolicyDocument=json.dumps(trust))
        cloud._opened = stack.pop_all()
    _opened.append(cloud)
    return cloud


@contextlib.contextmanager
def _profile(url: str, folder: Path):
    """The profile `local`, for boto3 and for the SDK, in files of its own; the environment is put back afterwards."""
    (folder / "aws_config").write_text(f"[profile local]\nregion = {REGION}\nendpoint_url = {url}\n", encoding="utf-8")
    (folder / "aws_credentials").write_text("[local]\naws_access_key_id = local\naws_secret_access_key = local\n", encoding="utf-8")
    sdk = folder / "sdk_config.yaml"
    sdk.write_text("SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n", encoding="utf-8")
    wanted = VARIABLES | {"AWS_CONFIG_FILE": str(folder / "aws_config"), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "aws_credentials"),
                          "SAGEMAKER_USER_CONFIG_OVERRIDE": str(sdk)}
    before = {name: os.environ.get(name) for name in (*wanted, *FOREIGN)}
    for name in FOREIGN:
        os.environ.pop(name, None)
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


class Server(Deployments):
    """The HTTP server and what it knows: `jobs` and `endpoints` by name. `with Server(folder) as server: server.url`."""

    def __init__(self, folder: Path, python: str = sys.executable):
        super().__init__()
        self.folder, self.python = Path(folder), python
        self.jobs: dict[str, local_jobs.Job] = {}
        self.url = ""

    def __enter__(self):
        from moto.moto_server.werkzeug_app import (
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import make_server

        class Quiet(MotoRequestHandler):
            def log(self, *_):
                pass  # a line a request is no news

        self._moto = DomainDispatcherApplication(create_backend_app)
        self._http = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Quiet)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, name="local-sagemaker", daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        return self

    def connect(self, session) -> None:
        """The server's own clients of S3, logs and IAM, which are on this same port."""
        self._own_clients = {name: session.client(name) for name in ("s3", "logs", "iam")}
        self._own_clients["logs"].create_log_group(logGroupName=local_jobs.LOG_GROUP)

    def __exit__(self, *_):
        self.close_endpoints()
        for job in list(self.jobs.values()):
            job.close()
        with contextlib.suppress(OSError):  # moto keeps what it was told for the whole process: forget it
            urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST"), timeout=10).close()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)

    # -------------------------------------------------------------------------------------------- requests
    def _answer(self, environ, start_response):
        target, path = environ.get("HTTP_X_AMZ_TARGET", ""), environ.get("PATH_INFO", "")
        if path.startswith("/endpoints/") and path.endswith("invocations"):
            headers = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
            code, content, sent = self.invoke(environ, path, headers)
            start_response(f"{code} {http.HTTPStatus(code).phrase}", [*sent, ("Content-Length", str(len(content)))])
            return [content]
        if not target.startswith("SageMaker."):
            try:
                return self._moto(environ, start_response)
            except NotImplementedError as error:  # the SDK asks for rights that moto can't simulate, and goes on without the answer
                content = f"<ErrorResponse><Error><Code>NotImplemented</Code><Message>{error}</Message></Error></ErrorResponse>".encode()
                start_response("400 Bad Request", [("Content-Type", "text/xml"), ("Content-Length", str(len(content)))])
                return [content]
        operation = getattr(self, snake(target.split(".", 1)[1]), None)
        try:
            request = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}")
            if operation is None:
                raise Refused("UnknownOperationException", f"{target} is not built into the local endpoint; on AWS it exists.")
            status, body = "200 OK", operation(request)
        except Refused as error:
            status, body = "400 Bad Request", {"__type": error.kind, "message": str(error)}
        content = json.dumps(body).encode()
        start_response(status, [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(content)))])
        return [content]

    # --------------------------------------------------------------------------------------- training jobs
    def create_training_job(self, request: dict) -> dict:
        name = request["TrainingJobName"]
        if name in self.jobs:
            raise Refused("ResourceInUse", f"Training job names must be unique within an account and region: {name} exists.")
        if not re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name):
            raise Refused("ValidationException", f"TrainingJobName {name!r}: letters, digits and hyphens only, at most 63.")
        self._check_role(request["RoleArn"])
        algorithm = request["AlgorithmSpecification"]
        if not algorithm.get("ContainerEntrypoint"):
            raise Refused("ValidationException", "the local endpoint runs no image: give AlgorithmSpecification.ContainerEntrypoint.")
        for definition in algorithm.get("MetricDefinitions", []):
            try:
                groups = re.compile(definition["Regex"]).groups
            except re.error as error:
                raise Refused("ValidationException", f"the expression of metric {definition['Name']} is broken: {error}.") from None
            if groups != 1:
                raise Refused("ValidationException", f"the expression of metric {definition['Name']} needs one group, it has {groups}.")
        spot = request.get("EnableManagedSpotTraining")
        limits = request.get("StoppingCondition", {})
        if spot and limits.get("MaxWaitTimeInSeconds", 0) < limits.get("MaxRuntimeInSeconds", 86400):
            raise Refused("ValidationException", "MaxWaitTimeInSeconds above or equal to MaxRuntimeInSeconds is required for spot training.")
        self.jobs[name] = local_jobs.Job(request, self._own_clients, self.folder / "jobs" / name, self.python).start()
        return {"TrainingJobArn": local_jobs.arn(name)}

    def describe_training_job(self, request: dict) -> dict:
        return self._job(request).describe()

    def stop_training_job(self, request: dict) -> dict:
        threading.Thread(target=self._job(request).stop, daemon=True).start()
        return {}

    def list_training_jobs(self, request: dict) -> dict:
        keys = ("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingJobStatus")
        return {"TrainingJobSummaries": [{k: d[k] for k in keys} for d in (job.describe() for job in self.jobs.values())]}

    def _job(self, request: dict) -> local_jobs.Job:
        name = request["TrainingJobName"]
        if name not in self.jobs:
            raise Refused("ValidationException", f"Requested resource not found: training job {name}.")
        return self.jobs[name]

    def _check_role(self, arn: str) -> None:
        found = re.fullmatch(r"arn:aws[a-z-]*:iam::(\d{12}):role/?(?:.*/)?([\w+=,.@-]+)", arn)
        try:
            if not found:
                raise Refused("ValidationException", f"RoleArn {arn!r} is no ARN of a role: arn:aws:iam::<12 digits>:role/<name>.")
            self._own_clients["iam"].get_role(RoleName=found[2])
        except ClientError:
            raise Refused("ValidationException", f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
                                                 "'sagemaker.amazonaws.com' to assume the role.") from None


def snake(name: str) -> str:
    """`snake("CreateTrainingJob")` → "create_training_job"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def wait(sagemaker, job: str, seconds: float = 600, poll: float = 0.2) -> dict:
    """Poll DescribeTrainingJob until the job has ended; returns the last answer. Raises TimeoutError."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = sagemaker.describe_training_job(TrainingJobName=job)
        if found["TrainingJobStatus"] in ("Completed", "Failed", "Stopped"):
            return found
        time.sleep(poll)
    raise TimeoutError(f"the job {job} has not ended after {seconds:g} s; sagemaker.stop_training_job(TrainingJobName=…) ends it.")
