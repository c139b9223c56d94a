"""Every carrier's number is read under its own scheme, by the number its customer knows, and never chosen silently."""

import random
import string
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.carriers_numbers import INVALID, VALID
from tests.domain.laws import trade
from tracker.domain.errors import UnreadableLabelError
from tracker.domain.ids import MATCHING, Candidate, Context, aliases_in, identify, is_ambiguous, readings
from tracker.domain.ids.checks import doubled_mod10, gs1_mod10, luhn, mod7, mod37_36, weighted_mod11
from tracker.domain.ids.gs1 import elements, epc_uri, sscc_of_epc
from tracker.domain.ids.posts import POSTS, POSTS_NOT_LISTED
from tracker.domain.ids.s10 import check_digit
from tracker.domain.ids.table import SCHEMES

DIGITS = string.digits
SIGNS = string.digits + string.ascii_uppercase

valid = [(scheme, number) for scheme, numbers in VALID.items() for number in numbers]
invalid = [(scheme, number) for scheme, numbers in INVALID.items() for number in numbers]


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=count, max_size=count)


def schemes(candidates: tuple[Candidate, ...]) -> list[str]:
    return [candidate.scheme for candidate in candidates]


def read_as(code: str, scheme: str, *, context: Context = MATCHING) -> Candidate | None:
    return next((one for one in identify(code, context=context) if one.scheme == scheme), None)


# --- the numbers of others ---


def test_there_are_as_many_numbers_as_their_origin_says() -> None:
    assert (len(valid), len(invalid)) == (104, 56)


@pytest.mark.parametrize(("scheme", "number"), valid)
def test_a_carriers_number_is_read_under_its_scheme(scheme: str, number: str) -> None:
    candidates = identify(number)
    found = next(candidate for candidate in candidates if candidate.scheme == scheme)
    assert found.valid
    assert found.why
    assert found == candidates[0] or found.ambiguous  # it is the best, or the code is said to be undecided


@pytest.mark.parametrize(("scheme", "number"), invalid)
def test_a_number_that_is_not_the_carriers_is_not_read_under_its_scheme(scheme: str, number: str) -> None:
    assert scheme not in schemes(identify(number))


# --- check digits, by hand ---


@pytest.mark.parametrize(
    ("protected", "digit", "check"),
    [
        ("34012345123456789", "5", gs1_mod10),
        ("10614141123456789", "7", gs1_mod10),
        ("940011120620640626078", "7", gs1_mod10),
        ("920019013260760083345", "7", gs1_mod10),
        ("0307179000052348374", "1", gs1_mod10),
        ("7196901075600307738", "3", gs1_mod10),
        ("917196901075600307738", "5", gs1_mod10),
        ("04144176022896", "4", gs1_mod10),
        ("98765431234567", "2", gs1_mod10),
        ("961102098765431234567", "3", gs1_mod10),
        ("5R8939035756712", "7", doubled_mod10),
        ("150623562", "0", doubled_mod10),
        ("331881002", "5", mod7),
        ("848713550", "6", mod7),
        ("7992739871", "3", luhn),
        ("09980000020033", "F", mod37_36),
        ("008182709980000020033350276", "C", mod37_36),
    ],
)
def test_check_digits_worked_by_hand(protected: str, digit: str, check) -> None:  # type: ignore[no-untyped-def]
    assert check(protected) == digit


@pytest.mark.parametrize(
    ("protected", "weights", "digit"),
    [
        ("98657878885", (3, 1, 7), "5"),
        ("78491758028", (3, 1, 7), "6"),
        ("0077901797269", (1, 7, 3), "7"),
        ("0077663251751", (1, 7, 3), "0"),
    ],
)
def test_check_digits_of_fedex(protected: str, weights: tuple[int, ...], digit: str) -> None:
    assert weighted_mod11(protected, weights) == digit


def test_letters_of_ups_count_by_their_place_in_ascii() -> None:
    assert [doubled_mod10(letter) for letter in "AHI"] == ["8", "1", "0"]  # A 2, H 9, I 0; what is missing to ten


