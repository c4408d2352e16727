"""What a language model costs: prices that carry their source and their date, training hours, a year of operation.

    price("ml.g5.12xlarge").usd                                   → 7.09, for an hour
    run_usd("ml.g5.12xlarge", hours=4)                            → 28.36
    request_usd("gpt-6-luna", tokens_in=400, tokens_out=50)       → 0.000065
    year_usd(plan, requests_per_day=2000), break_even(api, own)   → dollars, [requests per day]

Prices: data/samples/decision/prices.csv. None was measured by this course: each row says where it was read and
when, and which kind of source that is. A price that you have not looked up today is a hint, not an offer.
"""

import csv
import difflib
import math
import re
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

from lib.data import SAMPLES, DataError

PRICES = SAMPLES / "decision" / "prices.csv"
BASE_MODELS = SAMPLES / "decision" / "base_models.csv"
PRICE_COLUMNS = ("name", "usd", "unit", "what", "kind", "source", "as_of")
MODEL_COLUMNS = ("family", "model", "billions", "licence", "languages", "context", "shape", "kind", "source", "as_of")
UNITS = ("hour", "1M tokens", "example")
KINDS = ("list", "secondary", "article", "assumption")  # the seller's page; who repeats it; a source article; ours
HOURS_A_YEAR, DAYS_A_YEAR = 8760, 365
HOURS_A_MONTH = HOURS_A_YEAR / 12  # 730, as clouds count

# The most that a card can compute, in dense bf16 TFLOP/s (T4: fp16), from NVIDIA's data sheets; sparsity not counted.
PEAK_TFLOPS = {"T4": 65, "L4": 121, "A10G": 70, "RTX 3090": 71, "RTX 4090": 165, "L40S": 362, "A100 40GB": 312,
               "A100 80GB": 312, "H100": 989, "H200": 989}
# Floating-point operations for one token and one parameter. 6 = 2 forward + 4 backward (Kaplan et al. 2020,
# arXiv 2001.08361, table 1); a frozen weight needs no gradient of its own, which saves 2.
FLOPS = {"full": 6, "pretrain": 6, "lora": 4, "qlora": 4}


class CostError(ValueError):
    """A number or a name that can't be priced. The message says which, and what to write instead."""


# ------------------------------------------------------------------------------------------------ the tables
@dataclass(frozen=True)
class Price:
    """`Price("ml.g5.xlarge", 1.408, "hour", …)`: dollars for one unit, with source and date."""

    name: str
    usd: float
    unit: str
    what: str
    kind: str
    source: str
    as_of: str


