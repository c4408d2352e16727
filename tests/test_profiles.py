"""Every profile fits every notebook: papermill only warns about an unknown key and injects a wrong type silently."""

import papermill
import pytest
import yaml

from tests import toy_course
from tools import notebooks

PROFILES = ("ci", "smol", "colab_t4", "gpu")


def mismatches(root, name: str) -> list[str]:
    """Why the profile does not fit; [] is good."""
    profile = yaml.safe_load((root / "profiles" / f"{name}.yaml").read_text(encoding="utf-8"))
    declared = {path.name: notebooks.parameters(notebooks.read(path)) for path in notebooks.paths(root)}
    found = [f"{key}: no notebook declares it" for key in profile if not any(key in d for d in declared.values())]
    for notebook, parameters in declared.items():
        for key in profile.keys() & parameters.keys():
            kind, default = parameters[key]
            if not fits(profile[key], kind, default):
                found.append(f"{key}: {profile[key]!r} is not {kind}, which {notebook} declares")
    return found


def fits(value, kind: str, default) -> bool:
    """`fits("1e-4", "float", 1.0e-4)` → False: YAML reads 1e-4 as text, write 1.0e-4."""
    outer, _, inner = kind.rstrip("]").partition("[")
    if outer == "list":
        example = default[0] if default else None
        inner = inner or (type(example).__name__ if example is not None else "")
        return isinstance(value, list) and all(not inner or fits(x, inner, example) for x in value)
    number = isinstance(value, int) and not isinstance(value, bool)
    right = {"str": isinstance(value, str), "int": number, "bool": isinstance(value, bool),
             "float": isinstance(value, float) or number, "dict": isinstance(value, dict)}
    return right[outer]


@pytest.mark.parametrize("name", PROFILES)
def test_profile_fits_every_notebook(name):
    assert not mismatches(notebooks.ROOT, name)


@pytest.mark.parametrize("name", PROFILES)
def test_profile_names_itself(name):
    profile = yaml.safe_load((notebooks.ROOT / "profiles" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert profile["PROFILE"] == name and profile["MODEL"]


@pytest.mark.parametrize("path", notebooks.paths(), ids=lambda p: p.stem)
def test_papermill_reads_the_same_parameters(path):
    seen = papermill.inspect_notebook(str(path))
    ours = notebooks.parameters(notebooks.read(path))
    assert list(seen) == list(ours)
    for name, (kind, default) in ours.items():
        assert fits(default, kind, default), f"{name}: the default {default!r} is not {kind}"
        assert seen[name]["help"], f"{name}: no comment that says what it changes"


def test_a_wrong_profile_is_refused(tmp_path):
    root = toy_course.make(tmp_path, n00_start=["1"])
    (root / "profiles" / "ci.yaml").write_text("PROFILE: ci\nMODEL: 3\nSTEPZ: 4\n")
    assert mismatches(root, "ci") == ["STEPZ: no notebook declares it", "MODEL: 3 is not str, which 00_start.ipynb declares"]
    assert not fits(yaml.safe_load("1e-4"), "float", 1.0e-4) and fits(yaml.safe_load("1.0e-4"), "float", 1.0e-4)
    assert not fits(["8"], "list[int]", [4]) and not fits(True, "int", 1) and fits([8], "list", [4])
