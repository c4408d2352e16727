"""Run the lessons: `python -m tools.course --profile ci --only "00 06"` (or `make course`).

Each notebook runs through papermill with the profile's parameters into build/<profile>/:

    06_lora.ipynb           complete: every cell ran
    06_lora.html            the same as a page
    06_lora.failed.ipynb    stopped at an error; the traceback is in it
    06_lora.partial.ipynb   running now, or killed: never taken for a result
    06_lora.log             what the kernel wrote past the notebook, such as a crash report
    06/results.json         what the notebook recorded: headline, scores, verdicts
    index.html              all of it on one page

A notebook whose code, lib modules, parameters and data are unchanged is not run again, unless --force.
With --track sqlite:///build/mlflow.db (or a server's address) every training is logged to MLflow: see lib/tracking.py.
"""

import argparse
import datetime
import errno
import hashlib
import json
import logging
import os
import sys
import time
import warnings
from pathlib import Path

import nbformat
import papermill
import yaml
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import load_notebook_node

from lib import tracking
from tools import execution, index_page, notebooks

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)  # of no use to go on with the next lesson


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run the lessons of the course.")
    parser.add_argument("--profile", default="ci", help="a file of profiles/: ci, smol, colab_t4 or gpu")
    parser.add_argument("--only", default="", help='numbers of notebooks, such as "00 06"')
    parser.add_argument("--force", action="store_true", help="run them even if nothing changed")
    parser.add_argument("--track", default="", help="log every training to MLflow there, such as sqlite:///build/mlflow.db")
    parser.add_argument("--root", type=Path, default=notebooks.ROOT, help="the repository (default: this one)")
    args = parser.parse_args(argv)
    try:
        profile = read_profile(args.root, args.profile)
        paths = notebooks.paths(args.root, args.only)
        if args.track:
            track(args.track, args.root)
    except ValueError as error:
        print(f"make course: {error}", file=sys.stderr)
        return 2
    prepare(args.profile)
    try:
        failed = [line for path in paths if (line := run_one(path, args.root, args.profile, profile, args.force))]
        page = index_page.write(args.root, args.profile)
    except OSError as error:  # a read-only checkout, a full disk: not the notebook's fault, and no use in going on
        print(f"\nmake course: {error}. The course writes to build/ in its own folder: free some space, or copy the course to where you may "
              "write. Complete notebooks are kept.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. Complete notebooks are kept; the one at work is not among them.", flush=True)
        index_page.write(args.root, args.profile)
        return 130
    print(f"\nResults: {page.relative_to(args.root)}", flush=True)
    for line in failed:
        print(f"FAILED {line}", flush=True)
    return 1 if failed else 0


def prepare(profile: str) -> None:
    execution.stop_on_signals()
    execution.set_environment(offline=profile == "ci")
    logging.getLogger("papermill").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="papermill")


STARTUP = """import os, sys, traceback
sys.path.insert(0, {root!r})
try:
    from lib import tracking
    tracking.start()
except BaseException:  # IPython would go on, and a run that nobody logs would look like one that was
    traceback.print_exc()
    os._exit(1)
"""


def track(address: str, root: Path) -> None:
    """Let every kernel begin with `tracking.start()`: IPython runs the files of this folder first. ValueError for a bad address."""
    os.environ["MLFLOW_TRACKING_URI"] = tracking.full_address(address, root)
    folder = root / "build" / "ipython"
    notebooks.write_text(folder / "profile_default" / "startup" / "tracking.py", STARTUP.format(root=str(root.resolve())))
    os.environ["IPYTHONDIR"] = str(folder.resolve())


def read_profile(root: Path, name: str) -> dict:
    """profiles/ci.yaml → `{"PROFILE": "ci", "MODEL": "tiny", …}`. ValueError lists the profiles there are."""
    path = Path(root, "profiles", f"{name}.yaml")
    if not path.is_file():
        there = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml")))
        raise ValueError(f"no profile {name!r}; there are: {there}")
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def run_one(path: Path, root: Path, profile_name: str, profile: dict, force: bool) -> str:
    """Run one notebook and print its line. Returns "" or, after a failure, the notebook and why."""
    build = Path(root, "build", profile_name)
    nb = notebooks.read(path)
    print(f"{path.stem:<28} ", end="", flush=True)
    with execution.locked(build / f".{path.stem}.lock", lambda: print("waits for another run … ", end="", flush=True)):
        # papermill warns about a key that a notebook lacks, so it gets only those that the notebook declares
        parameters = {k: v for k, v in profile.items() if k in notebooks.parameters(nb)}
        digest = run_digest(nb, root, parameters)
        if not force and unchanged(build, path, digest):
            print("unchanged", flush=True)
            return ""
        return execute(path, root, build, parameters, digest)


