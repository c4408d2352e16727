"""Every keyword that notebooks and lib pass to TRL, transformers, peft and datasets exists in the pinned versions.

The most common breakage of a course: a renamed argument (`tokenizer`, `max_seq_length`, `max_prompt_length`).
"""

import ast
import importlib
import inspect
import re

from tools import notebooks

LIBRARIES = ("trl", "transformers", "peft", "datasets", "accelerate", "safetensors", "huggingface_hub")


def sources() -> dict[str, str]:
    """Name → code, of every notebook, and of every module of lib and benchmarks."""
    files = [p for folder in ("lib", "benchmarks") for p in sorted((notebooks.ROOT / folder).glob("*.py"))]
    found = {p.relative_to(notebooks.ROOT).as_posix(): p.read_text(encoding="utf-8") for p in files}
    for path in notebooks.paths():
        found[path.name] = "\n".join(c.source for c in notebooks.code_cells(notebooks.read(path)))
    return found


def unknown_keywords(source: str) -> tuple[int, list[str]]:
    """(calls that could be checked, what is wrong with them)."""
    tree = notebooks._parse(source)
    assert tree is not None, "the code does not parse"
    names, checked, wrong = _imports(tree), 0, []
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        target = _resolve(call.func, names)
        if target is None:
            continue
        try:
            accepted = inspect.signature(target).parameters
        except (TypeError, ValueError):
            continue
        checked += 1
        if any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
            continue
        wrong += [f"line {call.lineno}: {ast.unparse(call.func)} has no argument {k.arg}"
                  for k in call.keywords if k.arg and k.arg not in accepted]
    return checked, wrong


def _imports(tree) -> dict[str, str]:
    """Local name → dotted path, for imports from LIBRARIES."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in LIBRARIES:
            names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        elif isinstance(node, ast.Import):
            names |= {a.asname or a.name.split(".")[0]: a.name for a in node.names if a.name.split(".")[0] in LIBRARIES}
    return names


def _resolve(function, names):
    """The object behind `trl.SFTConfig` or `AutoTokenizer.from_pretrained`; None if it is none of ours.

    A name that the library does not have raises AttributeError: that is a finding, not a skip.
    """
    written = ast.unparse(function)
    parts = written.split(".")
    if parts[0] not in names or not re.fullmatch(r"[\w.]+", written):  # a method of a call's result is not known here
        return None
    module, _, rest = names[parts[0]].partition(".")
    thing = importlib.import_module(module)
    for name in [*rest.split("."), *parts[1:]] if rest else parts[1:]:
        try:
            thing = getattr(thing, name)
        except AttributeError:
            thing = importlib.import_module(f"{thing.__name__}.{name}")
    return thing


def test_every_keyword_exists():
    results = {name: unknown_keywords(source) for name, source in sources().items()}
    assert not {name: wrong for name, (_, wrong) in results.items() if wrong}
    assert sum(checked for checked, _ in results.values()) >= 5, "hardly a call was recognised: is the test still reading?"


def test_a_wrong_keyword_is_noticed():
    checked, wrong = unknown_keywords("from trl import SFTConfig as C\nimport peft\nC(max_seq_length=8, bf16=False)\n"
                                      "peft.LoraConfig(r=8, rank=8)\nprint(sep='')")
    assert checked == 2
    assert wrong == ["line 3: C has no argument max_seq_length", "line 4: peft.LoraConfig has no argument rank"]
