"""The local endpoint keeps SageMaker's contract: small real jobs, no model; every process and port is gone in the end."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError, FlexibleChecksumError
from botocore.validate import ParamValidator

from lib import local_jobs, local_process, local_sagemaker, sagemaker_package, sagemaker_train

PLAIN = ["cd /opt/ml/input/data/code && exec python3 train.py"]  # without pip, which the lesson's jobs run
SCRIPTS = {
    "counts": """
        import json, os, pathlib, sys, time
        base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
        wanted = json.loads((base / "input/config/hyperparameters.json").read_text())
        rows = (base / "input/data/train/rows.txt").read_text().split()
        saved = base / "checkpoints/step.txt"
        begin = int(saved.read_text()) if saved.exists() else 0
        print("environment", *sorted(os.environ), flush=True)
        for step in range(begin + 1, int(wanted["steps"]) + 1):
            time.sleep(float(wanted.get("pause", 0)))
            print(f"step={step}; loss={1 / step:.3f};", flush=True)
            saved.write_text(str(step))
        (base / "model/weights.txt").write_text(" ".join(rows))
        (base / "output/data/notes.txt").write_text("kept")""",
    "sdk": """
        import json, os, pathlib, sys
        print("channel", os.environ["SM_CHANNEL_TRAIN"], "settings", json.loads(os.environ["SM_HPS"]), "arguments", sys.argv[1:], flush=True)
        (pathlib.Path(os.environ["SM_MODEL_DIR"]) / "weights.txt").write_text(pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "rows.txt").read_text())""",
    "fails": """
        import os, pathlib, sys
        (pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"]) / "output/failure").write_text("no such column: answer")
        sys.exit(3)""",
    "crashes": "raise RuntimeError('out of memory, say')",
    "deaf": """
        import signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print("started", flush=True)
        time.sleep(600)""",
}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with local_sagemaker.open_cloud("local", tmp_path_factory.mktemp("cloud")) as opened:
        folder = tmp_path_factory.mktemp("scripts")
        for name, text in SCRIPTS.items():
            (folder / name).mkdir()
            (folder / name / "train.py").write_text(textwrap.dedent(text))
        sagemaker_package.upload(opened.client("s3"), folder, f"s3://{local_sagemaker.BUCKET}/code")
        opened.client("s3").put_object(Bucket=local_sagemaker.BUCKET, Key="train/rows.txt", Body=b"one two")
        yield opened


def request(name, script="counts", channels=("train",), **settings):
    steps = {"steps": settings.pop("steps", 3), "pause": settings.pop("pause", 0)}
    bucket = f"s3://{local_sagemaker.BUCKET}"
    made = sagemaker_package.training_request(name, local_sagemaker.ROLE, {"code": f"{bucket}/code/{script}", **{c: f"{bucket}/{c}" for c in channels}},
                                              f"{bucket}/out", steps, "ml.g5.xlarge", **settings)
    made["AlgorithmSpecification"]["ContainerArguments"] = PLAIN
    return made


def run(cloud, name, *arguments, **settings) -> dict:
    cloud.client("sagemaker").create_training_job(**request(name, *arguments, **settings))
    return local_sagemaker.wait(cloud.client("sagemaker"), name, seconds=200)


def members(cloud, uri) -> dict[str, bytes]:
    bucket, key = local_jobs.place(uri)
    with tarfile.open(fileobj=io.BytesIO(cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}


def log(cloud, name) -> list[str]:
    return [line for _, line in cloud.server.jobs[name].lines]


def test_a_job_is_executed_under_the_contract(cloud):
    done = run(cloud, "good")
    assert done["TrainingJobStatus"] == "Completed" and done["BillableTimeInSeconds"] <= done["TrainingTimeInSeconds"]
    assert members(cloud, done["ModelArtifacts"]["S3ModelArtifacts"]) == {"weights.txt": b"one two"}
    assert members(cloud, f"s3://{local_sagemaker.BUCKET}/out/good/output/output.tar.gz") == {"notes.txt": b"kept"}
    assert {m["MetricName"]: m["Value"] for m in done["FinalMetricDataList"]} == {"train:step": 3.0, "train:loss": 0.333}
    assert [t["Status"] for t in done["SecondaryStatusTransitions"]] == ["Starting", "Downloading", "Training", "Uploading", "Completed"]


def test_its_output_is_in_the_log_service(cloud):
    run(cloud, "logged")
    logs = cloud.client("logs")
    stream = logs.describe_log_streams(logGroupName=local_jobs.LOG_GROUP, logStreamNamePrefix="logged/")["logStreams"][0]["logStreamName"]
    events = logs.get_log_events(logGroupName=local_jobs.LOG_GROUP, logStreamName=stream)["events"]
    assert [e["message"] for e in events if "loss" in e["message"]] == ["step=1; loss=1.000;", "step=2; loss=0.500;", "step=3; loss=0.333;"]


def test_a_job_sees_nothing_of_the_readers_environment(cloud, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "private")
    run(cloud, "clean")
    seen = next(line for line in log(cloud, "clean") if line.startswith("environment")).split()
    assert not [name for name in seen if name.endswith("TOKEN") or name.startswith(("AWS_ACCESS", "AWS_SECRET", "AWS_PROFILE", "AWS_CONFIG"))]
    assert {"SAGEMAKER_BASE_DIR", "TRAINING_JOB_NAME", "AWS_REGION"} <= set(seen)


@pytest.mark.parametrize("script, words", [("fails", "AlgorithmError: no such column: answer, exit code: 3"),
                                           ("crashes", "RuntimeError: out of memory, say, exit code: 1")])
def test_a_failure_says_why(cloud, script, words):
    done = run(cloud, script, script)
    assert done["TrainingJobStatus"] == "Failed" and words in done["FailureReason"] and "ModelArtifacts" not in done


def test_a_channel_without_data_fails_with_its_address(cloud):
    done = run(cloud, "empty", channels=("train", "validation"))
    assert done["TrainingJobStatus"] == "Failed"
    assert "ClientError: Data download failed for channel validation" in done["FailureReason"] and "/validation" in done["FailureReason"]


@pytest.mark.parametrize("change, words", [
    ({"RoleArn": "arn:aws:iam::123456789012:role/Nobody"}, "Could not assume role"),
    ({"RoleArn": "arn:aws:iam::12:user/CourseRole"}, "no ARN of a role"),
    ({"EnableManagedSpotTraining": True}, "MaxWaitTimeInSeconds"),
    ({"metrics": r"loss=([0-9.]+"}, "train:loss is broken"),
    ({"metrics": r"loss=[0-9.]+"}, "needs one group, it has 0"),
    ({"TrainingJobName": "with_underscore"}, "letters, digits and hyphens"),
])
def test_a_wrong_request_is_refused_at_once(cloud, change, words):
    wrong = request("refused")
    if "metrics" in change:
        wrong["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "train:loss", "Regex": change["metrics"]}]
    else:
        wrong.update(change)
    with pytest.raises(ClientError, match=words):
        cloud.client("sagemaker").create_training_job(**wrong)
    assert "refused" not in cloud.server.jobs


def test_a_name_is_used_once_and_unknown_things_are_said(cloud):
    run(cloud, "twice", steps=1)
    with pytest.raises(ClientError, match="ResourceInUse"):
        run(cloud, "twice")
    with pytest.raises(ClientError, match="resource not found"):
        cloud.client("sagemaker").describe_training_job(TrainingJobName="never")
    with pytest.raises(ClientError, match="not built into the local endpoint"):
        cloud.client("sagemaker").create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName="a", HyperParameterTuningJobConfig={"Strategy": "Random", "ResourceLimits": {"MaxParallelTrainingJobs": 1}})


def test_a_killed_spot_job_goes_on_from_its_checkpoint(cloud):
    checkpoints = f"s3://{local_sagemaker.BUCKET}/checkpoints/spot"
    cloud.client("sagemaker").create_training_job(**request("spot", steps=12, pause=0.15, spot=True, checkpoints=checkpoints))
    job = cloud.server.jobs["spot"]
    until(lambda: b"4" <= stored(cloud, "checkpoints/spot/step.txt"))
    job.interrupt()
    done = local_sagemaker.wait(cloud.client("sagemaker"), "spot", seconds=200)
    assert done["TrainingJobStatus"] == "Completed" and job.attempts == 2
    assert "Interrupted" in [t["Status"] for t in done["SecondaryStatusTransitions"]]
    steps = [int(m["Value"]) for m in job.metrics if m["MetricName"] == "train:step"]
    assert set(steps) == set(range(1, 13)), "a step is missing"
    assert len(steps) < 12 + 4, "it began again from nothing"


def stored(cloud, key) -> bytes:
    try:
        return cloud.client("s3").get_object(Bucket=local_sagemaker.BUCKET, Key=key)["Body"].read()
    except (ClientError, FlexibleChecksumError):  # not there yet; or written between moto's reading of its checksum and of its bytes
        return b""


def until(condition, seconds=120):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.05)


def test_stop_and_the_time_limit_end_a_job_and_all_it_started(cloud):
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_training_job(**request("stopped", "deaf"))
    until(lambda: log(cloud, "stopped"))
    family = psutil.Process().children(recursive=True)
    cloud.server.jobs["stopped"].stop(grace_seconds=0.3)
    assert local_sagemaker.wait(sagemaker, "stopped", seconds=200)["TrainingJobStatus"] == "Stopped"
    assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    limited = request("limited", steps=1000, pause=0.1)
    limited["StoppingCondition"] = {"MaxRuntimeInSeconds": 1}
    sagemaker.create_training_job(**limited)
    done = local_sagemaker.wait(sagemaker, "limited", seconds=200)
    assert (done["TrainingJobStatus"], done["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_the_sdks_model_trainer_submits_unchanged(cloud, tmp_path, capfd):
    """AWS's own driver scripts run inside the job: they prepare SM_* and start the entry script."""
    from sagemaker.core.helper.session_helper import Session
    from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig, SourceCode
    from sagemaker.train import ModelTrainer

    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPTS["sdk"]))
    trainer = ModelTrainer(
        sagemaker_session=Session(boto_session=cloud.session, default_bucket=local_sagemaker.BUCKET), role=local_sagemaker.ROLE,
        training_image=sagemaker_package.IMAGE, base_job_name="sdk", hyperparameters={"steps": 3, "method": "lora"},
        source_code=SourceCode(source_dir=str(tmp_path), entry_script="train.py"), compute=Compute(instance_type="ml.m5.large", instance_count=1),
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{local_sagemaker.BUCKET}/out"))
    trainer.train(input_data_config=[InputData(channel_name="train", data_source=f"s3://{local_sagemaker.BUCKET}/train")], wait=False)
    name = trainer._latest_training_job.training_job_name
    done = local_sagemaker.wait(cloud.client("sagemaker"), name, seconds=200)
    assert done["TrainingJobStatus"] == "Completed", (done["FailureReason"], log(cloud, name))
    assert members(cloud, done["ModelArtifacts"]["S3ModelArtifacts"]) == {"weights.txt": b"one two"}
    assert "Traceback" not in capfd.readouterr().err, "what moto does not know must not fill the page"
    line = next(text for text in log(cloud, name) if text.startswith("channel"))
    assert "/opt/ml/input/data/train" in line and "'steps': 3" in line and "'--method', 'lora'" in line


# ------------------------------------------------------------------------------------------- nothing is left
def open_port(url: str) -> bool:
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, int(port))) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")
def test_what_a_process_leaves_behind_is_ended_too(tmp_path):
    """The work ends by itself, at once; the process that it started belongs to nobody then."""
    leaves = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid, flush=True)"
    for _ in range(3):
        child = local_process.start([sys.executable, "-c", leaves], dict(os.environ), tmp_path)
        left = int(child.stdout.readline())
        assert child.wait(timeout=60) == 0
        until(lambda pid=left: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, seconds=10)
        child.stdin.close()
        child.stdout.close()


