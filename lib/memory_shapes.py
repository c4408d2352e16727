"""What a model's configuration says about memory: its shapes, its parameters, and what one layer keeps.

    shape_of(config_of("Llama-3.1-8B")).numbers                    → 8030261248
    layer_bytes(shape, "full bf16").kept                           → bytes per token
    kv_cache(config, batch=1, length=8192)                         → 1073741824

The rows of MODES are counts of the tensors that transformers' Llama layers and peft keep for the backward pass.
"""

from dataclasses import dataclass
from functools import lru_cache

from lib.cards import OTHERS, SHAPES, shape_config

BYTES = {"bf16": 2, "fp32": 4}
FORMULA = ("llama", "mistral", "qwen2")  # architectures whose layers the formulas describe
TRACKED_METHODS, TRACKED_OPTIMIZERS = ("full", "lora", "qlora", "dpo", "simpo"), ("adamw_fused", "adamw_foreach")  # what lib.memory_tracker runs
LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class MemorySettingError(ValueError):
    """A setting that can't be counted. The message says which, and what to write instead."""


class NoFormula(MemorySettingError):
    """No formula describes this; lib.memory_tracker can run it instead."""


@dataclass(frozen=True)
class Shape:
    """What of a configuration decides about memory. All counts are numbers, not bytes."""

    kind: str
    h: int
    m: int
    layers: int
    heads: int
    kv_heads: int
    d: int
    vocab: int
    tied: bool
    biases: int

    @property
    def q(self) -> int:
        return self.heads * self.d

    @property
    def k(self) -> int:
        return self.kv_heads * self.d

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """Name → (in, out) of the matrices of one layer."""
        h, m, q, k = self.h, self.m, self.q, self.k
        return dict(zip(LINEARS, ((h, q), (h, k), (h, k), (q, h), (h, m), (h, m), (m, h)), strict=True))

    @property
    def layer_matrices(self) -> int:
        return sum(a * b for a, b in self.linears.values())

    @property
    def layer(self) -> int:
        return self.layer_matrices + 2 * self.h + self.biases

    @property
    def embedding(self) -> int:
        return self.vocab * self.h

    @property
    def numbers(self) -> int:
        """All parameters."""
        return self.layers * self.layer + self.h + self.embedding * (1 if self.tied else 2)


def config_of(model):
    """A name of lib.cards.SHAPES or OTHERS, "tiny", "smol", a Hub id, a folder, or a configuration → the configuration.

    Only config.json is read, never weights. Raises MemorySettingError when there is none of that name.
    """
    if not isinstance(model, str):
        if not hasattr(model, "get_text_config"):
            raise MemorySettingError(f"{model!r}: write a model's name, or give a configuration of transformers")
        return model
    if model in SHAPES or model in OTHERS:
        return shape_config(model)
    from transformers import AutoConfig

    from lib import models

    try:
        return AutoConfig.from_pretrained(models.local_folder(model), trust_remote_code=False)
    except (OSError, ValueError, models.ModelUnavailable) as error:
        raise MemorySettingError(f"{model}: no configuration. Write one of {', '.join([*SHAPES, *OTHERS])}, a folder with config.json, or a "
                           f"Hub id (a gated one needs HF_TOKEN). The reason: {str(error)[:200]}") from error


def shape_of(config) -> Shape:
    """`shape_of(LlamaConfig())` → Shape(kind="llama", h=4096, …). Raises NoFormula for another architecture."""
    kind = getattr(config, "model_type", type(config).__name__)
    if kind not in FORMULA or getattr(config, "mlp_bias", False) or getattr(config, "attention_bias", False):
        raise NoFormula(f"{kind}: its layers are not described by the formulas ({', '.join(FORMULA)}, without extra biases)")
    heads = config.num_attention_heads
    d = getattr(config, "head_dim", None) or config.hidden_size // heads
    kv_heads = config.num_key_value_heads or heads
    return Shape(kind, config.hidden_size, config.intermediate_size, config.num_hidden_layers, heads, kv_heads, d,
                 config.vocab_size, bool(config.tie_word_embeddings), d * (heads + 2 * kv_heads) if kind == "qwen2" else 0)


# ------------------------------------------------------------------------------------- one layer, per token
@dataclass(frozen=True)
class Mode:
    """What one layer keeps for its backward pass, in bytes per token: h·width + m·ffn + qk·(q + k) + 4·heads + 8.

    `stream`: bytes of a number that runs from layer to layer; `compute`: bytes of a number inside it. `extra_*`:
    what the backward pass through the layer needs on top. `adapter_inputs`: LoRA keeps its input once for each
    module ("own", because a cast made a copy) or once for all modules that read it ("shared").
    """

    stream: int
    compute: int
    h: int
    m: int
    qk: int
    extra_h: int
    extra_m: int
    extra_r: int = 0
    adapter_inputs: str = ""
    each: int = 0


