"""The exercise checks of lesson 12; how a check answers is said in lib.checks."""

import math

from lib.checks import WrongAnswer, exercise


def _same(got, wanted, where: str) -> None:
    if got != wanted:
        raise WrongAnswer(f"got {got!r}, expected {wanted!r}. {where}")


@exercise
def best_pair(function):
    """12, exercise 1: `function(words)` is the most frequent pair of neighbours."""
    got = function([["a", "b", "c"], ["a", "b"]])
    if got is ...:
        return ...
    _same(got, ("a", "b"), "a, b stands in both words.")
    _same(function([["m"], ["n"], ["m"], ["n"], ["k", "l"]]), ("k", "l"), "m and n are neighbours only in the list: no pair goes from word to word.")
    _same(function([["x", "y", "z"], ["y", "z", "x", "y"], ["z"]]), ("x", "y"), "x+y and y+z come twice each: a tie goes to the first in the alphabet.")
    _same(function([["d", "e", "d", "e"], ["a", "b"]]), ("d", "e"), "Count every place, also two in one word; then the larger count wins.")


@exercise
def bits_of(function):
    """12, exercise 2: `function(nats_per_token, tokens, bytes_of_text)` is the bits per byte."""
    got = function(math.log(2), 300, 600)
    if got is ...:
        return ...
    number = isinstance(got, int | float) and not isinstance(got, bool)
    hints = {math.log(2) / 2: "That is still in nats: one bit is log 2 nats.", 2.0: "Upside down: bits in the numerator, bytes below.",
             1.0: "That is bits per token. How many tokens has a byte?", 0.5 * math.log(2) ** 2: "Divide by log 2; do not multiply."}
    hint = next((text for value, text in hints.items() if number and math.isclose(got, value, rel_tol=1e-9)), "300 tokens of one bit each, over 600 bytes.")
    for arguments, wanted, where in (((math.log(2), 300, 600), 0.5, hint), ((2.0, 1000, 3000), 2000 / math.log(2) / 3000, "2,000 nats in 3,000 bytes.")):
        got = function(*arguments)
        if not isinstance(got, int | float) or not math.isclose(got, wanted, rel_tol=1e-6):
            raise WrongAnswer(f"got {got!r}, expected {wanted:.6f}. {where}")


@exercise
def llama_parameters(function):
    """12, exercise 3: `function(vocabulary, width, inner, layers)` counts a Llama with tied embeddings."""
    got = function(10, 4, 6, 1)
    if got is ...:
        return ...
    right = 10 * 4 + (4 * 16 + 3 * 24 + 8) + 4
    hints = {right + 40: "The embeddings are tied: the output head is the same table.", right - 4: "The norm at the end is missing.",
             right - 8: "Each layer has two norms of one number for each dimension.", right - 24: "The MLP has three matrices: gate, up, down.",
             right - 16: "The attention has four: query, key, value, output."}
    _same(got, right, hints.get(got, "40 in the table, 64 in the attention, 72 in the MLP, 8 + 4 in the norms."))
    _same(function(1024, 96, 288, 3), 1024 * 96 + 3 * (4 * 96 * 96 + 3 * 96 * 288 + 2 * 96) + 96, "Every layer counts; the table and the last norm only once.")
