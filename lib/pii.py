"""Personal data: find it, mask it, or put consistent invented values in its place.

    find("Call 8 912 345 67 89, SNILS 112-233-445 95")    [Span(5, 20, "PHONE"), …]
    mask(text, spans)                                      "Call [PHONE], …"
    Pseudonyms("secret").replace(text, spans)              the same person gets the same invented name in every row

Numbers with a checksum (cards, IBAN, ИНН, СНИЛС, SSN) are checked with python-stdnum where it knows them, so that order
numbers stay. Names need a model: NameFinder, a linear layer on the frozen encoder of lib.encoder.
It lowers the risk; it is no proof of anonymity and no legal statement.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from stdnum import iban, luhn
from stdnum.ru import inn
from stdnum.us import ssn

from lib import linear

MONTHS = ("January|February|March|April|May|June|July|August|September|October|November|December|"
          "января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря")
DATE = rf"(?:\d{{1,2}}[./]\d{{1,2}}[./]\d{{4}}|\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}} (?:{MONTHS}),? \d{{4}}(?: (?:года|г\.))?|(?:{MONTHS}) \d{{1,2}}, \d{{4}})"
STREET = r"Street|Avenue|Road|Lane|Drive|Boulevard|Court|Square|Way|St\.|Ave\.|Rd\."
УЛИЦА = r"ул\.|улица|улице|проспект|проспекте|пр\.|пер\.|переулок|бульвар|шоссе|площадь|набережная"
HOUSE = r",? (?:д\. ?|дом )?\d+[а-я]?(?:, ?(?:кв\.|квартира) ?\d+)?"


@dataclass(frozen=True)
class Span:
    """Characters start to end (exclusive) of a text, and what they are."""

    start: int
    end: int
    kind: str


def snils_is_valid(number: str) -> bool:
    """`snils_is_valid("112-233-445 95")` → True: nine digits, weighted 9 to 1, modulo 101."""
    digits = [int(c) for c in number if c.isdigit()]
    return len(digits) == 11 and sum((9 - i) * d for i, d in enumerate(digits[:9])) % 101 % 100 == digits[9] * 10 + digits[10]


# kind, pattern (group 1 is the value if there is one), check of the value; in order of precedence
PATTERNS = [
    ("EMAIL", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", None),
    ("IBAN", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", iban.is_valid),
    ("CARD", r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])", lambda value: luhn.is_valid(re.sub(r"\D", "", value))),
    ("SNILS", r"\b\d{3}-\d{3}-\d{3}[ -]\d{2}\b", snils_is_valid),
    ("SSN", r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])", ssn.is_valid),
    ("INN", r"(?<!\d)\d{12}(?!\d)", inn.is_valid),
    ("INN", r"ИНН:? ?(\d{10})(?!\d)", inn.is_valid),  # ten digits alone are too often something else
    ("DOB", rf"(?i:\b(?:born|birth|DOB|d\.o\.b\.|рождения|родил\w*|д\. ?р\.)[^\d]{{0,12}}?)({DATE})", None),
    ("MRN", r"(?i:\b(?:MRN|medical record|record (?:no|number)|chart (?:no|number|is)|patient id|медкарт\w*|карт\w+ пациента|"
            r"амбулаторн\w+ карт\w+|истори\w+ болезни)\.?(?:[ :#№-]|number|no\.|is|MRN){0,12})(\d[\d/-]{3,11}\d)", None),
    ("PHONE", r"(?<![\w.])(?:\+\d{1,3}|8)[ -]?\(?\d{2,4}\)?(?:[ -]?\d{2,4}){2,3}(?!\d)", None),
    ("PHONE", r"(?<![\w.])(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}(?!\d)", None),
    ("ADDRESS", rf"\b\d{{1,4}} (?:[A-Z][\w'’]+ ){{1,3}}(?:{STREET})(?:, (?:Apt|Flat|Unit|Suite)\.? \d+)?(?:, [A-Z][a-z]+)?", None),
    ("ADDRESS", rf"\b(?:{УЛИЦА}) [А-ЯЁ][\w-]+(?: [А-ЯЁ][\w-]+)?{HOUSE}", None),
    ("ADDRESS", rf"\b[А-ЯЁ][\w-]+(?:ий|ая|ой|ый) (?:{УЛИЦА}){HOUSE}", None),
]
PATTERNS = [(kind, re.compile(pattern), check) for kind, pattern, check in PATTERNS]
KINDS = sorted({kind for kind, *_ in PATTERNS}) + ["NAME"]


def find(text: str) -> list[Span]:
    """`find("Call 212-555-0187")` → [Span(5, 17, "PHONE")]: everything that has a pattern; names are NameFinder's work."""
    spans = []
    for kind, pattern, check in PATTERNS:
        for match in pattern.finditer(text):
            group = 1 if match.lastindex else 0
            if check is None or check(match[group]):
                spans.append(Span(*match.span(group), kind))
    return without_overlaps(spans)


