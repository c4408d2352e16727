"""Lesson 09 as a reader runs it (its cells are read out of the notebook) and the modules it stands on."""

import json
import math
import os
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from peft import LoraConfig

from lib import checks, checks_preferences, data, evaluate, models, preference_training, safe, train

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "09_dpo.ipynb"
CELLS = {c["id"]: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}
ADAPTER = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
PAIRS = data.sample("preferences", "train", "en")


def taught(*cell_ids, **given) -> dict:
    """Run cells of the lesson, in this order, and return their names."""
    namespace = {"torch": torch, "np": np, "math": math, "json": json, "data": data, "evaluate": evaluate, "models": models, "train": train,
                 "preference_training": preference_training, "os": os, "Path": Path, "safe": safe, "pairs": PAIRS, "BETA": 0.1, **given}
    for cell_id in cell_ids:
        exec(compile(CELLS[cell_id], cell_id, "exec"), namespace)
    return namespace


@pytest.fixture(scope="module")
def tiny():
    return models.load("tiny")


# ---------------------------------------------------------------------------------------------------- reading pairs
GOOD = {"prompt": "May I drive?", "chosen": "Wait an hour.", "rejected": "Sure."}


@pytest.mark.parametrize("row, words", [
    (GOOD | {"rejected": "Wait an hour. "}, "equal"),
    (GOOD | {"chosen": " "}, "empty"),
    ({"context": "Hi", "responses": [{"text": "a", "rank": 1}, {"text": "b"}]}, "rank"),
    ({"context": "Hi", "responses": [{"text": "a", "rank": 1}, {"text": "b", "rank": 1}]}, "better"),
    ({"prompt": "Hi", "chosen": "Hello"}, "format"),
])
def test_a_broken_pair_is_named_with_file_line_and_remedy(row, words, tmp_path, capsys):
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(r) + "\n\n" for r in (GOOD, row, GOOD)), encoding="utf-8")
    with pytest.raises(data.DataError) as problem:
        preference_training.read_pairs(file)
    assert "pairs.jsonl" in str(problem.value) and "line 3" in str(problem.value) and words in str(problem.value)
    assert "skip_broken" in str(problem.value)
    assert len(preference_training.read_pairs(file, skip_broken=True)) == 2 and "left out" in capsys.readouterr().out


def test_collected_choices_survive_and_equal_answers_are_refused(tmp_path):
    found = taught("label", RUN=tmp_path)
    found["record_choice"](found["mine"], "Q", ("a", "b"), choice=1)
    rows = preference_training.read_pairs(found["mine"])
    assert [r["chosen"][-1]["content"] for r in rows] == ["Wait until you see clearly, and ask us if unsure.", "b"]
    with pytest.raises(ValueError, match="equal"):
        found["record_choice"](found["mine"], "Q", ("a", "a "), choice=0)
    assert len(preference_training.read_pairs(found["mine"])) == 2


