"""Helpers that every tool shares: find notebooks, read their cells and parameters, digest their code.

    paths(root, "00 06")     the notebooks, in order
    code_digest(path, root)  sha256 of what the code means; comments and layout do not count
    data_digest(root)        sha256 of data/samples
"""

import ast
import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("lib", "tools")  # imports from these are part of a notebook's code


def paths(root: Path = ROOT, only: str = "") -> list[Path]:
    """`paths(root, "6 00")` → [notebooks/00_….ipynb, notebooks/06_….ipynb]; all of them without `only`.

    Raises ValueError for a number that no notebook has, and when there are no notebooks at all.
    """
    found = sorted(Path(root, "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise ValueError(f"no notebooks/NN_name.ipynb in {Path(root).name}: is the checkout complete?")
    wanted = {re.match(r"\d*", word)[0].zfill(2) for word in only.replace(",", " ").split()}  # "6", "06", "06_lora"
    unknown = wanted - {number(p) for p in found}
    if unknown:
        raise ValueError(f"no notebook {', '.join(sorted(unknown))}; there are: {', '.join(p.stem for p in found)}")
    return [p for p in found if not wanted or number(p) in wanted]


def number(path: Path) -> str:
    """`notebooks/06_lora.ipynb` → `"06"`."""
    return path.name[:2]


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def write_text(path: Path, text: str) -> None:
    """Replace the file in one step: a reader sees the old text or the new one, never half of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(name, 0o644)  # mkstemp makes private files
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def write(nb: nbformat.NotebookNode, path: Path) -> None:
    nbformat.validate(nb)
    write_text(path, nbformat.writes(nb) + "\n")


def tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def code_cells(nb) -> list:
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def title(nb) -> str:
    """The first heading, without its number: `# 06 · LoRA: does it learn?` → `LoRA: does it learn?`."""
    heading = re.search(r"^#\s+(.+)$", nb.cells[0].source if nb.cells else "", re.MULTILINE)
    return re.sub(r"^\d\d\s*[·.:–—-]?\s*", "", heading.group(1)).strip() if heading else "(no title)"


def parameters(nb) -> dict[str, tuple[str, object]]:
    """`RANK: int = 8  # …` → `{"RANK": ("int", 8)}`, from the cell tagged `parameters`.

    Raises ValueError for a line that papermill could not override safely (no type, no literal).
    """
    found = {}
    for cell in (c for c in code_cells(nb) if "parameters" in tags(c)):
        for node in ast.parse(cell.source).body:
            if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None):
                raise ValueError(f"parameters cell: write `NAME: type = literal`, not {ast.unparse(node)!r}")
            try:
                found[node.target.id] = (ast.unparse(node.annotation), ast.literal_eval(node.value))
            except ValueError:
                raise ValueError(f"parameters cell: {node.target.id} is computed; give a literal.") from None
    return found


# ----------------------------------------------------------------------------------------- digests
def code_digest(nb, root: Path = ROOT) -> str:
    """`"sha256:5f2c…"` of the code cells and of every `lib` module they import, directly or not.

    Taken over the syntax tree: a comment, a docstring or a line break changes nothing that a cell
    prints, so it does not make outputs stale. The same on every system and Python version. The setup
    cell is left out: it is tested by itself and computes nothing.
    """
    sources = [cell.source for cell in code_cells(nb) if "setup" not in tags(cell)]
    modules = imported_modules(sources, root)
    parts = [_meaning(source) for source in sources]
    parts += [f"{m.relative_to(root).as_posix()}\n{_meaning(m.read_text(encoding='utf-8'), True)}" for m in modules]
    return "sha256:" + hashlib.sha256("\0".join(parts).encode()).hexdigest()


def imported_modules(sources: list[str], root: Path = ROOT) -> list[Path]:
    """`["from lib import train"]` → lib/__init__.py, lib/train.py and what those import, sorted."""
    found, queue = set(), [(source, "") for source in sources]
    while queue:
        source, package = queue.pop()
        for name in _imported_names(source, package):
            for path in _module_files(name, root):
                if path not in found:
                    found.add(path)
                    queue.append((path.read_text(encoding="utf-8"), path.relative_to(root).parts[0]))
    return sorted(found)


def _imported_names(source: str, package: str) -> list[str]:
    names = []
    for node in ast.walk(_parse(source) or ast.Module([], [])):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(x for x in (package if node.level else "", node.module) if x)
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] in PACKAGES]


def _module_files(name: str, root: Path) -> list[Path]:
    package, *rest = name.split(".")
    files = [Path(root, package, "__init__.py")] + ([Path(root, package, *rest).with_suffix(".py")] if rest else [])
    return [f for f in files if f.is_file()]


def _parse(source: str) -> ast.Module | None:
    """The syntax tree, with `%magic` and `!command` lines read as strings; None when it does not parse."""
    plain = re.sub(r"^([ \t]*)([%!].*)$", lambda m: f"{m[1]}{m[2]!r}", source, flags=re.MULTILINE)
    with contextlib.suppress(SyntaxError):
        return ast.parse(plain)
    return None


def _meaning(source: str, is_module: bool = False) -> str:
    tree = _parse(source)
    if tree and is_module and ast.get_docstring(tree) is not None:  # in a cell a lone string is an output
        del tree.body[0]
    return _shape(tree) if tree else "\n".join(source.split())


def _shape(node) -> str:
    """Our own dump: `ast.dump` writes empty fields differently from one Python version to the next."""
    if isinstance(node, list):
        return "[" + ",".join(_shape(x) for x in node) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {k: v for k, v in ast.iter_fields(node) if v is not None and v != [] and k not in ("kind", "type_comment")}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
        fields["body"] = node.body[1:]
    if isinstance(node, ast.JoinedStr):  # Python 3.12 alone adds empty pieces to nested f-strings
        fields["values"] = [v for v in node.values if not (isinstance(v, ast.Constant) and v.value == "")]
    return type(node).__name__ + "(" + ",".join(f"{k}={_shape(v)}" for k, v in fields.items()) + ")"


def data_digest(root: Path = ROOT) -> str:
    """sha256 over names and bytes of data/samples: the inputs that every notebook may read."""
    total = hashlib.sha256()
    folder = Path(root, "data", "samples")
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        total.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return "sha256:" + total.hexdigest()
