"""Repair characters without destroying meaning: `normalise("na\\u0308ive\\u00a0 text")` → "näive text".

NFC, not NFKC: the latter also "simplifies" 10⁹/L to 109/L, m² to m2 and ½ to 1⁄2, a disaster in a medical text.
Case stays (HTN is not htn), and so do hyphens (HTN-DM), line breaks, and every `<` that is no tag.
"""

import html
import re
import unicodedata

INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufff9-\ufffb]")  # soft hyphens, zero widths, directions
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
SPACES = re.compile(r"[^\S\n]+")  # every kind of space but the line break
WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # ！ to ～: ASCII in East Asian width
LATIN, CYRILLIC = "aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ"
TO_CYRILLIC, TO_LATIN = str.maketrans(LATIN, CYRILLIC), str.maketrans(CYRILLIC, LATIN)
ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,5}|#x[0-9a-fA-F]{2,4});")


def normalise(text: str) -> str:
    """`normalise("caf\\u0065\\u0301\\u00a0 10⁹/L")` → "café 10⁹/L". Applying it twice changes nothing more."""
    text = unmojibake(text)
    text = ENTITY.sub(lambda m: html.unescape(m[0]), text)
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).translate(WIDE)
    text = CONTROL.sub("", INVISIBLE.sub("", text))
    text = re.sub(r"\w+", lambda m: one_alphabet(m[0]), text)
    lines = (SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def unmojibake(text: str) -> str:
    """`unmojibake("cafÃ©")` → "café": UTF-8 that was read as Latin-1 or Windows-1252, when all of it fits."""
    if not re.search("[ÃÂÐÑâ][\x80-\xbf\u2018-\u203a\u0152-\u0178ˆ˜€™]", text):
        return text
    for wrong in ("latin-1", "cp1252"):
        try:
            return text.encode(wrong).decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
    return text


def one_alphabet(word: str) -> str:
    """`one_alphabet("cтол")` with a Latin c → "стол": a word of two alphabets goes to that of its unmistakable letters."""
    latin = [c for c in word if "a" <= c.lower() <= "z"]
    cyrillic = [c for c in word if "а" <= c.lower() <= "я" or c in "ёЁ"]
    if not latin or not cyrillic:
        return word
    if all(c in LATIN for c in latin) and any(c not in CYRILLIC for c in cyrillic):
        return word.translate(TO_CYRILLIC)
    if all(c in CYRILLIC for c in cyrillic) and any(c not in LATIN for c in latin):
        return word.translate(TO_LATIN)
    return word  # undecided, such as "Rh-фактор" written without its hyphen: left alone
