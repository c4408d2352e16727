"""The exercise checks of lessons 14 and 15 (see lib.checks)."""

import math

from lib.checks import WrongAnswer, exercise


def _close(got, wanted, where: str) -> None:
    if not isinstance(got, int | float) or isinstance(got, bool) or not math.isclose(got, wanted, rel_tol=1e-6, abs_tol=1e-9):
        raise WrongAnswer(f"got {got}, expected {wanted:g}. {where}")


@exercise
def spot_bill(function):
    """14, exercise 1: `function(seconds, hourly, discount)` is what the attempts of a spot job cost."""
    first = function([3600], 2.0, 0.5)
    if first is ...:
        return ...
    _close(first, 1.0, "One hour at $2 with half of the price off.")
    _close(function([600, 1200], 1.408, 0.6), 1800 / 3600 * 1.408 * 0.4, "Every attempt is paid: add their seconds.")
    _close(function([7200], 3.0, 0.0), 6.0, "Without a discount the full price.")


@exercise
def lost_steps(function):
    """14, exercise 2: `function(killed_at, save_every)` counts the finished steps that are computed again."""
    first = function(28, 10)
    if first is ...:
        return ...
    _close(first, 7, "Steps 1 to 27 are finished, the checkpoint is at 20: steps 21 to 27 are lost.")
    _close(function(5, 10), 4, "There is no checkpoint yet: all 4 finished steps are lost.")
    _close(function(31, 10), 0, "The checkpoint of step 30 was just written.")
    _close(function(41, 7), 5, "40 finished, the checkpoint is at 35.")


@exercise
def shard_gib(function):
    """14, exercise 3: `function(parameters, processes)` is the GiB of weights, gradients and AdamW state in each process."""
    first = function(1024**3, 1)
    if first is ...:
        return ...
    _close(first, 16.0, "Weight, gradient and two moments, 4 bytes each: 16 bytes a parameter.")
    _close(function(1024**3, 4), 4.0, "Each process holds its part of everything.")
    _close(function(8_030_261_248, 8), 8_030_261_248 * 16 / 8 / 1024**3, "GiB are 1024³ bytes.")


@exercise
def requests_usd(function):
    """15, exercise 1: `function(hourly, requests_per_second, busy)` is the price of 1,000 requests on an endpoint that is always on."""
    first = function(3.6, 1.0, 1.0)
    if first is ...:
        return ...
    _close(first, 1.0, "3,600 requests an hour for $3.60: $1 for 1,000.")
    _close(function(1.515, 10, 1.0), 1.515 / 36_000 * 1000, "More requests in the hour share its price.")
    _close(function(3.6, 1.0, 0.1), 10.0, "At a tenth of the load the same hour is shared by a tenth of the requests.")


@exercise
def waiting_ms(function):
    """15, exercise 2: `function(service_ms, in_front, workers)` is how long the next request waits and is answered."""
    first = function(100, 0, 1)
    if first is ...:
        return ...
    _close(first, 100, "Nobody is in front: only its own time.")
    _close(function(100, 7, 1), 800, "Seven in front of it at one worker, and its own time.")
    _close(function(100, 8, 4), 300, "Four workers take eight requests in two rounds; then its own.")
    _close(function(50, 3, 2), 100, "Three in front at two workers: one full round is over when its turn comes.")


@exercise
def expired(function):
    """15, exercise 3: `function(age_seconds, ttl_seconds, retries, most)` says whether an asynchronous request is given up."""
    first = function(10, 60, 0, 3)
    if first is ...:
        return ...
    cases = [((10, 60, 0, 3), False, "young, never tried: keep it"), ((61, 60, 0, 3), True, "older than its time to live"),
             ((10, 60, 3, 3), True, "tried as often as allowed"), ((60, 60, 2, 3), False, "exactly at the limit it still lives"),
             ((61, 60, 3, 3), True, "both")]
    for given, wanted, where in cases:
        got = function(*given)
        if got is not wanted:
            raise WrongAnswer(f"{given}: got {got!r}, expected {wanted}: {where}.")
