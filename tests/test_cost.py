"""Costs: prices that can be trusted or are refused, oracle sums by hand, and properties that must hold for any plan."""

import math
import random

import pytest

from lib import cost, data
from lib.cost import CostError, Plan

HEADER = "name,usd,unit,what,kind,source,as_of\n"
GOOD = "box,2.5,hour,a machine,list,https://example.org,2026-11\n"


def table(tmp_path, text: str):
    path = tmp_path / "prices.csv"
    path.write_text(text, encoding="utf-8")
    return path


# ------------------------------------------------------------------------------------------------ the tables
def test_the_committed_tables_are_sound():
    prices, models = cost.read_prices(), cost.base_models()
    assert len(prices) >= 20 and len(models) >= 15
    assert all(p.usd > 0 for p in prices.values())
    assert {p.kind for p in prices.values()} == set(cost.KINDS), "list, secondary, article and assumption all occur and are told apart"
    assert all(p.source.startswith("assumed") for p in prices.values() if p.kind == "assumption")
    api = {name.split(":")[0] for name in prices if ":" in name}
    assert all(f"{name}:{way}" in prices for name in api for way in ("input", "output"))
    assert {"SmolLM2", "Gemma 3", "Qwen2.5", "Llama 3.2"} <= {m["family"] for m in models}


def test_every_shape_in_the_table_of_models_is_known_and_has_that_size():
    for row in cost.base_models():
        if row["shape"]:
            assert cost.model_numbers(row["shape"]) / 1e9 == pytest.approx(row["billions"], rel=0.05), row["model"]


@pytest.mark.parametrize("text, line, words", [
    ("name,usd\n" + GOOD, 1, "the columns are name, usd"),
    ("", 1, "the columns are none"),
    (HEADER, 2, "no price in the file"),
    (HEADER + GOOD + "box2,cheap,hour,x,list,s,2026\n", 3, "'cheap' is no number"),
    (HEADER + GOOD + "box2,-1,hour,x,list,s,2026\n", 3, "-1 is not a finite number of at least 0"),
    (HEADER + GOOD + "box2,nan,hour,x,list,s,2026\n", 3, "not a finite number"),
    (HEADER + "box,$2.5,hour,x,list,s,2026\n", 2, r"without \$"),
    (HEADER + "box,2.5,minute,x,list,s,2026\n", 2, "unit 'minute' is unknown"),
    (HEADER + "box,2.5,hour,x,rumour,s,2026\n", 2, "kind 'rumour' is unknown"),
    (HEADER + "box,2.5,hour,x,list,,2026\n", 2, "the source is missing"),
    (HEADER + "box,2.5,hour,x,list,s,last week\n", 2, "'last week' is no date"),
    (HEADER + "box,2.5,hour,x,list,s,2026-13\n", 2, "is no date"),
    (HEADER + "box,2.5,hour,4 cores, 8 GB,list,s,2026\n", 2, "8 fields instead of 7"),
    (HEADER + GOOD + "\n" + GOOD, 4, "'box' comes twice"),
    (HEADER + ",2.5,hour,x,list,s,2026\n", 2, "is empty"),
])  # fmt: skip
def test_a_bad_price_file_is_refused_with_file_line_and_remedy(tmp_path, text, line, words):
    with pytest.raises(data.DataError, match=words) as caught:
        cost.read_prices(table(tmp_path, text))
    assert caught.value.line == line and str(tmp_path / "prices.csv") in str(caught.value)
    assert caught.value.remedy.endswith(".") and len(caught.value.remedy) > 15


def test_an_unclosed_quotation_another_encoding_and_a_missing_file(tmp_path):
    with pytest.raises(data.DataError, match="broken CSV|fields instead"):
        cost.read_prices(table(tmp_path, HEADER + 'box,2.5,hour,"x,list,s,2026\n'))
    path = tmp_path / "latin.csv"
    path.write_bytes((HEADER + "box,2.5,hour,Gerät,list,s,2026\n").encode("latin-1"))
    with pytest.raises(data.DataError, match="UTF-8"):
        cost.read_prices(path)
    with pytest.raises(FileNotFoundError, match="Check the path"):
        cost.read_prices(tmp_path / "gone.csv")


