"""Full tuning sharded over the processes that torchrun started: each holds its part of every weight (FSDP2).

    torchrun --nproc_per_node=2 train.py     with the hyperparameter method=full

`fully_shard` (torch.distributed.fsdp; Zhao et al. 2023, arXiv:2304.11277) gathers one block's weights when its turn
comes and lets them go after it. The loss is that of one process, because each step's batch is dealt out to the processes
and the gradients are averaged by the number of labelled tokens.
"""

import time

import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard

from lib import evaluate, models, sagemaker_job
from lib import train as lessons


def batches(examples: list[dict], steps: int, size: int, seed: int) -> list[list[dict]]:
    """`steps` batches of `size` examples in an order drawn from `seed`, the same in every process."""
    order, generator = [], torch.Generator().manual_seed(seed)
    while len(order) < steps * size:
        order += torch.randperm(len(examples), generator=generator).tolist()
    return [[examples[i] for i in order[k * size : (k + 1) * size]] for k in range(steps)]


def shard(model) -> int:
    """Shard every decoder block, then the rest; returns the numbers that this process now holds."""
    for block in model.model.layers:
        fully_shard(block)
    fully_shard(model)
    return sum(p.to_local().numel() for p in model.parameters())


def train(wanted: dict, rows: list[dict], base: str, model_dir) -> dict | None:
    """As lib.sagemaker_job.train, for method=full. Process 0 saves the whole model; the others return None."""
    if wanted["method"] != "full":
        raise ValueError(f"method={wanted['method']!r} over several processes: only 'full' is sharded here.")
    cuda = torch.cuda.is_available()
    dist.init_process_group("nccl" if cuda else "gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    device = f"cuda:{rank % torch.cuda.device_count()}" if cuda else "cpu"
    if wanted["batch_size"] % world:
        raise ValueError(f"batch_size={wanted['batch_size']} can't be dealt out to {world} processes: take a multiple.")
    model, tokenizer = models.load(base, dtype=torch.float32, device=device)
    total = sum(p.numel() for p in model.parameters())
    held = shard(model)
    say(f"rank={rank}; holds={held}; parameters={total};")
    examples = lessons.tokenize(rows, tokenizer, wanted["max_length"])
    started, history = time.perf_counter(), []
    optimizer = torch.optim.AdamW(model.parameters(), lr=wanted["learning_rate"], weight_decay=0.0)
    for step, batch in enumerate(batches(examples, wanted["steps"], wanted["batch_size"], wanted["seed"]), start=1):
        loss = one_step(model, optimizer, batch, tokenizer.pad_token_id, rank, world, device)
        history.append({"step": step, "loss": loss})
        say(f"rank={rank}; step={step}; loss={loss:.6f};")
    whole = {name: (p.full_tensor() if hasattr(p, "full_tensor") else p).cpu() for name, p in model.state_dict().items()}
    dist.destroy_process_group()
    if rank:
        return {"rank": rank}
    alone, _ = models.load(base, dtype=torch.float32, device="cpu")
    alone.load_state_dict(whole)
    sagemaker_job.save(alone, tokenizer, model_dir)
    return sagemaker_job.record(wanted, alone, time.perf_counter() - started, history) | {"held": held, "world": world}


def say(line: str) -> None:
    """A whole line in one write: the processes share one output, and print() alone sends text and line end apart."""
    print(line + "\n", end="", flush=True)


def one_step(model, optimizer, batch, pad_id, rank, world, device) -> float:
    """One update on this process's share of the batch; returns the loss over the whole batch, in nats per labelled token."""
    mine = batch[rank::world]
    ids, mask, labels = evaluate.pad(mine, pad_id, device)
    labelled = sum((torch.tensor(e["labels"][1:]) != -100).sum().item() for e in batch)  # of all processes
    logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()  # (B/world, T-1, V)
    summed = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100, reduction="sum")
    (summed * world / labelled).backward()  # FSDP averages over the processes, so each share counts `world` times
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    total = summed.detach().clone()
    dist.all_reduce(total)
    return (total / labelled).item()
