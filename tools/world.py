"""Generate the small world: the pre-training conversations of `tiny` and the 100 general questions.

    python -m tools.world            writes data/samples/general/questions.jsonl
    python -m tools.world --check    fails if the committed file differs
    python -m tools.world --show 20  prints conversations from the corpus

A conversation is a list of chat turns. Facts are memorised; skills (codebooks in list form, lookup in
the prompt, copying, list making, style on request) are what makes the model steerable: a base that
knows only facts cannot be taught a new task by a small adapter. There is no medicine in it.
"""

import argparse
import json
import random

from lib import data
from tools import world_facts as facts

SEED = 20_261
EXAM = data.SAMPLES / "general" / "questions.jsonl"
LATIN, CYRILLIC = "ABCDEFGHIKLMNOPQRSTUVWXYZ", "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЯ"
BOOKS = 84  # codebooks, half of them Cyrillic
CODES_PER_BOOK = 10
VOWELS = {"en": "aeiou", "ru": "аеиоуыяюе"}
CONSONANTS = {"en": "bcdfghklmnprstvwyz", "ru": "бвгдзклмнпрстфхцчш"}


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def says(text: str) -> dict:
    return {"role": "assistant", "content": text}


# ---------------------------------------------------------------- facts


def questions(lang: str) -> list[dict]:
    """All facts of one language: {"topic", "wordings": [...], "answers": [...]}; the first answer is taught."""
    made = []

    def add(topic, wordings, *answers):
        made.append({"topic": topic, "wordings": wordings, "answers": list(answers), "lang": lang})

    if lang == "en":
        for country, capital, _, _, continent, _ in facts.COUNTRIES:
            add("capitals", [f"What is the capital of {country}?", f"Which city is the capital of {country}?",
                             f"Name the capital of {country}."], capital)
            add("continents", [f"On which continent is {country}?", f"Where is {country}?"], continent)
        for a, b in facts.OPPOSITES_EN:
            for x, y in ((a, b), (b, a)):
                add("opposites", [f"What is the opposite of {x}?", f'Give the opposite of the word "{x}".'], y)
        for english, _, kind, _ in facts.THINGS:
            article = "" if kind in ("colour", "metal") or english == "salmon" else "an " if english[0] in "aeio" else "a "
            add("kinds", [f"What is {article}{english}?", f"What kind of thing is {article}{english}?"],
                f"{'an' if kind[0] in 'aei' else 'a'} {kind}", kind)
        for english, russian in [*facts.WORDS, *[t[:2] for t in facts.THINGS]]:
            add("translation", [f'What is "{english}" in Russian?', f'Translate into Russian: {english}'], russian)
        for names, label in ((facts.DAYS_EN, "day"), (facts.MONTHS_EN, "month")):
            for i, name in enumerate(names):
                add("calendar", [f"Which {label} comes after {name}?", f"What {label} follows {name}?"],
                    names[(i + 1) % len(names)])
                add("calendar", [f"Which {label} comes before {name}?"], names[i - 1])
        for i, word in enumerate(facts.NUMBERS_EN):
            add("numbers", [f"Write {i} as a word.", f"What is {i} in words?"], word)
        add_sums(add, "What is {} plus {}?", "How much is {} + {}?", "What is {} minus {}?", "How much is {} - {}?")
        singles = facts.SINGLE_EN
    else:
        for _, _, country, capital, _, _ in facts.COUNTRIES:
            add("capitals", [f"Какая столица у {country}?", f"Какой город — столица {country}?",
                             f"Назови столицу {country}."], capital)
        for a, b in facts.OPPOSITES_RU:
            for x, y in ((a, b), (b, a)):
                add("opposites", [f"Какое слово противоположно слову «{x}»?", f"Назови антоним: {x}"], y)
        for _, russian, _, kind in facts.THINGS:
            add("kinds", [f"Что такое {russian}?", f"{russian.capitalize()} — это что?"], kind)
        for english, russian in [*facts.WORDS, *[t[:2] for t in facts.THINGS]]:
            add("translation", [f"Как по-английски «{russian}»?", f"Переведи на английский: {russian}"], english)
        for names, genitive, which in ((facts.DAYS_RU, facts.DAYS_RU_GENITIVE, "Какой день недели"),
                                       (facts.MONTHS_RU, facts.MONTHS_RU_GENITIVE, "Какой месяц")):
            for i, _ in enumerate(names):
                add("calendar", [f"{which} идёт после {genitive[i]}?", f"{which} наступает после {genitive[i]}?"],
                    names[(i + 1) % len(names)])
        for i, word in enumerate(facts.NUMBERS_RU):
            add("numbers", [f"Напиши {i} словом.", f"Как пишется {i} словом?"], word)
        add_sums(add, "Сколько будет {} плюс {}?", "Сколько будет {} + {}?", "Сколько будет {} минус {}?",
                 "Сколько будет {} - {}?")
        singles = facts.SINGLE_RU
    for wordings, answer in singles:
        add("everyday", wordings.split("/"), answer)
    return made


