"""Lesson 12 as a reader runs it (its cells are read out of the notebook) and the modules it stands on."""

import gzip
import json
import lzma
import math
import random
import re
import time
from collections import Counter, defaultdict
from pathlib import Path

import gguf
import nbformat
import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers import models as tokenizer_models
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from lib import checks, checks_scratch, data, engines, evaluate, gguf_file, models, train, vocabularies
from tools import build_clinic, clinic_content_en, train_tiny

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "12_from_scratch.ipynb"
CELLS = {c["id"]: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}
ROWS = data.sample("shorthand", "train", "en")
NOTES = [turn["content"] for row in ROWS[:200] for turn in row["messages"]]


def taught(*cell_ids, **given) -> dict:
    """Run cells of the lesson, in this order, up to their last definition, and return their names."""
    namespace = {"torch": torch, "np": np, "math": math, "json": json, "gzip": gzip, "lzma": lzma, "random": random, "time": time,
                 "Counter": Counter, "defaultdict": defaultdict, "Tokenizer": Tokenizer, "decoders": decoders, "trainers": trainers,
                 "pre_tokenizers": pre_tokenizers, "tokenizer_models": tokenizer_models, "LlamaConfig": LlamaConfig, "GPT2Config": GPT2Config,
                 "LlamaForCausalLM": LlamaForCausalLM, "AutoModelForCausalLM": AutoModelForCausalLM, "data": data, "evaluate": evaluate,
                 "PreTrainedTokenizerFast": PreTrainedTokenizerFast, "models": models, "train": train, "train_tiny": train_tiny,
                 "build_clinic": build_clinic, "clinic_content_en": clinic_content_en, "WIDTH": 32, "SWEEP_MODEL": "tiny", **given}
    for cell_id in cell_ids:
        exec(compile(re.sub(r"^print\(.*\Z", "", CELLS[cell_id], flags=re.MULTILINE | re.DOTALL), cell_id, "exec"), namespace)
    return namespace


@pytest.fixture(scope="module")
def own():
    """The lesson's functions, with a small tokenizer and model of one's own."""
    found = taught("bpe-join", "bpe-encode", "own-tokenizer", "shape", "count", "ngram", "optimisers", "cosine", "loop", "new-model", "contestants")
    found["clinic"] = found["new_tokenizer"](NOTES, 600)
    return found


# ---------------------------------------------------------------------------------------------------- tokenizers
@pytest.mark.parametrize("count", [0, 3, 8, 40])
def test_bpe_by_hand_is_the_librarys(own, count):
    words = re.findall(r"\w+", " ".join(NOTES[:20]))
    learn = taught("bpe-join", "bpe-train")["learn_merges"]
    merges = learn(words, count)
    letters = sorted({letter for word in words for letter in word})
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys([*letters, *(a + b for a, b in merges)]))}
    library = Tokenizer(tokenizer_models.BPE(vocab=vocabulary, merges=merges))
    for word in words:
        assert own["encode_by_hand"](word, merges) == library.encode(word).tokens


def test_bpe_by_hand_learns_what_the_library_learns():
    """The same pieces, whatever the order of ties: the trainer of `tokenizers` on the same words."""
    words = ["HTN"] * 9 + ["HTNDM"] * 6 + ["CKD"] * 4 + ["CAD"] * 3
    merges = taught("bpe-join", "bpe-train")["learn_merges"](words, 5)
    library = Tokenizer(tokenizer_models.BPE())
    library.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    letters = len({letter for word in words for letter in word})
    library.train_from_iterator([" ".join(words)], trainers.BpeTrainer(vocab_size=letters + 5, show_progress=False))
    assert {a + b for a, b in merges} == {piece for piece in library.get_vocab() if len(piece) > 1}


def test_no_text_is_lost_by_the_own_tokenizer(own):
    for text in ("кардиомиопатия 🫀 naïve\n\t  x", "HTN-DM-CKD, f/u 2w", "\x00\xff"):
        assert own["clinic"].decode(own["clinic"](text)["input_ids"]) == text


def test_ranks_are_merged_as_the_library_merges(own):
    """lib.vocabularies encodes by ranks: with the own tokenizer's merges it must give the own tokenizer's pieces."""
    file = json.loads(own["clinic"].backend_tokenizer.to_str())
    ranks = {"".join(pair): i for i, pair in enumerate(file["model"]["merges"])}
    for word in ("hypertension", "HTN", "follow", "infarction", "zzz"):
        assert vocabularies.merge(list(word), ranks) == own["clinic"].tokenize(word)


