"""Execute the published outputs: `python -m tools.render --only 06` (or `make render ONLY=06`).

Each notebook runs as it is, with its default parameters, and is replaced, in one step, by its executed
self. Its metadata then say what was run, on what, and with which results. `--check` compares the digest
in there with the code of today, runs nothing, and fails where code changed after the execution.
Only an execution writes a digest: there is no option to stamp one.
"""

import argparse
import datetime
import platform
import sys
import time
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from papermill.exceptions import strip_color

from tools import execution, index_page, notebooks, safety


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Execute the committed outputs of the notebooks.")
    parser.add_argument("--only", default="", help='numbers of notebooks, such as "00 06"')
    parser.add_argument("--check", action="store_true", help="run nothing; fail if an output is older than its code")
    parser.add_argument("--root", type=Path, default=notebooks.ROOT, help="the repository (default: this one)")
    args = parser.parse_args(argv)
    paths = notebooks.paths(args.root, args.only)
    if args.check:
        stale = [line for path in paths if (line := staleness(path, args.root))]
        print("\n".join(stale) or f"{len(paths)} notebooks: outputs belong to the code.")
        return 1 if stale else 0
    execution.stop_on_signals()
    execution.set_environment(offline=False)
    try:
        return 1 if [path for path in paths if not render(path, args.root)] else 0
    except KeyboardInterrupt:
        print("\nStopped; the committed notebook is unchanged.")
        return 130


def staleness(path: Path, root: Path) -> str:
    """"" if the committed outputs come from today's code; else what is wrong and the remedy."""
    nb = notebooks.read(path)
    remedy = f"Remedy: make render ONLY={notebooks.number(path)}"
    stamped = nb.metadata.get("course", {}).get("digest")
    if not stamped:
        return f"{path.name}: never rendered, so it has no outputs to trust. {remedy}"
    if stamped != notebooks.code_digest(nb, root):
        return f"{path.name}: its code, or a lib module it imports, changed after the outputs were made. {remedy}"
    return ""


def render(path: Path, root: Path) -> bool:
    """Execute one notebook in place; True on success. After an error the committed file is unchanged."""
    nb = notebooks.read(path)
    profile = notebooks.parameters(nb).get("PROFILE", ("str", "smol"))[1]
    build = Path(root, "build", profile)
    digest = notebooks.code_digest(nb, root)  # before the run: a file edited meanwhile makes it stale, rightly
    print(f"{path.stem:<28} ", end="", flush=True)
    with execution.locked(build / f".{path.stem}.lock", lambda: print("waits for another run … ", end="", flush=True)):
        # any result left by an earlier run would be stamped as this one's
        (build / notebooks.number(path) / "results.json").unlink(missing_ok=True)
        client = NotebookClient(nb, timeout=None, kernel_name="python3", record_timing=False,
                                resources={"metadata": {"path": str(path.parent)}})
        start = time.monotonic()
        try:
            with execution.stderr_to(build / f"{path.stem}.log"):
                peak_gib = execution.watch(client.execute)
        except (CellExecutionError, RuntimeError) as error:
            notebooks.write(nb, build / f"{path.stem}.failed.ipynb")
            print(f"FAILED  {strip_color(str(error)).strip().splitlines()[-1]}", flush=True)
            return False
        minutes = (time.monotonic() - start) / 60
        clean(nb)
        nb.metadata["course"] = {
            "digest": digest, "profile": profile, "hardware": hardware(), "minutes": round(minutes, 1),
            "peak_memory_gib": round(peak_gib, 1), "rendered": datetime.date.today().isoformat(),
            "results": index_page.read_results(build, path)}
    notebooks.write(nb, path)
    print(f"ok {minutes:6.1f} min {peak_gib:6.1f} GiB", flush=True)
    for problem in safety.problems(nb):
        print(f"    make test will refuse it: {problem}", flush=True)
    return True


def clean(nb) -> None:
    """Drop what GitHub rejects (widgets), what differs in every run (times, versions), and where this machine keeps the course."""
    nb.metadata.pop("widgets", None)
    nb.metadata.pop("papermill", None)
    nb.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nb.metadata["language_info"] = {"name": "python"}
    for cell in nb.cells:
        for key in ("execution", "papermill", "ExecuteTime"):
            cell.metadata.pop(key, None)
        for output in cell.get("outputs", []):
            if "text" in output:  # a warning names the file it comes from: lib/train.py is enough
                output["text"] = output["text"].replace(f"{notebooks.ROOT}/", "")


def hardware() -> str:
    """`"NVIDIA H200"`, or `"2 CPU cores, x86_64"`: enough to read a number with, and nothing private."""
    import torch  # here, because --check must not wait for it

    if torch.cuda.is_available():
        return torch.cuda.get_device_name(0)
    cores = execution.cores()
    return f"{cores} CPU core{'s' * (cores > 1)}, {platform.machine()}"


if __name__ == "__main__":
    sys.exit(main())
