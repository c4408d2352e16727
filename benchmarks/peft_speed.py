"""Tokens per second of LoRA and QLoRA on SmolLM2-135M: the course, a raw loop, litgpt.

    python benchmarks/peft_speed.py --litgpt build/litgpt_env/bin/python --rounds 3

Every variant trains rank 16 on all linear layers with the same rows in the same order, one after another, for several
rounds; the ratios of the medians count. litgpt runs in an environment of its own (make bench builds it) and is timed there,
step by step, by litgpt_worker.py. The first loss of every variant is stored too: the same rows and weights must
give the same loss, or something else was measured. Writes benchmarks/results/peft_speed_smol.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from sft_speed import Clock, adapter, longest, rows_of_equal_length, seconds_per_step  # noqa: E402
from transformers import PrinterCallback, set_seed  # noqa: E402

from lib import data, evaluate, machine, models, quantize, results, train  # noqa: E402

HERE = Path(__file__).resolve().parent


def raw_loop(examples, size: int, four_bit: bool) -> tuple[list[float], list[float]]:
    """Forward with labels, backward, clip, AdamW; precision and attention are the course's → (moments, losses)."""
    model, tokenizer = load(four_bit)
    model = quantize.float_adapter(model, adapter()).train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    times, losses = [time.perf_counter()], []
    with train.attention_for(model, longest(examples)):
        for start in range(0, len(examples), size):
            ids, mask, labels = evaluate.pad(examples[start : start + size], tokenizer.pad_token_id)
            with torch.autocast("cpu", torch.bfloat16, enabled=train.cpu_multiplies_bf16()):
                loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            times.append(time.perf_counter())
    return times, losses


def course(examples, size: int, four_bit: bool) -> tuple[list[float], list[float]]:
    """The trainer of lib.train, as `train.sft` sets it up."""
    model, tokenizer = load(four_bit)
    clock, steps = Clock(), len(examples) // size
    with tempfile.TemporaryDirectory() as out:
        settings = train.config(out, train_sampling_strategy="sequential", max_steps=steps, per_device_train_batch_size=size,
                                learning_rate=1e-4, save_strategy="no", disable_tqdm=True, logging_steps=1)
        trainer = train.LabelledTokensTrainer(model=quantize.float_adapter(model, adapter()), args=settings, processing_class=tokenizer,
                                              train_dataset=Dataset.from_list(examples), callbacks=[clock])
        trainer.remove_callback(PrinterCallback)
        with train.attention_for(model, longest(examples)):
            trainer.train()
    return clock.times, [h["loss"] for h in trainer.state.log_history if "loss" in h]


def load(four_bit: bool):
    set_seed(0)
    return quantize.load_4bit("smol", device="cpu") if four_bit else models.load("smol", dtype=torch.float32, device="cpu")


def litgpt(python: str, examples, size: int, precision: str) -> tuple[list[float], list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder, "rows.json")
        rows.write_text(json.dumps(examples), encoding="utf-8")
        command = [python, str(HERE / "litgpt_worker.py"), str(models.local_folder("smol")), str(rows), precision,
                   str(len(examples) // size), str(size)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    if done.returncode:
        raise SystemExit(f"litgpt failed:\n{done.stderr[-2000:]}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return found["times"], found["losses"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--litgpt", default="", help="python of the environment that has litgpt; empty leaves litgpt out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=8)
    options = parser.parse_args()
    size = options.batch_size
    _, tokenizer = models.load("smol")
    examples = [{k: list(e[k]) for k in ("input_ids", "labels")} for e in rows_of_equal_length(tokenizer, options.steps * size)]
    variants = {"raw loop, LoRA": lambda: raw_loop(examples, size, False), "course, LoRA": lambda: course(examples, size, False),
                "raw loop, QLoRA": lambda: raw_loop(examples, size, True), "course, QLoRA": lambda: course(examples, size, True)}
    if options.litgpt:
        precision = "bf16-mixed" if train.cpu_multiplies_bf16() else "32-true"
        variants["litgpt, LoRA"] = lambda: litgpt(options.litgpt, examples, size, precision)
    seconds, first_loss = {name: [] for name in variants}, {}
    for _ in range(options.rounds):
        for name, run in variants.items():
            times, losses = run()
            seconds[name].append(seconds_per_step(times))
            first_loss[name] = losses[0]
    tokens = sum(len(e["input_ids"]) for e in examples) / options.steps
    median = {name: statistics.median(values) for name, values in seconds.items()}
    record = {"date": time.strftime("%Y-%m-%d"), "hardware": machine.hardware(), "torch": torch.__version__, "bf16": train.cpu_multiplies_bf16(),
              "threads": torch.get_num_threads(), "rounds": options.rounds, "steps": options.steps, "batch_size": size,
              "tokens_per_step": tokens, "seconds_per_step": seconds, "first_loss": first_loss,
              "tokens_per_second": {name: round(tokens / value, 1) for name, value in median.items()},
              "ratio_to_raw_lora": {name: round(median["raw loop, LoRA"] / value, 3) for name, value in median.items()}}
    results.write_json(HERE / "results" / "peft_speed_smol.json", record)
    write_table(record)
    print(json.dumps({k: record[k] for k in ("ratio_to_raw_lora", "first_loss")}))


def write_table(record: dict) -> None:
    """Fill the table in README.md."""
    lines = [f"{record['date']}, {record['hardware']}, {record['rounds']} rounds of {record['steps']} steps, {record['tokens_per_step']:.0f} tokens a step.", "",
             "| variant | tokens/s, raw LoRA loop = 1 | spread over rounds | first loss |", "|---|---:|---:|---:|"]
    base = record["tokens_per_second"]["raw loop, LoRA"]
    for name, ratio in record["ratio_to_raw_lora"].items():
        found = record["seconds_per_step"][name]
        unit = f" ({base:.0f} tokens/s)" if name == "raw loop, LoRA" else ""
        lines.append(f"| {name} | {ratio:.2f}×{unit} | {min(found) / max(found):.2f}–1 | {record['first_loss'][name]:.3f} |")
    readme = HERE / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split("<!-- results: peft_speed -->")
    table = "\n".join(lines)
    data.write_text(readme, f"{before}<!-- results: peft_speed -->\n{table}\n<!-- /results -->{rest.split('<!-- /results -->', 1)[1]}")


if __name__ == "__main__":
    main()
