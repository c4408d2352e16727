"""Two dated tables: how much memory graphics cards have, and the shapes of well-known models.

    CARDS["RTX 4090"].gib              → 24
    shape_config("Llama-3.1-8B")       → a LlamaConfig with that model's shapes, made without a network
    shape_config("Gemma-3-4B")         → one of OTHERS, the text part

As of November 2026. Memory: the makers' data sheets; cards sold with several sizes are listed by size.
Shapes: the config.json that each model's makers publish. Only what decides about memory is copied.
"""

from dataclasses import dataclass

AS_OF = "2026-11"


@dataclass(frozen=True)
class Card:
    """`gib`: what the card is sold with (GB on the box are GiB in the chips); `year` it came out; `bf16`: computes in it."""

    name: str
    gib: int
    year: int
    bf16: bool
    kind: str


CARDS = {card.name: card for card in (
    Card("RTX 3060", 12, 2021, True, "desktop"), Card("RTX 4060 Ti 16GB", 16, 2023, True, "desktop"),
    Card("RTX 4080", 16, 2022, True, "desktop"), Card("RTX 3090", 24, 2020, True, "desktop"),
    Card("RTX 4090", 24, 2022, True, "desktop"), Card("RTX 5090", 32, 2025, True, "desktop"),
    Card("T4", 16, 2018, False, "data centre"), Card("L4", 24, 2023, True, "data centre"),
    Card("A10G", 24, 2021, True, "data centre"), Card("L40S", 48, 2023, True, "data centre"),
    Card("A100 40GB", 40, 2020, True, "data centre"), Card("A100 80GB", 80, 2020, True, "data centre"),
    Card("H100", 80, 2022, True, "data centre"), Card("H200", 141, 2024, True, "data centre"),
    Card("B200", 180, 2025, True, "data centre"), Card("MI300X", 192, 2023, True, "data centre"),
)}

# family, hidden, ffn, layers, heads, kv heads, vocabulary, head tied to the embedding
SHAPES = {
    "SmolLM2-135M": ("llama", 576, 1536, 30, 9, 3, 49_152, True),
    "Qwen2.5-0.5B": ("qwen2", 896, 4864, 24, 14, 2, 151_936, True),
    "Llama-3.2-1B": ("llama", 2048, 8192, 16, 32, 8, 128_256, True),
    "Qwen2.5-1.5B": ("qwen2", 1536, 8960, 28, 12, 2, 151_936, True),
    "Qwen2.5-3B": ("qwen2", 2048, 11_008, 36, 16, 2, 151_936, True),
    "Llama-3.2-3B": ("llama", 3072, 8192, 28, 24, 8, 128_256, True),
    "Mistral-7B-v0.1": ("mistral", 4096, 14_336, 32, 32, 8, 32_000, False),
    "Llama-2-7B": ("llama", 4096, 11_008, 32, 32, 32, 32_000, False),
    "Mistral-7B-v0.3": ("mistral", 4096, 14_336, 32, 32, 8, 32_768, False),
    "Qwen2.5-7B": ("qwen2", 3584, 18_944, 28, 28, 4, 152_064, False),
    "Llama-3.1-8B": ("llama", 4096, 14_336, 32, 32, 8, 128_256, False),
    "Llama-2-13B": ("llama", 5120, 13_824, 40, 40, 40, 32_000, False),
    "Qwen2.5-14B": ("qwen2", 5120, 13_824, 48, 40, 8, 152_064, False),
    "Qwen2.5-32B": ("qwen2", 5120, 27_648, 64, 40, 8, 152_064, False),
    "Llama-3.1-70B": ("llama", 8192, 28_672, 80, 64, 8, 128_256, False),
}


# other architectures: transformers' name of the kind, and what differs from its defaults
OTHERS = {
    "Gemma-3-4B": ("gemma3_text", dict(hidden_size=2560, intermediate_size=10_240, num_hidden_layers=34, num_attention_heads=8,
                                       num_key_value_heads=4, head_dim=256, vocab_size=262_208, sliding_window=1024)),
    "GPT-2": ("gpt2", {}),
    "GPT-2-XL": ("gpt2", dict(n_embd=1600, n_layer=48, n_head=25)),
}


def shape_config(name: str):
    """`shape_config("Qwen2.5-7B").num_hidden_layers` → 28. Raises KeyError for a name that is in neither table."""
    from transformers import AutoConfig

    if name in OTHERS:
        kind, settings = OTHERS[name]
        return AutoConfig.for_model(kind, **settings)
    kind, hidden, ffn, layers, heads, kv_heads, vocabulary, tied = SHAPES[name]
    extra = {"sliding_window": None} if kind == "mistral" else {}
    return AutoConfig.for_model(kind, hidden_size=hidden, intermediate_size=ffn, num_hidden_layers=layers, num_attention_heads=heads,
                                num_key_value_heads=kv_heads, vocab_size=vocabulary, tie_word_embeddings=tied,
                                max_position_embeddings=131_072, **extra)
