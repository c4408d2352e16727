"""Lesson 08 as a reader runs it: its cells are read out of the notebook, none is copied here."""

import copy
import itertools
from pathlib import Path

import nbformat
import numpy as np
import peft
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from scipy.stats import binomtest
from torch import nn

from lib import checks, checks_peft, data, evaluate, models, train
from lib.memory_tracker import Counter

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "08_peft_family.ipynb"
CELLS = {c["id"]: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}
PEFT = dict(peft=peft, LoraConfig=LoraConfig, get_peft_model=get_peft_model)


def taught(*cell_ids, **given) -> dict:
    """Run cells of the lesson, in this order, and return their names."""
    namespace = {"torch": torch, "np": np, "nn": nn, "copy": copy, "data": data, "evaluate": evaluate, "models": models, "train": train,
                 "Counter": Counter, "binomtest": binomtest, "SWEEP_MODEL": "tiny", "WORTH_IT": 0.12, **PEFT, **given}
    for cell_id in cell_ids:
        exec(compile(CELLS[cell_id], cell_id, "exec"), namespace)
    return namespace


@pytest.fixture(scope="module")
def lesson():
    return taught("bottleneck", "bottleneck-add", "family")


# ------------------------------------------------------------------------------------------- the bottleneck adapter
def test_a_fresh_bottleneck_changes_nothing_and_a_trained_one_does(lesson):
    bare, tokenizer = models.load("tiny")
    ids = torch.arange(5, 45).view(1, -1)  # (1, 40)
    with torch.inference_mode():
        before = bare(ids).logits
    model = lesson["add_bottlenecks"](bare, k=4)
    assert torch.equal(before, model(ids).logits)
    rows = data.sample("shorthand", "train", "en")[:16]
    frozen = {name: p.clone() for name, p in model.named_parameters() if not p.requires_grad}
    run = train.sft(model, tokenizer, rows, steps=3, batch_size=4, learning_rate=1e-2)
    assert not torch.allclose(before, run.model(ids).logits, atol=1e-3)
    assert frozen and all(torch.equal(p, frozen[name]) for name, p in run.model.named_parameters() if name in frozen)


def test_the_counting_exercise_counts_the_lessons_adapter(lesson):
    model = lesson["add_bottlenecks"](models.load("tiny")[0], k=7)
    hidden, layers = model.config.hidden_size, model.config.num_hidden_layers
    assert models.parameter_count(model)[0] == layers * 2 * (2 * hidden * 7 + 7 + hidden)


# ------------------------------------------------------------------------------------------- every method of the table
@pytest.mark.parametrize("method", ["full", "bottleneck", "LoRA", "rsLoRA", "DoRA", "IA³", "prefix", "prompt", "P-tuning"])
def test_every_method_learns_something_and_nothing_else(lesson, method):
    """The loss on the rows it was trained on falls, and what the table calls frozen stays as it was."""
    model, tokenizer, recipe = lesson["prepare"](method)
    rows = data.sample("shorthand", "train", "en")[:8]
    looked = taught("held-out-loss", tokenizer=tokenizer, base=models.load("tiny")[0], watched=rows)
    before = looked["held_out_loss"](models.load("tiny")[0], rows)
    base = {name: p.detach().clone() for name, p in models.load("tiny")[0].named_parameters()}
    run = train.sft(model, tokenizer, rows, lora=recipe, steps=12, batch_size=8, learning_rate=lesson["METHODS"][method][1])
    assert looked["held_out_loss"](run.model, rows) < before - 0.05
    if method != "full":
        inner = run.model.get_base_model() if hasattr(run.model, "get_base_model") else run.model
        kept = {name.replace(".base_layer", ""): p for name, p in inner.named_parameters() if "lora_" not in name and "bottleneck" not in name}
        assert all(torch.equal(kept[name], p) for name, p in base.items())


def test_the_peak_of_full_tuning_holds_two_moments_for_every_weight(lesson):
    """Weights, gradients and two moments are 16 bytes a parameter; activations come on top. LoRA needs far less."""
    model, tokenizer = models.load("tiny")
    found = taught("peak", train_rows=data.sample("shorthand", "train", "en"), tokenizer=tokenizer, BATCH_SIZE=4, base=model, METHODS={})
    total = sum(p.numel() for p in model.parameters())
    full = found["peak_mib"](model) * 2**20
    lora = found["peak_mib"](get_peft_model(models.load("tiny")[0], lesson["METHODS"]["LoRA"][0])) * 2**20
    assert full > 16 * total and lora < full - 8 * total