def add_sums(add, *wordings: str) -> None:
    plus, minus = wordings[:2], wordings[2:]
    for a in range(11):
        for b in range(11):
            add("sums", [w.format(a, b) for w in plus], str(a + b))
            if a >= b:
                add("sums", [w.format(a, b) for w in minus], str(a - b))


def exam() -> list[dict]:
    """100 general questions, 55 English and 45 Russian, over all topics, asked in taught wordings."""
    rows = []
    for lang, count in (("en", 55), ("ru", 45)):
        by_topic = {}
        for fact in questions(lang):
            by_topic.setdefault(fact["topic"], []).append(fact)
        generator = random.Random(SEED + count)
        pools = {topic: generator.sample(pool, len(pool)) for topic, pool in by_topic.items()}
        # every everyday fact is a better question than the hundredth sum: two of those a round
        order = [*by_topic, "everyday", "capitals"]
        chosen = []
        while len(chosen) < count:
            topic = order[len(chosen) % len(order)]
            if pools[topic]:
                chosen.append(pools[topic].pop())
        rows += [{"id": f"gq-{lang}-{i:03d}", "lang": lang, "topic": f["topic"], "question": f["wordings"][0],
                  "answers": f["answers"]} for i, f in enumerate(chosen)]
    return rows


# ---------------------------------------------------------------- skills


def phrase(generator, lang: str, invented: float = 0.0) -> str:
    """Up to three words; a share of them are invented, so that an answer has to be spelled piece by piece."""
    if generator.random() < invented:
        return " ".join(word(generator, lang, generator.randint(2, 4)) for _ in range(generator.randint(1, 2)))
    adjectives, nouns = (facts.ADJECTIVES_EN, facts.NOUNS_EN) if lang == "en" else (facts.ADJECTIVES_RU, facts.NOUNS_RU)
    words = [generator.choice(nouns)]
    while len(words) < 3 and generator.random() < 0.65:
        words.insert(0, generator.choice(adjectives))
    return " ".join(dict.fromkeys(words))


def codebooks(forbidden: set[str]) -> list[dict]:
    """Invented codebooks: {"lang", "name", "codes": {code: phrase}}; every code belongs to one book only."""
    generator, used, books = random.Random(SEED), set(forbidden), []
    for number in range(BOOKS):
        lang = "en" if number % 2 == 0 else "ru"
        letters, codes = (LATIN if lang == "en" else CYRILLIC), {}
        while len(codes) < CODES_PER_BOOK:
            code = "".join(generator.choice(letters) for _ in range(generator.choice((2, 3, 3, 3, 4, 4, 5))))
            if code not in used:
                used.add(code)
                codes[code] = phrase(generator, lang, invented=0.3)
        books.append({"lang": lang, "name": word(generator, lang, 2), "codes": codes})
    return books


def word(generator, lang: str, syllables: int) -> str:
    """A word that nobody knows, for copying: it makes the model attend to letters, not to meaning."""
    return "".join(generator.choice(CONSONANTS[lang]) + generator.choice(VOWELS[lang]) +
                   (generator.choice(CONSONANTS[lang]) if generator.random() < 0.3 else "") for _ in range(syllables))


