"""The exercise checks of lesson 16 (see lib.checks)."""

import math

from lib import drift
from lib.checks import WrongAnswer, exercise


def _close(got, wanted: float, where: str) -> None:
    if isinstance(got, bool) or not isinstance(got, int | float) or not math.isclose(got, wanted, rel_tol=1e-6, abs_tol=1e-9):
        raise WrongAnswer(f"got {got!r}, expected {wanted:.5f}. {where}")


@exercise
def psi_of(function):
    """16, exercise 1: `function(reference, today)` is the PSI of two lists of counts."""
    first = function([50, 50], [80, 20])
    if first is ...:
        return ...
    for reference, today, where in (([50, 50], [80, 20], "Two bins, 100 requests each: the floor is 0.5 / 100 in both."),
                                    ([100, 300], [10, 50], "The sizes differ: divide each by its own total; the floor is half a request of today, 0.5 / 60."),
                                    ([200, 0], [58, 2], "An empty bin: the floor belongs to it as well."), ([30, 30, 40], [3, 3, 4], "The same shares: 0.")):
        _close(function(list(reference), list(today)), float(drift.psi(reference, today)), where)


@exercise
def any_false_alarm(function):
    """16, exercise 2: `function(rate, statistics, days)` is the probability of at least one alarm in quiet times."""
    first = function(0.05, 1, 1)
    if first is ...:
        return ...
    for given, wanted, where in (((0.05, 1, 1), 0.05, "One statistic, one day: its own rate."), ((0.5, 2, 1), 0.75, "Two coins: 3 of 4 times at least one shows heads. Rates do not add up."),
                                 ((0.05, 5, 30), 1 - 0.95**150, "150 looks, each silent with 95 %."), ((0.01, 1, 30), 1 - 0.99**30, "30 looks at 1 %.")):
        _close(function(*given), wanted, where)


@exercise
def rings(function):
    """16, exercise 3: `function(values, threshold, needed)` is True if enough of the last values are above the threshold."""
    first = function([0.5, 1.5, 1.2], 1.0, 2)
    if first is ...:
        return ...
    for given, wanted, where in ((([0.5, 1.5, 1.2], 1.0, 2), True, "two of three are above"), (([0.5, 0.6, 1.2], 1.0, 2), False, "one of three is not enough"),
                                 (([1.5, None, 1.2], 1.0, 2), True, "a missing value is harmless, the two others are above"), (([None, None, None], 1.0, 1), False, "nothing came, nothing is above"),
                                 (([1.0, 1.0, 1.0], 1.0, 1), False, "exactly at the threshold is not above it"), (([1.5, 1.5, 1.5], 1.0, 2), True, "more than needed rings too")):
        got = function(*given)
        if not isinstance(got, bool):
            raise WrongAnswer(f"{given}: got {got!r}, expected True or False. {where}.")
        if got is not wanted:
            raise WrongAnswer(f"{given}: got {got}, expected {wanted}: {where}.")
