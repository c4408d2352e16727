"""Seconds per step and memory of DPO, SimPO and ORPO, side by side, with an adapter and without.

    python benchmarks/preference_speed.py --model tiny --rounds 3

DPO is run the four ways that people run it: with LoRA (the reference is the adapter switched off) and in full with a
frozen copy as reference, each also with the reference's log-probabilities computed beforehand. All variants see the
same pairs in the same order and precision (fp32 on a CPU), with the same batch. Each run is a process of its own, the
variants take turns, and the medians of their ratios within a round count; the seconds only describe this machine.
Time is seconds per step without the first two steps, processor time of one thread on a CPU (other work may run beside it),
the wall clock on a GPU; what happens before the first step (reading the pairs, and computing the reference beforehand) is
stored as `seconds_before_first_step`. Memory is the largest number of bytes that tensors hold (lib.tensor_peak), in a separate watched run.
Writes benchmarks/results/preference_speed_<model>.json.
"""

import argparse
import copy
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

BASELINE = "DPO, LoRA"
VARIANTS = {  # name: (method, adapter, reference computed beforehand)
    BASELINE: ("dpo", True, False),
    "DPO, LoRA, precomputed": ("dpo", True, True),
    "DPO, full, frozen copy": ("dpo", False, False),
    "DPO, full, precomputed": ("dpo", False, True),
    "SimPO, LoRA": ("simpo", True, False),
    "SimPO, full": ("simpo", False, False),
    "ORPO, LoRA": ("orpo", True, False),
    "ORPO, full": ("orpo", False, False),
}
WARM_UP_STEPS = 2
PEAK_STEPS = 2  # the second step has Adam's state


def run_variant(name: str, model_name: str, steps: int, batch_size: int) -> dict:
    """Train one variant; → {"seconds_per_step", "seconds_before_first_step", "first_loss"}."""
    import torch
    from peft import LoraConfig

    from lib import data, models, preference_family, preference_training

    method, adapter, precompute = VARIANTS[name]
    pairs = data.sample("preferences", "train", "en")[: steps * batch_size]
    model, tokenizer = models.load(model_name, dtype=torch.float32)
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM") if adapter else None
    torch.set_num_threads(1)
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    times = []
    common = dict(steps=steps, learning_rate=1e-5, batch_size=batch_size, lora=lora, on_step=lambda *_: times.append(clock()))
    began = clock()
    if method == "dpo":
        # a full model's frozen copy is made here, as lib.preference_training would; beforehand no copy is needed
        reference = None if adapter or precompute else copy.deepcopy(model).requires_grad_(False)
        if precompute and not adapter:
            run = _precomputed_full(model, tokenizer, pairs, common)
        else:
            run = preference_training.dpo(model, tokenizer, pairs, reference=reference, precompute=precompute, bf16=False, **common)
    else:
        run = getattr(preference_family, method)(model, tokenizer, pairs, **common)
    ready = times[0] - (times[-1] - times[0]) / max(len(times) - 1, 1)  # about when the first step began
    per_step = (times[-1] - times[WARM_UP_STEPS - 1]) / (len(times) - WARM_UP_STEPS) if len(times) > WARM_UP_STEPS else None
    return {"seconds_per_step": per_step, "seconds_before_first_step": ready - began, "first_loss": run.curve("loss")[1][0]}


def _precomputed_full(model, tokenizer, pairs, common):
    """lib.preference_training makes a copy for full DPO; with log-probabilities computed beforehand TRL needs none."""
    import datasets
    from trl import DPOTrainer

    from lib import preference_training, train

    train._quiet()
    datasets.disable_progress_bars()
    table = datasets.Dataset.from_list([{name: pair[name] for name in ("prompt", "chosen", "rejected")} for pair in pairs])
    with tempfile.TemporaryDirectory() as folder:
        args = preference_training.config(folder, max_steps=common["steps"], learning_rate=common["learning_rate"], bf16=False, logging_steps=1, seed=0, data_seed=0,
                                          per_device_train_batch_size=common["batch_size"], precompute_ref_log_probs=True)
        trainer = DPOTrainer(model=model, args=args, train_dataset=table, processing_class=tokenizer, callbacks=[train._Watcher(common["on_step"])])
        trainer.train()
    return train.Run(model=trainer.model, history=[h for h in trainer.state.log_history if "step" in h])