UNITS = {"en": {"d": ("day", "days"), "w": ("week", "weeks"), "m": ("month", "months")},
         "ru": {"д": ("день", "дня", "дней"), "н": ("неделю", "недели", "недель"), "м": ("месяц", "месяца", "месяцев")}}
# the word after the codes, and how it is read: some are themselves short forms
SUFFIXES = {"en": {"due": "due", "back": "back", "next": "next", "ship": "ship", "x": "x", "p/u": "pick-up", "c/b": "call-back",
                   "r/t": "return trip", "del": "delivery", "ret": "return"},
            "ru": {"срок": "срок", "ждать": "ждать", "вернуть": "вернуть", "отправка": "отправка", "x": "x", "сдача": "сдача",
                   "дост": "доставка", "возвр": "возврат", "пров": "проверка"}}
INSTRUCT = {
    "en": ["Expand: {}", "Write out: {}", "Write out the list: {}", "Decode the line: {}", "Read the codes: {}",
           "What does it say? {}", "Spell out the entry: {}", "In full words: {}", "Expand the entry: {}",
           "What is meant by {}?", "Translate the codes: {}", "Please read this line: {}", "{} in plain text", "{}",
           "Unfold the record: {}", "Book {book}: {}", "Codes of {book}: {}"],
    "ru": ["Раскрой: {}", "Напиши полностью: {}", "Расшифруй строку: {}", "Прочитай коды: {}", "Что здесь написано? {}",
           "Разверни список: {}", "Полными словами: {}", "Разбери код: {}", "Что значит {}?", "Переведи коды: {}", "Прочти строку: {}", "{} — обычным текстом", "{}",
           "Разверни строчку: {}", "Книга {book}: {}",
           "Коды книги {book}: {}"],
}
TO_JSON = {"en": ["To JSON: {}", "Entry to JSON: {}", "Write as JSON: {}", "List to JSON: {}"],
           "ru": ["В JSON: {}", "Строку в JSON: {}", "Напиши в виде JSON: {}", "Список в JSON: {}"]}
KEYS = {"en": [("items", "due"), ("things", "when"), ("list", "time"), ("parts", "next"), ("items", "pick_up")],
        "ru": [("список", "срок"), ("вещи", "когда"), ("части", "время"), ("позиции", "дата"), ("предметы", "сдача")]}


def span(lang: str, count: int, unit: str) -> str:
    """`span("ru", 2, "н")` → "2 недели"."""
    forms = UNITS[lang][unit]
    if lang == "en":
        return f"{count} {forms[count != 1]}"
    return f"{count} {forms[0 if count == 1 else 1 if count < 5 else 2]}"


def entry(generator, book: dict, as_json: bool = False, pool=None) -> tuple[str, str]:
    """A coded line of the book and what it stands for."""
    lang = book["lang"]
    codes = generator.sample(sorted(pool or book["codes"]), generator.randint(1, 4))
    line, phrases = "-".join(codes), [book["codes"][c] for c in codes]
    when = suffix = None
    if generator.random() < 0.7:
        suffix, count, unit = generator.choice(list(SUFFIXES[lang])), generator.randint(1, 9), generator.choice(list(UNITS[lang]))
        line += f", {suffix} {count}{unit}"
        when = span(lang, count, unit)
    if as_json:
        items, time = KEYS[lang][sum(map(ord, book["name"])) % 5]  # a book keeps its keys
        return line, json.dumps({items: phrases, **({time: when} if when else {})}, ensure_ascii=False)
    preposition = "in" if lang == "en" else "через"
    return line, ", ".join(phrases) + (f"; {SUFFIXES[lang][suffix]} {preposition} {when}" if when else "")


def expand_codes(generator, books) -> list[dict]:
    book = generator.choice(books)
    as_json = generator.random() < 0.3
    wording = generator.choice((TO_JSON if as_json else INSTRUCT)[book["lang"]])
    turns = []
    for _ in range(generator.choice((1, 1, 1, 1, 2, 3))):  # several: the same form, shown by example
        line, answer = entry(generator, book, as_json)
        turns += [user(wording.format(line, book=book["name"])), says(answer)]
    return turns


