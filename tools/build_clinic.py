"""Build the clinic data of the course: `python tools/build_clinic.py` → data/samples/{shorthand,…}/*.jsonl

    python tools/build_clinic.py            writes the files (the same bytes on every run)
    python tools/build_clinic.py --check    writes nothing; exit status 1 if a committed file differs

Everything is synthetic, generated from the tables in clinic_content_en.py and clinic_content_ru.py.
It teaches method and is no medical advice.
"""

import argparse
import itertools
import json
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # so that the test can import this file too

import clinic_content_en as en  # noqa: E402
import clinic_content_ru as ru  # noqa: E402

SAMPLES = Path(__file__).resolve().parent.parent / "data" / "samples"
SEED = 20260701
PARTS = ("train", "validation", "test")
LANGUAGES = {"en": en, "ru": ru}


# --- shorthand -----------------------------------------------------------------------------------
SHORTHAND_ROWS = {"train": 5000, "validation": 300, "test": 400}
JSON_SHARE = 0.3
# Share of notes with 1, 2, 3, 4 codes. Few with one code: there are only 28 and 24 such sets.
CODES_PER_NOTE = {1: 0.05, 2: 0.25, 3: 0.40, 4: 0.30}


def period_text(lang: str, n: int, unit: str, after_through: bool) -> str:
    """("ru", 1, "н", True) → "1 неделю"; False (JSON, a bare value) → "1 неделя"."""
    forms = LANGUAGES[lang].UNITS[unit]
    if lang == "en":
        return f"{n} {forms[0] if n == 1 else forms[1]}"
    if n == 1:
        return f"1 {forms[1] if after_through else forms[0]}"
    return f"{n} {forms[2] if n <= 4 else forms[3]}"  # n is 1 to 9, so 11–14 and 21 do not occur


def shorthand_pair(lang: str, form: str, codes: list[str], n: int, unit: str, wording: str):
    """("en", "text", ["HTN", "DM"], 2, "w", "Expand the note: {note}")
    → ("Expand the note: HTN-DM, f/u 2w", "hypertension, diabetes mellitus; follow-up in 2 weeks")"""
    content = LANGUAGES[lang]
    prompt = wording.format(note=content.NOTE.format(codes="-".join(codes), n=n, unit=unit))
    names = [content.CODES[code] for code in codes]
    if form == "text":
        period = period_text(lang, n, unit, after_through=True)
        return prompt, content.TEXT_ANSWER.format(diagnoses=", ".join(names), period=period)
    values = (names, period_text(lang, n, unit, after_through=False))
    return prompt, json.dumps(dict(zip(content.JSON_KEYS, values, strict=True)), ensure_ascii=False)


def split_code_sets(codes: list[str], rng: random.Random) -> dict[str, dict[int, list[tuple[str, ...]]]]:
    """Each unordered set of 1–4 codes belongs to one part: validation 10 %, test 15 %, train the rest."""
    parts = {part: {} for part in PARTS}
    for size in CODES_PER_NOTE:
        sets = list(itertools.combinations(sorted(codes), size))
        rng.shuffle(sets)
        n_validation, n_test = round(0.10 * len(sets)), round(0.15 * len(sets))
        parts["validation"][size] = sets[:n_validation]
        parts["test"][size] = sets[n_validation : n_validation + n_test]
        parts["train"][size] = sets[n_validation + n_test :]
    return parts


def shorthand_rows(lang: str, part: str, sets_by_size: dict, count: int, rng: random.Random) -> list[dict]:
    content = LANGUAGES[lang]
    periods = [(n, unit) for unit in content.UNITS for n in range(1, 10)]
    seen, rows = set(), []
    fresh = {size: rng.sample(sets, len(sets)) for size, sets in sets_by_size.items()}
    while len(rows) < count:
        size = rng.choices(list(CODES_PER_NOTE), weights=list(CODES_PER_NOTE.values()))[0]
        if not fresh[size]:
            if part != "train":
                continue  # a held-out set is asked once, so that each row is an independent question
            fresh[size] = rng.sample(sets_by_size[size], len(sets_by_size[size]))
        group = fresh[size].pop()
        codes = rng.sample(group, size)
        n, unit = rng.choice(periods)
        form = "json" if rng.random() < JSON_SHARE else "text"
        wording = rng.choice(content.TEXT_WORDINGS if form == "text" else content.JSON_WORDINGS)
        prompt, reply = shorthand_pair(lang, form, codes, n, unit, wording)
        if (form, prompt.split(wording.split("{")[0])[-1]) in seen:
            continue  # the same note in another wording would count as distinct, and teaches nothing new
        seen.add((form, prompt.split(wording.split("{")[0])[-1]))
        rows.append(chat_row(lang, "shorthand", "-".join(group), prompt, reply) | {"form": form})
    return rows


