"""Run one notebook under watch: peak memory, a clean stop, one run at a time.

    with locked(build / "06.lock"):
        peak_gib = watch(lambda: papermill.execute_notebook(...))
"""

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

import psutil

GIB = 2**30
PRIVATE = {  # nothing about a run leaves the machine
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "WANDB_DISABLED": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "TRL_EXPERIMENTAL_SILENCE": "1",
}
QUIET = {"TQDM_DISABLE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}  # a progress bar in a committed output is noise


def set_environment(offline: bool, quiet: bool = True, threads: int | None = None) -> None:
    """What every kernel inherits. `offline` makes an accidental download fail instead of pass."""
    os.environ.update(PRIVATE)
    os.environ.update(QUIET if quiet else {})
    os.environ.pop("MPLBACKEND", None)  # kernels choose the inline backend themselves
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # silences a debugger note in the kernel's log
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    if threads:  # two notebooks at once with all cores each are slower than with one core each
        os.environ.update({"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)})


@contextlib.contextmanager
def locked(path: Path, waiting=None):
    """Hold the file's lock. A second process waits, after one call of `waiting()`.

    The system frees the lock when its holder dies, so that a killed run blocks nobody.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if not _try_lock(file):
            if waiting:
                waiting()
            while not _try_lock(file):
                time.sleep(0.2)
        yield


def _try_lock(file) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False


@contextlib.contextmanager
def stderr_to(path: Path):
    """Send what kernels write to the terminal (warnings of C libraries, crash reports) to a log file."""
    sys.stderr.flush()
    path.parent.mkdir(parents=True, exist_ok=True)
    saved = os.dup(2)
    try:
        with path.open("wb") as log:
            os.dup2(log.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)


def stop_on_signals() -> None:
    """SIGTERM ends a run like Ctrl-C does: through KeyboardInterrupt, so that the kernel is stopped."""

    def stop(signum, frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)  # a shell starts background jobs with SIGINT ignored


def watch(work, period_s: float = 0.2) -> float:
    """Run `work()`; returns the peak memory in GiB of the processes it started (the kernel and its own).

    `work` runs in a thread and this one watches: nbclient installs signal handlers of its own in the
    main thread, and they would hide Ctrl-C from us. What `work` raises is raised here; on
    KeyboardInterrupt the processes it started are killed first.
    """
    before, failure, peak, ended = set(_children()), [], 0, threading.Event()

    def run():
        try:
            work()
        except BaseException as error:  # handed over to the watching thread
            failure.append(error)
        finally:
            ended.set()

    threading.Thread(target=run, daemon=True).start()
    try:
        while not ended.wait(period_s):  # not Thread.join: interrupted, it takes the thread for ended (Python 3.11, 3.12)
            peak = max(peak, sum(_rss(p) for p in set(_children()) - before))
    except BaseException:
        _kill(set(_children()) - before)
        ended.wait(60)  # papermill saves the notebook once more; under load that has taken over ten seconds
        raise
    if failure:
        raise failure[0]
    return peak / GIB


def _children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _rss(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return process.memory_info().rss
    return 0


def _kill(processes) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(list(processes), timeout=5)


def cores() -> int:
    """The CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