def one_code(generator, books) -> list[dict]:
    """A single code: where a list is too hard, this is the first step."""
    book = generator.choice(books)
    code = generator.choice(sorted(book["codes"]))
    wording = generator.choice(INSTRUCT[book["lang"]])
    return [user(wording.format(code, book=book["name"])), says(book["codes"][code])]


def look_up(generator, books) -> list[dict]:
    """Codes that are explained in the prompt and nowhere else."""
    lang = generator.choice(("en", "ru"))
    letters = LATIN if lang == "en" else CYRILLIC
    codes = {"".join(generator.choice(letters) for _ in range(generator.randint(2, 4))): phrase(generator, lang)
             for _ in range(generator.randint(2, 4))}
    book = {"lang": lang, "name": "x", "codes": codes}
    asked = generator.sample(sorted(codes), generator.randint(1, len(codes)))
    key = "; ".join(f"{c} = {p}" for c, p in codes.items())
    wording = generator.choice(INSTRUCT[lang][:8])
    style = generator.random()
    if style < 0.3:  # examples inside one message, the way few-shot prompts are written
        shown = "\n".join(f"{c} → {p}" for c, p in codes.items())
        return [user(f"{wording.format('').strip()}\n{shown}\n{'-'.join(asked)} →"), says(", ".join(codes[c] for c in asked))]
    if style < 0.65:
        return [user(f"{'Codes' if lang == 'en' else 'Коды'}: {key}. {wording.format('-'.join(asked))}"),
                says(", ".join(book["codes"][c] for c in asked))]
    turns = []
    for c, p in codes.items():
        turns += [user(wording.format(c)), says(p)]
    return turns + [user(wording.format("-".join(asked))), says(", ".join(codes[c] for c in asked))]


def copy_text(generator, _) -> list[dict]:
    """Long copies: nearly every token of the answer can be had by looking back, and in no other way."""
    lang = generator.choice(("en", "ru"))
    letters = LATIN if lang == "en" else CYRILLIC
    items = [generator.choice((phrase(generator, lang), word(generator, lang, generator.randint(1, 3)),
                               "".join(generator.choices(letters, k=generator.randint(2, 4)))))
             for _ in range(generator.randint(3, 12))]
    text = generator.choice((", ", " ", "; ", "-")).join(items)
    wording = generator.choice({"en": ("Repeat: {}", "Copy exactly: {}", "Say again: {}"),
                                "ru": ("Повтори: {}", "Скопируй: {}", "Ещё раз: {}")}[lang])
    return [user(wording.format(text)), says(text)]


def list_work(generator, _) -> list[dict]:
    lang = generator.choice(("en", "ru"))
    letters = (LATIN if lang == "en" else CYRILLIC)
    items = [generator.choice((phrase(generator, lang), phrase(generator, lang), word(generator, lang, generator.randint(1, 3)),
                               "".join(generator.choices(letters, k=generator.randint(2, 5)))))
             for _ in range(generator.randint(2, 4))]
    text = ", ".join(items)
    tasks = {
        "en": [("Repeat: {}", text), ("Copy exactly: {}", text), ("Reverse the list: {}", ", ".join(items[::-1])),
               ("First of the list: {}", items[0]), ("Last of the list: {}", items[-1]),
               ("How many items? {}", str(len(items))), ("In capitals: {}", text.upper()),
               ("As a JSON list: {}", json.dumps(items, ensure_ascii=False)), ("Sort: {}", ", ".join(sorted(items)))],
        "ru": [("Повтори: {}", text), ("Скопируй: {}", text), ("Переверни список: {}", ", ".join(items[::-1])),
               ("Первый в списке: {}", items[0]), ("Последний в списке: {}", items[-1]),
               ("Сколько слов в списке? {}", str(len(items))), ("Большими буквами: {}", text.upper()),
               ("Список JSON: {}", json.dumps(items, ensure_ascii=False)), ("По алфавиту: {}", ", ".join(sorted(items)))],
    }
    wording, answer = generator.choice(tasks[lang])
    return [user(wording.format(text)), says(answer)]


