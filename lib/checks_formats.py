"""The exercise checks of lesson 02; how a check answers is said in lib.checks."""

import copy

from lib.checks import WrongAnswer, exercise


def _expect(got, wanted, where: str) -> None:
    if got != wanted:
        raise WrongAnswer(f"got {got!r}, expected {wanted!r}. {where}")


@exercise
def sharegpt_messages(function):
    """02, exercise 1: `function(row)` is the list of messages of a ShareGPT row."""
    turns = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    got = function({"conversations": copy.deepcopy(turns), "system": "Be brief."})
    if got is ...:
        return ...
    if isinstance(got, list) and any(isinstance(m, dict) and m.get("role") in ("human", "gpt") for m in got):
        raise WrongAnswer("human and gpt are ShareGPT's names. A chat template knows user and assistant, and may print "
                          "any other name without complaint.")
    _expect(got, [{"role": "system", "content": "Be brief."}, *talk], "The system text is the first turn.")
    _expect(function({"conversations": turns}), talk, "The field system may be missing: row.get.")
    _expect(function({"conversations": turns, "system": ""}), talk, "An empty system text is no turn.")


@exercise
def preference_pairs(function):
    """02, exercise 2: `function(responses)` is the list of (better text, worse text)."""
    answers = [{"text": "b", "rank": 2}, {"text": "a", "rank": 1}, {"text": "c", "rank": 2}, {"text": "d", "rank": 4}]
    got = function(copy.deepcopy(answers))
    if got is ...:
        return ...
    got = sorted(map(tuple, got))
    if ("b", "c") in got or ("c", "b") in got:
        raise WrongAnswer("b and c have the same rank: a pair of them would teach a preference that nobody stated.")
    if ("b", "a") in got:
        raise WrongAnswer("rank 1 is better than rank 2: (“a”, “b”), not (“b”, “a”).")
    _expect(got, [("a", "b"), ("a", "c"), ("a", "d"), ("b", "d"), ("c", "d")], "Every two answers whose ranks differ.")
    _expect(list(function([{"text": "a", "rank": 1}, {"text": "b", "rank": 1}])), [], "All tied: no pair.")


@exercise
def merged(function):
    """02, exercise 3: `function(messages)` joins turns of the same role that follow each other."""
    turns = [("user", "a"), ("user", "b"), ("assistant", "c"), ("user", "d"), ("user", "e"), ("user", "f"), ("assistant", "g")]
    messages = [{"role": role, "content": text} for role, text in turns]
    given = copy.deepcopy(messages)
    got = function(given)
    if got is ...:
        return ...
    if given != messages:
        raise WrongAnswer("the list that came in was changed: whoever calls you twice gets another answer. Build new dicts.")
    _expect([(m["role"], m["content"]) for m in got],
            [("user", "a\n\nb"), ("assistant", "c"), ("user", "d\n\ne\n\nf"), ("assistant", "g")],
            "Joined with an empty line between the texts; three in a row become one.")
    _expect(function([]), [], "Nothing comes in, nothing goes out.")