def without_overlaps(spans: list[Span]) -> list[Span]:
    """The spans in the order of the text; of two that overlap, the one named first stays."""
    kept: list[Span] = []
    for span in spans:
        if all(span.end <= other.start or span.start >= other.end for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda span: span.start)


def mask(text: str, spans: list[Span]) -> str:
    """`mask("Call 212-555-0187", [Span(5, 17, "PHONE")])` → "Call [PHONE]"."""
    return _replaced(text, spans, lambda span: f"[{span.kind}]")


def _replaced(text: str, spans: list[Span], value) -> str:
    for span in sorted(spans, key=lambda s: -s.start):
        text = text[: span.start] + value(span) + text[span.end:]
    return text


class Pseudonyms:
    """The same value gets the same stand-in, in every row and every run with the same secret; the way back is not kept.

    `Pseudonyms("secret").replace("Ann called", [Span(0, 3, "NAME")])` → "Robin-4c1f called". Without the secret nobody
    can try out which name leads to which stand-in; keep it out of the repository.
    """

    NAMES = {"latin": ("Robin", "Alex", "Sasha", "Kim", "Jo", "Chris", "Sam", "Toni"), "cyrillic": ("Саша", "Женя", "Валя", "Слава", "Шура", "Тоня", "Паша", "Ника")}

    def __init__(self, secret: str):
        if not secret:
            raise ValueError("pseudonyms need a secret: without one anybody could recompute them. Give any long text.")
        self.secret = secret.encode()

    def stand_in(self, kind: str, value: str) -> str:
        """("NAME", "Ann") → "Robin-4c1f"; ("PHONE", …) → "PHONE-09ab"."""
        plain = re.sub(r"[\W_]+", "", value.lower())
        digest = hmac.new(self.secret, f"{kind}:{plain}".encode(), hashlib.sha256).hexdigest()
        names = self.NAMES["cyrillic" if re.search("[а-яё]", value.lower()) else "latin"]
        return f"{names[int(digest[:2], 16) % 8] if kind == 'NAME' else kind}-{digest[2:6]}"

    def replace(self, text: str, spans: list[Span]) -> str:
        """The text with a stand-in for every span."""
        return _replaced(text, spans, lambda span: self.stand_in(span.kind, text[span.start: span.end]))


# ------------------------------------------------------------------------------------------- names
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|[^\W\d_]\.")
LAYERS = (4, 8)  # the middle of the encoder knows more about words than its end