PARENT = """
import sys, time
sys.path[:0] = {paths!r}
from tests import test_local_sagemaker as t
from lib import local_sagemaker, sagemaker_package
cloud = local_sagemaker.open_cloud("local", {folder!r})
s3 = cloud.client("s3")
s3.put_object(Bucket=local_sagemaker.BUCKET, Key="code/deaf/train.py", Body=t.textwrap.dedent(t.SCRIPTS["deaf"]).encode())
cloud.client("sagemaker").create_training_job(**t.request("deaf", "deaf", channels=()))
t.until(lambda: t.log(cloud, "deaf"))
print(cloud.server.url, flush=True)
{ending}
"""


@pytest.mark.parametrize("ending", ["time.sleep(600)", "cloud.close(); time.sleep(600)", "with cloud: raise RuntimeError('a failing cell')"],
                         ids=["killed", "closed", "failed"])
def test_no_process_and_no_port_is_left(tmp_path, ending):
    source = PARENT.format(paths=sys.path, folder=str(tmp_path / "cloud"), ending=ending)
    parent = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env={n: v for n, v in os.environ.items() if not n.startswith("AWS_")})
    try:
        url = parent.stdout.readline().strip()
        assert url, parent.stderr.read()
        if "close()" not in ending and "failing" not in ending:
            left = psutil.Process(parent.pid).children(recursive=True)
            assert len(left) >= 3 and open_port(url)  # guard, job, and what the job started
            os.kill(parent.pid, signal.SIGKILL)
        else:
            left = []
        until(lambda: not [p for p in left if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] and not open_port(url))
        if "close()" in ending:
            assert not psutil.Process(parent.pid).children(recursive=True)
    finally:
        parent.kill()
        parent.communicate()