_MADE = {
    "s10": lambda body: f"RB{body[:8]}{check_digit(body[:8])}GB",
    "sscc": lambda body: f"00{body[:17]}{gs1_mod10(body[:17])}",
    "impb": lambda body: (head := f"9400{body[:17]}") + gs1_mod10(head),
    "ups1z": lambda body: f"1Z{body[:15]}{doubled_mod10(body[:15])}",
    "fedex12": lambda body: (head := "9" + body[:10]) + weighted_mod11(head, (3, 1, 7)),
    "fedex15": lambda body: body[:14] + gs1_mod10(body[:14]),
    "dhl10": lambda body: (head := "3" + body[:8]) + mod7(head),
    "dpd14": lambda body: body[:14] + mod37_36(body[:14]),
    "canada_post16": lambda body: (head := "4" + body[:14]) + gs1_mod10(head),
    "ontrac": lambda body: (head := "C" + body[:13]) + doubled_mod10(head),
    "old_dominion": lambda body: (head := "777" + body[:7]) + luhn(head),
}
"""A number of each scheme from 20 digits."""


@pytest.mark.parametrize("scheme", _MADE)
@given(digits(20))
@trade
def test_a_number_with_its_check_digit_is_read(scheme: str, body: str) -> None:
    if body.strip("0"):
        assert read_as(_MADE[scheme](body), scheme) is not None


def share_caught(scheme: str, slip, tries: int = 4000) -> float:  # type: ignore[no-untyped-def]
    rng = random.Random(4711)
    caught = 0
    for _ in range(tries):
        number = _MADE[scheme]("".join(rng.choices(DIGITS, k=20)))
        wrong = slip(rng, number)
        caught += read_as(wrong, scheme) is None
    return caught / tries


def one_wrong_digit(rng: random.Random, number: str) -> str:
    at = rng.choice([at for at in range(2, len(number)) if number[at].isdigit()])
    return number[:at] + rng.choice(DIGITS.replace(number[at], "")) + number[at + 1 :]


def neighbours_swapped(rng: random.Random, number: str) -> str:
    swaps = [n for n in range(2, len(number) - 1) if number[n] != number[n + 1] and number[n : n + 2].isdigit()]
    at = rng.choice(swaps)
    return number[:at] + number[at + 1] + number[at] + number[at + 2 :]


@pytest.mark.parametrize(
    ("scheme", "wrong", "swapped"),
    [
        ("s10", 0.986, 0.980),
        ("sscc", 1.0, 0.888),
        ("impb", 1.0, 0.888),
        ("ups1z", 0.952, 0.935),
        ("fedex12", 0.983, 0.982),
        ("dhl10", 0.940, 0.941),
    ],
)
def test_a_slip_is_caught_as_often_as_documented(scheme: str, wrong: float, swapped: float) -> None:
    assert share_caught(scheme, one_wrong_digit) == pytest.approx(wrong, abs=0.02)
    assert share_caught(scheme, neighbours_swapped) == pytest.approx(swapped, abs=0.02)


def test_no_slip_shows_in_a_bag_tag() -> None:
    assert all(read_as(f"022045{n:04d}", "lpn") for n in range(100))


# --- countries ---


def test_the_table_of_posts_is_the_public_one() -> None:
    assert len(POSTS) == 191
    assert not POSTS.keys() & POSTS_NOT_LISTED.keys()
    assert all(len(code) == 2 and code.isupper() for code in (*POSTS, *POSTS_NOT_LISTED))


def test_an_s10_number_needs_a_post() -> None:
    assert schemes(identify("LS123456785NL")) == ["s10"]
    assert identify("RB123456785XX") == ()


def test_numbers_of_the_sandbox_pass_only_where_the_sandbox_is_asked_for() -> None:
    assert identify("LS123456785ZZ") == ()
    (candidate,) = identify("LS123456785ZZ", context=Context(carriers=frozenset({"sandbox"})))
    assert (candidate.scheme, candidate.carrier) == ("s10", "sandbox")


@pytest.mark.parametrize(
    ("number", "carrier"),
    [("RB123456785GB", "royal_mail"), ("RB123456785US", "usps"), ("RB123456785CA", "canada_post"),
     ("RB123456785CN", "post_cn"), ("LS123456785NL", "post_nl")],
)  # fmt: skip
def test_an_s10_number_says_whose_it_is(number: str, carrier: str) -> None:
    assert identify(number)[0].carrier == carrier


# --- the number the customer knows ---


