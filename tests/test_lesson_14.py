"""Lesson 14: the job's own code on the tiny model, and cells of the notebook as they are written there."""

import ast
import json
import re
import signal
from pathlib import Path

import nbformat
import pytest
import torch
from botocore.exceptions import ClientError
from safetensors.torch import load_file

from lib import (
    cost,
    data,
    local_sagemaker,
    models,
    sagemaker_fsdp,
    sagemaker_job,
    sagemaker_package,
    sagemaker_train,
    train,
)

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "14_sagemaker_training.ipynb"
CELLS = {c["id"]: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}
CODE = {c["id"] for c in nbformat.read(NOTEBOOK, as_version=4).cells if c.cell_type == "code"}
TINY = str(models.TINY)


@pytest.fixture
def files(tmp_path):
    data.write_jsonl(tmp_path / "chats.jsonl", data.sample("shorthand", "train", "en")[:40])
    data.write_jsonl(tmp_path / "pairs.jsonl", data.read_jsonl(data.SAMPLES / "preferences" / "train.jsonl")[:16])
    old = signal.getsignal(signal.SIGTERM)
    yield {"chats": [tmp_path / "chats.jsonl"], "pairs": [tmp_path / "pairs.jsonl"]}
    signal.signal(signal.SIGTERM, old)


def run(files, folder, method="lora", **given):
    wanted = sagemaker_train.settings({"method": method, "steps": 2, "batch_size": 4, "learning_rate": 0.003} | given)
    folder.mkdir(exist_ok=True)
    return sagemaker_job.train(wanted, files["pairs" if method == "dpo" else "chats"], TINY, folder / "model", folder / "checkpoints")


@pytest.mark.parametrize("method", sagemaker_train.METHODS)
def test_every_method_trains_and_saves_what_it_trained(files, tmp_path, method, capsys):
    record = run(files, tmp_path / method, method)
    saved = tmp_path / method / "model"
    name = "model.safetensors" if method == "full" else "adapter_model.safetensors"
    assert (saved / name).is_file() and (saved / "tokenizer.json").is_file()
    assert record["trainable"] > (3_000_000 if method == "full" else 100_000) and len(record["history"]) == 2
    lines = re.findall(sagemaker_package.METRICS[0]["Regex"], capsys.readouterr().out)
    assert [float(v) for v in lines] == pytest.approx([h["loss"] for h in record["history"]], rel=1e-4), "the metric's expression does not find the losses"
    if method != "full":
        assert json.loads((saved / "adapter_config.json").read_text())["base_model_name_or_path"] == "", "a path of the job is in the archive"


class Killed(BaseException):
    """Not an Exception: nothing may tidy up, as after SIGKILL."""


def test_a_resumed_job_ends_with_the_weights_of_an_uninterrupted_one(files, tmp_path, monkeypatch):
    run(files, tmp_path / "whole", steps=6, save_every=2)

    def dies(self, args, state, control, **_):
        if state.global_step == 5:  # one step behind the checkpoint of step 4
            raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(sagemaker_job.Reporter, "on_step_end", dies)
        run(files, tmp_path / "killed", steps=6, save_every=2)
    assert sorted(p.name for p in (tmp_path / "killed/checkpoints").glob("checkpoint-*")) == ["checkpoint-2", "checkpoint-4"]
    record = run(files, tmp_path / "killed", steps=6, save_every=2)
    one, other = (load_file(tmp_path / name / "model/adapter_model.safetensors") for name in ("whole", "killed"))
    assert one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)
    assert record["history"][-1]["step"] == 6


def test_a_checkpoint_that_was_cut_off_does_not_count(tmp_path):
    for name, text in {"checkpoint-2": "{}", "checkpoint-4": "", "checkpoint-6": '{"global_'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "trainer_state.json").write_text(text)
    sagemaker_job.drop_unfinished(tmp_path)
    assert train.newest_checkpoint(tmp_path) == str(tmp_path / "checkpoint-2")


def test_a_warning_writes_a_checkpoint_and_ends_the_attempt(files, tmp_path, monkeypatch):
    def warns(self, args, state, control, **_):
        if state.global_step == 1:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(sagemaker_job.Reporter, "on_step_begin", warns)
    assert run(files, tmp_path / "warned", steps=6, save_every=5) is None
    assert [p.name for p in (tmp_path / "warned/checkpoints").glob("checkpoint-*")] == ["checkpoint-2"] and not (tmp_path / "warned/model").exists()


def test_pairs_without_their_lists_are_refused(files, tmp_path):
    with pytest.raises(data.DataError, match="line 1"):
        sagemaker_job.read_rows(files["chats"], {"method": "dpo", "rows": 0})
    assert len(sagemaker_job.read_rows(files["chats"], {"method": "lora", "rows": 7})) == 7