def read_table(path, columns: tuple[str, ...]) -> list[tuple[int, dict]]:
    """A CSV file → [(line, {column: text})]. Raises DataError with file, line and remedy; FileNotFoundError."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Check the path; the course's tables are in data/samples/decision/.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            if tuple(header) != columns:
                raise DataError(path, 1, f"the columns are {', '.join(header) or 'none'}.", f"Write {','.join(columns)} in this order.")
            rows = []
            for fields in reader:
                if not fields:
                    continue
                if len(fields) != len(columns):
                    raise DataError(path, reader.line_num, f"{len(fields)} fields instead of {len(columns)}.",
                                    'Put a text that holds a comma into "quotation marks", and leave no column out.')
                rows.append((reader.line_num, dict(zip(columns, (f.strip() for f in fields), strict=True))))
    except csv.Error as error:
        raise DataError(path, reader.line_num, f"broken CSV ({error}).", "Close every quotation mark on its own line.") from None
    except UnicodeDecodeError:
        raise DataError(path, 1, "the file is not UTF-8.", "Save it as UTF-8.") from None
    return rows


def read_prices(path=PRICES) -> dict[str, Price]:
    """`read_prices()["ml.g5.xlarge"]` → Price(…). Raises DataError (file, line, remedy) for a row that can't be trusted:
    no number, a negative one, an unknown unit or kind, no source, no date, a name that comes twice."""
    prices: dict[str, Price] = {}
    for line, row in read_table(path, PRICE_COLUMNS):
        usd = _number(path, line, "usd", row["usd"])
        for column, known in (("unit", UNITS), ("kind", KINDS)):
            if row[column] not in known:
                raise DataError(path, line, f"{column} {row[column]!r} is unknown.", f"Write one of: {', '.join(known)}.")
        _sourced(path, line, row)
        if not row["name"] or row["name"] in prices:
            raise DataError(path, line, f"the name {row['name']!r} {'comes twice' if row['name'] else 'is empty'}.",
                            "Give each price a name of its own; keep an old price by adding its date to the name.")
        prices[row["name"]] = Price(**(row | {"usd": usd}))
    if not prices:
        raise DataError(path, 2, "there is no price in the file.", "Write one row a price under the header.")
    return prices


def base_models(path=BASE_MODELS) -> list[dict]:
    """The rows of base_models.csv, checked: `billions` of parameters as a number, `context` in tokens as an int."""
    rows = []
    for line, row in read_table(path, MODEL_COLUMNS):
        _sourced(path, line, row)
        context = _number(path, line, "context", row["context"])
        rows.append(row | {"billions": _number(path, line, "billions", row["billions"]), "context": int(context)})
    return rows


def _number(path, line: int, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise DataError(path, line, f"{column} {text!r} is no number.", "Write digits and a point, such as 7.09, without $.") from None
    if not math.isfinite(value) or value < 0:
        raise DataError(path, line, f"{column} {text} is not a finite number of at least 0.", "Check the sign and the point.")
    return value


def _sourced(path, line: int, row: dict) -> None:
    if not row["source"]:
        raise DataError(path, line, "the source is missing.", "Write where you read it, or mark it as an assumption of yours.")
    if not re.fullmatch(r"20\d\d(-(0[1-9]|1[0-2])(-\d\d)?)?", row["as_of"]):
        raise DataError(path, line, f"as_of {row['as_of']!r} is no date.", "Write 2026, 2026-11 or 2026-11-21: the day you looked.")


def price(name: str, unit: str = "hour", prices: dict[str, Price] | None = None) -> Price:
    """`price("ml.g5.xlarge").usd` → 1.408. Raises CostError for an unknown name (with the nearest ones) or another unit."""
    prices = read_prices() if prices is None else prices
    if name not in prices:
        near = difflib.get_close_matches(name, prices, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(prices)}."
        raise CostError(f"no price named {name!r}: {hint} Add a row with its source to {PRICES.name} for a new one.")
    if prices[name].unit != unit:
        raise CostError(f"{name} is priced per {prices[name].unit}, not per {unit}: choose a row with that unit.")
    return prices[name]


# ---------------------------------------------------------------------------------------------------- training
def model_numbers(model) -> int:
    """`model_numbers("Llama-3.1-8B")` → 8030261248. A name of lib.cards.SHAPES, "tiny", "smol", a Hub id, a folder or a count."""
    if isinstance(model, Real) and not isinstance(model, bool):
        return int(_positive("the number of parameters", model))
    from lib.memory_shapes import MemorySettingError, config_of, parameter_count

    try:
        return parameter_count(config_of(model))
    except MemorySettingError as error:
        raise CostError(f"unknown model: {error}") from error


def tokens_per_second(model, card: str, method: str = "lora", gpus: int = 1, mfu: float = 0.4, checkpointing: bool = True) -> float:
    """`tokens_per_second("Llama-3.1-8B", "A100 80GB", mfu=0.4)` → about 2,590 tokens a second, predicted, not measured.

    peak FLOP/s × `mfu` / (FLOPs a token). `mfu` is the share of the card's peak that a training really uses: 38–43 %
    for Llama 3.1 405B (arXiv 2407.21783, table 4), much less for small models, short rows or slow data. `checkpointing`
    computes the forward pass twice (+2). Attention's own products are left out: above some 4,000 tokens this is too fast.
    """
    if card not in PEAK_TFLOPS:
        raise CostError(f"card {card!r} has no peak in the table; known: {', '.join(PEAK_TFLOPS)}.")
    if method not in FLOPS:
        raise CostError(f"method {method!r} is unknown; known: {', '.join(FLOPS)}.")
    if not 0 < mfu <= 1:
        raise CostError(f"mfu={mfu}: write a share above 0 and at most 1, such as 0.4.")
    each = FLOPS[method] + (2 if checkpointing else 0)
    return PEAK_TFLOPS[card] * 1e12 * mfu * _positive("gpus", gpus) / (each * model_numbers(model))


def training_hours(tokens: float, tokens_a_second: float, epochs: float = 1) -> float:
    """`training_hours(3_600_000, 1000)` → 1.0. `tokens`: in the data set, once; `tokens_a_second`: measured or predicted."""
    return _positive("tokens", tokens) * _positive("epochs", epochs) / _positive("tokens_a_second", tokens_a_second) / 3600


def run_usd(name: str, hours: float, machines: int = 1, discount: float = 0.0, lost: float = 0.0, prices=None) -> float:
    """`run_usd("ml.g5.12xlarge", hours=4)` → 28.36: machines × hours × price.

    Spot machines: `discount` is the share that you save an hour, `lost` the share of the hours that is computed again
    after interruptions, so a run of 4 h at discount=0.6 and lost=0.1 is 4.4 h at 40 % of the price.
    Raises CostError for negative hours or machines, and for shares outside 0 to 1.
    """
    if not 0 <= discount < 1 or lost < 0 or not math.isfinite(lost):
        raise CostError(f"discount={discount}, lost={lost}: discount is a share from 0 to below 1, lost a share of at least 0.")
    hourly = price(name, "hour", prices).usd
    return _at_least_0("machines", machines) * _at_least_0("hours", hours) * (1 + lost) * hourly * (1 - discount)


def request_usd(model: str, tokens_in: float, tokens_out: float, prices=None) -> float:
    """`request_usd("gpt-4o-mini", 1000, 100)` → 0.00021: one request to an API that charges by the token."""
    rates = [price(f"{model}:{way}", "1M tokens", prices).usd for way in ("input", "output")]
    return (_at_least_0("tokens_in", tokens_in) * rates[0] + _at_least_0("tokens_out", tokens_out) * rates[1]) / 1e6


# ------------------------------------------------------------------------------------------------------ a year
@dataclass(frozen=True)
class Plan:
    """One way to answer requests for a year (total cost of ownership, TCO).

    `once_usd`: data, work and the first training. `yearly_usd`: retraining, upkeep. `request_usd`: what an API takes
    for each request. `server_usd`: dollars for an hour of one server, which answers `requests_an_hour` at full load and
    is planned for a share `utilisation` of that. `always_on`: servers that run without any request (0: scales to zero).
    Above them, servers come and go by the hour, so their number is an average and need not be whole.
    """

    name: str
    once_usd: float = 0.0
    yearly_usd: float = 0.0
    request_usd: float = 0.0
    server_usd: float = 0.0
    requests_an_hour: float = math.inf
    utilisation: float = 1.0
    always_on: float = 1.0

    def __post_init__(self):
        for field in ("once_usd", "yearly_usd", "request_usd", "server_usd", "always_on"):
            _at_least_0(f"{self.name}: {field}", getattr(self, field))
        if not self.requests_an_hour > 0 or not 0 < self.utilisation <= 1:
            raise CostError(f"{self.name}: requests_an_hour={self.requests_an_hour} must be above 0 and "
                            f"utilisation={self.utilisation} a share above 0 and at most 1.")

    @property
    def full_at(self) -> float:
        """Requests a day that the servers which are always on can take, at the planned utilisation."""
        return self.always_on * 24 * self.requests_an_hour * self.utilisation if self.always_on else 0.0

    def servers(self, requests_per_day: float) -> float:
        """How many servers run, on average over the year."""
        return max(self.always_on, requests_per_day / (24 * self.requests_an_hour * self.utilisation))


def year_usd(plan: Plan, requests_per_day: float, years: float = 1) -> float:
    """`year_usd(Plan("own", server_usd=1.0), 100)` → 8760.0: everything that is paid in `years` years, in dollars."""
    requests = _at_least_0("requests_per_day", requests_per_day)
    running = DAYS_A_YEAR * requests * plan.request_usd + HOURS_A_YEAR * plan.server_usd * plan.servers(requests)
    return plan.once_usd + _positive("years", years) * (plan.yearly_usd + running)


def break_even(a: Plan, b: Plan, years: float = 1, most: float = 1e8) -> list[float]:
    """`break_even(api, own)` → [17280.0]: the requests a day, up to `most`, at which both cost the same.

    Both costs are straight lines between the points where a plan's servers are full, so each piece is solved exactly.
    [] means that one of them is cheaper everywhere (or that they never differ).
    """
    ends = sorted({0.0, most, *(p.full_at for p in (a, b) if 0 < p.full_at < most)})
    found: list[float] = []
    for left, right in zip(ends, ends[1:], strict=False):
        gaps = [year_usd(a, r, years) - year_usd(b, r, years) for r in (left, right)]
        if gaps[0] == gaps[1]:
            continue  # parallel
        crossing = left + (right - left) * gaps[0] / (gaps[0] - gaps[1])
        if left <= crossing <= right and not any(math.isclose(crossing, f, rel_tol=1e-9, abs_tol=1e-9) for f in found):
            found.append(crossing)
    return found


def _at_least_0(what: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value < 0:
        raise CostError(f"{what}={value!r}: write a finite number of at least 0.")
    return value


def _positive(what: str, value: float) -> float:
    if _at_least_0(what, value) == 0:
        raise CostError(f"{what}=0: write a number above 0.")
    return value