@pytest.mark.parametrize(
    ("long", "short", "known_as"),
    [
        ("1001921334250001000300779017972697", "779017972697", ("fedex12", "779017972697")),
        ("9622001900000000000000776632517510", "776632517510", ("fedex12", "776632517510")),
        ("32971514560102447849175802862014", "784917580286", ("fedex12", "784917580286")),
        ("9611020987654312345672", "987654312345672", ("fedex15", "987654312345672")),
        ("1195266473930007521100871079919940", "871079919940", ("fedex12", "871079919940")),
        ("420787459400111206206406260787", "9400111206206406260787", ("impb", "9400111206206406260787")),
        ("4201002334249200190132607600833457", "9200190132607600833457", ("impb", "9200190132607600833457")),
        ("420221539101026837331000039521", "9101026837331000039521", ("usps20", "01026837331000039521")),
        ("00340123451234567895", "340123451234567895", ("sscc", "340123451234567895")),
        ("008182709980000020033350276C", "09980000020033F", ("dpd14", "09980000020033F")),
    ],
)
def test_a_long_barcode_gives_the_number_the_customer_knows(long: str, short: str, known_as: tuple[str, str]) -> None:
    best = identify(long)[0]
    assert best.number == short
    assert known_as in best.aliases
    assert (best.scheme, long) in best.aliases
    assert any(known_as in candidate.aliases for candidate in identify(short))  # and that one is found again by itself


@given(digits(13), digits(20))
@trade
def test_fedex_labels_give_fourteen_digits_where_no_noughts_lead(serial: str, rest: str) -> None:
    number = serial + weighted_mod11(serial, (1, 7, 3))
    found = read_as("1" + rest[1:] + number, "fedex34")
    assert found is not None
    assert found.number == (number[2:] if number.startswith("00") else number)
    scheme, short = found.aliases[0]
    if short.strip("0"):
        assert read_as(short, scheme) is not None  # the short number keeps its check digit


def test_with_and_without_91_a_number_is_the_same_piece() -> None:
    bare, behind_91 = identify("7196 9010 7560 0307 7385")[0], identify("9171969010756003077385")[0]
    assert set(bare.aliases) == set(behind_91.aliases)


# --- what looks like what ---


def sscc_with_noughts(rng: random.Random) -> str:
    body = "".join(rng.choices(DIGITS, k=17))
    return f"00{body}{gs1_mod10(body)}"


def test_twenty_digits_that_begin_with_two_noughts_are_an_sscc_first() -> None:
    rng = random.Random(1)
    for _ in range(200):
        candidates = identify(sscc_with_noughts(rng))
        assert schemes(candidates)[:2] == ["sscc", "usps20"]  # every one passes as both: the noughts add nothing
        assert not is_ambiguous(candidates)


def test_thirty_four_digits_that_begin_with_420_are_of_usps_first() -> None:
    candidates = identify("4201028200009261290113185417468510")
    assert schemes(candidates) == ["impb", "fedex34"]
    assert candidates[0].number == "9261290113185417468510"
    assert not is_ambiguous(candidates)


@pytest.mark.parametrize(
    ("code", "either"),
    [
        ("0220456784", ["dhl10", "lpn"]),
        ("287809468872", ["fedex12", "purolator12"]),
        ("JFV247545960", ["purolator_alpha", "dhl_piece"]),
        ("JJD0002257639032011", ["yodel", "dhl_piece"]),
    ],
)
def test_what_only_the_strength_of_a_check_tells_apart_is_ambiguous(code: str, either: list[str]) -> None:
    candidates = identify(code)
    assert [candidate.scheme for candidate in candidates if candidate.ambiguous] == either
    assert is_ambiguous(candidates)
    for one in candidates[:2]:  # until somebody who knows says so
        assert one.carrier is not None
        for context in (Context(pinned=one.carrier), Context(carriers=frozenset({one.carrier}))):
            decided = identify(code, context=context)
            assert decided[0].scheme == one.scheme
            assert not is_ambiguous(decided)
            assert len(decided) == len(candidates)  # nothing is taken away


def test_a_prefix_outweighs_bare_digits() -> None:
    both = [c for n in range(2000) for c in [identify(f"777{n:07d}" + luhn(f"777{n:07d}"))] if len(c) > 1]
    assert both
    assert all(schemes(c)[:2] == ["old_dominion", "dhl10"] and not is_ambiguous(c) for c in both)


def test_a_number_of_a_post_outweighs_what_fits_nearly_anything() -> None:
    candidates = identify("LX123456785CN")
    assert schemes(candidates) == ["s10", "dhl_ecommerce"]
    assert not is_ambiguous(candidates)


def test_a_shape_without_a_check_says_so() -> None:
    shapes = [c for _, number in valid for c in identify(number) if c.scheme in ("lpn", "amazon", "dhl_ecommerce14")]
    assert shapes
    assert all("shape only" in candidate.why for candidate in shapes)


