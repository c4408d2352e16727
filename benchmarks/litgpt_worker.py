"""The litgpt side of peft_speed.py: runs in litgpt's own environment, knows nothing of the course.

    build/litgpt_env/bin/python benchmarks/litgpt_worker.py FOLDER rows.json bf16-mixed 8 8

Arguments: a folder of SmolLM2-135M-Instruct with safetensors, tokenised rows, the precision, steps, rows a step. Prints one JSON line with
the moments after every step, the losses and the number of trained parameters. A step is what `litgpt finetune_lora` does
in one: forward with the head in chunks, chunked cross-entropy, backward, AdamW.
"""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import lightning
import litgpt.lora
import torch
from litgpt.scripts.convert_hf_checkpoint import convert_hf_checkpoint
from litgpt.utils import chunked_cross_entropy

RANK, ALPHA = 16, 32


def batches(rows, size: int):
    """input_ids and targets, each (B, T), padded on the right; -100 is not scored."""
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        longest = max(len(r["input_ids"]) for r in some)
        yield (torch.tensor([r["input_ids"] + [0] * (longest - len(r["input_ids"])) for r in some]),
               torch.tensor([r["labels"] + [-100] * (longest - len(r["labels"])) for r in some]))


def main(folder: str, rows_file: str, precision: str, steps: int, size: int) -> None:
    rows = json.loads(Path(rows_file).read_text(encoding="utf-8"))[: steps * size]
    with tempfile.TemporaryDirectory() as scratch:
        copied = Path(scratch, "SmolLM2-135M-Instruct")
        shutil.copytree(Path(folder).resolve(), copied)
        convert_hf_checkpoint(copied, model_name="SmolLM2-135M-Instruct")
        weights = torch.load(copied / "lit_model.pth", weights_only=True)
    fabric = lightning.Fabric(devices=1, accelerator="cpu", precision=precision)
    linear = {f"lora_{part}": True for part in ("query", "key", "value", "projection", "mlp")}
    config = litgpt.lora.Config.from_name("SmolLM2-135M-Instruct", lora_r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, **linear)
    with fabric.init_module(empty_init=False):
        model = litgpt.lora.GPT(config)
    litgpt.lora.mark_only_lora_as_trainable(model)
    model.load_state_dict(weights, strict=False)
    trained = [p for p in model.parameters() if p.requires_grad]
    model = fabric.setup_module(model)
    optimizer = fabric.setup_optimizers(torch.optim.AdamW(trained, lr=1e-4))
    model.train()
    times, losses = [time.perf_counter()], []
    for input_ids, targets in batches(rows, size):
        logits = model(input_ids, lm_head_chunk_size=128)
        logits[-1] = logits[-1][..., :-1, :]
        loss = chunked_cross_entropy(logits, targets[..., 1:])
        fabric.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        times.append(time.perf_counter())
    print(json.dumps({"times": times, "losses": losses, "trained": sum(p.numel() for p in trained),
                      "torch": torch.__version__, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
