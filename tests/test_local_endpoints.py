"""Endpoints that really answer, with a toy in place of the model: errors, load, death, updates, queues; nothing is left."""

import io
import json
import socket
import subprocess
import sys
import tarfile
import textwrap
import time

import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lib import (
    load,
    local_autoscaling,
    local_deployments,
    local_endpoints,
    local_jobs,
    local_lambda,
    local_process,
    local_sagemaker,
    sagemaker_inference,
    sagemaker_serve,
)

TOY = """
import json, time

def model_fn(folder):
    return open(folder + "/words.txt").read()

def input_fn(body, content_type):
    request = json.loads(body)
    if content_type != "application/json":
        raise ValueError("not application/json: " + content_type)
    if "wait" not in request:
        raise ValueError("wait is missing")
    return request

def predict_fn(requests, model):
    if any(r["wait"] < 0 for r in requests):
        raise RuntimeError("negative")
    time.sleep(max(r["wait"] for r in requests))
    return [{"said": f"{model} {r.get('n', 0)}", "batch": len(requests)} for r in requests]

def output_fn(answer, accept):
    return json.dumps(answer)

def stream_fn(request, model, give):
    if request["wait"] < 0:
        raise RuntimeError("negative")
    for k in range(request.get("pieces", 3)):
        give(f"{model} {k}\\n")
        time.sleep(request["wait"])
"""


def archive(words: str, code: str = TOY, inside: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, text in (("code/inference.py", textwrap.dedent(code)), ("words.txt", words)):
            member = tarfile.TarInfo(inside + name)
            member.size = len(text.encode())
            packed.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with local_sagemaker.open_cloud("local", tmp_path_factory.mktemp("cloud")) as opened:
        for name, content in {"old": archive("old"), "new": archive("new"), "deep": archive("x", inside="top/"), "broken": archive("x", "import nothing_like_it")}.items():
            local_jobs.put(opened.client("s3"), f"s3://{local_sagemaker.BUCKET}/{name}.tar.gz", content)
        yield opened
    assert not [p for p in psutil.Process().children(recursive=True) if "sagemaker_serve" in " ".join(p.cmdline())]


def deploy(cloud, name: str, data: str = "old", wait: bool = True, environment=None, **more) -> str:
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=local_sagemaker.ROLE, PrimaryContainer={
        "ModelDataUrl": f"s3://{local_sagemaker.BUCKET}/{data}.tar.gz", "Environment": environment or {"SERVE_MAX_BATCH": "4"}})
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[
        {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
         "ContainerStartupHealthCheckTimeoutInSeconds": 300}], **more)
    if wait:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        settled(cloud, name)
    return name


def settled(cloud, name: str, seconds: float = 300) -> dict:
    ends = time.monotonic() + seconds
    while (found := cloud.client("sagemaker").describe_endpoint(EndpointName=name))["EndpointStatus"] in ("Creating", "Updating"):
        assert time.monotonic() < ends
        time.sleep(0.05)
    return found


def ask(cloud, name: str, body=None, **wanted):
    runtime = cloud.client("sagemaker-runtime", config=Config(retries={"total_max_attempts": 1}))
    answer = runtime.invoke_endpoint(EndpointName=name, ContentType="application/json", Body=json.dumps(wanted) if body is None else body)
    return json.loads(answer["Body"].read())


@pytest.fixture(scope="module")
def toy(cloud):
    return deploy(cloud, "toy")


