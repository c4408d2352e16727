"""The runner: goes on after a failure, skips what is unchanged, and leaves nothing that only looks complete."""

import signal
import time

import psutil

from tests import toy_course
from tools import notebooks

COURSE = "tools.course"


def test_goes_on_after_a_failure_and_names_it(tmp_path):
    root = toy_course.make(tmp_path / "курс с пробелом", n00_bad=["print('so far')", "1 / 0"],
                           n01_good=[toy_course.record("01")], n02_dies=["import os\nos._exit(1)"])
    status, printed = toy_course.run(root, COURSE)
    build = root / "build" / "ci"
    assert status == 1
    assert "FAILED 00_bad: cell 5 (1 / 0): ZeroDivisionError: division by zero" in printed
    assert "FAILED 02_dies: DeadKernelError" in printed
    assert "tiny ran" in printed  # the second lesson ran, with the profile's parameter
    assert (build / "00_bad.failed.ipynb").is_file() and not (build / "00_bad.ipynb").exists()
    assert (build / "01_good.ipynb").is_file() and not list(build.glob("*.partial.ipynb"))
    page = (build / "index.html").read_text(encoding="utf-8")
    assert "ZeroDivisionError" in page and "tiny ran" in page and "✓ holds" in page
    assert "http" not in page  # opens without a network
    assert "<script src=" not in (build / "01_good.html").read_text(encoding="utf-8")


def test_runs_again_only_what_changed(tmp_path):
    root = toy_course.make(tmp_path, n00_plain=["2 + 2"], n01_greets=["from lib import greet\ngreet.hello()", toy_course.record("01")])

    def states(*arguments):
        return [line.split()[1] for line in toy_course.run(root, COURSE, *arguments)[1].splitlines()[:2]]

    assert states() == ["ok", "ok"]
    (root / "lib" / "greet.py").write_text('def hello():\n    return "good day"\n')
    assert states() == ["unchanged", "ok"]  # only the one that imports it
    (root / "build" / "ci" / "01" / "results.json").unlink()
    assert states() == ["unchanged", "ok"]  # its results are not the ones of its run any more
    assert " ok " in toy_course.run(root, COURSE, "--force", "--only", "0")[1]
    assert toy_course.run(root, COURSE, "--only", "7")[0] == 2
    assert toy_course.run(root, COURSE, "--profile", "huge")[0] == 2


def test_a_killed_run_leaves_nothing_that_looks_complete(tmp_path):
    root = toy_course.make(tmp_path, n00_slow=[toy_course.record("00"), "import time\ntime.sleep(60)"])
    build = root / "build" / "ci"
    for how, leftover in ((signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, 1)):
        process = toy_course.start(root, COURSE)
        kernels = _wait_for_kernel(process, build / "00" / "results.json")
        process.send_signal(how)
        printed, _ = process.communicate(timeout=90)
        assert process.returncode == (130 if how != signal.SIGKILL else -9), printed
        assert not (build / "00_slow.ipynb").exists()
        assert len(list(build.glob("*.partial.ipynb"))) == leftover
        assert not psutil.wait_procs(kernels, timeout=15)[1], f"a kernel is still alive after {how.name}"
        (build / "00" / "results.json").unlink(missing_ok=True)


def _wait_for_kernel(process, sign):
    deadline = time.monotonic() + 30
    while not sign.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sign.exists(), "the notebook did not start"
    return psutil.Process(process.pid).children(recursive=True)


def test_two_runs_at_once_share_the_work(tmp_path):
    root = toy_course.make(tmp_path, n00_slow=["import time\ntime.sleep(2)", toy_course.record("00")])
    first, second = toy_course.start(root, COURSE), toy_course.start(root, COURSE)
    printed = sorted(process.communicate(timeout=60)[0].splitlines()[0] for process in (first, second))
    assert first.returncode == second.returncode == 0
    assert any("waits for another run" in line and "unchanged" in line for line in printed), printed
    assert notebooks.read(root / "build" / "ci" / "00_slow.ipynb").metadata["course"]["status"] == "ok"
