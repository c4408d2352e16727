"""The memory that each lesson's trainings take on Colab's T4: `python -m tools.t4` → profiles/colab_t4_memory.json

    python -m tools.t4            writes the file, from which README.md gets its column
    python -m tools.t4 --check    writes nothing; exit status 1 if the file is not what lib.memory says today

Predicted by lib.memory, not measured: no T4 was at hand. Model and rows come from profiles/colab_t4.yaml and the notebooks'
defaults, the length from the longest row of the data as tiny's tokenizer cuts it (its 1,024 pieces are shorter than those
of any larger vocabulary) plus TEMPLATE tokens. A T4 has no bf16, so weights are in float32 and computed under fp16 autocast.
For that the formula counts everything in float32 and the fp16 copies of all weights on top, which is more than autocast
keeps at once (tests/test_t4.py compares with the tracker).
"""

import argparse
import json
import sys
from functools import cache

from transformers import AutoTokenizer

from lib import data, formats, memory, models, preference_training, streams, train
from lib.memory import GIB
from tools import course, notebooks

FILE = notebooks.ROOT / "profiles" / "colab_t4_memory.json"
PROFILE = "colab_t4"
TEMPLATE = 40  # what another chat template adds, such as Qwen's system turn
TRAININGS = {  # notebook: (model, method, rows a step, rank, sample); a name in capitals is a parameter of the notebook
    "01": [("MODEL", "lora", "TUNE_ROWS", 16, "shorthand")],
    "04": [("SWEEP_MODEL", "lora", 16, 16, "shorthand")],
    "06": [("MODEL", "lora", "BATCH_SIZE", "RANK", "shorthand"), ("SWEEP_MODEL", "lora", 32, 256, "shorthand")],
    "07": [("MODEL", "qlora", "BATCH_SIZE", "RANK", "shorthand"), ("MODEL", "lora", 4, "RANK", "shorthand")],
    "08": [("SWEEP_MODEL", "full", "BATCH_SIZE", 0, "shorthand")],
    "09": [("SWEEP_MODEL", "lora", 16, 16, "preferences"), ("SWEEP_MODEL", "dpo", "DPO_BATCH", 16, "preferences")],
    "10": [("SWEEP_MODEL", "lora", 16, 16, "preferences"), ("SWEEP_MODEL", "dpo", "PAIRS_A_STEP", 16, "preferences")],
    "11": [("TEACHER", "lora", "BATCH_SIZE", 16, "shorthand"), ("PUPIL", "full", "BATCH_SIZE", 0, "shorthand")],
    "12": [("MODEL", "lora", 8, 16, "shorthand"), ("SWEEP_MODEL", "full", 8, 0, "shorthand")],
    "13": [("SWEEP_MODEL", "lora", 16, 16, "shorthand"), ("SWEEP_MODEL", "dpo", 8, 16, "preferences")],
    "14": [("MODEL", "lora", "BATCH_SIZE", 16, "shorthand")],
    "15": [("MODEL", "lora", 8, 8, "style")],
    "16": [("SWEEP_MODEL", "lora", 8, 16, "shorthand")],
    "17": [("MODEL", "lora", "SFT_BATCH", "RANK", "orders"), ("MODEL", "dpo", 8, "RANK", "orders pairs")],
}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is not current")
    text = json.dumps(predictions(), indent=1, ensure_ascii=False) + "\n"
    if parser.parse_args(argv).check:
        current = FILE.is_file() and FILE.read_text(encoding="utf-8") == text
        print("current" if current else f"{FILE.name} is not current. Remedy: python -m tools.t4, then make readme")
        return int(not current)
    notebooks.write_text(FILE, text)
    print(text, end="")
    return 0


def predictions() -> dict[str, dict]:
    """`{"06": {"gib": 7.3, "training": "lora, Qwen2.5-0.5B, 8 × 179 tokens"}, …}`: the highest peak of each notebook's trainings."""
    profile = course.read_profile(notebooks.ROOT, PROFILE)
    paths = {notebooks.number(path): path for path in notebooks.paths()}
    found = {}
    for number, trainings in TRAININGS.items():
        values = {name: value for name, (_, value) in notebooks.parameters(notebooks.read(paths[number])).items()}
        values |= {name: value for name, value in profile.items() if name in values}
        peak, training = max(predict(*(value_of(item, values, number) for item in one)) for one in trainings)
        found[number] = {"gib": round(peak / GIB, 1), "training": training}
    return found


def value_of(item, values: dict, number: str):
    """`value_of("RANK", {"RANK": 16}, "06")` → 16; anything that is not in capitals stays as it is."""
    if not (isinstance(item, str) and item.isupper()):
        return item
    if item not in values:
        raise ValueError(f"tools/t4.py: notebook {number} declares no parameter {item}; correct TRAININGS")
    return values[item]


@cache
def predict(model: str, method: str, rows: int, rank: int, sample: str) -> tuple[int, str]:
    """(bytes at the peak on a T4, what is trained)."""
    name = "tiny" if model == "tiny" else model.split("/")[-1].removesuffix("-Instruct")
    length = longest(sample) + TEMPLATE
    peak = upper_bound(str(models.TINY) if name == "tiny" else name, method, rows, length, rank)
    return peak, f"{method}, {name}, {rows} × {length} tokens"


def upper_bound(model: str, method: str, rows: int, length: int, rank: int) -> int:
    """Bytes at the peak: counted in float32 (qlora: as it is verified), and fp16 copies of all weights on top."""
    settings = {} if method == "qlora" else {"dtype": "fp32", "amp": False}
    settings |= {"rank": rank} if method != "full" else {}
    settings |= {"lora": True} if method == "dpo" else {}
    need = memory.estimate(model, method, batch=rows, length=length, checkpointing=False, **settings)
    return need.peak + 2 * memory.parameter_count(memory.config_of(model))


@cache
def longest(sample: str) -> int:
    """Tokens of the longest row of a sample, in English (the default of every lesson; the shop's letters in both), as tiny's tokenizer cuts it."""
    tokenizer, shop = AutoTokenizer.from_pretrained(models.TINY), data.SAMPLES / "orders"
    if sample == "orders":
        chats = [formats.to_messages(row)[0]["messages"] for _, row in streams.rows(shop / "raw.jsonl", lambda problem: None) if "conversations" in row]
    elif sample in ("preferences", "orders pairs"):
        pairs = data.sample(sample, "train", "en") if sample == "preferences" else preference_training.read_pairs(shop / "preferences.jsonl")
        chats = [[*pair["prompt"], *pair[side]] for pair in pairs for side in ("chosen", "rejected")]
    else:
        chats = [row["messages"] for row in data.sample(sample, "train", "both" if sample == "style" else "en")]
    return max(len(train.tokenize_chat(chat, tokenizer)[0]) for chat in chats if chat[-1]["content"])


if __name__ == "__main__":
    sys.exit(main())
