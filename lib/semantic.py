"""Is it the same question? Features of a pair, a cheap judge of them, and a cross-encoder that reads both texts.

    pair_features(a, b, u, v)              14 numbers of two texts and their vectors
    PairJudge().train(texts, vectors, pairs, same)   logistic regression on those and on |u - v|, u·v
    CrossEncoder(model, tokenizer).train(texts, pairs, same)   fine-tunes the encoder on pairs; the confirm stage

A bi-encoder (two vectors, one cosine) is fast and scores "insulin" against "metformin" in the same sentence higher
than two wordings of one question. It proposes; something that compares the texts has to confirm (Reimers 2019).
"""

import copy
import difflib
import random

import numpy as np
import torch

from lib import dedup, linear


def pair_features(a: str, b: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """14 numbers about two texts: cosine, shared letters and words, what was replaced by what, numbers and codes."""
    left, right = dedup.folded(a).split(), dedup.folded(b).split()
    stems_a, stems_b = ({w[:5] for w in words if len(w) > 3} for words in (left, right))
    only_a, only_b = stems_a - stems_b, stems_b - stems_a
    digits_a, digits_b = ({w for w in words if any(c.isdigit() for c in w)} for words in (left, right))
    blocks = difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes()
    replaced = [(a1, a2, b1, b2) for tag, a1, a2, b1, b2 in blocks if tag == "replace"]
    one_swap = len(replaced) == 1 and all(tag in ("equal", "replace") for tag, *_ in blocks)
    return np.array([
        u @ v, dedup.jaccard(dedup.pieces(a), dedup.pieces(b)), dedup.jaccard(set(left), set(right)), dedup.jaccard(stems_a, stems_b),
        len(stems_a & stems_b), len(only_a), len(only_b), min(len(only_a), len(only_b)), max((len(w) for w in stems_a & stems_b), default=0),
        digits_a == digits_b, dedup.codes(a) == dedup.codes(b), one_swap, len(blocks), abs(len(left) - len(right)),
    ], dtype=np.float32)


class PairJudge:
    """A logistic regression on pair features: seconds to train, thousands of pairs a second."""

    def inputs(self, texts, vectors, pairs) -> np.ndarray:
        """(pairs, 14 + 2 × 384)"""
        rows = []
        for i, j in pairs:
            u, v = vectors[i], vectors[j]
            rows.append(np.concatenate([pair_features(texts[i], texts[j], u, v), np.abs(u - v), u * v]))
        return np.array(rows, dtype=np.float32)

    def train(self, texts, vectors, pairs, same, l2: float = 300.0) -> "PairJudge":
        """`pairs` are indices into texts and vectors; `same` says of each pair whether it asks the same."""
        self.head = linear.fit(self.inputs(texts, vectors, pairs), np.array(same, dtype=np.float32), l2)
        return self

    def probability(self, texts, vectors, pairs) -> np.ndarray:
        return self.head.probability(self.inputs(texts, vectors, pairs)) if len(pairs) else np.zeros(0)


class CrossEncoder:
    """The encoder reads both texts at once and answers one number: do they ask the same?

    `CrossEncoder(model, tokenizer).train(texts, pairs, same, steps=200)`; the lower layers stay frozen, which halves the
    time. The model that is given is not changed.
    """

    def __init__(self, model, tokenizer, trained_layers: int = 6, seed: int = 0):
        torch.manual_seed(seed)
        self.model, self.tokenizer, self.seed = copy.deepcopy(model), tokenizer, seed
        self.head = torch.nn.Linear(model.config.hidden_size, 1)
        self.model.requires_grad_(False)
        for layer in self.model.encoder.layer[-trained_layers:]:
            layer.requires_grad_(True)

    def logits(self, texts, pairs) -> torch.Tensor:
        batch = self.tokenizer([texts[i] for i, _ in pairs], [texts[j] for _, j in pairs], padding=True, truncation=True,
                               max_length=128, return_tensors="pt").to(self.model.device)
        device = self.model.device.type
        with torch.autocast(device, torch.bfloat16, enabled=device == "cpu" and _cpu_multiplies_bf16()):
            hidden = self.model(**batch).last_hidden_state.float()  # (B, T, 384)
        mask = batch["attention_mask"].unsqueeze(-1)
        return self.head((hidden * mask).sum(1) / mask.sum(1)).squeeze(-1)

    def train(self, texts, pairs, same, steps: int = 250, batch_size: int = 16, learning_rate: float = 1e-4) -> "CrossEncoder":
        """Half of every batch are pairs that ask the same, in both orders; returns itself."""
        chance = random.Random(self.seed)
        groups = [[p for p, s in zip(pairs, same, strict=True) if bool(s) is wanted] for wanted in (True, False)]
        if not all(groups):
            raise ValueError("pairs of both kinds are needed: some that ask the same and some that do not.")
        trained = [p for p in self.model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW([{"params": trained}, {"params": self.head.parameters(), "lr": 10 * learning_rate}], lr=learning_rate)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, steps)
        self.losses = []
        for _ in range(steps):
            batch = [p if chance.random() < 0.5 else p[::-1] for group in groups for p in chance.choices(group, k=batch_size // 2)]
            wanted = torch.tensor([1.0] * (batch_size // 2) + [0.0] * (batch_size // 2))
            loss = torch.nn.functional.binary_cross_entropy_with_logits(self.logits(texts, batch), wanted)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            self.losses.append(loss.item())
        return self

    @torch.inference_mode()
    def probability(self, texts, pairs, batch_size: int = 32) -> np.ndarray:
        """(pairs,) between 0 and 1; both orders would cost twice, one is asked."""
        order = sorted(range(len(pairs)), key=lambda k: len(texts[pairs[k][0]]) + len(texts[pairs[k][1]]))
        out = np.zeros(len(pairs), dtype=np.float32)
        for start in range(0, len(order), batch_size):
            rows = order[start: start + batch_size]
            out[rows] = torch.sigmoid(self.logits(texts, [pairs[k] for k in rows])).float().numpy()
        return out


def _cpu_multiplies_bf16() -> bool:
    """As lib.train, whose import would bring the trainers along: 1.7 times as fast where the processor can do it."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def best_threshold(scores: np.ndarray, right: np.ndarray, precision: float = 0.9) -> float:
    """The lowest threshold at which at least `precision` of what passes is right: the most recall for that price.

    `best_threshold([.9, .8, .7], [1, 1, 0])` → 0.8. Choose it on one part of the data, report it on another.
    Raises ValueError when no threshold reaches it.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    ranked, scores = np.asarray(right, dtype=float)[order], np.asarray(scores)[order]
    shares = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    last = np.append(scores[1:] < scores[:-1], True)  # only where a new score begins can a threshold lie
    good = np.flatnonzero((shares >= precision) & last)
    if not len(good):
        raise ValueError(f"no threshold reaches a precision of {precision:.0%}; the scores do not separate well enough.")
    return float(scores[good[-1]])


def middle_threshold(scores: np.ndarray, right: np.ndarray, share: float = 0.9) -> float:
    """Halfway between the lowest threshold with a precision of `share` and the highest with a recall of `share`.

    `middle_threshold([.9, .8, .2, .1], [1, 1, 0, 0])` → 0.8. Where the classes lie apart, the lowest threshold stands
    close to the one and fails on the first new sentence; the middle leaves room on both sides. Where they overlap and
    no threshold has both, precision wins.
    """
    scores = np.asarray(scores, dtype=float)
    lowest = best_threshold(scores, right, share)
    own = np.sort(scores[np.asarray(right, dtype=bool)])
    highest = float(own[int(np.floor((1 - share) * len(own) + 1e-9))])
    return max(lowest, (lowest + highest) / 2)
