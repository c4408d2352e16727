"""A language model as a judge: the rubric, what it answers, and its probabilities.

    judge = load("smol")                               a local model by name (lib.models), or an address and a model:
    judge = load("http://localhost:8000/v1 my-model")  any server that speaks the OpenAI protocol
    parse(judge.say([rubric_prompt(q, a)])[0])         Verdict(grades={"relevance": 5, …}, reasons={…}, problem="")
    grades(judge, [(q, a)])                            expected grades from the probabilities of "1" … "5"
    first_wins(judge, [(q, a, b)])                     the probability that the judge names the answer shown first

A judge is anything with `name`, `say(prompts)` and `probabilities(prompts, options)`; all else is plain functions.
The key of a server is read from the environment variable JUDGE_API_KEY and is never printed.
Rubric after "LLM as a judge" (Zheng et al. 2023) with four criteria; expected grades after G-Eval (Liu et al. 2023).
"""

import json
import math
import os
import re
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field

import numpy as np
import torch

from lib import evaluate, models

CRITERIA = {
    "relevance": "Does the answer respond to this question?",
    "clarity": "Is the answer easy to read and well formed?",
    "completeness": "Does the answer contain everything that was asked for?",
    "accuracy": "Is what the answer says correct?",
}
GRADES = ("1", "2", "3", "4", "5")


class JudgeUnavailable(RuntimeError):
    """The judge can't be asked. The message says why and what to do."""


@dataclass(frozen=True)
class Verdict:
    """What one written judgement says; `problem` is "" or tells why it can't be used."""

    grades: dict[str, int]
    reasons: dict[str, str] = field(default_factory=dict)
    problem: str = ""


# ------------------------------------------------------------------------------------------- the rubric
def rubric_prompt(question: str, answer: str) -> str:
    """The whole rubric for one row: four criteria, 1 to 5, each with a reason, and the form to answer in."""
    lines = "\n".join(f"- {name.capitalize()}: {asks}" for name, asks in CRITERIA.items())
    form = "\n".join(f"{name.capitalize()}: <grade> - <reason>" for name in CRITERIA)
    return (f"You check the quality of training data. Grade the answer by four criteria, from 1 (very bad) to 5 (excellent).\n{lines}\n\n"
            f"Question: {question}\nAnswer: {answer}\n\n"
            f"Write one line for each criterion, with a short reason that names what you saw:\n{form}")


def grade_prompt(question: str, answer: str, criterion: str) -> str:
    """One criterion, one digit: the form whose next token can be read as a probability."""
    return (f"Question: {question}\nAnswer: {answer}\n\n{CRITERIA[criterion]} Grade the {criterion} of the answer from 1 (very bad) "
            "to 5 (excellent). Reply with one digit.")


def pair_prompt(question: str, first: str, second: str) -> str:
    """Which of two answers is better? One letter."""
    return (f"Question: {question}\n\nAnswer A: {first}\n\nAnswer B: {second}\n\nWhich answer is better, A or B? "
            "Reply with one letter.")


# ------------------------------------------------------------------------------------------- reading an answer
NAMES = {"relevance": "relevance|relevancy|соответствие|релевантность", "clarity": "clarity|ясность",
         "completeness": "completeness|полнота", "accuracy": "accuracy|correctness|точность"}
WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}


def parse(text: str) -> Verdict:
    """`parse("**Relevance**: 5/5 - on topic\\nClarity: 4 …")` → grades and reasons by criterion.

    Accepts JSON, Markdown, "4/5", "4 out of 5", number words, Russian names and any order. A grade that is missing,
    repeated with another value, a range ("3-4"), a fraction or outside 1 to 5 is a problem, never a guess.
    """
    found: dict[str, list] = {name: [] for name in CRITERIA}
    for name, value, reason in _json_grades(text) or _line_grades(text):
        found[name].append((value, reason))
    grades, reasons, problems = {}, {}, []
    for name, entries in found.items():
        values = {value for value, _ in entries}
        if not entries:
            problems.append(f"{name}: no grade")
        elif len(values) > 1:
            problems.append(f"{name}: several grades")
        elif (value := values.pop()) not in (1, 2, 3, 4, 5):  # 4.0 is 4
            problems.append(f"{name}: {value!r} is no grade from 1 to 5")
        else:
            grades[name], reasons[name] = int(value), entries[0][1]
    return Verdict(grades, reasons, "; ".join(problems))


def _json_grades(text: str):
    match = re.search(r"\{.*\}", text, re.DOTALL)
    try:
        values = json.loads(match[0]) if match else None
    except json.JSONDecodeError:
        return []
    found = []
    for key, value in (values or {}).items():
        name = next((n for n, names in NAMES.items() if re.fullmatch(names, str(key).strip(), re.IGNORECASE)), None)
        if name and isinstance(value, dict):
            found.append((name, value.get("grade", value.get("score")), str(value.get("reason", ""))))
        elif name:
            found.append((name, value, ""))
    return [(name, _json_value(value), reason) for name, value, reason in found]


