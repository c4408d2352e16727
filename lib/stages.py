"""A long run as stages: each leaves a folder, a finished stage is not computed again, and a kill -9 costs one stage at most.

    run = Stages("build/mine")
    clean = run.stage("clean", {"raw": Path("raw.jsonl"), "near": 0.5}, work)     work(folder, inputs) → a dictionary
    clean.folder / "clean.jsonl", clean.result, clean.fresh                       what it left; False when it was there already

The signature covers the contents of all inputs, the code of the work, the modules of lib and the pinned packages.
"""

import dis
import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType

from filelock import FileLock, Timeout

from lib.data import ROOT
from lib.results import write_json

SIGNATURE = "stage.json"  # the last file that is written into a stage's folder


@dataclass(frozen=True)
class Stage:
    """What a stage left: its folder, what its work returned, and whether it was computed just now."""

    name: str
    folder: Path
    result: dict
    seconds: float
    fresh: bool

    def __str__(self) -> str:
        return f"{self.name:<12}" + (f"{self.seconds:.1f} s" if self.fresh else "unchanged: not computed again")


class Stages:
    """The stages of one run, in one folder. RuntimeError when another process has a run there: the two would mix."""

    def __init__(self, folder):
        self.folder, self.done = Path(folder), []  # the stages in the order in which they were asked for
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.folder / ".lock", timeout=0, is_singleton=True)  # the system frees it when its holder dies
        try:
            self._lock.acquire()
        except Timeout:
            raise RuntimeError(f"{self.folder}: another run is at work in this folder. Wait for it, close its notebook, or name another folder.") from None

    def stage(self, name: str, inputs: dict, work, resumes: bool = False) -> Stage:
        """`run.stage("split", {"rows": Path("clean.jsonl"), "seed": 0}, work)`: computed, or found as it was left.

        `inputs`: a Path (by its contents) or what JSON can hold. `resumes`: go on in what a killed attempt with the same inputs left.
        Raises ValueError for work that reads a global variable, and whatever `work` raises.
        """
        wanted, final = digest(inputs, work), self.folder / name
        if fresh := (signed(final) or {}).get("digest") != wanted:
            partial = self.folder / f".{name}-{wanted[:12]}.partial"
            for old in {*self.folder.glob(f".{name}-*.partial")} - ({partial} if resumes else set()):
                shutil.rmtree(old)
            partial.mkdir(exist_ok=True)
            started = time.perf_counter()
            result = work(partial, inputs) or {}
            write_json(partial / SIGNATURE, {"digest": wanted, "seconds": round(time.perf_counter() - started, 2), "result": result})
            self.drop(name)
            os.rename(partial, final)
        found = Stage(name, final, signed(final)["result"], signed(final)["seconds"], fresh)
        self.done = [stage for stage in self.done if stage.name != name] + [found]
        return found

    def drop(self, name: str) -> None:
        """Forget what a stage left, in one step: nobody finds half of it."""
        gone = self.folder / f".{name}-gone.partial"
        shutil.rmtree(gone, ignore_errors=True)
        if (self.folder / name).is_dir():
            os.rename(self.folder / name, gone)
            shutil.rmtree(gone)


def signed(folder: Path) -> dict | None:
    """The record of a finished stage; None where there is none."""
    try:
        return json.loads((Path(folder) / SIGNATURE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def digest(inputs: dict, work) -> str:
    """64 hex digits; another content of an input, another setting or other code gives others. Raises FileNotFoundError."""
    parts = [_code(work, set()), contents(ROOT / "requirements.txt"), *map(contents, sorted((ROOT / "lib").glob("*.py")))]
    parts += [f"{name} {contents(value) if isinstance(value, Path) else json.dumps(value, sort_keys=True)}" for name, value in sorted(inputs.items())]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def contents(path: Path) -> str:
    """One line a file: its name in the folder and its sha256; signatures are left out, because seconds differ."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file or folder. Check the path.")
    files = sorted(p for p in path.rglob("*") if p.is_file() and p.name != SIGNATURE) if path.is_dir() else [path]
    return "\n".join(f"{f.relative_to(path).as_posix()} {hashlib.sha256(f.read_bytes()).hexdigest()}" for f in files)


def _code(work, seen: set) -> str:
    """Instructions and constants of a function and of those of its own module that it calls; line numbers do not count."""
    seen.add(work)
    parts, queue = [], [work.__code__]
    for code in queue:
        constants = [sorted(c, key=repr) if isinstance(c, frozenset) else c for c in code.co_consts]  # a set has no order
        queue += [c for c in constants if hasattr(c, "co_code")]  # nested functions
        parts += [code.co_code.hex(), *(repr(c) for c in constants if not hasattr(c, "co_code"))]
        for name in sorted({i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"} & work.__globals__.keys()):
            used = getattr(work.__globals__[name], "__wrapped__", work.__globals__[name])  # functools.cache wraps
            if isinstance(used, FunctionType) and used.__module__ == work.__module__ and used not in seen:
                parts.append(_code(used, seen))
            elif not callable(used) and not isinstance(used, ModuleType):
                raise ValueError(f"the work of a stage reads the variable {name}: put it into the inputs, or a change of it would go unnoticed.")
    return " ".join(parts)
