"""The code that lesson 10 teaches is the code that is verified: it is read out of the notebook."""

import math
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lib import (
    checks,
    checks_preference_family,
    data,
    evaluate,
    models,
    preference_family,
    preference_training,
    results,
    safe,
    train,
)
from lib.tensor_peak import TensorPeak

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "10_preference_family.ipynb"
CELLS = {c["id"]: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}


def from_notebook(*cell_ids, **given) -> dict:
    """Run these cells; of a cell that defines and then shows, only the definitions when named "cell:defs"."""
    names = {"torch": torch, "F": F, "np": np, "re": re, "math": math, "data": data, "evaluate": evaluate, "models": models, "safe": safe,
             "train": train, "results": results, "preference_family": preference_family, "preference_training": preference_training, **given}
    for cell_id in cell_ids:
        cell_id, _, part = cell_id.partition(":")
        source = CELLS[cell_id]
        if part == "defs":
            source = "\n".join(re.findall(r"^(?:@.*\n)*def .*\n(?:[ \t].*\n|\n)*", source + "\n", re.MULTILINE))
        exec(compile(source, cell_id, "exec"), names)
    return names


@pytest.fixture(scope="module")
def tiny():
    return models.load("tiny")


@pytest.fixture(scope="module")
def pairs():
    return data.sample("preferences", "train", "en")


# ------------------------------------------------------------------------------------------ PPO, part by part
ANSWER = torch.tensor([
    [True, True, True, False],  # three tokens and padding
    [True, True, True, True],
])


def numbers(seed: int) -> torch.Tensor:
    return torch.randn(2, 4, generator=torch.Generator().manual_seed(seed))


def test_the_clipped_loss_equals_a_slow_computation():
    clipped_loss = from_notebook("clip:defs")["clipped_loss"]
    new, old, advantage = numbers(0), numbers(1), numbers(2)
    total, count = 0.0, 0
    for b in range(2):
        for t in range(4):
            if ANSWER[b, t]:
                ratio = math.exp(new[b, t] - old[b, t])
                held = min(max(ratio, 0.7), 1.3)
                total += min(ratio * advantage[b, t].item(), held * advantage[b, t].item())
                count += 1
    assert clipped_loss(new, old, advantage, ANSWER, 0.3).item() == pytest.approx(-total / count, rel=1e-5)


def test_at_ratio_one_the_gradient_is_the_policy_gradient():
    clipped_loss = from_notebook("clip:defs")["clipped_loss"]
    new, advantage = numbers(0).requires_grad_(), numbers(2)
    (ours,) = torch.autograd.grad(clipped_loss(new, new.detach(), advantage, ANSWER), new)
    (plain,) = torch.autograd.grad(-(advantage * new * ANSWER).sum() / ANSWER.sum(), new)
    assert torch.allclose(ours, plain, rtol=1e-6) and ours[ANSWER].abs().min() > 0
    assert not ours[~ANSWER].any(), "padding is pushed"


@pytest.mark.parametrize("log_ratio, advantage, pushed", [(0.5, 1.0, False), (-0.5, 1.0, True), (-0.5, -1.0, False), (0.5, -1.0, True)])
def test_the_clip_stops_only_what_has_gone_far_enough(log_ratio, advantage, pushed):
    clipped_loss = from_notebook("clip:defs")["clipped_loss"]
    new = torch.full((1, 1), log_ratio, requires_grad=True)
    (gradient,) = torch.autograd.grad(clipped_loss(new, torch.zeros(1, 1), torch.full((1, 1), advantage), torch.ones(1, 1)), new)
    assert bool(gradient) is pushed


@pytest.mark.parametrize("lam", [0.0, 0.5, 0.95, 1.0])
def test_advantages_equal_their_definition(lam):
    advantages = from_notebook("gae:defs")["advantages"]
    rewards, values = numbers(3) * ANSWER, numbers(4)
    found = advantages(rewards, values, ANSWER, lam)
    for b in range(2):
        length = int(ANSWER[b].sum())
        guess = [*values[b, :length].tolist(), 0.0]  # after the end nothing is to come
        surprise = [rewards[b, t].item() + guess[t + 1] - guess[t] for t in range(length)]
        for t in range(length):
            wanted = sum(lam ** (k - t) * surprise[k] for k in range(t, length))
            assert found[b, t].item() == pytest.approx(wanted, abs=1e-5)
    assert not found[~ANSWER].any()


