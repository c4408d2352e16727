"""The exercise checks. A check prints "not attempted yet" for the untouched stub, so that Run All stays
green; it raises WrongAnswer, with the numbers, for a wrong answer; and it prints ✓ for a right one."""

import functools

import torch


class WrongAnswer(AssertionError):
    """The message says what came out, what was expected, and where to look."""


def exercise(check):
    """Turn a function that tests an answer into a check cell's call; `...` means not attempted."""

    @functools.wraps(check)
    def run(answer):
        try:
            untouched = answer is ... or check(answer) is ...
        except WrongAnswer:
            raise
        except Exception as error:
            raise WrongAnswer(f"your code stopped with {type(error).__name__}: {error}") from error
        print("not attempted yet" if untouched else "✓ right")

    return run


def _expect(got, wanted, where: str) -> None:
    if isinstance(wanted, torch.Tensor):
        same = isinstance(got, torch.Tensor) and got.shape == wanted.shape and torch.allclose(got, wanted, rtol=1e-5)
    else:
        same = got == wanted
    if not same:
        raise WrongAnswer(f"got {got}, expected {wanted}. {where}")


@exercise
def lora_parameters(function):
    """06, exercise 1: `function(shapes, rank)` counts the trainable numbers of LoRA."""
    first = function([(6, 4)], 2)
    if first is ...:
        return ...
    _expect(first, 20, "B is (out, r) and A is (r, in): one (6, 4) layer at rank 2 has 6·2 + 2·4.")
    _expect(function([(4096, 4096)] * 2 + [(1024, 4096)], 8), 172_032, "Sum over all layers, each with its own shape.")


@exercise
def merged_weight(function):
    """06, exercise 2: `function(weight, a, b, alpha, rank)` folds an adapter into the frozen weight."""
    generator = torch.Generator().manual_seed(0)
    weight, a, b = (torch.randn(*s, generator=generator) for s in ((5, 4), (2, 4), (5, 2)))
    before = weight.clone()
    got = function(weight, a, b, 6, 2)
    if got is ...:
        return ...
    if not torch.equal(weight, before):
        raise WrongAnswer("the frozen weight was changed in place: a second adapter would start from the wrong base.")
    _expect(got, weight + 3.0 * (b @ a), "W' = W + (α / r)·B·A with B (out, r) and A (r, in); here α / r = 3.")


@exercise
def answer_labels(function):
    """06, exercise 3: `function(ids, answer_start)` gives the labels of one example."""
    ids = [1, 7, 8, 9, 20, 21, 2]  # BOS, three prompt tokens, two answer tokens, EOS
    got = function(list(ids), 4)
    if got is ...:
        return ...
    got = list(got)
    if len(got) != len(ids):
        raise WrongAnswer(f"{len(got)} labels for {len(ids)} tokens. One label a token; −100 where nothing is scored.")
    if got[-1] != 2:
        raise WrongAnswer("the last token (EOS) has no label: this model would never learn to stop.")
    _expect(got, [-100] * 4 + [20, 21, 2], "Everything before answer_start is −100; the answer keeps its ids.")
