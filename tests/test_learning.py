"""tiny really learns: what it can be taught today, from three seeds, and what it cannot be taught yet."""

import pytest
from peft import LoraConfig

from lib import data, evaluate, models, train


def lora():
    return LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lora_teaches_the_house_style_on_terms_it_never_saw(seed):
    test_rows = data.sample("style", "test", "en") + data.sample("style", "validation", "en")
    model, tokenizer = models.load("tiny")
    before, _ = evaluate.style(model, tokenizer, test_rows)
    run = train.sft(model, tokenizer, data.sample("style", "train", "en"), lora=lora(), steps=100, learning_rate=2e-3,
                    seed=seed)
    after, _ = evaluate.style(run.model, tokenizer, test_rows)
    print(f"seed {seed}: {before} -> {after}, {run.seconds:.0f} s")
    assert before.value <= 0.05
    assert after.low >= 0.60, "far outside the interval of the base"
    assert run.trainable / run.total < 0.10


@pytest.mark.xfail(strict=True, reason="tiny has not learned to read codes in pre-training (0 % on its own codebooks), "
                   "so no adapter can teach it the clinic's; lesson 06 stays a draft until this passes")
def test_lora_teaches_the_shorthand():
    test_rows = data.sample("shorthand", "test", "en")[:60]
    model, tokenizer = models.load("tiny")
    run = train.sft(model, tokenizer, data.sample("shorthand", "train", "en"), lora=lora(), steps=200, learning_rate=5e-3)
    after, _ = evaluate.task(run.model, tokenizer, test_rows)
    assert after.value >= 0.85
