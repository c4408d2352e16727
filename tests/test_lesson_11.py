"""Lesson 11 as a reader runs it: its cells are read out of the notebook, none is copied here."""

import copy
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from torch.nn import functional as F
from trl.experimental.gkd import GKDTrainer

from lib import checks, checks_distillation, data, evaluate, models, train

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "11_distillation.ipynb"
CELLS = {c["id"]: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}


def taught(cell_id: str, upto: str, **given) -> dict:
    """Run a cell of the lesson until the line that begins with `upto` (what follows there is shown, not defined)."""
    source = CELLS[cell_id]
    assert re.search(rf"^{re.escape(upto)}", source, re.MULTILINE), f"the cell {cell_id} has no line {upto!r}"
    namespace = {"torch": torch, "np": np, "F": F, "copy": copy, "data": data, "evaluate": evaluate, "models": models, "train": train, **given}
    exec(compile(re.split(rf"^{re.escape(upto)}", source, maxsplit=1, flags=re.MULTILINE)[0], cell_id, "exec"), namespace)
    return namespace


@pytest.fixture(scope="module")
def tiny():
    return models.load("tiny")


@pytest.fixture(scope="module")
def rows():
    return data.sample("shorthand", "test", "en")[:6]


# ------------------------------------------------------------------------------------------- confidence
def test_confidence_is_the_likelihood_of_the_answer_whatever_its_neighbours(tiny, rows):
    """Against one forward pass over question and answer; the same alone and in a batch with longer ones."""
    model, tokenizer = tiny
    confident = taught("confident", "most =")["answer_and_log_probability"]
    asked = [[{"role": "user", "content": text}] for text in ("What is the capital of France?", "What is 2 plus 3?", "Who are you?")] + [data.question(r) for r in rows]
    texts, log_p = confident(model, tokenizer, asked, most=40)
    for turns, text, found in zip(asked, texts, log_p, strict=True):
        alone_text, alone = confident(model, tokenizer, [turns], most=40)
        assert alone_text == [text] and alone[0] == pytest.approx(found, abs=2e-3)
        prompt = tokenizer.apply_chat_template(turns, tokenize=True, add_generation_prompt=True, return_dict=False)
        out = model.generate(torch.tensor([prompt]), max_new_tokens=40, do_sample=False, pad_token_id=tokenizer.pad_token_id,
                             eos_token_id=evaluate.stop_ids(model, tokenizer))  # (1, T)
        with torch.inference_mode():
            logits = model(out).logits[0, len(prompt) - 1 : -1]  # (T_new, V)
        forward = F.log_softmax(logits, -1).gather(1, out[0, len(prompt) :, None]).sum().item()
        assert found == pytest.approx(forward, abs=2e-3)


def test_the_cut_keeps_what_it_promises():
    cut = taught("cut", "CUT =")["lowest_cut"]
    confidence, right = np.array([0.9, 0.8, 0.7, 0.6, 0.1]), np.array([True, False, True, True, False])
    assert cut(confidence, right, 0.75) == 0.6 and cut(confidence, right, 1.0) == 0.9
    assert cut(confidence, np.zeros(5, dtype=bool), 0.5) == float("inf")
    drawn = np.random.default_rng(0)
    for _ in range(50):
        p = drawn.random(40)
        right = drawn.random(40) < p
        level = cut(p, right, 0.8)
        assert level == float("inf") or right[p >= level].mean() >= 0.8


def test_a_ratio_pairs_its_items_and_survives_a_teacher_without_a_right_answer():
    ratio = taught("ratio", "best =")["ratio"]
    ms = np.random.default_rng(0).uniform(10, 1000, 30)
    found = ratio(ms / 4, ms, np.median)
    assert (found.value, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25))  # unpaired draws would spread
    right = np.random.default_rng(1).random(200) < 0.5
    found = ratio(right * (np.arange(200) % 2), right)
    assert found.low < found.value < found.high and found.value == pytest.approx(right[1::2].sum() / right.sum())
    assert np.isfinite([ratio(np.ones(4), np.zeros(4)).value, ratio(np.ones(4), np.zeros(4)).high]).all()


