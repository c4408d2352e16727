"""The exercise checks of lesson 01; how a check answers is said in lib.checks."""

import math

from lib.checks import WrongAnswer, exercise


def _close(got, wanted: float, where: str) -> None:
    number = isinstance(got, int | float) and not isinstance(got, bool)
    if not number or not math.isclose(got, wanted, rel_tol=1e-6, abs_tol=1e-9):
        raise WrongAnswer(f"got {got!r}, expected {wanted:g}. {where}")


@exercise
def tuning_is_worth_it(function):
    """01, exercise 1: `function(prompt, gain, target)` is True if the prompt is not enough and tuning surely gains."""
    from lib.evaluate import Score

    weak, strong, lucky = Score(0.40, 0.33, 0.47, 200), Score(0.93, 0.90, 0.96, 200), Score(0.87, 0.82, 0.92, 200)
    gain, none, unsure = Score(0.5, 0.42, 0.58, 200), Score(0.0, -0.04, 0.04, 200), Score(0.05, -0.01, 0.11, 200)
    got = function(weak, gain, 0.85)
    if got is ...:
        return ...
    if not isinstance(got, bool):
        raise WrongAnswer(f"got {got!r}, expected True or False.")
    cases = [
        (weak, gain, True, "the prompt reaches 33 to 47 % of the 85 % wanted and tuning gains at least 42 points: tune."),
        (strong, gain, False, "the prompt already reaches 90 % at the lower end: whatever tuning gains, nobody asked for it."),
        (weak, none, False, "tuning gains nothing here: it would only cost money."),
        (weak, unsure, False, "the gain's interval begins below 0: it may be luck. Compare gain.low."),
        (lucky, gain, True, "the prompt scores 87 %, but its interval begins at 82 %: compare prompt.low with the target."),
        (strong, none, False, "the prompt is enough and tuning adds nothing."),
        (Score(0.90, 0.85, 0.95, 200), gain, False, "a lower end exactly at the target is enough: “at least”."),
        (weak, Score(0.1, 0.0, 0.2, 200), False, "a gain whose interval begins exactly at 0 may still be nothing."),
    ]
    for prompt, difference, wanted, where in cases:
        if function(prompt, difference, 0.85) is not wanted:
            raise WrongAnswer(f"got {not wanted}, expected {wanted}: {where}")


@exercise
def year_usd(function):
    """01, exercise 2: `function(once_usd, usd_per_hour, servers)` is what the first year costs."""
    got = function(300, 0.5, 2)
    if got is ...:
        return ...
    hints = {300 + 365 * 0.5 * 2: "That is one hour a day. A server that waits for requests runs all 24.",
             300 + 730 * 0.5 * 2: "That is one month. A year has 12 of them.",
             8760 * (300 + 0.5 * 2): "The training is paid once, not in every hour.",
             8760 * 0.5 * 2: "The training itself is missing.",
             300 + 8760 * 0.5: "That is one server; there are two."}
    _close(got, 9060, hints.get(got, "8,760 hours × $0.5 × 2 servers, and $300 once."))
    _close(function(70, 1.25, 3), 32_920, "8,760 · 1.25 · 3 + 70.")
    _close(function(70, 1.25, 0), 70, "Without a server only the training is paid.")


@exercise
def break_even(function):
    """01, exercise 3: `function(own_usd_a_year, api_usd_per_request)` is the number of requests a day."""
    got = function(8760, 0.002)
    if got is ...:
        return ...
    hints = {8760 / 0.002: "That many requests in a year. How many a day?",
             8760 / (30 * 0.002): "That is a month of requests against a year of the server.",
             8760 * 365 * 0.002: "Which of the two has to be divided?"}
    hint = next((text for value, text in hints.items() if isinstance(got, int | float) and math.isclose(got, value)), None)
    _close(got, 12_000, hint or "At the break-even 365 · requests · $0.002 = $8,760.")
    _close(function(1174, 0.000064), 50_256.849315, "The same with a small server and a cheap API.")
