"""What a training step really takes on a GPU, beside the prediction of lib.memory.

    python benchmarks/gpu_memory.py --list                     the cases and their predictions; needs no GPU
    python benchmarks/gpu_memory.py                            measures every case that the card should hold
    python benchmarks/gpu_memory.py --only Llama-3.2-1B-lora   those whose name begins so

Every case runs in a process of its own: a model with the real shapes and random weights (nothing is downloaded), a
warm-up step and two more, of which the last is reported. Three numbers come from PyTorch's allocator: what tensors
asked for (which is what lib.memory predicts), what was allocated in blocks of 512 bytes, and what was reserved from
the driver; a fourth is what the process holds outside it, the CUDA context. Writes benchmarks/results/gpu_memory.json.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch  # noqa: E402

from lib import memory, results  # noqa: E402

STORED = Path(__file__).resolve().parent / "results" / "gpu_memory.json"
MODELS, LENGTHS, STEPS = ("Llama-3.2-1B", "Llama-3.1-8B"), (512, 2048, 8192), 3
KINDS = {  # the arguments of lib.memory.estimate
    "full": {}, "full-foreach": {"optimizer": "adamw_foreach"}, "amp": {"dtype": "fp32", "amp": True}, "lora": {"method": "lora"},
    "lora-amp": {"method": "lora", "amp": True}, "qlora": {"method": "qlora"}}


def cases() -> dict[str, tuple[str, dict]]:
    """Name → (model, arguments of lib.memory.estimate)."""
    return {f"{model}-{kind}-{'checkpoints' if checkpointing else 'everything'}-{length}":
            (model, {"method": "full", **run, "checkpointing": checkpointing, "length": length})
            for model in MODELS for kind, run in KINDS.items() for checkpointing in (True, False) for length in LENGTHS}


def build(config, device: str, method: str = "full", dtype: str = "bf16", amp: bool = False, optimizer: str = "adamw_fused",
          checkpointing: bool = True, length: int = 512):
    """→ (a function that takes one training step, the model). The arguments are those of lib.memory.estimate."""
    from transformers import AutoModelForCausalLM

    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype={"bf16": torch.bfloat16, "fp32": torch.float32}[dtype], attn_implementation="sdpa")
    if method != "full":
        from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

        if method == "qlora":
            model = prepare_model_for_kbit_training(pack(model), use_gradient_checkpointing=False)
        model = get_peft_model(model.requires_grad_(False), LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    if checkpointing:
        model.enable_input_require_grads() if method != "full" else None
        model.activation_checkpointing_enable({"use_reentrant": False})
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    stepper = torch.optim.AdamW(trained, fused=optimizer == "adamw_fused", foreach=optimizer == "adamw_foreach")
    ids = torch.randint(0, config.vocab_size, (1, length), device=device)

    def step() -> None:
        with torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=amp or method == "qlora"):
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        stepper.step()
        stepper.zero_grad(set_to_none=True)

    return step, model


def pack(model):
    """Every linear layer but the head in NF4 with quantised constants, one after the other."""
    import bitsandbytes as bnb

    for parent in list(model.modules()):
        for name, old in list(parent.named_children()):
            if isinstance(old, torch.nn.Linear) and old is not model.get_output_embeddings():
                new = bnb.nn.Linear4bit(old.in_features, old.out_features, bias=old.bias is not None, compute_dtype=torch.bfloat16,
                                        compress_statistics=True, quant_type="nf4", device="meta")
                device = old.weight.device
                new.weight = bnb.nn.Params4bit(old.weight.data.cpu(), requires_grad=False, compress_statistics=True, quant_type="nf4", module=new).to(device)
                new.bias = old.bias
                setattr(parent, name, new)
    model.is_loaded_in_4bit = True  # peft asks for it
    return model


def measure(name: str) -> dict:
    """Runs in a process of its own: the allocator's peaks over the last step, in bytes."""
    model, run = cases()[name]
    step, _ = build(memory.config_of(model), "cuda", **run)
    for _ in range(STEPS):
        torch.cuda.reset_peak_memory_stats()
        step()
        torch.cuda.synchronize()
    stats = torch.cuda.memory_stats()
    free, total = torch.cuda.mem_get_info()
    return {"requested": stats["requested_bytes.all.peak"], "allocated": stats["allocated_bytes.all.peak"],
            "reserved": stats["reserved_bytes.all.peak"], "outside_the_allocator": total - free - stats["reserved_bytes.all.current"]}


def measured_elsewhere(name: str) -> dict:
    """`measure` in a fresh process; {"failed": why} when it does not return."""
    try:
        done = subprocess.run([sys.executable, __file__, "--case", name], capture_output=True, text=True, timeout=900)
    except subprocess.TimeoutExpired:
        return {"failed": "took over 15 minutes"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no message"])[-1][:300]}
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true", help="print the cases with their predictions and stop")
    parser.add_argument("--only", default="", help="measure the cases whose name begins so")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    chosen = {name: case for name, case in cases().items() if name.startswith(options.only)}
    if not chosen:
        parser.error(f"--only {options.only}: no case begins so; see --list")
    predicted = {name: memory.estimate(model, **run) for name, (model, run) in chosen.items()}
    if options.list:
        for name, need in predicted.items():
            print(f"{name:<46} {need.peak / memory.GIB:7.2f} GiB  {need.binding}")
        print(len(predicted), "cases")
        return
    if not torch.cuda.is_available():
        parser.exit(2, "No CUDA device here: nothing was measured. --list shows the cases; run this on a machine with an NVIDIA GPU.\n")
    if options.case:
        print(json.dumps(measure(options.case)))
        return
    card, rows = torch.cuda.get_device_properties(0), []
    for name, need in predicted.items():
        fits = need.peak < card.total_memory - memory.CONTEXT_GIB * memory.GIB
        seen = measured_elsewhere(name) if fits else {"failed": "not tried: the prediction is more than the card has"}
        rows.append({"case": name, "predicted": need.peak, "binding": need.binding, **seen})
        if "requested" in seen:
            rows[-1]["error"] = need.peak / seen["requested"] - 1
        print(f"{name:<46} predicted {need.peak / memory.GIB:7.2f} GiB  {seen}", flush=True)
        record = {"date": time.strftime("%Y-%m-%d"), "card": card.name, "card_bytes": card.total_memory, "cuda": torch.version.cuda,
                  "versions": {name: metadata.version(name) for name in ("torch", "transformers", "peft", "bitsandbytes")}, "rows": rows}
        results.write_json(STORED, record)  # after every case: what was measured stays
    errors = [abs(row["error"]) for row in rows if "error" in row]
    print(f"{len(errors)} of {len(rows)} cases measured" + (f"; the prediction is off by at most {max(errors):.2%} of what tensors asked for" if errors else ""))


if __name__ == "__main__":
    main()
