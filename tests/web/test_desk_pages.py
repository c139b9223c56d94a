"""The desk's pages on a real tracker: what is shown to whom, what a form changes, and nothing of a person unasked."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient

from tests.tracker.conftest import empty_database, new_world, world
from tests.tracker.test_gaps import incidents, loses, minutes_pass
from tests.tracker.test_project import DEPARTED, tell
from tests.tracker.world import BAG_TAG, FEEDER, ONWARD, World, at
from tests.web.desk_house import AGENTS, DeskHouse
from tracker.domain.cases import Ending, View
from tracker.domain.handling import Kind
from tracker.domain.incidents import IncidentKind
from tracker.domain.notices import NoticeKind
from tracker.domain.roles import Act, may_do
from tracker.domain.rules import IrregularityKind
from tracker.domain.rules.duty import Actor
from tracker.domain.staff import Role
from web.app import live_of
from web.desk import wording
from web.desk.acts import OFFERS
from web.desk.macros import DECIDES, MACROS, SAYS, Step

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
    assert "Nothing needs a person here." in house.client().get("/desk/?kind=lost").text
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


def decide(house: DeskHouse, client: FlaskClient, case: str, **said: str):  # type: ignore[no-untyped-def]
    """Sends the form as the page shows it now."""
    shown = dict(re.findall(r'<input type="hidden" name="(key|upto)" value="([^"]*)"', client.get(case).text))
    return house.post(client, case.replace("/case/", "/decide/", 1), **shown | said)


def kinds(house: DeskHouse, case: str) -> list[tuple[str, bool]]:
    """What the desk decided about the piece of a case, and whether it is withdrawn."""
    card = house.world.queries.card(case.split("/")[3])
    assert card is not None
    return [(each.kind, each.withdrawn) for each in card.entries if each.role is not None]


def test_the_usual_remedy_is_one_form_and_its_message_waits_until_it_cannot_be_undone(house: DeskHouse) -> None:
    case, client, world = house.missed_connection(), house.client(), house.world
    page = text(client.get(case).text)
    assert "It goes before others wherever room is short. It stays on the way it is planned on." in page
    done = decide(house, client, case, macro="apologise_and_plan")
    assert done.status_code == 303
    world.fold()
    assert kinds(house, case) == [(Kind.EXPEDITE, False), (Kind.APOLOGY, False)]
    shown = text(client.get(done.location).text)
    assert "Done: Goes before others · We wrote that we are sorry" in shown
    assert "You have it." in shown
    now = world.clock.now()
    apologies = [n for n in world.news() if n.kind is NoticeKind.APOLOGY]
    assert [(n.recipient.name, n.why.values["departure"]) for n in apologies] == [("Ada Lovelace", ONWARD)]
    waiting = {n.kind for n in world.outbox.unplanned(by=now + timedelta(seconds=9))}
    assert NoticeKind.APOLOGY not in waiting
    assert NoticeKind.APOLOGY in {n.kind for n in world.outbox.unplanned(by=now + timedelta(seconds=10))}


def test_an_undo_writes_withdrawing_facts_and_nobody_hears_of_what_was_undone(house: DeskHouse) -> None:
    case, client, world = house.missed_connection(), house.client(), house.world
    done = decide(house, client, case, macro="apologise_and_plan")
    world.fold()
    (owed,) = [n for n in world.news() if n.kind is NoticeKind.APOLOGY]
    key = done.location.partition("done=")[2]
    other = house.post(house.client(Role.SUPERVISOR), case.replace("/case/", "/undo/", 1), key=key)
    assert other.status_code == 303  # and nothing of support's was undone
    undone = house.post(client, case.replace("/case/", "/undo/", 1), key=key)
    world.fold()
    assert kinds(house, case) == [
        (Kind.EXPEDITE, True),
        (Kind.APOLOGY, True),
        (Kind.VOID, False),
        (Kind.VOID, False),
    ]
    assert "Undone." in client.get(undone.location).text
    assert world.outbox.verdict(owed.id, world.clock.now()) == "overtaken"
    again = decide(house, client, case, act="expedite", reason="asked")
    world.clock.instant += timedelta(seconds=11)
    late = house.post(client, case.replace("/case/", "/undo/", 1), key=again.location.partition("done=")[2])
    assert (late.status_code, "cannot be undone any more" in late.text) == (409, True)


def test_of_two_who_decide_at_once_the_second_sees_both(house: DeskHouse) -> None:
    case = house.missed_connection()
    ann, bob = house.client(), house.client(Role.SUPERVISOR)
    opened = dict(re.findall(r'<input type="hidden" name="(key|upto)" value="([^"]*)"', bob.get(case).text))
    decide(house, ann, case, act="hold", held_for="damage", reason="it leaks")
    house.world.fold()
    late = house.post(bob, case.replace("/case/", "/decide/", 1), **opened, act="expedite", reason="a violin")
    assert late.status_code == 409
    assert "Somebody decided about this piece" in late.text
    assert "it leaks" in late.text
    assert kinds(house, case) == [(Kind.HOLD, False)]


def test_a_form_sent_twice_decides_once_and_a_refusal_says_why(house: DeskHouse) -> None:
    case, client = house.missed_connection(), house.client()
    shown = dict(re.findall(r'<input type="hidden" name="(key|upto)" value="([^"]*)"', client.get(case).text))
    path = case.replace("/case/", "/decide/", 1)
    for _ in range(2):
        assert house.post(client, path, **shown, act="expedite", reason="asked").status_code == 303
    assert kinds(house, case) == [(Kind.EXPEDITE, False)]
    for said, says in (
        ({"act": "reroute", "reason": "r", "legs": "AS99/2026-11-21"}, "no departure"),
        ({"act": "hold", "reason": " "}, "say why"),
        ({"act": "withdraw", "reason": "r", "scan": "dev:x#1"}, "ask a supervisor"),
        ({"act": "apologise", "reason": "r" * 301}, "300 characters"),
    ):
        refused = decide(house, client, case, **said)
        assert (refused.status_code, says in unescape(refused.text)) == (422, True), said
    for wrong in ({"act": "x"}, {"macro": "x"}, {"key": "x", "act": "hold"}, {"upto": "x", "act": "hold"}):
        assert decide(house, client, case, **wrong).status_code == 400


def test_each_role_is_offered_what_it_may_decide(house: DeskHouse) -> None:
    case = house.missed_connection()
    offered = {
        role: set(re.findall(r'name="act" value="(\w+)" class="small">', house.client(role).get(case).text))
        for role in AGENTS
    }
    works = {"take", "note", "end"}
    assert offered[Role.SUPPORT] - works == {"reroute", "expedite", "hold", "address", "apologise"}
    assert offered[Role.SUPERVISOR] - offered[Role.SUPPORT] == {"withdraw", "lost"}
    assert offered[Role.NETWORK_MANAGER] - works == {"reroute", "expedite"}


def test_macros_name_what_can_be_decided_and_every_step_has_its_words() -> None:
    assert set(DECIDES) == set(SAYS) == set(Step)
    assert {step.value for step in Step} - {"take_plan"} <= {offer.name for offer in OFFERS}
    for macro in MACROS:
        assert macro.kinds <= set(IrregularityKind)
        assert macro.steps


def test_a_caller_is_found_without_a_name_on_the_page_until_there_is_a_reason(house: DeskHouse) -> None:
    case, client = house.missed_connection(), house.client()
    number = case.split("/")[3]
    page = house.post(client, "/desk/find", said="lovelace").text
    assert number in page
    assert "name agrees" in page
    assert f'href="{case}"' in page
    assert "Ada" not in page
    assert "0 found" in house.post(client, "/desk/find", said="Nobody").text
    assert client.get("/desk/find?said=lovelace").text.count(number) == 0  # nothing personal in an address
    path = f"/desk/contacts/{number}"
    assert house.post(client, path, reason=" ").status_code == 422
    opened = house.post(client, path, reason="she calls")
    assert "Ada Lovelace" in opened.text
    assert "ada@example.org" in opened.text
    assert house.audit.newest(1)[0]["object"] == f"piece {number}"
    assert house.post(client, "/desk/contacts/none", reason="r").status_code == 404
    nora = house.client(Role.NETWORK_MANAGER)
    assert house.post(nora, path, reason="curious").status_code == 403
    assert "/desk/contacts/" not in nora.get(case).text


def test_no_english_stays_on_a_chinese_page(house: DeskHouse) -> None:
    case, client = house.missed_connection(), house.client(Role.SUPERVISOR)
    for path in ("/desk/", case, f"{case}?as_of=2026-11-21T19:30", "/desk/find", "/desk/gaps"):
        page = client.get(path, headers={"Accept-Language": "zh-Hans"}).text
        visible = re.sub(r"<(script|svg|style|code|kbd)\b.*?</\1>|<[^>]+>|dev:[^<]*|api:[^<]*", " ", page, flags=re.S)
        found = set(re.findall(r"[A-Za-z][a-z]{2,}", visible)) - {"Lastscan", "English", "supervisor"}
        assert found <= {"Seattle", "Denver", "Boston", "station", "hub"}  # places that have no Chinese name


def test_a_gap_is_read_and_written_off_with_a_reason_that_the_audit_keeps(house: DeskHouse) -> None:
    world, client = house.world, house.client()
    device = world.device()
    world.hears(device.says(device.scans(*loses(device, 3, 4, of=6))))
    minutes_pass(world, 16, device)
    world.hears(device.says(b"nonsense"))
    page = text(client.get("/desk/gaps").text)
    assert "h-sea-st sea-st · 2 scans lack · asked for again and again" in page
    assert "Put aside lastscan/v1/sea-st/h-sea-st/up" in page
    (gap,) = incidents(world)
    path = f"/desk/gaps/{gap.id}/close"
    assert house.post(client, path, reason=" ").status_code == 422
    assert house.post(client, path, reason="the device burnt").status_code == 303
    assert incidents(world) == []
    assert house.post(client, path, reason="twice").status_code == 422
    (row,) = house.audit.newest(1)
    assert (row["object"], row["who"], row["reason"]) == (f"CloseGap {gap.id}", "support", "the device burnt")


def test_a_past_moment_shows_what_was_known_and_told_then_and_can_only_be_read(house: DeskHouse) -> None:
    case, client = house.missed_connection(), house.client()
    now = text(client.get(case).text)
    assert "Missed connection waits" in now
    then = client.get(f"{case}?as_of=2026-11-21T19:30").text  # on the ground in Denver, half an hour before it left
    assert "left Denver hub at" not in then
    assert "Missed connection" not in text(then)
    assert "Handed to us waits" in text(then)
    main = then[then.index('<main id="main"') : then.index("<dialog")]
    assert "<form" not in main
    assert client.get(f"{case}?as_of=2026-11-01T00:00").status_code == 404
    assert client.get(f"{case}?as_of=x").status_code == 400
    assert client.get(f"{case}?as_of=0001-01-01T00:00%2B14:00").status_code in (400, 404)


def test_all_cases_beneath_an_incident_are_taken_by_one_form(house: DeskHouse) -> None:
    world = house.world.with_network()
    bags = [world.books_bag(tag) for tag in (BAG_TAG, "0220123457")]
    tell(world, [*((bag, Kind.LOAD, "sea", 3.5, {"into": FEEDER}) for bag in bags), *DEPARTED[2:5]])
    tell(world, [(bag, Kind.SORT, "den", 9.0, {}) for bag in bags])
    world.clock.instant = at(9)
    world.fold()
    client = house.client()
    (incident,) = world.queries.incidents()
    called = f"{incident.kind.value}:{incident.root}"
    page = client.get("/desk/", query_string={"incident": called}).text
    assert page.count("data-case") == 2
    assert "data-case" not in client.get("/desk/").text
    assert house.post(client, "/desk/take-all", incident=called).location == "/desk/?view=mine"
    assert client.get("/desk/?view=mine").text.count("data-case") == 2
    assert house.post(client, "/desk/take-all", incident="x:y").status_code == 303
