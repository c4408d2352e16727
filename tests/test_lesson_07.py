"""Lesson 07 as a reader runs it: its cells are read out of the notebook, none is copied here."""

import copy
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
import trl
from peft import LoraConfig, PeftModel
from transformers import (
    AutoModelForCausalLM,
    Gemma3Config,
    Gemma3TextConfig,
    LlamaConfig,
    Qwen2Config,
)

from lib import (
    checks,
    checks_qlora,
    data,
    evaluate,
    formats,
    machine,
    memory,
    models,
    quantize,
    results,
    train,
)

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "07_qlora.ipynb"
CELLS = {c["id"]: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}
SMALL = dict(hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=1)


def taught(*cell_ids, **given) -> dict:
    """Run cells of the lesson, in this order, and return their names."""
    namespace = {"torch": torch, "np": np, "copy": copy, "data": data, "evaluate": evaluate, "formats": formats, "memory": memory,
                 "models": models, "quantize": quantize, "results": results, "train": train, "LoraConfig": LoraConfig,
                 "AutoModelForCausalLM": AutoModelForCausalLM, "Gemma3TextConfig": Gemma3TextConfig, **given}
    for cell_id in cell_ids:
        exec(compile(CELLS[cell_id], cell_id, "exec"), namespace)
    return namespace


# ------------------------------------------------------------------------- the whole path on other models
def other_toy(kind: str, folder, tokenizer) -> str:
    """A random model of that kind, saved with a tokenizer; "" lets the lesson make its own toy of Gemma 3."""
    if kind == "gemma3_text":
        return ""
    text = SMALL | {"head_dim": 32, "vocab_size": len(tokenizer), "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
                    "pad_token_id": tokenizer.pad_token_id}
    vision = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)
    config = {"llama": lambda: LlamaConfig(**text), "qwen2": lambda: Qwen2Config(**text),
              "gemma3": lambda: Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4)}[kind]()
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("kind", ["gemma3_text", "gemma3", "qwen2", "llama"])
def test_the_whole_path_runs_on(kind, tmp_path):
    """JSONL → 4 bits → LoRA → SFTTrainer → saved adapter → answer, as written in section 10; the loss must fall."""
    tokenizer = models.load("tiny")[1]
    model_name = other_toy(kind, tmp_path / "model", tokenizer)
    lesson = taught("other-rows", "other", "other-load", "other-mask", "other-train", "other-fit", "other-save",
                    RUN=tmp_path, tokenizer=tokenizer, RANK=8, LEARNING_RATE=1e-2, OTHER_MODEL=model_name, OTHER_FILE="", OTHER_STEPS=10,
                    PeftModel=PeftModel, train_rows=data.sample("shorthand", "train", "en"))
    assert lesson["other"].config.model_type == kind and lesson["own_rows"][0]["messages"][-1]["role"] == "assistant"
    assert lesson["losses_seen"][-1] < lesson["losses_seen"][0] - 0.2, lesson["losses_seen"]
    trained = [n for n, p in lesson["trainer"].model.named_parameters() if p.requires_grad]
    assert trained and all("lora_" in n for n in trained) and not any("vision" in n or "projector" in n for n in trained)
    assert len(quantize.four_bit_layers(lesson["other"])) >= 2 * 7
    saved = lesson["trainer"].model.state_dict()
    again = lesson["finished"].state_dict()
    name = next(n for n in saved if "lora_B" in n)
    assert torch.equal(saved[name].float(), again[name].float()) and saved[name].abs().sum() > 0


def test_the_gemma_format_is_gemmas():
    """Against the template file that TRL keeps of Gemma 3, turns in and turns out."""
    lesson = taught("other", tokenizer=None)
    tokenizer = copy.deepcopy(models.load("tiny")[1])
    chat = [{"role": "user", "content": " Hi "}, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "Bye"}]
    oracle = (Path(trl.__file__).parent / "chat_templates" / "gemma3.jinja").read_text(encoding="utf-8")
    for prompt in (True, False):
        found = [tokenizer.apply_chat_template(chat[: 3 if prompt else 2], chat_template=template, tokenize=False, add_generation_prompt=prompt)
                 for template in (lesson["GEMMA_FORMAT"], oracle)]
        assert found[0] == found[1]


def test_gemmas_answers_are_learned_to_their_end(tmp_path):
    lesson = taught("other", "other-load", tokenizer=models.load("tiny")[1], RUN=tmp_path, OTHER_MODEL="")
    row = data.sample("shorthand", "train", "en")[0]
    table = train.label_table(row["messages"], lesson["other_tokenizer"])
    assert [text for text, learned in table if learned][-1] == "<end_of_turn>"
    assert "".join(text for text, learned in table if learned).startswith(data.target(row)[:4])


