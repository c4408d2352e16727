"""A small load generator: some users who ask one thing after the other, and what they see.

    seen = run(lambda number: ask(questions[number]), requests=200, users=4)
    summary(seen)   → {"p50_ms": …, "p95_ms": …, "p99_ms": …, "per_second": …, "errors": 0}

A closed loop: each user waits for an answer before asking again, so the load adapts itself to a slow server. Use the
times only together with `users` and `per_second`; under arrivals that do not wait, latencies are worse.
"""

import threading
import time
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Seen:
    """One request: when it was sent (seconds after the start), how long it took, its answer or its error."""

    number: int
    at_s: float
    ms: float
    answer: object = None
    error: str = ""


def run(ask, requests: int, users: int) -> list[Seen]:
    """Call `ask(number)` for number 0 … requests − 1 from `users` threads; an exception becomes an error and the user goes on."""
    if requests < 1 or users < 1:
        raise ValueError(f"requests={requests}, users={users}: both must be at least 1.")
    numbers, lock, seen, began = iter(range(requests)), threading.Lock(), [], time.perf_counter()

    def user():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            started = time.perf_counter()
            try:
                answer, error = ask(number), ""
            except Exception as problem:
                answer, error = None, f"{type(problem).__name__}: {problem}"
            ended = time.perf_counter()
            with lock:
                seen.append(Seen(number, started - began, 1000 * (ended - started), answer, error))

    threads = [threading.Thread(target=user, daemon=True) for _ in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(seen, key=lambda s: s.number)


def summary(seen: list[Seen]) -> dict:
    """Median, P95 and P99 by nearest rank over the requests that were answered, their rate, and the errors."""
    good = sorted(s.ms for s in seen if not s.error)
    if not good:
        raise ValueError(f"none of the {len(seen)} requests was answered; the first error: {seen[0].error if seen else 'no requests'}")
    lasted = max(s.at_s + s.ms / 1000 for s in seen) - min(s.at_s for s in seen)
    return {"p50_ms": rank(good, 0.5), "p95_ms": rank(good, 0.95), "p99_ms": rank(good, 0.99), "per_second": len(good) / lasted, "errors": len(seen) - len(good)}


def rank(values, share: float) -> float:
    """`rank([10, 20, 30, 40], 0.5)` → 20: the smallest value that at least this share does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(1000 * share) // 1000) - 1)]


def p95_interval(seen: list[Seen], draws: int = 1000, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the P95, in milliseconds. Requests of one run depend on each other: it is too narrow rather than too wide."""
    times = np.array([s.ms for s in seen if not s.error])
    generator = np.random.default_rng(seed)
    found = [rank(generator.choice(times, len(times)), 0.95) for _ in range(draws)]
    return float(np.percentile(found, 2.5)), float(np.percentile(found, 97.5))
