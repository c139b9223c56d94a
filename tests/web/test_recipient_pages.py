"""What recipients see and do on pages over a real tracker: by link, by proof, by a link passed on, and not at all."""

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.tracker.world import World, at, new_database
from tracker.asks import Asks
from tracker.domain.booking import BookedPiece, Party
from tracker.domain.handling import Kind
from tracker.domain.notices import NoticeKind
from tracker.domain.shipment import Goods
from tracker.handovers import HandoverFiles
from tracker.recipients import Recipients
from web.app import WebSettings, create_app, live_of
from web.viewer import TOLD

CANARIES = {
    "name": "Ada van der Canary",
    "mail": "canary@example.org",
    "phone": "+1 206 555 0142",
    "street": "Canary Wharf",
    "postcode": "98101-CNRY",
    "city": "Canaryville",
    "reference": "ref-canary",
    "contents": "canary seed",
    "shipper": "Charles Babbage",
}
PARTY = Party(
    CANARIES["name"],
    email=CANARIES["mail"],
    phone=CANARIES["phone"],
    postcode=CANARIES["postcode"],
    city=CANARIES["city"],
    lines=(f"{CANARIES['street']} 7",),
)
PICTURE = b"\x89PNG\r\n\x1a\n" + b"picture of a door"
PICTURED = sha256(PICTURE).hexdigest()
HTTPS = {"base_url": "https://track.example"}