# ------------------------------------------------------------------------------------------- soft labels
@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_the_soft_loss_is_trls_and_only_looks_at_labelled_tokens(temperature):
    loss = taught("soft-loss", "ids, mask")["soft_loss"]
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(2, 7, 11, generator=generator) for _ in range(2))  # (B, T, V) each
    labels = torch.full((2, 7), -100)
    labels[0, 3:6], labels[1, 5:] = 1, 2
    theirs = temperature**2 * GKDTrainer.generalized_jsd_loss(a[:, :-1], b[:, :-1], labels[:, 1:], beta=0.0, temperature=temperature)
    assert loss(a, b, labels, temperature).item() == pytest.approx(theirs.item(), rel=1e-5)
    changed = a.clone()
    changed[0, 0] += 5.0  # predicts an unlabelled token
    assert loss(changed, b, labels, temperature).item() == pytest.approx(loss(a, b, labels, temperature).item(), rel=1e-6)
    assert loss(b, b, labels, temperature).item() == pytest.approx(0.0, abs=1e-6)


def test_soft_steps_bring_the_pupil_nearer_to_its_teacher(tiny, rows):
    model, tokenizer = tiny
    pupil = taught("half", "second =")["every_second_layer"](model)
    loss = taught("soft-loss", "ids, mask")["soft_loss"]
    kinds = taught("losses", "batch =", second=model, soft_loss=loss, TEMPERATURE=2.0)
    go_on = taught("soft-train", "warm =", unread=rows, BATCH_SIZE=4, tokenizer=tokenizer)["go_on"]
    batch = evaluate.pad(train.tokenize(rows, tokenizer), tokenizer.pad_token_id)
    with torch.inference_mode():
        before = kinds["soft"](pupil, *batch).item()
    trained = go_on(pupil, kinds["soft"], steps=8, rate=1e-3)
    with torch.inference_mode():
        assert kinds["soft"](trained, *batch).item() < 0.9 * before
        assert kinds["soft"](pupil, *batch).item() == pytest.approx(before)  # the one that came in is unchanged


def test_half_a_model_writes_the_same_with_and_without_its_cache(tiny):
    model, tokenizer = tiny
    half = taught("half", "second =")["every_second_layer"](model)
    assert len(half.model.layers) == (len(model.model.layers) + 1) // 2 and len(model.model.layers) == model.config.num_hidden_layers
    ids = torch.arange(5, 17).view(1, -1)  # (1, 12)
    with_cache, without = (half.generate(ids, max_new_tokens=8, do_sample=False, use_cache=use, pad_token_id=0) for use in (True, False))
    assert torch.equal(with_cache, without)


# ------------------------------------------------------------------------------------------- data
def test_spoiled_rows_keep_their_questions_and_lose_their_answers():
    spoiled = taught("noise", "noisy =")["spoiled"]
    rows = data.sample("shorthand", "train", "en")[:50]
    out = spoiled(rows, 0.4)
    changed = [data.target(a) != data.target(b) for a, b in zip(rows, out, strict=True)]
    assert [data.question(r) for r in out] == [data.question(r) for r in rows] and sum(changed) == 20
    assert spoiled(rows, 0.0) == rows


# ------------------------------------------------------------------------------------------- exercises
@pytest.mark.parametrize("check, wrong, words", [
    (checks_distillation.confidences, lambda p, n: (np.exp(sum(p)).item(), 0.0), "padding"),
    (checks_distillation.confidences, lambda p, n: (sum(p[:n]), 0.0), "logarithm"),
    (checks_distillation.confidences, lambda p, n: (float(np.exp(sum(p[:n]))), float(np.exp(sum(p[:n]))) / n), "before the exponential"),
    (checks_distillation.kept, lambda c, r, p: sum(r), "Do not stop|highest|enough|Nothing"),
    (checks_distillation.soft_label_loss, lambda q, p, t: float(F.kl_div((q / t).log_softmax(-1), (p / t).log_softmax(-1), log_target=True, reduction="sum")), "T² is missing"),
    (checks_distillation.soft_label_loss, lambda p, q, t: float(t**2 * F.kl_div((q / t).log_softmax(-1), (p / t).log_softmax(-1), log_target=True, reduction="sum")), "teacher comes first"),
])
def test_typical_mistakes_get_a_teaching_message(check, wrong, words):
    with pytest.raises(checks.WrongAnswer, match=words):
        check(wrong)
