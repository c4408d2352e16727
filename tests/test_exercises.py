"""Every exercise: the untouched stub is not accepted, the solution is, wrong answers are refused."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
import torch

from lib import checks

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("[0-9]*.ipynb"))


def exercises():
    """(notebook, stub source, check source, solution source) for every exercise of every notebook."""
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        for i, cell in enumerate(cells):
            if "exercise" not in cell.metadata.get("tags", []):
                continue
            check = cells[i + 1]
            assert "check" in check.metadata.get("tags", []), f"{path.name}: an exercise without its check"
            solution = re.search(r"```python\n(.*?)```", cells[i + 2].source, re.DOTALL)
            assert solution, f"{path.name}: no solution after {check.source}"
            yield pytest.param(cell.source, check.source, solution[1], id=f"{path.stem}-{check.source.split('(')[0]}")


def run(source: str, check: str) -> None:
    namespace = {"checks": checks, "torch": torch}
    exec(compile(source, "<exercise>", "exec"), namespace)
    exec(compile(check, "<check>", "exec"), namespace)


ALL = list(exercises())


def test_there_are_exercises():
    assert len(ALL) >= 11, "two in lesson 00, three each in lessons 02, 05 and 06"


@pytest.mark.parametrize("stub, check, solution", ALL)
def test_the_stub_is_not_accepted(stub, check, solution, capsys):
    run(stub, check)
    assert capsys.readouterr().out.strip() == "not attempted yet"


@pytest.mark.parametrize("stub, check, solution", ALL)
def test_the_solution_is_accepted(stub, check, solution, capsys):
    run(solution, check)
    assert "✓" in capsys.readouterr().out


SWAPS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.MatMult: ast.Mult,
         ast.LtE: ast.GtE, ast.GtE: ast.LtE, ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.And: ast.Or, ast.Or: ast.And,
         ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}


def mutants(source: str):
    """The solution with one operator exchanged at a time."""
    count = sum(1 for _ in operators(ast.parse(source)))
    for k in range(count):
        tree = ast.parse(source)
        owner, field, index = list(operators(tree))[k]
        value = getattr(owner, field)
        if index is None:
            setattr(owner, field, SWAPS[type(value)]())
        else:
            value[index] = SWAPS[type(value[index])]()
        yield ast.unparse(tree)


def operators(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS:
            yield node, "op", None
        if isinstance(node, ast.Compare):
            yield from ((node, "ops", i) for i, op in enumerate(node.ops) if type(op) in SWAPS)


@pytest.mark.parametrize("stub, check, solution", ALL)
def test_mutated_solutions_are_refused(stub, check, solution):
    tried = list(mutants(solution))
    assert tried, "a solution without an operator needs its wrong answers written by hand, in the lesson's own test"
    for wrong in tried:
        with pytest.raises(checks.WrongAnswer):
            run(wrong, check)


@pytest.mark.parametrize(
    "check, wrong, words",
    [
        (checks.lora_parameters, lambda shapes, r: sum(2 * o * r for o, _ in shapes), r"6·2 \+ 2·4"),
        (checks.merged_weight, lambda w, a, b, alpha, r: w + b @ a, "α / r"),
        (checks.merged_weight, lambda w, a, b, alpha, r: w.add_(alpha / r * (b @ a)), "in place"),
        (checks.merged_weight, lambda w, a, b, alpha, r: w + alpha / r * (a @ b), "stopped with RuntimeError"),
        (checks.answer_labels, lambda ids, s: [-100] * s + ids[s:-1] + [-100], "never learn to stop"),
        (checks.answer_labels, lambda ids, s: ids[s:], "One label a token"),
        (checks.answer_labels, lambda ids, s: [-100] * (s + 1) + ids[s + 1 :], "Everything before"),
    ],
)
def test_typical_mistakes_get_a_teaching_message(check, wrong, words):
    with pytest.raises(checks.WrongAnswer, match=words):
        check(wrong)