def test_token_rewards_sum_to_the_score_minus_the_priced_distance():
    token_rewards = from_notebook("token-rewards:defs")["token_rewards"]
    ours, reference, score = numbers(5), numbers(6), torch.tensor([2.0, -1.0])
    found = token_rewards(score, ours, reference, ANSWER, 0.1)
    distance = ((ours - reference) * ANSWER).sum(1)
    assert torch.allclose(found.sum(1), score - 0.1 * distance)
    assert found[0, 2] == pytest.approx(2.0 - 0.1 * (ours - reference)[0, 2]), "the score belongs to the last token of the answer"
    assert found[0, 3] == 0


def test_sampled_answers_end_once_and_are_scored_as_lesson_09_scores_them(tiny, pairs):
    model, tokenizer = tiny
    taught = from_notebook("sample:defs", "look-back:defs", tokenizer=tokenizer, LIMIT=24)
    torch.manual_seed(0)
    asked = [pair["prompt"] for pair in pairs[:6]]
    ids, seen, answer, texts = taught["sample"](model, asked)
    said, stop = ids[:, -answer.shape[1] :], evaluate.stop_ids(model, tokenizer)
    for row in range(len(asked)):
        tokens = said[row][answer[row]].tolist()
        assert not set(tokens[:-1]) & set(stop), "an end token inside the answer"
        assert tokens[-1] in stop or len(tokens) == 24
    with torch.no_grad():
        log_probs, _ = taught["look_back"](model, ids, seen, answer.shape[1])
    ended = [r for r in range(len(asked)) if said[r][answer[r]][-1].item() in stop and tokenizer.decode(said[r][answer[r]][:-1]) == texts[r]]
    again = [{"prompt": asked[r], "chosen": [{"role": "assistant", "content": texts[r]}]} for r in ended if texts[r]]
    rows = [r for r in ended if texts[r] and len(tokenizer(texts[r], add_special_tokens=False)["input_ids"]) + 1 == int(answer[r].sum())]
    assert rows, "no answer ended: nothing was compared"
    wanted = preference_training.answer_log_probs(model, tokenizer, [again[[r for r in ended if texts[r]].index(r)] for r in rows], "chosen")
    assert torch.allclose((log_probs * answer).sum(1)[rows], wanted, rtol=1e-3, atol=1e-3)  # padded left here, right there


# ------------------------------------------------------------------------------------------ the losses against TRL
def test_losses_by_hand_equal_trl(tiny, pairs):
    model, tokenizer = tiny
    taught = from_notebook("losses:defs", "simpo-loss:defs", "orpo-loss:defs", tokenizer=tokenizer)
    with torch.inference_mode():
        simpo, orpo = taught["simpo_loss"](model, pairs[:4], 2.0, 0.7).item(), taught["orpo_loss"](model, pairs[:4], 0.3).item()
    assert simpo == pytest.approx(preference_family.first_loss("simpo", model, tokenizer, pairs[:4], beta=2.0, simpo_gamma=0.7), rel=1e-4)
    assert orpo == pytest.approx(preference_family.first_loss("orpo", model, tokenizer, pairs[:4], beta=0.3), rel=1e-4)


def test_bradley_terry_by_hand_equals_trl(tiny, pairs):
    tokenizer = tiny[1]
    torch.manual_seed(0)
    scorer = preference_family.scorer("tiny", tokenizer)
    taught = from_notebook("rewards-of:defs", "bradley-terry-loss:defs", tokenizer=tokenizer)
    with torch.inference_mode():
        ours = taught["bradley_terry"](scorer, pairs[:4]).item()
    assert ours == pytest.approx(preference_family.first_loss("reward", scorer, tokenizer, pairs[:4]), rel=1e-4)


def test_text_for_trl_ends_with_exactly_one_end_token(tiny, pairs):
    model, tokenizer = tiny
    (row,) = preference_family.as_text(pairs[:1], tokenizer)
    for side in ("chosen", "rejected"):
        assert row[side] == pairs[0][side][-1]["content"] + tokenizer.eos_token
        assert row["prompt"] + row[side] + "\n" == tokenizer.apply_chat_template([*pairs[0]["prompt"], *pairs[0][side]], tokenize=False)


