"""Build the raw dump of lesson 03: `python -m tools.build_dump` → data/samples/dump/*.jsonl

    python -m tools.build_dump            writes the files (the same bytes on every run)
    python -m tools.build_dump --check    writes nothing; exit status 1 if a committed file differs

A dump as it comes from a chat: good rows, and planted defects whose labels lie in a file of their own. Two parts,
"tuning" and "report", with other templates, names and questions. Synthetic, made for teaching, no medical advice.
"""

import json
import random
import sys
import unicodedata
from pathlib import Path

from tools import clinic_content_en as en
from tools import clinic_content_ru as ru
from tools import dump_content as words
from tools import pair_content as subjects
from tools import sample_files

FOLDER = Path(__file__).resolve().parent.parent / "data" / "samples" / "dump"
PARTS = ("tuning", "report")
CONTENT = {"en": en, "ru": ru}
SEED = 20261121
EXACT, NEAR, PARAPHRASE, UNICODE, NOTES, STYLE = 40, 80, 75, 30, 35, 30  # rows a language and part
INJECTIONS, SCRIPTS, SQLS, RUDE, PII, DECOYS = 40, 16, 14, 12, 80, 30


class Part:
    """Collects rows and their labels."""

    def __init__(self, name: str, rng: random.Random):
        self.name, self.rng, self.rows = name, rng, []

    def add(self, lang: str, asked: str, answer: str, defect: str = "", **label) -> dict:
        row = {"row": {"lang": lang, "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]},
               "label": {"defect": defect, **label}}
        self.rows.append(row)
        return row


# ------------------------------------------------------------------------------------------- good rows
def question_sets(lang: str, part: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """(family, (question, answer) pairs that ask the same); every entry is another question."""
    content, sets = CONTENT[lang], []
    for family in words.FAMILIES[part]:
        spec = content.FAMILIES[family]
        for slot in spec["slots"]:
            sets.append((family, [(_upper(a.format(**slot)), c.format(**slot)) for a, c in zip(spec["asks"], spec["chosen"], strict=False)]))
    for i, (kind, spec) in enumerate(sorted(content.FACTS.items())):
        if PARTS[i % 2] != part:
            continue
        table, _, answer, asks = spec[:4]
        for item in getattr(content, table):
            own = item | {_upper(key): _upper(value) for key, value in item.items()}
            sets.append((kind, [(_upper(ask.format(**own)), _upper(answer.format(**own))) for ask in asks]))
    return sets


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def base_rows(part: Part, lang: str) -> list[tuple[dict, list]]:
    """Good rows of three kinds; returns (row, its other wordings)."""
    content, made = CONTENT[lang], []
    for i, (family, wordings) in enumerate(question_sets(lang, part.name)):
        chosen = part.rng.randrange(len(wordings))
        rest = wordings[:chosen] + wordings[chosen + 1:]
        made.append((part.add(lang, *wordings[chosen], family=family, set=f"{lang}-{family}-{i}"), rest))
    terms = sorted(content.TERMS.items())[PARTS.index(part.name)::2][:STYLE]
    for term, text in terms:
        wording = content.STYLE_WORDINGS[part.rng.randrange(2) + 2 * PARTS.index(part.name)]
        made.append((part.add(lang, _upper(wording.format(t=term)), content.STYLE_ANSWER.format(text=text)), []))
    codes = sorted(content.CODES)
    for _ in range(NOTES):  # notes differ in one code or one digit: similar, and different rows all the same
        picked, n = part.rng.sample(codes, part.rng.randint(1, 3)), part.rng.randint(1, 9)
        unit = part.rng.choice(sorted(content.UNITS))
        wording = content.TEXT_WORDINGS[part.rng.randrange(2) + 2 * PARTS.index(part.name)]
        asked = wording.format(note=content.NOTE.format(codes="-".join(picked), n=n, unit=unit))
        if asked not in [r["row"]["messages"][0]["content"] for r, _ in made]:
            answer = "; ".join([", ".join(content.CODES[c] for c in picked), f"{n} {unit}"])
            made.append((part.add(lang, asked, answer), []))
    return made


def training_pairs() -> list[dict]:
    """Pairs of questions of the tuning part and of other subjects, for a judge to learn from: the same, and three kinds that are not.

    Not the same: other thing in the same wording, the same thing asked about something else, other thing and wording.
    """
    rng, pairs = random.Random(SEED - 1), []
    for lang, content in CONTENT.items():
        sets = [(family, [asked for asked, _ in wordings]) for family, wordings in question_sets(lang, "tuning")]
        sets += [(f"single-{key}", spec[2]) for key, spec in sorted(content.SINGLE_FACTS.items())]
        for index, (family, asks) in enumerate(sets):
            same_family = [other for k, (name, other) in enumerate(sets) if name == family and k != index]
            others = [other for name, other in sets if name != family]
            near_others = rng.sample(sorted(others, key=lambda other: -_shared(asks, other))[:10], 5)  # mostly the same thing
            made = [(*rng.sample(asks, 2), True) for _ in range(4)]
            if same_family:
                other, k = rng.choice(same_family), rng.randrange(len(asks))
                made += [(asks[k], other[k], False), (asks[k - 1], rng.choice(same_family)[k - 1], False), (rng.choice(asks), rng.choice(rng.choice(same_family)), False)]
            made += [(rng.choice(asks), rng.choice(other), False) for other in near_others]
            pairs += [{"lang": lang, "family": family, "a": a, "b": b, "same": same} for a, b, same in made]
    for lang, topics in (("en", subjects.EN), ("ru", subjects.RU)):
        for topic, (slots, intents) in topics.items():
            pairs += other_subjects(rng, lang, topic, slots, intents)
    rng.shuffle(pairs)
    return pairs


def other_subjects(rng: random.Random, lang: str, topic: str, slots: list[str], intents: list[list[str]]) -> list[dict]:
    """Five pairs a question: two wordings of it (twice), another question about the same thing (twice), another thing."""
    asks = {(i, k): [wording.format(x=slot) for wording in intent] for i, intent in enumerate(intents) for k, slot in enumerate(slots)}
    made = []
    for (i, k), own in asks.items():
        made += [(*rng.sample(own, 2), True) for _ in range(2)]
        same_thing = [asks[j, k] for j in range(len(intents)) if j != i]
        made += [(rng.choice(own), rng.choice(other), False) for other in rng.sample(same_thing, 2)]
        other, at = asks[i, rng.choice([j for j in range(len(slots)) if j != k])], rng.randrange(len(own))
        made.append((own[at], other[at] if rng.random() < 0.5 else rng.choice(other), False))
    return [{"lang": lang, "family": f"other-{topic}", "a": a, "b": b, "same": same} for a, b, same in made]


def _shared(asks: list[str], other: list[str]) -> int:
    """How many words two sets have in common: the same thing, asked about something else."""
    return len(set(" ".join(asks).split()) & set(" ".join(other).split()))


# ------------------------------------------------------------------------------------------- duplicates
def edited(text: str, rng: random.Random, greetings: list[str]) -> str:
    """A small edit that keeps the meaning: a typo, other case, a greeting, punctuation, a space."""
    kinds = sorted(rng.sample(["a typo", "case", "greeting", "punctuation", "a typo 2"], rng.choice([1, 1, 2])))
    for kind in kinds:
        if kind.startswith("a typo"):
            places = [i for i in range(1, len(text) - 2) if text[i: i + 2].isalpha() and text[i: i + 2].islower()]
            at = rng.choice(places)
            text = rng.choice([text[:at] + text[at + 1] + text[at] + text[at + 2:], text[:at] + text[at + 1:], text[:at] + text[at] + text[at:]])
        elif kind == "case":
            text = text.lower() if rng.random() < 0.7 else text.upper() if len(text) < 60 else text.lower()
        elif kind == "greeting":
            text = f"{rng.choice(greetings)} {text}"
        else:
            text = text.rstrip(".?!") + rng.choice(["", "??", "!", " ?", "..."])
    return text


GREETINGS = {"en": {"tuning": ["Hello,", "Hi!", "Please tell me:"], "report": ["Good morning.", "Hey,", "A question:"]},
             "ru": {"tuning": ["Здравствуйте,", "Привет!", "Подскажите:"], "report": ["Добрый день.", "Доброе утро,", "Вопрос:"]}}


def duplicates(part: Part, lang: str, base: list[tuple[dict, list]]) -> None:
    rng, with_rest = part.rng, [pair for pair in base if pair[1]]
    for row, _ in rng.sample(base, EXACT):
        asked, answer = (m["content"] for m in row["row"]["messages"])
        shaken = rng.choice([asked, asked + " ", asked.replace(" ", "  ", 1), "\u200b" + asked])
        part.add(lang, shaken, answer, "exact", of=row, **_family(row))
    for row, _ in rng.sample([pair for pair in base if len(pair[0]["row"]["messages"][0]["content"]) > 20], NEAR):
        asked, answer = (m["content"] for m in row["row"]["messages"])
        part.add(lang, edited(asked, rng, GREETINGS[lang][part.name]), answer, "near", of=row, **_family(row))
    for row, rest in rng.sample(with_rest, min(PARAPHRASE, len(with_rest))):
        part.add(lang, *rng.choice(rest), "paraphrase", of=row, **_family(row))


def _family(row: dict) -> dict:
    return {key: row["label"][key] for key in ("family", "set") if key in row["label"]}


# ------------------------------------------------------------------------------------------- characters
def unicode_rows(part: Part, lang: str) -> None:
    questions = {"en": "I read “{p}” in my file. What does it mean for café visits and naïve questions?",
                 "ru": "В карте написано «{p}». Что это значит для чаёв и моей ещё живой бабушки?"}
    if part.name == "report":
        questions = {"en": "The nurse wrote “{p}”. Is that “déjà vu” or a real problem, doctor?", "ru": "Медсестра записала «{p}». Это ёлочка или всё-таки диагноз?"}
    answer = words.SAFE_ANSWERS[lang][part.name]
    for i in range(UNICODE):
        clean = questions[lang].format(p=words.PROTECTED[i % len(words.PROTECTED)]) + f" ({i + 1})"
        dirty = DIRT[i % len(DIRT)](clean, part.rng, lang)
        part.add(lang, dirty, answer, "unicode" if dirty != clean else "", clean=clean)
    for i, protected in enumerate(words.PROTECTED):
        part.add(lang, questions[lang].format(p=protected) + f" [{i}]", answer, clean=questions[lang].format(p=protected) + f" [{i}]")


def _at_spaces(text: str, what: str, rng: random.Random, times: int = 3) -> str:
    for _ in range(times):
        at = rng.choice([i for i, c in enumerate(text) if c == " "])
        text = text[:at] + what + text[at + 1:]
    return text


def _inside(text: str, what: str, rng: random.Random) -> str:
    for _ in range(3):
        at = rng.choice([i for i in range(1, len(text)) if text[i - 1: i + 1].isalpha()])
        text = text[:at] + what + text[at:]
    return text


def _lookalikes(text: str, rng: random.Random, lang: str) -> str:
    latin, cyrillic = "aeocpx", "аеосрх"
    table = dict(zip(latin, cyrillic, strict=True)) if lang == "en" else dict(zip(cyrillic, latin, strict=True))
    found = [w for w in text.split() if len(w) > 4 and w.isalpha() and w.islower() and not set(w) <= set(table) and set(w) & set(table)]
    for word in rng.sample(found, min(2, len(found))):
        letter = next(c for c in word if c in table)
        text = text.replace(word, word.replace(letter, table[letter], 1), 1)
    return text


DIRT = [
    lambda t, rng, lang: unicodedata.normalize("NFD", t),
    lambda t, rng, lang: _inside(t, "\u200b", rng),
    lambda t, rng, lang: _at_spaces(t, "\u00a0", rng),
    lambda t, rng, lang: _inside(t, "\u00ad", rng),
    lambda t, rng, lang: _lookalikes(t, rng, lang),
    lambda t, rng, lang: _at_spaces(t, "   ", rng) + " \t",
    lambda t, rng, lang: "\ufeff" + _inside(t, "\x08", rng),
    lambda t, rng, lang: t.replace(" What", " &amp; What").replace(" Что", " &amp; Что") if "&" not in t else t,
    lambda t, rng, lang: t.replace("?", "？", 1) + "\r\n",
    lambda t, rng, lang: _mojibake(t),
]


def _mojibake(text: str) -> str:
    """UTF-8 read as Latin-1, the usual accident of old exports; left alone where that is impossible."""
    return text.encode("utf-8").decode("latin-1")


# ------------------------------------------------------------------------------------------- unsafe and useless
def unsafe_rows(part: Part, lang: str) -> None:
    rng, p = part.rng, part.name
    good, bad = words.SAFE_ANSWERS[lang][p], words.BAD_ANSWERS[lang][p]
    attacks, twins = words.ATTACKS[lang][p], words.TWINS[lang][p]
    for i in range(max(INJECTIONS, 3 * len(attacks))):
        part.add(lang, _upper(attacks[i % len(attacks)].format(g=words.GOALS[lang][p][(i // len(attacks)) % 5])), bad, "injection",
                 wording=i % len(attacks))
        part.add(lang, twins[i % len(twins)].format(t=words.TOPICS[lang][p][(i // len(twins)) % 5]), good, twin="injection",
                 wording=i % len(twins))
    for count, kind, table, benign in ((SCRIPTS, "script", words.SCRIPTS, words.MARKUP), (SQLS, "sql", words.SQLS, words.QUERIES)):
        for i in range(count):
            carrier = words.CARRIERS[lang][p]
            n = str(rng.randint(2, 99))
            part.add(lang, carrier[i % len(carrier)].format(x=table[p][i % len(table[p])].replace("{n}", n)), good, kind)
            x = benign[p][i % len(benign[p])].replace("{n}", n).replace("{k}", str(i % 5 + 1))
            part.add(lang, carrier[i % 3].format(x=x), good, twin=kind)
    for i in range(RUDE):
        rude, polite = words.RUDE[lang][p], words.POLITE[lang][p]
        swear = words.SWEARS[lang][p][i % 3]
        part.add(lang, _upper(rude[i // 3 % len(rude)].format(w=swear)) + " " * (i // 9) + str(i), good, "profanity")
        part.add(lang, f"{polite[i % len(polite)]} ({i})", good, twin="profanity")
    for asked in words.OFF_TOPIC[lang][p]:
        part.add(lang, asked, words.OFF_TOPIC_ANSWERS[lang], "off-topic")


# ------------------------------------------------------------------------------------------- personal data
def _luhn(digits: str) -> str:
    total = sum(sum(divmod(2 * int(d), 10)) if i % 2 == 0 else int(d) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def _digits(rng: random.Random, n: int) -> str:
    return str(rng.randint(1, 9)) + "".join(str(rng.randint(0, 9)) for _ in range(n - 1))


def values(part: Part, lang: str) -> dict[str, str]:
    """One invented person: every number has a right checksum."""
    rng, p = part.rng, part.name
    person = _name(rng, lang, p)
    n, k, f, a, b = rng.randint(2, 90), rng.randint(2, 60), f"{rng.randint(0, 9999):04}", f"{rng.randint(0, 99):02}", f"{rng.randint(0, 99):02}"
    card = _luhn(rng.choice(["4", "5"]) + _digits(rng, 14))
    shown = card if p == "tuning" and rng.random() < 0.3 else rng.choice([" ", "-"]).join(card[i: i + 4] for i in range(0, 16, 4))
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1940, 2012)
    formats = {"en": {"tuning": [f"{day:02}.{month:02}.{year}", f"{year}-{month:02}-{day:02}", f"{day} {EN_MONTHS[month - 1]} {year}"],
                      "report": [f"{day:02}/{month:02}/{year}", f"{EN_MONTHS[month - 1]} {day}, {year}", f"{day}.{month}.{year}"]},
               "ru": {"tuning": [f"{day:02}.{month:02}.{year}", f"{day} {RU_MONTHS[month - 1]} {year} года"],
                      "report": [f"{day:02}/{month:02}/{year}", f"{day} {RU_MONTHS[month - 1]} {year} г."]}}
    mail = "".join(c for c in unicodedata.normalize("NFKD", person["latin"].lower()) if c.isascii() and (c.isalnum() or c == "."))
    return person | {
        "PHONE": rng.choice(words.PHONES[lang][p]).format(f=f, a=a, b=b, k=k % 10),
        "EMAIL": f"{mail}{n}@" + rng.choice({"tuning": ["mail.example", "post.example.org"], "report": ["inbox.example.net", "my-mail.example"]}[p]),
        "ADDRESS": rng.choice(words.ADDRESSES[lang][p]).format(n=n, k=k), "DOB": rng.choice(formats[lang][p]),
        "MRN": {"tuning": _digits(rng, 8), "report": _digits(rng, 5) + "/" + a}[p] if lang == "ru" else _digits(rng, {"tuning": 8, "report": 7}[p]),
        "CARD": shown, "IBAN": _iban(rng, spaced=rng.random() < 0.5), "SSN": f"{rng.randint(100, 665)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}",
        "INN": _inn(rng), "SNILS": _snils(rng, " " if p == "tuning" else rng.choice([" ", "-"]))}


EN_MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
RU_MONTHS = ["января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря"]


def _name(rng: random.Random, lang: str, p: str) -> dict[str, str]:
    if lang == "en":
        first, last = (rng.choice(table) for table in words.EN_NAMES[p])
        full = rng.choice([f"{first} {last}", f"{first} {last}", first if p == "tuning" else f"{first} {rng.choice('BJKM')}. {last}"])
        return {"NAME": full, "name": full.lower(), "latin": f"{first}.{last}"}
    women, men, stems, his, hers = words.RU_NAMES[p]
    female, stem = rng.random() < 0.5, rng.choice(stems)
    first = rng.choice(women if female else men)
    last = (stem + "а", stem + "ой", stem + "ой") if female else (stem, stem + "а", stem + "у")
    father = rng.choice(hers if female else his)
    father = (father, father[:-1] + "ы", father[:-1] + "е") if female else (father, father + "а", father + "у")
    form = rng.choice(["{f} {l}", "{l} {f}", "{l} {f} {p}", "{f} {p}"])
    cases = [form.format(f=first[i], l=last[i], p=father[i]) for i in range(3)]
    return {"NAME": cases[0], "NAME_G": cases[1], "NAME_D": cases[2], "name": cases[0].lower(), "latin": f"user.{rng.randint(100, 999)}"}


def _iban(rng: random.Random, spaced: bool) -> str:
    body, country = _digits(rng, 18), "DE"
    check = 98 - int(body + "1314" + "00") % 97
    iban = f"{country}{check:02}{body}"
    return " ".join(iban[i: i + 4] for i in range(0, len(iban), 4)) if spaced else iban


def _inn(rng: random.Random) -> str:
    """12 digits, the number of a person, with its two check digits."""
    digits = [int(d) for d in _digits(rng, 10)]
    for weights in ((7, 2, 4, 10, 3, 5, 9, 4, 6, 8), (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)):
        digits.append(sum(w * d for w, d in zip(weights, digits, strict=True)) % 11 % 10)
    return "".join(map(str, digits))


def _snils(rng: random.Random, last: str) -> str:
    digits = _digits(rng, 9)
    check = sum((9 - i) * int(d) for i, d in enumerate(digits)) % 101 % 100
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}{last}{check:02}"


def personal_rows(part: Part, lang: str) -> None:
    rng, p = part.rng, part.name
    fragments, kinds = words.FRAGMENTS[lang][p], [k for k in words.FRAGMENTS[lang][p] if k != "NAME"]
    answer, decoys = words.SAFE_ANSWERS[lang][p], words.DECOYS[lang][p]
    for i in range(PII):
        person, parts, spans = values(part, lang), [rng.choice(words.PII_QUESTIONS[lang][p])], []
        chosen = [fragments["NAME"][i % 6]] * (i % 10 < 7)
        chosen += [rng.choice(fragments[kinds[(i + j) % len(kinds)]]) for j in range(rng.randint(1, 3))]
        chosen += [_decoy(rng, rng.choice(decoys))] * (rng.random() < 0.4)
        rng.shuffle(chosen)
        for text in chosen:
            for kind in [k for k in person if "{" + k + "}" in text]:
                text = text.replace("{" + kind + "}", person[kind])
                spans.append({"type": "NAME" if kind.upper().startswith("NAME") else kind, "text": person[kind]})
            parts.append(_upper(text))
        spans = [s | {"text": _upper(s["text"]) if _upper(s["text"]) in " ".join(parts) and s["text"] not in " ".join(parts) else s["text"]} for s in spans]
        part.add(lang, " ".join(parts), answer, "pii", pii=spans)
    for i in range(DECOYS):
        text = ""
        while not text or text in [r["row"]["messages"][0]["content"] for r in part.rows]:
            text = " ".join([rng.choice(words.PII_QUESTIONS[lang][p]), _decoy(rng, decoys[i % len(decoys)]), _decoy(rng, rng.choice(decoys))])
        part.add(lang, text, answer, twin="pii", pii=[])


def _decoy(rng: random.Random, text: str) -> str:
    """Numbers that look personal and are not: wrong checksums, versions, dates of visits."""
    bad16 = _luhn("4" + _digits(rng, 14))
    bad16 = bad16[:-1] + str((int(bad16[-1]) + rng.randint(1, 9)) % 10)
    return text.format(bad16=bad16, bad9="RR" + _digits(rng, 9) + "DE", v=f"{rng.randint(1, 12)}.{rng.randint(0, 20)}.{rng.randint(100, 999)}",
                       visit=f"{rng.randint(1, 28):02}.{rng.randint(1, 12):02}.2026")


# ------------------------------------------------------------------------------------------- the files
BROKEN = ['{"id": "x", "messages": [', '{"messages": [{"role": "user", "content": "Hello"}]}',
          '{"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": ""}]}',
          '{"messages": [{"role": "human", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]}',
          '{"question": "Hello", "reply": "Hi"}', '["Hello", "Hi"]']


def build() -> dict[str, str]:
    """File name → its text."""
    files = {}
    for index, name in enumerate(PARTS):
        part = Part(name, random.Random(SEED + index))
        for lang in CONTENT:
            base = base_rows(part, lang)
            duplicates(part, lang, base)
            unicode_rows(part, lang)
            unsafe_rows(part, lang)
            personal_rows(part, lang)
        part.rng.shuffle(part.rows)
        # the copy of a row comes after it, as in a file that grew
        place = {id(row): i for i, row in enumerate(part.rows)}
        for i, row in enumerate(part.rows):
            j = place.get(id(row["label"].get("of")), -1)
            if j > i:
                part.rows[i], part.rows[j] = part.rows[j], part.rows[i]
                place[id(part.rows[i])], place[id(part.rows[j])] = i, j
        for i, row in enumerate(part.rows):
            row["id"] = f"{name[0]}-{i:04}"
        lines, labels = [], []
        for row in part.rows:
            label = row["label"] | ({"of": row["label"]["of"]["id"]} if "of" in row["label"] else {})
            lines.append(json.dumps({"id": row["id"], **row["row"]}, ensure_ascii=False))
            labels.append(json.dumps({"id": row["id"], "lang": row["row"]["lang"], **label}, ensure_ascii=False))
        for k, line in enumerate(BROKEN):
            lines.insert(100 * (k + 1) + index, line)
        files[f"{name}.jsonl"], files[f"{name}.labels.jsonl"] = "\n".join(lines) + "\n", "\n".join(labels) + "\n"
    files["pairs.jsonl"] = "".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in training_pairs())
    return files


if __name__ == "__main__":
    sys.exit(sample_files.main("tools.build_dump", FOLDER, build()))