def build_shorthand() -> dict[str, list[dict]]:
    rng = random.Random(f"{SEED} shorthand")
    parts = {part: [] for part in PARTS}
    for lang, content in LANGUAGES.items():
        sets = split_code_sets(list(content.CODES), rng)
        for part in PARTS:
            parts[part] += shorthand_rows(lang, part, sets[part], SHORTHAND_ROWS[part] // 2, rng)
    return shuffled_and_numbered(parts, "sh", rng)


# --- preferences ---------------------------------------------------------------------------------
PAIRS_PER_SCENARIO = 3


def fivegrams(text: str) -> frozenset[str]:
    text = text.lower()
    return frozenset(text[i : i + 5] for i in range(max(1, len(text) - 4)))


def similarity(a: frozenset[str], b: frozenset[str]) -> float:
    """Jaccard similarity of two sets of 5-grams: 0 nothing shared, 1 the same."""
    return len(a & b) / len(a | b)


def part_of(index: int) -> str:
    """Deal items to the parts 70 / 15 / 15: of every 20, the 5th, 12th and 18th go to validation, …"""
    return {4: "validation", 11: "validation", 17: "validation", 1: "test", 8: "test", 14: "test"}.get(
        index % 20, "train"
    )


def without_near_duplicates(parts: dict[str, list], prompt_of, limit: float = 0.78) -> dict[str, list]:
    """Drop held-out rows whose prompt nearly repeats one of an earlier part (the test's limit is 0.8)."""
    earlier, kept = [], {}
    for part in PARTS:
        grams = [fivegrams(prompt_of(row)) for row in parts[part]]
        keep = [all(similarity(g, e) < limit for e in earlier) for g in grams]
        kept[part] = [row for row, good in zip(parts[part], keep, strict=True) if good]
        earlier += [g for g, good in zip(grams, keep, strict=True) if good]
    return kept


def preference_rows(lang: str, rng: random.Random) -> dict[str, list[dict]]:
    parts, index = {part: [] for part in PARTS}, 0
    for family, content in LANGUAGES[lang].FAMILIES.items():
        for number, slot in enumerate(content["slots"]):
            chosen = rng.sample(content["chosen"], PAIRS_PER_SCENARIO)
            free = list(content["rejected"])
            for ask, good in zip(rng.sample(content["asks"], PAIRS_PER_SCENARIO), chosen, strict=True):
                # One of the two rejected answers nearest in length, so that length does not tell the label;
                # 4 characters more, since the chosen templates are a little longer on average.
                nearest = sorted(free, key=lambda bad: abs(len(bad) - len(good) - 4))[:2]
                bad = free.pop(free.index(rng.choice(nearest)))
                prompt, good, bad = (text.format(**slot) for text in (ask, good, bad))
                parts[part_of(index)].append(
                    {
                        "id": "",
                        "lang": lang,
                        "group": f"{lang}-{family}-{number:02d}",
                        "prompt": [{"role": "user", "content": prompt}],
                        "chosen": [{"role": "assistant", "content": good}],
                        "rejected": [{"role": "assistant", "content": bad}],
                    }
                )
            index += 1
    return without_near_duplicates(parts, lambda row: row["prompt"][0]["content"])


def build_preferences() -> dict[str, list[dict]]:
    rng = random.Random(f"{SEED} preferences")
    return shuffled_and_numbered(joined(preference_rows(lang, rng) for lang in LANGUAGES), "pr", rng)


# --- style ---------------------------------------------------------------------------------------
WORDINGS_PER_TERM = 3


def style_rows(lang: str, rng: random.Random) -> dict[str, list[dict]]:
    content, parts = LANGUAGES[lang], {part: [] for part in PARTS}
    terms = list(content.TERMS)
    rng.shuffle(terms)
    for index, term in enumerate(terms):
        for wording in rng.sample(content.STYLE_WORDINGS, WORDINGS_PER_TERM):
            reply = content.STYLE_ANSWER.format(text=content.TERMS[term])
            parts[part_of(index)].append(chat_row(lang, "style", term, wording.format(t=term), reply))
    return without_near_duplicates(parts, lambda row: row["messages"][0]["content"])


def build_style() -> dict[str, list[dict]]:
    rng = random.Random(f"{SEED} style")
    return shuffled_and_numbered(joined(style_rows(lang, rng) for lang in LANGUAGES), "st", rng)


# --- front desk ----------------------------------------------------------------------------------
def capitalised(text: str) -> str:
    return text[0].upper() + text[1:]


def frontdesk_facts(lang: str) -> list[tuple]:
    """→ [(name of the fact, attribute, answer, assistant text, its wordings), …]"""
    content, facts = LANGUAGES[lang], []
    for attribute, (table, key, reply, wordings) in content.FACTS.items():
        for number, row in enumerate(getattr(content, table)):
            values = row | {name.capitalize(): capitalised(value) for name, value in row.items()}
            asked = [wording.format(**values) for wording in wordings]
            facts.append((f"{attribute}-{number:02d}", attribute, row[key], reply.format(**values), asked))
    for name, (answer, reply, wordings) in content.SINGLE_FACTS.items():
        facts.append((name, name, answer, reply, wordings))
    return facts


def frontdesk_rows(lang: str) -> dict[str, list[dict]]:
    """Held out is the wording, never the fact: the next-to-last wording is validation, the last is test."""
    parts = {part: [] for part in PARTS}
    for fact, attribute, answer, reply, asked in frontdesk_facts(lang):
        where = ["train"] * (len(asked) - 2) + ["validation", "test"]
        for number, (part, prompt) in enumerate(zip(where, asked, strict=True)):
            row = chat_row(lang, "frontdesk", f"{lang}-{attribute}-{number}", prompt, reply)
            parts[part].append(row | {"fact": f"{lang}-{fact}", "answer": answer})
    return without_near_duplicates(parts, lambda row: row["messages"][0]["content"])


def build_frontdesk() -> dict[str, list[dict]]:
    rng = random.Random(f"{SEED} frontdesk")
    return shuffled_and_numbered(joined(frontdesk_rows(lang) for lang in LANGUAGES), "fd", rng)


# --- rows and files ------------------------------------------------------------------------------
def joined(parts_by_language) -> dict[str, list[dict]]:
    all_parts = list(parts_by_language)
    return {part: [row for parts in all_parts for row in parts[part]] for part in PARTS}


def chat_row(lang: str, task: str, group: str, prompt: str, reply: str) -> dict:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}]
    return {"id": "", "lang": lang, "task": task, "group": group, "messages": messages}