# ---------------------------------------------------------------------------------------------------- the loss
def test_batched_log_probabilities_equal_the_ones_by_hand(tiny):
    by_hand = taught("loss-by-hand", start=tiny[0], tokenizer=tiny[1])["answer_log_prob"]
    for side in ("chosen", "rejected"):
        with torch.inference_mode():
            wanted = torch.stack([by_hand(tiny[0], pair["prompt"], pair[side]) for pair in PAIRS[:5]])
        assert torch.allclose(preference_training.answer_log_probs(*tiny, PAIRS[:5], side, batch_size=3), wanted, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("beta", [0.05, 0.5])
def test_our_loss_is_trls(tiny, beta):
    """The oracle: model and reference differ, so the loss is not log 2."""
    moved, tokenizer = models.load("tiny")
    with torch.no_grad():
        for parameter in moved.parameters():
            parameter.add_(0.01 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    ours = taught("loss-by-hand", start=tiny[0], tokenizer=tokenizer)["dpo_loss"]
    with torch.inference_mode():
        wanted = ours(moved.eval(), tiny[0], PAIRS[:4], beta).item()
    assert abs(wanted - math.log(2)) > 0.01
    assert preference_training.trl_loss(moved, tiny[0], tokenizer, PAIRS[:4], beta) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("lora, precompute", [(ADAPTER, False), (None, False), (ADAPTER, True)])
def test_the_reference_is_the_model_that_was_handed_in(lora, precompute):
    """The trap: a model changed since it was loaded. The first loss is log 2 only if the reference is the changed one."""
    model, tokenizer = models.load("tiny")
    with torch.no_grad():
        model.lm_head.weight.add_(0.05 * torch.randn(model.lm_head.weight.shape, generator=torch.Generator().manual_seed(1)))
    run = preference_training.dpo(model, tokenizer, PAIRS[:8], steps=2, learning_rate=1e-4, batch_size=4, lora=lora, precompute=precompute)
    assert run.curve("loss")[1][0] == pytest.approx(math.log(2), abs=2e-3)


def test_the_anchor_adds_the_supervised_loss_of_the_chosen_answers(tiny):
    model, tokenizer = models.load("tiny")
    chosen = [{"messages": [*pair["prompt"], *pair["chosen"]]} for pair in PAIRS[:4]]
    tokens = sum(label != -100 for example in train.tokenize(chosen, tokenizer) for label in example["labels"])
    nats = evaluate.loss_nats_per_token(*tiny, chosen) * tokens
    wanted = math.log(2) + 0.5 * nats / (tokens + len(chosen))  # TRL also averages over the line break after the end token, a sure thing
    run = preference_training.dpo(model, tokenizer, PAIRS[:4], steps=1, learning_rate=1e-4, batch_size=4, lora=ADAPTER, anchor=0.5, bf16=False)
    assert run.curve("loss")[1][0] == pytest.approx(wanted, rel=1e-4)


def test_training_pulls_chosen_and_rejected_apart():
    model, tokenizer = models.load("tiny")
    before = preference_training.answer_log_probs(model, tokenizer, PAIRS[:8], "chosen") - preference_training.answer_log_probs(model, tokenizer, PAIRS[:8], "rejected")
    run = preference_training.dpo(model, tokenizer, PAIRS[:8], steps=12, learning_rate=2e-3, batch_size=8, lora=ADAPTER)
    after = preference_training.answer_log_probs(run.model, tokenizer, PAIRS[:8], "chosen") - preference_training.answer_log_probs(run.model, tokenizer, PAIRS[:8], "rejected")
    assert (after - before).mean() > 1.0 and run.trainable < run.total / 2


# ---------------------------------------------------------------------------------------------------- judge and noise
def test_the_judge_knows_labelled_answers_and_calls_noise_neither():
    judge = safe.Judge(PAIRS)
    held_out = data.sample("preferences", "test", "en")
    right = [judge(pair[side][-1]["content"]) == verdict for pair in held_out for side, verdict in (("chosen", "safe"), ("rejected", "unsafe"))]
    assert np.mean(right) > 0.9
    assert judge("asdf jkl") == judge("") == "neither"


def test_exchanging_answers_exchanges_exactly_the_share(tiny):
    flipped = taught("flips", FLIPS=[])["flipped"](PAIRS, 0.25)
    changed = [a["chosen"] != b["chosen"] for a, b in zip(PAIRS, flipped, strict=True)]
    assert sum(changed) == int(0.25 * len(PAIRS))
    assert all(b["chosen"] == a["rejected"] and b["rejected"] == a["chosen"] for a, b, c in zip(PAIRS, flipped, changed, strict=True) if c)


@pytest.mark.parametrize("check, wrong, words", [
    (checks_preferences.pair_loss, lambda c, r, rc, rr, beta: math.log(1 + math.exp(-beta * (c - r))), "reference"),
    (checks_preferences.pair_loss, lambda c, r, rc, rr, beta: math.log(1 + math.exp(beta * ((c - rc) - (r - rr)))), "sign"),
    (checks_preferences.margin_of, lambda p: 1 / (1 + math.exp(-p)), "nine to one"),
    (checks_preferences.reference_is_right, lambda loss: loss < 0.7, "below log 2"),
])
def test_typical_mistakes_get_a_teaching_message(check, wrong, words):
    with pytest.raises(checks.WrongAnswer, match=words):
        check(wrong)
