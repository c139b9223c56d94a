"""What each language says, and how it writes days, hours and places."""

from datetime import UTC, datetime

import pytest

from locales import MissingFactWarning, Words, choose, languages, placeholders, words
from locales.sentences import collect, gaps, python_sentences
from tracker.domain.card import LOCAL_DELIVERY
from tracker.domain.network import Facility
from tracker.domain.why import because

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
UNTIL = AT.replace(hour=18)
LEJ = Facility("LEJ", zone="Europe/Berlin", names={"en": "Leipzig hub", "zh-Hans": "莱比锡枢纽"})
AMS = Facility("AMS", zone="Europe/Amsterdam", names={"en": "Amsterdam"})

EN, ZH = words("en"), words("zh-Hans")


@pytest.mark.parametrize("tag", languages())
def test_every_language_says_every_sentence_with_the_same_facts(tag):
    lacking = [f"{gap.where}: {gap.sentence} ({gap.reason})" for gap in gaps(tag, collect())]
    assert not lacking, "python -m locales lists what to fill in:\n" + "\n".join(lacking)


def test_an_instant_is_written_as_the_language_does():
    assert EN.instant(AT, "UTC") == "Sat 21 Nov, 14:00"
    assert ZH.instant(AT, "UTC") == "11月21日周六 14:00"


def test_a_window_names_its_day_once_and_both_where_it_spans_midnight():
    assert EN.window(AT, UNTIL, "UTC") == "Sat 21 Nov, 14:00–18:00"
    assert ZH.window(AT, UNTIL, "UTC") == "11月21日周六 14:00–18:00"
    assert EN.window(AT, UNTIL, "Asia/Shanghai") == "Sat 21 Nov, 22:00 – Sun 22 Nov, 02:00"
    assert ZH.window(AT, UNTIL, "Asia/Shanghai") == "11月21日周六 22:00 至 11月22日周日 02:00"
    assert EN.window(AT, AT, "UTC") == "Sat 21 Nov, 14:00"


def test_a_zone_nobody_knows_is_utc():
    assert EN.instant(AT, "Mars/Olympus") == EN.instant(AT, "../etc") == "Sat 21 Nov, 14:00"


def test_a_reason_is_told_in_the_local_time_and_names_of_its_place():
    left_behind = "{departure} left {facility} at {left_at} without it: it was still there at {seen_at}."
    why = because(left_behind, {"departure": "LH716/2026-11-21", "facility": "LEJ", "left_at": AT, "seen_at": UNTIL})
    places = {"LEJ": LEJ}
    assert EN.why(why, places) == (
        "LH716 left Leipzig hub at Sat 21 Nov, 15:00 without it: it was still there at Sat 21 Nov, 19:00."
    )
    assert ZH.why(why, places) == ("LH716于11月21日周六 15:00离开莱比锡枢纽，未载运它：11月21日周六 19:00它仍在那里。")


def test_a_place_nobody_described_is_its_code_in_utc():
    why = because("It is held at {facility} since {held_at}.", {"facility": "XXX", "held_at": AT})
    assert EN.why(why, {}) == "It is held at XXX since Sat 21 Nov, 14:00."


def test_a_place_has_its_english_name_where_it_has_no_other():
    assert (ZH.place(LEJ), ZH.place(AMS)) == ("莱比锡枢纽", "Amsterdam")


def test_the_last_place_is_not_named():
    assert EN.place(Facility(LOCAL_DELIVERY, country="NL")) == "local delivery"
    assert ZH.place(Facility(LOCAL_DELIVERY, country="NL")) == "派送地"


def test_a_fact_is_filled_in_as_it_stands():
    assert EN.say("Hello {name},", name="{name} {0} {x.__class__}") == "Hello {name} {0} {x.__class__},"


def test_a_missing_fact_warns_and_never_raises():
    with pytest.warns(MissingFactWarning, match="name"):
        assert EN.say("Hello {name},") == "Hello {name},"


def test_a_translation_that_asks_for_more_gives_way_to_the_english():
    wrong = Words("xx", {"Hello {name},": "{nom} {name}"}, "fr")
    with pytest.warns(MissingFactWarning):
        assert wrong.say("Hello {name},", name="Ada") == "Hello Ada,"


def test_what_has_no_translation_is_said_in_english():
    assert ZH.say("No such sentence.") == "No such sentence."
    assert not ZH.knows("No such sentence.")


@pytest.mark.parametrize(
    ("accepted", "tag"),
    [
        (["zh"], "zh-Hans"),
        (["zh-CN"], "zh-Hans"),
        (["zh_Hans_CN"], "zh-Hans"),
        (["zh-SG"], "zh-Hans"),
        (["zh-TW"], "en"),
        (["en-GB"], "en"),
        (["de", "zh"], "zh-Hans"),
        (["fr-FR,fr;q=0.9,zh;q=0.5,en;q=0.3"], "zh-Hans"),
        (["en;q=0.3,zh;q=0.5"], "zh-Hans"),
        (["zh;q=0,en"], "en"),
        (["tlh"], "en"),
        (["*"], "en"),
        (["", ";;;,,q=", "zh;q=x"], "en"),
        ([], "en"),
    ],
)
def test_the_language_is_the_best_we_have(accepted, tag):
    assert choose(accepted) == tag


def test_a_language_without_a_file_is_english():
    assert words("tlh").tag == "en"


def test_sentences_are_found_where_they_are_said():
    source = 'HELD = "It is held."\nbecause(HELD)\nwords.say("Hello {name},", name=n)\nsentence("Later")\nsay(unknown)'
    assert [text for _, text in python_sentences(source)] == ["It is held.", "Hello {name},", "Later"]


def test_the_reasons_of_every_rule_are_collected():
    said = collect()
    assert "It was handed over at {delivered_at}." in said
    assert "Your parcel missed its connection" in said
    assert placeholders("{a_b} {C} {}") == {"a_b"}