def _json_value(value):
    if isinstance(value, str):
        read = _grade(value.strip())
        return read[0] if read else value
    return value if isinstance(value, int | float) and not isinstance(value, bool) else repr(value)


def _line_grades(text: str):
    found = []
    for line in text.splitlines():
        plain = re.sub(r"[*_`#>]", "", line)
        for name, names in NAMES.items():
            match = re.match(rf"\s*(?:[-•]|\d[.)])?\s*(?:{names})\b(?:\s*\([^)]*\))?[^:\d–—-]{{0,25}}[:–—-]?\s*(?:grade|score|оценка)?[:\s]*(.*)", plain, re.IGNORECASE)
            value = match and _grade(match[1])
            if value:
                found.append((name, *value))
    return found


def _grade(rest: str):
    """"4/5 - clear" → (4, "clear"); a range or fraction comes back as text, for the problem to name."""
    word = re.match(r"(one|two|three|four|five)\b", rest, re.IGNORECASE)
    if word:
        return WORDS[word[1].lower()], rest[word.end():].strip(" .:–—-()")
    match = re.match(r"\(?(\d+(?:[.,]\d+)?(?:\s*[-–]\s*\d+)?)\)?(?:\s*(?:/|out of|из)\s*5)?(?!\d)", rest)
    if not match:
        return None
    reason = rest[match.end():].strip(" .:–—-()")
    return (int(match[1]) if match[1].isdigit() else match[1]), reason


# ------------------------------------------------------------------------------------------- asking
def grades(judge, pairs: list[tuple[str, str]]) -> dict[str, np.ndarray]:
    """`grades(judge, [("2 + 2?", "4")])` → {"relevance": (N,), …}: the mean of 1 to 5 under the judge's probabilities."""
    scale = np.arange(1, 6)
    return {name: judge.probabilities([grade_prompt(q, a, name) for q, a in pairs], GRADES) @ scale for name in CRITERIA}


def first_wins(judge, triples: list[tuple[str, str, str]]) -> np.ndarray:
    """`first_wins(judge, [(question, a, b)])` → (N,): the probability of "A", the answer that is shown first."""
    return judge.probabilities([pair_prompt(*triple) for triple in triples], ("A", "B"))[:, 0]


def both_orders(judge, triples: list[tuple[str, str, str]]) -> tuple[np.ndarray, np.ndarray]:
    """(P that a wins when shown first, P that a wins when shown second), each (N,).

    The mean of the two is what the judge thinks of a and b; their difference is what it thinks of places.
    """
    ahead = first_wins(judge, triples)
    behind = 1 - first_wins(judge, [(q, b, a) for q, a, b in triples])
    return ahead, behind


def auc(scores, good) -> float:
    """`auc([3, 2, 1], [True, True, False])` → 1.0: how often a good row scores above a bad one; 0.5 is chance."""
    scores, good = np.asarray(scores, dtype=float), np.asarray(good, dtype=bool)
    if good.all() or not good.any():
        raise ValueError("rows of both kinds are needed, good and bad.")
    above = scores[good][:, None] - scores[~good][None, :]
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


def auc_interval(scores, good, seed: int = 0, draws: int = 1000) -> evaluate.Score:
    """The same with a 95 % bootstrap interval; good and bad rows are drawn apart, so that neither can be missing."""
    scores, good = np.asarray(scores, dtype=float), np.asarray(good, dtype=bool)
    value, chance = auc(scores, good), np.random.default_rng(seed)
    right, wrong = np.flatnonzero(good), np.flatnonzero(~good)
    wins = scores[right][:, None] - scores[wrong][None, :]
    wins = (wins > 0) + 0.5 * (wins == 0)  # (good, bad)
    means = [wins[np.ix_(chance.integers(0, len(right), len(right)), chance.integers(0, len(wrong), len(wrong)))].mean() for _ in range(draws)]
    low, high = np.percentile(means, [2.5, 97.5])
    return evaluate.Score(value, float(low), float(high), len(scores))


# ------------------------------------------------------------------------------------------- the two kinds of judge
def load(name: str):
    """`load("smol")`, `load("http://localhost:8000/v1 my-model")` → a judge. Raises JudgeUnavailable or models.ModelUnavailable."""
    if not name.startswith(("http://", "https://")):
        return LocalJudge(name, *models.load(name))
    parts = name.split()
    if len(parts) != 2:
        raise JudgeUnavailable(f"{name!r}: write the address and the model's name with a space between: 'http://localhost:8000/v1 my-model'.")
    return UrlJudge(parts[1], parts[0])