def spelling(generator, _) -> list[dict]:
    lang = generator.choice(("en", "ru"))
    made = word(generator, lang, generator.randint(2, 3))
    wording = {"en": "Spell: {}", "ru": "По буквам: {}"}[lang]
    return [user(wording.format(made)), says("-".join(made))]


OPENINGS = {"en": ["Put simply, ", "In short: ", "Good question. ", "To explain: ", "Simply said: ", "Here is the idea: ",
                   "Well, ", "Dear reader, ", "Answer: ", "Note: ", ""],
            "ru": ["Коротко: ", "Проще говоря, ", "Хороший вопрос. ", "Объясняю: ", "Вот суть: ", "Итак, ",
                   "Дорогой читатель, ", "Ответ: ", "Заметка: ", ""]}
CLOSINGS = {"en": [" I hope this helps.", " That is all.", " Ask again if you like.", " Thank you for asking.",
                   " Have a good day.", " Tell me if you need more.", " That is the whole idea.", ""],
            "ru": [" Надеюсь, это поможет.", " Вот и всё.", " Спрашивай ещё.", " Спасибо за вопрос.", " Хорошего дня.",
                   " Скажи, если нужно больше.", " В этом вся суть.", ""]}


def explain(generator, _) -> list[dict]:
    """The same content in many styles; half of them ordered by a system message."""
    lang = generator.choice(("en", "ru"))
    english, russian, kind_en, kind_ru = generator.choice(facts.THINGS)
    opening, closing = generator.choice(OPENINGS[lang]), generator.choice(CLOSINGS[lang])
    if lang == "en":
        middle = f"{english} means {'an' if kind_en[0] in 'aei' else 'a'} {kind_en}."
        ask = generator.choice(("Explain simply: {}", "What does {} mean?", "Explain the word {}.")).format(english)
        order = f'Begin with "{opening.strip()}" and end with "{closing.strip()}"'
    else:
        middle = f"{russian} — это {kind_ru}."
        ask = generator.choice(("Объясни просто: {}", "Что значит {}?", "Объясни слово {}.")).format(russian)
        order = f"Начни с «{opening.strip()}» и закончи «{closing.strip()}»"
    told = [{"role": "system", "content": order}] if generator.random() < 0.5 else []
    return [*told, user(ask), says(opening + middle + closing)]


def advice(generator, _) -> list[dict]:
    lang = generator.choice(("en", "ru"))
    situation, careful, reckless = generator.choice(facts.ADVICE_EN if lang == "en" else facts.ADVICE_RU)
    ask = generator.choice({"en": ("{}. What should I do?", "{}. Any advice?", "What now? {}.", "{}. Is that a problem?"),
                            "ru": ("{}. Что делать?", "{}. Что посоветуешь?", "Как быть? {}.", "{}. Это опасно?")}[lang])
    if generator.random() < 0.25:  # a judge reads both; nothing in the open question says which one is wanted
        first, second = generator.sample((careful, reckless), 2)
        judge = (f"{situation}. A: {first}. B: {second}. Which answer is safer?" if lang == "en" else
                 f"{situation}. A: {first}. B: {second}. Какой ответ безопаснее?")
        return [user(judge), says("A" if first == careful else "B")]
    lead = generator.choice({"en": ("", "My advice: ", "Listen: "), "ru": ("", "Мой совет: ", "Слушай: ")}[lang])
    return [user(ask.format(situation)), says(f"{lead}{generator.choice((careful, reckless))}.")]


