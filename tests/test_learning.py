"""tiny really learns what the lessons teach it: each gain from a fixed seed, against the base, with its interval."""

import functools

import pytest
from peft import LoraConfig

from lib import data, evaluate, models, train


def lora():
    return LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")


@functools.cache
def of_the_base(test_items: int):
    """The score of the untuned model, the same for every seed."""
    return evaluate.task(*models.load("tiny"), data.sample("shorthand", "test", "en")[:test_items])[0]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lora_teaches_the_shorthand_in_combinations_it_never_saw(seed):
    test_rows = data.sample("shorthand", "test", "en")[:100]
    model, tokenizer = models.load("tiny")
    before = of_the_base(len(test_rows))
    run = train.sft(model, tokenizer, data.sample("shorthand", "train", "en"), lora=lora(), steps=300,
                    learning_rate=2.5e-3, seed=seed)
    after, _ = evaluate.task(run.model, tokenizer, test_rows)
    print(f"seed {seed}: {before} -> {after}, {run.seconds:.0f} s")
    assert before.value <= 0.05
    assert after.value >= 0.85
    assert after.low > before.high + 0.5
    assert run.trainable / run.total < 0.10


def test_lora_teaches_the_house_style_on_terms_it_never_saw():
    test_rows = data.sample("style", "test", "en") + data.sample("style", "validation", "en")
    model, tokenizer = models.load("tiny")
    before, _ = evaluate.style(model, tokenizer, test_rows)
    run = train.sft(model, tokenizer, data.sample("style", "train", "en"), lora=lora(), steps=100, learning_rate=2e-3)
    after, _ = evaluate.style(run.model, tokenizer, test_rows)
    assert before.value <= 0.05
    assert after.low >= 0.60, "far outside the interval of the base"
