"""Lesson 15: the archive as the notebook packs it, and code/inference.py against the course's own answers."""

import io
import json
import math
import subprocess
import sys
import tarfile
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from peft import PeftModel
from safetensors.torch import load_file, save_file

from lib import (
    checks,
    checks_sagemaker,
    cost,
    data,
    evaluate,
    local_autoscaling,
    local_lambda,
    models,
    sagemaker_inference,
)

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "15_sagemaker_deployment.ipynb"
CELLS = {c["id"]: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}
ADAPTER = data.SAMPLES / "adapters" / "shorthand-tiny"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The archive as the notebook's own cell makes it, unpacked as the endpoint does."""
    given = {"io": io, "tarfile": tarfile, "models": models, "sagemaker_inference": sagemaker_inference, "MODEL": "tiny", "adapter": ADAPTER}
    exec(compile(CELLS["pack"], "pack", "exec"), given)
    folder = tmp_path_factory.mktemp("model")
    with tarfile.open(fileobj=io.BytesIO(given["packed"])) as archive:
        assert {m.name.split("/")[0] for m in archive} == {"base", "adapter", "code"}, "the folders must lie at the top"
        archive.extractall(folder, filter="data")
    return folder


def test_the_archives_model_answers_as_the_course_does(unpacked):
    rows = data.sample("shorthand", "test")[:12]
    model, tokenizer = models.load("tiny", device="cpu")
    wanted = evaluate.answer(PeftModel.from_pretrained(model, ADAPTER).eval(), tokenizer, [data.question(r) for r in rows], max_new_tokens=40)
    served = sagemaker_inference.model_fn(str(unpacked))
    requests = [{"chat": data.question(r), "max_new_tokens": 40} for r in rows]
    assert [a["generated_text"] for a in sagemaker_inference.predict_fn(requests, served)] == wanted, "in a batch"
    assert [sagemaker_inference.predict_fn(r, served)["generated_text"] for r in requests[:3]] == wanted[:3], "one by one"
    assert len(set(wanted)) > 6, "the answers are all alike: the comparison proves little"


def test_each_request_keeps_its_own_limit_in_a_batch(unpacked):
    served = sagemaker_inference.model_fn(str(unpacked))
    chat = data.question(data.sample("shorthand", "test", "en")[0])
    short, long = sagemaker_inference.predict_fn([{"chat": chat, "max_new_tokens": 3}, {"chat": chat, "max_new_tokens": 30}], served)
    assert long["generated_text"].startswith(short["generated_text"]) and len(short["generated_text"]) < len(long["generated_text"])


def test_an_answer_in_russian_survives_the_way_to_text():
    body = sagemaker_inference.output_fn({"generated_text": "Контроль через 2 недели."})
    assert json.loads(body)["generated_text"] == "Контроль через 2 недели." and "\\u" not in body


def test_a_folder_of_links_is_packed_as_files(tmp_path, unpacked):
    """models/… may be a link, and so are the files of a Hub cache: links in the archive are refused when it is unpacked."""
    (tmp_path / "linked").symlink_to(unpacked / "adapter")
    given = {"io": io, "tarfile": tarfile, "models": models, "sagemaker_inference": sagemaker_inference, "MODEL": "tiny", "adapter": tmp_path / "linked"}
    exec(compile(CELLS["pack"], "pack", "exec"), given)
    with tarfile.open(fileobj=io.BytesIO(given["packed"])) as archive:
        assert not [m.name for m in archive if m.issym() or m.islnk()] and "adapter/adapter_config.json" in archive.getnames()


# ------------------------------------------------------------------------------------------ adapters, streams
@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """An archive with two adapters, the second with its update turned round; unpacked and loaded."""
    other, folder = tmp_path_factory.mktemp("other"), tmp_path_factory.mktemp("shared")
    (other / "adapter_config.json").write_bytes((ADAPTER / "adapter_config.json").read_bytes())
    save_file({name: -w if "lora_B" in name else w for name, w in load_file(ADAPTER / "adapter_model.safetensors").items()}, other / "adapter_model.safetensors")
    given = {"io": io, "tarfile": tarfile, "models": models, "sagemaker_inference": sagemaker_inference, "MODEL": "tiny", "adapter": ADAPTER}
    exec(compile(CELLS["pack"], "pack", "exec"), given)
    with tarfile.open(fileobj=io.BytesIO(given["pack"]("tiny", several={"clinic": ADAPTER, "turned": other}))) as archive:
        archive.extractall(folder, filter="data")
    yield sagemaker_inference.model_fn(str(folder)), {"clinic": ADAPTER, "turned": other}
    sagemaker_inference.ADAPTERS.clear()