def test_one_random_number_in_ten_passes_a_check_digit() -> None:
    rng = random.Random(4711)
    passed = sum(read_as("9" + "".join(rng.choices(DIGITS, k=11)), "fedex12") is not None for _ in range(4000))
    assert passed / 4000 == pytest.approx(0.098, abs=0.02)


# --- what is known on the spot ---


@pytest.mark.parametrize(
    ("code", "symbology"), [("0220456784", "itf"), ("]I00220456784", None), ("]I00220456784", "qr")]
)
def test_ten_digits_from_the_bars_of_a_bag_tag_are_a_bag(code: str, symbology: str | None) -> None:
    candidates = identify(code, symbology)
    assert schemes(candidates) == ["lpn", "dhl10"]
    assert not is_ambiguous(candidates)


def test_what_is_expected_comes_first() -> None:
    candidates = identify("0220456784", context=Context(expected=frozenset({"0220456784"})))
    assert is_ambiguous(candidates)  # both are on the list then: the list names a number, not a carrier
    long = "4201028200009261290113185417468510"
    expected = Context(expected=frozenset({"13185417468510"}))
    assert identify(long, context=expected)[0].scheme == "fedex34"


def test_a_typed_bag_tag_needs_a_second_key_unless_it_is_expected() -> None:
    (typed,) = identify("0220456789", "keyed")
    assert typed.confirm
    assert "confirm by name or flight" in typed.why
    (expected,) = identify("0220456789", "keyed", Context(expected=frozenset({"0220456789"})))
    assert not expected.confirm
    (scanned,) = identify("0220456789", "itf")
    assert not scanned.confirm


def test_digits_of_carriers_whose_form_nobody_published_are_read_only_where_they_are_named() -> None:
    assert "gls" not in schemes(identify("12345678901"))
    assert "gls" in schemes(identify("12345678901", context=Context(carriers=frozenset({"gls"}))))
    assert schemes(identify("123456789012", context=Context(pinned="zto")))[0] == "zto"


def test_an_unverified_form_never_contends_with_a_better_one() -> None:
    candidates = identify("JDVA00123456789")
    assert schemes(candidates) == ["dhl_piece", "jd"]
    assert not is_ambiguous(candidates)


# --- GS1 element strings ---


@pytest.mark.parametrize(
    "code",
    [
        "(420)94105(94)00111206206406260787",
        "42094105\x1d9400111206206406260787",
        "]C142094105\x1d9400111206206406260787",
    ],
)
def test_an_element_string_is_split_at_its_separators(code: str) -> None:
    best = identify(code)[0]
    assert (best.scheme, best.number) == ("impb", "9400111206206406260787")


@pytest.mark.parametrize(
    "code",
    ["]C100340123451234567895", "(00) 3 4012345 123456789 5", "(00)340123451234567895(401)WAYBILL7",
     "]C100340123451234567895401WAYBILL7", "]C1401WAYBILL7\x1d00340123451234567895", "00340123451234567895"],
)  # fmt: skip
def test_a_container_code_is_found_among_other_elements(code: str) -> None:
    assert identify(code)[0].number in ("340123451234567895", "WAYBILL7")
    assert read_as(code, "sscc") is not None


def test_a_waybill_counts_only_behind_its_identifier() -> None:
    assert read_as("(401)WAYBILL7", "gs1_consignment") is not None
    assert read_as("(402)12345678901234560", "gs1_shipment") is not None
    assert read_as("(402)12345678901234561", "gs1_shipment") is None
    assert read_as("40212345678901234560", "gs1_shipment") is None


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("00340123451234567895", (("00", "340123451234567895"),)),
        ("42094105\x1d9400111206206406260787", (("420", "94105"), ("94", "00111206206406260787"))),
        ("\x1d401ABC\x1d", (("401", "ABC"),)),
        ("(421)27694105(10)A", (("421", "27694105"), ("10", "A"))),
        ("", ()),
    ],
)
def test_elements_are_identifiers_and_their_data(text: str, split: tuple[tuple[str, str], ...]) -> None:
    assert elements(text) == split


@pytest.mark.parametrize(
    "text", ["0034", "89123", "401", "(00)12", "(00", "()1", "(5555)1", "x", "(00)340123451234567895x("]
)
def test_a_broken_element_string_is_refused(text: str) -> None:
    with pytest.raises(UnreadableLabelError):
        elements(text)