def test_it_answers_and_is_described(cloud, toy):
    assert ask(cloud, toy, wait=0, n=7)["said"] == "old 7"
    found = cloud.client("sagemaker").describe_endpoint(EndpointName=toy)
    assert found["EndpointStatus"] == "InService" and found["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert [e["EndpointName"] for e in cloud.client("sagemaker").list_endpoints()["Endpoints"]].count(toy) == 1


@pytest.mark.parametrize("body, code, words", [
    (b"{", "ModelError", "client error (400)"), (b'{"n": 1}', "ModelError", "wait is missing"), (b'{"wait": -1}', "ModelError", "RuntimeError: negative"),
    (b" " * (local_endpoints.MAX_PAYLOAD + 1), "ValidationError", "Put it into S3"),
])
def test_a_wrong_request_is_answered_with_its_reason(cloud, toy, body, code, words):
    with pytest.raises(ClientError) as caught:
        ask(cloud, toy, body)
    assert caught.value.response["Error"]["Code"] == code and words in str(caught.value)
    assert ask(cloud, toy, wait=0)["said"] == "old 0", "one bad request must not end the server"


def test_the_server_itself_refuses_a_body_that_is_too_large(cloud, toy):
    replica = cloud.server.endpoints[toy].fleet.replicas[0]
    status, answer, _ = replica.ask("POST", "/invocations", b" " * (sagemaker_serve.MAX_PAYLOAD + 1))
    assert status == 413 and b"more than 6,291,456" in answer
    assert replica.ask("GET", "/ping")[0] == 200 and replica.ask("GET", "/other")[0] == 404


def test_unknown_endpoints_and_names_used_twice(cloud, toy):
    with pytest.raises(ClientError, match="Could not find endpoint nobody"):
        ask(cloud, "nobody", wait=0)
    with pytest.raises(ClientError, match="already existing"):
        cloud.client("sagemaker").create_endpoint(EndpointName=toy, EndpointConfigName=toy)
    with pytest.raises(ClientError, match="no AsyncInferenceConfig"):
        cloud.client("sagemaker-runtime").invoke_endpoint_async(EndpointName=toy, InputLocation="s3://b/c")


def test_a_late_answer_is_a_timeout_and_the_server_lives_on(cloud, toy):
    cloud.server.endpoints[toy].response_seconds = 0.2
    try:
        with pytest.raises(ClientError, match="did not answer within 0.2 seconds"):
            ask(cloud, toy, wait=0.6)
    finally:
        cloud.server.endpoints[toy].response_seconds = local_endpoints.RESPONSE_SECONDS
    assert ask(cloud, toy, wait=0)["said"] == "old 0"


def test_what_waits_is_answered_as_a_batch(cloud, toy):
    seen = load.run(lambda n: ask(cloud, toy, wait=0.2, n=n), requests=8, users=8)
    assert [s.answer["said"] for s in seen] == [f"old {n}" for n in range(8)], "an answer went to the wrong client"
    assert max(s.answer["batch"] for s in seen) > 1 and all(s.answer["batch"] <= 4 for s in seen)


@pytest.mark.parametrize("name, words", [("deep", "code/inference.py is not in the archive"), ("broken", "nothing_like_it")])
def test_a_broken_archive_fails_the_health_check(cloud, name, words):
    deploy(cloud, name, name)
    found = settled(cloud, name)
    assert found["EndpointStatus"] == "Failed" and "ping health check" in found["FailureReason"] and words in found["FailureReason"]
    with pytest.raises(ClientError, match="is Failed"):
        ask(cloud, name, wait=0)


def test_an_update_loses_no_request_and_a_broken_one_is_rolled_back(cloud):
    deploy(cloud, "blue")
    deploy(cloud, "green", "new", wait=False)
    deploy(cloud, "red", "deep", wait=False)
    cloud.client("sagemaker").update_endpoint(EndpointName="blue", EndpointConfigName="green")
    seen = []
    ends = time.monotonic() + 300
    while cloud.client("sagemaker").describe_endpoint(EndpointName="blue")["EndpointStatus"] == "Updating":
        assert time.monotonic() < ends
        seen += load.run(lambda n: ask(cloud, "blue", wait=0), requests=1, users=1)
    assert not [s.error for s in seen if s.error] and ask(cloud, "blue", wait=0)["said"] == "new 0"
    cloud.client("sagemaker").update_endpoint(EndpointName="blue", EndpointConfigName="red")
    found = settled(cloud, "blue")
    assert found["EndpointConfigName"] == "green" and "rolled back" in found["FailureReason"] and ask(cloud, "blue", wait=0)["said"] == "new 0"


def kill(cloud, name: str) -> None:
    for process in local_process.family(cloud.server.endpoints[name].fleet.replicas[0].process.pid):
        process.kill()


def test_a_killed_server_comes_back(cloud, toy):
    kill(cloud, toy)
    answered = False
    ends = time.monotonic() + 120
    while not answered and time.monotonic() < ends:
        try:
            answered = ask(cloud, toy, wait=0)["said"] == "old 0"
        except ClientError as error:
            assert error.response["Error"]["Code"] in ("ServiceUnavailable", "ModelError")
            time.sleep(0.05)
    assert answered and cloud.server.endpoints[toy].fleet.restarts == 1


def test_more_and_fewer_servers(cloud):
    name = deploy(cloud, "sized", environment={"SERVE_MAX_BATCH": "1"})
    for size in (3, 1):
        cloud.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": size}])
        assert cloud.client("sagemaker").describe_endpoint(EndpointName=name)["ProductionVariants"][0]["CurrentInstanceCount"] == size
        ends = time.monotonic() + 120
        while not all(r.healthy() for r in cloud.server.endpoints[name].fleet.replicas) and time.monotonic() < ends:
            time.sleep(0.05)
        assert ask(cloud, name, wait=0)["said"] == "old 0"


def test_no_accepted_asynchronous_request_is_lost(cloud):
    out = f"s3://{local_sagemaker.BUCKET}"
    name = deploy(cloud, "queue", AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": f"{out}/done", "S3FailurePath": f"{out}/failed"},
                                                        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2}})
    s3, runtime = cloud.client("s3"), cloud.client("sagemaker-runtime")
    sent = []
    for n in range(8):
        local_jobs.put(s3, f"{out}/in/{n}.json", b"{" if n == 5 else json.dumps({"wait": 0.4, "n": n}).encode())
        sent.append(runtime.invoke_endpoint_async(EndpointName=name, InputLocation=f"{out}/in/{n}.json", ContentType="application/json"))
    sent.append(runtime.invoke_endpoint_async(EndpointName=name, InputLocation=f"{out}/in/absent.json"))
    assert until(lambda: cloud.server.endpoints[name].finished >= 1 and cloud.server.endpoints[name].fleet.busy), "no request was at work when the server should be killed"
    kill(cloud, name)

    def stored(uri):
        try:
            bucket, key = local_jobs.place(uri)
            return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError:
            return None

    ends = time.monotonic() + 120
    while time.monotonic() < ends and not all(stored(a["OutputLocation"]) or stored(a["FailureLocation"]) for a in sent):
        time.sleep(0.1)
    answers = [stored(a["OutputLocation"]) for a in sent]
    assert [json.loads(a)["said"] if a else None for a in answers] == [*[f"old {n}" for n in range(5)], None, "old 6", "old 7", None]
    assert b"client error (400)" in stored(sent[5]["FailureLocation"]) and b"can't be read" in stored(sent[8]["FailureLocation"])
    assert cloud.server.endpoints[name].retries > 0, "the server's death was not felt: the test proves nothing"