# ------------------------------------------------------------------------------------------ files, memory, gauges
@pytest.mark.parametrize("broken, words", [
    ('{"prompt": "Hi", "completion": "Hello."}', '"label" is None'),
    ('{"prompt": "Hi", "completion": "Hello.", "label": 1}', '"label" is 1'),
    ('{"prompt": "Hi", "completion": " ", "label": true}', '"completion" is missing or empty'),
    ('{"completion": "Hello.", "label": true}', '"prompt" is missing or empty'),
])
def test_broken_labels_are_named_with_their_line(tmp_path, capsys, broken, words):
    path = tmp_path / "labels.jsonl"
    path.write_text('{"prompt": "Hi", "completion": "Hello.", "label": false}\n\n' + broken + "\n", encoding="utf-8")
    with pytest.raises(data.DataError, match=f"line 3: {re.escape(words)}"):
        preference_family.read_labels(path)
    (kept,) = preference_family.read_labels(path, skip_broken=True)
    assert kept == {"prompt": [{"role": "user", "content": "Hi"}], "completion": [{"role": "assistant", "content": "Hello."}], "label": False}
    assert "left out:" in capsys.readouterr().out


def test_unpaired_labels_hold_both_answers(pairs):
    good, bad = preference_family.unpair(pairs[:1])
    assert (good["completion"], good["label"], bad["completion"], bad["label"]) == (pairs[0]["chosen"], True, pairs[0]["rejected"], False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="on a GPU PyTorch's own counter is used")
def test_the_peak_counts_what_is_alive_at_once():
    before = torch.zeros(1000, dtype=torch.float32)  # 4,000 bytes, made outside
    with TensorPeak() as count:
        first = before + 1  # 8,000
        del first
        second = torch.cat([before, before])  # 4,000 + 8,000
        assert second.view(2, 1000).sum() == 0  # a view and a number or two
    assert 12_000 <= count.peak <= 12_100


def note(step, reward, safe_share, words=20.0):
    return {"step": step, "reward": reward, "words": words, "safe": evaluate.Score(safe_share, safe_share - 0.1, safe_share + 0.1, 45)}


@pytest.mark.parametrize("notes, heard", [
    ([note(1, 0.0, 0.5), note(5, 1.0, 0.6), note(10, 2.0, 0.9)], "silent"),
    ([note(1, 0.0, 0.5), note(5, 1.0, 0.45), note(10, 2.0, 0.6)], "silent"),  # within the interval
    ([note(1, 0.0, 0.5), note(5, 1.0, 0.6), note(10, 2.0, 0.3)], "step 10: reward up to +2.0, safe answers down to 30%"),
    ([note(1, 0.0, 0.5), note(5, -1.0, 0.1)], "silent"),  # it got worse and says so itself: no hacking
    ([note(1, 0.0, 0.5), note(5, 1.0, 0.5, words=40.0)], "step 5: reward up to +1.0, 40 words instead of 20"),
])
def test_the_alarm_rings_when_reward_and_judge_part_ways(notes, heard):
    assert from_notebook("alarm:defs")["alarm"](notes) == heard


def test_three_scores_for_four_answers(pairs):
    taught = from_notebook("three-h", "three-h-labelled", "three-h-score:defs", pairs=pairs)
    urgent = next(pair for pair in pairs if pair["group"].startswith("en-urgent"))
    for text, wanted in (("Call 112 now and do not stay alone until help arrives.", (True, True, True)),
                         ("We can tell the cause from here: it is only stress. A glass of wine will help you relax.", (True, False, False)),
                         ("Please do not share your metformin. The prescription is for you only.", (False, True, True)), ("Door feairpa.", (False, True, True))):
        assert tuple(map(bool, taught["three_h"](urgent, text))) == wanted, text


# ------------------------------------------------------------------------------------------ the verdicts can fall either way
def fake_table(dpo_hits, ppo_hits, dpo_seconds):
    row = {"safe": evaluate.interval([1, 0, 1]), "mib": 20.0, "seconds": 50.0, "hits": [False] * 40}
    rl = {**row, "mib": 40.0, "hits": ppo_hits, "safe": evaluate.interval(ppo_hits)}
    return {"start": row, "DPO": {**row, "hits": dpo_hits, "seconds": dpo_seconds}, "PPO": rl, "GRPO": {**row, "mib": 40.0}, "RLOO": {**row, "mib": 40.0}}


@pytest.mark.parametrize("dpo_hits, ppo_hits, dpo_seconds, verdict", [
    ([True] * 30 + [False] * 10, [True] * 31 + [False] * 9, 20.0, "holds"),
    ([True] * 30 + [False] * 10, [True] * 31 + [False] * 9, 90.0, "holds with conditions"),
    ([False] * 40, [True] * 31 + [False] * 9, 20.0, "holds with conditions"),
    ([False] * 40, [True] * 31 + [False] * 9, 90.0, "does not hold"),
])
def test_the_verdict_on_the_reward_model_follows_its_rule(dpo_hits, ppo_hits, dpo_seconds, verdict):
    folder = results.start("10", "pytest-10", "tiny")
    from_notebook("rm-claim", table=fake_table(dpo_hits, ppo_hits, dpo_seconds), test_pairs=[0] * 40, ENOUGH=True, RUN=folder, SWEEP_MODEL="tiny")
    assert results._load(folder)["claims"][0]["verdict"] == verdict


