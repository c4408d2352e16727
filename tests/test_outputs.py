"""The committed outputs: made from today's code, on a named machine, and fit to be public."""

import hashlib

import pytest

from tests import toy_course
from tools import build_readme, notebooks, render, safety

PATHS = notebooks.paths()  # raises when there are none: this file must not pass by finding nothing
BY_NAME = pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)


@BY_NAME
def test_outputs_belong_to_the_code(path):
    assert not render.staleness(path, notebooks.ROOT)


@BY_NAME
def test_outputs_are_fit_to_be_public(path):
    assert not safety.problems(notebooks.read(path))


@BY_NAME
def test_outputs_are_there_to_be_looked_at(path):
    nb = notebooks.read(path)
    assert safety.share_with_output(nb) >= 0.8, "under 80 % of the code cells end in something to look at"
    course = nb.metadata["course"]
    assert course["hardware"] and course["minutes"] >= 0 and course["peak_memory_gib"] >= 0 and course["rendered"]
    assert course["results"].get("headline"), "the lesson records no headline"


def test_readme_tables_are_current():
    assert build_readme.main(["--check"]) == 0, "remedy: make readme"


def test_a_source_page_says_what_held_and_what_waits(tmp_path):
    root = toy_course.make(tmp_path, n00_a=["1"])
    ledger = [{"id": "a", "source": "S0, S3", "claim": "It holds."}, {"id": "b", "source": "S0", "claim": "It fails."},
              {"id": "c", "source": "S0", "claim": "It waits.", "notebook": "12"}]
    known = {"a": "holds", "b": "does not hold"}
    rows = [{"notebook": "00", "rule": "holds if", "measured": "3 of 3", **row, **({"verdict": known[row["id"]]} if row["id"] in known else {})}
            for row in ledger]
    page = build_readme.source_page(root, "S0", rows)
    assert "3 statements. ✓ holds: 1 · ✗ does not hold: 1 · not measured yet: 1" in page
    assert page.index("It holds.") < page.index("It fails.") < page.index("| It waits. | 12 |") and "holds if" in page
    assert "../../notebooks/00_a.ipynb" in page and "It fails." not in build_readme.source_page(root, "S3", rows)
    assert build_readme.main(["--root", str(root)]) == 0
    (root / "data" / "claims" / "S4.md").write_text("edited by hand")
    assert build_readme.main(["--check", "--root", str(root)]) == 1


def test_render_stamps_what_it_ran_and_notices_a_change(tmp_path, capsys):
    root = toy_course.make(tmp_path, n00_greets=["from lib import greet\ngreet.hello()", toy_course.record("00")])
    path = root / "notebooks" / "00_greets.ipynb"
    assert "never rendered" in render.staleness(path, root)
    assert toy_course.run(root, "tools.render")[0] == 0
    nb = notebooks.read(path)
    assert nb.metadata["course"]["results"]["headline"] == "smol ran"  # the default parameters
    assert [cell.id for cell in nb.cells] == [f"cell-{i}" for i in range(5)]
    assert nb.cells[3].outputs and not any("execution" in cell.metadata for cell in nb.cells)
    assert render.main(["--check", "--root", str(root)]) == 0
    assert build_readme.main(["--root", str(root)]) == 0
    assert "smol ran" in (root / "README.md").read_text() and build_readme.main(["--check", "--root", str(root)]) == 0

    module = root / "lib" / "greet.py"
    module.write_text('"""Greetings."""\n\n\ndef hello():  # a comment\n    """Say it."""\n    return "hello"\n')
    assert not render.staleness(path, root)  # comments and docstrings print nothing
    module.write_text('def hello():\n    return "good day"\n')
    assert "make render ONLY=00" in render.staleness(path, root)
    assert render.main(["--check", "--root", str(root)]) == 1 and "00_greets.ipynb" in capsys.readouterr().out


def test_a_failed_render_changes_nothing(tmp_path):
    root = toy_course.make(tmp_path, n00_bad=["1 / 0"])
    before = (root / "notebooks" / "00_bad.ipynb").read_bytes()
    status, printed = toy_course.run(root, "tools.render")
    assert status == 1 and "ZeroDivisionError" in printed
    assert (root / "notebooks" / "00_bad.ipynb").read_bytes() == before


def test_the_digest_is_the_same_everywhere():
    # fixed value: an operating system or a Python version that computes another one shows here
    cell = 'from lib import x\nf"{x!r:>{5}} {1.0e-4}"\ndef g(a, *, b: int = 2) -> None:\n    """Doc."""\n    return a if b else None'
    shape = notebooks._shape(notebooks._parse(cell))
    assert hashlib.sha256(shape.encode()).hexdigest()[:16] == "def4e1b10e9acb79"


@pytest.mark.parametrize("text", [
    "hf_abcdefghijklmnopqrstuvwxyz", "AKIAABCDEFGHIJKLMNOP", "saved to /home/ann/adapter", "C:\\Users\\ann\\x", "/tmp/tmpabc/model"])
def test_the_scan_can_fail(text):
    assert safety.text_problems(text)


@pytest.mark.parametrize("text", ["build/ci/06/bars.png", "https://example.org/home/x", "lib/train.py", "a/tmp/b", "Note: x"])
def test_the_scan_lets_plain_text_pass(text):
    assert not safety.text_problems(text)
