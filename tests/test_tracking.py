"""A real training in a kernel that knows nothing of MLflow: is it in the store, with its settings and its whole curve?"""

import json
import os
import shutil

import mlflow.server
import pytest
from mlflow import MlflowClient
from transformers.trainer import DEFAULT_CALLBACKS

from lib import tracking
from lib.tracking_run import LessonRun
from tests import toy_course
from tools import notebooks

TRAINS = """import json
from peft import LoraConfig
from lib import data, models, preference_training, train
lora = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
def cut(step, _):
    if step == 2:
        raise ValueError("cut off on purpose")
model, tokenizer = models.load(MODEL)
settings = dict(tokenizer=tokenizer, rows=data.sample("shorthand", "train", "en")[:8], learning_rate=1e-3, batch_size=2, lora=lora)
try:
    train.sft(model, **settings, steps=4, on_step=cut)
except ValueError as error:
    print(error)
sft = train.sft(models.load(MODEL)[0], **settings, steps=4)
pairs = data.sample("preferences", "train", "en")[:4]
dpo = preference_training.dpo(models.load(MODEL)[0], tokenizer, pairs, steps=2, learning_rate=1e-3, batch_size=2, lora=lora)
Path(ROOT, "curves.json").write_text(json.dumps({"SFT": sft.curve("loss"), "DPO": dpo.curve("loss")}))"""


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """A course of one notebook, run as `make course TRACK=sqlite:///build/mlflow.db` runs it."""
    root = toy_course.make(tmp_path_factory.mktemp("tracked") / "мой курс", n06_trains=[TRAINS])
    shutil.rmtree(root / "lib")
    (root / "lib").symlink_to(notebooks.ROOT / "lib")
    status, printed = toy_course.run(root, "tools.course", "--track", "sqlite:///build/mlflow.db")
    assert status == 0, printed
    return root


def test_every_training_is_in_the_store_with_its_settings_and_its_curve(tracked):
    client = MlflowClient(f"sqlite:///{tracked / 'build' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("06_trains")
    runs = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])
    assert [(r.info.run_name.split()[0], r.info.status) for r in runs] == [("SFT", "KILLED"), ("SFT", "FINISHED"), ("DPO", "FINISHED")]
    here = json.loads((tracked / "curves.json").read_text())
    for run in runs[1:]:
        kind = run.info.run_name.split()[0]
        history = sorted(client.get_metric_history(run.info.run_id, "loss"), key=lambda m: m.step)
        assert [[m.step for m in history], [m.value for m in history]] == here[kind], "the curve differs from the notebook's"
        assert float(run.data.params["learning_rate"]) == 1e-3 and run.data.params["adapter_r"] == "4"
        assert run.data.params["_name_or_path"].endswith("tiny-base") and int(run.data.params["trainable"]) > 50_000
        assert run.data.tags["profile"] == "ci"
    assert not list(tracked.rglob("mlruns")), "a folder nobody asked for"


def test_the_page_of_make_mlflow_is_installed():
    """A slim MLflow logs and has no page; the server itself is only started by hand, it takes ten seconds."""
    page = mlflow.server.app.test_client().get("/")
    assert page.status_code == 200 and b"<html" in page.data and b"MLflow" in page.data


def test_nothing_is_logged_unless_asked():
    assert LessonRun not in DEFAULT_CALLBACKS, "importing the module must not switch it on"
    assert "MLFLOW_TRACKING_URI" not in os.environ


@pytest.mark.parametrize("address", ["build/mlflow.db", "sqlite:///", "sqlite://build/mlflow.db", "file:///mlruns"])
def test_an_address_that_would_log_elsewhere_is_refused(address, tmp_path):
    with pytest.raises(ValueError, match="write sqlite:///build/mlflow.db"):
        tracking.full_address(address, tmp_path)


def test_an_address_is_the_same_from_every_folder(tmp_path):
    assert tracking.full_address("sqlite:///build/x.db", tmp_path) == f"sqlite:///{tmp_path}/build/x.db"
    assert tracking.full_address(f"sqlite:///{tmp_path}/x.db") == f"sqlite:///{tmp_path}/x.db"
    assert tracking.full_address("http://localhost:5000") == "http://localhost:5000"
