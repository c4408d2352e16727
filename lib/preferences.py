"""Preferences in three formats, to pairs {"prompt", "chosen", "rejected"} and back: ranked, oasst trees and dpo.

    ranked_to_pairs({"context": "Hi", "responses": [{"text": "a", "rank": 1}, {"text": "b", "rank": 2}]})
    → [{"group": "…", "prompt": […], "chosen": [a], "rejected": [b]}]

Equal ranks and equal texts make no pair. `group` is the same for the same question: keep it in one split.
lib.formats chooses among these functions by the fields of a row; use that.
"""

import hashlib
import itertools
import json

from lib.chats import as_turns, path_turns, say, without


def ranked_to_pairs(row: dict, most: int | None = None) -> list[dict]:
    """One pair for every two answers of different rank; `most` keeps those that lie furthest apart."""
    answers = [(answer["rank"], answer["text"]) for answer in row["responses"]]
    return _pairs_of(without(row, "context", "responses"), as_turns(row["context"]), answers, most)


def oasst_to_pairs(row: dict, most: int | None = None) -> list[dict]:
    """The ranked replies of an assistant to one question of the tree, and so for every question in it."""
    pairs, queue = [], [[row["prompt"]]]
    while queue:
        path = queue.pop(0)
        replies = [node for node in path[-1].get("replies") or [] if not node.get("deleted")]
        queue += [[*path, node] for node in replies]
        ranked = [(node["rank"], node["text"]) for node in replies
                  if node["role"] == "assistant" and node.get("rank") is not None]
        pairs += _pairs_of(without(row, "prompt"), path_turns(path), ranked, most)
    return pairs


def _pairs_of(rest: dict, prompt: list[dict], answers: list[tuple], most: int | None) -> list[dict]:
    ranks = {}
    for rank, text in sorted(answers, key=lambda answer: answer[0]):
        ranks.setdefault(text, rank)
    pairs = [(a, b) for a, b in itertools.combinations(ranks, 2) if ranks[a] < ranks[b]]
    if most is not None:
        pairs = sorted(pairs, key=lambda pair: ranks[pair[0]] - ranks[pair[1]])[:most]
    return [{"group": group_of(prompt)} | rest | {"prompt": prompt, "chosen": [say("assistant", a)],
                                                "rejected": [say("assistant", b)]} for a, b in pairs]


def group_of(prompt: list[dict]) -> str:
    """The same for the same question; a row's own field of that name has precedence."""
    return hashlib.sha256(json.dumps(prompt, sort_keys=True).encode()).hexdigest()[:12]


def dpo_to_pair(row: dict) -> dict:
    """Text or messages → the pair. An answer that repeats the question, as some files do, is cut after it."""
    chosen, rejected = (as_turns(row[name], "assistant") for name in ("chosen", "rejected"))
    if "prompt" in row:
        prompt = as_turns(row["prompt"])
    else:  # two whole conversations: the question is what they share, in whole turns
        shared = [a == b for a, b in zip(chosen, rejected, strict=False)]
        prompt = chosen[: shared.index(False) if False in shared else len(shared)]
    chosen, rejected = (turns[len(prompt):] if turns[: len(prompt)] == prompt else turns for turns in (chosen, rejected))
    system = [say("system", row["system"])] if row.get("system") else []
    return {"group": group_of(system + prompt)} | without(row, "prompt", "chosen", "rejected", "system") | {
        "prompt": system + prompt, "chosen": chosen, "rejected": rejected}


def pairs_to_ranked(pairs: list[dict]) -> dict:
    """All pairs of one question → a ranked row. Ranks come back as 1, 2, 3 …: who beats whom, not the old numbers.

    Raises ValueError for pairs that contradict each other or belong to several questions.
    """
    if len({group_of(pair["prompt"]) for pair in pairs}) != 1:
        raise ValueError(f"{len(pairs)} pairs of several questions. Give all pairs of one question.")
    wins = [(pair["chosen"][0]["content"], pair["rejected"][0]["content"]) for pair in pairs]
    ranks = dict.fromkeys(itertools.chain(*wins), 1)
    for _ in range(len(ranks) + 1):  # a rank is one more than that of the worst answer that beats it
        before = dict(ranks)
        for better, worse in wins:
            ranks[worse] = max(ranks[worse], ranks[better] + 1)
    if ranks != before:
        raise ValueError("the pairs contradict each other: an answer beats itself in a circle. Drop one of them.")
    prompt = pairs[0]["prompt"]
    context = prompt[0]["content"] if [turn["role"] for turn in prompt] == ["user"] else prompt
    return without(_without_group(pairs[0]), "prompt", "chosen", "rejected") | {
        "context": context, "responses": [{"text": text, "rank": rank} for text, rank in ranks.items()]}


def pair_to_dpo(pair: dict, strings: bool = False) -> dict:
    """The pair as messages, or with `strings` as text. Raises ValueError when it does not fit into text."""
    return _pair_as_text(pair) if strings else _without_group(pair)


def _without_group(pair: dict) -> dict:
    return without(pair, "group") if pair.get("group") == group_of(pair["prompt"]) else pair


def _pair_as_text(pair: dict) -> dict:
    roles = [turn["role"] for turn in pair["prompt"]]
    if roles not in (["user"], ["system", "user"]) or len(pair["chosen"]) != 1 or len(pair["rejected"]) != 1:
        raise ValueError("text holds one question and one answer a side. Keep messages.")
    system = {"system": pair["prompt"][0]["content"]} if roles[0] == "system" else {}
    return _without_group(pair) | system | {"prompt": pair["prompt"][-1]["content"],
                                            "chosen": pair["chosen"][0]["content"], "rejected": pair["rejected"][0]["content"]}
