"""The exercise checks of lesson 09; how a check answers is said in lib.checks."""

import math

from lib.checks import WrongAnswer, exercise


def _close(got, wanted: float, where: str) -> None:
    number = isinstance(got, int | float) and not isinstance(got, bool)
    if not number or not math.isclose(got, wanted, rel_tol=1e-6, abs_tol=1e-9):
        raise WrongAnswer(f"got {got!r}, expected {wanted:.6f}. {where}")


@exercise
def pair_loss(function):
    """09, exercise 1: `function(chosen, rejected, ref_chosen, ref_rejected, beta)` is the DPO loss of one pair."""
    got = function(-10.0, -14.0, -11.0, -12.0, 0.5)
    if got is ...:
        return ...
    wanted = math.log(1 + math.exp(-1.5))  # chosen moved by +1, rejected by -2, times 0.5
    hints = {math.log(1 + math.exp(-3.0)): "\u03b2 is missing.", math.log(1 + math.exp(-2.0)): "The reference is missing: compare how far each answer moved.",
             math.log(1 + math.exp(1.5)): "The sign: a large margin must give a small loss.", 1.5: "That is the margin. The loss is \u2212log \u03c3(margin)."}
    hint = next((text for value, text in hints.items() if isinstance(got, int | float) and math.isclose(got, value, rel_tol=1e-6)),
                "Chosen moved by +1, rejected by \u22122: the margin is 0.5 \u00b7 3.")
    _close(got, wanted, hint)
    _close(function(-5.0, -5.0, -5.0, -5.0, 0.1), math.log(2), "Model and reference agree: log 2.")
    _close(function(-20.0, -13.0, -15.0, -14.0, 0.2), math.log(1 + math.exp(1.2)), "Chosen fell by 5 and rejected rose by 1: the margin is negative.")


@exercise
def margin_of(function):
    """09, exercise 2: `function(probability)` is the margin m with sigma(m) = probability."""
    got = function(0.9)
    if got is ...:
        return ...
    _close(got, math.log(9), "At nine to one the margin is log 9.")
    _close(function(0.5), 0.0, "Even odds: no margin.")
    _close(function(0.2), math.log(0.25), "One of five: a negative margin.")


@exercise
def reference_is_right(function):
    """09, exercise 3: `function(first_loss)` is True if the loss is log 2."""
    got = function(math.log(2))
    if got is ...:
        return ...
    for loss, wanted, why in ((math.log(2), True, "that is log 2."), (0.6935, True, "0.6935 is log 2 within 0.001."), (0.52, False, "0.52 lies below log 2."),
                              (0.81, False, "0.81 lies above log 2: the reference is another model.")):
        if function(loss) is not wanted:
            raise WrongAnswer(f"for a first loss of {loss:.4f} expected {wanted}: {why}")
