"""Divide data so that the test is new: whole groups on one side, near-duplicates in the same group.

    groups(keys, near)              rows that share a key or are near-duplicates get one group name
    split(names, {"train": 0.8, "test": 0.2})    a part for every row; no group is cut
    leaks(texts, parts)             pairs of near-duplicates that the split has torn apart
    interval(hits, names)           a score's interval that counts groups, not rows
"""

import hashlib
from collections import Counter, defaultdict

import numpy as np

from lib import dedup
from lib.evaluate import Score


def groups(keys: list[list[str]], near: list[tuple[int, int]] = ()) -> list[str]:
    """`groups([["patient 1"], ["patient 1", "note 7"], ["patient 2"]])` → ["g0", "g0", "g2"].

    `keys`: for each row everything it must not share with another part (patient, entity, template, source file);
    `near`: pairs of rows that are near-duplicates. Rows joined by any chain of these get one name, that of the
    first of them.
    """
    first: dict[str, int] = {}
    pairs = [(first.setdefault(key, i), i) for i, own in enumerate(keys) for key in own]
    pairs = [(i, j) for i, j in pairs if i != j] + [(i, j) for i, j, *_ in near]
    kept = dedup.copies(pairs, len(keys))
    return [f"g{kept.get(i, i)}" for i in range(len(keys))]


def split(names: list[str], shares: dict[str, float], seed: int = 0, largest: float = 0.5) -> list[str]:
    """`split(["a", "a", "b", "c", "d"], {"train": 0.8, "test": 0.2})` → a part for each row, never two for a group.

    Groups are drawn by a hash of name and seed, so adding rows later moves no old group; shares are of the rows and
    are met as closely as the groups allow, largest groups first. Raises ValueError when shares do not sum to 1, or
    when one group holds more than `largest` of the rows: then there is nothing left to divide.
    """
    if abs(sum(shares.values()) - 1) > 1e-9 or min(shares.values()) <= 0:
        raise ValueError(f"shares must be above 0 and sum to 1, these are {shares}.")
    sizes = Counter(names)
    if not names:
        raise ValueError("no rows to split: the list is empty.")
    name, size = sizes.most_common(1)[0]
    if size > largest * len(names):
        raise ValueError(f"group {name!r} holds {size} of {len(names)} rows, so no split can keep it on one side and leave a "
                         "test of use. Are the keys too coarse, or do near-duplicates of templated texts chain all rows together?")
    part = {}
    for group in sizes:
        draw, below = _draw(group, seed), 0.0
        for part_name, share in shares.items():
            below += share
            if draw < below or part_name == list(shares)[-1]:
                part[group] = part_name
                break
    return [part[group] for group in names]


def _draw(group: str, seed: int) -> float:
    digest = hashlib.blake2b(f"{seed} {group}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def leaks(texts: list[str], parts: list[str], threshold: float = 0.7) -> list[tuple[int, int, float]]:
    """Pairs of near-duplicates (rows i < j, similarity) in different parts; [] is what a split must show."""
    return [(i, j, s) for i, j, s in dedup.near_pairs(texts, threshold) if parts[i] != parts[j]]


def interval(hits, names: list[str], seed: int = 0, draws: int = 2000) -> Score:
    """Share of hits with a 95 % bootstrap interval that draws whole groups: copies of one row count once.

    `interval([1, 1, 1, 1, 0, 0], ["a", "a", "a", "a", "b", "c"])` is wider than evaluate.interval of the same hits.
    Source: the cluster bootstrap (Field & Welsh 2007).
    """
    by_group = defaultdict(list)
    for hit, name in zip(hits, names, strict=True):
        by_group[name].append(float(hit))
    sums = np.array([sum(own) for own in by_group.values()])
    sizes = np.array([len(own) for own in by_group.values()])
    if len(sums) < 2:
        raise ValueError("an interval over groups needs at least two of them.")
    value = float(sums.sum() / sizes.sum())
    if value in (0.0, 1.0):  # no draw differs: the exact bound for this many groups, as in evaluate.interval
        edge = 0.025 ** (1 / len(sums))
        return Score(1.0, edge, 1.0, len(sums)) if value else Score(0.0, 0.0, 1 - edge, len(sums))
    chosen = np.random.default_rng(seed).integers(0, len(sums), (draws, len(sums)))
    means = sums[chosen].sum(1) / sizes[chosen].sum(1)  # (draws,)
    low, high = np.percentile(means, [2.5, 97.5])
    return Score(value, float(low), float(high), len(sums))