def test_lines_of_two_threads_do_not_run_together(tmp_path):
    """The port and "ready" come from two threads; joined to one line ("listening=8080ready") no server was ever found."""
    program = "import threading; from lib.sagemaker_serve import say\n" \
              "threads = [threading.Thread(target=lambda n=n: [say(f'line={n}') for _ in range(300)]) for n in range(4)]\n" \
              "[t.start() for t in threads]; [t.join() for t in threads]"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.splitlines()
    assert sorted(printed) == sorted(f"line={n}" for n in range(4) for _ in range(300))


# ---------------------------------------------------------------------------------------------------------- streams
def stream(cloud, name: str, **wanted):
    runtime = cloud.client("sagemaker-runtime", config=Config(retries={"total_max_attempts": 1}))
    return runtime.invoke_endpoint_with_response_stream(EndpointName=name, ContentType="application/json", Body=json.dumps({"stream": True} | wanted))["Body"]


def test_a_stream_arrives_piece_by_piece(cloud, toy):
    began, seen = time.monotonic(), []
    for happened in stream(cloud, toy, wait=0.3, pieces=4):
        seen.append((time.monotonic() - began, happened["PayloadPart"]["Bytes"]))
    lines = [json.loads(line)["text"] for line in b"".join(part for _, part in seen).splitlines()]
    assert lines == [f"old {k}\n" for k in range(4)]
    assert seen[0][0] < seen[-1][0] - 0.6, "the first piece came with the last: nothing was streamed"


def test_a_stream_refuses_and_fails_with_its_reason(cloud, toy):
    with pytest.raises(ClientError, match="negative"):
        list(stream(cloud, toy, wait=-1))
    with pytest.raises(ClientError, match="wait is missing"):
        list(stream(cloud, toy))
    with pytest.raises(ClientError, match="Could not find endpoint nobody"):
        stream(cloud, "nobody", wait=0)
    assert ask(cloud, toy, wait=0)["said"] == "old 0"


def test_a_server_that_dies_in_the_middle_ends_the_stream_with_an_error(cloud):
    name = deploy(cloud, "midway")
    pieces = iter(stream(cloud, name, wait=0.2, pieces=500))
    assert b"old 0" in next(pieces)["PayloadPart"]["Bytes"]
    kill(cloud, name)
    with pytest.raises(ClientError, match="ModelStreamError|process ended"):
        list(pieces)


def test_a_client_that_leaves_frees_the_server(cloud, toy):
    body = stream(cloud, toy, wait=0.1, pieces=10_000)
    next(iter(body))
    body.close()
    assert ask(cloud, toy, wait=0)["said"] == "old 0", "answered within the 60 s of a request, not after 1,000 s"


