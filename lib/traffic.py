"""A simulated month of a clinic's requests, out of real held-out rows: quiet days and three planted changes.

    days = month(rows, per_day=60)          30 lists of chat rows, each with its right answer and "event"
    ordinary(row, rng)                      what comes on a quiet day; one request in 25 has a slip of the keyboard
    fresh(row, rng)                         the same note with another date for the follow-up
    with_new_code(row, rng)                 one of its codes replaced by one that no training saw

The clinic, its notes and the changes are invented. Abbreviations and their two meanings are common in hospitals.
"""

import random
import re
from dataclasses import dataclass

UNITS = {"d": "day", "w": "week", "m": "month"}
NEW_CODES = {"AS": "aortic stenosis", "VT": "ventricular tachycardia", "SLE": "systemic lupus erythematosus", "TBI": "traumatic brain injury",
             "CF": "cystic fibrosis", "ALS": "amyotrophic lateral sclerosis", "HCM": "hypertrophic cardiomyopathy", "SAH": "subarachnoid hemorrhage"}
NEW_MEANINGS = {"MS": ("multiple sclerosis", "mitral stenosis"), "PE": ("pulmonary embolism", "pleural effusion"),
                "MI": ("myocardial infarction", "mitral insufficiency"), "AF": ("atrial fibrillation", "atrial flutter")}
SLIPS = 0.04
NOTE = re.compile(r"([A-Z]+(?:-[A-Z]+)*), f/u (\d)([dwm])$")


@dataclass(frozen=True)
class Event:
    """A change of the traffic from the first to the last day (counted from 1); `shares` has one number a day."""

    name: str
    first: int
    shares: tuple[float, ...]

    @property
    def last(self) -> int:
        return self.first + len(self.shares) - 1


EVENTS = (Event("new wording", 9, (0.8,) * 5), Event("new codes", 17, (0.1, 0.2, 0.3, 0.4, 0.4, 0.4)), Event("new meanings", 27, (1.0,) * 4))


def month(rows: list[dict], per_day: int = 60, days: int = 30, seed: int = 0, events=EVENTS) -> list[list[dict]]:
    """`month(rows)[16]` → the requests of day 17; "event" is "" for an ordinary one."""
    rng, found = random.Random(seed), []
    for day in range(1, days + 1):
        today = [ordinary(rng.choice(rows), rng) for _ in range(per_day)]
        for event in events:
            if event.first <= day <= event.last:
                today = [changed(row, event.name, rng) if rng.random() < event.shares[day - event.first] else row for row in today]
        found.append([{**row, "id": f"d{day:02d}-{number:04d}"} for number, row in enumerate(today)])
    return found


def changed(row: dict, event: str, rng) -> dict:
    """The row after one of the changes of EVENTS; a row that a change does not concern stays as it was."""
    return {"new wording": lambda: reworded(row), "new codes": lambda: with_new_code(row, rng), "new meanings": lambda: redefined(row)}[event]()


def ordinary(row: dict, rng) -> dict:
    """A request of a quiet day: a fresh note, and in one of SLIPS a letter of a code twice; the right answer stays."""
    made = fresh(row, rng)
    question, answer = _texts(made)
    if rng.random() >= SLIPS:
        return made
    codes = NOTE.search(question)[1]
    place = rng.choice([k for k, letter in enumerate(codes) if letter != "-"])
    slipped = codes[:place] + codes[place] + codes[place:]
    return _row(made, question.replace(codes + ", f/u", slipped + ", f/u"), answer, "")


def fresh(row: dict, rng) -> dict:
    """Another follow-up: "f/u 3w" → "f/u 8d", in question and answer."""
    question, answer = _texts(row)
    _, n, unit = NOTE.search(question).groups()
    new_n, new_unit = rng.randint(1, 9), rng.choice("dwm")
    return _row(row, question[:-2] + f"{new_n}{new_unit}", _replace(answer, _period(int(n), unit), _period(new_n, new_unit)), "")


def reworded(row: dict) -> dict:
    """Text requests come from a new app, whose button writes "Please expand: …"; JSON requests stay."""
    question, answer = _texts(row)
    return _row(row, f"Please expand: {NOTE.search(question)[0]}", answer, "new wording") if row["form"] == "text" else row


def with_new_code(row: dict, rng) -> dict:
    """A new ward sends its own abbreviations: one code of the note, at random, becomes one that no training saw."""
    question, answer = _texts(row)
    codes = NOTE.search(question)[1].split("-")
    place, new = rng.randrange(len(codes)), rng.choice(sorted(NEW_CODES))
    diagnoses = re.findall(r'"([^"]+)"', re.search(r"\[.*\]", answer)[0]) if row["form"] == "json" else answer.split(";")[0].split(", ")
    note = "-".join([*codes[:place], new, *codes[place + 1:]])
    return _row(row, question.replace("-".join(codes) + ", f/u", note + ", f/u"), _nth(answer, diagnoses, place, NEW_CODES[new]), "new codes")


def redefined(row: dict) -> dict:
    """The clinic decides that four codes now mean something else; the questions look as before."""
    question, answer = _texts(row)
    concerned = set(NOTE.search(question)[1].split("-")) & NEW_MEANINGS.keys()
    for code in concerned:
        answer = _replace(answer, *NEW_MEANINGS[code])
    return _row(row, question, answer, "new meanings") if concerned else row


def _texts(row: dict) -> tuple[str, str]:
    return row["messages"][0]["content"], row["messages"][-1]["content"]


def _row(row: dict, question: str, answer: str, event: str) -> dict:
    return {**row, "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], "event": event}


def _period(n: int, unit: str) -> str:
    return f"{n} {UNITS[unit]}{'s' if n > 1 else ''}"


def _replace(text: str, old: str, new: str) -> str:
    if text.count(old) != 1:
        raise ValueError(f"{old!r} is not exactly once in {text!r}; these functions know the English shorthand samples only.")
    return text.replace(old, new)


def _nth(answer: str, diagnoses: list[str], place: int, new: str) -> str:
    changed_list = [*diagnoses[:place], new, *diagnoses[place + 1:]]
    if answer.startswith("{"):
        return _replace(answer, ", ".join(f'"{d}"' for d in diagnoses), ", ".join(f'"{d}"' for d in changed_list))
    return _replace(answer, ", ".join(diagnoses) + ";", ", ".join(changed_list) + ";")
