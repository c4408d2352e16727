"""Splits: no group on two sides, near-duplicates in one group, and intervals that know about copies."""

from collections import Counter

import numpy as np
import pytest

from lib import dedup, evaluate, splits


def test_rows_that_share_anything_are_one_group():
    keys = [["patient 1"], ["patient 1", "note 7"], ["patient 2"], ["note 7"], [], ["patient 3"]]
    assert splits.groups(keys) == ["g0", "g0", "g2", "g0", "g4", "g5"]
    assert splits.groups(keys, near=[(2, 5)]) == ["g0", "g0", "g2", "g0", "g4", "g2"]
    assert splits.groups([]) == []


def test_a_chain_is_one_group_however_long():
    n = 500
    assert set(splits.groups([[] for _ in range(n)], [(i, i + 1) for i in range(n - 1)])) == {"g0"}


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_cut_and_the_shares_are_met(seed):
    chance = np.random.default_rng(seed)
    names = [f"p{k}" for k in chance.integers(0, 400, 2000)]
    parts = splits.split(names, {"train": 0.7, "validation": 0.1, "test": 0.2}, seed=seed)
    assert len(set(zip(names, parts, strict=True))) == len(set(names))
    share = {part: count / 2000 for part, count in Counter(parts).items()}
    assert share["train"] == pytest.approx(0.7, abs=0.08) and share["test"] == pytest.approx(0.2, abs=0.08)


def test_new_rows_move_no_old_group():
    names = [f"p{k}" for k in range(100)]
    before = dict(zip(names, splits.split(names, {"train": 0.8, "test": 0.2}), strict=True))
    more = names + [f"q{k}" for k in range(300)]
    after = dict(zip(more, splits.split(more, {"train": 0.8, "test": 0.2}), strict=True))
    assert all(after[name] == part for name, part in before.items())


def test_a_split_that_can_not_be_is_refused():
    with pytest.raises(ValueError, match="holds 9 of 10 rows"):
        splits.split(["a"] * 9 + ["b"], {"train": 0.8, "test": 0.2})
    with pytest.raises(ValueError, match="sum to 1"):
        splits.split(["a", "b"], {"train": 0.8, "test": 0.3})
    with pytest.raises(ValueError, match="empty"):
        splits.split([], {"train": 0.8, "test": 0.2})


def test_a_torn_pair_is_found():
    texts = ["Where can I park my car at the clinic?", "Where can I parkk my car at the clinic?", "When is the cafe open on Sunday?"]
    assert [pair[:2] for pair in splits.leaks(texts, ["train", "test", "test"])] == [(0, 1)]
    assert splits.leaks(texts, ["train", "train", "test"]) == []


def test_copies_widen_the_interval():
    chance = np.random.default_rng(0)
    hits = np.repeat(chance.random(40) < 0.7, 5)  # 40 notes, five copies each: all right or all wrong
    names = np.repeat(np.arange(40), 5).astype(str).tolist()
    by_group, by_row = splits.interval(hits, names), evaluate.interval(hits)
    assert by_group.value == by_row.value and by_group.n == 40
    assert by_group.high - by_group.low > 1.8 * (by_row.high - by_row.low)
    single = splits.interval(hits[::5], names[::5])
    assert single.high - single.low == pytest.approx(by_group.high - by_group.low, rel=0.1)
    none = splits.interval([0] * 8, ["a", "a", "b", "b", "c", "c", "d", "d"])
    assert none.low == 0 and none.high == pytest.approx(1 - 0.025 ** (1 / 4)), "four groups without a hit prove little"
    with pytest.raises(ValueError, match="two"):
        splits.interval([1, 0], ["a", "a"])


def test_templates_chain_and_facts_cut_the_chain():
    notes = [f"Expand the note: {a}-{b}, f/u {n}w" for a in ("HTN", "DM", "CKD") for b in ("OA", "MS", "PE") for n in (2, 3)]
    texts = [form.format(note) for note in notes for form in ("{}", "Hello. {}", "{} Thank you!")]
    near = dedup.near_pairs(texts, 0.5)
    assert len(set(splits.groups([[] for _ in texts], near))) < len(notes), "letters alone join different notes"
    same = [(i, j) for i, j, _ in near if dedup.same_facts(texts[i], texts[j])]
    names = splits.groups([[] for _ in texts], same)
    assert names == [f"g{3 * k}" for k in range(len(notes)) for _ in range(3)]
