"""The litgpt side of pretraining_speed.py: runs in litgpt's own environment, knows nothing of the course.

    build/litgpt_env/bin/python benchmarks/litgpt_pretrain_worker.py FOLDER 1e-3 0.9 0.95 1.0

Arguments: a folder with a small Llama (config.json, model.safetensors) and blocks.json, then rate, two betas and the clip of AdamW. Prints one
JSON line with the moments after every step and the losses. A step is what `litgpt pretrain` does in one: forward,
chunked cross-entropy, backward, clip, AdamW.
"""

import json
import sys
import time
from pathlib import Path

import lightning
import torch
from litgpt import GPT, Config
from litgpt.scripts.convert_hf_checkpoint import copy_weights_hf_llama
from litgpt.utils import chunked_cross_entropy
from safetensors.torch import load_file


def as_litgpt(shape: dict) -> Config:
    heads = shape["num_attention_heads"]
    base = shape.get("rope_parameters", {}).get("rope_theta") or shape.get("rope_theta", 10_000)
    return Config(name="small", block_size=shape["max_position_embeddings"], vocab_size=shape["vocab_size"], padded_vocab_size=shape["vocab_size"],
                  n_layer=shape["num_hidden_layers"], n_head=heads, n_embd=shape["hidden_size"], n_query_groups=shape["num_key_value_heads"],
                  head_size=shape.get("head_dim") or shape["hidden_size"] // heads, rotary_percentage=1.0, parallel_residual=False, bias=False,
                  norm_class_name="RMSNorm", norm_eps=shape["rms_norm_eps"], mlp_class_name="LLaMAMLP", intermediate_size=shape["intermediate_size"],
                  rope_base=int(base))


def main(folder: str, rate: float, betas: tuple[float, float], clip: float) -> None:
    shape = json.loads(Path(folder, "config.json").read_text(encoding="utf-8"))
    blocks = torch.tensor(json.loads(Path(folder, "blocks.json").read_text(encoding="utf-8")))  # (steps, B, T)
    config, weights = as_litgpt(shape), {}
    copy_weights_hf_llama(config, {}, weights, load_file(Path(folder, "model.safetensors")))
    fabric = lightning.Fabric(devices=1, accelerator="cpu", precision="32-true")
    model = GPT(config)
    if "lm_head.weight" not in weights:
        weights["lm_head.weight"] = weights["transformer.wte.weight"]
    model.load_state_dict(weights)
    if shape["tie_word_embeddings"]:
        model.lm_head.weight = model.transformer.wte.weight
    model.max_seq_length = blocks.shape[-1]
    model = fabric.setup_module(model)
    optimizer = fabric.setup_optimizers(torch.optim.AdamW(model.parameters(), lr=rate, betas=betas, weight_decay=0.0))
    model.train()
    times, losses = [time.perf_counter()], []
    for block in blocks:
        loss = chunked_cross_entropy(model(block[:, :-1].contiguous()), block[:, 1:].contiguous())
        fabric.backward(loss)
        fabric.clip_gradients(model, optimizer, max_norm=clip)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        times.append(time.perf_counter())
    print(json.dumps({"times": times, "losses": losses, "torch": torch.__version__, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), (float(sys.argv[3]), float(sys.argv[4])), float(sys.argv[5]))
