"""Beyond one machine: the steps of lib.cleaning with their work spread over Ray workers; the same rows come out.

    import ray; ray.init(num_cpus=2)                   two workers here; ray.init("auto") on a cluster
    steps = spread(cleaning.standard_steps("secret"), workers=2)
    cleaning.run("dump.jsonl", "build/clean", steps)   accounts, reasons and resuming as before

Rule steps look at one row at a time: each worker takes a part of the rows. Near copies are found in three rounds
(signatures by rows, candidates by bands, exact similarities by pairs). Exact copies and steps of your own stay with
the driver. All rows pass through the driver, so its memory is the limit. Where that is too small, and for raw text, use
an engine that never gathers the rows (data-juicer, datatrove); both read the clean.jsonl that is written here.

Ray sends statistics of its use unless RAY_USAGE_STATS_ENABLED is 0; importing this module sets that.
"""

import os

import numpy as np

from lib import cleaning, dedup
from lib.data import ROOT

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when Ray starts

BY_ROW = {"normalise", "markup", "sql", "injection", "profanity", "off-topic", "personal"}
BAND = 4  # numbers in a band, as in dedup.near_pairs


def parts(n: int, count: int) -> list[slice]:
    """`parts(10, 3)` → [slice(0, 3), slice(3, 6), slice(6, 10)]: contiguous, none empty."""
    edges = [k * n // count for k in range(count + 1)]
    return [slice(a, b) for a, b in zip(edges, edges[1:], strict=False) if b > a]


def spread(steps: list[cleaning.Step], workers: int = 2) -> list[cleaning.Step]:
    """The same list of steps; those that can be cut into parts run on Ray, four parts a worker.

    Needs ray.init() before. Raises ImportError with the remedy when Ray is not installed.
    """
    _ray()
    count, out = 4 * workers, []
    for step in steps:
        apply = step.apply
        if step.name in BY_ROW:
            apply = _by_row(step.apply, count)
        elif step.name == "near":
            apply = _near(float(step.settings), count)
        out.append(cleaning.Step(step.name, apply, step.settings))
    return out


def near_pairs(texts: list[str], threshold: float, count: int, permutations: int = 128) -> list[tuple[int, int, float]]:
    """dedup.near_pairs on Ray: the same pairs with the same similarities."""
    if len(texts) < 2:
        return []
    shared = _ray().put(texts)
    signed = np.concatenate(_all(_signatures, [(shared, part, permutations) for part in parts(len(texts), count)]))
    signed = _ray().put(signed)
    bands = [slice(BAND * band.start, BAND * band.stop) for band in parts(permutations // BAND, count)]
    proposed = np.unique(np.concatenate(_all(_candidates, [(signed, columns) for columns in bands])), axis=0)
    answers = _all(_similar, [(shared, proposed[part].tolist(), threshold) for part in parts(len(proposed), count)])
    return [pair for answer in answers for pair in answer]


# ------------------------------------------------------------------------------------------- what a worker does
def _signatures(texts, part, permutations):
    return dedup.signatures(texts[part], permutations)


def _candidates(signed, columns):
    return dedup.candidate_pairs(signed[:, columns], BAND)


def _similar(texts, pairs, threshold):
    scored = [(i, j, dedup.jaccard(dedup.pieces(texts[i]), dedup.pieces(texts[j]))) for i, j in pairs]
    return [pair for pair in scored if pair[2] >= threshold]


def _applied(apply, rows):
    return apply(rows)


# ------------------------------------------------------------------------------------------- on the driver
def _by_row(apply, count: int):
    def run(rows):
        shared = _ray().put(apply)  # sent once: it may hold a model
        answers = _all(_applied, [(shared, rows[part]) for part in parts(len(rows), count)])
        return [row for kept, _, _ in answers for row in kept], [pair for _, gone, _ in answers for pair in gone], sum(a[2] for a in answers)
    return run


def _near(threshold: float, count: int):
    def run(rows):
        texts = [cleaning.asked(row) for row in rows]
        return cleaning.drop_copies(rows, [p for p in near_pairs(texts, threshold, count) if dedup.same_facts(texts[p[0]], texts[p[1]])])
    return run


def _all(function, calls: list[tuple]) -> list:
    """The function's answers, in the order of the calls; every call is a task of Ray."""
    ray = _ray()
    task = ray.remote(function).options(runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}})
    return ray.get([task.remote(*call) for call in calls])


def _ray():
    try:
        import ray
    except ImportError:
        raise ImportError("this path needs Ray: pip install ray, at the version of requirements.txt") from None
    return ray
