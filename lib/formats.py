"""Six formats of training data, one form to work with, and the way back.

    detect(row)                      "alpaca", "messages", "sharegpt", "oasst", "ranked" or "dpo"
    to_messages(row)                 conversations: one, or one for every branch of a tree
    to_pairs(row)                    preferences {"prompt", "chosen", "rejected"} of ranked, oasst and dpo rows
    from_messages(chats, "alpaca")   the way back; from_pairs(pairs, "ranked") for preferences
    convert(row, "sharegpt")         both ways in one call
    lost(row)                        the fields that do not survive the way there and back: compared, not guessed
    as_text(chat)                    tool calls written as text, for chat templates that know no tools

The form to work with is OpenAI's: {"messages": [{"role", "content", "tool_calls"?, "tool_call_id"?}], "tools"?}.
The arguments of a call stay a JSON *string*: in a table every row would get the arguments of all others, as null.
Fields that belong to no format (id, lang, …) are carried along.
lib.format_problems says what is wrong with a row; lib.streams does all of it for files of any size.
"""

import re

from lib.chats import (
    alpaca_to_chat,
    as_text,
    as_turns,
    branches,
    chat_to_alpaca,
    chat_to_sharegpt,
    chats_to_oasst,
    merge_turns,
    parsed,
    path_turns,
    plain_chat,
    sharegpt_to_chat,
    without,
)
from lib.preferences import (
    dpo_to_pair,
    group_of,
    oasst_to_pairs,
    pair_to_dpo,
    pairs_to_ranked,
    ranked_to_pairs,
)

FORMATS = ("alpaca", "messages", "sharegpt", "oasst", "ranked", "dpo")
CHATS, PAIRS = ("alpaca", "messages", "sharegpt", "oasst"), ("ranked", "dpo")
__all__ = ["FORMATS", "CHATS", "PAIRS", "detect", "to_messages", "to_pairs", "from_messages", "from_pairs", "convert", "lost",
           "as_text", "merge_turns"]


def detect(row: dict) -> str:
    """`{"instruction": "…", "output": "…"}` → "alpaca". Decided by the fields, row by row.

    Raises ValueError, with a remedy, for a row that fits no format or more than one.
    """
    fits = [kind for kind, found in (
        ("alpaca", "instruction" in row and "output" in row),
        ("messages", "messages" in row),
        ("sharegpt", "conversations" in row),
        ("oasst", isinstance(row.get("prompt"), dict)),
        ("ranked", "responses" in row),
        ("dpo", "chosen" in row and "rejected" in row),
    ) if found]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise ValueError(f"the row fits several formats: {', '.join(fits)}. Keep the fields of one of them.")
    fields = ", ".join(sorted(map(str, row))[:8]) or "none"
    if {"message_id", "parent_id"} <= set(row):
        raise ValueError("this is one message of an OASST tree. Take the file of whole trees (*.trees.jsonl).")
    raise ValueError(f"no known format; the fields are: {fields}. Rename them to those of a format, such as "
                     "instruction and output.")


def to_messages(row: dict, kind: str | None = None) -> list[dict]:
    """`{"instruction": "Hi", "output": "Hello"}` → `[{"messages": [{"role": "user", …}, {"role": "assistant", …}]}]`.

    One conversation for alpaca, messages and sharegpt; one for every branch of an oasst tree; the best answers
    of a ranked row (several if they tie); the chosen answer of a dpo row. The row is not changed.
    Give it rows without a problem (lib.format_problems); others raise KeyError, TypeError or ValueError.
    """
    kind = kind or detect(row)
    if kind == "alpaca":
        return [alpaca_to_chat(row)]
    if kind == "messages":
        return [plain_chat(row)]
    if kind == "sharegpt":
        return [sharegpt_to_chat(row)]
    if kind == "oasst":
        return [without(row, "prompt") | {"branch": [n["message_id"] for n in path], "messages": path_turns(path)}
                for path in branches(row["prompt"])]
    if kind == "ranked":
        best = min(answer["rank"] for answer in row["responses"])
        texts = dict.fromkeys(a["text"] for a in row["responses"] if a["rank"] == best)
        return [without(row, "context", "responses") | {"messages": as_turns(row["context"]) + as_turns(text, "assistant")}
                for text in texts]
    pair = to_pairs(row, "dpo")[0]
    return [without(pair, "prompt", "chosen", "rejected") | {"messages": pair["prompt"] + pair["chosen"]}]


def to_pairs(row: dict, kind: str | None = None, most: int | None = None) -> list[dict]:
    """`{"context": "Hi", "responses": [{"text": "a", "rank": 1}, {"text": "b", "rank": 2}]}` →
    `[{"prompt": […], "chosen": [a], "rejected": [b], "group": "…"}]`.

    The lower rank is the better one. Equal ranks and equal texts make no pair. `most` keeps, of one question,
    the pairs that lie furthest apart. `group` is the same for the same question: keep it in one split.
    Raises ValueError for a format that holds no preferences.
    """
    kind = kind or detect(row)
    if kind == "dpo":
        return [dpo_to_pair(row)]
    if kind == "ranked":
        return ranked_to_pairs(row, most)
    if kind == "oasst":
        return oasst_to_pairs(row, most)
    raise ValueError(f"a {kind} row holds one answer and no preference. Use ranked, oasst or dpo data.")


