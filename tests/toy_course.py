"""A throw-away course in a temporary folder, for the tests of the tools: small, and without any model."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat

from tools import notebooks, setup_cell

PARAMETERS = 'PROFILE: str = "smol"  # names the output folder\nMODEL: str = "smol"  # what is trained'
RECORD = '''import json
folder = ROOT / "build" / PROFILE / "{number}"
folder.mkdir(parents=True, exist_ok=True)
(folder / "results.json").write_text(json.dumps({{"notebook": "{number}", "profile": PROFILE, "model": MODEL,
    "headline": f"{{MODEL}} ran", "figure": None, "scores": [], "claims": [{{"id": "lora-2dr", "verdict": "holds",
    "measured": "16,000,000", "rule": "equal", "n": 1, "interval": None, "model": MODEL, "profile": PROFILE}}]}}))'''


def make(root: Path, **lessons: list[str]) -> Path:
    """`make(tmp_path, n00_start=["1 + 1"])` → a course with notebooks/00_start.ipynb; returns its root."""
    for folder in ("notebooks", "lib", "profiles", "data/samples"):
        (root / folder).mkdir(parents=True)
    (root / "lib" / "__init__.py").write_text('"""A toy course."""\n')
    (root / "lib" / "greet.py").write_text('def hello():\n    return "hello"\n')
    (root / "profiles" / "ci.yaml").write_text("PROFILE: ci\nMODEL: tiny\nSTEPS: 3\n")
    (root / "data" / "samples" / "rows.jsonl").write_text('{"id": 1}\n')
    (root / "data" / "claims.yaml").write_text('- {id: lora-2dr, source: S0, notebook: "01", claim: "2·d·r numbers"}\n')
    (root / "README.md").write_text("".join(f"<!-- begin {n} -->\n<!-- end {n} -->\n"
                                            for n in ("lessons", "scoreboard", "claims")))
    for name, cells in lessons.items():
        lesson(root, name.removeprefix("n"), cells)
    return root


def lesson(root: Path, name: str, cells: list[str]) -> Path:
    nb = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    nb.cells = [nbformat.v4.new_markdown_cell(f"# {name[:2]} · {name[3:]}?"), setup_cell.setup_cell(),
                nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
                *(nbformat.v4.new_code_cell(source) for source in cells)]
    for i, cell in enumerate(nb.cells):
        cell["id"] = f"cell-{i}"
    path = root / "notebooks" / f"{name}.ipynb"
    notebooks.write(nb, path)
    return path


def record(number: str) -> str:
    """The source of a cell that records a headline and a claim."""
    return RECORD.format(number=number)


def start(root: Path, module: str, *arguments: str) -> subprocess.Popen:
    """Start `python -m module --root root …` as a reader would; the kernels run on one core."""
    return subprocess.Popen([sys.executable, "-m", module, "--root", str(root), *arguments], cwd=notebooks.ROOT, text=True,
                            env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def run(root: Path, module: str, *arguments: str) -> tuple[int, str]:
    """(exit status, everything it printed)."""
    process = start(root, module, *arguments)
    printed, _ = process.communicate(timeout=120)
    return process.returncode, printed
