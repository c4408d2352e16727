"""`kill -9` in the middle of each long step that writes files, then the same step again.

Where the other long steps are killed: trainings (test_robustness), notebooks (test_runner), the stages of the capstone
(test_lesson_17), jobs and servers (test_local_sagemaker, test_local_endpoints), the request log (test_monitoring).
"""

import multiprocessing
import random
import signal
import time

import pytest

from lib import cleaning, model_archive, streams
from lib.data import SAMPLES

STEPS = {
    "convert": (lambda given, out: streams.convert(given, out / "chats.jsonl"), ["chats.jsonl"]),
    "clean": (lambda given, out: cleaning.run(given, out, cleaning.standard_steps("secret")), ["clean.jsonl", "removed.jsonl"]),
    "pack": (lambda given, out: model_archive.write(out / "model.tar.gz", SAMPLES / "tiny-base"), ["model.tar.gz"]),
}


def started(step: str, given, out) -> multiprocessing.Process:
    """The step in a process of its own; a fork, so that no attempt waits for imports."""
    process = multiprocessing.get_context("fork").Process(target=STEPS[step][0], args=(given, out))
    process.start()
    return process


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.parametrize("step", STEPS)
def test_a_killed_step_leaves_no_half_file_and_ends_right_the_second_time(tmp_path, step):
    lines = (SAMPLES / "dump" / "report.jsonl").read_text(encoding="utf-8").splitlines()
    given, names, stopped = tmp_path / "given.jsonl", STEPS[step][1], 0
    given.write_text("\n".join(lines[:300] if step == "clean" else lines * 4), encoding="utf-8")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir(), killed.mkdir()
    begun = time.monotonic()
    process = started(step, given, whole)
    process.join()
    seconds, wanted = time.monotonic() - begun, {name: (whole / name).read_bytes() for name in names}
    for _ in range(10):
        process = started(step, given, killed)
        time.sleep(random.uniform(0, 0.9 * seconds))
        process.kill()
        process.join()
        stopped += process.exitcode == -signal.SIGKILL
        for name in names:
            assert not (killed / name).exists() or (killed / name).read_bytes() == wanted[name], f"half of {name} is left"
        if stopped == 3:
            break
    process = started(step, given, killed)
    process.join()
    assert stopped, "no process was killed at work: nothing is proved"
    assert process.exitcode == 0 and {name: (killed / name).read_bytes() for name in names} == wanted
