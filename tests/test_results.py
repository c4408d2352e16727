import json

import pytest

from lib import evaluate, machine, results


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "ROOT", tmp_path)
    return results.start("06", "ci", "tiny")


def test_records_add_up_and_repeats_replace(folder):
    results.headline(folder, "it learned", "picture.png")
    score = evaluate.interval([1, 1, 0, 1])
    results.score(folder, "LoRA", "exact match", score, "tiny", seconds=3.0)
    results.score(folder, "LoRA", "exact match", score, "tiny", seconds=4.0)
    line = results.claim(folder, "lora-2dr", "rule", "16 = 16", "holds", 1, "one layer")
    record = json.loads((folder / "results.json").read_text())
    assert (record["headline"], record["figure"]) == ("it learned", "picture.png")
    assert [s["seconds"] for s in record["scores"]] == [4.0]
    assert record["claims"][0]["verdict"] == "holds" and "16 = 16" in line


def test_unknown_claims_and_verdicts_are_refused(folder):
    with pytest.raises(ValueError, match="verdict"):
        results.claim(folder, "lora-2dr", "rule", "x", "sort of", 1, "tiny")
    with pytest.raises(ValueError, match="not in claims.yaml"):
        results.claim(folder, "no-such-claim", "rule", "x", "holds", 1, "tiny")


def facts(**changes):
    usual = dict(python="3.12.0", cpu_cores=2, ram_gib=16, free_ram_gib=12, free_disk_gib=50, gpu=None,
                 gpu_memory_gib=0, gpu_bf16=False)
    return machine.Machine(**{**usual, **changes})


@pytest.mark.parametrize(
    "changes, profile",
    [
        ({}, "smol"),
        ({"free_ram_gib": 3}, "ci"),
        ({"free_disk_gib": 2}, "ci"),
        ({"gpu": "Tesla T4", "gpu_memory_gib": 14.7}, "colab_t4"),
        ({"gpu": "NVIDIA A100", "gpu_memory_gib": 79, "gpu_bf16": True}, "gpu"),
        ({"gpu": "old", "gpu_memory_gib": 4}, "smol"),
    ],
)
def test_the_suggested_profile_fits_the_machine(changes, profile):
    assert machine.suggest_profile(facts(**changes))[0] == profile


def test_problems_name_a_remedy():
    found = machine.problems(facts(free_ram_gib=1, free_disk_gib=0.2))
    assert any("close programs" in p for p in found) and any("free 1 GiB" in p for p in found)
    assert machine.inspect().cpu_cores >= 1


def test_a_pin_for_another_kind_of_computer_is_no_problem(tmp_path, monkeypatch):
    (tmp_path / "requirements.txt").write_text(
        "# a comment\nnumpy==0.0.1  # too old\nnowhere==1.0; sys_platform == 'nowhere'  # not for this computer\nabsent==2.0  # missing\n")
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    assert [problem.split()[0] for problem in machine.version_problems()] == ["numpy", "absent"]
