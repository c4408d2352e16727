"""The setup cell: the first code cell of every notebook, identical everywhere.

`python -m tools.setup_cell` puts the text below into every notebook that has another version of it.
It works in a clone, in build/, under papermill and in Colab. Plain Python instead of `!git` and `%pip`:
those two go on silently after a failure, `check=True` does not.
"""

import argparse
import sys
from pathlib import Path

import nbformat

from tools import notebooks

REPOSITORY = "https://github.com/customise-a-model/course"  # the one place that names it; README.md follows

SETUP = f'''# Setup, the same in every notebook: find the course (on Colab, fetch it first) and import from it.
import os
import subprocess
import sys
from pathlib import Path


def course_root(folder):
    return next((p for p in (folder, *folder.parents) if (p / "lib" / "__init__.py").is_file()), None)


if "COLAB_RELEASE_TAG" in os.environ and course_root(Path.cwd()) is None:
    if not Path("course").exists():
        subprocess.run(["git", "clone", "-q", "--depth", "1", "{REPOSITORY}", "course"], check=True)
    os.chdir("course")
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "-r", "requirements-colab.txt"], check=True)
ROOT = course_root(Path.cwd())
if ROOT is None:
    raise RuntimeError("The course's files are not here: git clone {REPOSITORY}, then open this notebook in it.")
os.chdir(ROOT)
sys.path.insert(0, str(ROOT))
import lib  # noqa: E402  before other imports: it switches telemetry and routine notes off for all of them

print("The course is found:", lib.__doc__.splitlines()[0])'''


def setup_cell() -> nbformat.NotebookNode:
    """A fresh code cell with the setup text, tagged `setup`."""
    return nbformat.v4.new_code_cell(SETUP, metadata={"tags": ["setup"]})


def write_into(path: Path) -> bool:
    """Replace the notebook's setup cell; True when it changed. Outputs are kept: it computes nothing.

    Raises ValueError when the notebook has no cell tagged `setup`: where to put one is the author's choice.
    """
    nb = notebooks.read(path)
    cells = [cell for cell in nb.cells if cell.cell_type == "code" and "setup" in notebooks.tags(cell)]
    if len(cells) != 1:
        raise ValueError(f"{path.name}: {len(cells)} cells tagged `setup`; tag exactly one, the first code cell.")
    changed = cells[0].source != SETUP
    cells[0].source = SETUP
    if changed:
        notebooks.write(nb, path)
    return changed


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Put the setup cell into every notebook.")
    parser.add_argument("--root", type=Path, default=notebooks.ROOT, help="the repository (default: this one)")
    for path in notebooks.paths(parser.parse_args(argv).root):
        print(f"{path.name}: {'updated' if write_into(path) else 'already the same'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