def from_messages(chats: list[dict], kind: str) -> dict:
    """`from_messages([{"messages": […]}], "sharegpt")` → one row of that format.

    Several conversations only for oasst: the branches of one tree. Raises ValueError, with a remedy, when the
    format can't hold the conversation: nothing is left out silently.
    """
    if kind == "oasst":
        return chats_to_oasst(chats)
    if len(chats) != 1:
        raise ValueError(f"{len(chats)} conversations for one {kind} row. Convert them one by one.")
    if kind == "messages":
        return chats[0]
    if kind == "alpaca":
        return chat_to_alpaca(chats[0])
    if kind == "sharegpt":
        return chat_to_sharegpt(chats[0])
    raise ValueError(f"{kind}: a conversation holds one answer and no preference. Choose one of {', '.join(CHATS)}.")


def from_pairs(pairs: list[dict], kind: str, strings: bool = False) -> dict:
    """All pairs of one question → one "ranked" row; one pair → one "dpo" row (`strings`: text, not messages).

    Raises ValueError when the pairs contradict each other, belong to several questions, or don't fit into text.
    """
    if kind == "ranked":
        return pairs_to_ranked(pairs)
    if kind != "dpo" or len(pairs) != 1:
        raise ValueError(f"{len(pairs)} pairs make no {kind} row. Give all pairs of one question for ranked, one for dpo.")
    return pair_to_dpo(pairs[0], strings)


def convert(row: dict, target: str, most: int | None = None) -> list[dict]:
    """`convert({"instruction": "Hi", "output": "Hello"}, "sharegpt")` → a list of rows of that format.

    Raises ValueError when the target can't hold the row.
    """
    kind = detect(row)
    if kind == target != "messages":
        return [row]
    if target == "dpo":
        return to_pairs(row, kind, most)
    if target == "ranked":
        pairs = to_pairs(row, kind)
        asked = dict.fromkeys(group_of(pair["prompt"]) for pair in pairs)
        return [from_pairs([p for p in pairs if group_of(p["prompt"]) == group], "ranked") for group in asked]
    return _from_chats(to_messages(row, kind), target)


def lost(row: dict, target: str | None = None) -> list[str]:
    """`lost({"instruction": "Expand:", "input": "HTN", "output": "…"})` → ["input", "instruction"].

    The row is converted and converted back; named are the fields that come back changed or not at all, so []
    means that nothing is lost. Without a `target` it goes to messages (ranked and dpo rows: to pairs), with one
    also from there to that format. Raises ValueError when the target can't hold the row.
    """
    kind = detect(row)
    if kind == target != "messages":
        return []
    if kind in PAIRS:  # a conversation keeps the best answer only
        dropped = [{"ranked": "responses", "dpo": "rejected"}[kind]] if target in CHATS else []
        return sorted({*dropped, *_differences(*_pairs_there_and_back(row, kind))})
    chats = to_messages(row, kind)
    gone = set(_differences(row, chats[0] if kind == "messages" else from_messages(chats, kind)))
    if target in PAIRS:
        to_pairs(row, kind)
        gone = {name for name in gone if not name.endswith("rank")}
    elif target not in (None, "messages"):
        back = [chat for one in _from_chats(chats, target) for chat in to_messages(one, target)]
        pairs = zip(chats, back, strict=False)
        gone |= {d for a, b in pairs for d in _differences(a, b)} | ({"messages"} if len(chats) != len(back) else set())
    return sorted({re.sub(r"(replies\[\]\.)+", "replies[].", name) for name in gone})  # at any depth of a tree


def _from_chats(chats: list[dict], target: str) -> list[dict]:
    return [from_messages(chats, target)] if target == "oasst" else [from_messages([chat], target) for chat in chats]


def _pairs_there_and_back(row: dict, kind: str) -> tuple[dict, dict]:
    pairs = to_pairs(row, kind)
    if kind == "ranked":  # the order in the list carries no meaning
        back = from_pairs(pairs, kind) if pairs else {"responses": []}
        row, back = (r | {"responses": sorted(r["responses"], key=lambda a: (a["rank"], a["text"]))} for r in (row, back))
        return row, back
    back = from_pairs(pairs, kind, strings=all(isinstance(row.get(name), str) for name in ("prompt", "chosen", "rejected")))
    for name in ("chosen", "rejected"):
        if isinstance(row[name], list) and len(row[name]) > len(back[name]):  # it repeated the question
            back[name] = back["prompt"] + back[name]
    return row, back


def _differences(before, after, path: str = "") -> list[str]:
    """The fields of `before` that `after` lacks or holds otherwise. JSON in a text counts by its value."""
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        kept = {name: value for name, value in before.items() if name in after or value not in (None, "", [])}
        return sorted({d for name, value in kept.items()
                       for d in _differences(value, after.get(name), f"{path}.{name}" if path else name)})
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return sorted({d for a, b in zip(before, after, strict=True) for d in _differences(a, b, f"{path}[]")})
    same_json = isinstance(before, str) and isinstance(after, str) and isinstance(parsed(before), dict | list)
    return [] if same_json and parsed(before) == parsed(after) else [path]