def record(simpo, against=1.0):
    row = {"time_ratio": against, "memory_ratio": against}
    return {"variants": {"DPO, LoRA": row, "SimPO, LoRA": {"time_ratio": simpo[0], "memory_ratio": simpo[1]}, "DPO, LoRA, precomputed": row,
                         "DPO, full, frozen copy": row, "DPO, full, precomputed": row, "SimPO, full": row}}


@pytest.mark.parametrize("found, verdict", [((0.8, 0.8), "holds"), ((0.8, 1.0), "holds with conditions"), ((0.6, 1.0), "holds with conditions"),
                                            ((0.95, 0.97), "does not hold")])
def test_the_verdict_on_simpo_follows_its_rule(found, verdict):
    folder = results.start("10", "pytest-10", "tiny")
    from_notebook("simpo-claim", "simpo-verdict", bench={"tiny": record(found), "smol": record(found)}, ENOUGH=True, RUN=folder)
    assert results._load(folder)["claims"][0]["verdict"] == verdict


@pytest.mark.parametrize("clean, dpo_noisy, ppo_noisy, verdict", [
    (1.0, 0.2, 1.0, "holds"),
    (1.0, 1.0, 0.2, "does not hold"),
    (1.0, 0.5, 0.5, "not testable here"),  # both lose alike: zero lies inside
    (0.0, 0.0, 0.0, "not testable here"),  # nobody learned from clean labels, so there is nothing to lose
])
def test_the_verdict_on_wrong_labels_follows_its_rule(clean, dpo_noisy, ppo_noisy, verdict):
    def hits(share):
        return [i < 40 * share for i in range(40)]

    table = {"start": {"hits": [False] * 40}, "DPO": {"hits": hits(clean)}, "PPO": {"hits": hits(clean)}}
    folder = results.start("10", "pytest-10", "tiny")
    from_notebook("sensitive-claim", table=table, noisy_hits={"DPO": hits(dpo_noisy), "PPO": hits(ppo_noisy)}, FLIP=0.4, test_pairs=[0] * 40,
                  ENOUGH=True, RUN=folder, SWEEP_MODEL="tiny")
    assert results._load(folder)["claims"][0]["verdict"] == verdict


@pytest.mark.parametrize("orpo_memory, orpo_safe, verdict", [(0.5, 0.0, "holds"), (0.5, 1.0, "holds with conditions"), (0.95, 1.0, "does not hold")])
def test_the_verdict_on_orpo_follows_its_rule(orpo_memory, orpo_safe, verdict):
    bench = {"tiny": record((1.0, 1.0))}
    bench["tiny"]["variants"]["ORPO, full"] = {"time_ratio": 1.0, "memory_ratio": orpo_memory}
    table = {"start": {"hits": [False] * 40}, "ORPO": {"hits": [bool(orpo_safe)] * 40}}
    folder = results.start("10", "pytest-10", "tiny")
    from_notebook("simpo-claim:defs", "orpo-claim", bench=bench, table=table, direct_runs={"ORPO": train.Run(None, trainable=1, total=100)},
                  test_pairs=[0] * 40, ENOUGH=True, RUN=folder, SWEEP_MODEL="tiny")
    assert results._load(folder)["claims"][0]["verdict"] == verdict


# ------------------------------------------------------------------------------------------ the exercises
@pytest.mark.parametrize("check, wrong, words", [
    (checks_preference_family.clipped, lambda ratio, a, e: ratio * a, "1 \\+ ε only"),
    (checks_preference_family.clipped, lambda ratio, a, e: max(1 - e, min(1 + e, ratio)) * a, "takes the smaller"),
    (checks_preference_family.leave_one_out, lambda r: [x - sum(r) / len(r) for x in r], "leave the answer itself out"),
    (checks_preference_family.leave_one_out, lambda r: [0.0], "one for each answer"),
    (checks_preference_family.simpo_lead, lambda c, n, r, m, b, g: b * (c - r) - g, "Means"),
    (checks_preference_family.simpo_lead, lambda c, n, r, m, b, g: b * (c / n - r / m), "1 − 0.5|− 0.5"),
])
def test_typical_mistakes_get_a_teaching_message(check, wrong, words):
    with pytest.raises(checks.WrongAnswer, match=words):
        check(wrong)