def test_a_spreadsheets_byte_order_mark_and_blank_lines_do_no_harm(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_bytes(b"\xef\xbb\xbf" + (HEADER + "\n" + GOOD + "\n").encode())
    assert cost.read_prices(path)["box"].usd == 2.5


# --------------------------------------------------------------------------------------------- names and numbers
@pytest.mark.parametrize("call, words", [
    (lambda: cost.price("ml.g5.12xlarg"), "did you mean ml.g5.12xlarge"),
    (lambda: cost.price("a unicorn"), "known: ml.g5.xlarge"),
    (lambda: cost.price("gpt-4o-mini:input"), "priced per 1M tokens, not per hour"),
    (lambda: cost.request_usd("gpt-9", 1, 1), "no price named 'gpt-9:input'"),
    (lambda: cost.run_usd("ml.g5.xlarge", hours=-1), "hours=-1: write a finite number of at least 0"),
    (lambda: cost.run_usd("ml.g5.xlarge", hours=float("nan")), "hours=nan"),
    (lambda: cost.run_usd("ml.g5.xlarge", hours="4"), "hours='4'"),
    (lambda: cost.run_usd("ml.g5.xlarge", 4, machines=-2), "machines=-2"),
    (lambda: cost.run_usd("ml.g5.xlarge", 4, discount=60), "discount=60"),
    (lambda: cost.run_usd("ml.g5.xlarge", 4, lost=-0.1), "lost=-0.1"),
    (lambda: cost.request_usd("gpt-4o-mini", -5, 1), "tokens_in=-5"),
    (lambda: cost.tokens_per_second("Llama-3.2-7B", "H100"), "unknown model: Llama-3.2-7B"),
    (lambda: cost.tokens_per_second("Llama-3.1-8B", "H1000"), "card 'H1000' has no peak"),
    (lambda: cost.tokens_per_second("Llama-3.1-8B", "H100", method="magic"), "method 'magic' is unknown"),
    (lambda: cost.tokens_per_second("Llama-3.1-8B", "H100", mfu=40), "mfu=40"),
    (lambda: cost.training_hours(1e6, 0), "tokens_a_second=0"),
    (lambda: cost.training_hours(-1, 10), "tokens=-1"),
    (lambda: Plan("x", utilisation=0), "utilisation=0"),
    (lambda: Plan("x", requests_an_hour=0), "requests_an_hour=0"),
    (lambda: Plan("x", once_usd=-3), "x: once_usd=-3"),
    (lambda: cost.year_usd(Plan("x"), -1), "requests_per_day=-1"),
    (lambda: cost.year_usd(Plan("x"), 1, years=0), "years=0"),
])  # fmt: skip
def test_a_wrong_name_or_number_says_what_to_write(call, words):
    with pytest.raises(CostError, match=words):
        call()


# ------------------------------------------------------------------------------------------------ sums by hand
def test_the_first_example_by_hand():
    # an own server: $300 training, $1.408 an hour, 3,600 requests an hour at 50 % → full at 43,200 a day
    own = Plan("own", once_usd=300, yearly_usd=120, server_usd=1.408, requests_an_hour=3600, utilisation=0.5)
    assert own.full_at == 43_200
    assert cost.year_usd(own, 1_000) == pytest.approx(300 + 120 + 1.408 * 8760)  # 12,754.08
    assert cost.year_usd(own, 1_000) == pytest.approx(12_754.08)
    assert cost.year_usd(own, 86_400) == pytest.approx(300 + 120 + 2 * 1.408 * 8760)  # twice the load: two servers
    assert cost.year_usd(own, 1_000, years=2) == pytest.approx(300 + 2 * (120 + 12_334.08))  # the training is paid once


def test_the_second_example_by_hand():
    # an API: 400 tokens in and 50 out at $0.15 and $0.60 a million = $0.00009 a request; 20,000 a day for a year
    each = cost.request_usd("gpt-4o-mini", 400, 50)
    assert each == pytest.approx(0.00009)
    api = Plan("api", once_usd=500, request_usd=each, always_on=0)
    assert api.full_at == 0
    assert cost.year_usd(api, 20_000) == pytest.approx(500 + 365 * 20_000 * 0.00009)  # 1,157
    assert cost.year_usd(api, 0) == 500


def test_article_s2s_year_and_spot_by_hand():
    assert cost.price("S2 A100 server").usd * cost.HOURS_A_YEAR == pytest.approx(26_280)
    assert cost.price("S2 CPU server").usd * cost.HOURS_A_YEAR == pytest.approx(4_380)
    assert cost.run_usd("ml.g5.12xlarge", 4) == pytest.approx(28.36)
    assert cost.run_usd("ml.g5.12xlarge", 4, discount=0.6, lost=0.1) == pytest.approx(4.4 * 7.09 * 0.4)


def test_throughput_and_hours_by_hand():
    # A100: 312e12 · 0.4 FLOP/s; LoRA with checkpointing: (4 + 2) · 8,030,261,248 FLOPs a token
    speed = cost.tokens_per_second("Llama-3.1-8B", "A100 80GB", "lora", mfu=0.4)
    assert speed == pytest.approx(312e12 * 0.4 / (6 * 8_030_261_248))
    assert cost.tokens_per_second(8_030_261_248, "A100 80GB", "full", mfu=0.4, checkpointing=False) == pytest.approx(speed)
    assert cost.tokens_per_second("Llama-3.1-8B", "A100 80GB", gpus=8) == pytest.approx(8 * speed)
    assert cost.training_hours(3_600_000, 1000) == pytest.approx(1.0)
    assert cost.training_hours(3_600_000, 1000, epochs=3) == pytest.approx(3.0)


# -------------------------------------------------------------------------------------------------- break-even
def test_break_even_by_hand():
    api = Plan("api", request_usd=0.002, always_on=0)
    own = Plan("own", server_usd=1.0, requests_an_hour=10_000)
    assert cost.break_even(api, own, most=240_000) == pytest.approx([12_000])  # 365 · r · 0.002 = 8,760
    assert cost.break_even(own, api, most=240_000) == pytest.approx([12_000])


def test_there_may_be_no_crossing_or_two():
    api = Plan("api", request_usd=0.000065, always_on=0)
    gpu = Plan("gpu", server_usd=1.408, requests_an_hour=3600, utilisation=0.5)  # $0.00078 a request at full load
    assert cost.break_even(api, gpu) == []
    small = Plan("small", server_usd=1.0, requests_an_hour=500)  # full at 12,000 a day; $0.002 a request beyond
    middling = Plan("api", request_usd=0.0019, once_usd=500, always_on=0)
    crossings = cost.break_even(middling, small)
    assert len(crossings) == 2 and crossings[0] < 12_000 < crossings[1]
    assert cost.break_even(small, small) == []


def random_plan(draw: random.Random) -> Plan:
    return Plan("p", once_usd=draw.choice([0, draw.uniform(0, 5e4)]), yearly_usd=draw.uniform(0, 1e4),
                request_usd=draw.choice([0, draw.uniform(0, 0.01)]), server_usd=draw.choice([0, draw.uniform(0, 10)]),
                requests_an_hour=draw.uniform(10, 1e4), utilisation=draw.uniform(0.05, 1), always_on=draw.choice([0, 1, 2]))


def test_break_even_is_really_where_the_cheaper_plan_changes():
    draw, crossings = random.Random(0), 0
    for _ in range(400):
        a, b, years = random_plan(draw), random_plan(draw), draw.choice([1, 3])
        points = cost.break_even(a, b, years, most=1e6)
        for r in points:
            crossings += 1
            left, right = cost.year_usd(a, r, years), cost.year_usd(b, r, years)
            assert left == pytest.approx(right, rel=1e-9), "the two costs are equal at the break-even"
        # between two crossings the same plan stays cheaper: 50 points each
        ends = [0.0, *points, 1e6]
        for left, right in zip(ends, ends[1:], strict=False):
            signs = {math.copysign(1, gap) for k in range(1, 51)
                     if abs(gap := cost.year_usd(a, left + (right - left) * k / 51, years)
                            - cost.year_usd(b, left + (right - left) * k / 51, years)) > 1e-6}
            assert len(signs) <= 1, "a crossing was missed"
    assert crossings > 100, "the random plans hardly ever cross: this test would prove nothing"


# --------------------------------------------------------------------------------------------------- properties
def test_more_of_anything_never_costs_less():
    draw = random.Random(1)
    for _ in range(200):
        plan, r = random_plan(draw), draw.uniform(0, 1e5)
        base = cost.year_usd(plan, r)
        assert cost.year_usd(plan, r + 1000) >= base
        assert cost.year_usd(plan, r, years=2) >= base
        for field in ("once_usd", "yearly_usd", "request_usd", "server_usd", "always_on"):
            more = Plan(**(plan.__dict__ | {field: getattr(plan, field) + 1}))
            assert cost.year_usd(more, r) >= base, field
        faster = Plan(**(plan.__dict__ | {"requests_an_hour": plan.requests_an_hour * 2}))
        fuller = Plan(**(plan.__dict__ | {"utilisation": 1.0}))
        assert cost.year_usd(faster, r) <= base and cost.year_usd(fuller, r) <= base


def test_spot_and_hours_are_monotonic():
    hours = [cost.run_usd("ml.g5.xlarge", h) for h in (0, 1, 2, 8)]
    assert hours == sorted(hours) and hours[0] == 0
    saved = [cost.run_usd("ml.g5.xlarge", 8, discount=d) for d in (0, 0.3, 0.6, 0.9)]
    assert saved == sorted(saved, reverse=True)
    assert cost.run_usd("ml.g5.xlarge", 8, lost=0.5) > cost.run_usd("ml.g5.xlarge", 8)
    # a spot machine that computes everything again saves nothing at 50 %
    assert cost.run_usd("ml.g5.xlarge", 8, discount=0.5, lost=1.0) == pytest.approx(cost.run_usd("ml.g5.xlarge", 8))
