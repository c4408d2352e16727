"""Conversations in four formats, to OpenAI's messages and back: alpaca, sharegpt, oasst trees, and older messages.

    alpaca_to_chat({"instruction": "Hi", "output": "Hello"})   → {"messages": [{"role": "user", …}, …]}
    chat_to_alpaca, sharegpt_to_chat, chat_to_sharegpt, plain_chat, branches, chats_to_oasst
    merge_turns(chat)     two turns of one person in a row become one
    as_text(chat)         tool calls written as text, for chat templates that know no tools

lib.formats chooses among them by the fields of a row; use that. Rows that come in are never changed.
"""

import json

SHAREGPT_ROLES = {"human": "user", "user": "user", "gpt": "assistant", "chatgpt": "assistant", "assistant": "assistant",
                  "system": "system", "observation": "tool", "tool": "tool", "function_call": "call"}
OASST_ROLES = {"prompter": "user", "assistant": "assistant"}


def without(row: dict, *names: str) -> dict:
    """`without({"a": 1, "b": 2}, "a")` → {"b": 2}: the fields that a conversion carries along."""
    return {name: value for name, value in row.items() if name not in names}


def say(role: str, content: str) -> dict:
    """One turn."""
    return {"role": role, "content": content}


def as_turns(value, role: str = "user") -> list[dict]:
    """Text → one turn of `role`; messages → messages, in their one spelling."""
    return [say(role, value)] if isinstance(value, str) else plain_chat({"messages": value})["messages"]


def alpaca_to_chat(row: dict) -> dict:
    """`{"instruction": "Expand:", "input": "HTN", "output": "…"}` → the user says "Expand:\\n\\nHTN"."""
    turns = [say("system", row["system"])] if row.get("system") else []
    for asked, answered in row.get("history") or []:
        turns += [say("user", asked), say("assistant", answered)]
    asked = "\n\n".join(part for part in (row["instruction"], row.get("input")) if part)
    turns += [say("user", asked), say("assistant", row["output"])]
    return without(row, "instruction", "input", "output", "system", "history") | {"messages": turns}


def chat_to_alpaca(chat: dict) -> dict:
    """The last question becomes the instruction, earlier ones the history. Raises ValueError for tools and odd turns."""
    turns = list(chat["messages"])
    system = {"system": turns.pop(0)["content"]} if turns[0]["role"] == "system" else {}
    asked, answered = turns[::2], turns[1::2]
    if ([t["role"] for t in turns] != ["user", "assistant"] * len(asked) or chat.get("tools")
            or any("tool_calls" in t for t in turns)):
        raise ValueError("alpaca holds questions and answers in turn, and no tools. Keep messages or sharegpt.")
    pairs = [[a["content"], b["content"]] for a, b in zip(asked, answered, strict=True)]
    history = {"history": pairs[:-1]} if pairs[1:] else {}
    return without(chat, "messages", "tools") | system | {
        "instruction": pairs[-1][0], "input": "", "output": pairs[-1][1]} | history


def plain_chat(row: dict) -> dict:
    """Older and richer spellings of OpenAI's format → the one of this module."""
    turns = []
    for old in row["messages"]:
        if len(old) == 2 and old["role"] in ("system", "user", "assistant") and isinstance(old.get("content"), str):
            turns.append(dict(old))  # nearly all turns: nothing to do
            continue
        turn = without(old, "function_call", "tool_calls")
        turn["role"] = {"developer": "system", "function": "tool"}.get(old["role"], old["role"])
        content = old.get("content")
        turn["content"] = "".join(part["text"] for part in content) if isinstance(content, list) else content or ""
        calls = [*(old.get("tool_calls") or []), *legacy_call(old)]
        turns.append(turn | {"tool_calls": [_call(c) for c in calls]} if calls else turn)
    tools = {"tools": parsed(row["tools"])} if isinstance(row.get("tools"), str) and row["tools"] else {}
    return row | {"messages": _numbered(turns)} | tools


def legacy_call(turn: dict) -> list[dict]:
    """The field that OpenAI's format had before tool_calls."""
    return [{"type": "function", "function": turn["function_call"]}] if turn.get("function_call") else []


def _call(call: dict) -> dict:
    """Arguments as a JSON string, whatever they were."""
    arguments = call["function"]["arguments"]
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {"type": "function", **call, "function": call["function"] | {"arguments": text}}


def _numbered(turns: list[dict]) -> list[dict]:
    """Calls without an id become call_1, call_2, …; results without one answer the open calls in order."""
    count, waiting = 0, []
    for turn in turns:
        for call in turn.get("tool_calls", []):
            count += 1
            call.setdefault("id", f"call_{count}")
            waiting.append(call["id"])
        if turn["role"] == "tool":
            turn.setdefault("tool_call_id", waiting[0] if waiting else "")
            waiting = [name for name in waiting if name != turn["tool_call_id"]]
    return turns


def parsed(text: str):
    """The value of a JSON text, or None."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def sharegpt_to_chat(row: dict) -> dict:
    """A function_call becomes the tool_calls of an assistant's turn: of the one before it, if there is one."""
    turns = [say("system", row["system"])] if row.get("system") else []
    for turn in row["conversations"]:
        role = SHAREGPT_ROLES[turn["from"]]
        if role != "call":
            turns.append(say(role, turn["value"]))
            continue
        if not turns or turns[-1]["role"] != "assistant" or "tool_calls" in turns[-1]:
            turns.append(say("assistant", ""))
        turns[-1]["tool_calls"] = [_call(call) for call in calls_in(turn["value"])]
    tools = row.get("tools")
    tools = {"tools": parsed(tools) if isinstance(tools, str) else tools} if tools else {}
    return without(row, "conversations", "system", "tools") | {"messages": _numbered(turns)} | tools


