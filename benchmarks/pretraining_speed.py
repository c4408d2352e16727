"""Tokens per second of pre-training: the loop of lesson 12, a raw PyTorch loop, litgpt.

    python benchmarks/pretraining_speed.py --litgpt build/litgpt_env/bin/python --rounds 5

The loop is read out of the lesson's cells, so that what is timed is what the reader sees. Every variant starts from the same weights and reads the
same blocks (8 of 128 tokens) in the same order, in fp32, with AdamW and clipping, one after another, for several rounds;
what counts is the median over the rounds of the ratio within a round: its runs are neighbours in time, so a load that
comes and goes touches both sides. litgpt runs in an environment of its own (make bench builds it) and is timed there, step by step, by
litgpt_pretrain_worker.py. The first and the last loss of every variant are stored too: the same blocks,
weights and optimiser must give the same losses, or something else was measured. Writes benchmarks/results/pretraining_speed.json.
"""

import argparse
import copy
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch  # noqa: E402
from sft_speed import seconds_per_step  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402

from lib import data, machine, models, results, train  # noqa: E402
from tools import notebooks  # noqa: E402

HERE = Path(__file__).resolve().parent
RATE, BETAS, CLIP = 1.0e-3, (0.9, 0.95), 1.0


def lesson(*cell_ids: str) -> dict:
    """Run cells of lesson 12 up to what they print, and return their names."""
    cells = {c.id: c.source for c in notebooks.read(notebooks.paths(only="12")[0]).cells}
    names = {"torch": torch, "math": math, "LlamaConfig": LlamaConfig}
    for cell_id in cell_ids:
        exec(compile(re.sub(r"^print\(.*\Z", "", cells[cell_id], flags=re.MULTILINE | re.DOTALL), cell_id, "exec"), names)
    return names


LESSON = lesson("shape", "optimisers", "cosine", "loop", "blocks")


def adamw(model) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=RATE, betas=BETAS, weight_decay=0.0)


def course(model, batches, muon: bool = False) -> tuple[list[float], list[float]]:
    """`pretrain` of the lesson, at a constant rate → (moments, losses)."""
    times = []

    def clocked():
        for batch in batches:
            times.append(time.perf_counter())
            yield batch

    optimizers = LESSON["muon_and_adamw"](model) if muon else [adamw(model)]
    losses = LESSON["pretrain"](model, clocked(), len(batches), optimizers, clip=CLIP, schedule=lambda step, steps: 1.0)
    return [*times, time.perf_counter()], losses


def raw_loop(model, batches) -> tuple[list[float], list[float]]:
    """Forward with labels, backward, clip, AdamW; nothing else."""
    optimizer, times, losses = adamw(model.train()), [time.perf_counter()], []
    for ids, labels in batches:
        loss = model(input_ids=ids, labels=labels, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        times.append(time.perf_counter())
    return times, losses


def fused(model):
    """The same model with PyTorch's own attention, which litgpt uses too."""
    model = copy.deepcopy(model)
    model.set_attn_implementation("sdpa")
    return model


def litgpt(python: str, model, batches) -> tuple[list[float], list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        Path(folder, "blocks.json").write_text(json.dumps([ids.tolist() for ids, _ in batches]), encoding="utf-8")
        command = [python, str(HERE / "litgpt_pretrain_worker.py"), folder, str(RATE), str(BETAS[0]), str(BETAS[1]), str(CLIP)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    if done.returncode:
        raise SystemExit(f"litgpt failed:\n{done.stderr[-2000:]}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return found["times"], found["losses"]


def shapes() -> dict[str, LlamaConfig]:
    """The model that lesson 12 trains from scratch, and one twenty times as large, both with tiny's 1,024 pieces."""
    _, tokenizer = models.load("tiny", device="cpu")
    return {"width 64, 2 layers": LESSON["new_shape"](tokenizer, 64), "width 256, 4 layers": LESSON["new_shape"](tokenizer, 256, 4)}


def measure(config, batches, rounds: int, litgpt_python: str) -> dict:
    torch.manual_seed(0)
    start = LlamaForCausalLM._from_config(copy.deepcopy(config), attn_implementation="eager", dtype=torch.float32)  # as in the lesson
    variants = {"raw loop": lambda: raw_loop(copy.deepcopy(start), batches), "lesson 12": lambda: course(copy.deepcopy(start), batches),
                "lesson 12, fused attention": lambda: course(fused(start), batches),
                "lesson 12 with Muon": lambda: course(copy.deepcopy(start), batches, muon=True)}
    if litgpt_python:
        variants["litgpt"] = lambda: litgpt(litgpt_python, start, batches)
    seconds, ends = {name: [] for name in variants}, {}
    for _ in range(rounds):
        for name, run in variants.items():
            times, losses = run()
            seconds[name].append(seconds_per_step(times))
            ends[name] = [losses[0], losses[-1]]
    median = {name: statistics.median(values) for name, values in seconds.items()}
    tokens = batches[0][0].numel()
    return {"parameters": start.num_parameters(), "tokens_per_step": tokens, "seconds_per_step": seconds, "first_and_last_loss": ends,
            "tokens_per_second": {name: round(tokens / value) for name, value in median.items()},
            "ratios_to_raw_loop": {name: [round(raw / own, 3) for raw, own in zip(seconds["raw loop"], values, strict=True)] for name, values in seconds.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--litgpt", default="", help="python of the environment that has litgpt; empty leaves litgpt out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    _, tokenizer = models.load("tiny", device="cpu")
    endless = LESSON["blocks"]([e["input_ids"] for e in train.tokenize(data.sample("shorthand", "train", "en"), tokenizer)])
    batches = [next(endless) for _ in range(options.steps)]
    record = {"date": time.strftime("%Y-%m-%d"), "hardware": machine.hardware(), "torch": torch.__version__, "threads": torch.get_num_threads(),
              "rounds": options.rounds, "steps": options.steps,
              "models": {name: measure(config, batches, options.rounds, options.litgpt) for name, config in shapes().items()}}
    results.write_json(HERE / "results" / "pretraining_speed.json", record)
    write_table(record)
    print(json.dumps({name: (found["ratios_to_raw_loop"], found["first_and_last_loss"]) for name, found in record["models"].items()}))


def write_table(record: dict) -> None:
    """Fill the table in README.md."""
    lines = [f"{record['date']}, {record['hardware']}, {record['threads']} thread(s), {record['rounds']} rounds of {record['steps']} steps of 1,024 tokens.", "",
             "| model | variant | tokens/s, raw loop = 1 | range over the rounds | first → last loss |", "|---|---|---:|---:|---:|"]
    for model, found in record["models"].items():
        for name, ratios in found["ratios_to_raw_loop"].items():
            first, last = found["first_and_last_loss"][name]
            unit = f" ({found['tokens_per_second'][name]:,} tokens/s)" if name == "raw loop" else ""
            lines.append(f"| {model}, {found['parameters'] / 1e6:.2f}M | {name} | {statistics.median(ratios):.2f}×{unit} | {min(ratios):.2f}–{max(ratios):.2f} | {first:.3f} → {last:.3f} |")
    readme = HERE / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split("<!-- results: pretraining_speed -->")
    table = "\n".join(lines)
    data.write_text(readme, f"{before}<!-- results: pretraining_speed -->\n{table}\n<!-- /results -->{rest.split('<!-- /results -->', 1)[1]}")


if __name__ == "__main__":
    main()