def run_digest(nb, root: Path, parameters: dict) -> str:
    """Changes when a cell, an imported lib module, a parameter of the profile or a data sample changes."""
    parts = [notebooks.code_digest(nb, root), notebooks.data_digest(root), json.dumps(parameters, sort_keys=True)]
    return "sha256:" + hashlib.sha256("\n".join(parts).encode()).hexdigest()


def unchanged(build: Path, path: Path, digest: str) -> bool:
    """True if the last run was complete, with this digest, and its results are still the ones it wrote."""
    complete = build / path.name
    if not complete.is_file() or failed_path(build, path).exists():
        return False
    try:
        course = notebooks.read(complete).metadata.get("course", {})
    except ValueError:  # edited or damaged since
        return False
    return course.get("digest") == digest and course.get("results_digest") == file_digest(results_path(build, path))


def execute(path: Path, root: Path, build: Path, parameters: dict, digest: str) -> str:
    build.mkdir(parents=True, exist_ok=True)
    os.environ |= {"MLFLOW_EXPERIMENT_NAME": path.stem, "MLFLOW_TAGS": json.dumps({"profile": build.name})}  # read only when tracked
    partial = build / f"{path.stem}.partial.ipynb"
    results_path(build, path).unlink(missing_ok=True)  # old results must not stand beside a new failure
    start, failure, peak_gib = time.monotonic(), "", 0.0
    try:
        with execution.stderr_to(build / f"{path.stem}.log"):
            peak_gib = execution.watch(lambda: papermill.execute_notebook(
                str(path), str(partial), parameters=parameters, kernel_name="python3", progress_bar=False,
                cwd=str(root)))
    except KeyboardInterrupt:
        partial.unlink(missing_ok=True)
        raise
    except PapermillExecutionError as error:
        failure = describe(error)
    except OSError as error:
        if error.errno in NO_ROOM:  # what papermill has written is cut off
            partial.unlink(missing_ok=True)
            raise
        failure = f"{type(error).__name__}: {last_line(str(error))}"
    except Exception as error:  # a dead kernel, a broken notebook: say it and go on with the next lesson
        failure = f"{type(error).__name__}: {last_line(str(error))}"
    seconds = time.monotonic() - start
    course = {"digest": digest, "status": "failed" if failure else "ok", "error": failure,
              "seconds": round(seconds, 1), "peak_memory_gib": round(peak_gib, 2),
              "finished": datetime.datetime.now().isoformat(timespec="seconds"),
              "results_digest": file_digest(results_path(build, path))}
    keep(path, build, partial, course)
    memory = f"{peak_gib:6.2f} GiB" if not failure else " " * 10
    headline = failure or index_page.read_results(build, path).get("headline", "")
    print(f"{'FAILED' if failure else 'ok':<7}{seconds:7.1f} s {memory}   {headline}", flush=True)
    return f"{path.stem}: {failure}" if failure else ""


def keep(path: Path, build: Path, partial: Path, course: dict) -> None:
    """Give the executed notebook its final name, in one step, with its page beside it."""
    nb = load_notebook_node(str(partial if partial.is_file() else path))
    nb.metadata.pop("widgets", None)
    nb.metadata["course"] = course
    notebooks.write_text(partial, nbformat.writes(nb) + "\n")
    if course["status"] == "failed":
        os.replace(partial, failed_path(build, path))
        index_page.write_notebook_page(failed_path(build, path), build / f"{path.stem}.html")
        return
    index_page.write_notebook_page(partial, build / f"{path.stem}.html", notebooks.title(nb))
    os.replace(partial, build / path.name)
    failed_path(build, path).unlink(missing_ok=True)


def describe(error: PapermillExecutionError) -> str:
    """`cell 7 (loss.backward()): RuntimeError: element 0 of tensors does not require grad`."""
    first = next((line.strip() for line in error.source.splitlines() if line.strip() and line.strip()[0] != "#"), "")
    return f"cell {error.cell_index} ({first[:50]}): {error.ename}: {last_line(error.evalue)}"


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:300] if lines else "(no message)"


def failed_path(build: Path, path: Path) -> Path:
    return build / f"{path.stem}.failed.ipynb"


def results_path(build: Path, path: Path) -> Path:
    return build / notebooks.number(path) / "results.json"


def file_digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