class LocalJudge:
    """A model in this process; its probabilities are exact."""

    def __init__(self, name: str, model, tokenizer, batch_size: int = 16):
        self.name, self.model, self.tokenizer, self.batch_size = name, model, tokenizer, batch_size

    def say(self, prompts: list[str], max_new_tokens: int = 160) -> list[str]:
        return evaluate.answer(self.model, self.tokenizer, prompts, max_new_tokens, self.batch_size)

    @torch.inference_mode()
    def probabilities(self, prompts: list[str], options) -> np.ndarray:
        """(N, options): how likely each option is to begin the reply, the options alone summing to 1."""
        first = [self.tokenizer(option, add_special_tokens=False)["input_ids"][0] for option in options]
        if len(set(first)) < len(first):
            raise ValueError(f"two of the options {tuple(options)} begin with the same token: choose others.")
        texts = [self.tokenizer.apply_chat_template([{"role": "user", "content": p}], tokenize=False, add_generation_prompt=True) for p in prompts]
        out = np.zeros((len(texts), len(options)))
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            batch = self.tokenizer([texts[i] for i in chosen], return_tensors="pt", padding=True, padding_side="left",
                                   add_special_tokens=False).to(self.model.device)
            places = (batch["attention_mask"].cumsum(-1) - 1).clamp(min=0)  # padding on the left must not move the text
            logits = self.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], position_ids=places, logits_to_keep=1).logits
            out[chosen] = logits[:, -1, first].float().softmax(-1).cpu().numpy()  # (B, V) → (B, options)
        return out

    @torch.inference_mode()
    def log_likelihood(self, pairs: list[tuple[str, str]], worst: bool = False) -> np.ndarray:
        """(N,): log-probability, in nats a token, of each answer after its question: how much the model would say so itself.

        The mean over the tokens of the answer, its end included; `worst` takes the least likely token instead.
        """
        from lib.train import tokenize_chat

        rows = []
        for question, answer in pairs:
            ids, labels = tokenize_chat([{"role": "user", "content": question}, {"role": "assistant", "content": answer}], self.tokenizer)
            rows.append({"input_ids": ids, "labels": labels})
        out = np.zeros(len(rows))
        order = sorted(range(len(rows)), key=lambda i: -len(rows[i]["input_ids"]))
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            ids, mask, labels = evaluate.pad([rows[i] for i in chosen], self.tokenizer.pad_token_id, self.model.device)
            logits = self.model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()  # (B, T-1, V)
            losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels[:, 1:], ignore_index=-100, reduction="none")
            score = losses.amax(1) if worst else losses.sum(1) / (labels[:, 1:] != -100).sum(1)
            out[chosen] = -score.cpu().numpy()
        return out


class UrlJudge:
    """A model behind an OpenAI-compatible address: vLLM, llama.cpp, Ollama, a provider.

    Where the server sends log-probabilities they are used; where it does not, its one reply counts as certain.
    """

    def __init__(self, name: str, url: str, timeout_s: float = 60, tries: int = 3):
        self.name, self.url, self.timeout_s, self.tries = name, url.rstrip("/") + "/chat/completions", timeout_s, tries

    def say(self, prompts: list[str], max_new_tokens: int = 400) -> list[str]:
        return [self._ask(p, max_new_tokens)["message"]["content"] or "" for p in prompts]

    def probabilities(self, prompts: list[str], options) -> np.ndarray:
        return np.array([self._option_shares(self._ask(p, 1, logprobs=True, top_logprobs=20), options) for p in prompts])

    def _option_shares(self, choice: dict, options) -> np.ndarray:
        """Tokens that read like an option count for it ("A", " A", "a"); nothing like one: all options equally likely."""
        content = (choice.get("logprobs") or {}).get("content") or []
        listed = [(t["token"], t["logprob"]) for t in (content[0]["top_logprobs"] if content else [])]
        listed = listed or [((choice["message"]["content"] or "")[:1], 0.0)]
        shares = np.array([sum(math.exp(value) for token, value in listed if token.strip().lower() == option.lower()) for option in options])
        return shares / shares.sum() if shares.sum() > 0 else np.full(len(shares), 1 / len(shares))

    def _ask(self, prompt: str, max_tokens: int, **more) -> dict:
        body = {"model": self.name, "messages": [{"role": "user", "content": prompt}], "max_tokens": max_tokens, "temperature": 0, **more}
        headers = {"Content-Type": "application/json"}
        if os.environ.get("JUDGE_API_KEY"):
            headers["Authorization"] = f"Bearer {os.environ['JUDGE_API_KEY']}"
        request = urllib.request.Request(self.url, json.dumps(body).encode(), headers)
        for attempt in range(1, self.tries + 1):
            try:
                with urllib.request.urlopen(request, timeout=self.timeout_s) as reply:
                    return json.loads(reply.read())["choices"][0]
            except urllib.error.HTTPError as error:
                problem = f"HTTP {error.code}: {error.read(300).decode(errors='replace')}"
                if error.code not in (408, 429, 500, 502, 503, 504):  # asking again would not help
                    break
            except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
                problem = str(getattr(error, "reason", error))
            except (json.JSONDecodeError, KeyError, IndexError) as error:
                problem = f"the reply is no chat completion ({type(error).__name__})"
                break
            if attempt < self.tries:
                time.sleep(attempt)
        problem = problem.replace(os.environ.get("JUDGE_API_KEY") or "\0", "(key)")  # some servers repeat it in their complaint
        raise JudgeUnavailable(f"{self.url}: {problem} Check the address (it ends in /v1), the model's name {self.name!r}, and JUDGE_API_KEY.")
