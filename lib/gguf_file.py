"""Write a Llama model with a byte-level BPE tokenizer as one GGUF file, the format of llama.cpp and what is built on it.

    write(model, tokenizer, "clinic.gguf")     → Path; the weights in float32, nothing is rounded

llama.cpp reads names and layouts of its own: `blk.0.attn_q` for `layers.0.self_attn.q_proj`, and the rows of query and key
in another order (it rotates neighbours where transformers rotates halves). Both are done here; larger or other models are
better served by llama.cpp's own convert_hf_to_gguf.py.
"""

import json
import os
from pathlib import Path

import gguf
import numpy as np

NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
         "post_attention_layernorm": "ffn_norm"}
OUTSIDE = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}


def write(model, tokenizer, path) -> Path:
    """Write to a temporary name and rename. Raises ValueError for another architecture or kind of tokenizer."""
    if model.config.model_type != "llama":
        raise ValueError(f"{model.config.model_type}: only Llama models are written here. For others: llama.cpp's convert_hf_to_gguf.py.")
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    writer = gguf.GGUFWriter(partial, "llama")
    try:
        _shape(writer, model.config)
        _tokenizer(writer, tokenizer)
        for name, weight in model.state_dict().items():
            if name != "lm_head.weight" or not model.config.tie_word_embeddings:
                writer.add_tensor(tensor_name(name), layout(name, weight.float().cpu().numpy(), model.config))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()
    os.replace(partial, path)
    return path


def tensor_name(name: str) -> str:
    """`tensor_name("model.layers.3.mlp.up_proj.weight")` → "blk.3.ffn_up.weight"."""
    if name in OUTSIDE:
        return OUTSIDE[name]
    _, _, layer, *middle, kind = name.split(".")
    return f"blk.{layer}.{NAMES['.'.join(middle)]}.{kind}"


def layout(name: str, weight: np.ndarray, config) -> np.ndarray:
    """Query and key, weight (out, in) or bias (out,): within each head from halves (0, 1, …) to neighbours (0, half, 1, …)."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(name.split(".")[-2])
    if heads is None:
        return weight
    rest = weight.shape[1:]
    return np.ascontiguousarray(weight.reshape(heads, 2, -1, *rest).swapaxes(1, 2).reshape(weight.shape))


def _shape(writer, config) -> None:
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def _tokenizer(writer, tokenizer) -> None:
    file = json.loads(tokenizer.backend_tokenizer.to_str())
    if file["model"]["type"] != "BPE":
        raise ValueError(f"a {file['model']['type']} tokenizer: only byte-level BPE is written here.")
    special = {row["id"] for row in file["added_tokens"]}
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    writer.add_tokenizer_model("gpt2")  # llama.cpp's name for byte-level BPE
    writer.add_tokenizer_pre("smollm")  # digits one by one, then the cut of GPT-2: what `tiny`, SmolLM2 and lesson 12 use
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if i in special else gguf.TokenType.NORMAL for i in range(len(tokens))])
    merges = file["model"]["merges"]
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)  # the chat template writes it
    writer.add_chat_template(tokenizer.chat_template)
