"""The exercise checks of lesson 13; how a check answers is said in lib.checks."""

import math

from lib.checks import WrongAnswer, exercise


def _truth(got, wanted: bool, where: str) -> None:
    if not isinstance(got, bool) and type(got).__name__ != "bool":
        raise WrongAnswer(f"got {got!r}, expected True or False. {where}")
    if bool(got) is not wanted:
        raise WrongAnswer(f"got {bool(got)}, expected {wanted}. {where}")


@exercise
def forgot(function):
    """13, exercise 1: `function(lost, gained)` is True if the exact paired test says that something was forgotten."""
    got = function(8, 0)
    if got is ...:
        return ...
    _truth(got, True, "8 lost, none gained: a coin does that in 1 of 128 (both sides counted).")
    for lost, gained, wanted, where in ((5, 0, False, "5 to 0 has p = 0.0625: not below 0.05. One side alone would be 0.031; nobody said beforehand which side."),
                                        (6, 0, True, "6 to 0 has p = 0.031."), (0, 0, False, "Nothing changed: nothing to test."),
                                        (0, 9, False, "9 gained and none lost is no forgetting."), (20, 15, False, "20 to 15 is what a coin does."),
                                        (30, 9, True, "30 to 9 has p = 0.001.")):
        _truth(function(lost, gained), wanted, where)


@exercise
def bits_of(function):
    """13, exercise 2: `function(loss_nats_per_token, tokens, text)` is the loss in bits per byte of UTF-8."""
    got = function(math.log(2), 4, "abcd")
    if got is ...:
        return ...
    for loss, tokens, text, wanted, where in ((math.log(2), 4, "abcd", 1.0, "log 2 nats a token are one bit a token; one token a byte: 1."),
                                              (1.0, 3, "abcdef", 3 / math.log(2) / 6, "The whole loss is 3 nats: divide by ln 2 and by 6 bytes."),
                                              (2.0, 5, "шум", 10 / math.log(2) / 6, "«шум» has 3 letters and 6 bytes.")):
        got = function(loss, tokens, text)
        if isinstance(got, bool) or not isinstance(got, int | float) or not math.isclose(got, wanted, rel_tol=1e-6):
            raise WrongAnswer(f"got {got!r}, expected {wanted:.4f}. {where}")


@exercise
def keeps_line(function):
    """13, exercise 3: `function(share, limit)` is True if the upper end of a share of bad answers is at most the limit."""
    good = {"value": 0.1, "low": 0.05, "high": 0.18, "n": 60}
    got = function(good, 0.25)
    if got is ...:
        return ...
    _truth(got, True, "The interval ends at 18 %, below 25 %.")
    for share, limit, wanted, where in (({**good, "high": 0.31}, 0.25, False, "10 % were seen, but the interval ends at 31 %."), (None, 0.25, False, "Not measured is not kept."),
                                        ({**good, "high": 0.25}, 0.25, True, "Exactly on the line is kept: “at most”."), ({"value": 0.6, "low": 0.5, "high": 0.7, "n": 60}, 0.25, False, "Nothing is kept here.")):
        _truth(function(share, limit), wanted, where)
