"""What the training job computes, once lib.sagemaker_train has checked its settings and found its folders.

    record = train(settings, files, "data/samples/tiny-base", model_dir=Path("model"), checkpoints=Path("checkpoints"))

LoRA, QLoRA and full tuning on chat rows, DPO on pairs: TRL's trainers with the course's settings (lib.train.config).
Started by torchrun with several processes, full tuning is sharded over them (lib.sagemaker_fsdp).
"""

import json
import os
import signal
import time
from pathlib import Path

import torch
import transformers
from datasets import Dataset, disable_progress_bars
from peft import LoraConfig
from transformers import TrainerCallback
from trl import DPOTrainer

from lib import data, models, preference_training, quantize
from lib import train as lessons


def train(wanted: dict, files: list[Path], base: str, model_dir: Path, checkpoints: Path) -> dict | None:
    """Train, save into `model_dir`, and return the record for training.json; None when a warning stopped it early.

    With checkpoints of an earlier attempt in `checkpoints` it goes on from the newest complete one.
    """
    transformers.set_seed(wanted["seed"])
    lessons._quiet()
    disable_progress_bars()
    rows = read_rows(files, wanted)
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        from lib import sagemaker_fsdp

        return sagemaker_fsdp.train(wanted, rows, base, model_dir)
    model, tokenizer = load(base, wanted)
    print(f"rows={len(rows)}; method={wanted['method']}; parameters={models.parameter_count(model)[1]}", flush=True)
    trainer, longest = trainer_for(model, tokenizer, rows, wanted, checkpoints)
    trainer.remove_callback(transformers.PrinterCallback)
    drop_unfinished(checkpoints)
    checkpoint = lessons.newest_checkpoint(checkpoints)
    if checkpoint:
        print(f"resuming from {Path(checkpoint).name}", flush=True)
    started = time.perf_counter()
    with lessons.attention_for(model, longest):
        trainer.train(resume_from_checkpoint=checkpoint)
    if trainer.state.global_step < wanted["steps"]:
        print(f"stopped at step {trainer.state.global_step} after a warning; its checkpoint is written", flush=True)
        return None
    trained = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    save(trained, tokenizer, model_dir)
    return record(wanted, trained, time.perf_counter() - started, [h for h in trainer.state.log_history if "loss" in h])


def drop_unfinished(checkpoints: Path) -> None:
    """A checkpoint that was sent to S3 while it was being written may have a last file without contents: it does not count."""
    for mark in Path(checkpoints).glob("checkpoint-*/trainer_state.json"):
        try:
            json.loads(mark.read_text(encoding="utf-8"))
        except ValueError:
            mark.unlink()


def read_rows(files: list[Path], wanted: dict) -> list[dict]:
    """The rows of all files, checked: chats, or for DPO pairs in any preference format of lesson 02."""
    read = preference_training.read_pairs if wanted["method"] == "dpo" else data.read_chat
    rows = [row for file in files for row in read(file)]
    return rows[: wanted["rows"] or None]


def load(base: str, wanted: dict):
    """Model and tokenizer from the channel's folder or the Hub; in four bits, with its adapter, for QLoRA."""
    if wanted["method"] == "qlora":
        model, tokenizer = quantize.load_4bit(base)
        return quantize.float_adapter(model, lora(wanted), seed=wanted["seed"]), tokenizer
    return models.load(base)


def lora(wanted: dict) -> LoraConfig:
    return LoraConfig(r=wanted["rank"], lora_alpha=wanted["alpha"], target_modules="all-linear", task_type="CAUSAL_LM")


def trainer_for(model, tokenizer, rows, wanted: dict, checkpoints):
    """(TRL's trainer for the method, tokens of the longest row); it prints its losses and, with `save_every`, minds warnings."""
    every = wanted["save_every"]
    common = dict(max_steps=wanted["steps"], learning_rate=wanted["learning_rate"], per_device_train_batch_size=wanted["batch_size"],
                  seed=wanted["seed"], data_seed=wanted["seed"], logging_steps=max(1, min(5, wanted["steps"] // 10)),
                  save_strategy="steps" if every else "no", save_steps=every or 500, save_total_limit=2)
    shared = dict(model=model, processing_class=tokenizer, callbacks=[Reporter(), *([WarnedStop()] if every else [])],
                  peft_config=lora(wanted) if wanted["method"] in ("lora", "dpo") else None)
    if wanted["method"] != "dpo":
        examples = lessons.tokenize(rows, tokenizer, wanted["max_length"])
        longest = max(len(example["input_ids"]) for example in examples)
        args = lessons.config(checkpoints, **common)
        return lessons.LabelledTokensTrainer(args=args, train_dataset=Dataset.from_list(examples), **shared), longest
    table = Dataset.from_list([{name: row[name] for name in ("prompt", "chosen", "rejected")} for row in rows])
    args = preference_training.config(checkpoints, beta=wanted["beta"], max_length=wanted["max_length"], **common)
    return DPOTrainer(args=args, train_dataset=table, **shared), wanted["max_length"]


def save(trained, tokenizer, model_dir: Path) -> None:
    """safetensors and tokenizer; the adapter's record of its base loses the path, which exists only in this job."""
    trained.save_pretrained(model_dir)
    tokenizer.save_pretrained(model_dir)
    adapter = Path(model_dir) / "adapter_config.json"
    if adapter.is_file():
        described = json.loads(adapter.read_text(encoding="utf-8"))
        adapter.write_text(json.dumps(described | {"base_model_name_or_path": ""}, indent=1), encoding="utf-8")


def record(wanted: dict, trained, seconds: float, history: list[dict]) -> dict:
    return {"settings": wanted, "seconds": round(seconds, 2), "torch": torch.__version__, "transformers": transformers.__version__,
            "trainable": sum(p.numel() for p in trained.parameters() if p.requires_grad), "history": history}


class Reporter(TrainerCallback):
    """Prints lines such as `step=5; loss=2.31;`, which the job's metric definitions read by regular expression."""

    def on_log(self, args, state, control, logs=None, **_):
        if "loss" in (logs or {}):
            shown = {k: float(logs[k]) for k in ("loss", "learning_rate", "rewards/accuracies") if k in logs}
            print(f"step={state.global_step}; " + " ".join(f"{k}={v:.6g};" for k, v in shown.items()), flush=True)


class WarnedStop(TrainerCallback):
    """SIGTERM is the warning before a spot machine is taken away: write a checkpoint at the end of this step, and stop."""

    def __init__(self):
        self.warned = False
        signal.signal(signal.SIGTERM, self._warn)

    def _warn(self, *_):
        self.warned = True

    def on_step_end(self, args, state, control, **_):
        if self.warned:
            control.should_save = control.should_training_stop = True
