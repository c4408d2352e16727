"""The exercise checks of lesson 10; how a check answers is said in lib.checks."""

import math

from lib.checks import WrongAnswer, exercise


def _close(got, wanted: float, where: str) -> None:
    number = isinstance(got, int | float) and not isinstance(got, bool)
    if not number or not math.isclose(got, wanted, rel_tol=1e-6, abs_tol=1e-9):
        raise WrongAnswer(f"got {got!r}, expected {wanted:.6g}. {where}")


@exercise
def clipped(function):
    """10, exercise 1: `function(ratio, advantage, epsilon)` is PPO's objective for one token."""
    if function(1.0, 1.0, 0.2) is ...:
        return ...
    for ratio, advantage, epsilon, wanted, where in (
        (1.0, 2.0, 0.2, 2.0, "At ratio 1 nothing is clipped."),
        (1.5, 2.0, 0.2, 2.4, "A good token that already became likelier by half counts as 1 + \u03b5 only."),
        (0.5, 2.0, 0.2, 1.0, "A good token that became less likely is not clipped: min takes the smaller product."),
        (0.5, -2.0, 0.2, -1.6, "A bad token that already became less likely counts as 1 \u2212 \u03b5 only."),
        (1.5, -2.0, 0.2, -3.0, "A bad token that became likelier is not clipped: it must be pushed down."),
        (1.2, 1.0, 0.5, 1.2, "Within 1 \u00b1 \u03b5 the ratio counts as it is."),
    ):
        _close(function(ratio, advantage, epsilon), wanted, where)


@exercise
def leave_one_out(function):
    """10, exercise 2: `function(rewards)` gives each reward minus the mean of the others."""
    if function([4.0, 0.0, 0.0, 0.0]) is ...:
        return ...
    for rewards, wanted in (([4.0, 0.0, 0.0, 0.0], [4.0, -4 / 3, -4 / 3, -4 / 3]), ([1.0, 3.0], [-2.0, 2.0]), ([2.0, 2.0, 2.0], [0.0, 0.0, 0.0])):
        got = list(function(list(rewards)))
        if len(got) != len(rewards):
            raise WrongAnswer(f"{len(got)} advantages for {len(rewards)} rewards: one for each answer of the group.")
        of_all = [own - sum(rewards) / len(rewards) for own in rewards]
        hint = "That is the mean of all; leave the answer itself out." if _same(got, of_all) else "(sum \u2212 own) / (n \u2212 1) is the mean of the others."
        for mine, right in zip(got, wanted, strict=True):
            _close(mine, right, hint)


def _same(got, other) -> bool:
    return all(isinstance(g, int | float) and math.isclose(g, o, abs_tol=1e-9) for g, o in zip(got, other, strict=True))


@exercise
def simpo_lead(function):
    """10, exercise 3: `function(chosen, chosen_tokens, rejected, rejected_tokens, beta, gamma)` stands inside SimPO's sigma."""
    got = function(-20.0, 10, -30.0, 10, 2.0, 0.5)
    if got is ...:
        return ...
    _close(got, 1.5, "Means \u22122 and \u22123: 2.0 \u00b7 1 \u2212 0.5.")
    _close(function(-20.0, 10, -20.0, 20, 2.0, 0.0), -2.0, "Equal sums, but the longer answer is likelier a token: divide each by its own length.")
    _close(function(-12.0, 4, -7.0, 7, 1.0, 1.0), -3.0, "Means \u22123 and \u22121: 1 \u00b7 (\u22122) \u2212 1.")
