"""The exercise checks of lesson 11; how a check answers is said in lib.checks."""

import math

import torch

from lib.checks import WrongAnswer, exercise


@exercise
def confidences(function):
    """11, exercise 1: `function([-0.1, -0.3, -9.0], 2)` → (exp(−0.4), exp(−0.2)); what lies behind the end does not count."""
    got = function([-0.1, -0.3, -9.0], 2)
    if got is ...:
        return ...
    if not (isinstance(got, tuple) and len(got) == 2):
        raise WrongAnswer(f"expected two numbers (whole answer, mean token), got {got!r}.")
    whole = {math.exp(-9.4): "The padding after the end was counted: only the first `tokens` belong to the answer.",
             -0.4: "That is the logarithm: take the exponential.",
             math.exp(-0.1) + math.exp(-0.3): "Probabilities are multiplied, so logarithms are added before the exponential."}
    _near(got[0], math.exp(-0.4), whole, "The whole answer: exp of the sum of the first `tokens` logarithms.")
    mean = {math.exp(-0.4) / 2: "Divide the sum of the logarithms, before the exponential.",
            math.exp(-9.4 / 3): "The padding after the end was counted.", math.exp(-0.4 / 3): "Divide by `tokens`, not by the length of the padded list."}
    _near(got[1], math.exp(-0.2), mean, "The mean token: exp of the mean of the first `tokens` logarithms.")
    _near(function([-0.5, -1.0], 1)[1], math.exp(-0.5), {}, "An answer may have one token.")


@exercise
def kept(function):
    """11, exercise 2: the most answers that can be kept at a precision, the most confident first."""
    cases = [(([0.2, 0.9, 0.5], [False, True, True], 1.0), 2, "Sort by confidence, the highest first."),
             (([0.9, 0.8, 0.7, 0.6], [True, False, True, True], 0.75), 4, "The share may recover: 3 of 4 are right at the last place. Do not stop at the first miss."),
             (([0.9, 0.8], [False, False], 0.5), 0, "Nothing reaches the precision: 0."),
             (([0.9, 0.8, 0.7, 0.6], [True, True, False, False], 0.6), 3, "2 of 3 right is 67 %, enough for 60 %.")]
    for arguments, wanted, hint in cases:
        got = function(*arguments)
        if got is ...:
            return ...
        if got != wanted:
            raise WrongAnswer(f"got {got!r}, expected {wanted} for {arguments}. {hint}")


@exercise
def soft_label_loss(function):
    """11, exercise 3: T²·KL(teacher ‖ pupil) for the logits of one position."""
    pupil, teacher, temperature = torch.tensor([1.0, 0.0, -1.0]), torch.tensor([0.0, 2.0, 0.5]), 2.0
    got = function(pupil, teacher, temperature)
    if got is ...:
        return ...

    def kl(first, second, t):
        p, q = (torch.log_softmax(logits / t, dim=-1) for logits in (first, second))
        return float((p.exp() * (p - q)).sum())

    hints = {kl(teacher, pupil, 2.0): "T² is missing: without it the gradients shrink with the temperature.",
             4 * kl(pupil, teacher, 2.0): "That is KL(pupil ‖ teacher): the teacher comes first.",
             kl(pupil, teacher, 2.0): "The teacher comes first, and T² is missing.",
             4 * kl(teacher, pupil, 1.0): "Divide the logits by the temperature before the softmax.",
             kl(teacher, pupil, 1.0): "The temperature is missing: divide both logits by it, and multiply by its square."}
    _near(got, 4 * kl(teacher, pupil, 2.0), hints, "T² · Σ p · (log p − log q), p the teacher's.")
    _near(function(pupil, pupil, temperature), 0.0, {}, "Two equal distributions have the distance 0.")


def _near(got, wanted: float, hints: dict[float, str], otherwise: str) -> None:
    """Raises WrongAnswer unless `got` is the wanted number; the hint belongs to the mistake that gives `got`."""
    if not isinstance(got, (int, float)) or isinstance(got, bool):
        raise WrongAnswer(f"expected a number, got {type(got).__name__}.")
    if math.isclose(got, wanted, rel_tol=1e-4, abs_tol=1e-6):
        return
    hint = next((text for value, text in hints.items() if math.isclose(got, value, rel_tol=1e-4, abs_tol=1e-6)), otherwise)
    raise WrongAnswer(f"got {got:.5g}, expected {wanted:.5g}. {hint}")
