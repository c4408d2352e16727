"""The exercise checks of lesson 04; how a check answers is said in lib.checks."""

from lib.checks import WrongAnswer, exercise


@exercise
def percent_of_scale(function):
    """04, exercise 1: `function(grades)` turns grades from 1 to 5 into a share of the scale from 0 to 1."""
    got = function([4, 4, 4, 4])
    if got is ...:
        return ...
    hints = {0.8: "4 of 5 looks like 80 %, but the scale begins at 1: the worst possible row would have 20 %.",
             4.0: "That is the mean grade. Where on the way from 1 to 5 does it lie?", 3.0: "That is how far it is from 1. As a share of the whole way?"}
    for grades, wanted, where in (
        ([4, 4, 4, 4], 0.75, "From 1 to 4 it is three of four steps."),
        ([1, 1, 1, 1], 0.0, "The worst row stands at 0."),
        ([5, 5, 5, 5], 1.0, "The best row stands at 1."),
        ([5, 1], 0.5, "One best and one worst grade: the middle."),
        ([2], 0.25, "One step of four."),
    ):
        got = function(list(grades))
        if isinstance(got, bool) or not isinstance(got, int | float) or abs(got - wanted) > 1e-9:
            hint = next((text for value, text in hints.items() if isinstance(got, int | float) and abs(got - value) < 1e-9), where)
            raise WrongAnswer(f"got {got!r} for {grades}, expected {wanted}. {hint}")


@exercise
def winner(function):
    """04, exercise 2: `function(a_first, a_second)` is "a", "b" or "tie" from both orders."""
    got = function(0.9, 0.8)
    if got is ...:
        return ...
    for first, second, wanted, where in (
        (0.9, 0.8, "a", "a wins in both places."),
        (0.1, 0.3, "b", "a loses in both places."),
        (0.9, 0.2, "tie", "a wins only when it is shown first: the judge chose a place, not an answer."),
        (0.4, 0.7, "tie", "a wins only when it is shown second."),
        (0.5, 0.9, "tie", "0.5 is no decision, so the two orders do not agree."),
        (0.9, 0.5, "tie", "0.5 is no decision, so the two orders do not agree."),
        (0.5, 0.1, "tie", "0.5 is no decision for b either."),
        (0.1, 0.5, "tie", "0.5 is no decision for b either."),
        (0.6, 0.51, "a", "Above one half in both places is enough."),
        (0.49, 0.2, "b", "Below one half in both places is enough."),
    ):
        got = function(first, second)
        if got != wanted:
            raise WrongAnswer(f"got {got!r} for P(a shown first) = {first}, P(a shown second) = {second}; expected {wanted!r}. {where}")


@exercise
def torn_groups(function):
    """04, exercise 3: `function(names, parts)` is the set of groups that lie in more than one part."""
    got = function(["a", "a", "b"], ["train", "test", "test"])
    if got is ...:
        return ...
    for names, parts, wanted, where in (
        (["a", "a", "b"], ["train", "test", "test"], {"a"}, "Group a is in train and in test."),
        (["a", "a", "b"], ["train", "train", "test"], set(), "Every group is on one side."),
        (["a", "b", "a", "b"], ["train", "validation", "test", "validation"], {"a"}, "Three parts; b is only in validation."),
        ([], [], set(), "No rows, nothing torn."),
    ):
        got = function(list(names), list(parts))
        if not isinstance(got, set) or got != wanted:
            raise WrongAnswer(f"got {got!r} for groups {names} in parts {parts}, expected {wanted or 'an empty set'}. {where}")
