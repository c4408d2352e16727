"""How often would the candidate win if its answers were as long as the other's? A judge that likes long answers can't say.

    controlled(wins, gaps)      → Score: the win rate at equal length, with its interval

A logistic regression of winning on the difference in length, read off at difference 0 (Dubois et al. 2024,
arXiv 2404.04475, without its per-question term).
"""

import numpy as np

from lib import evaluate


def gaps(candidate: list[str], other: list[str]) -> np.ndarray:
    """`gaps(["aaaa"], ["aa"])` → how much longer the candidate's answers are, (N,), between −1 and 1: tanh of standard deviations."""
    lengths = np.array([len(a) - len(b) for a, b in zip(candidate, other, strict=True)], dtype=float)
    return np.tanh(lengths / (lengths.std() or 1.0))


def controlled(wins, length_gaps, seed: int = 0, draws: int = 300) -> evaluate.Score:
    """`controlled([1, 1, 0, 0], [0.9, 0.8, -0.7, -0.9])` → about 0.5: length alone explains these wins.

    `wins` (N,) between 0 and 1, the mean over both orders. The weight of length is held back a little (ridge 1), so that a
    perfect separation by length still has a finite answer. Raises ValueError without items.
    """
    wins, length_gaps = np.asarray(wins, dtype=float), np.asarray(length_gaps, dtype=float)
    if len(wins) == 0 or len(wins) != len(length_gaps):
        raise ValueError(f"{len(wins)} wins and {len(length_gaps)} differences of length: one of each for every item, and at least one.")
    if wins.min() == wins.max() and wins[0] in (0.0, 1.0):  # always won or always lost: length explains nothing, and resampling shows no spread
        return evaluate.interval(wins)
    generator = np.random.default_rng(seed)
    drawn = [_at_equal_length(wins[i], length_gaps[i]) for i in generator.integers(0, len(wins), (draws, len(wins)))]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return evaluate.Score(_at_equal_length(wins, length_gaps), float(low), float(high), len(wins))


def _at_equal_length(wins: np.ndarray, length_gaps: np.ndarray, steps: int = 25) -> float:
    """Newton's method on a concave function of two numbers: the intercept and the weight of length."""
    inputs, weights = np.column_stack([np.ones(len(wins)), length_gaps]), np.zeros(2)
    ridge = np.diag([1e-3, 1.0])
    for _ in range(steps):
        chance = 1 / (1 + np.exp(-inputs @ weights))
        slope = inputs.T @ (wins - chance) - ridge @ weights
        bend = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + ridge
        weights = np.clip(weights + np.linalg.solve(bend, slope), -8, 8)
    return float(1 / (1 + np.exp(-weights[0])))
