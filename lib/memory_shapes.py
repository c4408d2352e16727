"""What a model's configuration says about memory: its shapes, its parameters, and what one layer keeps.

    shape_of(config_of("Llama-3.1-8B")).numbers                    → 8030261248
    layer_bytes(shape, "full bf16", length=2048).kept              → bytes per token
    kv_cache(config, batch=1, length=8192)                         → 1073741824

The rows of MODES are counts of the tensors that transformers' Llama layers and peft keep for the backward pass.
"""

from dataclasses import dataclass
from functools import lru_cache

from lib.cards import SHAPES, shape_config

BYTES = {"bf16": 2, "fp32": 4}
FORMULA = ("llama", "mistral", "qwen2")  # architectures whose layers the formulas describe
LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class MemorySettingError(ValueError):
    """A setting that can't be counted. The message says which, and what to write instead."""


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
    """A name of lib.cards.SHAPES, "tiny" or "smol", a Hub id, a folder, or a configuration → the configuration.

    Only config.json is read, never weights. Raises MemorySettingError when there is none of that name.
    """
    if not isinstance(model, str):
        return model
    if model in SHAPES:
        return shape_config(model)
    from transformers import AutoConfig

    from lib import models

    try:
        return AutoConfig.from_pretrained(models.local_folder(model), trust_remote_code=False)
    except (OSError, ValueError, models.ModelUnavailable) as error:
        raise MemorySettingError(f"{model}: no configuration. Write one of {', '.join(SHAPES)}, a folder with config.json, or a "
                           f"Hub id (a gated one needs HF_TOKEN). The reason: {str(error)[:200]}") from error


def shape_of(config) -> Shape:
    """`shape_of(LlamaConfig())` → Shape(kind="llama", h=4096, …). Raises MemorySettingError for another architecture."""
    kind = getattr(config, "model_type", type(config).__name__)
    if kind not in FORMULA or getattr(config, "mlp_bias", False) or getattr(config, "attention_bias", False):
        raise MemorySettingError(f"{kind}: its layers are not described by the formulas ({', '.join(FORMULA)}, without extra biases)")
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


def layer_bytes(s: Shape, mode: str, length: int, attention: str = "sdpa", rank: int = 0, targets=LINEARS) -> LayerBytes:
    """`layer_bytes(shape_of(config), "full bf16", 2048).kept` → 16h + 8m + 4(q + k) + 4·heads + 8 bytes a token."""
    b = MODES[mode]
    reads = {name: size for name, (size, _) in s.linears.items() if name in targets} if rank else {}
    first = b.h * s.h // 2 + 4 + b.qk * (s.q + s.k) + 4 * s.heads  # attention half: norm, q, k, v, result, softmax sums
    second = b.h * s.h // 2 + 4 + b.m * s.m  # feed-forward half
    o_copy = b.adapter_inputs == "own" and mode != "qlora" and "o_proj" in reads  # 4-bit layers pass theirs on uncast
    if attention == "eager":  # keys and values repeated for every head, and the softmax itself: heads × length numbers
        repeated = s.k if s.kv_heads == 1 else s.q
        result = 0 if o_copy or (rank and "o_proj" not in reads) else s.q
        softmax = s.heads * length * (4 if b.compute == 4 else 6)
        first += softmax + b.compute * (s.q + 2 * repeated + result) - b.qk * (s.q + s.k) - 4 * s.heads
    inner = 4 if mode in ("lora bf16", "lora fp32") else 2  # between A and B
    for half, names in (("first", LINEARS[:4]), ("second", LINEARS[4:])):
        inputs = {name: reads[name] for name in names if name in reads and (name != "o_proj" or o_copy)}
        if b.adapter_inputs == "shared":  # one tensor feeds q, k and v; one feeds gate and up
            inputs = {{"up_proj": "gate_proj"}.get(n, "q_proj" if n in LINEARS[:3] else n): v for n, v in inputs.items()}
        more = b.each * sum(inputs.values()) + inner * rank * sum(name in reads for name in names)
        first, second = (first + more, second) if half == "first" else (first, second + more)
    extra = b.extra_h * s.h + b.extra_m * s.m + b.extra_r * rank
    if attention == "eager":  # the softmax's turn comes when the feed-forward half is gone again
        extra = max(extra, s.heads * length * (8 if b.compute == 4 else 6) - second)
    casts = 2 * s.layer_matrices if mode == "full fp32 amp" else 0
    if mode in ("lora bf16 amp", "qlora", "qlora, not prepared"):
        casts = 2 * adapter_numbers(s, rank, targets)
    return LayerBytes(first + second, b.stream * s.h, extra, casts)


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