def shuffled_and_numbered(parts: dict[str, list[dict]], prefix: str, rng: random.Random) -> dict:
    """Mix the languages within each part and give ids such as "sh-en-000123", unique over all parts."""
    counter = itertools.count(1)
    for rows in parts.values():
        rng.shuffle(rows)
        for row in rows:
            row["id"] = f"{prefix}-{row['lang']}-{next(counter):06d}"
    return parts


def build() -> dict[str, bytes]:
    """→ {"shorthand/train.jsonl": b"…", …}, the same bytes on every run."""
    builders = {
        "shorthand": build_shorthand,
        "style": build_style,
        "frontdesk": build_frontdesk,
        "preferences": build_preferences,
    }
    return {
        f"{name}/{part}.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        for name, builder in builders.items()
        for part, rows in builder().items()
    }


def write_atomically(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only; fail if a committed file differs")
    check_only = parser.parse_args().check
    differing = []
    for name, content in build().items():
        path = SAMPLES / name
        if check_only:
            if not path.is_file() or path.read_bytes() != content:
                differing.append(name)
        else:
            write_atomically(path, content)
            print(f"{name}: {len(content.splitlines())} rows, {len(content) / 1e6:.2f} MB")
    for name in differing:
        print(f"data/samples/{name} differs; run: python tools/build_clinic.py", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