# ------------------------------------------------------------------------------------------- adding adapters
@pytest.fixture(scope="module")
def two_adapters(tmp_path_factory):
    """A tiny base with two trained adapters, "notes" and "style"."""
    folder = tmp_path_factory.mktemp("adapters")
    for seed, kind in enumerate(("shorthand", "style")):
        model, tokenizer = models.load("tiny")
        run = train.sft(model, tokenizer, data.sample(kind, "train", "en")[:32], steps=6, batch_size=4, learning_rate=5e-3, seed=seed,
                        lora=LoraConfig(r=4, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
        run.model.save_pretrained(folder / kind)
    server = PeftModel.from_pretrained(models.load("tiny")[0], folder / "shorthand", adapter_name="notes")
    server.load_adapter(folder / "style", adapter_name="style")
    return server.eval(), tokenizer


def test_linear_has_cross_terms_and_cat_and_svd_have_none(two_adapters, capsys):
    server, _ = two_adapters
    found = taught("merge", "merge-by-hand", server=server)
    assert min(found["errors"]["linear"]) > 0.1 and max(found["errors"]["cat"]) < 1e-5
    assert "False" not in capsys.readouterr().out
    ranks = {kind: found["layer"].lora_A[kind].weight.shape[0] for kind in ("linear", "cat", "svd")}
    assert ranks["cat"] == 8 and ranks["linear"] == 4


def test_a_mixed_batch_answers_like_each_adapter_alone(two_adapters):
    server, tokenizer = two_adapters
    rows, style = data.sample("shorthand", "test", "en"), data.sample("style", "test", "en")
    found = taught("mixed", "mixed-together", "mixed-check", server=server, tokenizer=tokenizer, test_rows=rows, style_test=style)
    assert found["alone"] == found["together"] and len(set(found["together"])) == 3


# ------------------------------------------------------------------------------------------- the A/B test
def test_the_formula_for_the_number_of_requests_against_a_direct_search():
    """The exact test's power, summed over all outcomes and not drawn, near 80 % at the number that the formula gives."""
    found = taught("ab-size", test_rows=[])
    n, gap, apart = found["paired_requests"](0.2, 0.5), 0.2, 0.5
    chances = ((apart + gap) / 2, (apart - gap) / 2)
    logs = np.cumsum(np.log(np.arange(1, n + 1)))
    factorial = lambda k: logs[k - 1] if k else 0.0  # noqa: E731
    power = 0.0
    for wins, losses in itertools.product(range(n + 1), repeat=2):
        if wins + losses <= n and wins + losses and binomtest(wins, wins + losses).pvalue < 0.05:
            rest = n - wins - losses
            power += np.exp(factorial(n) - factorial(wins) - factorial(losses) - factorial(rest)
                            + wins * np.log(chances[0]) + losses * np.log(chances[1]) + rest * np.log(1 - apart))
    assert 0.74 < power < 0.84, power


@pytest.mark.parametrize("first, second, decision", [(160, 100, "take LoRA"), (100, 160, "take prefix"), (120, 118, "no decision")])
def test_the_ab_test_decides_by_disagreements(first, second, decision):
    hits = {"LoRA": [i < first for i in range(200)], "prefix": [i < second for i in range(200)], "DoRA": [i < first for i in range(200)]}
    found = taught("ab-size", "ab-simulate", "ab-power", "ab", trained={m: [(None, None, h)] for m, h in hits.items()}, test_rows=[0] * 200)
    assert found["ab_test"]("LoRA", "prefix").endswith(decision)


@pytest.mark.parametrize("check, wrong, words", [
    (checks_peft.bottleneck_parameters, lambda h, n, k: n * 2 * 2 * h * k, "biases"),
    (checks_peft.added, lambda a1, b1, a2, b2, w1, w2: (a1, b1), "cross terms"),
    (checks_peft.added, lambda a1, b1, a2, b2, w1, w2: (torch.cat([a1, a2]), torch.cat([b1, b2], 1)), "w1 and w2"),
    (checks_peft.decision, lambda wins, losses, requests, needed: "A" if wins > losses else "B", "fair coin"),
])
def test_typical_mistakes_get_a_teaching_message(check, wrong, words):
    with pytest.raises(checks.WrongAnswer, match=words):
        check(wrong)