def calls_in(value: str) -> list[dict]:
    """`'{"name": "f", "arguments": {}}'` → the call in OpenAI's form; a list holds several calls at once."""
    calls = parsed(value)
    calls = calls if isinstance(calls, list) else [calls]
    return [{"type": "function", "function": call} for call in calls]


def chat_to_sharegpt(chat: dict) -> dict:
    """A turn with text and calls becomes two: gpt, then function_call. ShareGPT has no ids for calls."""
    names = {"user": "human", "assistant": "gpt", "tool": "observation", "system": "system"}
    turns, system = list(chat["messages"]), {}
    if turns[0]["role"] == "system" and turns[0]["content"]:
        system = {"system": turns.pop(0)["content"]}
    conversation = []
    for turn in turns:
        calls = [{"name": c["function"]["name"], "arguments": json.loads(c["function"]["arguments"])}
                 for c in turn.get("tool_calls", [])]
        if turn["content"] or not calls:
            conversation.append({"from": names[turn["role"]], "value": turn["content"]})
        if calls:
            value = json.dumps(calls if calls[1:] else calls[0], ensure_ascii=False)
            conversation.append({"from": "function_call", "value": value})
    tools = {"tools": json.dumps(chat["tools"], ensure_ascii=False)} if chat.get("tools") else {}
    return without(chat, "messages", "tools") | {"conversations": conversation} | system | tools


def branches(root: dict) -> list[list[dict]]:
    """Every way from the root to a last answer. Questions without an answer and deleted messages are cut off."""
    paths, queue = {}, [[root]]
    while queue:
        path = queue.pop(0)
        replies = [node for node in path[-1].get("replies") or [] if not node.get("deleted")]
        queue = [[*path, node] for node in replies] + queue
        if not replies:
            while path and path[-1]["role"] != "assistant":
                path = path[:-1]
            if path:
                paths[id(path[-1])] = path
    inside = {id(node) for path in paths.values() for node in path[:-1]}
    return [path for last, path in paths.items() if last not in inside]


def path_turns(path: list[dict]) -> list[dict]:
    """Nodes of a tree → turns."""
    return [say(OASST_ROLES[node["role"]], node["text"]) for node in path]


def chats_to_oasst(chats: list[dict]) -> dict:
    """The branches of one tree → the tree. Raises ValueError for system turns, tools, and branches of two trees."""
    names, nodes, roots = {user: name for name, user in OASST_ROLES.items()}, {}, []
    for number, chat in enumerate(chats):
        if chat.get("tools") or any(turn["role"] not in names or "tool_calls" in turn for turn in chat["messages"]):
            raise ValueError("an oasst tree holds no system turn and no tools. Keep messages or sharegpt.")
        siblings = roots
        ids = chat.get("branch")  # written by formats.to_messages
        if not isinstance(ids, list) or len(ids) != len(chat["messages"]):
            ids = [f"{number}-{i}" for i in range(len(chat["messages"]))]
        for name, turn in zip(ids, chat["messages"], strict=True):
            if name not in nodes:
                nodes[name] = {"message_id": name, "text": turn["content"], "role": names[turn["role"]], "replies": []}
                siblings.append(nodes[name])
            siblings = nodes[name]["replies"]
    if len(roots) != 1:
        raise ValueError(f"{len(roots)} first messages: not one tree. Convert the conversations one by one.")
    return without(chats[0], "messages", "branch", "tools") | {"prompt": roots[0]}


def merge_turns(chat: dict) -> dict:
    """Two turns of the user (or of the assistant) in a row → one, with an empty line between the texts."""
    turns = []
    for turn in chat["messages"]:
        last = turns[-1] if turns else {"role": None}
        if turn["role"] == last["role"] and turn["role"] in ("user", "assistant") and "tool_calls" not in last:
            texts = [text for text in (last["content"], turn["content"]) if text]
            turns[-1] = last | turn | {"content": "\n\n".join(texts)}
        else:
            turns.append(turn)
    return chat | {"messages": turns}


TOOLS_TEXT = """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""


def as_text(chat: dict) -> dict:
    """Tools, calls and results written into the text of system, assistant and user turns.

    `{"role": "assistant", "content": "", "tool_calls": […]}` → `{…, "content": "<tool_call>\\n{…}\\n</tool_call>"}`.
    Most chat templates print "content" and nothing else; a call that lives in another field is not learnt. The
    wording is that of Qwen 2.5 and Hermes, letter by letter (a test compares), so any template prints what those
    models saw; for a model whose own template knows tools in another way, use that one.
    """
    turns = []
    for turn in chat["messages"]:
        if turn["role"] == "tool":
            result = f"<tool_response>\n{turn['content']}\n</tool_response>"
            if turns and turns[-1]["role"] == "user" and turns[-1]["content"].endswith("</tool_response>"):
                turns[-1]["content"] += "\n" + result  # results of parallel calls share a turn
            else:
                turns.append(say("user", result))
            continue
        calls = [f'<tool_call>\n{{"name": {json.dumps(c["function"]["name"], ensure_ascii=False)}, "arguments": {c["function"]["arguments"]}}}'
                 "\n</tool_call>" for c in turn.get("tool_calls", [])]
        turns.append(say(turn["role"], "\n".join([turn["content"]] * bool(turn["content"]) + calls)))
    if chat.get("tools"):
        listed = TOOLS_TEXT.format(tools="\n".join(json.dumps(tool, ensure_ascii=False) for tool in chat["tools"]))
        system = turns.pop(0)["content"] + "\n\n" if turns[0]["role"] == "system" else ""
        turns.insert(0, say("system", system + listed))
    return without(chat, "messages", "tools") | {"messages": turns}
