"""SFT and DPO over several processes or machines: TRL's trainers with FSDP2, started by a launcher instead of a notebook.

    torchrun --nproc_per_node 2 -m lib.sharded --method dpo --rows pairs.jsonl --out build/dpo --steps 100
    torchrun --nproc_per_node 8 -m lib.sharded --method sft --model meta-llama/Llama-3.1-8B --rows chats.jsonl --out build/sft

Each process holds its part of every weight, gradient and optimiser state (Zhao et al. 2023, arXiv:2304.11277). `batch-size`
is what all processes read together in a step, so that the losses do not depend on how many there are; python -m lib.sharded
alone is one process. Written are the whole model (with --rank the adapter), its tokenizer and losses.json.
"""

import argparse
import os
import sys
from pathlib import Path

import datasets
import torch
import transformers
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.distributed import DistributedConfig
from trl import DPOTrainer, SFTTrainer

from lib import data, models, preference_training, results, train


def main(arguments: list[str] | None = None) -> int:
    try:
        run(read(arguments))
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    return 0


def run(wanted: argparse.Namespace) -> None:
    """Train and save; see the top of this file."""
    world = int(os.environ.get("WORLD_SIZE", 1))
    if wanted.batch_size % world:
        raise ValueError(f"--batch-size {wanted.batch_size} can't be dealt out to {world} processes: take a multiple of {world}.")
    transformers.set_seed(wanted.seed)
    train._quiet()
    datasets.disable_progress_bars()
    trainer = trainer_for(wanted, world)
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    held = sum(local(p).numel() for p in trainer.model.parameters())
    print(f"rank={trainer.args.process_index}; holds={held};\n", end="", flush=True)
    trainer.save_model(wanted.out)  # every process takes part: the whole weights are gathered from all of them
    if trainer.is_world_process_zero():
        (wanted.out / "training_args.bin").unlink()  # a pickle: nothing here reads it
        history = [{"step": h["step"], "loss": h["loss"]} for h in trainer.state.log_history if "loss" in h]
        results.write_json(wanted.out / "losses.json", {"world": world, "held": held, "history": history})


def read(arguments) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lib.sharded", description=__doc__.splitlines()[0])
    parser.add_argument("--method", choices=("sft", "dpo"), required=True)
    parser.add_argument("--model", default="tiny", help="tiny, smol, a Hub id or a folder")
    parser.add_argument("--rows", type=Path, required=True, help="JSONL: chats for sft, pairs in any format of lesson 02 for dpo")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=8, help="rows or pairs a step, over all processes")
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--rank", type=int, default=0, help="rank of a LoRA adapter; 0 trains every weight")
    parser.add_argument("--beta", type=float, default=0.1, help="of DPO")
    parser.add_argument("--float32", action="store_true", help="compute in float32 where the device would choose 16 bits: slower, for comparing runs")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def trainer_for(wanted: argparse.Namespace, world: int):
    """TRL's trainer for the method, sharded where there are several processes."""
    model, tokenizer = load(wanted.model, world), AutoTokenizer.from_pretrained(models.local_folder(wanted.model))
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token  # as in models.load
    settings = dict(max_steps=wanted.steps, per_device_train_batch_size=wanted.batch_size // world, logging_steps=1,
                    learning_rate=wanted.learning_rate, seed=wanted.seed, data_seed=wanted.seed) | ({"bf16": False, "fp16": False} if wanted.float32 else {})
    adapter = LoraConfig(r=wanted.rank, lora_alpha=2 * wanted.rank, target_modules="all-linear", task_type="CAUSAL_LM")
    shared = dict(model=model, processing_class=tokenizer, peft_config=adapter if wanted.rank else None)
    if wanted.method == "sft":
        examples = train.tokenize(data.read_chat(wanted.rows), tokenizer)
        args = train.config(wanted.out, train_sampling_strategy="random", **settings)
        return SFTTrainer(args=args, train_dataset=Dataset.from_list(examples), **shared)
    pairs = preference_training.read_pairs(wanted.rows)
    table = Dataset.from_list([{name: pair[name] for name in ("prompt", "chosen", "rejected")} for pair in pairs])
    reference = None if wanted.rank else load(wanted.model, world).requires_grad_(False)
    args = preference_training.config(wanted.out, beta=wanted.beta, **settings)
    return DPOTrainer(args=args, ref_model=reference, train_dataset=table, **shared)


def load(name: str, world: int):
    """The model with weights in float32; with several processes each reads only its part (transformers' DistributedConfig)."""
    sharding = {"distributed_config": DistributedConfig(fsdp_size=world)} if world > 1 else {}
    return AutoModelForCausalLM.from_pretrained(models.local_folder(name), dtype=torch.float32, use_safetensors=True, **sharding)


def local(weight: torch.Tensor) -> torch.Tensor:
    """The part of a weight that this process holds."""
    return weight.to_local() if hasattr(weight, "to_local") else weight


if __name__ == "__main__":
    sys.exit(main())
