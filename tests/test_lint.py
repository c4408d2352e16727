"""ruff over the Python files and the notebooks. F821 in a notebook means: not runnable from top to bottom."""

import subprocess
import sys

from tools.notebooks import ROOT


def test_ruff_finds_nothing():
    run = subprocess.run([sys.executable, "-m", "ruff", "check", "--output-format=concise", "."],
                         cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
