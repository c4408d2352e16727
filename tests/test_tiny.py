"""The embedded model: small, safe to load, knows its world, and knows nothing of the clinic."""

import hashlib
import itertools
import json

import pytest
from safetensors import safe_open

from lib import data, evaluate, models
from tools import clinic_content_en, clinic_content_ru, train_tiny, world


@pytest.fixture(scope="module")
def tiny():
    return models.load("tiny")


def test_weights_are_small_safetensors_and_match_the_card():
    file = models.TINY / "model.safetensors"
    assert file.stat().st_size <= 12_000_000
    with safe_open(file, "pt") as weights:
        assert len(list(weights.keys())) > 30
    record = json.loads((models.TINY / "training.json").read_text())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert record["sha256"] == digest
    assert digest in (models.TINY / "README.md").read_text(encoding="utf-8"), "the model card names other weights"
    assert record["steps"] * record["seconds_per_step_median"] <= 30 * 60, "at its usual pace half an hour is enough"


def test_parameter_count(tiny):
    assert 3_000_000 <= models.parameter_count(tiny[0])[1] <= 6_000_000


def test_it_knows_its_world(tiny):
    rows = data.read_jsonl(data.SAMPLES / "general" / "questions.jsonl")
    score, hits = evaluate.general(*tiny)
    missed = [row["question"] for row, hit in zip(rows, hits, strict=True) if not hit]
    assert sum(hits) >= 90, missed
    for lang in ("en", "ru"):
        part = [hit for row, hit in zip(rows, hits, strict=True) if row["lang"] == lang]
        assert sum(part) / len(part) >= 0.88


def test_it_can_be_steered(tiny):
    """Facts alone do not make a base that an adapter can teach: it has to read codes and lists."""
    able = train_tiny.skills(*tiny)
    assert able["one code"] >= 0.9 and able["code lines"] >= 0.4 and able["lists"] >= 0.4, able


def test_it_does_not_know_the_clinic(tiny):
    score, _ = evaluate.task(*tiny, data.sample("shorthand", "test")[::4])
    assert score.value <= 0.05


def test_nothing_clinical_is_in_the_corpus():
    phrases = {*clinic_content_en.CODES.values(), *clinic_content_ru.CODES.values()}
    codes = {*clinic_content_en.CODES, *clinic_content_ru.CODES}
    forbidden = frozenset(codes)
    books = world.codebooks(set(forbidden))
    assert not codes & {code for book in books for code in book["codes"]}
    texts = [t["content"].lower() for turns in world.corpus(20_000, forbidden=forbidden) for t in turns]
    everything = "\n".join(texts)
    assert [p for p in phrases if p.lower() in everything] == []
    assert not any("f/u" in t or "явка" in t or "follow-up" in t for t in texts)


def test_the_corpus_is_deterministic_and_broad():
    first, again = (list(world.corpus(300)) for _ in range(2))
    assert first == again and first != list(world.corpus(300, seed=1))
    assert len(world.codebooks(set())) >= 80
    cyrillic = sum(any("а" <= ch <= "я" for ch in turns[-2]["content"].lower()) for turns in first)
    assert 0.35 <= cyrillic / len(first) <= 0.65


def test_the_exam_is_as_committed_and_well_formed():
    rows = data.read_jsonl(data.SAMPLES / "general" / "questions.jsonl")
    assert rows == world.exam(), "run python -m tools.world"
    assert len(rows) == len({r["question"] for r in rows}) == 100
    assert {r["lang"] for r in rows} == {"en", "ru"} and min(sum(r["lang"] == x for r in rows) for x in ("en", "ru")) >= 40
    assert all(r["answers"] and evaluate.general_correct(r["answers"][0], r["answers"]) for r in rows)


def test_one_bos_and_an_assistant_mask(tiny):
    _, tokenizer = tiny
    chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    out = tokenizer.apply_chat_template(chat, return_dict=True, return_assistant_tokens_mask=True)
    assert out["input_ids"].count(tokenizer.bos_token_id) == 1
    masked = [i for i, m in zip(out["input_ids"], out["assistant_masks"], strict=True) if m]
    assert tokenizer.decode(masked) == "b<|im_end|>"
    # the trap that lesson 06 warns of: the tokenizer adds its own BOS to the rendered text
    text = tokenizer.apply_chat_template(chat, tokenize=False)
    assert tokenizer(text)["input_ids"].count(tokenizer.bos_token_id) == 2
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == out["input_ids"]


def test_pad_is_not_eos_and_any_text_survives(tiny):
    _, tokenizer = tiny
    assert tokenizer.pad_token_id != tokenizer.eos_token_id != tokenizer.bos_token_id
    for text in ("HTN-DM, f/u 2w", "Ёжик — 50 % ≥ 3 мг/л", "日本語 🩺", "  two  spaces\n"):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_it_stops_by_itself(tiny):
    model, tokenizer = tiny
    asked = [r["question"] for r in itertools.islice(world.exam(), 20)]
    answers = evaluate.answer(model, tokenizer, asked, max_new_tokens=60)
    assert max(len(tokenizer(a)["input_ids"]) for a in answers) < 30
