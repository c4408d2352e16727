"""What goes wrong on other people's machines: each case ends in the right result or in a sentence that helps.

Elsewhere: killed runs and two runs at once (test_runner), bad input (test_data, test_formats), interrupted trainings
(test_train, test_lesson_14), killed jobs and servers (test_local_sagemaker, test_local_endpoints).
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from peft import LoraConfig

from lib import data, models, train
from tests import toy_course
from tools import notebooks

# Python calls this for every connection of the process: only this machine may be reached, and an attempt is noted
GUARD = """import sys
def guard(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        address = arguments[1] if event == "socket.connect" else arguments[0]
        host = address[0] if isinstance(address, tuple) else address
        if isinstance(address, tuple | str) and not str(host).startswith(("127.", "localhost", "::1", "/")) and host:
            open({log!r}, "a").write(f"{{event}} {{host}}\\n")
            raise OSError(101, "Network is unreachable")
sys.addaudithook(guard)
"""


def test_a_lesson_runs_in_a_folder_with_spaces_and_cyrillic_and_without_a_network(tmp_path):
    root = tmp_path / "мой курс (1)"
    for name in ("lib", "tools", "profiles", "data"):
        shutil.copytree(notebooks.ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "adapters"))
    (root / "notebooks").mkdir()
    shutil.copy(notebooks.ROOT / "notebooks" / "02_data_formats.ipynb", root / "notebooks")
    shutil.copy(notebooks.ROOT / "requirements.txt", root)
    profile = (root / "profiles" / "ci.yaml").read_text(encoding="utf-8")
    (root / "profiles" / "ci.yaml").write_text(profile.replace("STREAM_MB: 60", "STREAM_MB: 2"), encoding="utf-8")
    (tmp_path / "guard").mkdir()
    log = tmp_path / "reached.txt"
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD.format(log=str(log)), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "guard"), "OMP_NUM_THREADS": "1"}
    blocked = subprocess.run([sys.executable, "-c", "import urllib.request as u; u.urlopen('http://example.org')"], env=environment, capture_output=True)
    assert blocked.returncode and log.read_text().count("example.org") == 1, "the guard does not guard"
    log.unlink()
    run = subprocess.run([sys.executable, "-m", "tools.course", "--only", "02"], cwd=root, env=environment, capture_output=True, text=True)
    assert run.returncode == 0 and "ok" in run.stdout and (root / "build/ci/index.html").is_file(), run.stdout + run.stderr
    assert not log.exists(), f"something wanted the network: {log.read_text()}"


WRITES = """import resource, signal
from pathlib import Path
from lib import data
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for name, write in (("rows.jsonl", lambda: data.write_jsonl("rows.jsonl", [{"text": "x" * 1000}] * 1000)),
                    ("text.txt", lambda: data.write_text("text.txt", "x" * 1_000_000))):
    try:
        write()
    except OSError as error:
        print(name, "refused:", error.strerror, Path(name).read_text()[:40], sorted(p.name for p in Path(".").iterdir()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit for file sizes")
def test_a_write_that_finds_no_room_keeps_what_was_there(tmp_path):
    for name in ("rows.jsonl", "text.txt"):
        (tmp_path / name).write_text(f"old {name}")
    run = subprocess.run([sys.executable, "-c", WRITES], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(notebooks.ROOT)}, capture_output=True, text=True)
    lines = run.stdout.splitlines()
    assert len(lines) == 2, run.stderr
    for name, line in zip(("rows.jsonl", "text.txt"), lines, strict=True):
        assert line.startswith(f"{name} refused") and f"old {name}" in line and line.endswith("['rows.jsonl', 'text.txt']"), line


def mounted(command: str, cwd) -> list[str]:
    """A shell command in which only this process sees its mounts; skips where the system does not allow that."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("needs the right to mount (root under Linux)")
    return ["unshare", "-m", "bash", "-c", f"set -e; cd '{cwd}'; {command}"]


KEPT = '{"cells": [], "metadata": {"kept": true}, "nbformat": 4, "nbformat_minor": 5}'


@pytest.mark.parametrize("trouble, words", [("mount --bind . . && mount -o remount,ro,bind . && cd .", "Read-only file system"),
                                            ("mount -t tmpfs -o size=12k none build && mkdir build/ci && cp kept.ipynb build/ci/00_talks.ipynb", "No space left")],
                         ids=["read-only", "full"])
def test_a_read_only_checkout_and_a_full_disk_are_named(tmp_path, trouble, words):
    root = toy_course.make(tmp_path / "курс", n00_talks=["print('a line\\n' * 5000)"])
    (root / "build").mkdir()
    (root / "kept.ipynb").write_text(KEPT)
    course = f"cd '{notebooks.ROOT}'; '{sys.executable}' -m tools.course --root '{root}' || echo status=$?; cat '{root}/build/ci/00_talks.ipynb' 2>/dev/null || true"
    run = subprocess.run(mounted(f"{trouble}; {course}", root), capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert "status=2" in run.stdout and words in run.stderr and "copy the course to where you may write" in run.stderr, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    assert words != "No space left" or run.stdout.endswith(KEPT), "the earlier notebook is gone"


SETTINGS = dict(steps=12, learning_rate=1e-3, batch_size=4, save_every=2)
LORA = dict(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
TRAINS = f"""import sys, time
from peft import LoraConfig
from lib import data, models, train
model, tokenizer = models.load("tiny")
train.sft(model, tokenizer, data.sample("shorthand", "train", "en")[:32], lora=LoraConfig(**{LORA!r}), output_dir=sys.argv[1],
          on_step=lambda step, model: time.sleep(0.3), **{SETTINGS!r})
"""


def test_a_training_killed_at_a_random_moment_ends_where_an_undisturbed_one_does(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", TRAINS, str(tmp_path / "run")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             env={**os.environ, "PYTHONPATH": str(notebooks.ROOT), "OMP_NUM_THREADS": "1"})
    while not list((tmp_path / "run").glob("checkpoint-*")) and child.poll() is None:
        time.sleep(0.05)
    delay = random.uniform(0, 2)  # anywhere between two steps, or while the next checkpoint is written
    time.sleep(delay)
    child.send_signal(signal.SIGKILL)
    said = child.communicate()[0]
    assert child.returncode == -signal.SIGKILL, said
    rows, tokenizer = data.sample("shorthand", "train", "en")[:32], models.load("tiny")[1]
    whole, resumed = (train.sft(models.load("tiny")[0], tokenizer, rows, lora=LoraConfig(**LORA), **SETTINGS, **more)
                      for more in ({}, {"output_dir": tmp_path / "run", "resume": True}))
    where = f"killed {delay:.2f} s after its first checkpoint"
    assert resumed.curve("loss")[1][-1] == pytest.approx(whole.curve("loss")[1][-1], rel=1e-5), where
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6), where