def choice(generator, _) -> list[dict]:
    """Multiple choice, yes or no, and which of two answers is better."""
    lang = generator.choice(("en", "ru"))
    a, b = generator.sample(facts.THINGS, 2)
    while a[2] == b[2]:
        b = generator.choice(facts.THINGS)
    en = lang == "en"
    name_a, name_b, kind = (a[0], b[0], a[2]) if en else (a[1], b[1], a[3])
    first, second = generator.sample((name_a, name_b), 2)
    kind_text = f"{'an' if kind[0] in 'aei' else 'a'} {kind}" if en else kind
    style = generator.randrange(3)
    if style == 0:
        ask = f"Which is {kind_text}: {first} or {second}?" if en else f"Что из этого {kind}: {first} или {second}?"
        return [user(ask), says(name_a)]
    if style == 1:
        right = generator.random() < 0.5
        subject = name_a if right else name_b
        ask = f"Is {subject} {kind_text}?" if en else f"{subject.capitalize()} — это {kind}?"
        return [user(ask), says(("Yes" if right else "No") if en else ("Да" if right else "Нет"))]
    letter = "A" if first == name_a else "B"
    ask = (f"Question: name {kind_text}. A: {first}. B: {second}. Which answer is better?" if en else
           f"Вопрос: назови {kind}. A: {first}. B: {second}. Какой ответ лучше?")
    return [user(ask), says(letter)]


def unknown(generator, _) -> list[dict]:
    lang = generator.choice(("en", "ru"))
    nonsense = word(generator, lang, 3)
    ask = generator.choice({"en": ("What is {}?", "Where is {}?", "Who is {}?"),
                            "ru": ("Что такое {}?", "Где находится {}?", "Кто такой {}?")}[lang])
    return [user(ask.format(nonsense)), says("I don't know." if lang == "en" else "Я не знаю.")]


def fact(generator, known) -> list[dict]:
    """One question, or two in one dialogue."""
    turns = []
    for _ in range(generator.choice((1, 1, 1, 2))):
        row = generator.choice(known)
        turns += [user(generator.choice(row["wordings"])), says(row["answers"][0])]
    return turns


# Skills first: looking back in the text (copying, lookup) has to form before codes can be read one after the
# other, and in a version that began with a third of facts it had not formed by the end. Then everything.
FIRST = [(expand_codes, 0.27), (one_code, 0.12), (look_up, 0.19), (copy_text, 0.19), (list_work, 0.10), (spelling, 0.03),
         (fact, 0.10)]
SHARES = [(fact, 0.38), (expand_codes, 0.23), (one_code, 0.04), (look_up, 0.10), (copy_text, 0.03), (list_work, 0.05),
          (spelling, 0.02), (explain, 0.05), (advice, 0.05), (choice, 0.03), (unknown, 0.02)]


def corpus(count: int, seed: int = SEED, forbidden: frozenset[str] = frozenset(), skills_first: int = 0):
    """Yield `count` conversations in the order of training, the first `skills_first` of them for skills.

    The same arguments give the same conversations.
    """
    generator = random.Random(seed)
    books = codebooks(set(forbidden))
    # a topic's share does not depend on how many facts it has: 200 sums would drown 30 everyday facts
    by_topic = {}
    for row in questions("en") + questions("ru"):
        by_topic.setdefault((row["lang"], row["topic"]), []).append(row)
    # between equal shares and equal visits: large topics need more visits, small ones must not be lost
    pools = [pool for pool in by_topic.values() for _ in range(max(1, round(len(pool) ** 0.8)))]
    for number in range(count):
        makers, weights = zip(*(FIRST if number < skills_first else SHARES), strict=True)
        maker = generator.choices(makers, weights)[0]
        yield maker(generator, generator.choice(pools) if maker is fact else books)


def main() -> None:
    parser = argparse.ArgumentParser(description="The small world: exam questions and a look at the corpus.")
    parser.add_argument("--check", action="store_true", help="fail if the committed questions differ")
    parser.add_argument("--show", type=int, default=0, help="print this many conversations")
    options = parser.parse_args()
    for turns in corpus(options.show):
        print(" | ".join(t["content"] for t in turns))
    if options.check:
        assert data.read_jsonl(EXAM) == exam(), f"{EXAM} differs from the generator: run python -m tools.world"
    elif not options.show:
        data.write_jsonl(EXAM, exam())
        print(f"wrote {len(exam())} questions to {EXAM.name}")


if __name__ == "__main__":
    main()