MODES = {  # every row is compared with PyTorch's own count in tests/test_memory.py
    "full bf16": Mode(2, 2, 16, 8, 4, 2, 4),
    "full fp32": Mode(4, 4, 24, 16, 8, 0, 8),
    "full fp32 amp": Mode(4, 2, 26, 8, 4, 0, 4),
    "lora bf16": Mode(2, 2, 8, 6, 4, 12, 4, -4, "own", 4),  # peft makes the adapters fp32, and their inputs with them
    "lora bf16 amp": Mode(2, 2, 8, 6, 4, 10, 6, 0, "own", 2),
    "lora bf16, bf16 adapters": Mode(2, 2, 8, 6, 4, 2, 4, -2, "shared", 2),
    "lora fp32": Mode(4, 4, 8, 12, 8, 0, 8, -4, "shared", 4),
    "qlora": Mode(4, 2, 8, 12, 4, 0, 10, -2, "own", 2),
    "qlora, not prepared": Mode(2, 2, 8, 6, 4, 2, 4, -2, "shared", 2),
}


@dataclass(frozen=True)
class LayerBytes:
    """Per token: `kept` for the backward pass, the `checkpoint` alone, and `extra` during the backward pass.
    `casts`: autocast's 16-bit copies of weights, which do not depend on the tokens."""

    kept: int
    checkpoint: int
    extra: int
    casts: int


def layer_bytes(s: Shape, mode: str, rank: int = 0, targets=LINEARS) -> LayerBytes:
    """`layer_bytes(shape_of(config), "full bf16").kept` → 16h + 8m + 4(q + k) + 4·heads + 8 bytes a token.

    For attention that never stores its matrix (sdpa, flash).
    """
    b = MODES[mode]
    reads = {name: size for name, (size, _) in s.linears.items() if name in targets} if rank else {}
    kept = b.h * s.h + 8 + b.m * s.m + b.qk * (s.q + s.k) + 4 * s.heads
    inputs = {name: size for name, size in reads.items() if name != "o_proj" or (b.adapter_inputs == "own" and mode != "qlora")}
    if b.adapter_inputs == "shared":  # one tensor feeds q, k and v; one feeds gate and up
        inputs = {{"up_proj": "gate_proj"}.get(n, "q_proj" if n in LINEARS[:3] else n): v for n, v in inputs.items()}
    inner = 4 if mode in ("lora bf16", "lora fp32") else 2  # between A and B
    kept += b.each * sum(inputs.values()) + inner * rank * len(reads)
    casts = 2 * s.layer_matrices if mode == "full fp32 amp" else 0
    if mode in ("lora bf16 amp", "qlora", "qlora, not prepared"):
        casts = 2 * adapter_numbers(s, rank, targets)
    return LayerBytes(kept, b.stream * s.h, b.extra_h * s.h + b.extra_m * s.m + b.extra_r * rank, casts)


def adapter_numbers(s: Shape, rank: int, targets=LINEARS) -> int:
    """LoRA numbers of one layer: r·(in + out) for each target."""
    return sum(rank * (a + b) for name, (a, b) in s.linears.items() if name in targets)


# ------------------------------------------------------------------------------------ any architecture
def shape_name(config) -> str:
    """A configuration without a name → `llama 2 × 128`."""
    return getattr(config, "_name_or_path", "") or f"{config.model_type} {config.num_hidden_layers} × {config.hidden_size}"


@lru_cache(maxsize=32)
def _count(kind: str, text: str) -> int:
    import json

    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    settings = json.loads(text)
    settings.pop("model_type", None)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **settings)).num_parameters()


def parameter_count(config) -> int:
    """`parameter_count(LlamaConfig())` → 6738415616, by building the model without contents. Any architecture."""
    return _count(config.model_type, config.to_json_string(use_diff=False))


def kv_cache(config, batch: int, length: int, each: int = 2) -> int:
    """`kv_cache(shape_config("Llama-3.1-8B"), 1, 8192)` → 1073741824: 2·layers·kv heads·head size·tokens·2 B.

    A layer with a sliding window W keeps at most W − 1 tokens (once the prompt's own tensors are freed).
    """
    text = config.get_text_config()
    heads = text.num_attention_heads
    width = (getattr(text, "num_key_value_heads", None) or heads) * (getattr(text, "head_dim", None) or text.hidden_size // heads)
    window = getattr(text, "sliding_window", None)
    kinds = getattr(text, "layer_types", None) or ["sliding_attention" if window else "full_attention"] * text.num_hidden_layers
    tokens = sum(min(length, window - 1) if kind == "sliding_attention" and window else length for kind in kinds)
    return 2 * batch * width * tokens * each
