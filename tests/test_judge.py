"""The judge: what it writes is read without guessing; a server on loopback and the model in this process agree."""

import http.server
import json
import threading

import numpy as np
import pytest
import torch

from lib import calibration, judge, models

FULL = {"relevance": 5, "clarity": 4, "completeness": 3, "accuracy": 5}


@pytest.mark.parametrize("text", [
    "Relevance: 5\nClarity: 4\nCompleteness: 3\nAccuracy: 5",
    "**Relevance**: 5/5 - on topic\n- Clarity (1-5): 4 out of 5\n3. Completeness - three (parts are missing)\n* Accuracy — 5: right",
    "Here is my view.\n## Relevance: 5\n## Clarity score: 4.\nCompleteness = 3\n## Accuracy: grade: 5\nI hope this helps.",
    "Соответствие: 5 — да\nЯсность: 4 — понятно\nПолнота: 3 — не всё\nТочность 5 — верно",
    '```json\n{"Relevance": {"grade": 5, "reason": "yes"}, "clarity": "4/5", "completeness": "three", "accuracy": 5.0}\n```',
    "Accuracy: 5\nCompleteness: 3\nClarity: 4\nRelevance: 5\nRelevance: 5",
])
def test_every_plain_form_is_read(text):
    verdict = judge.parse(text)
    assert verdict.grades == FULL and not verdict.problem


@pytest.mark.parametrize("text, said", [
    ("", "relevance: no grade"),
    ("The answer is good, I would give it a 5.", "relevance: no grade"),
    ("Relevance: 3-4", "relevance: '3-4' is no grade"),
    ("Clarity: 4.5", "clarity: '4.5' is no grade"),
    ("Accuracy: 0", "accuracy: 0 is no grade"),
    ("Accuracy: 45", "accuracy: 45 is no grade"),
    ("Accuracy: 5\nAccuracy: 2", "accuracy: several grades"),
    ('{"accuracy": 9}', "accuracy: 9 is no grade"),
    ('{"accuracy": null}', "accuracy: 'None' is no grade"),
    ('{"accuracy": true}', "accuracy: 'True' is no grade"),
    ('{"accuracy": [5]}', "accuracy: '[5]' is no grade"),
    ('{"accuracy": 5', "accuracy: no grade"),
    ('["accuracy"]', "accuracy: no grade"),
])
def test_nothing_is_guessed(text, said):
    verdict = judge.parse(text)
    assert said in verdict.problem and not verdict.grades


def test_reasons_are_kept():
    assert judge.parse("Clarity: 4/5 - two words are missing.").reasons == {"clarity": "two words are missing"}


def test_auc_by_hand():
    assert judge.auc([3, 2, 1, 2], [True, True, False, False]) == pytest.approx(3.5 / 4)
    with pytest.raises(ValueError, match="both kinds"):
        judge.auc([1, 2], [True, True])
    chance = np.random.default_rng(0)
    good = chance.random(400) < 0.5
    found = judge.auc_interval(chance.random(400) + 0.3 * good, good)
    assert found.low < found.value < found.high and found.low > 0.5
    none = judge.auc_interval(chance.random(400), good)
    assert none.low < 0.5 < none.high


class Prefers:
    """A judge with a known bias, to see whether the measurement finds it."""

    name = "biased"

    def __init__(self, probability):
        self.probability = probability

    def probabilities(self, prompts, options):
        first = [self.probability(*(part.split("\n\n")[0] for part in p.split("Answer ")[1:3])) for p in prompts]
        return np.array([[p, 1 - p] for p in first])


def test_the_swap_tells_place_from_answer():
    triples = [("q", "short", "a much longer answer")] * 5
    ahead, behind = judge.both_orders(Prefers(lambda a, b: 0.9), triples)  # always the first
    assert np.allclose(ahead, 0.9) and np.allclose(behind, 0.1) and np.allclose((ahead + behind) / 2, 0.5)
    ahead, behind = judge.both_orders(Prefers(lambda a, b: 0.8 if len(a) > len(b) else 0.2), triples)  # always the longer
    assert np.allclose(ahead, 0.2) and np.allclose(behind, 0.2)


