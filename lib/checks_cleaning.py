"""The exercise checks of lesson 03; how a check answers is said in lib.checks."""

from lib.checks import WrongAnswer, exercise


@exercise
def chance_to_meet(function):
    """03, exercise 1: `function(s, bands, rows)` is the probability of sharing a bucket."""
    got = function(0.8, 20, 5)
    if got is ...:
        return ...
    for s, bands, rows, wanted, where in (
        (0.8, 20, 5, 1 - (1 - 0.8**5) ** 20, "One band agrees with s^rows; all of them differ with (1 − s^rows)^bands."),
        (0.5, 1, 3, 0.125, "One band of three numbers: 0.5³."),
        (0.5, 3, 1, 0.875, "Three bands of one number: 1 − 0.5³."),
        (1.0, 4, 2, 1.0, "Equal texts always meet."),
        (0.0, 4, 2, 0.0, "Texts without a common piece never do."),
    ):
        got = function(s, bands, rows)
        if not isinstance(got, int | float) or abs(got - wanted) > 1e-9:
            raise WrongAnswer(f"got {got} for s = {s}, {bands} bands of {rows}; expected {wanted:.4f}. {where}")


@exercise
def leaking_share(function):
    """03, exercise 2: `function(documents)` is the share of documents with personal data that leak."""
    got = function([[True, False], [True], []])
    if got is ...:
        return ...
    for documents, wanted, where in (
        ([[True, False], [True], []], 0.5, "One of the two documents with personal data leaks; the empty one is not counted."),
        ([[True, True], [True]], 0.0, "Everything is found."),
        ([[False, False, False], [True], [True], [True]], 0.25, "A document leaks once, however many spans are missed."),
        ([[False]], 1.0, "The only document leaks."),
    ):
        got = function([list(d) for d in documents])
        if not isinstance(got, int | float) or abs(got - wanted) > 1e-9:
            raise WrongAnswer(f"got {got} for {documents}, expected {wanted}. {where}")


@exercise
def card_is_valid(function):
    """03, exercise 3: `function(number)` applies Luhn's rule."""
    got = function("4111 1111 1111 1111")
    if got is ...:
        return ...
    for number, wanted, where in (
        ("4111 1111 1111 1111", True, "A well-known test number."),
        ("4111 1111 1111 1112", False, "The last digit is wrong."),
        ("5500-0000-0000-0004", True, "Hyphens do not count."),
        ("1411 1111 1111 1111", False, "Two neighbouring digits were swapped: the sum must notice."),
        ("79927398713", True, "Eleven digits: begin to double from the right, not from the left."),
        ("79927398710", False, "Its right last digit is 3."),
        ("0000 0000 0000 0091", True, "9 doubled is 18, minus 9 is 9; together with the 1 that makes 10."),
        ("0000 0000 0000 0059", True, "5 doubled is 10, minus 9 is 1; together with the 9 that makes 10."),
        ("0000 0000 0000 0042", True, "4 doubled is 8, and 9 is not subtracted; together with the 2 that makes 10."),
    ):
        got = function(number)
        if got is not wanted:
            raise WrongAnswer(f"got {got!r} for {number}, expected {wanted}. {where}")
