"""The code that lesson 06 teaches is the code that is verified: it is read out of the notebook."""

from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from lib import data, models

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "06_lora.ipynb"


def from_notebook(*cell_ids, **given) -> dict:
    cells = {c["id"]: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}
    namespace = {"torch": torch, "nn": nn, "np": np, "data": data, "models": models, **given}
    for cell_id in cell_ids:
        exec(compile(cells[cell_id], cell_id, "exec"), namespace)
    return namespace


@pytest.mark.parametrize("rank, alpha", [(1, 1), (4, 8), (16, 4)])
def test_the_taught_lora_equals_peft(rank, alpha):
    taught = from_notebook("lora-class", "add-lora")
    ours = taught["add_lora"](models.load("tiny")[0].requires_grad_(False), rank, alpha)
    settings = LoraConfig(r=rank, lora_alpha=alpha, target_modules="all-linear", task_type="CAUSAL_LM")
    theirs = get_peft_model(models.load("tiny")[0], settings).eval()
    mine = [m for m in ours.modules() if isinstance(m, taught["LoRALinear"])]
    other = [m for m in theirs.modules() if hasattr(m, "lora_A") and hasattr(m, "base_layer")]
    assert len(mine) == len(other) == 4 * 7
    for a, b in zip(mine, other, strict=True):
        nn.init.normal_(a.b, std=0.05)
        b.lora_A["default"].weight.data.copy_(a.a.data)
        b.lora_B["default"].weight.data.copy_(a.b.data)
    ids = torch.arange(5, 65).view(2, 30)  # (2, 30)
    ours_logits, theirs_logits = ours(ids).logits, theirs(ids).logits
    assert torch.allclose(ours_logits, theirs_logits, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(ours_logits, models.load("tiny")[0](ids).logits, atol=1e-2), "the adapter does something"
    # and the same gradients on A and B, so that both would learn the same
    ours_logits.float().logsumexp(-1).sum().backward()
    theirs_logits.float().logsumexp(-1).sum().backward()
    for a, b in zip(mine, other, strict=True):
        assert torch.allclose(a.b.grad, b.lora_B["default"].weight.grad, rtol=1e-3, atol=1e-3)
    assert models.parameter_count(ours)[0] == models.parameter_count(theirs)[0]


def test_with_noise_gives_exactly_the_share_asked_for_a_wrong_answer():
    taught = from_notebook("with-noise", train_rows=data.sample("shorthand", "train", "en"))
    rows = data.sample("shorthand", "train", "en")[:400]
    noisy = taught["with_noise"](rows, 0.3)
    changed = sum(data.target(a) != data.target(b) for a, b in zip(rows, noisy, strict=True))
    assert 0.3 * 400 - 5 <= changed <= 0.3 * 400  # a drawn answer may by chance be the right one
    assert [data.question(r) for r in rows] == [data.question(r) for r in noisy]


def test_own_data_runs_through_the_same_parameters():
    """A practitioner's file needs no code change: both files are parameters, and the lesson reads them checked."""
    cells = {c["id"]: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}
    assert "data.read_chat(TRAIN_FILE)" in cells["look"] and "data.read_chat(TEST_FILE)" in cells["look"]
