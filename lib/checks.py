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


@exercise
def p95_of(function):
    """00, exercise 1: `function(latencies_ms)` is the 95th percentile by nearest rank."""
    unsorted = [120, 10, 90, 40, 200, 70, 20, 150, 60, 180, 30, 110, 50, 170, 80, 140, 100, 160, 130, 190]
    got = function(list(unsorted))
    if got is ...:
        return ...
    hints = {
        190.5: "That lies between two requests (as numpy interpolates). Nearest rank takes a time that occurred.",
        105.0: "That is the mean: it hides that one request in twenty is slow.",
        200: "That is the slowest of all. 95 % of 20 requests are 19 of them: count places from 0.",
        130: "Sort first: places 1 to 19 must hold the fastest 19 requests.",
    }
    close = next((hint for value, hint in hints.items() if got == value or abs(got - value) < 1e-6), None)
    _expect(got, 190, close or "Sort the 20 times and take the 19th: 19 is 95 % of 20.")
    _expect(function([7]), 7, "A single request is its own P95.")
    _expect(function(list(range(1, 31))), 29, "95 % of 30 is 28.5: round up, 29 requests must be fast enough.")


@exercise
def keeps_the_promise(function):
    """00, exercise 2: `function(promise, score, p95_ms, general_kept)` is True if every line is kept."""
    from types import SimpleNamespace

    from lib.evaluate import Score

    promise = SimpleNamespace(target=0.85, p95_ms=500, general_kept=0.8)
    good = Score(0.93, 0.90, 0.96, 200)
    got = function(promise, good, 320, 0.9)
    if got is ...:
        return ...
    if not isinstance(got, bool):
        raise WrongAnswer(f"got {got!r}, expected True or False. A gate opens or it does not.")
    _expect(got, True, "90 % ≥ 85 %, 320 ms ≤ 500 ms and 90 % kept ≥ 80 %: this model is released.")
    cases = [
        (Score(0.88, 0.82, 0.93, 200), 320, 0.9, False,
         "The score is 88 %, but its interval begins at 82 %: compare score.low with the target."),
        (good, 640, 0.9, False, "640 ms > 500 ms: a right answer that comes too late breaks the promise."),
        (good, 320, 0.5, False, "Half of the general answers are gone: the guard must refuse it."),
        (Score(0.60, 0.55, 0.65, 200), 640, 0.5, False, "Nothing is kept here."),
        (Score(0.91, 0.85, 0.95, 200), 500, 0.8, True, "Exactly on the line is kept: “at least” and “at most”."),
    ]
    for score, p95_ms, general_kept, wanted, where in cases:
        _expect(function(promise, score, p95_ms, general_kept), wanted, where)
