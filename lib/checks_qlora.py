"""The exercise checks of lesson 07; how a check behaves is said in lib/checks.py."""

import torch

from lib.checks import WrongAnswer, exercise


def _close(got, wanted: float, where: str) -> None:
    if not isinstance(got, int | float) or abs(got - wanted) > 1e-6 * abs(wanted):
        raise WrongAnswer(f"got {got}, expected {wanted}. {where}")


@exercise
def bits_per_weight(function):
    """07, exercise 1: `function(block, double_quantised)` counts the bits of one weight with its constants."""
    first = function(64, False)
    if first is ...:
        return ...
    _close(first, 4.5, "32 bits for each block of 64 weights are half a bit a weight.")
    _close(function(32, False), 5.0, "A smaller block needs more constants.")
    _close(function(64, True), 4 + 8 / 64 + 32 / 16384, "Double quantised: 8 bits a constant, and 32 for every 256 of them.")


@exercise
def round_trip(function):
    """07, exercise 2: `function(block, levels)` rounds a block to the levels and restores it."""
    levels = torch.linspace(-1, 1, 16)
    block = torch.tensor([0.02, -0.07, 0.11, 0.40, -0.40, 0.0])
    before = block.clone()
    got = function(block, levels)
    if got is ...:
        return ...
    if not torch.equal(block, before):
        raise WrongAnswer("the block was changed in place: the model would lose its weights while you look at them.")
    wanted = levels[torch.tensor([8, 6, 10, 15, 0, 7])] * 0.40
    if not torch.allclose(got[:5], wanted[:5], atol=1e-6):
        raise WrongAnswer(f"got {got[:5]}, expected {wanted[:5]}. Divide by the absmax, take the nearest level, multiply back.")
    if not torch.equal(function(torch.zeros(4), levels), torch.zeros(4)):
        raise WrongAnswer("a block of zeros must stay zero: its absmax is 0, and 0 / 0 is not a number.")


@exercise
def model_bytes(function):
    """07, exercise 3: `function(total, inside)` gives the bytes of a model with its linear layers in four bits."""
    first = function(1000, 0)
    if first is ...:
        return ...
    _close(first, 2000, "Without quantised layers every weight takes two bytes.")
    _close(function(134_515_008, 106_168_320), 106_168_320 * (4 + 8 / 64 + 32 / 16384) / 8 + 28_346_688 * 2,
           "Add both parts: 4 + 8/64 + 32/(64·256) bits inside, two bytes outside.")