@pytest.mark.parametrize("uri", ["https://id.gs1.org/00/106141412345678908", "urn:epc:id:sscc:0614141.1234567890"])
def test_a_container_code_is_read_from_both_its_uris(uri: str) -> None:
    assert sscc_of_epc(uri) == "106141412345678908"
    assert identify(uri)[0].number == "106141412345678908"


def test_a_container_code_is_written_as_its_web_uri() -> None:
    assert epc_uri("106141412345678908") == "https://id.gs1.org/00/106141412345678908"
    assert sscc_of_epc("urn:epc:id:sscc:0614141.123456789") is None


# --- any text at all ---


_OURS = (
    st.from_regex(r"[A-Z]{2}[0-9]{9}[A-Z]{2}", fullmatch=True)
    | digits(10)
    | st.from_regex(r" ?[A-Z]{2}[0-9]{1,4}/2026-1[0-9]-[0-3][0-9]", fullmatch=True)
    | st.text(max_size=40)
)


@given(_OURS | st.builds("".join, st.tuples(st.sampled_from(["]C0", "]I0", "]d1", "]"]), _OURS)))
@trade
def test_what_we_print_is_matched_as_what_we_print(text: str) -> None:
    ours = {(candidate.scheme, candidate.number) for candidate in readings(text)}
    assert ours <= {alias for candidate in identify(text, context=MATCHING) for alias in candidate.aliases}


@given(digits(8), st.text(string.ascii_uppercase, min_size=2, max_size=2))
@trade
def test_a_number_booked_under_any_country_is_matched(serial: str, country: str) -> None:
    number = f"LS{serial}{check_digit(serial)}{country}"
    assert read_as(number, "s10") is not None


@given(st.text(max_size=250) | st.text(SIGNS + " -()]\x1d/", max_size=60))
@trade
def test_any_text_has_readings_or_none_and_each_number_is_read_again(text: str) -> None:
    for context in (Context(), MATCHING):
        for candidate in identify(text, context=context):
            assert candidate.number
            assert candidate.aliases
            if candidate.scheme.startswith("gs1_"):
                continue  # a number only behind its identifier
            again = [alias for found in identify(candidate.number, context=MATCHING) for alias in found.aliases]
            assert set(again) & set(candidate.aliases)


@given(
    _OURS | st.text(SIGNS + " -()]\x1d/", max_size=60) | digits(12) | digits(20) | digits(22),
    st.sampled_from([None, "itf", "gs1-128", "keyed"]),
)
@trade
def test_a_scan_is_looked_up_under_all_that_it_may_be_read_as(text: str, symbology: str | None) -> None:
    found = {alias for candidate in identify(text, symbology, MATCHING) for alias in candidate.aliases}
    assert set(aliases_in(text, symbology)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-",
        "]",
        "]C1",
        "0" * 12,
        "0" * 34,
        "hello",
        "RB123456785GB\0",
        "1Z5R8939035756712７",
        "９" * 12,
        "(" * 90,
    ],
)
def test_junk_is_nobodys_number(text: str) -> None:
    assert identify(text) == ()


def test_the_same_code_is_read_alike_however_it_is_typed() -> None:
    assert identify(" 1 z 5r8-939 03 5756 7127 ") == identify("1Z5R89390357567127")


def cpu(work) -> float:  # type: ignore[no-untyped-def]
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def yardstick() -> None:
    """About a millisecond of plain work on the machine of the day."""
    total = 0
    for n in range(20_000):
        total += n * n % 7


@pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer slows everything, and not alike")
def test_a_number_takes_less_than_a_millisecond() -> None:
    every = [number for _, number in valid + invalid]

    def all_of_them() -> None:
        for number in every:
            identify(number, context=MATCHING)

    assert cpu(all_of_them) / len(every) < cpu(yardstick)


@pytest.mark.parametrize(
    "part", ["9", "(00)", "]C1", "\x1d", "JD", "a", " ", "-", "9 ", "٣", "(401)A", "urn:epc:id:sscc:"]
)
def test_a_hundred_kilobytes_are_refused_at_once(part: str) -> None:
    hostile = part * (100_000 // len(part))
    assert identify(hostile) == ()
    assert cpu(lambda: identify(hostile)) < cpu(yardstick)
    assert cpu(lambda: identify(hostile[:200], "gs1-128", MATCHING)) < 3 * cpu(yardstick)


def test_every_scheme_has_a_line_in_the_document() -> None:
    from pathlib import Path

    told = (Path(__file__).parents[2] / "docs" / "numbers.md").read_text(encoding="utf-8")
    assert [scheme.name for scheme in SCHEMES if f"`{scheme.name}`" not in told] == []
