"""The exercise checks of lesson 08; how a check answers is said in lib.checks."""

import torch

from lib.checks import WrongAnswer, exercise


@exercise
def bottleneck_parameters(function):
    """08, exercise 1: `function(hidden, layers, k)` counts two adapters with biases in each layer."""
    got = function(10, 3, 2)
    if got is ...:
        return ...
    hints = {3 * (2 * 10 * 2 + 2 + 10): "That is one adapter a layer; there are two, behind the attention and behind the MLP.",
             3 * 2 * 2 * 10 * 2: "The biases are missing: k for the way down, hidden for the way up.",
             2 * (2 * 10 * 2 + 2 + 10): "That is one layer; there are three.",
             3 * 2 * (10 * 2 + 2 + 10): "Two matrices: hidden·k down and k·hidden up.",
             3 * 2 * (2 * 10 * 2 + 2 * 2): "The bias of the way up has `hidden` numbers, not k."}
    for arguments, wanted in (((10, 3, 2), 312), ((192, 4, 16), 4 * 2 * (2 * 192 * 16 + 16 + 192))):
        found = function(*arguments)
        if found != wanted:
            raise WrongAnswer(f"got {found!r}, expected {wanted:,} for hidden, layers, k = {arguments}. "
                              + hints.get(found, "layers · 2 · (2·hidden·k + k + hidden)."))


@exercise
def added(function):
    """08, exercise 2: `function(a1, b1, a2, b2, w1, w2)` → (A, B) with B @ A = w1·b1@a1 + w2·b2@a2."""
    generator = torch.Generator().manual_seed(0)
    a1, b1, a2, b2 = (torch.randn(*shape, generator=generator) for shape in ((2, 6), (5, 2), (3, 6), (5, 3)))
    kept = [t.clone() for t in (a1, b1, a2, b2)]
    got = function(a1, b1, a2, b2, 0.5, 2.0)
    if got is ...:
        return ...
    if not (isinstance(got, tuple) and len(got) == 2 and all(isinstance(t, torch.Tensor) for t in got)):
        raise WrongAnswer(f"expected two tensors (A, B), got {type(got).__name__}.")
    if not all(torch.equal(now, then) for now, then in zip((a1, b1, a2, b2), kept, strict=True)):
        raise WrongAnswer("the adapters that came in were changed: make new tensors.")
    a, b = got
    if a.shape[0] != b.shape[1] or b.shape[0] != 5 or a.shape[1] != 6:
        raise WrongAnswer(f"A has the shape {tuple(a.shape)} and B {tuple(b.shape)}: expected (5, 6), the ranks put one after the other. "
                          "A's are stacked downwards (dim=0), B's side by side (dim=1).")
    wanted, plain = 0.5 * b1 @ a1 + 2.0 * b2 @ a2, b1 @ a1 + b2 @ a2
    if torch.allclose(b @ a, wanted, atol=1e-5):
        return
    if torch.allclose(b @ a, plain, atol=1e-5):
        raise WrongAnswer("that is the plain sum: the weights w1 and w2 are missing.")
    if torch.allclose(b @ a, 0.25 * b1 @ a1 + 4.0 * b2 @ a2, atol=1e-5):
        raise WrongAnswer("the weights came in twice, with A and with B: once is enough.")
    raise WrongAnswer("B @ A is not w1·b1@a1 + w2·b2@a2. Its cross terms must be zero: look at `cat` in section 7.")


@exercise
def decision(function):
    """08, exercise 3: `function(wins, losses, requests, needed)` → "A", "B", "no decision" or "too early"."""
    if function(40, 10, 200, 160) is ...:
        return ...
    cases = [
        ((40, 10, 200, 160), "A", "40 against 10 is no fair coin (p < 0.001), and the plan was kept."),
        ((10, 40, 200, 160), "B", "B won the disagreements."),
        ((12, 9, 200, 160), "no decision", "12 against 9 happens with a fair coin in two tests of three."),
        ((30, 5, 90, 160), "too early", "the plan was 160 requests. Stopping when one likes what one sees finds differences that are not there."),
        ((0, 0, 200, 160), "no decision", "they never disagreed."),
        ((15, 5, 160, 160), "A", "exactly the planned number is enough, and 15 against 5 has p = 0.04."),
        ((10, 0, 200, 160), "A", "10 against 0 has p = 0.002."),
        ((14, 6, 200, 160), "no decision", "14 against 6 has p = 0.12."),
    ]
    for arguments, wanted, why in cases:
        found = function(*arguments)
        if found != wanted:
            raise WrongAnswer(f"wins, losses, requests, needed = {arguments}: got {found!r}, expected {wanted!r}: {why}")
