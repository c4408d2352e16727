"""What is wrong with a row of training data, and what to do about it.

    problem({"instruction": "Hi", "output": ""})   → ('the field "output" is empty.', "Write the text or …")

First the fields of the row's own format, so that a conversion finds what it expects; then, for what it converts
to, the rules of lib.data, and the order of turns that strict chat templates insist on.
"""

from lib.chats import SHAREGPT_ROLES, calls_in, legacy_call, parsed
from lib.data import chat_problem
from lib.formats import PAIRS, detect, to_messages, to_pairs


def problem(row: dict, kind: str | None = None) -> tuple[str, str] | None:
    """`{"instruction": "Hi", "output": ""}` → ('the field "output" is empty.', "Write the answer or …").

    (what is wrong, what to do), or None. Never raises, whatever the row holds.
    """
    try:
        kind = kind or detect(row)
    except ValueError as error:
        what, _, remedy = str(error).partition(". ")
        return what + ".", remedy
    found = _shape_problem(row, kind)
    if found:
        return found
    if kind in PAIRS:
        return _preference_problem(row, kind)
    chats = to_messages(row, kind)
    if not chats:
        return "the tree holds no answer.", "Drop it, or add an assistant's reply."
    return next((p for chat in chats if (p := _chat_problem(chat["messages"]))), None)


def _shape_problem(row: dict, kind: str) -> tuple[str, str] | None:
    """Fields and types, so that a conversion finds what it expects."""
    if kind == "alpaca":
        for name in ("instruction", "input", "output", "system"):
            if not isinstance(row.get(name) or "", str):
                return f'the field "{name}" is not text.', "Write text there."
        empty = [name for name in ("instruction", "output") if not (row[name] or "").strip()]
        if empty:
            return f'the field "{empty[0]}" is empty.', "Write the text or remove the row."
        history = row.get("history") or []
        if not isinstance(history, list) or not all(_is_list_of(pair, str) and len(pair) == 2 for pair in history):
            return 'the field "history" is not a list of [question, answer].', "Write both texts of every earlier turn."
    if kind == "messages":
        return _messages_shape_problem(row)
    if kind == "sharegpt":
        return _sharegpt_shape_problem(row)
    if kind == "oasst":
        return _oasst_shape_problem(row["prompt"])
    if kind == "ranked":
        answers = row["responses"]
        if not _is_list_of(answers, dict) or not all(isinstance(a.get("text"), str) for a in answers):
            return '"responses" is not a list of {"text", "rank"}.', "Write each answer's text and its rank."
        if not all(isinstance(a.get("rank"), int | float) and not isinstance(a["rank"], bool) for a in answers):
            return 'a response has no number in "rank".', "Write its rank; 1 is the best."
        return None if _is_prompt(row.get("context")) else ('"context" holds no question.', "Write the text that was asked.")
    if kind == "dpo":
        for name in ("chosen", "rejected"):
            if not _is_prompt(row[name]):
                return f'"{name}" is neither text nor messages.', "Write the answer there, or remove the row."
        if not _is_prompt(row.get("prompt", "-")) or not isinstance(row.get("system") or "", str):
            return '"prompt" or "system" is neither text nor messages.', "Write what was asked."
        if "prompt" not in row and (isinstance(row["chosen"], str) or isinstance(row["rejected"], str)):
            return 'there is no "prompt".', "Write what was asked; two texts do not tell where the question ends."
    return None


def _is_list_of(value, kind) -> bool:
    return isinstance(value, list) and all(isinstance(x, kind) for x in value)


def _is_prompt(value) -> bool:
    """Non-empty text, or messages with text."""
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, list) and _messages_shape_problem({"messages": value}) is None


def _messages_shape_problem(row: dict) -> tuple[str, str] | None:
    if not _is_list_of(row["messages"], dict) or not row["messages"]:
        return 'the field "messages" is empty or no list of objects.', 'Write [{"role": …, "content": …}, …].'
    for i, turn in enumerate(row["messages"]):
        if not isinstance(turn.get("role"), str):
            return f"message {i} has no role.", "Write system, user, assistant or tool."
        content, calls = turn.get("content"), turn.get("tool_calls") or []
        if isinstance(content, list) and not all(
                isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str) for part in content):
            return f"message {i} holds more than text.", "This course trains on text; describe pictures in words, or drop the row."
        if not isinstance(content, str | list | None) or (content is None and not calls and not turn.get("function_call")):
            return f'message {i} has no text in "content".', "Write the text of the turn there."
        if turn.get("weight", 1) != 1:
            return f"message {i} has a weight, and training here would learn it all the same.", (
                "Remove the field, or end the conversation before that turn.")
        if not isinstance(calls, list) or not all(_is_call(call) for call in [*calls, *legacy_call(turn)]):
            return f"message {i} has a tool call without a name or with arguments that are no JSON object.", (
                'Write {"type": "function", "function": {"name": "…", "arguments": "{…}"}}.')
    return _tools_problem(row.get("tools"))


