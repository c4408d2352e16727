"""Has the traffic changed? PSI, Jensen–Shannon and MMD, with limits that come from the reference itself.

    words = vocabulary(training_questions)
    usual = baseline(columns(log_texts, words), vectors, day=60)     limits from random splits of the reference
    found = statistics(usual, columns(today, words), todays_vectors)  {"length": 0.08, …, "MMD": 0.0004}
    alarms(usual, found)                                             ["unknown codes"]

PSI: population stability index, the symmetric Kullback–Leibler divergence of binned shares. Jensen–Shannon: Lin 1991.
MMD: Gretton et al. 2012, unbiased, with a Gaussian kernel of the median distance.
"""

import re
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

CODE = re.compile(r"\b[A-ZА-ЯЁ]{2,}\b")
WORD = re.compile(r"[^\W\d_]+")


# ------------------------------------------------------------------------------------------- features
def vocabulary(texts) -> set[str]:
    """Every word of the texts, codes as they are and other words in small letters."""
    return {word for text in texts for word in _words(text)}


def _words(text: str) -> list[str]:
    return [word if CODE.fullmatch(word) else word.lower() for word in WORD.findall(text)]


def columns(texts, known: set[str]) -> dict[str, np.ndarray]:
    """`columns(["Expand the note: HTN-XYZ, f/u 2w"], known)["unknown codes"]` → [0.5]; one number a text and feature."""
    found = {"length": [], "new words": [], "Cyrillic": [], "unknown codes": []}
    for text in texts:
        words = _words(text)
        codes, plain = [w for w in words if CODE.fullmatch(w)], [w for w in words if not CODE.fullmatch(w)]
        letters = [c for c in text.lower() if c.isalpha()]
        found["length"].append(len(text))
        found["new words"].append(sum(w not in known for w in plain) / max(1, len(plain)))
        found["Cyrillic"].append(sum("а" <= c <= "я" or c == "ё" for c in letters) / max(1, len(letters)))
        found["unknown codes"].append(sum(w not in known for w in codes) / max(1, len(codes)))
    return {name: np.array(values, dtype=float) for name, values in found.items()}


def edges(values: np.ndarray, bins: int = 10) -> np.ndarray:
    """Inner edges of up to `bins` bins that hold equally many reference values; (a, b] each. Ties merge bins."""
    return np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf"))


def counts(values: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """How many values fall into each of the len(inner) + 1 bins."""
    return np.bincount(np.searchsorted(inner, values, side="left"), minlength=len(inner) + 1)


# ------------------------------------------------------------------------------------------- divergences
def shares(reference, today) -> tuple[np.ndarray, np.ndarray]:
    """Counts (…, bins) → shares of both, each bin raised by half a request of today, so that no logarithm is infinite.

    Both get the same floor: with pseudo-counts a feature that never varies would differ from itself when the sizes do.
    """
    p, q = np.asarray(reference, dtype=float), np.asarray(today, dtype=float)
    floor = 0.5 / q.sum(-1, keepdims=True)
    p, q = (x / x.sum(-1, keepdims=True) + floor for x in (p, q))
    return p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)


def psi(reference, today) -> np.ndarray:
    """`psi([50, 50], [80, 20])` → 0.41: Σ (q − p) · ln(q / p) over the bins (last axis), from counts."""
    p, q = shares(reference, today)
    return ((q - p) * np.log(q / p)).sum(-1)


def jensen_shannon(reference, today) -> np.ndarray:
    """In bits, between 0 and 1: the mean divergence of both from their middle."""
    p, q = shares(reference, today)
    middle = (p + q) / 2
    return 0.5 * (p * np.log2(p / middle) + q * np.log2(q / middle)).sum(-1)


