"""A child process that can't outlive its parent, whatever ends the parent: an error, Ctrl-C, or a kill.

    child = start([sys.executable, "train.py"], environment, folder)
    for line in child.stdout: …
    stop(child, grace_seconds=2)

Between parent and child stands a guard (this file, run as a script). The parent holds the other end of the
guard's standard input; when the parent is gone the pipe closes, and the guard kills the child and all its children.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

import psutil


def start(command: list[str], environment: dict, folder) -> subprocess.Popen:
    """The guarded process; `stdout` carries both of its output streams as text lines. FileNotFoundError if there is no such program."""
    return subprocess.Popen([sys.executable, __file__, *map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, env=environment, cwd=folder, text=True, encoding="utf-8", errors="replace",
                            start_new_session=True)


def family(pid: int) -> list[psutil.Process]:
    """The processes that `pid` started, and what those started, the newest last; [] when it is gone."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def stop(child: subprocess.Popen, grace_seconds: float = 0.0) -> None:
    """Ask (SIGTERM), wait up to `grace_seconds`, then kill, the whole family. Nothing happens when it has ended."""
    started = family(child.pid)
    if grace_seconds:
        for process in started:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        psutil.wait_procs(started, timeout=grace_seconds)
        started += [p for p in family(child.pid) if p not in started]
    for process in started:
        with contextlib.suppress(psutil.Error):
            process.kill()
    with contextlib.suppress(OSError):
        child.stdin.close()  # the guard sees the end of its input and kills what is left
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(timeout=5)
    if child.poll() is None:
        child.kill()
        child.wait()


def guard(command: list[str]) -> int:
    """Run the command; kill it, and everything it started, when the parent closes the pipe."""
    for name in ("SIGTERM", "SIGINT"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)  # a warning is meant for the work, not for its guard
    adopt_orphans()
    killing = threading.Lock()  # the guard must not end while the other thread is still killing

    def restore():
        for name in ("SIGTERM", "SIGINT"):
            signal.signal(getattr(signal, name), signal.SIG_DFL)

    try:
        work = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=restore if os.name == "posix" else None)
    except OSError as error:
        print(f"can't start {command[0]!r}: {error.strerror}", flush=True)
        return 127

    def kill_all():
        with killing:
            while running := [p for p in family(os.getpid()) if alive(p)]:  # one may start another while it is being killed
                for process in running:
                    with contextlib.suppress(psutil.Error):
                        process.kill()
                time.sleep(0.02)

    def watch():
        with contextlib.suppress(OSError, ValueError):
            while os.read(0, 1024):
                pass
        kill_all()

    threading.Thread(target=watch, daemon=True).start()
    code = wait_for(work)
    kill_all()  # what the work left behind
    return code if code >= 0 else 128 - code


def wait_for(work: subprocess.Popen) -> int:
    """Its exit code. Adopted processes that end meanwhile are collected too, so that nobody waits for them."""
    while hasattr(os, "wait"):
        pid, status = os.wait()
        if pid == work.pid:
            work.returncode = os.waitstatus_to_exitcode(status)
            break
    return work.wait()


def alive(process: psutil.Process) -> bool:
    """False for one that is gone, or ended and not yet collected by its parent."""
    with contextlib.suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def adopt_orphans() -> None:
    """On Linux: processes whose parent ends become children of this one, so that `family` still finds them (prctl(2))."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


if __name__ == "__main__":
    sys.exit(guard(sys.argv[1:]))
