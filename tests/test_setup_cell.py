"""The setup cell: in a clone, from build/, outside a clone, and in a simulated Colab with nothing but the notebook."""

import os
import re
import subprocess
import sys

import pytest

from tests import toy_course
from tools import notebooks, setup_cell

PROBE = f"{setup_cell.SETUP}\nfrom lib import greet\nprint(greet.hello(), Path.cwd().name)"


def run_cell(folder, source=PROBE, **environment):
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "COLAB_RELEASE_TAG")}
    return subprocess.run([sys.executable, "-c", source], cwd=folder, env={**clean, **environment}, capture_output=True, text=True)


def test_works_in_a_clone_and_in_build(tmp_path):
    root = toy_course.make(tmp_path / "мой курс", n00_start=["1"])
    (root / "build" / "ci").mkdir(parents=True)
    for folder in (root, root / "notebooks", root / "build" / "ci"):
        run = run_cell(folder)
        assert "hello мой курс" in run.stdout, run.stderr


def test_says_what_to_do_outside_a_clone(tmp_path):
    run = run_cell(tmp_path)
    assert run.returncode and f"git clone {setup_cell.REPOSITORY}" in run.stderr


def git(folder, *arguments):
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def colab(tmp_path):
    """A folder with nothing in it, git that finds the course at its address, and a pip that only takes notes."""
    root = toy_course.make(tmp_path / "origin", n00_start=["1"])
    (root / "requirements-colab.txt").write_text("trl\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "x")
    (tmp_path / "fake" / "pip").mkdir(parents=True)
    (tmp_path / "fake" / "pip" / "__init__.py").touch()  # a folder without it would lose against the real pip
    (tmp_path / "fake" / "pip" / "__main__.py").write_text("import sys\nopen('pip_was_called', 'a').write(' '.join(sys.argv[1:]) + '\\n')\n")
    content = tmp_path / "content"
    content.mkdir()
    environment = {"COLAB_RELEASE_TAG": "test", "PYTHONPATH": str(tmp_path / "fake"), "GIT_CONFIG_COUNT": "1",
                   "GIT_CONFIG_KEY_0": f"url.{root.as_uri()}.insteadOf", "GIT_CONFIG_VALUE_0": setup_cell.REPOSITORY}
    return content, environment


def test_fetches_the_course_in_colab_and_survives_a_restart(colab):
    content, environment = colab
    for _ in range(2):  # Colab restarts a kernel in /content again
        run = run_cell(content, **environment)
        assert run.returncode == 0 and "hello course" in run.stdout, run.stderr
    assert (content / "course" / "pip_was_called").read_text() == "install -q -r requirements-colab.txt\n" * 2


def test_a_failed_clone_stops_the_cell(colab):
    content, environment = colab
    run = run_cell(content, **{**environment, "GIT_CONFIG_KEY_0": "url.file:///nowhere.insteadOf"})
    assert run.returncode and "CalledProcessError" in run.stderr


def test_colab_requirements_agree_with_ours_and_leave_torch_alone():
    def pins(name):
        text = (notebooks.ROOT / name).read_text(encoding="utf-8")
        return dict(re.findall(r"^([\w-]+)\s*([=<>][^#\n]*?)\s*(?:#.*)?$", text, re.MULTILINE))

    ours, colab = pins("requirements.txt"), pins("requirements-colab.txt")
    assert not {"torch", "numpy"} & colab.keys()
    assert {k: v for k, v in colab.items() if k != "torchao"} == {k: ours[k] for k in colab if k != "torchao"}
    assert colab["torchao"] == ">=0.16"