def test_an_event_is_what_botocore_reads():
    from botocore.eventstream import EventStreamBuffer

    buffer = EventStreamBuffer()
    buffer.add_data(local_deployments.event({":message-type": "event", ":event-type": "PayloadPart"}, b"a\xff"))
    found = next(buffer)
    assert found.headers == {":message-type": "event", ":event-type": "PayloadPart"} and found.payload == b"a\xff"


# ------------------------------------------------------------------------------------------------------- autoscaling
@pytest.mark.parametrize("backlog, wanted", [(0, 0), (1, 1), (4, 1), (5, 2), (12, 3), (99, 3)])
def test_the_number_of_servers_that_a_backlog_asks_for(backlog, wanted):
    assert local_autoscaling.desired(backlog, target=4, least=0, most=3) == wanted


def test_a_backlog_starts_servers_and_an_empty_queue_ends_them(cloud):
    out = f"s3://{local_sagemaker.BUCKET}"
    name = deploy(cloud, "scaled", AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": f"{out}/scaled"}, "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 1}})
    resource = {"ServiceNamespace": "sagemaker", "ResourceId": f"endpoint/{name}/variant/AllTraffic", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
    scaling, s3 = cloud.client("application-autoscaling"), cloud.client("s3")
    scaling.register_scalable_target(**resource, MinCapacity=0, MaxCapacity=3)
    scaling.put_scaling_policy(PolicyName="backlog", **resource, PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration={
        "TargetValue": 4.0, "ScaleInCooldown": 60, "CustomizedMetricSpecification": {"MetricName": "ApproximateBacklogSizePerInstance", "Namespace": "AWS/SageMaker",
                                                                                      "Dimensions": [{"Name": "EndpointName", "Value": name}], "Statistic": "Average"}})
    local_jobs.put(s3, f"{out}/scaled-in.json", b'{"wait": 0.2}')
    scaler = local_autoscaling.Autoscaler(cloud, period_seconds=0.2).start()
    try:
        assert until(lambda: not cloud.server.endpoints[name].fleet.replicas)  # down to zero before any request
        sent = [cloud.client("sagemaker-runtime").invoke_endpoint_async(EndpointName=name, InputLocation=f"{out}/scaled-in.json", ContentType="application/json") for _ in range(14)]
        assert until(lambda: sum(r.ready for r in cloud.server.endpoints[name].fleet.replicas) == 3), "the backlog was never answered with servers"
        family = [p for r in cloud.server.endpoints[name].fleet.replicas for p in local_process.family(r.process.pid)]
        assert until(lambda: cloud.server.endpoints[name].backlog() == 0) and until(lambda: not cloud.server.endpoints[name].fleet.replicas)
    finally:
        scaler.stop()
    bucket, _ = local_jobs.place(out + "/x")
    for answer in sent:
        assert json.loads(s3.get_object(Bucket=bucket, Key=local_jobs.place(answer["OutputLocation"])[1])["Body"].read())["said"] == "old 0"
    assert until(lambda: not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]), "a surplus server was left running"
    assert {look["wanted"] for look in scaler.history} >= {0, 3}


def until(condition, seconds: float = 120):
    """The condition's value as soon as it is true; False after `seconds`."""
    ends = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < ends:
        time.sleep(0.02)
    return found


def test_a_real_time_endpoint_can_not_be_scaled_to_zero(cloud, toy):
    with pytest.raises(ClientError, match="from 1 to"):
        cloud.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=toy, DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 0}])


# ------------------------------------------------------------------------------------------------------------ lambda
HANDLER = """
import os, time

def handler(event, context):
    if "slow" in event:
        time.sleep(event["slow"])
    if "bad" in event:
        raise ValueError(event["bad"])
    return {"statusCode": 200, "body": os.environ["WORD"]}
"""


@pytest.mark.parametrize("real", [True, False])
def test_a_handler_is_run_by_a_process_of_its_own(tmp_path, real):
    (tmp_path / "lambda_function.py").write_text(HANDLER)
    function = local_lambda.Function("lambda_function.handler", tmp_path, {"WORD": "yes"}, seconds=20)
    if real and not function.real:
        pytest.skip("awslambdaric is not installed on this system")
    function.real = real
    with function:
        assert function.invoke({})["body"] == "yes"
        with pytest.raises(local_lambda.FunctionError, match="ValueError: two"):
            function.invoke({"bad": "two"})
        function.seconds = 0.5
        with pytest.raises(local_lambda.FunctionError, match="timed out after 0.50 seconds"):
            function.invoke({"slow": 30})
        function.seconds = 20
        assert function.invoke({})["body"] == "yes", "after a time-out the function is started again"
        family = local_process.family(function._process.pid)
    assert family and not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_a_handler_that_is_not_there(tmp_path):
    with local_lambda.Function("nothing.handler", tmp_path, {}, seconds=60) as function, pytest.raises(local_lambda.FunctionError, match="nothing|ended"):
        function.invoke({})


