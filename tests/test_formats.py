"""Lesson 02: six formats there and back, what is lost, what is wrong, and files of any size."""

import copy
import gzip
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
import trl
from trl.data_utils import extract_prompt

from lib import checks, checks_formats, data, formats, mask, models, streams, train
from lib.data import SAMPLES, DataError, chat_problem
from lib.format_problems import problem
from lib.mask import Mask
from tools import build_formats, notebooks

ROOT = SAMPLES.parent.parent
FOLDER = SAMPLES / "formats"
ROWS = {kind: [row for _, row in streams.rows(FOLDER / f"{kind}.jsonl")] for kind in formats.FORMATS}
WORDS = ["кровь", "HTN", "№ 5", "a\nb", "ё́", "{x}", "😀", '"', "x\u2028y", "день"]


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


def chat(*turns, **more):
    return {"messages": [turn(*t) if isinstance(t, tuple) else t for t in turns], **more}


def call(name="find", arguments='{"day": 5}', **more):
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


QA = (("user", "Hi"), ("assistant", "Hello"))
ALPACA = {"instruction": "Hi", "input": "", "output": "Hello"}


# --- what is it? ------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", formats.FORMATS)
def test_every_sample_is_recognised_and_faultless(kind):
    assert {formats.detect(row) for row in ROWS[kind]} == {kind}
    assert [problem(row) for row in ROWS[kind]] == [None] * len(ROWS[kind])
    names = " ".join(str(row.get("id") or row.get("message_tree_id")) for row in ROWS[kind])
    assert "-en-" in names and "-ru-" in names, "a sample for each language"


@pytest.mark.parametrize("row, words", [
    ({"text": "a"}, "no known format; the fields are: text"),
    ({}, "the fields are: none"),
    (ALPACA | chat(*QA), "several formats: alpaca, messages"),
    ({"message_id": "1", "parent_id": None, "text": "a", "role": "prompter"}, "Take the file of whole trees"),
    ({"prompt": "a", "completion": "b"}, "Rename them"),
])
def test_an_unknown_row_is_named(row, words):
    with pytest.raises(ValueError, match=words):
        formats.detect(row)
    assert words in " ".join(problem(row))


