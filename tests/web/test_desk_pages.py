"""The desk's pages on a real tracker: what is shown to whom, what a form changes, and nothing of a person unasked."""

import re
from collections.abc import Iterator
from html import unescape

import pytest

from tests.tracker.conftest import empty_database, new_world, world
from tests.tracker.world import World
from tests.web.desk_house import DeskHouse
from tracker.domain.cases import Ending, View
from tracker.domain.incidents import IncidentKind
from tracker.domain.notices import NoticeKind
from tracker.domain.roles import Act, may_do
from tracker.domain.rules import IrregularityKind
from tracker.domain.rules.duty import Actor
from tracker.domain.staff import Role
from web.app import live_of
from web.desk import wording

__all__ = ["empty_database", "new_world", "world"]


@pytest.fixture
def house(world: World) -> Iterator[DeskHouse]:
    made = DeskHouse(world)
    yield made
    live_of(made.app).stop()


def text(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def fields(page: str) -> dict[str, str]:
    """What the forms of a case page carry hidden."""
    return dict(re.findall(r'<input type="hidden" name="(owner|ended|key)" value="([^"]*)"', page))


def test_the_queue_shows_what_for_whom_why_now_and_how_long(house: DeskHouse) -> None:
    case = house.missed_connection()
    page = house.client().get("/desk/").text
    assert f'href="{case}"' in page
    said = text(page)
    assert "Missed connection" in said
    assert "SEA-ST → BOS-ST" in said
    assert re.search(r"harm [\d.]+ = promise [\d.]+ × goods [\d.]+ × time [\d.]+", said)
    assert text(house.client().get("/desk/?kind=lost").text).endswith("Nothing needs a person here.")
    assert house.client().get("/desk/?view=;drop&kind=%00&actor=x&incident=x:y&page=-1").status_code == 200


def test_a_case_is_one_screen_and_names_nobody(house: DeskHouse) -> None:
    case = house.missed_connection()
    page = house.client().get(case).text
    said = text(page)
    for shown in ("left Denver hub at", "Plan the next departure with room", "Sorted for the next leg", "dev:h-den#"):
        assert shown in said
    assert "Missed connection waits" in said.replace("  ", " ")
    for personal in ("Ada", "Lovelace", "ada@example.org", "Babbage"):
        assert personal not in page
    assert len(page.encode()) < 120_000


def test_taking_leaving_closing_and_a_second_agent(house: DeskHouse) -> None:
    case = house.missed_connection()
    ann, bob = house.client(Role.SUPPORT), house.client(Role.SUPERVISOR)
    opened = fields(bob.get(case).text)
    assert house.post(ann, case, act="take", **fields(ann.get(case).text)).status_code == 303
    assert "You have it." in ann.get(case).text
    late = house.post(bob, case, act="take", **opened)
    assert late.status_code == 409
    assert "support was quicker" in late.text
    assert "support looking" in text(late.text)
    shown = fields(ann.get(case).text)
    assert house.post(ann, case, act="note", note="they know", key=shown["key"]).status_code == 303
    assert "they know" in bob.get(case).text
    assert house.post(ann, case, act="note", note=" ", key=shown["key"]).status_code == 422
    house.world.clock.instant = house.world.clock.instant.replace(second=30)
    assert house.post(ann, case, act="end", ending="told", **fields(ann.get(case).text)).location == "/desk/"
    assert case not in ann.get("/desk/").text
    assert "The customer knows" in ann.get(case).text
    assert house.post(ann, case, act="reopen", **fields(ann.get(case).text)).location == case
    assert case in ann.get("/desk/").text
    for wrong in ({"act": "x"}, {"act": "end", "ending": "x"}, {"act": "take", "ended": "x"}):
        assert house.post(ann, case, **wrong).status_code == 400
    assert ann.get(f"{case.replace('/case/', '/looking/')}").json == ["supervisor"]


def test_who_works_cases_gets_in_and_nobody_else() -> None:
    assert {role for role in Role if may_do(role, Act.WORK_CASES)} == {
        Role.SUPPORT,
        Role.SUPERVISOR,
        Role.NETWORK_MANAGER,
    }


def test_every_kind_has_its_words() -> None:
    assert set(wording.KINDS) == set(IrregularityKind)
    assert set(wording.ACTORS) == set(Actor)
    assert set(wording.VIEWS) == set(View)
    assert set(wording.ENDINGS) == set(Ending)
    assert set(wording.INCIDENTS) == set(IncidentKind)
    assert set(wording.NOTICES) == set(NoticeKind)