def test_several_adapters_answer_as_the_single_models_do(shared):
    served, folders = shared
    rows = data.sample("shorthand", "test")[:6]
    wanted = {}
    for name in ("", "clinic", "turned"):
        model, tokenizer = models.load("tiny", device="cpu")
        model = PeftModel.from_pretrained(model, folders[name]) if name else model
        wanted[name] = evaluate.answer(model.eval(), tokenizer, [data.question(r) for r in rows], max_new_tokens=32)
    asked = [(name, k) for k in range(len(rows)) for name in wanted]  # in one batch, each row with another adapter
    found = sagemaker_inference.predict_fn([{"chat": data.question(rows[k]), "max_new_tokens": 32, "adapter": name} for name, k in asked], served)
    assert [f["generated_text"] for f in found] == [wanted[name][k] for name, k in asked]
    assert all(len({wanted[name][k] for name in wanted}) == 3 for k in range(3)), "the adapters answer alike: the comparison proves little"


def test_an_unknown_adapter_is_refused_with_the_known_ones(shared):
    with pytest.raises(sagemaker_inference.BadRequest, match="clinic, turned"):
        sagemaker_inference.input_fn(b'{"inputs": "HTN", "adapter": "surgery"}')
    assert sagemaker_inference.input_fn(b'{"inputs": "HTN", "adapter": "clinic"}')["adapter"] == "clinic"
    with pytest.raises(sagemaker_inference.BadRequest, match="true or false"):
        sagemaker_inference.input_fn(b'{"inputs": "HTN", "stream": 1}')


def test_a_streamed_answer_is_the_whole_one(unpacked):
    served = sagemaker_inference.model_fn(str(unpacked))
    for row in data.sample("shorthand", "test")[:4]:
        request, pieces = {"chat": data.question(row), "max_new_tokens": 40}, []
        sagemaker_inference.stream_fn(request, served, pieces.append)
        assert "".join(pieces).strip() == sagemaker_inference.predict_fn(request, served)["generated_text"] and len(pieces) > 2


# --------------------------------------------------------------------------------------------- cells of the lesson
def test_what_was_created_is_deleted_after_an_error(tmp_path):
    """The lesson's own cell, in a process that stops at an error: its endpoint, configuration and model are gone."""
    program = tmp_path / "lesson.py"
    program.write_text(f"""
import atexit, contextlib, sys
sys.path.insert(0, {str(NOTEBOOK.parent.parent)!r})
from botocore.exceptions import ClientError
from tests.test_local_endpoints import archive, deploy
from lib import local_jobs, local_sagemaker
cloud = local_sagemaker.open_cloud("local", {str(tmp_path / "cloud")!r})
sagemaker, s3, bucket, made = cloud.client("sagemaker"), cloud.client("s3"), local_sagemaker.BUCKET, []
atexit.register(lambda: print("endpoints left:", len(sagemaker.list_endpoints()["Endpoints"]), "models left:", len(cloud.server.models),
                              "files left:", [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]]))
local_jobs.put(s3, f"s3://{{bucket}}/course/15/x.json", b"x")
local_jobs.put(cloud.client("s3"), f"s3://{{local_sagemaker.BUCKET}}/old.tar.gz", archive("old"))
{CELLS["delete"]}
{CELLS["at-exit"]}
{CELLS["start"]}
made.extend([("model", "m"), ("endpoint_config", "m")])
deploy(cloud, "m", wait=False)
print("created:", start("m", "m"), len(made))
raise RuntimeError("a cell failed")
""", encoding="utf-8")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=300)
    assert "created: m 3" in done.stdout and "RuntimeError: a cell failed" in done.stderr
    assert done.stdout.rstrip().endswith("endpoints left: 0 models left: 0 files left: ['old.tar.gz']"), done.stdout + done.stderr