def test_the_request_is_one_that_aws_accepts(cloud):
    """Oracle: botocore's own description of CreateTrainingJob, which knows every field, type and length."""
    shape = cloud.client("sagemaker").meta.service_model.operation_model("CreateTrainingJob").input_shape
    good = request("a", spot=True, checkpoints="s3://b/c")
    assert not ParamValidator().validate(good, shape).has_errors()
    assert ParamValidator().validate(good | {"HyperParameters": {"steps": 3}}, shape).has_errors()
    assert set(good) <= set(shape.members)


# ------------------------------------------------------------------------------------ the script's own checks
def test_settings_arrive_as_text_and_are_checked():
    found = sagemaker_train.settings({"steps": "40", "method": '"qlora"', "learning_rate": "2e-4", "sagemaker_program": "train.py"})
    assert (found["steps"], found["method"], found["learning_rate"], found["rank"]) == (40, "qlora", 2e-4, 16)
    for wrong, words in (({"learning_rte": "1"}, "did you mean 'learning_rate'"), ({"steps": "many"}, "not a whole number"),
                         ({"learning_rate": "nan"}, "out of range"), ({"steps": "0"}, "out of range: 1 to"), ({"method": "rlhf"}, "lora, qlora, full, dpo")):
        with pytest.raises(sagemaker_train.JobError, match=words):
            sagemaker_train.settings(wrong)