def test_batches_are_the_same_for_everyone():
    rows = [{"n": n} for n in range(10)]
    a, b = (sagemaker_fsdp.batches(rows, 4, 4, seed=1) for _ in range(2))
    assert a == b and [len(x) for x in a] == [4] * 4 and a != sagemaker_fsdp.batches(rows, 4, 4, seed=2)
    assert sorted(r["n"] for r in (a[0] + a[1] + a[2])[:10]) == list(range(10)), "a row came twice before all had come"


@pytest.mark.parametrize("where, spend, sent", [("aws", False, False), ("aws", True, True), ("local", False, True)])
def test_nothing_billed_starts_unasked(where, spend, sent, tmp_path, capsys):
    """The cells `confirm` and `submit-function` as they stand in the notebook. What is sent reaches a server, which refuses its role."""
    request = sagemaker_package.training_request("a", "arn:aws:iam::123456789012:role/Nobody", {"train": "s3://b/t"}, "s3://b/o", {}, "ml.g5.xlarge", minutes=30)
    with local_sagemaker.open_cloud("local", tmp_path) as cloud:
        namespace = {"WHERE": "local", "SPEND": False, "INSTANCE": "ml.g5.xlarge", "cost": cost, "sagemaker": cloud.client("sagemaker")}
        for name in ("confirm", "submit-function"):
            exec(compile(CELLS[name], name, "exec"), namespace)
        namespace |= {"WHERE": where, "SPEND": spend}
        with pytest.raises(ClientError if sent else PermissionError, match="Could not assume role" if sent else r"up to \$0.70. Set SPEND = True"):
            namespace["submit"](request)
    said = capsys.readouterr().out
    assert not sent or ("billed: up to $0.70" if where == "aws" else "nothing is billed: ml.g5.xlarge is simulated") in said


def reads_of_the_server(source: str) -> list[bool]:
    """For every `cloud.server` in the code: does it stand under `if WHERE == "local"` (or while)?"""
    found = []

    def visit(node, inside: bool) -> None:
        for name, child in ast.iter_fields(node):
            here = inside or (isinstance(node, ast.If | ast.While) and name == "body" and ast.unparse(node.test) == "WHERE == 'local'")
            for each in child if isinstance(child, list) else [child]:
                if isinstance(each, ast.Attribute) and ast.unparse(each) == "cloud.server":
                    found.append(here)
                if isinstance(each, ast.AST):
                    visit(each, here)

    visit(ast.parse(source), False)
    return found


def test_the_search_for_unguarded_reads_can_fail():
    assert reads_of_the_server("x = cloud.server.jobs\nif WHERE == 'local':\n    cloud.server.close()\nelse:\n    f(cloud.server)") == [False, True, False]


def test_on_aws_no_cell_reads_the_local_server():
    """And every start goes through submit or confirm."""
    code = {name: source for name, source in CELLS.items() if name in CODE}
    assert any(reads_of_the_server(source) for source in code.values())
    for name, source in code.items():
        assert all(reads_of_the_server(source)), f"{name} reads cloud.server, which does not exist on AWS"
        if "create_training_job(" in source or "trainer.train(" in source:
            assert "confirm(WHERE" in source, f"{name} starts a job without saying what it costs"


def test_what_fails_in_the_snippet_of_sdk_v2(capsys):
    """S0's snippet: the cell `v2` shows three failures, each with the library's own words."""
    exec(compile(CELLS["v2"], "v2", "exec"), {})
    out = capsys.readouterr().out
    assert "ModuleNotFoundError" in out and "sagemaker.huggingface" in out and "Unsupported huggingface version: 4.40.0" in out
    assert "unexpected keyword argument 'evaluation_strategy'" in out and "works" not in out


def test_packages_are_installed_only_where_they_are_missing(tmp_path):
    pins = tmp_path / "requirements.txt"
    pins.write_text(f"torch=={torch.__version__}\nno-such-package==1.0\npeft==0.0.1\n")
    assert sagemaker_train.missing_packages(pins) == ["no-such-package==1.0", "peft==0.0.1"]
    pins.write_text((sagemaker_package.source_folder(tmp_path / "source") / "requirements.txt").read_text())
    assert sagemaker_train.missing_packages(pins) == [], "the course's own pins are not installed here"


@pytest.mark.parametrize("notebook", ["14_sagemaker_training.ipynb", "15_sagemaker_deployment.ipynb"])
def test_the_notebooks_switch_to_aws_by_one_parameter(notebook):
    code = "\n".join(c.source for c in nbformat.read(NOTEBOOK.with_name(notebook), as_version=4).cells if c.cell_type == "code")
    assert code.count("open_cloud(WHERE)") == 1 and 'WHERE: str = "local"' in code and "SPEND: bool = False" in code


@pytest.mark.parametrize("notebook", ["14_sagemaker_training.ipynb", "15_sagemaker_deployment.ipynb"])
def test_the_notebooks_say_what_is_simulated(notebook):
    text = "\n".join(c.source for c in nbformat.read(NOTEBOOK.with_name(notebook), as_version=4).cells)
    assert len(re.findall("simulated", text)) >= 5