class NameFinder:
    """Words of a text that are a person's name: a logistic regression on the states of a frozen encoder."""

    def __init__(self, model, tokenizer, threshold: float = 0.3):
        self.model, self.tokenizer, self.threshold, self.head = model, tokenizer, threshold, None

    def features(self, texts: list[str]) -> list[tuple[np.ndarray, list[tuple[int, int]]]]:
        """For each text: (words, D) numbers, and the place of every word."""
        from lib import encoder

        found = []
        for text, (both, places) in zip(texts, encoder.token_states(texts, self.model, self.tokenizer, LAYERS), strict=True):
            words = [m.span() for m in WORD.finditer(text)]
            rows = []
            for a, b in words:
                own = [i for i, (x, y) in enumerate(places) if x < b and y > a] or [0]
                shape = [text[a].isupper(), text[a:b].isupper(), a == 0 or text[max(a - 2, 0)] in ".!?\n", b - a < 3]
                rows.append(np.concatenate([both[own].mean(0), both[own[0]], np.array(shape, dtype=np.float32) * 2]))
            found.append((np.array(rows, dtype=np.float32).reshape(len(words), -1), words))
        return found

    def train(self, texts: list[str], spans: list[list[Span]], l2: float = 20.0) -> "NameFinder":
        """Learn from texts whose names are known."""
        x, y = [], []
        for (rows, words), own in zip(self.features(texts), spans, strict=True):
            x.append(rows)
            y += [any(s.start <= a < s.end for s in own if s.kind == "NAME") for a, _ in words]
        self.head = linear.fit(np.concatenate(x), np.array(y, dtype=np.float32), l2)
        return self

    def find(self, texts: list[str]) -> list[list[Span]]:
        """Names of every text; neighbouring name words are one name."""
        if self.head is None:
            raise ValueError("the name finder has learnt nothing yet: call train or load first.")
        found = []
        for text, (rows, words) in zip(texts, self.features(texts), strict=True):
            chosen = [w for w, p in zip(words, self.head.probability(rows) if len(words) else [], strict=True) if p >= self.threshold]
            spans: list[Span] = []
            for a, b in chosen:
                if spans and re.fullmatch(r"[ .]{0,2}", text[spans[-1].end: a]):
                    spans[-1] = Span(spans[-1].start, b, "NAME")
                else:
                    spans.append(Span(a, b, "NAME"))
            found.append(spans)
        return found

    def save(self, path) -> None:
        """Numbers only (npz); read back by `load`."""
        np.savez(Path(path), weights=self.head.weights, bias=self.head.bias, mean=self.head.mean, scale=self.head.scale,
                 threshold=self.threshold)

    def load(self, path) -> "NameFinder":
        with np.load(Path(path), allow_pickle=False) as stored:
            self.head = linear.Linear(stored["weights"], float(stored["bias"]), stored["mean"], stored["scale"])
            self.threshold = float(stored["threshold"])
        return self


# ------------------------------------------------------------------------------------------- measuring
@dataclass
class Leaks:
    """What a detector found and missed, over documents with known spans. Synthetic documents: yours will differ."""

    found: dict  # kind → (wanted spans found, spans reported, spans wanted, reported spans that are right)
    characters: float  # share of personal characters left in the clear
    documents: float  # share of documents that hold personal data and still show some of it
    missed: list  # (document, kind, text)
    alarms: list  # (document, kind, text)

    def recall(self, kind: str) -> float:
        right, _, wanted, _ = self.found[kind]
        return right / wanted if wanted else float("nan")

    def precision(self, kind: str) -> float:
        _, reported, _, right = self.found[kind]
        return right / reported if reported else float("nan")


def measure(texts: list[str], found: list[list[Span]], wanted: list[list[Span]]) -> Leaks:
    """Compare spans. A wanted span counts as found when every one of its letters and digits is covered; a reported
    span is right when at least half of it is personal data of that kind."""
    counts = {kind: [0, 0, 0, 0] for kind in KINDS}
    missed, alarms, open_characters, all_characters, leaking, personal = [], [], 0, 0, 0, 0
    for index, (text, ours, theirs) in enumerate(zip(texts, found, wanted, strict=True)):
        covered = {i for s in ours for i in range(s.start, s.end)}
        leaks = 0
        for span in theirs:
            letters = {i for i in range(span.start, span.end) if text[i].isalnum()}
            all_characters += len(letters)
            open_characters += len(letters - covered)
            counts[span.kind][2] += 1
            if letters <= covered:
                counts[span.kind][0] += 1
            else:
                leaks += 1
                missed.append((index, span.kind, text[span.start: span.end]))
        for span in ours:
            own = {i for s in theirs if s.kind == span.kind for i in range(s.start, s.end)}
            right = sum(i in own for i in range(span.start, span.end)) * 2 >= span.end - span.start
            counts[span.kind][1] += 1
            counts[span.kind][3] += right
            if not right:
                alarms.append((index, span.kind, text[span.start: span.end]))
        personal += bool(theirs)
        leaking += bool(leaks)
    return Leaks({k: tuple(v) for k, v in counts.items()}, open_characters / max(all_characters, 1), leaking / max(personal, 1), missed, alarms)