def test_a_missing_vocabulary_says_what_to_run(monkeypatch, tmp_path):
    monkeypatch.setattr(vocabularies, "FOLDER", tmp_path / "none")
    with pytest.raises(models.ModelUnavailable, match="python -m lib.vocabularies"):
        vocabularies.load("qwen")
    assert vocabularies.load("tiny").pieces("HTN-DM-CKD") == list("HTN-DM-CKD")


def test_new_rows_begin_as_the_mean_of_their_pieces():
    model, tokenizer = taught("add")["with_tokens"]("mean of its pieces")
    base, old = models.load("tiny")
    table, wanted = model.get_input_embeddings().weight, base.get_input_embeddings().weight[old("HTN", add_special_tokens=False)["input_ids"]].mean(0)
    assert torch.allclose(table[tokenizer.convert_tokens_to_ids("HTN")], wanted) and torch.equal(table[: len(old)], base.get_input_embeddings().weight)
    assert tokenizer.tokenize("HTN-DM") == ["HTN", "-", "DM"]


# ---------------------------------------------------------------------------------------------------- counting
def test_the_guides_model_has_the_figures_of_its_formula(own):
    shape = GPT2Config(vocab_size=50_000, n_positions=2048, n_embd=1024, n_layer=16, n_head=16)
    by_hand = 50_000 * 1024 + 2048 * 1024 + 16 * (12 * 1024**2 + 13 * 1024) + 2 * 1024
    assert own["count"](shape) == by_hand == 254_838_784


def test_counted_on_the_meta_device_is_what_is_built(own):
    shape = own["new_shape"](own["clinic"], 64)
    assert own["count"](shape) == sum(p.numel() for p in LlamaForCausalLM(shape).parameters())


def test_ngrams_are_probabilities_and_longer_contexts_help(own):
    ngram = own["ngram_nats"]
    training, held = [[1, 2, 3, 1, 2, 4, 1, 2, 3]] * 3, [[1, 2, 3, 1, 2, 3]]
    assert ngram(training, held, 3, 6) < ngram(training, held, 2, 6) < ngram(training, held, 1, 6)
    each = [math.exp(-ngram(training, [[1, 2, token]], 2, 6) * 2 + ngram(training, [[1, 2]], 2, 6)) for token in range(6)]
    assert sum(each) == pytest.approx(1.0)  # p(token | 2) over the whole vocabulary
    assert ngram([[0, 1]], [[0, 5]], 1, 6) == pytest.approx(-math.log((0 + 2 / 6) / 4))  # never seen: 2 kinds · 1/6 over 2 + 2


# ---------------------------------------------------------------------------------------------------- the loop
def test_the_loop_gives_the_trainers_losses(own, tmp_path):
    found = taught("trainer", RUN=tmp_path)
    ids = torch.randint(4, 260, (4, 16, 24), generator=torch.Generator().manual_seed(0))
    batches = [(block, block) for block in ids]
    theirs = found["trainer_losses"](own["new_model"](own["clinic"]), batches)
    model = own["new_model"](own["clinic"])
    adamw = torch.optim.AdamW(model.parameters(), lr=1.0e-3, betas=(0.9, 0.95), weight_decay=0.0)
    ours = own["pretrain"](model, batches, 4, [adamw], clip=math.inf, schedule=lambda step, steps: 1.0)
    assert ours == pytest.approx(theirs, rel=1e-4)


def test_the_loss_of_the_loop_is_the_librarys_over_labelled_tokens(own):
    model, examples = own["new_model"](own["clinic"]), train.tokenize(ROWS[:8], own["clinic"])
    ids, mask, labels = evaluate.pad(examples, own["clinic"].pad_token_id)
    with torch.no_grad():
        wanted = model(input_ids=ids, attention_mask=mask, labels=labels).loss.item()
    assert own["pretrain"](model, [(ids, labels)], 1, own["muon_and_adamw"](model))[0] == pytest.approx(wanted, rel=1e-5)


def test_every_parameter_is_trained_once(own):
    model = own["new_model"](own["clinic"])
    held = [id(p) for optimizer in own["muon_and_adamw"](model) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters())


def test_row_batches_visit_every_row(own):
    examples = [{"input_ids": [i, i], "labels": [-100, i]} for i in range(4, 15)]
    batches = own["row_batches"](examples, own["clinic"], batch=4)
    seen = [int(row[0]) for _ in range(3) for row in next(batches)[0]]
    assert sorted(seen) == list(range(4, 15))


