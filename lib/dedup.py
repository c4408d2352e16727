"""Duplicates: exact, near (MinHash and bands), and by meaning (neighbours in a vector database).

    exact_key("Hello  world")                        the same for texts that differ only in spaces
    near_pairs(texts, threshold=0.5)                 [(i, j, similarity), …] of texts that share most 5-letter pieces
    same_facts("take 2 mg", "take 3 mg")             False: a number, a code or a word was replaced
    neighbours(vectors, floor=0.9)                   [(i, j, cosine), …] from Qdrant, in this process or on a server
    copies(pairs, n)                                 {row to drop: row to keep}

MinHash: Broder 1997; bands (LSH): Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, chapter 3.
Memory of near_pairs: 4 bytes × permutations a row (512 bytes at 128), and the candidates.
"""

import hashlib
import re
import uuid
from collections import Counter

import numpy as np

PIECE = 5  # letters in a shingle: words of 5 letters miss too much in short texts
CHUNK = 1 << 18  # shingles hashed at once: bounds the working memory to some megabytes
LARGEST_RUN = 200  # rows in one bucket compared each with each; a larger bucket only with its first row


def exact_key(text: str) -> str:
    """`exact_key("a  b ") == exact_key("a b")`: 32 hex digits; what differs only in spaces is the same."""
    return hashlib.blake2b(" ".join(text.split()).encode(), digest_size=16).hexdigest()


def folded(text: str) -> str:
    """`folded("HTN-DM, f/u 2w!")` → "htn dm f u 2w": what counts as the same letters."""
    return " ".join(re.findall(r"\w+", text.lower()))


def pieces(text: str) -> set[str]:
    """`pieces("hello!!")` → {"hello"}: the set of 5-letter pieces of the folded text, at least one."""
    text = folded(text).ljust(PIECE, "\0")
    return {text[i: i + PIECE] for i in range(len(text) - PIECE + 1)}


def jaccard(a: set, b: set) -> float:
    """`jaccard({1, 2, 3}, {2, 3, 4})` → 0.5: shared by both over present in either."""
    return len(a & b) / len(a | b) if a or b else 1.0