def child(options) -> None:
    """One process, one measurement; the last line of its output is the answer."""
    if options.watch:
        from lib.tensor_peak import TensorPeak

        with TensorPeak() as count:
            run_variant(options.one, options.model, PEAK_STEPS, options.batch_size)
        print(json.dumps({"peak_bytes": count.peak}))
    else:
        print(json.dumps(run_variant(options.one, options.model, options.steps, options.batch_size)))


def in_fresh_process(name: str, options, watch: bool = False) -> dict:
    command = [sys.executable, __file__, "--model", options.model, "--one", name, "--steps", str(options.steps), "--batch-size", str(options.batch_size)]
    done = subprocess.run(command + (["--watch"] if watch else []), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def summary(seconds: dict, peaks: dict, before: dict) -> dict:
    """Ratios within a round, then their median: what slows the machine in one round slows all variants alike."""
    rounds = range(len(seconds[BASELINE]))
    return {name: {
        "seconds_per_step": round(statistics.median(seconds[name]), 4),
        "time_ratio": round(statistics.median(seconds[name][i] / seconds[BASELINE][i] for i in rounds), 3),
        "time_ratio_range": [round(f(seconds[name][i] / seconds[BASELINE][i] for i in rounds), 3) for f in (min, max)],
        "seconds_before_first_step": round(statistics.median(before[name]), 3),
        "peak_mib": round(peaks[name] / 2**20, 2), "memory_ratio": round(peaks[name] / peaks[BASELINE], 3),
    } for name in VARIANTS}


def write_table() -> None:
    """Fill the table in README.md from all stored results, where README.md has the place for it."""
    from lib import data

    records = [json.loads(file.read_text(encoding="utf-8")) for file in sorted((HERE / "results").glob("preference_speed_*.json"))]
    lines = [f"{r['model']}: {r['date']}, {r['hardware']}, {r['threads']} thread, {r['clock']}, torch {r['torch']}, trl {r['trl']}, "
             f"{r['rounds']} rounds of {r['steps']} steps, {r['pairs_a_step']} pairs a step.  " for r in records]
    lines += ["", "| model | variant | seconds a step | time | range over rounds | memory, MiB | memory |", "|---|---|---:|---:|---:|---:|---:|"]
    for record in records:
        for name, row in record["variants"].items():
            lines.append(f"| {record['model']} | {name} | {row['seconds_per_step']:.3f} | {row['time_ratio']:.2f}× | "
                         f"{row['time_ratio_range'][0]:.2f}–{row['time_ratio_range'][1]:.2f} | {row['peak_mib']:,.0f} | {row['memory_ratio']:.2f}× |")
    readme = HERE / "README.md"
    text = readme.read_text(encoding="utf-8")
    begin, end = "<!-- results: preference_speed -->", "<!-- /results: preference_speed -->"
    if begin in text:
        before, rest = text.split(begin)
        data.write_text(readme, before + begin + "\n" + "\n".join(lines) + "\n" + end + rest.split(end)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="tiny", help="tiny, smol, a Hub id or a folder")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--one", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--watch", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return child(options)
    from lib import machine, results

    seconds, before = {name: [] for name in VARIANTS}, {name: [] for name in VARIANTS}
    for _ in range(options.rounds):
        for name in VARIANTS:
            found = in_fresh_process(name, options)
            seconds[name].append(found["seconds_per_step"])
            before[name].append(found["seconds_before_first_step"])
    peaks = {name: in_fresh_process(name, options, watch=True)["peak_bytes"] for name in VARIANTS}
    import importlib.metadata

    import torch

    record = {"date": time.strftime("%Y-%m-%d"), "hardware": machine.hardware(), "processor": platform.processor(), "threads": 1,
              "clock": "wall" if torch.cuda.is_available() else "processor time", "torch": torch.__version__,
              **{name: importlib.metadata.version(name) for name in ("transformers", "trl", "peft")}, "model": options.model, "pairs_a_step": options.batch_size, "steps": options.steps,
              "rounds": options.rounds, "dtype": "fp32", "variants": summary(seconds, peaks, before),
              "seconds_per_step": seconds}
    results.write_json(HERE / "results" / f"preference_speed_{Path(options.model).name}.json", record)
    write_table()
    print(json.dumps({name: (row["time_ratio"], row["memory_ratio"]) for name, row in record["variants"].items()}))


if __name__ == "__main__":
    main()
