"""How far off is the memory prediction? lib.memory against PyTorch's own count, against peers, against published peaks.

    python benchmarks/memory_accuracy.py --quick               small models only, about a minute
    pip install --no-deps --target build/peers fitcheck-llm==0.3.1 vramcalc==0.1.2 llmcalculator==0.2.3
    python benchmarks/memory_accuracy.py --peers build/peers   everything, about fifteen minutes on one core
    python benchmarks/memory_accuracy.py --table               prints the stored results as Markdown

No GPU, no weights, no network: configurations run on tensors without contents (lib.memory_tracker). The peers are
given the same configuration in their own terms and are compared on what tensors ask for: what they add for the CUDA
context is taken off. A peer that refuses a configuration is quoted. Writes benchmarks/results/memory_accuracy.json.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

CACHE = tempfile.TemporaryDirectory()  # a Hub cache of our own: fitcheck reads configurations from nowhere else
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": CACHE.name}
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib import cards, memory, memory_tracker, results  # noqa: E402

STORED = Path(__file__).resolve().parent / "results" / "memory_accuracy.json"
MODELS = {"Llama-3.1-8B": (512, 2048), "Qwen2.5-7B": (512, 2048), "Gemma-3-4B": (512, 2048), "GPT-2": (512, 1024)}
QUICK = {"SmolLM2-135M": (256, 1024), "Qwen2.5-0.5B": (256, 1024), "GPT-2": (256, 1024)}
QKVO = ("q_proj", "k_proj", "v_proj", "o_proj")
METHODS = {"full": {}, "LoRA": {"method": "lora"}, "QLoRA": {"method": "qlora"}, "DPO, LoRA": {"method": "dpo", "lora": True}}
FMS = "fms-acceleration, scripts/benchmarks/refs/a100_80gb.csv at commit 876e2ed: A100 80 GB, torch 2.4.1, transformers 4.48.1, peft 0.13.2"
VRAMCALC = "vramcalc 0.1.2, README on PyPI, October 2026: RTX A6000, torch 2.14.1, transformers 4.57.6, peft 0.21.2"
PEFT = "huggingface/peft at commit 5d602fd, method_comparison/MetaMathQA/results, July 2026: L40S, torch 2.13.0, transformers 5.13.1"


# ------------------------------------------------------------------------------------- against the tracker
def settings(models: dict):
    """(model, name of the method, arguments) of every row."""
    for model, lengths in models.items():
        for name, method in METHODS.items():
            for checkpointing in (True, False):
                for length in lengths:
                    yield model, name, {"method": "full", **method, "checkpointing": checkpointing, "length": length}
        for length in lengths:
            yield model, "DPO, frozen copy", {"method": "dpo", "length": length, "checkpointing": True}
        if model in cards.SHAPES:  # the layers that vramcalc knows
            for checkpointing in (True, False):
                yield model, "LoRA on q, k, v, o", {"method": "lora", "targets": QKVO, "checkpointing": checkpointing, "length": lengths[-1]}


def compare(model: str, name: str, run: dict, peers) -> dict:
    """One row: the closed form where there is one, and what the tracker counts."""
    told = memory.estimate(model, **run)
    if told.source == "formula":
        seen = memory_tracker.trace(memory.config_of(model), **run)
        peak, binding = seen.peak, seen.binding
    else:  # the estimate is the tracker's own: nothing to compare, and nothing to run twice
        peak, binding = told.peak, told.binding
    row = {"model": model, "method": name, **{k: v for k, v in run.items() if k != "method"}, "tracker": peak, "binding": binding,
           "source": told.source, "closed_form": told.peak if told.source == "formula" else None}
    row["error"] = told.peak / peak - 1 if told.source == "formula" else None
    return row | {"peers": {peer: ask(model, run) for peer, ask in peers.items()}}


# ------------------------------------------------------------------------------------------------- peers
def load_peers(folder: str | None) -> dict:
    """Peer → function(model, run) → bytes, or the words of its refusal."""
    peers = {"accelerate": by_accelerate}
    if folder:
        sys.path.append(str(Path(folder).resolve()))
        peers = {"fitcheck-llm": by_fitcheck, "vramcalc": by_vramcalc, "llmcalculator": by_llmcalculator} | peers
    return {peer: refusals(ask) for peer, ask in peers.items()}


def refusals(ask):
    def answer(model, run):
        try:
            return round(ask(model, run))
        except (ValueError, KeyError, RuntimeError) as error:
            return f"refused: {str(error)[:160]}"

    return answer


def plain(model: str) -> dict:
    return {k: v for k, v in memory.config_of(model).to_dict().items() if v is not None}


def by_accelerate(model: str, run: dict) -> float:
    """What `accelerate estimate-memory` prints as training with Adam in bfloat16; it asks for no batch and no method."""
    import torch
    from accelerate.commands.estimate import estimate_training_usage
    from accelerate.utils import calculate_maximum_sizes
    from transformers import AutoModel

    if run["method"] != "full":
        raise ValueError("counts full training only")
    with torch.device("meta"):
        total, _ = calculate_maximum_sizes(AutoModel.from_config(memory.config_of(model), dtype=torch.float32))
    return max(estimate_training_usage(total, "bfloat16").values())


def by_fitcheck(model: str, run: dict) -> float:
    import fitcheck

    if run["method"] == "dpo":
        raise ValueError("no preference training")
    folder = Path(CACHE.name) / f"models--course--{model}"
    if not folder.exists():
        for path, text in (("refs/main", "1" * 40), (f"snapshots/{'1' * 40}/config.json", json.dumps(plain(model)))):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    config = fitcheck.fetch_model_config(f"course/{model}")
    full, packed = run["method"] == "full", run["method"] == "qlora"
    asked = fitcheck.TrainingConfig(precision="bf16", quantization="nf4" if packed else "none", double_quant=packed, seq_len=run["length"],
                                    optimizer_dtype="bf16" if full else "fp32", lora_rank=None if full else 16, flash_attn=True,
                                    lora_targets=list(run.get("targets", memory.LINEARS)), grad_checkpoint=run["checkpointing"])
    told = fitcheck.estimate(config, asked, fitcheck.get_gpu("a100-80"))
    return (told.total_mib - told.overhead_mib) * 2**20


def by_vramcalc(model: str, run: dict) -> float:
    import vramcalc

    if run["method"] not in ("full", "lora") or (run["method"] == "lora" and "targets" not in run):
        raise ValueError("full training, and LoRA on q, k, v and o, only")
    return vramcalc.estimate(plain(model), mode="train", precision="pure", seq_len=run["length"], grad_checkpoint=run["checkpointing"],
                             lora_rank=None if run["method"] == "full" else 16).total


def by_llmcalculator(model: str, run: dict) -> float:
    from llmcalculator import workloads
    from llmcalculator.estimate import estimate
    from llmcalculator.hardware.base import CPU, HardwareProfile
    from llmcalculator.models.spec import ModelSpec

    if run["method"] == "dpo":
        raise ValueError("no preference training")
    c = memory.config_of(model)
    heads = c.num_attention_heads
    spec = ModelSpec(model, memory.parameter_count(c), c.num_hidden_layers, c.hidden_size, heads, getattr(c, "num_key_value_heads", heads),
                     max_context=1 << 20, vocab_size=c.vocab_size, head_dim=getattr(c, "head_dim", None))
    machine = HardwareProfile(CPU("", 1, 1), 1 << 40)
    told = estimate(spec, machine, workloads.get(run["method"]), context=run["length"], gradient_checkpointing=run["checkpointing"]).breakdown
    return told.total - told.overhead


# -------------------------------------------------------------------------------------- published peaks
def published() -> list[dict]:
    """Peaks that others measured on GPUs: allocated bytes, or what the allocator had reserved."""
    rows = []

    def add(source, model, peak, kind="allocated", **run):
        rows.append({"source": source, "model": model, "kind": kind, "published": int(peak), "run": {"method": "full", "optimizer": "adamw_foreach", **run}})

    loop = dict(batch=1, length=2048, keep_logits=True, keep_gradients=True)  # as its bench.py trains
    lora = loop | dict(method="lora", targets=QKVO)
    amp = dict(dtype="fp32", amp=True)
    for model, gigabytes, run in (
            ("Llama-3.2-1B", 17.51, loop | dict(checkpointing=False)), ("Llama-3.2-1B", 13.76, loop),
            ("Llama-3.2-1B", 30.55, loop | amp | dict(checkpointing=False)), ("Llama-3.2-1B", 25.22, loop | amp),
            ("Llama-3.2-1B", 30.26, loop | dict(checkpointing=False, attention="eager")), ("Llama-3.2-3B", 32.15, loop),
            ("Qwen2.5-1.5B", 23.40, loop | dict(checkpointing=False)), ("Llama-3.2-1B", 10.13, lora | dict(checkpointing=False)),
            ("Llama-3.2-1B", 14.52, lora | amp | dict(checkpointing=False)), ("Llama-3.2-1B", 9.51, lora | amp),
            ("Llama-3.2-3B", 18.98, lora | dict(checkpointing=False)), ("Llama-3.1-8B", 20.55, lora),
            ("Qwen2.5-1.5B", 13.78, lora | dict(checkpointing=False))):
        add(VRAMCALC, model, gigabytes * 1e9, **run)
    for batch, full, adapter, packed in ((4, 72_434_837_504, 26_704_571_904, 16_373_838_336), (8, 72_435_230_720, 38_742_912_512, 28_412_178_944)):
        add(FMS, "Mistral-7B-v0.1", full, batch=batch, length=4096)
        add(FMS, "Mistral-7B-v0.1", adapter, batch=batch, length=4096, method="lora", targets=QKVO, keep_logits=True)
        add(FMS, "Mistral-7B-v0.1", packed, batch=batch, length=4096, method="qlora", targets=QKVO, prepare_kbit=False, keep_logits=True)
    padded = dict(batch=4, length=768, checkpointing=False)  # batches are padded to at most 768 tokens
    add(PEFT, "Llama-3.2-3B", 38_868_615_168, "reserved", **padded)
    for rank, peak in ((32, 22_292_725_760), (64, 22_552_772_608)):
        add(PEFT, "Llama-3.2-3B", peak, "reserved", **padded, method="lora", rank=rank, targets=("q_proj", "v_proj"))
    return rows


def with_kept_gradients(need) -> int:
    """The peak when a step sets gradients to zero instead of freeing them: all of them at every moment."""
    def own(phase):
        return sum(part.bytes for part in phase.parts if part.name == "gradients")

    return max(phase.bytes - own(phase) for phase in need.phases) + own(need.phases[-1])


def predict(row: dict) -> dict:
    run = dict(row["run"])
    seen = memory_tracker.trace(memory.config_of(row["model"]), **run).peak
    kept = run.pop("keep_gradients", False)
    told = None
    if run.get("attention") != "eager" and not (run["method"] == "lora" and run.get("dtype") == "fp32"):  # there the estimate is the tracker's
        need = memory.estimate(row["model"], **run)
        told = with_kept_gradients(need) if kept else need.peak
    return row | {"tracker": seen, "closed_form": told, "tracker_error": seen / row["published"] - 1,
                  "closed_form_error": told / row["published"] - 1 if told else None}


# ------------------------------------------------------------------------------------------------ report
def summary(rows: list[dict], found: list[dict]) -> dict:
    errors = [abs(r["error"]) for r in rows if r["error"] is not None]
    record = {"rows": len(rows), "closed_form_rows": len(errors), "closed_form_worst_error": max(errors), "closed_form_median_error": statistics.median(errors), "peers": {}}
    for peer in rows[0]["peers"]:
        off = [r["peers"][peer] / r["tracker"] - 1 for r in rows if not isinstance(r["peers"][peer], str)]
        record["peers"][peer] = {"answers": len(off), "refuses": len(rows) - len(off)} | ({"median_error": statistics.median(map(abs, off)), "lowest": min(off), "highest": max(off)} if off else {})
    exact = [r for r in found if r["kind"] == "allocated"]
    record["published"] = {"rows": len(found), "allocated": len(exact), "tracker_within_3_percent": sum(abs(r["tracker_error"]) <= 0.03 for r in exact)}
    return record


def versions(folder: str | None) -> dict:
    found = {name: metadata.version(name) for name in ("torch", "transformers", "peft", "accelerate")}
    for name in ("fitcheck-llm", "vramcalc", "llmcalculator") if folder else ():
        found[name] = next(metadata.distributions(name=name, path=[folder])).version
    return found


def table(record: dict) -> str:
    """The stored results as two Markdown tables."""
    gib, peers = memory.GIB, list(record["rows"][0]["peers"])
    lines = ["| model | method | checkpointing | tokens | tracker, GiB | closed form | " + " | ".join(peers) + " |", "|---|---|---|" + "---:|" * (3 + len(peers))]
    for r in record["rows"]:
        off = [f"{r['peers'][p] / r['tracker'] - 1:+.0%}" if not isinstance(r["peers"][p], str) else "–" for p in peers]
        told = f"{r['error']:+.3%}" if r["error"] is not None else "is the tracker"
        lines.append(f"| {r['model']} | {r['method']} | {'on' if r['checkpointing'] else 'off'} | {r['length']} | {r['tracker'] / gib:.2f} | {told} | {' | '.join(off)} |")
    lines += ["", "| published peak | setting | kind | GB | tracker | closed form |", "|---|---|---|---:|---:|---:|"]
    for r in record["published"]:
        run = ", ".join(str(v) if k == "method" else f"{k} {v}" for k, v in r["run"].items() if k not in ("optimizer", "targets", "keep_logits", "keep_gradients"))
        told = f"{r['closed_form_error']:+.1%}" if r["closed_form_error"] is not None else "–"
        lines.append(f"| {r['source'].split(',')[0].split(' at ')[0]} | {r['model']}: {run} | {r['kind']} | {r['published'] / 1e9:.2f} | {r['tracker_error']:+.1%} | {told} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small models and no published peaks; stores nothing")
    parser.add_argument("--peers", help="a folder with the peers, made by pip install --target")
    parser.add_argument("--table", action="store_true", help="print the stored results")
    options = parser.parse_args(arguments)
    if options.table:
        if not STORED.exists():
            parser.error(f"{STORED.name} is not there yet; run this without --table first")
        print(table(json.loads(STORED.read_text(encoding="utf-8"))))
        return
    if options.peers and not Path(options.peers).is_dir():
        parser.error(f"--peers {options.peers}: no such folder; make it with the pip line at the top of this file")
    peers, rows, found = load_peers(options.peers), [], []

    def store():  # after every row: a long run that is interrupted keeps what it has counted
        if not options.quick:
            results.write_json(STORED, {"date": time.strftime("%Y-%m-%d"), "versions": versions(options.peers), "summary": summary(rows, found),
                                        "rows": rows, "published": found})

    for model, name, run in settings(QUICK if options.quick else MODELS):
        rows.append(compare(model, name, run, peers))
        print(f"{model:<14} {name:<18} checkpointing {run['checkpointing']!s:<5} {run['length']:>5}  {rows[-1]['tracker'] / memory.GIB:7.2f} GiB  "
              f"{rows[-1]['source']:<7} {rows[-1]['error'] or 0:+.4%}", flush=True)
        store()
    for row in [] if options.quick else published():
        found.append(predict(row))
        print(f"{row['model']:<16} {row['published'] / 1e9:6.2f} GB {row['kind']:<9} tracker {found[-1]['tracker_error']:+.2%}  {row['run']}", flush=True)
        store()
    print(json.dumps(summary(rows, found), indent=1))


if __name__ == "__main__":
    main()
