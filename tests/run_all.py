"""`make test`: one pytest run over the unit tests and over every notebook; one summary at the end.

    python -m tests.run_all                 everything
    python -m tests.run_all -k style        more arguments go to pytest

The notebooks are prepared with the ci profile (papermill puts the parameters in and runs nothing) and
then executed by nbmake, two at a time. The executed copies stay in build/ci-test/ to be read after a failure.
"""

import contextlib
import logging
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import papermill

from tools import course, execution, notebooks

SECONDS_PER_CELL = 600


def prepare_notebooks(root: Path, folder: Path) -> list[Path]:
    """Copies of all notebooks with the parameters of profiles/ci.yaml, not yet executed."""
    profile = course.read_profile(root, "ci")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    prepared = []
    for path in notebooks.paths(root):
        parameters = {k: v for k, v in profile.items() if k in notebooks.parameters(notebooks.read(path))}
        target = folder / path.name
        papermill.execute_notebook(str(path), str(target), parameters=parameters, prepare_only=True)
        prepared.append(target)
    return prepared


def main(arguments: list[str]) -> int:
    root = notebooks.ROOT
    logging.getLogger("papermill").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="papermill")
    execution.set_environment(offline=True, threads=1)
    prepared = prepare_notebooks(root, root / "build" / "ci-test")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", "--nbmake", "--overwrite",
               f"--nbmake-timeout={SECONDS_PER_CELL}", "--durations=5", *map(str, prepared), "tests", *arguments]  # the long ones first
    with contextlib.ExitStack() as stack:
        for path in prepared:  # `make course` at the same time would write to the same build/ci/NN
            stack.enter_context(execution.locked(root / "build" / "ci" / f".{path.stem}.lock"))
        return subprocess.run(command, cwd=root).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