# ----------------------------------------------------------------------------------------------- nothing is left behind
LEAVER = """
import json, sys
sys.path.insert(0, {root!r})
from tests.test_local_endpoints import archive, deploy
from lib import local_jobs, local_lambda, local_process, local_sagemaker
cloud = local_sagemaker.open_cloud("local", {folder!r})
local_jobs.put(cloud.client("s3"), f"s3://{{local_sagemaker.BUCKET}}/old.tar.gz", archive("old"))
replica = cloud.server.endpoints[deploy(cloud, "left")].fleet.replicas[0]
print(json.dumps({{"pids": [p.pid for p in local_process.family(replica.process.pid)], "ports": [replica.port, cloud.server._http.server_port]}}), flush=True)
{end}
"""


@pytest.mark.parametrize("end", ["raise RuntimeError('a cell failed')", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "cloud.close()"])
def test_no_process_and_no_port_is_left_however_it_ends(tmp_path, end):
    """The lesson's process fails, is killed, or closes its cloud: servers and ports are gone in each case."""
    program = LEAVER.format(root=str(local_endpoints.SERVER.parent.parent), folder=str(tmp_path / "cloud"), end=end)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.stdout, done.stderr
    left = json.loads(done.stdout.splitlines()[0])
    assert left["pids"] and left["ports"]
    assert until(lambda: not [p for p in left["pids"] if psutil.pid_exists(p) and psutil.Process(p).status() != psutil.STATUS_ZOMBIE]), "a server outlived its parent"
    # A killed process reads as ended while the last of its threads is still being cleared away, and that thread holds the port.
    assert until(lambda: not [port for port in left["ports"] if answers(port)], seconds=30), "a port outlived its server"


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_deleting_ends_the_processes(cloud):
    name = deploy(cloud, "gone")
    replica = cloud.server.endpoints[name].fleet.replicas[0]
    family = local_process.family(replica.process.pid)
    assert family and replica.healthy()
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)
    assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] and not replica.healthy()
    with pytest.raises(ClientError, match="Could not find endpoint gone"):
        cloud.client("sagemaker").describe_endpoint(EndpointName=name)


# ------------------------------------------------------------------------------- the load generator, the requests
def test_the_load_generator_counts_what_it_sees():
    def slow_on_seven(n):
        if n == 3:
            raise ValueError("three")
        time.sleep(0.05 if n == 7 else 0.001)
        return n

    seen = load.run(slow_on_seven, requests=10, users=3)
    assert [s.number for s in seen] == list(range(10)) and seen[3].error == "ValueError: three"
    found = load.summary(seen)
    assert found["errors"] == 1 and found["p99_ms"] >= 50 > found["p50_ms"] and 0 < found["per_second"] < 9 / 0.05
    with pytest.raises(ValueError, match="none of the 1 requests"):
        load.summary(load.run(lambda n: 1 / 0, requests=1, users=1))


def test_its_p95_is_the_courses():
    from lib import metric

    for n in (1, 2, 19, 20, 21, 100, 137):
        values = [(7 * i) % n for i in range(n)]
        assert load.rank(values, 0.95) == metric.p95(values)


@pytest.mark.parametrize("body, words", [
    (b"{", "no JSON"), (b"[]", '"inputs"'), (b'{"inputs": []}', "list of turns"), (b'{"inputs": [{"role": "user"}]}', "list of turns"),
    (b'{"inputs": "a", "parameters": {"max_new_tokens": 0}}', "1 to 512"), (b'{"inputs": "a", "parameters": {"max_new_tokens": true}}', "1 to 512"),
    (b'{"inputs": "a", "parameters": []}', "1 to 512"), (b"\xff", "no JSON")])
def test_requests_are_checked_before_the_model(body, words):
    with pytest.raises(sagemaker_inference.BadRequest, match=words):
        sagemaker_inference.input_fn(body)


def test_another_content_type_is_refused():
    with pytest.raises(sagemaker_inference.BadRequest, match="send application/json"):
        sagemaker_inference.input_fn(b"{}", "text/csv")
    assert sagemaker_inference.input_fn(b'{"inputs": "a"}', "application/json; charset=utf-8")["chat"] == [{"role": "user", "content": "a"}]
