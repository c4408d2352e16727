import math

import numpy as np
import pytest
import torch

from lib import data, evaluate, models


def test_exact_match_forgives_spaces_and_the_final_stop_only():
    assert evaluate.exact_match(["a;  b.", "a; B", "a; b;"], ["a; b"] * 3) == [True, False, False]


@pytest.mark.parametrize(
    "text, accepted, right",
    [
        ("The capital of France is Paris.", ["Paris"], True),
        ("paris", ["Paris"], True),
        ("Parisian", ["Paris"], False),
        ("London\nParis", ["Paris"], False),  # only the first line counts
        ("Зелёный", ["зеленый"], True),
        ("14", ["4"], False),
        ("", ["Paris"], False),
    ],
)
def test_general_correct(text, accepted, right):
    assert evaluate.general_correct(text, accepted) is right


def test_interval_covers_the_truth_as_often_as_it_says():
    """Of 300 samples with a known share of 0.7, about 95 % of the intervals must contain it."""
    generator = np.random.default_rng(1)
    covered = 0
    for trial in range(300):
        score = evaluate.interval(generator.random(100) < 0.7, seed=trial, draws=500)
        covered += score.low <= 0.7 <= score.high
    assert 0.90 <= covered / 300 <= 0.985


def test_interval_at_the_edges_is_not_zero_wide():
    none, every = evaluate.interval([0] * 20), evaluate.interval([1] * 20)
    assert none.value == 0 and 0.1 < none.high < 0.2  # Clopper–Pearson: 1 − 0.025^(1/20) = 0.168
    assert every.value == 1 and 0.8 < every.low < 0.9


def test_interval_refuses_an_empty_list():
    with pytest.raises(ValueError, match="no items"):
        evaluate.interval([])


def test_paired_difference_sees_what_unpaired_intervals_miss():
    a = np.array([1] * 60 + [0] * 40)
    b = np.array([1] * 52 + [0] * 48)  # wrong on eight items that a gets right, equal elsewhere
    assert evaluate.difference(a, b).low > 0
    assert evaluate.interval(a).low < evaluate.interval(b).high
    assert evaluate.difference(a, a).value == 0


def test_loss_equals_transformers_on_unpadded_rows():
    """Our padded, batched mean over answer tokens is what the model itself says row by row."""
    from lib import train

    model, tokenizer = models.load("tiny")
    rows = data.sample("shorthand", "test")[:6]
    total, count = 0.0, 0
    for example in train.tokenize(rows, tokenizer):
        ids, labels = torch.tensor([example["input_ids"]]), torch.tensor([example["labels"]])
        tokens = int((labels[:, 1:] != -100).sum())
        total += model(input_ids=ids, labels=labels).loss.item() * tokens
        count += tokens
    assert evaluate.loss_nats_per_token(model, tokenizer, rows, batch_size=4) == pytest.approx(total / count, rel=1e-5)
    assert evaluate.perplexity(math.log(7)) == pytest.approx(7)


def test_batching_does_not_change_answers():
    model, tokenizer = models.load("tiny")
    asked = [r["question"] for r in data.read_jsonl(data.SAMPLES / "general" / "questions.jsonl")[:12]]
    together = evaluate.answer(model, tokenizer, asked, 16, batch_size=12)
    alone = evaluate.answer(model, tokenizer, asked, 16, batch_size=1)
    assert together == alone


def test_answer_leaves_the_training_mode_as_it_was():
    model, tokenizer = models.load("tiny")
    model.train()
    evaluate.answer(model, tokenizer, ["hello"], 2)
    assert model.training
