"""Is a score of 0.8 right eight times in ten? Measure it, and repair it with two numbers.

    reliability(scores, good)         bins: what was said, what was true, how many
    error(scores, good)               expected calibration error: the mean distance of the two
    a, b = platt(scores, good)        fitted on rows that no model was trained on
    calibrated(scores, a, b)          the same order of rows, honest probabilities

Source: Platt 1999; expected calibration error: Naeini et al. 2015.
"""

import numpy as np


def _logit(scores) -> np.ndarray:
    p = np.clip(np.asarray(scores, dtype=float), 1e-12, 1 - 1e-12)
    return np.log(p / (1 - p))


def platt(scores, good, steps: int = 50) -> tuple[float, float]:
    """`platt([0.9, 0.8, 0.7, 0.6], [True, False, True, False])` → (a, b) of p = 1 / (1 + exp(−(a·logit(score) + b))).

    Newton's method on the log loss, with Platt's slightly softened labels, so that a perfect separation stays finite.
    Raises ValueError if all rows are good or all are bad.
    """
    z, good = _logit(scores), np.asarray(good, dtype=bool)
    if good.all() or not good.any():
        raise ValueError("rows of both kinds are needed to calibrate. Label more rows.")
    wanted = np.where(good, (good.sum() + 1) / (good.sum() + 2), 1 / ((~good).sum() + 2))
    mean, scale = z.mean(), z.std() + 1e-9
    x, w = np.stack([(z - mean) / scale, np.ones_like(z)], 1), np.zeros(2)

    def loss(w):
        return np.sum(np.logaddexp(0, x @ w) - wanted * (x @ w))

    for _ in range(steps):
        p = 1 / (1 + np.exp(-x @ w))
        bend = (x * (p * (1 - p))[:, None]).T @ x + 1e-9 * np.eye(2)
        step = np.linalg.solve(bend, x.T @ (p - wanted))
        while loss(w - step) > loss(w) and np.abs(step).max() > 1e-9:  # a full Newton step may overshoot
            step = step / 2
        w = w - step
    return float(w[0] / scale), float(w[1] - w[0] * mean / scale)


def calibrated(scores, a: float, b: float) -> np.ndarray:
    """(N,) → (N,): `calibrated([0.5], 1.0, 0.0)` → [0.5]."""
    return 1 / (1 + np.exp(-(a * _logit(scores) + b)))


def reliability(scores, good, bins: int = 8) -> list[tuple[float, float, int]]:
    """[(mean score, share that is good, rows)] for bins with about equally many rows, lowest scores first."""
    scores, good = np.asarray(scores, dtype=float), np.asarray(good, dtype=float)
    order = np.argsort(scores, kind="stable")
    return [(float(scores[own].mean()), float(good[own].mean()), len(own)) for own in np.array_split(order, min(bins, len(order)))]


def error(scores, good, bins: int = 8) -> float:
    """Expected calibration error: `error([0.9] * 10, [True] * 5 + [False] * 5, bins=1)` → 0.4."""
    return float(sum(abs(said - true) * n for said, true, n in reliability(scores, good, bins)) / len(np.asarray(scores)))
