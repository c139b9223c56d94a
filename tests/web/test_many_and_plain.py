"""Several numbers at once, and a piece as text, JSON and an event of a calendar."""

import re
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from tests.web.stand_in import BOOKED, DELIVERED, HELD, MISSED_BAG, MOVING, SECRETS
from web.plain import LONGEST_LINE, _folded


@pytest.mark.parametrize("between", [",", "; ", "\n", " , "])
def test_several_numbers_are_looked_up_at_once_the_worst_first(client: FlaskClient, between: str) -> None:
    asked = [DELIVERED, MOVING, "LS 3000 0000 9 NL", "LS999999999NL", MOVING]
    page = client.get("/", query_string={"number": between.join(asked)}).text
    shown = [number.replace(" ", "") for number in re.findall(r'class="number">([^<]+)<', page)]
    assert shown == [HELD, MOVING, DELIVERED, "LS999999999NL"]
    assert "Nothing heard yet" in page
    assert [secret for secret in SECRETS if secret in page] == []


def test_one_number_goes_to_its_page_and_too_many_are_cut(client: FlaskClient) -> None:
    assert client.get("/", query_string={"number": f" {MOVING} ,"}).headers["Location"] == f"/t/{MOVING}"
    many = ",".join(f"LS{100000000 + at}NL" for at in range(60))
    page = client.get("/", query_string={"number": many}).text
    assert page.count('class="number"') == 20
    assert "At most 20 numbers" in page


@pytest.mark.parametrize("number", [MOVING, DELIVERED, MISSED_BAG, BOOKED, HELD])
def test_a_terminal_and_a_program_get_what_the_number_shows(client: FlaskClient, number: str) -> None:
    text = client.get(f"/t/{number}.txt")
    assert text.mimetype == "text/plain"
    assert len(text.text.splitlines()) > 3
    json = client.get(f"/t/{number}.json", follow_redirects=True)
    assert json.get_json()["number"] == number
    assert [secret for secret in SECRETS if secret in text.text + json.text] == []


def test_a_window_goes_into_a_calendar_and_moves_there(client: FlaskClient) -> None:
    answer = client.get(f"/t/{MOVING}/window.ics?lang=zh-Hans")
    assert answer.mimetype == "text/calendar"
    lines = answer.text.replace("\r\n ", "").split("\r\n")
    fields = dict(line.split(":", 1) for line in lines if line)
    begins, ends = (datetime.strptime(fields[at], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) for at in ("DTSTART", "DTEND"))
    assert begins < ends
    assert fields["UID"] == f"{MOVING}-1@localhost"
    assert (lines[0], lines[-2]) == ("BEGIN:VCALENDAR", "END:VCALENDAR")
    assert answer.data == client.get(f"/t/{MOVING}/window.ics?lang=zh-Hans").data
    assert [secret for secret in SECRETS if secret in answer.text] == []
    assert client.get(f"/t/{DELIVERED}/window.ics").status_code == 404
    assert client.get("/t/LS999999999NL/window.ics").status_code == 404


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=400))
def test_a_long_line_is_folded_and_unfolds_to_itself(line: str) -> None:
    folded = _folded(line)
    assert folded.replace("\r\n ", "") == line
    assert all(len(part.encode()) <= LONGEST_LINE for part in folded.split("\r\n"))