def test_a_wrong_setting_costs_no_gpu(tmp_path):
    """The failure file is written before torch would be imported: the process has hardly begun."""
    (tmp_path / "input/config").mkdir(parents=True)
    (tmp_path / "input/config/hyperparameters.json").write_text(json.dumps({"method": "lora"}))
    environment = os.environ | {"SAGEMAKER_BASE_DIR": str(tmp_path)}
    probe = "import runpy, sys\ntry:\n    runpy.run_path(sys.argv[1], run_name='__main__')\nfinally:\n    print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", probe, sagemaker_train.__file__], env=environment, capture_output=True, text=True)
    assert run.stdout.strip() == "False" and "channel 'train' is missing" in (tmp_path / "output/failure").read_text()


def test_a_key_that_leads_out_of_the_folder_is_refused(cloud, tmp_path):
    cloud.client("s3").put_object(Bucket=local_sagemaker.BUCKET, Key="evil/../../out.txt", Body=b"x")
    with pytest.raises(local_jobs.InputMissing, match="leads out"):
        local_jobs.fetch(cloud.client("s3"), f"s3://{local_sagemaker.BUCKET}/evil", tmp_path / "in", "evil")
    assert not (tmp_path / "out.txt").exists() and not Path(tmp_path.parent / "out.txt").exists()


def test_the_source_folder_is_complete(tmp_path):
    source = sagemaker_package.source_folder(tmp_path / "source")
    assert (source / "train.py").read_text() == Path(sagemaker_train.__file__).read_text()
    pins = (source / "requirements.txt").read_text().split()
    assert len(pins) == len(sagemaker_package.NEEDED) and all("==" in pin for pin in pins) and not [p for p in pins if p.startswith("torch==")]
    assert (source / "lib" / "sagemaker_job.py").is_file() and not list(source.rglob("__pycache__"))


# ------------------------------------------------------------------------------------------------ the switch
def test_the_switch_is_one_word(cloud, tmp_path, monkeypatch):
    cloud.close()  # the last test of this file: its cloud puts the environment back, and there is one at a time
    for name in [n for n in os.environ if n.startswith(("AWS_", "SAGEMAKER_"))]:
        monkeypatch.delenv(name)  # those of whoever runs the tests
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    before = dict(os.environ)
    with local_sagemaker.open_cloud("local", tmp_path / "c") as here:
        assert "AWS_ACCESS_KEY_ID" not in os.environ
        assert here.client("sagemaker").meta.endpoint_url == here.server.url == here.client("s3").meta.endpoint_url
    assert dict(os.environ) == before
    there = local_sagemaker.open_cloud("aws")
    assert there.client("sagemaker").meta.endpoint_url == "https://api.sagemaker.us-east-1.amazonaws.com"
    there.close()
    with pytest.raises(ValueError, match="'local' or 'aws'"):
        local_sagemaker.open_cloud("azure")