# --- the same conversation in every format ----------------------------------------------------------
@pytest.mark.parametrize("index", range(8))
def test_one_conversation_written_in_three_formats_is_one_conversation(index):
    wanted = ROWS["messages"][index]
    got = formats.to_messages(ROWS["sharegpt"][index])[0]
    assert (got["messages"], got.get("tools")) == (wanted["messages"], wanted.get("tools"))
    if index % 4 < 3:
        assert formats.to_messages(ROWS["alpaca"][index // 4 * 3 + index % 4])[0]["messages"] == wanted["messages"]


def test_a_tree_becomes_its_branches_and_its_preferences():
    tree = ROWS["oasst"][0]
    chats = formats.to_messages(tree)
    #    0 ─┬─ 1 (rank 0) ── 1a ─┬─ 1a1 (rank 0)
    #       │                    └─ 1a2 (rank 1)
    #       └─ 2 (rank 1)
    assert [c["branch"] for c in chats] == [["en-0", "en-1", "en-1a", "en-1a1"], ["en-0", "en-1", "en-1a", "en-1a2"], ["en-0", "en-2"]]
    pairs = formats.to_pairs(tree)
    assert [(len(p["prompt"]), p["chosen"][0]["content"][:6], p["rejected"][0]["content"][:4]) for p in pairs] == [
        (1, "Please", "Just"), (3, "Only s", "Yes.")]


def test_deleted_and_unanswered_messages_are_cut_off():
    def node(name, role, *replies, **more):
        return {"message_id": name, "text": name, "role": role, "replies": list(replies), **more}

    root = node("q", "prompter", node("a", "assistant", node("more?", "prompter"), node("no", "prompter", deleted=True)),
                node("b", "assistant", deleted=True), node("c", "assistant", node("d", "prompter", node("e", "assistant"))))
    row = {"prompt": root}
    assert [c["branch"] for c in formats.to_messages(row)] == [["q", "a"], ["q", "c", "d", "e"]]
    assert formats.lost(row) == ["prompt.replies"] or "prompt.replies[].replies" in formats.lost(row)
    assert problem({"prompt": node("q", "prompter")}) == ("the tree holds no answer.", "Drop it, or add an assistant's reply.")


# --- there and back, on random rows -----------------------------------------------------------------
def words(rng, n=3):
    return " ".join(rng.choices(WORDS, k=rng.randint(1, n))).strip() or "x"


def random_chat(rng, tools=True, system=True):
    turns = [turn("system", words(rng))] if system and rng.random() < 0.5 else []
    count = 0
    for _ in range(rng.randint(1, 4)):
        turns.append(turn("user", words(rng)))
        if tools and rng.random() < 0.4:
            calls = []
            for _ in range(rng.randint(1, 3)):
                count += 1
                calls.append(call(rng.choice("fgh"), json.dumps({"слово": words(rng), "n": rng.randint(0, 9)}, ensure_ascii=False), id=f"call_{count}"))
            turns.append(turn("assistant", rng.choice(["", words(rng)]), tool_calls=calls))
            turns += [turn("tool", words(rng), tool_call_id=c["id"]) for c in calls]
        turns.append(turn("assistant", words(rng)))
    extra = {"id": rng.randint(0, 999), "lang": rng.choice(["en", "ru"])}
    listed = {"tools": [call()]} if any("tool_calls" in t for t in turns) else {}
    return extra | {"messages": turns} | listed


def random_tree(rng, depth=0, count=None):
    count = count if count is not None else [0]
    count[0] += 1
    role = ["prompter", "assistant"][depth % 2]
    wide = rng.randint(1, 3) if role == "prompter" else rng.choice([0, 0, 1, 2]) if depth < 5 else 0
    return {"message_id": str(count[0]), "text": words(rng), "role": role,
            "replies": [random_tree(rng, depth + 1, count) for _ in range(wide)]}


def random_ranked(rng):
    texts = rng.sample([f"{a} {b}" for a in WORDS for b in WORDS], rng.randint(2, 6))
    ranks, level = [], 1
    for i in range(len(texts)):  # 1, then each step stays or goes down by one; at least two levels
        level += 0 if not i else 1 if i == len(texts) - 1 and level == 1 else rng.randint(0, 1)
        ranks.append(level)
    context = words(rng) if rng.random() < 0.7 else [turn("system", words(rng)), turn("user", words(rng))]
    answers = [{"text": t, "rank": r} for t, r in zip(texts, ranks, strict=True)]
    rng.shuffle(answers)
    return {"context": context, "responses": answers}


def random_row(rng, kind):
    if kind == "messages":
        return random_chat(rng)
    if kind == "sharegpt":
        return formats.from_messages([random_chat(rng)], "sharegpt")
    if kind == "alpaca":
        history = {"history": [[words(rng), words(rng)]]} if rng.random() < 0.5 else {}
        return {"id": 1, "instruction": words(rng), "input": "", "output": words(rng)} | rng.choice([{}, {"system": words(rng)}]) | history
    if kind == "oasst":
        return {"message_tree_id": "t", "prompt": random_tree(rng)}
    if kind == "ranked":
        return random_ranked(rng)
    text = {"prompt": words(rng), "chosen": "a " + words(rng), "rejected": "b " + words(rng)} | rng.choice([{}, {"system": words(rng)}])
    turns = {"prompt": random_chat(rng)["messages"][:-1], "chosen": [turn("assistant", "a")], "rejected": [turn("assistant", "b")]}
    return rng.choice([text, turns])


@pytest.mark.parametrize("kind", formats.FORMATS)
def test_there_and_back_changes_nothing(kind):
    rng = random.Random(kind)
    for _ in range(150):
        row = given = random_row(rng, kind)
        before = copy.deepcopy(row)
        assert problem(row) is None, row
        if kind in formats.PAIRS:
            pairs = formats.to_pairs(row)
            back = formats.from_pairs(pairs, kind, strings=isinstance(row.get("prompt"), str))
        else:
            back = formats.from_messages(formats.to_messages(row), kind)
        if kind == "ranked":  # the order of the list carries no meaning
            row, back = ({**r, "responses": sorted(r["responses"], key=lambda a: a["text"])} for r in (row, back))
        assert back == row
        assert formats.lost(given) == []
        assert given == before, "the row that came in was changed"


@pytest.mark.parametrize("target", ["sharegpt", "alpaca", "oasst"])
def test_messages_survive_a_detour(target):
    rng = random.Random(target)
    for _ in range(150):
        row = random_chat(rng, tools=target == "sharegpt", system=target != "oasst")
        there = formats.convert(row, target)
        assert problem(there[0]) is None and formats.detect(there[0]) == target
        back = formats.convert(there[0], "messages")[0]
        assert back["messages"] == row["messages"] and back.get("tools") == row.get("tools")
        assert formats.lost(row, target) == []


@pytest.mark.parametrize("row, target, fields", [
    (ALPACA | {"input": "HTN"}, None, ["input", "instruction"]),
    (ALPACA, None, []),
    ({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b", "weight": 0}]}, None, ["conversations[].weight"]),
    (ROWS["oasst"][0], None, ["prompt.lang", "prompt.replies[].labels", "prompt.replies[].lang", "prompt.replies[].rank"]),
    (ROWS["oasst"][0], "dpo", ["prompt.lang", "prompt.replies[].labels", "prompt.replies[].lang"]),
    ({"context": "q", "responses": [{"text": "a", "rank": 1}, {"text": "b", "rank": 5}]}, None, ["responses[].rank"]),
    ({"context": "q", "responses": [{"text": "a", "rank": 1, "model": "m"}, {"text": "b", "rank": 2}]}, None, ["responses[].model"]),
    (ROWS["ranked"][0], "messages", ["responses"]),
    (ROWS["dpo"][0], "alpaca", ["rejected"]),
    ({"prompt": [turn("user", "q")], "chosen": [turn("user", "q"), turn("assistant", "a")], "rejected": [turn("user", "q"), turn("assistant", "b")]}, None, []),
    (chat(("user", "a"), turn("assistant", "", tool_calls=[call(id="x9")]), turn("tool", "r", tool_call_id="x9"), ("assistant", "b")),
     "sharegpt", ["messages[].tool_call_id", "messages[].tool_calls[].id"]),
    (chat(("user", "a"), turn("assistant", "b", weight=0)), "sharegpt", ["messages[].weight"]),
    (chat(("developer", "s"), *QA), None, ["messages[].role"]),
])
def test_what_is_lost_is_named(row, target, fields):
    assert formats.lost(row, target) == fields


def test_a_conversion_that_forgets_something_is_noticed(monkeypatch):
    row = ROWS["sharegpt"][3]
    assert formats.lost(row) == []
    real = formats.sharegpt_to_chat
    monkeypatch.setattr(formats, "sharegpt_to_chat", lambda row: {k: v for k, v in real(row).items() if k != "tools"})
    assert formats.lost(row) == ["tools"]


@pytest.mark.parametrize("row, target, words", [
    (ROWS["messages"][3], "alpaca", "and no tools"),
    (ROWS["messages"][2], "oasst", "no system turn"),
    (ROWS["messages"][0], "dpo", "no preference"),
    (ROWS["alpaca"][0], "ranked", "no preference"),
    (chat(*QA, ("user", "bye")), "alpaca", "in turn"),
])
def test_what_does_not_fit_is_refused(row, target, words):
    with pytest.raises(ValueError, match=words):
        formats.convert(row, target)


def test_pairs_that_contradict_each_other_are_refused():
    ab, bc, ca = (formats.to_pairs({"context": "q", "responses": [{"text": x, "rank": 1}, {"text": y, "rank": 2}]})[0] for x, y in ("ab", "bc", "ca"))
    assert [r["rank"] for r in formats.from_pairs([ab, bc], "ranked")["responses"]] == [1, 2, 3]
    with pytest.raises(ValueError, match="circle"):
        formats.from_pairs([ab, bc, ca], "ranked")
    with pytest.raises(ValueError, match="pairs of one question"):
        formats.from_pairs([ab, formats.to_pairs({"context": "p", "responses": [{"text": "a", "rank": 1}, {"text": "b", "rank": 2}]})[0]], "ranked")


def test_fields_of_your_own_are_not_taken_for_ours():
    tree = ROWS["oasst"][0] | {"group": "mine"}
    assert [row["group"] for row in formats.convert(tree, "ranked")] == ["mine", "mine"]
    assert formats.from_pairs(formats.to_pairs(ROWS["dpo"][1] | {"group": "mine"}), "dpo")["group"] == "mine"
    row = chat(*QA, branch="main", path="a/b.txt")
    assert formats.detect(formats.convert(row, "oasst")[0]) == "oasst" and formats.convert(row, "sharegpt")[0]["branch"] == "main"
    assert formats.lost(row, "oasst") == ["branch"]


def test_a_tree_hundreds_of_turns_deep_is_a_problem_of_its_row(tmp_path):
    node = {"message_id": "0", "text": "a", "role": "assistant", "lang": "en", "replies": []}
    for i in range(1, 400):
        node = {"message_id": str(i), "text": "a", "role": ["assistant", "prompter"][i % 2], "lang": "en", "replies": [node]}
    path = tmp_path / "deep.jsonl"
    path.write_text(json.dumps({"prompt": node}) + "\n" + json.dumps(ALPACA) + "\n")
    report = streams.convert(path, tmp_path / "out.jsonl")
    assert report.written + report.bad == 2 and report.written >= 1


# --- edge cases of rows -----------------------------------------------------------------------------
def test_older_spellings_of_messages():
    row = chat(("developer", "s"), turn("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
               {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
               {"role": "function", "name": "f", "content": "r"}, ("assistant", "c"))
    assert problem(row) is None
    assert formats.to_messages(row)[0]["messages"] == [
        turn("system", "s"), turn("user", "ab"), turn("assistant", "", tool_calls=[call("f", "{}", id="call_1")]),
        turn("tool", "r", name="f", tool_call_id="call_1"), turn("assistant", "c")]


def test_no_system_turn_and_an_empty_one_are_two_things():
    for row in (ALPACA, ALPACA | {"system": ""}, ALPACA | {"system": None}):
        assert formats.to_messages(row)[0]["messages"][0]["role"] == "user" and formats.lost(row) == []
    empty = chat(("system", ""), *QA)
    assert problem(empty) is None and formats.to_messages(empty)[0]["messages"][0] == turn("system", "")
    assert formats.lost(empty, "sharegpt") == [] and formats.lost(empty, "alpaca") == ["messages"]


def test_arguments_stay_a_string():
    row = chat(("user", "a"), turn("assistant", None, tool_calls=[call(arguments={"день": 5})]))
    assert formats.to_messages(row)[0]["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"день": 5}'


def test_ties_and_equal_texts_make_no_pair():
    row = {"context": "q", "responses": [{"text": "a", "rank": 1}, {"text": "b", "rank": 2}, {"text": "c", "rank": 2},
                                         {"text": "a", "rank": 1}, {"text": "d", "rank": 4}]}
    pairs = [(p["chosen"][0]["content"], p["rejected"][0]["content"]) for p in formats.to_pairs(row)]
    assert pairs == [("a", "b"), ("a", "c"), ("a", "d"), ("b", "d"), ("c", "d")]
    furthest = formats.to_pairs(row, most=1)
    assert [(p["chosen"][0]["content"], p["rejected"][0]["content"]) for p in furthest] == [("a", "d")]
    assert len({p["group"] for p in formats.to_pairs(row)}) == 1, "one question, one group: one split"
    assert [c["messages"][-1]["content"] for c in formats.to_messages(row)] == ["a"]


def test_the_question_of_two_whole_conversations_is_what_trl_finds():
    row = {"chosen": [turn("user", "q"), turn("assistant", "a"), turn("user", "r"), turn("assistant", "good")],
           "rejected": [turn("user", "q"), turn("assistant", "a"), turn("user", "r"), turn("assistant", "bad")]}
    ours = formats.to_pairs(row)[0]
    theirs = extract_prompt(copy.deepcopy(row))
    assert {k: ours[k] for k in ("prompt", "chosen", "rejected")} == theirs


@pytest.mark.parametrize("row, words", [
    ({"instruction": "a", "output": ""}, 'the field "output" is empty'),
    ({"instruction": "a", "output": ["b"]}, 'the field "output" is not text'),
    (ALPACA | {"history": [["a"]]}, '"history" is not a list of'),
    (chat(("user", "a"), ("assistant", " ")), "message 1 is an empty answer"),
    (chat(("user", "a"), ("user", "b"), ("assistant", "c")), "messages 0 and 1 are both the user's"),
    (chat(("user", "a"), ("assistant", "b"), ("assistant", "c")), "both the assistant's"),
    (chat(("assistant", "a"), *QA), "begins with the assistant"),
    (chat(*QA, ("system", "s"), *QA), "system turn inside"),
    (chat(("user", "a")), "the last turn is not the assistant's"),
    (chat(("user", "a"), turn("tool", "r", tool_call_id="x"), ("assistant", "b")), "that no call asked for"),
    (chat(("user", "a"), turn("assistant", "", tool_calls=[call(id="x")]), ("user", "b"), ("assistant", "c")), "the call 'x' has no result"),
    (chat(("user", "a"), turn("assistant", "", tool_calls=[call(arguments="day=5")])), "arguments that are no JSON"),
    (chat(("user", [{"type": "image_url"}]), ("assistant", "a")), "more than text"),
    (chat(*QA, tools="find"), '"tools" is no list'),
    (chat(("user", "a"), turn("assistant", "b", weight=0), *QA), "message 1 has a weight"),
    ({"conversations": [{"from": "bot", "value": "a"}]}, 'no known "from"'),
    ({"conversations": [{"from": "human", "value": "a"}, {"from": "function_call", "value": "f(1)"}]}, "no program can read"),
    ({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": ""}]}, "message 1 is an empty answer"),
    ({"context": "q", "responses": [{"text": "a", "rank": 1}, {"text": "b", "rank": 1}]}, "nothing is preferred"),
    ({"context": "q", "responses": [{"text": "a", "rank": 1}, {"text": "a", "rank": 2}]}, "two ranks"),
    ({"context": "q", "responses": [{"text": "a", "rank": "1"}]}, 'no number in "rank"'),
    ({"context": "q", "responses": [{"text": "a", "rank": 1}, {"text": " ", "rank": 2}]}, "prompt with rejected: message 1 is an empty answer"),
    ({"prompt": "q", "chosen": "a", "rejected": "a"}, "chosen and rejected are the same"),
    ({"prompt": "q", "chosen": "", "rejected": "a"}, '"chosen" is neither text'),
    ({"chosen": "q a", "rejected": "q b"}, 'there is no "prompt"'),
    ({"prompt": {"role": "prompter", "text": "a"}}, 'no "text" or no "message_id"'),
])
def test_a_faulty_row_is_named_with_a_remedy(row, words):
    what, remedy = problem(row)
    assert words in what and len(remedy) > 8


def test_consecutive_turns_can_be_joined():
    row = chat(("user", "a"), ("user", "b"), ("assistant", "c"), turn("assistant", "", tool_calls=[call(id="x")]), ("tool", "r"), ("assistant", "d"))
    row["messages"][4]["tool_call_id"] = "x"
    joined = formats.merge_turns(row)
    assert [t["content"] for t in joined["messages"]] == ["a\n\nb", "c", "r", "d"]
    assert joined["messages"][1]["tool_calls"] == [call(id="x")] and problem(joined) is None
    assert len(row["messages"]) == 6


def test_no_row_makes_the_check_fall_over():
    rng = random.Random(0)
    atoms = [None, True, 0, 1.5, "", " ", "a", "{", [], {}, "prompter", "assistant", "user", "human", "[]", '{"name": "f", "arguments": {}}']
    names = ["messages", "role", "content", "tool_calls", "function", "name", "arguments", "id", "tool_call_id", "conversations", "from",
             "value", "prompt", "text", "replies", "message_id", "rank", "context", "responses", "chosen", "rejected", "system", "tools",
             "instruction", "input", "output", "history", "function_call", "deleted"]

    def anything(depth=0):
        kind = rng.random()
        if depth > 4 or kind < 0.3:
            return rng.choice(atoms)
        if kind < 0.6:
            return [anything(depth + 1) for _ in range(rng.randint(0, 3))]
        return {name: anything(depth + 1) for name in rng.sample(names, rng.randint(0, 6))}

    def damaged(value):
        if rng.random() < 0.12:
            return anything(2)
        if isinstance(value, dict):
            return {k: damaged(v) for k, v in value.items() if rng.random() > 0.04}
        return [damaged(v) for v in value] if isinstance(value, list) else value

    good = [row for rows in ROWS.values() for row in rows]
    found = [problem({k: damaged(v) for k, v in rng.choice(good).items()} if n % 2 else {rng.choice(names): anything() for _ in range(3)}) for n in range(6000)]
    assert 0.5 < sum(f is not None for f in found) / len(found) < 1
    for what, remedy in filter(None, found):
        assert what.endswith(".") and remedy


def test_a_row_without_a_problem_can_be_converted():
    rng = random.Random(1)
    for _ in range(2000):
        row = copy.deepcopy(rng.choice([row for rows in ROWS.values() for row in rows]))
        for name in rng.sample(sorted(row), rng.randint(0, 2)):
            row[name] = rng.choice([None, "", "a", [], row[name]])
        if problem(row) is None:
            chats = formats.to_messages(row)
            assert chats and all(chat_problem(formats.as_text(c)) is None for c in chats)


# --- files ------------------------------------------------------------------------------------------
LINES = [json.dumps(row, ensure_ascii=False) for row in ROWS["messages"]] + [
    json.dumps(ALPACA | {"output": "a\u2028b"}, ensure_ascii=False)]
PARSED = [json.loads(line) for line in LINES]
TEXT = "\n".join(LINES) + "\n"


@pytest.mark.parametrize("name, content", [
    ("plain", TEXT.encode()),
    ("without a last line end", TEXT.rstrip("\n").encode()),
    ("Windows", TEXT.replace("\n", "\r\n").encode()),
    ("BOM", b"\xef\xbb\xbf" + TEXT.encode()),
    ("UTF-16", TEXT.encode("utf-16")),
    ("UTF-16 BE, Windows", b"\xfe\xff" + TEXT.replace("\n", "\r\n").encode("utf-16-be")),
    ("UTF-16 without BOM", TEXT.encode("utf-16-le")),
    ("gzip", gzip.compress(TEXT.encode())),
    ("gzip of UTF-16", gzip.compress(TEXT.encode("utf-16"))),
    ("two gzip parts", gzip.compress(TEXT[:100].encode()) + gzip.compress(TEXT[100:].encode())),
], ids=lambda x: x if isinstance(x, str) else "")
def test_any_encoding_gives_the_same_rows_and_lines(tmp_path, name, content):
    path = tmp_path / "dump"
    path.write_bytes(content)
    assert list(streams.rows(path)) == list(enumerate(PARSED, start=1))


@pytest.mark.parametrize("content", [
    json.dumps(PARSED, ensure_ascii=False).encode(), json.dumps(PARSED, indent=2).encode(), b"\xef\xbb\xbf" + json.dumps(PARSED, indent=1).encode(),
    gzip.compress(json.dumps(PARSED, indent=2).encode()), json.dumps(PARSED, indent=1).replace("\n", "\r\n").encode("utf-16"),
], ids=["one line", "indented", "BOM", "gzip", "UTF-16"])
def test_one_json_list_is_read_item_by_item(tmp_path, content, monkeypatch):
    path = tmp_path / "dump.json"
    path.write_bytes(content)
    for chunk in (streams.CHUNK, 7):
        monkeypatch.setattr(streams, "CHUNK", chunk)
        assert [row for _, row in streams.rows(path)] == PARSED


def test_items_of_a_list_have_their_line(tmp_path):
    path = tmp_path / "dump.json"
    path.write_text('[\n {"a": 1},\n\n {"a":\n 2},\n 3]')
    problems = []
    assert list(streams.rows(path, problems.append)) == [(2, {"a": 1}), (4, {"a": 2})]
    assert [(e.line, e.problem) for e in problems] == [(6, "expected an object, found int.")]


@pytest.mark.parametrize("content, line, words", [
    (b'[{"a": 1},\n{"a": ', 2, "not complete JSON"),
    (b'[{"a": 1}]\n{"b": 2}', 1, "something follows"),
    (b'[{"a": "' + b"x" * 1_100_000 + b'"}]', 1, "longer than 1,000,000"),
    (TEXT.encode() + b"[1, 2]\n", 10, "expected an object"),
    (gzip.compress(TEXT.encode())[:-200], None, "damaged or cut off"),
    (TEXT.encode("utf-16")[:-1], None, "not UTF-16"),
    (TEXT.encode() + "привет".encode("cp1251"), 10, "not UTF-8"),
    (b'{"a":' * 200_000 + b"\n", 1, "nested too deeply"),
])
def test_a_damaged_file_is_named_with_its_line(tmp_path, content, line, words):
    path = tmp_path / "dump.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        list(streams.rows(path, max_line_bytes=2_000_000 if b'{"a":{' in content else 1_000_000))
    assert "dump.jsonl, line" in str(caught.value) and len(caught.value.remedy) > 8
    assert line in (None, caught.value.line)


def test_a_line_of_ten_megabytes(tmp_path):
    path = tmp_path / "dump.jsonl"
    huge = json.dumps(chat(("user", "a"), ("assistant", "x" * 10_000_000)))
    path.write_text(f"{LINES[0]}\n{huge}\n{LINES[1]}\n")
    problems = []
    assert list(streams.rows(path, problems.append)) == [(1, PARSED[0]), (3, PARSED[1])]
    assert [(e.line, e.problem) for e in problems] == [(2, "the line is longer than 1,000,000 bytes.")]
    assert [n for n, _ in streams.rows(path, max_line_bytes=11_000_000)] == [1, 2, 3]


def test_a_mixed_file_with_known_defects_is_reported_line_by_line(tmp_path):
    report = streams.validate(FOLDER / "broken.jsonl")
    assert {e.line: e.problem.split()[0] for e in report.problems} == {
        2: "broken", 3: "message", 4: "messages", 5: "the", 6: "turn", 7: "no", 8: "chosen", 9: "no"}
    assert report.formats == {"messages": 4, "sharegpt": 1, "ranked": 1, "dpo": 1, "alpaca": 1}
    assert report.repeated == [(10, 1)]
    text = str(report)
    for part in ("mixed formats", "line 3: message 1 is an empty answer", "line 10 with the id of line 1", "8 problems"):
        assert part in text
    demanded = streams.validate(FOLDER / "broken.jsonl", kind="messages")
    assert {e.line for e in demanded.problems} == set(range(2, 11)), "every line but the first, good, one of that format"


def test_many_problems_are_counted_and_few_are_kept(tmp_path):
    path = tmp_path / "dump.jsonl"
    path.write_text('{"instruction": "a", "output": ""}\n' * 500)
    report = streams.validate(path)
    assert report.bad == 500 and len(report.problems) == streams.EXAMPLES and "and 480 more" in str(report)
    assert report.kinds == {'the field "output" is empty.': 500}


def test_repeated_ids_are_counted_over_the_whole_file(tmp_path):
    path = tmp_path / "dump.jsonl"
    names = [1, "1", 2, 1, None, 2, 1] + ["x"] * 30
    path.write_text("".join(json.dumps(ALPACA | {"id": name}) + "\n" for name in names))
    report = streams.validate(path)
    assert report.repeats == 3 + 29 and report.repeated[:4] == [(4, 1), (6, 3), (7, 1), (9, 8)]
    assert len(report.repeated) == streams.EXAMPLES and "repeated ids: 32" in str(report)
    path.write_text("".join(json.dumps(ALPACA | {"id": i % 50}) + "\n" for i in range(2000)))
    report = streams.validate(path)
    assert report.repeats == 1950 and report.repeated == [(51 + i, 1 + i) for i in range(streams.EXAMPLES)]
    path.write_text(json.dumps(ALPACA) + "\n" + json.dumps(ALPACA) + "\n")
    assert streams.validate(path).repeats == 0, "rows without an id repeat none"


@pytest.mark.parametrize("kind", formats.FORMATS)
@pytest.mark.parametrize("target", formats.FORMATS)
def test_files_are_converted_and_are_faultless_afterwards(tmp_path, kind, target):
    out = tmp_path / "out.jsonl.gz"
    if kind in ("alpaca", "messages", "sharegpt") and target in formats.PAIRS:
        with pytest.raises(ValueError, match="holds one answer and no preference"):
            streams.convert(FOLDER / f"{kind}.jsonl", out, target)
        assert not list(tmp_path.iterdir())
        return
    report = streams.convert(FOLDER / f"{kind}.jsonl", out, target)
    again = streams.validate(out, kind=target)
    assert again.bad == 0 and again.rows == report.written > 0 and not again.repeated


def test_converting_a_file_says_what_was_left_out_and_lost(tmp_path):
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    half = '{"instruction": "a", "output": "\\ud83d"}'
    path.write_text("\n".join([json.dumps(ALPACA | {"input": "x"}), half, json.dumps(ROWS["messages"][3]), '{"a": 1}']) + "\n")
    report = streams.convert(path, out, "alpaca")
    assert [(e.line, e.problem[:22]) for e in report.problems] == [(2, "the text holds half a "), (3, "alpaca holds questions"), (4, "no known format; the f")]
    assert report.written == 1 and report.lost == {} and [r for _, r in streams.rows(out)] == [ALPACA | {"input": "x"}]
    assert streams.convert(path, out, "messages").lost == {"input": 1, "instruction": 1}
    path.write_text(json.dumps({"prompt": chat(("user", "a"), ("user", "b"))["messages"], "chosen": "c", "rejected": "d"}) + "\n" + json.dumps(ALPACA))
    assert streams.convert(path, out, merge=True).bad == 1, "a preference is not turned into a conversation by the way"
    joined = streams.convert(FOLDER / "broken.jsonl", out, merge=True)
    assert joined.written == 3 and 4 not in [e.line for e in joined.problems]


def test_a_failed_conversion_keeps_the_old_file(tmp_path, monkeypatch):
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_text('{"a": 1}\n')
    out.write_text("old")
    with pytest.raises(ValueError, match="out.jsonl is left as it was"):
        streams.convert(path, out)
    with pytest.raises(ValueError, match="no format 'chatml'"):
        streams.convert(path, out, "chatml")
    path.write_text(TEXT)
    monkeypatch.setattr(formats, "lost", lambda *_: 1 / 0)  # something breaks in the middle
    with pytest.raises(ZeroDivisionError):
        streams.convert(path, out)
    assert out.read_text() == "old" and sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]
    monkeypatch.undo()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)  # the one step in which a reader sees the new file
    with pytest.raises(OSError, match="No space"):
        streams.convert(path, out)
    monkeypatch.undo()
    assert out.read_text() == "old" and sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]
    streams.convert(path, out)
    assert out.read_text() != "old" and sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_a_file_can_replace_itself_and_gzip_is_reproducible(tmp_path):
    path = tmp_path / "dump.jsonl.gz"
    path.write_bytes(gzip.compress((FOLDER / "sharegpt.jsonl").read_bytes()))
    streams.convert(path, path)
    first = path.read_bytes()
    assert {formats.detect(row) for _, row in streams.rows(path)} == {"messages"}
    streams.convert(path, path)
    assert path.read_bytes() == first


def test_the_command_line(tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    assert streams.main([str(FOLDER / "alpaca.jsonl"), str(out), "--to", "sharegpt"]) == 0
    assert "written: 6 rows" in capsys.readouterr().out
    assert streams.main([str(tmp_path / "none")]) == 2 and "no such file" in capsys.readouterr().out
    assert streams.main([str(FOLDER / "alpaca.jsonl"), str(out), "--to", "dpo"]) == 2 and "left as it was" in capsys.readouterr().out
    assert streams.main([str(FOLDER / "broken.jsonl")]) == 1 and "line 9: no known format" in capsys.readouterr().out


# --- bounded memory ---------------------------------------------------------------------------------
PEAK = """
import resource, sys
from lib import streams
{work}
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if sys.platform != "linux" else
      next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def peak_kib(work: str) -> tuple[int, int]:
    """(what the work counted, peak of the resident memory) of a fresh process."""
    done = subprocess.run([sys.executable, "-c", PEAK.format(work=work)], capture_output=True, text=True, cwd=ROOT, check=True,
                          env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
    count, peak = map(int, done.stdout.split())
    return count, peak // (1024 if sys.platform == "darwin" else 1)


def generated(path: Path, megabytes: int) -> int:
    """Rows of about two kilobytes, each with an id of its own; returns how many."""
    row = json.dumps(chat(("user", "вопрос " * 60), ("assistant", "ответ " * 100)), ensure_ascii=False)[1:]
    size, count = 0, 0
    with path.open("w", encoding="utf-8") as file:
        while size < megabytes * 1_000_000:
            block = "".join(f'{{"id": "r{count + i}", {row}\n' for i in range(500))
            size, count = size + len(block.encode()), count + 500
            file.write(block)
    return count


NOT_WINDOWS = pytest.mark.skipif(sys.platform == "win32", reason="the peak is read from the system's process table")


@NOT_WINDOWS
def test_eight_times_the_file_takes_no_more_memory(tmp_path):
    small, large = tmp_path / "small.jsonl", tmp_path / "large.jsonl"
    rows_small, rows_large = generated(small, 15), generated(large, 120)
    check = "count = streams.validate({!r}).rows"
    (seen_small, peak_small), (seen_large, peak_large) = (peak_kib(check.format(str(p))) for p in (small, large))
    assert (seen_small, seen_large) == (rows_small, rows_large)
    allowed = 4_096 + (rows_large - rows_small) * 100 / 1024  # 16 bytes a row with an id, some more while they are sorted
    assert peak_large - peak_small < allowed, f"{peak_small:,} → {peak_large:,} KiB"
    whole = peak_kib(f"count = len(list(streams.rows({str(small)!r})))")[1]  # the instrument does see a list
    assert whole > peak_small + 8_192, f"{whole:,} KiB"
    assert peak_kib(f"count = streams.convert({str(small)!r}, {str(tmp_path / 'out.jsonl')!r}, 'sharegpt').written")[1] < peak_small + 4_096


@NOT_WINDOWS
def test_a_long_line_is_passed_over_in_small_steps(tmp_path):
    path = tmp_path / "dump.jsonl"
    with path.open("wb") as file:
        file.seek(300_000_000)  # a sparse file: one line of 300 MB that takes no room on the disk
        file.write(b"\n" + LINES[0].encode() + b"\n")
    count, peak = peak_kib(f"count = streams.validate({str(path)!r}).rows")
    assert count == 1 and peak < 100_000, f"{peak:,} KiB"


# --- what the model reads ---------------------------------------------------------------------------
@pytest.fixture(scope="module")
def tokenizer():
    return models.load("tiny")[1]


@pytest.mark.parametrize("row", [formats.as_text(c) for kind in formats.CHATS for r in ROWS[kind] for c in formats.to_messages(r)],
                         ids=lambda r: str(r.get("id") or r.get("branch")[-1]))
def test_the_mask_covers_the_answers_and_nothing_else(row, tokenizer):
    mask = Mask(row["messages"], tokenizer)
    ids, labels = train.tokenize_chat(row["messages"], tokenizer)
    assert (mask.tokens, mask.labelled) == (len(ids), sum(x != -100 for x in labels)) and 0 < mask.share < 1
    assert "".join(text for text, _ in mask.pieces) == tokenizer.decode(ids)
    assert "\ufffd" not in str(mask)
    answers = [m["content"] + tokenizer.eos_token for m in row["messages"] if m["role"] == "assistant"]
    assert re.findall(r"⟦(.*?)⟧", str(mask), re.DOTALL) == answers
    page = mask._repr_html_()
    assert page.count("<mark") == sum(on for _, on in mask.pieces) and f"{mask.labelled} of {mask.tokens}" in page


def test_a_mask_shows_what_html_would_hide(tokenizer):
    page = Mask([turn("user", "<b>&"), turn("assistant", "<script>x</script>")], tokenizer)._repr_html_()
    assert "<script" not in page and "<b>" not in page


TOOL_CALL = '<tool_call>\n{"name": "find_slot", "arguments": {"specialty": "cardiology", "day": "Friday"}}\n</tool_call>'


def test_a_template_without_tools_loses_the_call_and_as_text_keeps_it(tokenizer):
    row = ROWS["messages"][3]
    assert "find_slot" not in tokenizer.apply_chat_template(row["messages"], tools=row["tools"], tokenize=False)
    text = formats.as_text(row)
    rendered = tokenizer.apply_chat_template(text["messages"], tokenize=False)
    assert TOOL_CALL in rendered
    assert rendered.index("<tools>") < rendered.index("appointment with") < rendered.index("<tool_response>")
    assert chat_problem(row) and chat_problem(text) is None and len(train.tokenize([text], tokenizer)) == 1


def template(name, tokenizer):
    """The tiny tokenizer with a chat template that TRL ships."""
    other = copy.deepcopy(tokenizer)
    other.chat_template = (Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja").read_text(encoding="utf-8")
    return other


def test_as_text_is_what_qwen_prints_letter_by_letter(tokenizer):
    qwen, rng = template("qwen2_5", tokenizer), random.Random(5)
    for _ in range(60):
        row = random_chat(rng)
        if row["messages"][0]["role"] != "system":
            row["messages"].insert(0, turn("system", "s"))  # Qwen's template would write one of its own
        native = copy.deepcopy(row)
        for c in (c for t in native["messages"] for c in t.get("tool_calls", [])):
            c["function"]["arguments"] = json.loads(c["function"]["arguments"])  # what this template expects
        wanted = qwen.apply_chat_template(native["messages"], tools=native.get("tools"), tokenize=False)
        assert qwen.apply_chat_template(formats.as_text(row)["messages"], tokenize=False) == wanted


@pytest.mark.parametrize("name", ["gemma3", "llama3", "phi3", "qwen2_5"])
def test_strict_templates_take_every_sample_as_text(name, tokenizer):
    strict = template(name, tokenizer)
    for chat_ in (formats.as_text(c) for kind in formats.FORMATS for row in ROWS[kind] for c in formats.to_messages(row)):
        text = strict.apply_chat_template(chat_["messages"], tokenize=False)
        assert all(t["content"].strip() in text for t in chat_["messages"])
    if name == "gemma3":  # what the order of turns is checked for
        with pytest.raises(Exception, match="must alternate"):
            strict.apply_chat_template([turn("user", "a"), turn("user", "b")], tokenize=False)



# --- the sample files and the exercises ---------------------------------------------------------------
def test_the_samples_are_what_the_script_makes(tmp_path, monkeypatch, capsys):
    assert build_formats.main(["--check"]) == 0
    monkeypatch.setattr(build_formats, "FOLDER", tmp_path)
    assert build_formats.main(["--check"]) == 1 and not list(tmp_path.iterdir())
    assert build_formats.main([]) == 0 and build_formats.main(["--check"]) == 0
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {p.name: p.read_bytes() for p in FOLDER.glob("*.jsonl")}


@pytest.mark.parametrize("check, wrong, words", [
    (checks_formats.sharegpt_messages, lambda row: [turn(t["from"], t["value"]) for t in row["conversations"]], "ShareGPT's names"),
    (checks_formats.sharegpt_messages, lambda row: [turn("user", "Hi"), turn("assistant", "Hello")], "first turn"),
    (checks_formats.sharegpt_messages, lambda row: [turn("system", row["system"]), turn("user", "Hi"), turn("assistant", "Hello")], "KeyError"),
    (checks_formats.sharegpt_messages, lambda row: [turn("system", row.get("system"))] * ("system" in row) + [turn("user", "Hi"), turn("assistant", "Hello")],
     "no turn"),
    (checks_formats.preference_pairs, lambda rs: [(a["text"], b["text"]) for a in rs for b in rs if a["rank"] <= b["rank"] and a != b], "nobody stated"),
    (checks_formats.preference_pairs, lambda rs: [(a["text"], b["text"]) for a in rs for b in rs if a["rank"] > b["rank"]], "rank 1 is better"),
    (checks_formats.preference_pairs, lambda rs: [(rs[1]["text"], rs[0]["text"])], "Every two answers"),
    (checks_formats.merged, lambda ms: ms, "Joined with"),
    (checks_formats.merged, lambda ms: [ms.pop()], "was changed"),
])
def test_typical_mistakes_get_a_teaching_message(check, wrong, words):
    with pytest.raises(checks.WrongAnswer, match=words):
        check(wrong)


@pytest.mark.parametrize("name, content, target, wanted", [
    ("alpaca.json", json.dumps(ROWS["alpaca"], ensure_ascii=False, indent=1).encode("utf-16"), "messages", 6),
    ("pairs.jsonl.gz", gzip.compress((FOLDER / "dpo.jsonl").read_bytes()), "ranked", 4),
    ("trees.jsonl", (FOLDER / "oasst.jsonl").read_bytes(), "dpo", 4),
    ("mixed.jsonl", (FOLDER / "broken.jsonl").read_bytes(), "sharegpt", 2),
])
def test_the_lesson_runs_on_a_file_of_your_own(tmp_path, capsys, tokenizer, name, content, target, wanted):
    (tmp_path / name).write_bytes(content)
    cells = {c.id: c.source for c in notebooks.read(ROOT / "notebooks" / "02_data_formats.ipynb").cells}
    space = {"INPUT_FILE": str(tmp_path / name), "TARGET": target, "RUN": tmp_path, "tokenizer": tokenizer,
             "data": data, "formats": formats, "mask": mask, "streams": streams}
    for cell in ("own-file", "own-mask"):
        exec(compile(cells[cell], cell, "exec"), space)
    assert space["own"].written == wanted and f"written: {wanted} rows" in capsys.readouterr().out
    assert len(space["lengths"]) == wanted and str(space["lengths"][0]).count("⟦") >= 1