# ------------------------------------------------------------------------------------------- MinHash
def piece_hashes(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(32-bit hashes of all pieces, one text after another; where each text begins)."""
    padded = [folded(text).ljust(PIECE, "\0") for text in texts]
    lengths = np.array([len(t) for t in padded])
    codes = np.frombuffer("".join(padded).encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    rolled = np.zeros(max(len(codes) - PIECE + 1, 0), dtype=np.uint64)
    for k in range(PIECE):
        rolled = rolled * np.uint64(0x100000001B3) + codes[k: len(codes) - PIECE + 1 + k]
    ends = np.cumsum(lengths)
    within = np.ones(len(rolled), dtype=bool)
    for k in range(1, PIECE):  # a piece must not reach into the next text
        within[ends[:-1] - k] = False
    starts = np.concatenate([[0], np.cumsum(lengths - PIECE + 1)[:-1]])
    return _mixed(rolled[within]), starts


def _mixed(values: np.ndarray) -> np.ndarray:
    """64 bits → well-mixed 32 bits (the finaliser of splitmix64), as uint64."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values >> np.uint64(32)


def signatures(texts: list[str], permutations: int = 128, seed: int = 1) -> np.ndarray:
    """`signatures(["a text", "a test"])` → (2, 128) uint32; the share of equal places estimates their Jaccard.

    Permutation k is (a·h + b) mod 2⁶⁴, high half (Dietzfelbinger 1996), which numpy computes many rows at a time.
    """
    generator = np.random.default_rng(seed)
    factors = generator.integers(1, 2**64, permutations, dtype=np.uint64) | np.uint64(1)
    shifts = generator.integers(0, 2**64, permutations, dtype=np.uint64)
    out = np.empty((len(texts), permutations), dtype=np.uint32)
    begin = 0
    while begin < len(texts):
        end, size = begin, 0
        while end < len(texts) and (end == begin or size + len(texts[end]) + PIECE < CHUNK):
            size += len(texts[end]) + PIECE
            end += 1
        hashes, starts = piece_hashes(texts[begin:end])
        for k in range(permutations):
            out[begin:end, k] = np.minimum.reduceat((hashes * factors[k] + shifts[k]) >> np.uint64(32), starts)
        begin = end
    return out


def candidate_pairs(signed: np.ndarray, rows: int = 4) -> np.ndarray:
    """Pairs that agree in all `rows` places of at least one band: (pairs, 2), each once, smaller index first."""
    n, permutations = signed.shape
    multipliers = np.random.default_rng(7).integers(1, 2**63, rows, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    found = []
    for start in range(0, permutations - rows + 1, rows):
        keys = _mixed64((signed[:, start: start + rows].astype(np.uint64) * multipliers).sum(axis=1, dtype=np.uint64))
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        edges = np.flatnonzero(np.diff(ordered)) + 1
        firsts, lasts = np.concatenate([[0], edges]), np.concatenate([edges, [n]])
        for first, last in zip(firsts[lasts - firsts > 1], lasts[lasts - firsts > 1], strict=True):
            members = order[first:last]
            if len(members) > LARGEST_RUN:
                found.append(np.stack([np.full(len(members) - 1, members[0]), members[1:]], axis=1))
            else:
                i, j = np.triu_indices(len(members), 1)
                found.append(np.stack([members[i], members[j]], axis=1))
    if not found:
        return np.zeros((0, 2), dtype=np.int64)
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _mixed64(values: np.ndarray) -> np.ndarray:
    return (values ^ (values >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)


def near_pairs(texts: list[str], threshold: float = 0.5, permutations: int = 128, rows: int = 4) -> list[tuple[int, int, float]]:
    """`near_pairs(["Where can I park?", "Where can I parkk?"])` → [(0, 1, 0.87)]: pairs whose Jaccard is ≥ threshold.

    Bands only propose; the similarity is then counted exactly. 32 bands of 4 rows propose a pair of similarity 0.5
    with probability 0.87, one of 0.7 with 0.9998.
    """
    if len(texts) < 2:
        return []
    proposed = candidate_pairs(signatures(texts, permutations), rows)
    cache: dict[int, set] = {}
    found = []
    for i, j in proposed.tolist():
        for k in (i, j):
            if k not in cache:
                cache[k] = pieces(texts[k])
        similarity = jaccard(cache[i], cache[j])
        if similarity >= threshold:
            found.append((i, j, similarity))
    return found


# ------------------------------------------------------------------------------------------- same words, other facts
NEGATIONS = {"not", "no", "never", "without", "cannot", "не", "нет", "без", "никогда", "нельзя"}


def same_facts(a: str, b: str) -> bool:
    """`same_facts("Hi, HTN f/u 2w?", "htn f/u 2w")` → True; ("… 2w", "… 3w") → False.

    Two texts of nearly the same letters are copies if every word that differs is a typo of one letter (but not in a
    number or a code), or if one text only adds words and no negation. A replaced word is another question.
    """
    special = codes(a) | codes(b)
    left, right = Counter(folded(a).split()), Counter(folded(b).split())
    left, right = left - right, right - left
    for word in list(left.elements()):
        other = next((o for o in right.elements() if _is_typo(word, o) and not {word, o} & special), None)
        if other:
            left[word] -= 1
            right[other] -= 1
    left, right = +left, +right
    if left and right:
        return False
    added = set(left) | set(right)
    return not (added & NEGATIONS or added & special or any(any(c.isdigit() for c in word) for word in added))


def codes(text: str) -> set[str]:
    """`codes("HTN-DM in 2w")` → {"htn", "dm"}; in a text without lower case nothing can be told apart."""
    if text.upper() == text:
        return set()
    return {word.lower() for word in re.findall(r"\b[^\W\d_]{2,6}\b", text) if word.isupper()}


def _is_typo(a: str, b: str) -> bool:
    """One letter added, left out, replaced or two neighbours swapped; never in a word with a digit."""
    if abs(len(a) - len(b)) > 1 or min(len(a), len(b)) < 2 or any(c.isdigit() for c in a + b):
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rest_a, rest_b = a[start:], b[start:]
    if len(a) == len(b):
        return rest_a[1:] == rest_b[1:] or (rest_a[:2] == rest_b[:2][::-1] and rest_a[2:] == rest_b[2:])
    return rest_a[1:] == rest_b or rest_b[1:] == rest_a


# ------------------------------------------------------------------------------------------- by meaning
def neighbours(vectors: np.ndarray, floor: float, url: str = "", most: int = 10, groups: list[str] | None = None) -> list[tuple[int, int, float]]:
    """`neighbours(vectors, 0.9)` → [(i, j, cosine), …] with i < j, each pair once, from the vector database Qdrant.

    Without `url` the database lives in this process (exact search; up to some 20,000 rows); with the address of a
    server ("http://localhost:6333") the same calls go there. `groups[i]` (a language, say) must be equal in a pair.
    """
    from qdrant_client import QdrantClient, models

    client = QdrantClient(url=url) if url else QdrantClient(":memory:")
    name = f"dedup-{uuid.uuid4().hex[:12]}"
    client.create_collection(name, vectors_config=models.VectorParams(size=vectors.shape[1], distance=models.Distance.COSINE))
    try:
        payloads = [{"group": group} for group in groups or [""] * len(vectors)]
        for start in range(0, len(vectors), 1000):
            stop = min(start + 1000, len(vectors))
            client.upsert(name, models.Batch(ids=list(range(start, stop)), vectors=vectors[start:stop].tolist(), payloads=payloads[start:stop]),
                          wait=True)
        found = {}
        for start in range(0, len(vectors), 100):
            stop = min(start + 100, len(vectors))
            requests = [models.QueryRequest(query=vectors[i].tolist(), limit=most + 1, score_threshold=floor, filter=models.Filter(
                must=[models.FieldCondition(key="group", match=models.MatchValue(value=payloads[i]["group"]))])) for i in range(start, stop)]
            for i, answer in zip(range(start, stop), client.query_batch_points(name, requests), strict=True):
                found |= {(min(i, p.id), max(i, p.id)): p.score for p in answer.points if p.id != i}
        return sorted((i, j, score) for (i, j), score in found.items())
    finally:
        client.delete_collection(name)
        client.close()


# ------------------------------------------------------------------------------------------- from pairs to rows
def copies(pairs, n: int) -> dict[int, int]:
    """`copies([(0, 2, 0.9), (2, 5, 0.8)], 6)` → {2: 0, 5: 0}: of every group the first row stays."""
    root = list(range(n))

    def top(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for i, j, *_ in pairs:
        a, b = top(i), top(j)
        root[max(a, b)] = min(a, b)
    return {i: top(i) for i in range(n) if top(i) != i}