class House(World):
    """A tracker with one parcel delivered to somebody whose every datum can be found again."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.with_network()
        self.recipients = Recipients(self.store, self.clock, key=b"0" * 32)
        piece = BookedPiece(weight_g=1250, goods=Goods(contents=CANARIES["contents"]))
        self.number = self.books(piece, consignee=PARTY).numbers[0]
        self.scans(self.number, Kind.ACCEPT, "sea-st", at(1), at="belt-7")
        self.scans(self.number, Kind.OUT_FOR_DELIVERY, "bos-st", at(27))
        self.handovers = HandoverFiles(self.store, self.clock)
        self.handovers.keep(PICTURE, named=PICTURED, dev="h-bos-st")
        noted = {"to": "neighbour", "name": "Grace at the door", "files": [PICTURED]}
        self.scans(self.number, Kind.DELIVER, "bos-st", at(27.7), x=noted)
        self.fold()
        self.person = self.outbox.unplanned()[0].recipient.person

    @property
    def link(self) -> str:
        return f"/l/{self.recipients.link(self.person, self.number)}"

    @property
    def page(self) -> str:
        return f"/t/{self.number}"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(new_database(tmp_path / "lastscan.db"))
    yield house
    house.close()


@pytest.fixture
def app(house: House) -> Iterator[Flask]:
    app = create_app(
        house.queries,
        house.bookings,
        clock=house.clock,
        recipients=house.recipients,
        asks=Asks(house.store, house.clock),
        handovers=house.handovers,
        settings=WebSettings(lookups_per_minute=None),
    )
    yield app
    live_of(app).stop()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def token_on(page: TestResponse) -> str:
    found = re.search(r'name="form" value="([0-9a-f]+)"', page.text)
    assert found is not None
    return found[1]


def send(client: FlaskClient, form_at: str, to: str, **fields: str) -> TestResponse:
    """What the button of a form does in a browser."""
    token = token_on(client.get(form_at))
    return client.post(to, data={"form": token, **fields}, headers={"Sec-Fetch-Site": "same-origin"})


def seen(text: str) -> set[str]:
    return {name for name, canary in CANARIES.items() if canary in text}


def test_a_link_is_swapped_for_a_cookie_and_a_clean_address(client: FlaskClient, house: House) -> None:
    answer = client.get(f"{house.link}?lang=en", **HTTPS)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{house.page}?lang=en"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    (cookie,) = [kept for kept in answer.headers.getlist("Set-Cookie") if "lastscan-view" in kept]
    assert cookie.startswith("__Host-lastscan-view=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert house.link.rpartition("/")[2] not in cookie
    assert "Domain" not in cookie


def test_its_recipient_sees_places_minutes_and_their_own_data_masked(client: FlaskClient, house: House) -> None:
    assert seen(client.get(house.page).text) == set()
    client.get(house.link)
    page = client.get(house.page)
    assert seen(page.text) == {"name", "street", "city", "contents"}
    for shown in (
        "Boston station",
        "10:42",
        "c…@example.org",
        "…42",
        "C. B.",
        "1.25 kg",
        "Proof of delivery",
        "That it was delivered",
    ):
        assert shown in page.text, shown
    for hidden in ("belt-7", "h-bos-st", "Canary Wharf 7", "98101-CNRY", house.person):
        assert hidden not in page.text, hidden
    assert "Boston station" not in client.application.test_client().get(house.page).text


def test_proof_of_delivery_says_who_took_it_and_shows_what_was_kept_to_its_recipient_alone(
    client: FlaskClient, house: House
) -> None:
    picture = f"{house.page}/handover/{PICTURED}?journey=1"
    assert client.get(picture).status_code == 404
    assert "Grace at the door" not in client.get(house.page).text
    client.get(house.link)
    page = client.get(house.page).text
    assert "Grace at the door" in page
    assert picture in page
    answer = client.get(picture)
    assert (answer.mimetype, answer.data) == ("image/png", PICTURE)
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.get(f"{house.page}/handover/{'0' * 64}?journey=1").status_code == 404
    other = client.application.test_client()
    passed = send(client, house.page, f"{house.page}/share", journey="1")
    other.get(re.findall(r'value="http://localhost(/l/[\w-]+)"', passed.text)[0])
    assert other.get(picture).status_code == 404
    assert "Grace at the door" not in other.get(house.page).text


def test_a_proof_shows_the_same_but_does_nothing(client: FlaskClient, house: House) -> None:
    ask = f"{house.page}/prove"
    answer = send(client, ask, ask, proof="98101 cnry")
    assert (answer.status_code, answer.headers["Location"]) == (303, house.page)
    page = client.get(house.page)
    assert "name" in seen(page.text)
    assert "/share" not in page.text
    assert send(client, house.page, f"{house.page}/share", journey="1").status_code == 403


def test_an_unknown_number_and_a_wrong_proof_are_told_the_same(client: FlaskClient, house: House) -> None:
    unknown = "LS100000003NL"
    told = []
    for number in (house.number, unknown):
        ask = f"/t/{number}/prove"
        first = client.get(ask)
        answers = [send(client, ask, ask, proof="wrong") for _ in range(6)]
        told.append(
            [
                (answer.status_code, re.sub(r'value="[0-9a-f]{96}"', "", answer.text.replace(number, "")))
                for answer in [first, *answers]
            ]
        )
        assert [answer.status_code for answer in answers] == [403] * 5 + [429]
        assert 3500 < int(answers[-1].headers["Retry-After"]) <= 3600
    assert told[0] == told[1]


def test_a_view_is_passed_on_without_persons_and_taken_back(client: FlaskClient, house: House) -> None:
    client.get(house.link)
    passed = send(client, house.page, f"{house.page}/share", journey="1")
    address = re.search(r'value="http://localhost(/l/[\w-]+)"', passed.text)
    assert address is not None
    other = client.application.test_client()
    other.get(address[1])
    page = other.get(house.page)
    assert "Boston station" in page.text
    assert seen(page.text) == set()
    assert send(other, house.page, f"{house.page}/unshare", journey="1").status_code == 403
    send(client, house.page, f"{house.page}/unshare", journey="1")
    assert other.get(address[1]).status_code == 404
    assert "Boston station" not in other.get(house.page).text


def test_what_is_closed_says_why_and_what_is_open_is_asked_and_answered_on_the_page(
    client: FlaskClient, house: House
) -> None:
    client.get(house.link)
    closed = client.get(f"{house.page}/manage")
    assert closed.text.count("It was handed over.") == 7
    assert "<form" not in closed.text
    house.clock.instant = at(0)
    house.number = house.books(consignee=PARTY).numbers[0]
    house.fold()
    with house.store.reading() as tx:
        parties = tx.booked.parties(tx.booked.journey(house.number, 1))
        assert parties is not None
        house.person = parties.pseudonym
    client.get(house.link)
    manage = f"{house.page}/manage"
    key = re.search(r'name="key" value="([0-9a-f]+)"', client.get(manage).text)
    assert key is not None
    asked = send(client, manage, f"{manage}/neighbour", journey="1", key=key[1], note="Grace Hopper")
    assert asked.headers["Location"] == f"{house.page}#timeline"
    send(client, manage, f"{manage}/neighbour", journey="1", key=key[1], note="Grace Hopper")
    assert send(client, manage, f"{manage}/return", journey="1", key="other").status_code == 303
    assert send(client, manage, f"{manage}/redirect", journey="1", key="third").status_code == 422
    assert send(client, manage, f"{manage}/elsewhere", journey="1", key="fourth").status_code == 403
    house.fold()
    page = client.get(house.page).text
    assert page.count("Granted: Give it to a neighbour") == page.count("Asked: Give it to a neighbour") == 1
    assert "Asked: Send it back" in page
    assert "Grace" not in page
    assert "Asked" not in client.application.test_client().get(house.page).text
    passed = send(client, house.page, f"{house.page}/share", journey="1")
    other = client.application.test_client()
    other.get(re.findall(r'value="http://localhost(/l/[\w-]+)"', passed.text)[0])
    assert "Asked" not in other.get(house.page).text
    assert other.get(manage).status_code == 303


def test_all_that_goes_to_one_contact_stands_on_one_page_for_who_came_by_the_link(
    client: FlaskClient, house: House
) -> None:
    house.clock.instant = at(0)
    second = house.books(consignee=PARTY).numbers[0]
    stranger = house.books_parcel()
    house.fold()
    assert client.get("/mine").status_code == 303
    ask = f"{house.page}/prove"
    send(client, ask, ask, proof="98101 cnry")
    assert client.get("/mine").status_code == 303  # a postcode shows no contact
    client.get(house.link)
    page = client.get("/mine").text
    assert second[2:6] in page
    assert stranger[2:6] not in page
    assert "name" in seen(client.get(f"/t/{second}").text)
    assert "name" not in seen(client.get(f"/t/{stranger}").text)


def test_whoever_wants_to_be_forgotten_is(client: FlaskClient, house: House) -> None:
    client.get(house.link)
    stolen = client.get_cookie("lastscan-view")
    assert stolen is not None
    send(client, house.page, "/forget")
    assert client.get_cookie("lastscan-view") is None
    client.set_cookie("lastscan-view", stolen.value)
    assert "name" not in seen(client.get(house.page).text)


def test_a_stream_shows_what_the_page_shows_until_its_view_ends(client: FlaskClient, house: House) -> None:
    """To whoever has the cookie, and not to the next reader of the same change."""

    def first(of: FlaskClient) -> str:
        stream = of.get(f"{house.page}/events?after=0")
        sent = ""
        for chunk in stream.iter_encoded():
            sent += chunk.decode()
            if "data-part" in sent:
                break
        stream.close()
        return sent

    client.get(house.link)
    assert "Boston station" in first(client)
    assert "Boston station" not in first(client.application.test_client())
    assert "Boston station" in first(client)
    send(client, house.page, "/forget")
    assert "Boston station" not in first(client)


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_nothing_private_stands_in_addresses_titles_headers_or_logs(
    client: FlaskClient,
    house: House,
    language: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    answers = [client.get(f"{house.link}?lang={language}")]
    answers += [client.get(path) for path in (house.page, f"{house.page}/prove", "/l/nothing")]
    answers.append(send(client, house.page, f"{house.page}/share", journey="1"))
    for answer in answers:
        said = f"{answer.headers} {answer.request.path} {''.join(re.findall('<title>.*?</title>', answer.text))}"
        assert seen(said) == set()
        assert house.person not in said
    out, err = capfd.readouterr()
    assert seen(out + err) == set()


def test_an_api_answer_is_that_of_the_number_whoever_asks(client: FlaskClient, house: House) -> None:
    address = f"/api/v1/shipments/{house.number}"
    before = client.get(address).data
    client.get(house.link)
    assert client.get(address).data == before


def test_every_kind_of_notice_has_its_words() -> None:
    assert set(TOLD) == set(NoticeKind)


def test_a_link_that_is_none_of_ours_leads_nowhere(client: FlaskClient) -> None:
    for token in ("x", "A" * 22, "A" * 5000, "..", "%00", "١"):
        answer = client.get(f"/l/{token}")
        assert answer.status_code == 404
        assert "Set-Cookie" not in answer.headers
