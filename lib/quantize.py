"""Load a model in four bits through bitsandbytes, and keep its weights what they are on a CPU.

    model, tokenizer = quantize.load_4bit("tiny")          # NF4 with double quantisation, frozen
    run = train.sft(model, tokenizer, rows, lora=config)   # QLoRA: a LoRA beside four-bit weights
"""

import copy

import bitsandbytes
import torch
from peft import get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from lib import models

BLOCK = 64  # weights that share a constant; bitsandbytes' default for loading


def load_4bit(name: str, *, quant_type: str = "nf4", double_quant: bool = True, compute_dtype=None, device=None):
    """`model, tokenizer = load_4bit("smol")`: every linear layer but the head in four bits, all frozen.

    `quant_type`: "nf4" or "fp4"; `double_quant` also stores the constants of the blocks in eight bits;
    `compute_dtype` is what the four bits are turned into for each product (default: bf16 on a GPU that
    has it, else float32). Raises ModelUnavailable as `models.load` does, and on a CPU for a layer whose rows
    the library would restore wrongly; ValueError for another `quant_type`.
    Source: Dettmers et al. 2023, QLoRA, arXiv:2305.14314, sections 3 and appendix E.
    """
    if quant_type not in ("nf4", "fp4"):
        raise ValueError(f"quant_type={quant_type!r}: choose 'nf4' or 'fp4'.")
    device = device or models.pick_device()
    dtype = models.pick_dtype(device)
    source = models.local_folder(name)
    settings = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type=quant_type, bnb_4bit_compute_dtype=compute_dtype or dtype,
                                  bnb_4bit_use_double_quant=double_quant)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(source, quantization_config=settings, dtype=dtype, device_map={"": device},
                                                     use_safetensors=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise models.ModelUnavailable(f"{name} in four bits: {error}") from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if device == "cpu":
        _refuse_straddling_blocks(model, name)
    return keep_weights(model).requires_grad_(False).eval(), tokenizer


def _refuse_straddling_blocks(model, name: str) -> None:
    # bitsandbytes 0.50.2 with AVX-512 restores a block that reaches into the next row with the wrong constant
    for layer_name, layer in four_bit_layers(model).items():
        if layer.in_features % BLOCK:
            raise models.ModelUnavailable(
                f"{name} in four bits on a CPU: {layer_name} has rows of {layer.in_features} weights, no multiple of the block of {BLOCK}; "
                "bitsandbytes 0.50 would silently restore other weights. Use a GPU, or train without four bits (models.load).")


def keep_weights(model):
    """Stop bitsandbytes 0.50 from repacking four-bit weights in place; call it before the first forward pass.

    On a CPU with AVX512-BF16 an evaluation forward rewrites the stored bytes for a faster kernel. The answers
    of that forward are right; every later gradient, and a merge, reads the rewritten bytes as if they were the
    old ones. No error is raised. tests/test_quantize.py shows both sides.
    """
    for layer in four_bit_layers(model).values():
        layer.support_avx512bf16_for_cpu = False
    return model


def float_adapter(model, lora, seed: int = 0):
    """`train.sft(float_adapter(model, config), tokenizer, rows)`: QLoRA whose adapter stays in float32.

    TRL 1.16 casts every trainable weight of a model that says `is_loaded_in_4bit` to bfloat16. The adapter is
    therefore put on first, and the flag taken away. `seed` draws the same start as `train.sft(seed=…)` does.
    """
    torch.manual_seed(seed)
    wrapped = get_peft_model(model, copy.deepcopy(lora))
    model.is_loaded_in_4bit = False
    return wrapped


def four_bit_layers(model) -> dict:
    """Name → layer of everything that is stored in four bits."""
    return {name: m for name, m in model.named_modules() if isinstance(m, bitsandbytes.nn.Linear4bit)}


def weight_bytes(model) -> int:
    """Bytes of all weights with the constants that four-bit blocks need; tied weights count once."""
    total = 0
    for parameter in model.parameters():
        total += parameter.numel() * parameter.element_size()
        state = getattr(parameter, "quant_state", None)
        while state is not None:
            total += state.absmax.numel() * state.absmax.element_size()
            total += state.code.numel() * state.code.element_size() if state.state2 is not None else 0
            state = state.state2
    return total


def dequantized(layer) -> torch.Tensor:
    """The weight (out, in) that a four-bit layer stands for."""
    return bitsandbytes.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
