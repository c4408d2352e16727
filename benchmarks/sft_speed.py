"""Seconds per step and tokens per second of the course's SFT path, side by side with its peers.

    python benchmarks/sft_speed.py --model smol --rounds 3

Peers: a raw PyTorch + peft loop and TRL with its own loss, both in the course's precision and attention,
and TRL's defaults.
All variants see the same rows in the same order, in one process, one after another, for several
rounds; the ratios of the medians count, the seconds only describe this machine.
Writes benchmarks/results/sft_speed_<model>.json.
"""

import argparse
import contextlib
import json
import platform
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import TrainerCallback, set_seed  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402

from lib import data, evaluate, machine, models, results, train  # noqa: E402

HERE = Path(__file__).resolve().parent
WARM_UP_STEPS = 2


class Clock(TrainerCallback):
    """The moment training begins, then the moment after every step."""

    def __init__(self):
        self.times = []

    def on_train_begin(self, args, state, control, **_):
        self.times.append(time.perf_counter())

    def on_step_end(self, args, state, control, **_):
        self.times.append(time.perf_counter())


def adapter() -> LoraConfig:
    return LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")


def raw_loop(name: str, examples, batch_size: int, steps: int) -> list[float]:
    """The peer: forward with labels, backward, AdamW; nothing else. Precision and attention are the course's."""
    set_seed(0)
    model, tokenizer = models.load(name, dtype=torch.float32, device="cpu")
    model = get_peft_model(model, adapter()).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    times = [time.perf_counter()]
    with train.attention_for(model, longest(examples)):
        for step in range(steps):
            batch = examples[step * batch_size : (step + 1) * batch_size]
            ids, mask, labels = evaluate.pad(batch, tokenizer.pad_token_id)
            with torch.autocast("cpu", torch.bfloat16, enabled=train.cpu_multiplies_bf16()):
                loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
            optimizer.step()
            optimizer.zero_grad()
            times.append(time.perf_counter())
    return times


def longest(examples) -> int:
    return max(len(e["input_ids"]) for e in examples)


def through_trl(name: str, examples, batch_size: int, steps: int, variant: str, sampling: str) -> list[float]:
    """`variant`: "course" (lib.train), "trl" (same settings, TRL's loss) or "trl defaults"."""
    set_seed(0)
    model, tokenizer = models.load(name, dtype=torch.float32, device="cpu")
    clock = Clock()
    common = dict(max_steps=steps, per_device_train_batch_size=batch_size, learning_rate=1e-4, save_strategy="no",
                  disable_tqdm=True, report_to="none")
    with tempfile.TemporaryDirectory() as out, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if variant == "trl defaults":
            settings = SFTConfig(output_dir=out, use_cpu=True, **common)
        else:
            settings = train.config(out, train_sampling_strategy=sampling, **common)
        trainer_class = train.LabelledTokensTrainer if variant == "course" else SFTTrainer
        trainer = trainer_class(model=model, args=settings, train_dataset=Dataset.from_list(examples),
                                processing_class=tokenizer, peft_config=adapter(), callbacks=[clock])
        with contextlib.nullcontext() if variant == "trl defaults" else train.attention_for(model, longest(examples)):
            trainer.train()
    return clock.times


def seconds_per_step(times: list[float]) -> float:
    return (times[-1] - times[WARM_UP_STEPS]) / (len(times) - 1 - WARM_UP_STEPS)


def rows_of_equal_length(tokenizer, count: int) -> list[dict]:
    examples = train.tokenize(data.sample("shorthand", "train", "en")[: 4 * count], tokenizer)
    return sorted(examples, key=lambda e: len(e["input_ids"]))[-count:]


def rows_of_mixed_length(tokenizer, count: int) -> list[dict]:
    """Short notes and long multi-example prompts in one file, as real chat data is."""
    notes = data.sample("shorthand", "train", "en")
    rows = []
    for i in range(count):
        turns = [m for row in notes[i : i + 1 + (i % 4) * (i % 3)] for m in row["messages"]]
        rows.append({"messages": turns})
    return train.tokenize(rows, tokenizer)


def write_table() -> None:
    """Fill the table in README.md from all stored results."""
    lines = ["| model | machine | date | raw loop | course | trl | trl defaults | tokens/s on mixed lengths, "
             "course / trl defaults |", "|---|---|---|---:|---:|---:|---:|---:|"]
    for file in sorted((HERE / "results").glob("sft_speed_*.json")):
        r = json.loads(file.read_text(encoding="utf-8"))
        seconds = statistics.median(r["seconds_per_step"]["raw loop"])
        ratios = [f"{r['ratio_to_raw_loop'][k]:.2f}×" for k in ("course", "trl", "trl defaults")]
        lines.append(f"| {r['model']} | {r['hardware']} | {r['date']} | 1 ({seconds:.2f} s a step) | {' | '.join(ratios)} | "
                     f"{r['tokens_per_second_course_over_trl_defaults']:.2f}× |")
    readme = HERE / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split("<!-- results: sft_speed -->")
    after = rest.split("<!-- /results -->")[1]
    table = "\n".join(lines)
    data.write_text(readme, f"{before}<!-- results: sft_speed -->\n{table}\n<!-- /results -->{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="smol", help="tiny, smol, a Hub id or a folder")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=8)
    options = parser.parse_args()
    _, tokenizer = models.load(options.model)
    count = options.steps * options.batch_size
    equal, mixed = rows_of_equal_length(tokenizer, count), rows_of_mixed_length(tokenizer, count)
    arguments = (options.model, equal, options.batch_size, options.steps)
    step_seconds = {k: [] for k in ("raw loop", "course", "trl", "trl defaults")}
    for _ in range(options.rounds):
        step_seconds["raw loop"].append(seconds_per_step(raw_loop(*arguments)))
        for variant in ("course", "trl", "trl defaults"):
            step_seconds[variant].append(seconds_per_step(through_trl(*arguments, variant, "sequential")))
    tokens_per_second = {k: [] for k in ("course", "trl defaults")}
    tokens = sum(len(e["input_ids"]) for e in mixed)
    for _ in range(options.rounds):
        for variant in tokens_per_second:
            times = through_trl(options.model, mixed, options.batch_size, options.steps, variant, "group_by_length")
            tokens_per_second[variant].append(tokens / (times[-1] - times[0]))
    step = {k: statistics.median(v) for k, v in step_seconds.items()}
    rate = {k: statistics.median(v) for k, v in tokens_per_second.items()}
    record = {
        "date": time.strftime("%Y-%m-%d"), "hardware": machine.hardware(), "processor": platform.processor(),
        "bf16": train.cpu_multiplies_bf16(), "torch": torch.__version__, "threads": torch.get_num_threads(), "model": options.model,
        "batch_size": options.batch_size, "steps": options.steps, "rounds": options.rounds,
        "tokens_per_row_equal": statistics.mean(len(e["input_ids"]) for e in equal),
        "tokens_per_row_mixed": [min(len(e["input_ids"]) for e in mixed), max(len(e["input_ids"]) for e in mixed)],
        "seconds_per_step": step_seconds, "tokens_per_second_mixed": tokens_per_second,
        "ratio_to_raw_loop": {k: round(v / step["raw loop"], 3) for k, v in step.items()},
        "tokens_per_second_course_over_trl_defaults": round(rate["course"] / rate["trl defaults"], 3),
    }
    results.write_json(HERE / "results" / f"sft_speed_{options.model}.json", record)
    write_table()
    print(json.dumps({k: record[k] for k in ("ratio_to_raw_loop", "tokens_per_second_course_over_trl_defaults")}))


if __name__ == "__main__":
    main()
