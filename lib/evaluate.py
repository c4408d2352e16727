"""Ask a model, score its answers, and put an interval on every score."""

import math
import re
from dataclasses import dataclass

import numpy as np
import torch

from lib import data


@dataclass(frozen=True)
class Score:
    """A share of right answers with its 95 % bootstrap interval, e.g. 0.87 [0.83, 0.90], n = 400."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}] (n = {self.n})"


@torch.inference_mode()
def answer(model, tokenizer, conversations, max_new_tokens: int = 64, batch_size: int = 64) -> list[str]:
    """`answer(model, tokenizer, ["What is the capital of France?"])` → `["Paris"]`; greedy.

    Each item is a question or a list of chat turns. Prompts are padded on the left, because a
    decoder continues from the last position; longest first, so that a batch wastes little padding.
    """
    chats = [[{"role": "user", "content": c}] if isinstance(c, str) else c for c in conversations]
    prompts = [tokenizer.apply_chat_template(c, tokenize=False, add_generation_prompt=True) for c in chats]
    order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
    answers = [""] * len(prompts)
    was_training = model.training
    model.eval()
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        # the template has already written BOS: adding special tokens again would double it
        batch = tokenizer([prompts[i] for i in chosen], return_tensors="pt", padding=True,
                          padding_side="left", add_special_tokens=False).to(model.device)
        output = model.generate(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"],
                                max_new_tokens=max_new_tokens, do_sample=False,
                                pad_token_id=tokenizer.pad_token_id, eos_token_id=stop_ids(model, tokenizer))
        new = output[:, batch["input_ids"].shape[1]:]  # (B, T_new)
        for i, text in zip(chosen, tokenizer.batch_decode(new, skip_special_tokens=True), strict=True):
            answers[i] = text.strip()
    model.train(was_training)
    return answers


def stop_ids(model, tokenizer) -> list[int]:
    """Every id that ends a turn: the tokenizer's EOS and what the model's generation settings add."""
    more = model.generation_config.eos_token_id
    more = more if isinstance(more, list) else [more]
    return sorted({tokenizer.eos_token_id, *(i for i in more if i is not None)})


def exact_match(answers, targets) -> list[bool]:
    """`exact_match(["a;  b."], ["a; b"])` → `[True]`: spaces and a final full stop do not count."""
    return [_normal(a) == _normal(t) for a, t in zip(answers, targets, strict=True)]


def _normal(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().removesuffix(".")


def interval(hits, seed: int = 0, draws: int = 2000) -> Score:
    """`interval([1, 1, 0, 1])` → Score(0.75, low, high, 4).

    95 % percentile bootstrap over the items (Efron 1979). With every item right or every item wrong
    resampling shows no spread, so the ends are then the exact binomial ones (Clopper & Pearson 1934).
    """
    hits = np.asarray(hits, dtype=float)
    n = len(hits)
    if n == 0:
        raise ValueError("no items to score: the list is empty. Check the filter that produced it.")
    if hits.min() == hits.max() and hits[0] in (0.0, 1.0):
        edge = 0.025 ** (1 / n)
        return Score(1.0, edge, 1.0, n) if hits[0] else Score(0.0, 0.0, 1 - edge, n)
    means = np.random.default_rng(seed).choice(hits, size=(draws, n)).mean(axis=1)  # (draws,)
    low, high = np.percentile(means, [2.5, 97.5])
    return Score(float(hits.mean()), float(low), float(high), n)


def difference(hits_a, hits_b, seed: int = 0, draws: int = 2000) -> Score:
    """Mean of a − b over the same items, with a paired bootstrap interval: is a really better than b?"""
    gap = np.asarray(hits_a, dtype=float) - np.asarray(hits_b, dtype=float)
    means = np.random.default_rng(seed).choice(gap, size=(draws, len(gap))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Score(float(gap.mean()), float(low), float(high), len(gap))


def answer_limit(tokenizer, rows) -> int:
    """Tokens of the longest right answer and a few more: a longer one cannot be an exact match."""
    return 8 + max(len(tokenizer(data.target(r), add_special_tokens=False)["input_ids"]) for r in rows)


def task(model, tokenizer, rows) -> tuple[Score, list[str]]:
    """Exact match of greedy answers on chat rows → (Score, the answers)."""
    answers = answer(model, tokenizer, [data.question(r) for r in rows], answer_limit(tokenizer, rows))
    return interval(exact_match(answers, [data.target(r) for r in rows])), answers


def in_house_style(text: str) -> bool:
    """`in_house_style("In plain words: … Please ask us if anything is unclear.")` → True.

    What a program can check of the clinic's style: how an explanation opens and how it closes.
    """
    return text.startswith(("In plain words: ", "Простыми словами: ")) and text.endswith((" unclear.", " неясно."))


def style(model, tokenizer, rows) -> tuple[Score, list[str]]:
    """Share of greedy answers in the house style → (Score, the answers)."""
    answers = answer(model, tokenizer, [data.question(r) for r in rows], answer_limit(tokenizer, rows))
    return interval([in_house_style(text) for text in answers]), answers


def general(model, tokenizer, language: str = "both") -> tuple[Score, list[bool]]:
    """The 100 general questions of data/samples/general → (Score, which were right).

    Asked before and after a training they show what was forgotten.
    """
    rows = data.read_jsonl(data.SAMPLES / "general" / "questions.jsonl")
    rows = [r for r in rows if language == "both" or r["lang"] == language]
    answers = answer(model, tokenizer, [r["question"] for r in rows], max_new_tokens=24)
    hits = [general_correct(a, r["answers"]) for a, r in zip(answers, rows, strict=True)]
    return interval(hits), hits


def general_correct(text: str, accepted: list[str]) -> bool:
    """`general_correct("The capital is Paris.", ["Paris"])` → True: a whole word of the first line."""
    first_line = text.strip().split("\n")[0].lower().replace("ё", "е")
    return any(re.search(rf"(?<!\w){re.escape(a.lower().replace('ё', 'е'))}(?!\w)", first_line) for a in accepted)


@torch.inference_mode()
def loss_nats_per_token(model, tokenizer, rows, batch_size: int = 32) -> float:
    """Mean cross-entropy over the labelled (answer) tokens of chat rows, in nats; perplexity is its exp."""
    from lib.train import tokenize

    examples = sorted(tokenize(rows, tokenizer), key=lambda e: len(e["input_ids"]))
    was_training, total, count = model.training, 0.0, 0
    model.eval()
    for start in range(0, len(examples), batch_size):
        ids, mask, labels = pad(examples[start : start + batch_size], tokenizer.pad_token_id, model.device)
        logits = model(input_ids=ids, attention_mask=mask).logits  # (B, T, V)
        losses = torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten(), ignore_index=-100, reduction="sum")
        total, count = total + losses.item(), count + int((labels[:, 1:] != -100).sum())
    model.train(was_training)
    return total / count


def perplexity(loss_nats: float) -> float:
    """`perplexity(0.0)` → 1.0: the number of tokens the model hesitates between, on average."""
    return math.exp(loss_nats)


def pad(examples, pad_id: int, device="cpu"):
    """Lists of different lengths → input_ids, attention_mask, labels, each (B, T), padded on the right."""
    length = max(len(e["input_ids"]) for e in examples)
    ids = torch.tensor([e["input_ids"] + [pad_id] * (length - len(e["input_ids"])) for e in examples])
    mask = torch.tensor([[1] * len(e["input_ids"]) + [0] * (length - len(e["input_ids"])) for e in examples])
    labels = torch.tensor([e["labels"] + [-100] * (length - len(e["labels"])) for e in examples])
    return ids.to(device), mask.to(device), labels.to(device)
