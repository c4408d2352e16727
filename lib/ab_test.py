"""Two models share the traffic: who gets which, and a test that may be looked at after every answer.

    arm_of("user-17", "adapter of November")          "A" or "B", for one user always the same
    evidence([1, 1, 0, 1], [1, 0, 0, 1])              (4,): how much a bet against "both are equally good" has won so far
    decided_at(evidence(a, b), alpha=0.05)            the first pair at which it is enough, or None
"""

import hashlib

import numpy as np


def arm_of(user: str, experiment: str, share_b: float = 0.5) -> str:
    """The arm of a user: a hash of both names, so that another experiment mixes the users anew. Nothing has to be stored."""
    number = int(hashlib.sha256(f"{experiment}\n{user}".encode()).hexdigest()[:12], 16)
    return "B" if number < share_b * 16**12 else "A"


def evidence(a, b, prior: float = 0.5) -> np.ndarray:
    """Right (1) and wrong (0) answers of both arms, (…, n) each → (…, n): the e-value after each pair.

    The bet on pair i uses the shares of right answers seen before i. If both arms are equally good, its expected
    gain is at most 1, whatever their common share, so it passes 1/α at any time with probability at most α
    (Turner, Ly & Grünwald 2024; Ville 1939). Exact for any n; looking often costs nothing.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape:
        raise ValueError(f"{a.shape} against {b.shape}: pair the k-th answer of one arm with the k-th of the other, and drop the rest.")
    seen = 2 * prior + np.arange(a.shape[-1])
    pa, pb = (prior + a.cumsum(-1) - a) / seen, (prior + b.cumsum(-1) - b) / seen
    middle = (pa + pb) / 2
    gains = sum(np.log(np.where(y == 1, p / middle, (1 - p) / (1 - middle))) for y, p in ((a, pa), (b, pb)))
    return np.exp(gains.cumsum(-1))


def decided_at(found: np.ndarray, alpha: float = 0.05) -> int | None:
    """The number of pairs after which the evidence first reached 1/α; None if it never did."""
    passed = np.flatnonzero(np.asarray(found) >= 1 / alpha)
    return int(passed[0]) + 1 if len(passed) else None
