"""Rows per second and memory of MinHash deduplication, side by side with its peers on the same rows in one run.

    pip install --no-deps --target build/dedup_peers gaoya rensa          peers that are not there are named and left out
    python benchmarks/dedup_speed.py --peers build/dedup_peers --rows 10000 100000

Every tool gets the same short English and Russian rows with planted near copies (about 5 % of the letters edited), makes
128 permutations of 5-letter pieces, and returns which rows are copies. Each runs in a process of its own, on one core,
so that memory can be told apart; rounds of all tools alternate. Writes benchmarks/results/dedup_speed.json: medians.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import math
import multiprocessing
import os
import platform
import random
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil  # noqa: E402

HERE = Path(__file__).resolve().parent
THRESHOLD, PERMUTATIONS = 0.5, 128


def make_rows(count: int, seed: int = 0) -> tuple[list[str], list[int]]:
    """(rows of about 90 letters; for each row the one it is a copy of, or itself). A fifth are copies."""
    chance = random.Random(seed)
    words = {"en": "".join(map(chr, range(97, 123))), "ru": "".join(map(chr, range(1072, 1104)))}
    lexicon = {lang: ["".join(chance.choices(letters, k=chance.randint(2, 10))) for _ in range(20_000)] for lang, letters in words.items()}
    rows, origin = [], []
    for k in range(count):
        if rows and chance.random() < 0.2:
            of = origin[chance.randrange(len(rows))]
            text = list(rows[of])
            for _ in range(max(1, len(text) // 40)):
                at = chance.randrange(1, len(text))
                text[at - 1: at + 1] = text[at - 1: at + 1][::-1]
            rows.append("".join(text))
            origin.append(of)
        else:
            rows.append(" ".join(chance.choices(lexicon["en" if chance.random() < 0.5 else "ru"], k=14)))
            origin.append(k)
    return rows, origin


# ------------------------------------------------------------------------------------------- the tools
def course(rows: list[str]) -> set[int]:
    """Signatures in numpy, bands, and an exact count of every proposed pair."""
    from lib import dedup

    return set(dedup.copies(dedup.near_pairs(rows, THRESHOLD, PERMUTATIONS), len(rows)))


def datasketch(rows: list[str]) -> set[int]:
    from datasketch import MinHash, MinHashLSH

    index, found = MinHashLSH(num_perm=PERMUTATIONS, params=(32, 4)), set()
    for k, text in enumerate(rows):
        sketch = MinHash(PERMUTATIONS)
        sketch.update_batch([piece.encode() for piece in {text[i: i + 5] for i in range(len(text) - 4)}])
        if index.query(sketch):
            found.add(k)
        index.insert(k, sketch)
    return found


def gaoya(rows: list[str]) -> set[int]:
    from gaoya.minhash import MinHashStringIndex

    index, found = MinHashStringIndex(32, THRESHOLD, 32, 4, analyzer="char", lowercase=True, ngram_range=(5, 5)), set()
    for k, text in enumerate(rows):
        if index.query(text):
            found.add(k)
        index.insert_document(k, text)
    return found


def rensa(rows: list[str]) -> set[int]:
    """The full R-MinHash; its fast "rho" path loses nearly all short rows (read), so it is not taken."""
    from rensa import RMinHash, RMinHashLSH

    index, found = RMinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS, num_bands=32), set()
    for k, text in enumerate(rows):
        sketch = RMinHash(num_perm=PERMUTATIONS, seed=1)
        sketch.update([text[i: i + 5] for i in range(len(text) - 4)])
        if index.query(sketch):
            found.add(k)
        index.insert(k, sketch)
    return found


TOOLS = {"course": course, "datasketch": datasketch, "gaoya": gaoya, "rensa": rensa}


def measure(name: str, count: int, peers: str, answer) -> None:
    """In a fresh process: seconds, peak memory over what was there before, precision and recall of the found copies."""
    sys.path.insert(1, peers)
    try:
        rows, origin = make_rows(count)
        TOOLS[name](rows[:200])  # imports and first-call costs are not what is timed
        before = psutil.Process().memory_info().rss
        start, used = time.perf_counter(), time.process_time()
        found = TOOLS[name](rows)
        seconds, used = time.perf_counter() - start, time.process_time() - used
    except Exception as error:  # a peer with another interface is a result of this run, not the end of it
        answer.put({"error": f"{type(error).__name__}: {error}"[:200]})
        return
    copies = {k for k, of in enumerate(origin) if of != k}
    answer.put({"seconds": round(seconds, 2), "cpu_seconds": round(used, 2), "peak_mib": round((_peak_bytes() - before) / 2**20),
                "recall": round(len(found & copies) / len(copies), 4), "precision": round(len(found & copies) / max(len(found), 1), 4)})


def _peak_bytes() -> int:
    """The largest memory this process ever had; what it has now where the system does not tell."""
    now = psutil.Process().memory_info().rss
    try:
        import resource

        return max(now, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
    except ImportError:
        return now


def one(name: str, count: int, peers: str) -> dict:
    """One measurement in a process of its own; a process that dies is an error of this tool."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    child = context.Process(target=measure, args=(name, count, peers, answer))
    child.start()
    while child.is_alive() and answer.empty():
        time.sleep(0.05)
    result = answer.get(timeout=5) if not answer.empty() or child.exitcode == 0 else {"error": f"the process ended with {child.exitcode}"}
    child.join()
    return result


def summary(rounds: list[dict]) -> dict:
    """The medians of the rounds, or the first error."""
    bad = next((r for r in rounds if "error" in r), None)
    return bad or {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}


def exponent(runs: list[dict], tool: str) -> float | None:
    """p in seconds ~ rows^p, from the smallest to the largest measured size; 1 is linear."""
    own = sorted((r["rows"], r["cpu_seconds"]) for r in runs if r["tool"] == tool and r.get("cpu_seconds"))
    return round(math.log(own[-1][1] / own[0][1]) / math.log(own[-1][0] / own[0][0]), 2) if len(own) > 1 else None


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--peers", default="build/dedup_peers", help="folder of pip install --target for gaoya and rensa")
    parser.add_argument("--only", nargs="+", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--out", default=str(HERE / "results" / "dedup_speed.json"))
    args = parser.parse_args(argv)
    for library in ("OMP", "MKL", "OPENBLAS"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    sys.path.insert(1, args.peers)
    tools = [name for name in args.only if name == "course" or importlib.util.find_spec(name)]
    missing = [name for name in args.only if name not in tools]
    print("missing, left out:", ", ".join(missing) or "none")
    runs = []
    for count in args.rows:
        rounds = [{name: one(name, count, args.peers) for name in tools} for _ in range(args.rounds)]
        for name in tools:
            runs.append({"tool": name, "rows": count, **summary([r[name] for r in rounds])})
            print(runs[-1], flush=True)
    record = {"date": time.strftime("%Y-%m-%d"), "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores, one used", "python": platform.python_version(),
              "versions": {name: importlib.metadata.version(name) for name in ["numpy", *(t for t in tools if t != "course")]},
              "threshold": THRESHOLD, "permutations": PERMUTATIONS, "rounds": args.rounds, "missing": missing, "runs": runs,
              "growth_exponent": {name: exponent(runs, name) for name in tools}}
    Path(args.out).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
