"""*Notify me*: an address is given on the page of a piece, and says yes by the link it was sent."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.tracker.world import World, new_database
from tracker.domain.follows import groups
from tracker.domain.notices import NoticeKind
from tracker.follows import Followers
from web.app import WebSettings, create_app, live_of

EVE = "eve@example.org"


class House(World):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.with_network()
        self.followers = Followers(self.store, self.clock, key=b"0" * 32)
        self.number = self.books_parcel()
        self.fold()

    @property
    def form(self) -> str:
        return f"/t/{self.number}/notify"

    def questions(self) -> list[str]:
        """The pseudonyms of who is asked."""
        owed = self.outbox.unplanned(1000)
        return [one.recipient.person for one in owed if one.kind is NoticeKind.CONFIRM_CONTACT]

    @property
    def link(self) -> str:
        return f"/c/{self.followers.link(self.questions()[-1])}"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(new_database(tmp_path / "lastscan.db"))
    yield house
    house.close()


@pytest.fixture
def client(house: House) -> Iterator[FlaskClient]:
    settings = WebSettings(lookups_per_minute=None, wrong_passwords_per_minute=4)
    app = create_app(house.queries, house.bookings, clock=house.clock, followers=house.followers, settings=settings)
    yield app.test_client()
    live_of(app).stop()


def send(client: FlaskClient, page: str, **said: str | list[str]) -> tuple[int, str]:
    """Fills in the form of a page and sends it, as its button does."""
    token = re.search(r'name="form" value="([0-9a-f]+)"', client.get(page).text)
    assert token is not None
    answer = client.post(page, data={"form": token[1], **said})
    return answer.status_code, answer.text


def follows(house: House) -> list[bool]:
    return [one.confirmed for one in house.followers.asked(house.link.removeprefix("/c/")) or []]


def test_from_the_page_of_a_piece_to_the_yes(client: FlaskClient, house: House) -> None:
    assert f'href="{house.form}"' in client.get(f"/t/{house.number}").text
    status, shown = send(client, house.form, email=EVE, on=[*groups()])
    assert (status, "Look into your mail" in shown) == (200, True)
    assert EVE not in shown
    asked = client.get(house.link).text
    assert "Nothing is sent before you say yes." in asked
    assert EVE not in asked
    assert follows(house) == [False]  # a look changes nothing
    status, shown = send(client, house.link, piece=f"{house.number}/1", yes="yes")
    assert (status, "You hear of these" in shown) == (200, True)
    assert follows(house) == [True]


def test_the_answer_is_the_same_whether_an_address_is_known_or_not(client: FlaskClient, house: House) -> None:
    first, second = (send(client, house.form, email=EVE, on="delivered") for _ in range(2))
    assert first == second
    assert len(house.questions()) == 1


def test_no_is_taken_and_nothing_is_kept(client: FlaskClient, house: House) -> None:
    send(client, house.form, email=EVE, on="delivered")
    assert "We write nothing to you" in send(client, house.link, no="no", piece=f"{house.number}/1")[1]
    assert follows(house) == []


def test_only_what_is_ticked_is_confirmed(client: FlaskClient, house: House) -> None:
    send(client, house.form, email=EVE, on="delivered")
    for piece in ([], "x", "x/1", f"{house.number}/2", f"{house.number}/x", "/"):
        assert send(client, house.link, piece=piece, yes="yes")[0] == 200
    assert follows(house) == [False]


@pytest.mark.parametrize(
    ("said", "hint"),
    [({"email": "eve", "on": "delivered"}, "no mail address"), ({"email": EVE, "on": "lost"}, "at least one line")],
)
def test_a_form_that_cannot_be_used_says_why(
    client: FlaskClient, house: House, said: dict[str, str], hint: str
) -> None:
    status, shown = send(client, house.form, **said)
    assert (status, hint in shown) == (422, True)
    assert house.questions() == []


def test_from_one_network_address_only_some_may_be_given(client: FlaskClient, house: House) -> None:
    answers = [send(client, house.form, email=f"victim{n}@example.org", on="delivered")[0] for n in range(6)]
    assert answers == [200, 200, 200, 200, 429, 429]


def test_nothing_is_there_for_a_number_nobody_booked_or_a_link_that_is_none(client: FlaskClient, house: House) -> None:
    assert client.get("/t/LS000000000NL/notify").status_code == 404
    for token in ("x", "A" * 22, "A" * 5000):
        answer = client.get(f"/c/{token}")
        assert (answer.status_code, "This link has ended" in answer.text) == (404, True)


def test_without_followers_no_page_offers_it(house: House) -> None:
    bare = create_app(house.queries, house.bookings, clock=house.clock)
    assert "/notify" not in bare.test_client().get(f"/t/{house.number}").text
    live_of(bare).stop()
