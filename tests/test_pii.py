"""Personal data: checksums, near misses, spans, pseudonyms, and the count of leaks."""

import numpy as np
import pytest

from lib import linear, pii


def found(text: str) -> list[tuple[str, str]]:
    return [(s.kind, text[s.start: s.end]) for s in pii.find(text)]


@pytest.mark.parametrize("text, wanted", [
    ("Write to ann.berg+x@mail.example.org.", [("EMAIL", "ann.berg+x@mail.example.org")]),
    ("Card 4111 1111 1111 1111.", [("CARD", "4111 1111 1111 1111")]),
    ("Order 4111 1111 1111 1112.", []),
    ("IBAN DE89 3704 0044 0532 0130 00.", [("IBAN", "DE89 3704 0044 0532 0130 00")]),
    ("IBAN DE88 3704 0044 0532 0130 00.", []),
    ("СНИЛС 112-233-445 95", [("SNILS", "112-233-445 95")]),
    ("СНИЛС 112-233-445 96", []),
    ("ИНН 500100732259", [("INN", "500100732259")]),
    ("заказ 500100732250", []),
    ("заказ 7707083893, ИНН 7707083893", [("INN", "7707083893")]),  # ten digits count only after the word
    ("SSN 536-90-4399", [("SSN", "536-90-4399")]),
    ("SSN 000-12-3456", []),
    ("Born 03.05.1979, visit on 03.05.2026", [("DOB", "03.05.1979")]),
    ("дата рождения 3 мая 1979 года", [("DOB", "3 мая 1979 года")]),
    ("MRN 00482913", [("MRN", "00482913")]),
    ("История болезни № 55120/26", [("MRN", "55120/26")]),
    ("Call +7 (912) 345-67-89 or 212-555-0187", [("PHONE", "+7 (912) 345-67-89"), ("PHONE", "212-555-0187")]),
    ("version 8.12.345 and 134/85 and 5.6", []),
    ("at 14 Maple Street, Springfield", [("ADDRESS", "14 Maple Street, Springfield")]),
    ("живу: ул. Ленина, д. 5, кв. 12", [("ADDRESS", "ул. Ленина, д. 5, кв. 12")]),
    ("Невский проспект, дом 17", [("ADDRESS", "Невский проспект, дом 17")]),
    ("HTN-DM-CKD, f/u 2w; platelets 210 × 10⁹/L; room 204", []),
])
def test_patterns(text, wanted):
    assert found(text) == wanted


@pytest.mark.parametrize("digit", range(10))
def test_only_the_right_check_digits_of_a_snils_pass(digit):
    assert pii.snils_is_valid(f"112-233-445 9{digit}") is (digit == 5)
    assert not pii.snils_is_valid("112-233-445")


def test_masks_and_overlaps():
    text = "Ann Berg, 212-555-0187"
    spans = pii.without_overlaps([pii.Span(10, 22, "PHONE"), pii.Span(0, 8, "NAME"), pii.Span(4, 12, "NAME")])
    assert pii.mask(text, spans) == "[NAME], [PHONE]"
    assert pii.mask(text, []) == text


def test_pseudonyms_are_the_same_for_the_same_person_and_only_with_the_secret():
    one, again, other = pii.Pseudonyms("a"), pii.Pseudonyms("a"), pii.Pseudonyms("b")
    assert one.stand_in("NAME", "Ann Berg") == again.stand_in("NAME", "ann  berg") != other.stand_in("NAME", "Ann Berg")
    assert one.stand_in("NAME", "Ann Berg") != one.stand_in("NAME", "Ann Bergh")
    assert one.stand_in("PHONE", "8 912 345 67 89") == one.stand_in("PHONE", "8-912-345-67-89")
    assert one.replace("Ann called Ann.", [pii.Span(0, 3, "NAME"), pii.Span(11, 14, "NAME")]).count(one.stand_in("NAME", "Ann")) == 2
    assert one.stand_in("NAME", "Анна").split("-")[0] in pii.Pseudonyms.NAMES["cyrillic"]
    with pytest.raises(ValueError, match="secret"):
        pii.Pseudonyms("")


def test_a_half_covered_name_leaks():
    text = ["Ann Berg called"]
    wanted = [[pii.Span(0, 8, "NAME")]]
    half = pii.measure(text, [[pii.Span(0, 3, "NAME")]], wanted)
    assert (half.recall("NAME"), half.precision("NAME"), half.documents, half.characters) == (0.0, 1.0, 1.0, 4 / 7)
    whole = pii.measure(text, [[pii.Span(0, 3, "NAME"), pii.Span(4, 8, "NAME")]], wanted)
    assert (whole.recall("NAME"), whole.documents, whole.characters) == (1.0, 0.0, 0.0)
    alarm = pii.measure(text + ["no"], [wanted[0], [pii.Span(0, 2, "NAME")]], wanted + [[]])
    assert (alarm.precision("NAME"), alarm.documents, alarm.alarms) == (0.5, 0.0, [(1, "NAME", "no")])


def test_a_kind_that_is_confused_still_hides_but_is_not_precise():
    leaks = pii.measure(["no. 123456"], [[pii.Span(4, 10, "MRN")]], [[pii.Span(4, 10, "INN")]])
    assert leaks.recall("INN") == 1.0 and leaks.precision("MRN") == 0.0 and leaks.documents == 0.0


def test_a_linear_layer_learns_and_is_the_same_every_time():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 5)).astype(np.float32)
    y = (x[:, 0] - x[:, 1] > 0.3).astype(np.float32)
    first, again = linear.fit(x, y, 0.1), linear.fit(x, y, 0.1)
    assert np.array_equal(first.weights, again.weights)
    assert ((first.probability(x) > 0.5) == y).mean() > 0.95
    with pytest.raises(ValueError, match="both classes"):
        linear.fit(x, np.ones(200))


def test_a_name_finder_without_training_says_so():
    with pytest.raises(ValueError, match="learnt nothing"):
        pii.NameFinder(None, None).find(["Ann"])
