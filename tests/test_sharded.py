"""SFT and DPO over two machines, played by two launchers with one process each: losses and weights of one process, half the weights held."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from lib import data, models, sharded
from tools import notebooks

# both trainings in one start: importing the libraries takes longer than training
WORKER = f"""import sys
sys.path.insert(0, {str(notebooks.ROOT)!r})
from lib import sharded
sharded.run(sharded.read(sys.argv[1].split("|")))
sharded.main(sys.argv[2].split("|"))
"""
SETTINGS = ["--steps", "3", "--batch-size", "4", "--learning-rate", "1e-3", "--float32"]
SAME = 1e-5  # relative: the same float32 sums in another order; 2e-6 was seen


def arguments(folder, world: int) -> list[list[str]]:
    return [["--method", "sft", "--rows", str(folder / "chats.jsonl"), "--out", str(folder / f"sft-{world}"), *SETTINGS],
            ["--method", "dpo", "--rank", "4", "--rows", str(folder / "pairs.jsonl"), "--out", str(folder / f"dpo-{world}"), *SETTINGS]]


def train_all(folder) -> None:
    """Make sft-1, sft-2, dpo-1 and dpo-2 in the folder."""
    data.write_jsonl(folder / "chats.jsonl", data.sample("shorthand", "train", "en")[:16])
    data.write_jsonl(folder / "pairs.jsonl", data.sample("preferences", "train", "en")[:12])
    for one in arguments(folder, world=1):
        sharded.run(sharded.read(one))
    (folder / "worker.py").write_text(WORKER, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lines = ["|".join(one) for one in arguments(folder, world=2)]
    machines = [subprocess.Popen([sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc_per_node", "1", "--node_rank", str(rank),
                                  "--master_addr", "127.0.0.1", "--master_port", str(port), str(folder / "worker.py"), *lines],
                                 env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 start_new_session=True) for rank in range(2)]
    try:
        printed = [machine.communicate(timeout=300)[0] for machine in machines]
    finally:
        for machine in machines:
            if machine.poll() is None:
                os.killpg(machine.pid, signal.SIGKILL)
    assert [machine.returncode for machine in machines] == [0, 0], printed


def test_two_processes_compute_what_one_does_and_hold_half(tmp_path):
    train_all(tmp_path)  # one test for all of it: two test processes would train twice
    for method in ("sft", "dpo"):
        losses_are_equal_and_weights_shared_out(tmp_path, method)
    the_saved_models_load_and_are_equal(tmp_path)


def losses_are_equal_and_weights_shared_out(trained, method):
    one, two = (json.loads((trained / f"{method}-{world}" / "losses.json").read_text()) for world in (1, 2))
    assert (one["world"], two["world"]) == (1, 2)
    losses = [[step["loss"] for step in record["history"]] for record in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=SAME) and len(losses[0]) == 3
    assert losses[0][0] != losses[0][-1], "nothing was learnt that could differ"
    weights = sum(p.numel() for p in models.load("tiny")[0].parameters())
    adapter = one["held"] - weights  # is held whole by both
    assert one["held"] >= weights and two["held"] - adapter == weights / 2, "the weights are not shared out"


def the_saved_models_load_and_are_equal(trained):
    ids = torch.arange(5, 45).view(1, -1)  # (1, 40)
    one, two, base = (models.load(name)[0](ids).logits for name in (str(trained / "sft-1"), str(trained / "sft-2"), "tiny"))
    assert torch.allclose(one, two, atol=1e-3) and not torch.allclose(one, base, atol=0.1)
    one, two = (load_file(trained / f"dpo-{world}" / "adapter_model.safetensors") for world in (1, 2))
    assert one.keys() == two.keys() and all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)
    assert any(one[name].abs().max() > 1e-3 for name in one if "lora_B" in name)
    assert not list(trained.rglob("*.bin")), "a pickle was left"


def test_a_batch_that_cannot_be_dealt_out_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ValueError, match="take a multiple of 3"):
        sharded.run(sharded.read(arguments(tmp_path, 3)[0]))