def test_your_own_file_is_read_and_a_broken_one_named(tmp_path):
    good = tmp_path / "good.jsonl"
    data.write_jsonl(good, [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
                            {"instruction": "c", "input": "", "output": "d"}])
    rows = taught("other-rows", OTHER_FILE=str(good), RUN=tmp_path)["own_rows"]
    assert [data.target(r) for r in rows] == ["b", "d"]
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"instruction": "c", "output": "d"}\n{"instruction": \n', encoding="utf-8")
    with pytest.raises(data.DataError, match="bad.jsonl, line 2"):
        taught("other-rows", OTHER_FILE=str(bad), RUN=tmp_path)
    assert "data.read_chat(TRAIN_FILE)" in CELLS["rows"] and "data.read_chat(TEST_FILE)" in CELLS["rows"]


# ------------------------------------------------------------------------------------- what is measured
def test_rounding_the_weights_for_the_loss_puts_them_back():
    model, tokenizer = models.load("tiny")
    before = {n: p.clone() for n, p in model.named_parameters()}
    layers = {n: m.weight.data.float() for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and n != "lm_head"}
    lesson = taught("nf4", "quantize", "restore", "general-rows", "loss-with", model=model, tokenizer=tokenizer, layers=layers, LANGUAGE="en")
    full, coarse = lesson["loss_with"](None), lesson["loss_with"](torch.tensor([-1.0, 0.0, 1.0]))
    assert coarse > full + 0.5 and lesson["loss_with"](None) == full
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters())


def test_the_interval_over_seeds_and_rows():
    """Differences that agree have a narrow interval; seeds that contradict each other a wide one, however many rows."""
    rows = np.random.default_rng(1).integers(0, 2, size=400).astype(float)
    steady = {"QLoRA": np.stack([rows] * 3), "LoRA": np.stack([rows] * 3)}
    gap = taught("gap-of", hits=steady)["gap_of"]("QLoRA", "LoRA")
    assert (gap.value, gap.low, gap.high, gap.n) == (0, 0, 0, 1200)
    torn = {"LoRA": np.zeros((3, 400)), "QLoRA": np.stack([np.ones(400), np.zeros(400), -np.ones(400)])}
    gap = taught("gap-of", hits=torn)["gap_of"]("QLoRA", "LoRA")
    assert gap.value == 0 and gap.low < -0.6 and gap.high > 0.6
    shifted = {"LoRA": np.zeros((3, 400)), "QLoRA": np.stack([-1.0 * (rows > 0)] * 3)}
    gap = taught("gap-of", hits=shifted)["gap_of"]("QLoRA", "LoRA")
    assert gap.high < -0.4 and gap.low > -0.6


@pytest.mark.parametrize("verdicts, ratios", [("contradicts another source", [0.8, 0.9]), ("contradicts another source", [1.2, 1.4]),
                                              ("does not hold", [0.9, 1.2]), ("does not hold", [1.8, 1.9]), ("does not hold", [1.05, 1.3])])
def test_the_speed_rule_gives_every_verdict(verdicts, ratios, tmp_path, monkeypatch):
    monkeypatch.setattr(results, "ROOT", tmp_path)
    folder = results.start("07", "pytest-07", "tiny")
    taught("speed-claim", ratios=ratios, ENOUGH=True, RUN=folder, SPEED_ROUNDS=2, SPEED_STEPS=3, MODEL="tiny", machine=machine)
    assert results._load(folder)["claims"][0]["verdict"] == verdicts


@pytest.mark.parametrize("verdict, low, high", [("holds", -0.03, -0.005), ("holds with conditions", -0.03, 0.01), ("does not hold", -0.005, 0.02),
                                                ("does not hold", -0.2, -0.05)])
def test_the_quality_rule_gives_every_verdict(verdict, low, high, tmp_path, monkeypatch):
    monkeypatch.setattr(results, "ROOT", tmp_path)
    folder = results.start("07", "pytest-07", "tiny")
    gap = evaluate.Score((low + high) / 2, low, high, 600)
    taught("quality-claim", difference=gap, ENOUGH=True, RUN=folder, SEEDS=[0, 1, 2], SWEEP_MODEL="tiny")
    assert results._load(folder)["claims"][0]["verdict"] == verdict


# ------------------------------------------------------------------------------------------ the exercises
@pytest.mark.parametrize("check, wrong, words", [
    (checks_qlora.bits_per_weight, lambda block, double: 4 + 32 / block, "Double quantised"),
    (checks_qlora.bits_per_weight, lambda block, double: 4, "half a bit"),
    (checks_qlora.round_trip, lambda block, levels: levels[(block[:, None] - levels).abs().argmin(1)], "Divide by the absmax"),
    (checks_qlora.round_trip, lambda block, levels: levels[(block[:, None] / block.abs().max() - levels).abs().argmin(1)], "multiply back"),
    (checks_qlora.round_trip, lambda block, levels: block.div_(2), "in place"),
    (checks_qlora.model_bytes, lambda total, inside: total * 4.127 / 8, "two bytes"),
])
def test_typical_mistakes_get_a_teaching_message(check, wrong, words):
    with pytest.raises(checks.WrongAnswer, match=words):
        check(wrong)
