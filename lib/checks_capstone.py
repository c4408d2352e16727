"""The exercise checks of lesson 17 (see lib.checks)."""

from lib.checks import WrongAnswer, _expect, exercise


@exercise
def seconds_lost(function):
    """17, exercise 1: `function(seconds, killed_at)` is what a kill costs: the work of the stage that it hit."""
    first = function([10, 30, 5], 25)
    if first is ...:
        return ...
    _expect(first, 15, "The first stage ended at 10 and stays; of the second, 15 of 30 seconds were done and are lost.")
    _expect(function([10, 30, 5], 4), 4, "In the first stage everything so far is lost.")
    _expect(function([10, 30, 5], 43), 3, "Two stages, 40 seconds, are kept.")
    _expect(function([10, 30, 5], 40), 0, "The second stage has just been renamed: nothing is lost.")
    _expect(function([8], 3), 3, "One stage for everything: everything is lost.")


@exercise
def again(function):
    """17, exercise 2: `function(needs, changed)` names the stages that are computed again, in their order."""
    needs = {"clean": ["raw"], "split": ["clean"], "baseline": ["split"], "sft": ["split", "replay"], "dpo": ["sft", "pairs"], "card": ["dpo", "baseline"]}
    first = function(dict(needs), "pairs")
    if first is ...:
        return ...
    _expect(first, ["dpo", "card"], "Only what has the pairs among its inputs, and what has the result of that among its own.")
    _expect(function(dict(needs), "raw"), ["clean", "split", "baseline", "sft", "dpo", "card"], "Everything hangs on the raw file.")
    _expect(function(dict(needs), "replay"), ["sft", "dpo", "card"], "The baseline saw no replay rows.")
    _expect(function(dict(needs), "README"), [], "Nothing has it among its inputs.")


@exercise
def rows_to_hold_out(function):
    """17, exercise 3: `function(expected, target)`: how many held-out rows until the interval can clear the target."""
    got = function(0.9, 0.8)
    if got is ...:
        return ...
    if got == 34:
        raise WrongAnswer("got 34, expected 35: 34.57 rows do not exist, and 34 are too few. Round up.")
    _expect(got, 35, "1.96² · p · (1 − p) / (p − target)² with p = 0.9 is 34.57.")
    _expect(function(0.85, 0.8), 196, "Half of the distance, and more than five times the rows.")
    _expect(function(0.95, 0.5), 1, "A large distance is seen with a row or two, by this rule of thumb.")