def test_the_door_lets_only_known_clients_and_short_texts_in(tmp_path, capsys):
    exec(compile(CELLS["handler"], "handler", "exec"), {"RUN": tmp_path, "data": data})
    given = {"API_KEY": "ключ", "ENDPOINT": "none", "AWS_DEFAULT_REGION": "us-east-1"}
    with local_lambda.Function("lambda_function.handler", tmp_path / "function", given, seconds=60) as function:
        assert [function.invoke(event)["statusCode"] for event in (
            {}, {"headers": {"x-api-key": "wrong"}, "body": "HTN"}, {"headers": {"x-api-key": "ключ"}}, {"headers": {"x-api-key": "ключ"}, "body": "x" * 2001})] == [401, 401, 400, 400]


def test_the_rule_of_the_page_is_the_evaluators(capsys):
    given = {"ASYNC_REQUESTS": 30, "MOST_SERVERS": 3}
    exec(compile(CELLS["rule"], "rule", "exec"), given)
    assert all(given["servers_for"](n, 7, 1, 4) == local_autoscaling.desired(n, 7, 1, 4) for n in range(60))
    assert [given["servers_for"](n, 8, 0, 3) for n in (0, 1, 8, 9, 24, 25)] == [0, 1, 1, 2, 3, 3]


def test_at_the_break_even_both_cost_the_same(capsys):
    prices = cost.read_prices() | cost.read_prices(data.SAMPLES / "decision" / "serving_prices.csv")
    given = {"math": math, "cost": cost, "pd": pd, "prices": prices, "seconds": 2.0}
    exec(compile(CELLS["break-even"], "break-even", "exec"), given)
    found = given["month_usd"](given["even"])
    assert found["real time"] == pytest.approx(found["serverless"]) == pytest.approx(0.204 * 730)
    below = given["month_usd"](given["even"] / 2)
    assert below["serverless"] < below["real time"] and below["asynchronous, to zero"] == pytest.approx(1.2 * 0.204 * given["even"] / 2 * 2 / 3600)
    assert given["month_usd"](2.5 * given["full"])["real time"] == pytest.approx(3 * 0.204 * 730), "a full server needs a second one"


def test_claims_are_written_before_they_are_measured():
    ids = list(CELLS)
    text = {c["id"]: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells if c.cell_type == "markdown"}
    assert "**The rule" in text["claim-md"] and ids.index("claim-md") < ids.index("real") < ids.index("claim")
    assert "**The rule" in text["async-send-md"] and ids.index("async-send-md") < ids.index("async-collect")


@pytest.mark.parametrize("check, wrong, words", [
    (checks_sagemaker.requests_usd, lambda hourly, rate, busy: 1000 * hourly / (3600 * rate), "tenth of the load"),
    (checks_sagemaker.waiting_ms, lambda ms, front, workers: ms * (front + 1), "Four workers"),
    (checks_sagemaker.waiting_ms, lambda ms, front, workers: ms * (front + 1) / workers, "rounds|full round"),
    (checks_sagemaker.expired, lambda age, ttl, tries, most: age >= ttl or tries >= most, "exactly at the limit"),
    (checks_sagemaker.spot_bill, lambda seconds, hourly, off: seconds[-1] / 3600 * hourly * (1 - off), "Every attempt is paid"),
    (checks_sagemaker.spot_bill, lambda seconds, hourly, off: sum(seconds) / 3600 * hourly * off, "half of the price|Every attempt"),
    (checks_sagemaker.lost_steps, lambda killed, every: killed % every, "Steps 1 to 27"),
    (checks_sagemaker.shard_gib, lambda parameters, processes: 16 * parameters / processes / 1e9, "16 bytes"),
])
def test_typical_mistakes_get_a_teaching_message(check, wrong, words):
    with pytest.raises(checks.WrongAnswer, match=words):
        check(wrong)


def test_the_share_of_other_programs_is_theirs():
    """Busy children of this process are ours; a child that ended takes nothing away from ours."""
    import contextlib
    import time

    import psutil

    given = {"psutil": psutil, "contextlib": contextlib, "time": time}
    exec(compile(CELLS["others"], "others", "exec"), given)
    spin = [sys.executable, "-c", "import time\nend = time.time() + 1.5\nwhile time.time() < end: pass"]
    ended = subprocess.Popen(spin)
    time.sleep(1.0)
    since, began = given["processor_seconds"](), time.perf_counter()
    ended.wait()
    busy = subprocess.Popen(spin)
    time.sleep(1.0)
    assert 0.0 <= given["others_share"](since, began) <= 1.1
    mine = given["processor_seconds"]()[1][busy.pid]
    busy.wait()
    assert mine > 0.1