def _is_call(call) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return False
    arguments = function.get("arguments")
    return isinstance(parsed(arguments) if isinstance(arguments, str) else arguments, dict) and isinstance(call.get("id", ""), str)


def _tools_problem(tools) -> tuple[str, str] | None:
    if tools in (None, "", []) or _is_list_of(parsed(tools) if isinstance(tools, str) else tools, dict):
        return None
    return '"tools" is no list of tool descriptions.', "Write the list that the model saw, as JSON."


def _sharegpt_shape_problem(row: dict) -> tuple[str, str] | None:
    if not _is_list_of(row["conversations"], dict) or not row["conversations"]:
        return '"conversations" is empty or no list of objects.', 'Write [{"from": "human", "value": …}, …].'
    for i, turn in enumerate(row["conversations"]):
        if not isinstance(turn.get("from"), str) or turn["from"] not in SHAREGPT_ROLES:
            return f'turn {i} has no known "from".', f"Use one of {', '.join(SHAREGPT_ROLES)}."
        if not isinstance(turn.get("value"), str):
            return f'turn {i} has no text in "value".', "Write the text of the turn there."
        if turn["from"] == "function_call" and not all(map(_is_call, calls_in(turn["value"]) or [None])):
            return f"turn {i} is a call that no program can read.", 'Write {"name": "…", "arguments": {…}}, as JSON.'
    if not isinstance(row.get("system") or "", str):
        return 'the field "system" is not text.', "Write text there."
    return _tools_problem(row.get("tools"))


def _oasst_shape_problem(root) -> tuple[str, str] | None:
    for node in _nodes(root):
        if not isinstance(node, dict) or node.get("role") not in ("prompter", "assistant"):
            return "a node of the tree has no role.", "Use prompter or assistant."
        if not isinstance(node.get("text"), str) or not isinstance(node.get("message_id"), str):
            return 'a node of the tree has no "text" or no "message_id".', "Write both as text."
        if not _is_list_of(node.get("replies") or [], dict):
            return 'the "replies" of a node are no list of nodes.', "Write [] where there are none."
        if not isinstance(node.get("rank", 0), int | float | None):
            return 'the "rank" of a node is no number.', "Write 0 for the best reply, or null."
    return None


def _nodes(root):
    """Every node of a tree, without recursion: a hostile file may nest deeply."""
    queue = [root]
    while queue:
        node = queue.pop()
        yield node
        replies = node.get("replies") if isinstance(node, dict) else None
        queue.extend(replies if isinstance(replies, list) else [])


def _chat_problem(turns: list[dict]) -> tuple[str, str] | None:
    """The rules of lib.data, and the order of turns that strict chat templates insist on."""
    spoken = [turn | {"content": turn["content"] or "(call)"} if turn.get("tool_calls") else turn for turn in turns]
    found = chat_problem({"messages": spoken})
    if found:
        return found
    waiting = []
    for i, (before, turn) in enumerate(zip([None, *turns], turns, strict=False)):
        role, last = turn["role"], before["role"] if before else "system"
        if role == "system" and i:
            return f"message {i} is a system turn inside the conversation.", "Move it to the beginning."
        if role == "assistant" and last == "system":
            return "the conversation begins with the assistant.", "Add the user's turn, or move the greeting to the system turn."
        if role == last and role in ("user", "assistant"):
            return f"messages {i - 1} and {i} are both the {role}'s.", "Join them: formats.merge_turns(row)."
        if role == "tool":
            if turn["tool_call_id"] not in waiting:
                return f"message {i} is a tool's result that no call asked for.", "Add the call before it, or drop the result."
            waiting.remove(turn["tool_call_id"])
        elif waiting:
            return f"the call {waiting[0]!r} has no result before message {i}.", "Add the tool's result after the call."
        waiting += [call["id"] for call in turn.get("tool_calls", [])]
    return None


def _preference_problem(row: dict, kind: str) -> tuple[str, str] | None:
    pairs = to_pairs(row, kind)
    if kind == "ranked":
        ranks = {}
        for answer in row["responses"]:
            if ranks.setdefault(answer["text"], answer["rank"]) != answer["rank"]:
                return "the same text has two ranks.", "Keep one of them."
        if not pairs:
            return "no two different texts differ in rank, so nothing is preferred.", "Rank them anew or drop the row."
    for pair in pairs:
        if pair["chosen"] == pair["rejected"]:
            return "chosen and rejected are the same.", "Drop the row: it teaches nothing."
        for name in ("chosen", "rejected"):
            found = _chat_problem(pair["prompt"] + pair[name]) if pair[name] else ("is empty.", "Write the answer.")
            if found:
                return f"prompt with {name}: {found[0]}", found[1]
    return None
