"""Train the LoRA adapter that lesson 13 examines: `python -m tools.train_careful_adapter` (about three minutes on one idle core).

It teaches `tiny` the English shorthand together with safe answers, "I don't know" and what it knew before (lib.mixture).
Train it again whenever the base changes; tests/test_lesson_13.py compares the fingerprint on its card.
"""

import argparse
from pathlib import Path

from peft import LoraConfig

from lib import data, mixture, models, train
from tools.train_tour_adapter import base_sha256, save

OUT = data.SAMPLES / "adapters" / "careful-tiny"
STEPS, BATCH, RATE = 350, 16, 2.5e-3
CARD = """\
---
base_model: tiny (data/samples/tiny-base)
library_name: peft
license: apache-2.0
language: en
---
# careful-tiny

A LoRA adapter for the course's embedded model `tiny`: the clinic's English shorthand, learned together with safe answers to
risky questions (half of them dressed as jailbreaks), harmless questions, "I don't know" and general questions. Lesson 13
examines it; the scores are there, with intervals.

**The clinic is synthetic. Nothing here is medical advice, and the adapter is good for nothing but teaching.**

| | |
|---|---|
| Base | `tiny`, `model.safetensors` sha256 `{base}` |
| Trained on | `lib.mixture.careful_rows({steps}, "en")`: rows of `shorthand/`, `preferences/` (train parts) and `evaluation/` |
| Recipe | LoRA r = 16, α = 32, all linear layers; {steps} steps of {batch} rows; learning rate {rate:g}, linear decay; seed 0 |
| Size | {bytes:,} bytes (bf16 safetensors) |
| Made by | `python -m tools.train_careful_adapter` |
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    model, tokenizer = models.load("tiny", device="cpu")
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    run = train.sft(model, tokenizer, mixture.careful_rows(STEPS, "en"), lora=lora, steps=STEPS, batch_size=BATCH, learning_rate=RATE)
    save(run.model, CARD, {"base": base_sha256(), "steps": STEPS, "batch": BATCH, "rate": RATE}, options.out)


if __name__ == "__main__":
    main()