# ------------------------------------------------------------------------------------------- a real server with a real model
class Server(http.server.BaseHTTPRequestHandler):
    """Chat completions of the tiny model; the path chooses how well the server behaves."""

    model, tokenizer = None, None
    seen: list[dict] = []
    fail = 0

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append({"path": self.path, "key": self.headers.get("Authorization"), **body})
        if self.path.startswith("/locked") and self.headers.get("Authorization") != "Bearer secret-1":
            return self.reply(401, {"error": f"no such key: {self.headers.get('Authorization')}"})
        if self.path.startswith("/shaky") and type(self).fail:
            type(self).fail -= 1
            return self.reply(503, {"error": "busy"})
        if self.path.startswith("/page"):
            return self.reply(200, {"hello": "I am no chat server"})
        text = self.tokenizer.apply_chat_template(body["messages"], tokenize=False, add_generation_prompt=True)
        ids = self.tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            logits = self.model(ids).logits[0, -1].float().log_softmax(-1)
            new = self.model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=body["max_tokens"],
                                      pad_token_id=self.tokenizer.pad_token_id)[0, ids.shape[1]:]
        choice = {"message": {"role": "assistant", "content": self.tokenizer.decode(new, skip_special_tokens=True)}}
        if body.get("logprobs") and not self.path.startswith("/plain"):
            values, places = logits.topk(body["top_logprobs"])
            top = [{"token": self.tokenizer.decode([i]), "logprob": v} for i, v in zip(places.tolist(), values.tolist(), strict=True)]
            choice["logprobs"] = {"content": [{"token": top[0]["token"], "top_logprobs": top}]}
        return self.reply(200, {"choices": [choice]})

    def reply(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture(scope="module")
def server():
    Server.model, Server.tokenizer = models.load("tiny")
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()


@pytest.fixture(scope="module")
def local():
    return judge.load("tiny")


QUESTIONS = ["What is the capital of France?", "What is the opposite of near?"]


def test_the_same_model_by_address_and_by_name_agree(server, local):
    remote = judge.load(f"{server}/good/v1 tiny")
    assert remote.say(QUESTIONS, 12) == local.say(QUESTIONS, 12)
    for question in QUESTIONS:
        options = likely_options(local, question)
        both = local.probabilities(QUESTIONS, options)[QUESTIONS.index(question)]  # in one batch, so one is padded
        assert np.allclose(remote.probabilities([question], options)[0], both, atol=1e-3)


def likely_options(local, question):
    """Two tokens among the likeliest, so that the server's list of twenty has them; without a twin in other case."""
    with torch.inference_mode():
        text = local.tokenizer.apply_chat_template([{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True)
        ids = local.tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
        likely = [local.tokenizer.decode([i]) for i in local.model(ids).logits[0, -1].topk(20).indices.tolist()]
    folded = [token.strip().lower() for token in likely]
    found = [t for t, f in zip(likely, folded, strict=True) if t == f and t and folded.count(f) == 1
             and len(local.tokenizer(t, add_special_tokens=False)["input_ids"]) == 1]
    assert len(found) >= 2, likely
    return found[:2]


def test_without_log_probabilities_the_reply_counts_as_certain(server):
    remote = judge.load(f"{server}/plain/v1 tiny")
    reply = remote.say(QUESTIONS[:1], 1)[0]
    assert remote.probabilities(QUESTIONS[:1], (reply[:1], "#")).tolist() == [[1.0, 0.0]]
    assert remote.probabilities(QUESTIONS[:1], ("#", "%")).tolist() == [[0.5, 0.5]]


def test_the_key_is_sent_and_never_told(server, monkeypatch):
    monkeypatch.setenv("JUDGE_API_KEY", "secret-1")
    assert judge.load(f"{server}/locked/v1 tiny").say(QUESTIONS[:1], 4)
    assert Server.seen[-1]["key"] == "Bearer secret-1"
    monkeypatch.setenv("JUDGE_API_KEY", "secret-2")
    with pytest.raises(judge.JudgeUnavailable, match="401.*JUDGE_API_KEY") as caught:
        judge.load(f"{server}/locked/v1 tiny").say(QUESTIONS[:1], 4)
    assert "secret-2" not in str(caught.value)


def test_a_busy_server_is_asked_again(server):
    Server.fail = 1
    assert judge.load(f"{server}/shaky/v1 tiny").say(QUESTIONS[:1], 4)


def test_what_is_no_judge_is_said(server):
    with pytest.raises(judge.JudgeUnavailable, match="no chat completion"):
        judge.load(f"{server}/page/v1 tiny").say(QUESTIONS[:1], 4)
    with pytest.raises(judge.JudgeUnavailable, match="Check the address"):
        judge.UrlJudge("tiny", "http://127.0.0.1:9/v1", tries=1).say(["hello"])
    with pytest.raises(judge.JudgeUnavailable, match="with a space between"):
        judge.load("http://127.0.0.1:9/v1")


def test_options_must_differ_in_their_first_token(local):
    with pytest.raises(ValueError, match="same token"):
        local.probabilities(["x"], ("A", "A"))


def test_likelihood_is_the_loss_of_the_answer(local):
    from lib import evaluate

    pairs = [(q, a) for q, a in zip(QUESTIONS, ("Paris", "far"), strict=True)]
    rows = [[{"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}] for q, a in pairs]
    theirs = [-evaluate.loss_nats_per_token(local.model, local.tokenizer, row) for row in rows]
    assert np.allclose(local.log_likelihood(pairs), theirs, atol=1e-4)
    assert (local.log_likelihood(pairs, worst=True) <= local.log_likelihood(pairs)).all()
    assert local.log_likelihood([(QUESTIONS[0], "Paris")])[0] > local.log_likelihood([(QUESTIONS[0], "a fruit")])[0]


def test_grades_lie_on_the_scale(local):
    found = judge.grades(local, list(zip(QUESTIONS, ("Paris", "far"), strict=True)))
    assert set(found) == set(judge.CRITERIA) and all(((1 <= g) & (g <= 5)).all() for g in found.values())


# ------------------------------------------------------------------------------------------- calibration
def test_platt_repairs_an_overconfident_score_and_keeps_the_order():
    chance = np.random.default_rng(1)
    true = chance.uniform(0.02, 0.98, 4000)
    good = chance.random(4000) < true
    too_sure = calibration.calibrated(true, 3.0, 1.0)
    a, b = calibration.platt(too_sure[:2000], good[:2000])
    repaired = calibration.calibrated(too_sure[2000:], a, b)
    assert (a, b) == pytest.approx((1 / 3, -1 / 3), abs=0.12)
    assert calibration.error(too_sure[2000:], good[2000:]) > 0.1 > 0.04 > calibration.error(repaired, good[2000:])
    assert (np.argsort(repaired) == np.argsort(too_sure[2000:])).all()


def test_platt_stays_finite_where_the_score_never_errs():
    a, b = calibration.platt([0.9] * 20 + [0.1] * 20, [True] * 20 + [False] * 20)
    assert np.isfinite([a, b]).all() and 0.9 < calibration.calibrated([0.9], a, b)[0] < 1
    with pytest.raises(ValueError, match="both kinds"):
        calibration.platt([0.4, 0.6], [True, True])


def test_calibration_error_by_hand():
    assert calibration.error([0.9] * 10, [True] * 5 + [False] * 5, bins=1) == pytest.approx(0.4)
    assert calibration.reliability([0.2, 0.8], [False, True], 2) == [(0.2, 0.0, 1), (0.8, 1.0, 1)]