def test_made_notes_are_like_the_samples():
    make = taught("notes")["make_note"]
    rows = [make(random.Random(seed)) for seed in range(300)]
    assert {row["group"].count("-") for row in rows} == {0, 1, 2, 3}
    asked = {data.question(row)[-1]["content"].split(":")[0].split("?")[0] for row in rows}
    assert asked <= {data.question(row)[-1]["content"].split(":")[0].split("?")[0] for row in ROWS}
    known = {data.question(row)[-1]["content"]: data.target(row) for row in ROWS}
    both = [row for row in rows if data.question(row)[-1]["content"] in known]
    assert all(known[data.question(row)[-1]["content"]] == data.target(row) for row in both)


# ---------------------------------------------------------------------------------------------------- export
def test_query_and_key_are_laid_out_for_llama_cpp():
    """llama.cpp rotates (0, 1), (2, 3), …; transformers rotates (0, half), (1, half + 1), …"""
    config = LlamaConfig(num_attention_heads=2, num_key_value_heads=1, hidden_size=8)
    weight = np.arange(8.0)[:, None]  # 2 heads of 4 rows
    assert gguf_file.layout("model.layers.0.self_attn.q_proj.weight", weight, config)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    assert gguf_file.layout("model.layers.0.self_attn.v_proj.weight", weight, config) is weight


def test_a_gguf_file_holds_every_weight_and_the_tokenizer(own, tmp_path):
    model = own["new_model"](own["clinic"])
    path = gguf_file.write(model, own["clinic"], tmp_path / "own.gguf")
    file = gguf.GGUFReader(path)
    assert sum(int(np.prod(t.shape)) for t in file.tensors) == model.num_parameters()
    tensors = {t.name: t.data for t in file.tensors}
    assert np.array_equal(tensors["token_embd.weight"], model.model.embed_tokens.weight.detach().numpy())
    assert file.fields["tokenizer.ggml.tokens"].contents()[:4] == ["<|pad|>", "<|bos|>", "<|im_start|>", "<|im_end|>"]
    assert [p.name for p in tmp_path.iterdir()] == ["own.gguf"]


def test_another_architecture_is_refused(own, tmp_path):
    with torch.device("meta"):
        other = AutoModelForCausalLM.from_config(GPT2Config(n_layer=1, n_embd=8, n_head=1))
    with pytest.raises(ValueError, match="convert_hf_to_gguf"):
        gguf_file.write(other, own["clinic"], tmp_path / "x.gguf")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("engine", sorted(engines.WHEELS))
def test_an_engine_says_the_same_or_what_to_install(engine, tmp_path, monkeypatch):
    if engines.missing(engine):
        with pytest.raises(RuntimeError, match="python -m lib.engines"):
            engines.answers(engine, models.TINY, ["x"], 4)
        return
    model, tokenizer = models.load("tiny")
    questions = ["What is the capital of France?", "Сколько будет 2 + 3?"]
    prompts = [tokenizer.apply_chat_template([{"role": "user", "content": q}], tokenize=False, add_generation_prompt=True) for q in questions]
    source = gguf_file.write(model, tokenizer, tmp_path / "tiny.gguf") if engine == "llama.cpp" else models.TINY
    assert [text.strip() for text in engines.answers(engine, source, prompts, 16).texts] == evaluate.answer(model, tokenizer, questions, 16)


# ---------------------------------------------------------------------------------------------------- exercises
@pytest.mark.parametrize("check, wrong, words", [
    (checks_scratch.best_pair, lambda words: max(Counter(p for w in words for p in zip(w, w[1:], strict=False)).items(), key=lambda x: (x[1], x[0]))[0], "first in the alphabet"),
    (checks_scratch.best_pair, lambda words: Counter(p for w in [sum(words, [])] for p in zip(w, w[1:], strict=False)).most_common(1)[0][0], "from word to word"),
    (checks_scratch.bits_of, lambda nats, tokens, size: nats * tokens / size, "nats"),
    (checks_scratch.bits_of, lambda nats, tokens, size: nats / math.log(2), "per token"),
    (checks_scratch.llama_parameters, lambda v, w, i, n: 2 * v * w + n * (4 * w * w + 3 * w * i + 2 * w) + w, "tied"),
    (checks_scratch.llama_parameters, lambda v, w, i, n: v * w + n * (4 * w * w + 2 * w * i + 2 * w) + w, "three matrices"),
])
def test_typical_mistakes_get_a_teaching_message(check, wrong, words):
    with pytest.raises(checks.WrongAnswer, match=words):
        check(wrong)
