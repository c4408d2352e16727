"""Train the small LoRA adapter that lesson 00 loads: `python -m tools.train_tour_adapter`.

It teaches `tiny` to read the clinic's English shorthand. Train it again whenever the base changes:
an adapter is a difference to one exact set of weights. The model card carries the base's sha256, and
tests/test_lesson_00.py compares it. Lesson 06 explains every line of this.
"""

import argparse
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import torch
from peft import LoraConfig

from lib import data, evaluate, models, train

OUT = data.SAMPLES / "adapters" / "shorthand-tiny"
MAX_BYTES = 700_000

CARD = """\
---
base_model: tiny (data/samples/tiny-base)
library_name: peft
license: apache-2.0
language: en
---
# shorthand-tiny

A LoRA adapter for the course's embedded model `tiny`. With it the model reads the shorthand of
`data/samples/shorthand`. Lesson 00 puts it on and takes it off again; lesson 06 trains such an adapter.

**The clinic is synthetic. Nothing here is medical advice, and the adapter is good for nothing but teaching.**

| | |
|---|---|
| Base | `tiny`, `model.safetensors` sha256 `{base_sha256}` |
| Trained on | `data/samples/shorthand/train.jsonl`, {rows:,} rows, language: {language} |
| Recipe | LoRA r = {rank}, α = {alpha}, all linear layers; {steps} steps of {batch_size} rows; learning rate {learning_rate:g}, linear decay; seed {seed}; {seconds:.0f} s, CPU threads: {threads} |
| Size | {numbers:,} numbers, {bytes:,} bytes (bf16 safetensors) |
| Held-out notes, exact match | {before} → {after}, `test.jsonl`, greedy |
| General questions | {general_before} → {general_after} |
| Made by | `python -m tools.train_tour_adapter`, then read as committed |

The row of general questions is its price: a narrow training pushes other knowledge aside.
"""


def base_sha256() -> str:
    """Fingerprint of the weights that the adapter belongs to."""
    return hashlib.sha256((models.TINY / "model.safetensors").read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=2.5e-3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--language", choices=("en", "ru", "both"), default="en")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()

    model, tokenizer = models.load("tiny", device="cpu")
    rows, test = (data.sample("shorthand", part, options.language) for part in ("train", "test"))
    before, _ = evaluate.task(model, tokenizer, test)
    general_before, _ = evaluate.general(model, tokenizer)

    lora = LoraConfig(r=options.rank, lora_alpha=2 * options.rank, target_modules="all-linear", task_type="CAUSAL_LM")
    run = train.sft(model, tokenizer, rows, steps=options.steps, learning_rate=options.learning_rate,
                    batch_size=options.batch_size, lora=lora, seed=options.seed)
    trained = run.model
    for parameter in trained.parameters():
        if parameter.requires_grad:  # what is scored is what is shipped: the bf16 values
            parameter.data = parameter.data.to(torch.bfloat16).float()
    after, _ = evaluate.task(trained, tokenizer, test)
    general_after, _ = evaluate.general(trained, tokenizer)

    facts = dict(base_sha256=base_sha256(), language=options.language, rows=len(rows), rank=options.rank, alpha=2 * options.rank,
                 steps=options.steps, batch_size=options.batch_size, learning_rate=options.learning_rate,
                 seed=options.seed, seconds=run.seconds, threads=torch.get_num_threads(), numbers=run.trainable,
                 before=before, after=after, general_before=general_before, general_after=general_after)
    print(f"{before} → {after}; general {general_before} → {general_after}; {run.seconds:.0f} s")
    save(trained, CARD, facts, options.out)


def save(trained, card: str, facts: dict, out: Path) -> None:
    """bf16 safetensors and the card (its `{bytes}` and `{facts}` filled in) into a temporary folder, then one rename."""
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    try:
        for parameter in trained.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.to(torch.bfloat16)
        trained.save_pretrained(work, save_embedding_layers=False)
        settings = json.loads((work / "adapter_config.json").read_text())
        settings["base_model_name_or_path"] = "data/samples/tiny-base"  # relative: no path of this machine
        settings["target_modules"] = sorted(settings["target_modules"])  # a set: its order changes from run to run
        (work / "adapter_config.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        size = (work / "adapter_model.safetensors").stat().st_size
        if size > MAX_BYTES:
            raise SystemExit(f"the adapter has {size:,} bytes, more than {MAX_BYTES:,}: lower --rank")
        (work / "README.md").write_text(card.format(bytes=size, **facts), encoding="utf-8")
        for file in work.iterdir():
            file.chmod(0o644)
        if out.exists():
            shutil.rmtree(out)
        work.rename(out)
        out.chmod(0o755)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"saved to {out.name}: {size:,} bytes")


if __name__ == "__main__":
    main()