def kernel(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """(N, D), (M, D) → (N, M): exp(−distance² / 2·width²)."""
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.exp(-np.maximum(squared, 0) / (2 * width**2))


def median_distance(vectors: np.ndarray) -> float:
    """The usual width of the kernel: the median distance of two vectors."""
    squared = (vectors**2).sum(1)[:, None] + (vectors**2).sum(1) - 2 * vectors @ vectors.T
    return float(np.sqrt(np.median(np.maximum(squared[np.triu_indices(len(vectors), 1)], 0))))


def mmd2(matrix: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Unbiased MMD² of the chosen against the others, for many choices at once.

    `matrix` (N, N): the kernel of all with all. `chosen` (R, N) of True and False → (R,). About 0 when both are alike.
    """
    s = chosen.astype(matrix.dtype)
    n, m, inside = s.sum(1), (1 - s).sum(1), s @ matrix  # inside: (R, N)
    xx, row = (inside * s).sum(1), inside.sum(1)
    xy, total, diagonal = row - xx, matrix.sum(), np.diag(matrix)
    yy = total - xx - 2 * xy
    own_x, own_y = s @ diagonal, (1 - s) @ diagonal
    return (xx - own_x) / (n * (n - 1)) + (yy - own_y) / (m * (m - 1)) - 2 * xy / (n * m)


def splits(total: int, day: int, rounds: int, seed: int = 0) -> np.ndarray:
    """(rounds, total) of True and False: each row chooses `day` of the total at random."""
    order = np.argsort(np.random.default_rng(seed).random((rounds, total)), axis=1)
    chosen = np.zeros((rounds, total), dtype=bool)
    np.put_along_axis(chosen, order[:, :day], True, axis=1)
    return chosen


def permutation_p(reference: np.ndarray, today: np.ndarray, rounds: int = 500, seed: int = 0) -> float:
    """How often a random day out of both differs at least as much: exact for any sample size, never 0."""
    both = np.concatenate([today, reference])
    matrix = kernel(both, both, median_distance(both))  # the width sees no labels, so the test stays exact
    observed = np.arange(len(both))[None] < len(today)
    random = mmd2(matrix, splits(len(both), len(today), rounds, seed))
    return float((1 + (random >= mmd2(matrix, observed)[0]).sum()) / (1 + rounds))


# ------------------------------------------------------------------------------------------- a monitor
@dataclass
class Baseline:
    """The reference: bins and counts of each feature, its vectors, and the limit of each statistic."""

    inner: dict[str, np.ndarray]
    count: dict[str, np.ndarray]
    limits: dict[str, float]
    null: dict[str, np.ndarray]  # what each statistic was on random splits of the reference
    vectors: np.ndarray | None = None
    width: float = 1.0
    inside: float = 0.0  # mean kernel of two different reference vectors


def baseline(reference: dict[str, np.ndarray], vectors=None, *, day: int, rounds: int = 1000, alarm_rate: float = 0.01, seed: int = 0) -> Baseline:
    """Limits such that a day of `day` requests like the reference alarms at all with probability ≤ about `alarm_rate`.

    Each statistic gets its part of the rate (Bonferroni); its limit is that quantile over random splits of the reference.
    Raises ValueError when the reference is too small, or the rounds too few for the quantile.
    """
    total = len(next(iter(reference.values())))
    tests = len(reference) + (vectors is not None)
    if total < 3 * day:
        raise ValueError(f"a reference of {total} requests for days of {day}: take at least {3 * day}, or smaller days.")
    if rounds * alarm_rate / tests < 2:
        raise ValueError(f"{rounds} splits cannot show a rate of {alarm_rate / tests:g}: take at least {int(2 * tests / alarm_rate)}.")
    chosen = splits(total, day, rounds, seed)
    inner = {name: edges(values) for name, values in reference.items()}
    null, count = {}, {}
    for name, values in reference.items():
        places = np.searchsorted(inner[name], values, side="left")
        one_hot = np.eye(len(inner[name]) + 1)[places]  # (N, bins)
        null[name], count[name] = psi((~chosen).astype(float) @ one_hot, chosen.astype(float) @ one_hot), one_hot.sum(0)
    made = Baseline(inner, count, {}, null)
    if vectors is not None:
        made.vectors, made.width = vectors, median_distance(vectors)
        matrix = kernel(vectors, vectors, made.width)
        made.inside = float((matrix.sum() - np.trace(matrix)) / (total * (total - 1)))
        null["MMD"] = mmd2(matrix, chosen)
    made.limits = {name: float(np.quantile(values, 1 - alarm_rate / tests, method="higher")) for name, values in null.items()}
    for name in reference:
        if made.limits[name] == 0:
            made.limits[name] = unseen_limit(total, day, alarm_rate / tests)
    return made


def unseen_limit(total: int, day: int, rate: float) -> float:
    """The PSI up to which something that the reference never had may still be chance.

    None of `total` requests had it, so its share may be as high as 3 / total (the rule of three, Hanley & Lippman-Hand
    1983); a day then has up to `most` of it. Splits of the reference cannot know: for them the limit would be 0.
    """
    most = int(binom.ppf(1 - rate, day, 3 / total))
    return float(psi([total, 0], [day - most, most]))


def statistics(usual: Baseline, today: dict[str, np.ndarray], vectors=None) -> dict[str, float]:
    """PSI of each feature of the day, and MMD² of its vectors, against the reference."""
    found = {name: float(psi(usual.count[name], counts(today[name], inner))) for name, inner in usual.inner.items()}
    if usual.vectors is not None:
        own, across = kernel(vectors, vectors, usual.width), kernel(vectors, usual.vectors, usual.width)
        n = len(vectors)
        found["MMD"] = float((own.sum() - np.trace(own)) / (n * (n - 1)) + usual.inside - 2 * across.mean())
    return found


def alarms(usual: Baseline, found: dict[str, float]) -> list[str]:
    """Names of the statistics above their limit."""
    return [name for name, value in found.items() if value > usual.limits[name]]
