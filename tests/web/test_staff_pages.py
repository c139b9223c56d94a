"""Pages of staff: who gets in, who may go where, and what each change leaves behind."""

import re
from collections.abc import Iterator

import pyotp
import pytest
from flask.testing import FlaskClient

from locales import words
from tests.web.staff_house import PASSWORD, StaffHouse, name_of, staff_of
from tracker.domain.audit import Action
from tracker.domain.chain import verify_lines
from tracker.domain.roles import Act, may_do
from tracker.domain.staff import Role, StaffTrouble
from tracker.staff import demo_user
from web.app import live_of
from web.staff.door import ROOMS
from web.staff.wording import ACTIONS, ROLES, TROUBLES

PUBLIC = {"static", "track", "api", "problems", "demo", "design", "embed"}
"""The rooms whose every page is for anybody; what a recipient or a device may do is tested beside its own page."""

OPEN = {
    "/staff/sign-in": {"GET", "POST"},
    "/demo/staff": {"POST"},
    "/staff/sign-out": {"POST"},
    "/staff/link/<token>": {"GET", "POST"},
    "/staff/passkey": {"POST"},
    "/staff/passkey/options": {"POST"},
}
"""What is in the rooms of staff for who is not signed in yet."""


@pytest.fixture
def house() -> Iterator[StaffHouse]:
    made = StaffHouse()
    yield made
    live_of(made.app).stop()


@pytest.fixture
def admin(house: StaffHouse) -> FlaskClient:
    return house.client(Role.ADMINISTRATOR)


def routes(house: StaffHouse) -> list[tuple[str, str, object]]:
    """Every rule and method of the application, and the view behind it."""
    return [
        (rule.rule, method, house.app.view_functions[rule.endpoint])
        for rule in house.app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def test_every_route_is_public_open_or_says_what_it_needs(house: StaffHouse) -> None:
    views = house.app.view_functions
    silent = {endpoint for endpoint, view in views.items() if not hasattr(view, "needs")}
    assert {endpoint.partition(".")[0] for endpoint in silent} == PUBLIC, (
        "mark a view of staff with needs(Act…); a room for anybody is named in PUBLIC"
    )
    found: dict[str, set[str]] = {}
    for rule, method, view in routes(house):
        if getattr(view, "needs", Act.SCAN) is None:
            found.setdefault(rule, set()).add(method)
    assert found == OPEN


@pytest.mark.parametrize("role", [None, *Role])
def test_each_role_gets_where_its_acts_lead_and_nowhere_else(house: StaffHouse, role: Role | None) -> None:
    asked = 0
    for rule, method, view in routes(house):
        act = getattr(view, "needs", None)
        if act is None:
            continue
        client = house.client(role)
        path = re.sub(r"<[^>]+>", "x", re.sub(r"<int:[^>]+>", "1", rule))
        if method == "GET":
            answer = client.get(path)
        else:
            assert method == "POST"
            answer = house.post(client, path)
        if role is None:
            assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/staff/sign-in"), rule
        else:
            assert (answer.status_code != 403) is may_do(role, act), (rule, method)
            assert answer.status_code < 500
        asked += 1
    assert asked > 15


def test_who_may_not_is_told_to_ask_somebody_else(house: StaffHouse) -> None:
    assert "Ask somebody else who may" in house.client(Role.SUPPORT).get("/staff/people").text


def test_without_accounts_there_are_no_pages_of_staff(client: FlaskClient) -> None:
    assert client.get("/staff/sign-in").status_code == 404
    assert client.get("/design").status_code == 200


def test_a_view_in_the_rooms_of_staff_that_says_nothing_is_for_nobody(house: StaffHouse) -> None:
    for room in ROOMS:
        house.app.add_url_rule(f"{room}/forgotten", room, lambda: "open")
    for room in ROOMS:
        assert house.client(Role.ADMINISTRATOR).get(f"{room}/forgotten").status_code == 403


# --- signing in -----------------------------------------------------------------------------------------------------


def test_who_signs_in_gets_where_they_wanted_to_and_a_cookie_no_script_reads(house: StaffHouse) -> None:
    client = house.client()
    assert client.get("/staff/people").location == "/staff/sign-in?then=%2Fstaff%2Fpeople"
    answer = house.post(client, "/staff/sign-in", user="administrator", password=PASSWORD, then="/staff/people")
    assert (answer.status_code, answer.location) == (303, "/staff/people")
    cookie = next(each for each in answer.headers.getlist("Set-Cookie") if each.startswith("staff="))
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert client.get("/staff/people").status_code == 200


@pytest.mark.parametrize(
    "then", ["https://evil.example/", "//evil.example", "/staff//evil", "/\\evil", "/t/x", "", "/staff/\r\nx"]
)
def test_nobody_is_sent_out_of_the_rooms_of_staff(house: StaffHouse, then: str) -> None:
    answer = house.post(house.client(), "/staff/sign-in", user="administrator", password=PASSWORD, then=then)
    assert answer.location == "/staff/"


def test_each_role_begins_at_the_first_page_it_may_see(house: StaffHouse) -> None:
    for role in Role:
        first = house.client(role).get("/staff/").location
        assert house.client(role).get(first).status_code == 200


def test_what_does_not_fit_is_said_alike_whoever_it_is(house: StaffHouse) -> None:
    said = []
    for user, password in (("support", "wrong"), ("nobody-here", PASSWORD)):
        answer = house.post(house.client(), "/staff/sign-in", user=user, password=password)
        assert answer.status_code == 403
        assert "Set-Cookie" not in str([h for h in answer.headers.getlist("Set-Cookie") if h.startswith("staff")])
        said.append(re.sub(r'value="[^"]*"|data-form="[^"]*"', "", answer.text))
    assert said[0] == said[1]


def test_after_ten_failures_the_page_says_when_to_go_on(house: StaffHouse) -> None:
    client = house.client()
    for _ in range(10):
        house.post(client, "/staff/sign-in", user="support", password="wrong")
    answer = house.post(client, "/staff/sign-in", user="support", password=PASSWORD)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "3601"
    assert "In 60 minutes" in answer.text


def test_one_address_may_not_try_many_names(house: StaffHouse) -> None:
    client = house.client()
    answers = [house.post(client, "/staff/sign-in", user=f"n{n}", password="x").status_code for n in range(21)]
    assert answers == [403] * 20 + [429]


def test_a_session_of_before_is_not_gone_on_with(house: StaffHouse) -> None:
    """Nobody can plant a session for somebody to sign in to."""
    client = house.client()
    client.set_cookie("staff", "planted-planted-planted-planted")
    house.post(client, "/staff/sign-in", user="support", password=PASSWORD)
    kept = client.get_cookie("staff")
    assert kept is not None
    assert kept.value != "planted-planted-planted-planted"


def test_signing_out_ends_it_for_a_copy_of_the_cookie_too(house: StaffHouse) -> None:
    client, copy = house.client(Role.SUPPORT), house.client()
    kept = client.get_cookie("staff")
    assert kept is not None
    copy.set_cookie("staff", kept.value)
    assert copy.get("/staff/me").status_code == 200
    assert house.post(client, "/staff/sign-out").location == "/staff/sign-in"
    assert copy.get("/staff/me").status_code == 303


def test_a_script_is_told_that_the_session_ended_and_is_not_sent_anywhere(house: StaffHouse) -> None:
    client = house.client(Role.SUPPORT)
    assert house.post(client, "/staff/stay").status_code == 204
    house.later(minutes=15)
    answer = client.get("/staff/me", headers={"Sec-Fetch-Dest": "empty"})
    assert answer.status_code == 401


def test_over_tls_the_session_is_bound_to_this_host(house: StaffHouse) -> None:
    answer = house.app.test_client().get("/staff/sign-in", base_url="https://localhost")
    assert answer.headers.getlist("Set-Cookie")[0].startswith("__Host-form=")


def test_a_link_is_looked_at_without_being_used_and_then_used_once(house: StaffHouse) -> None:
    link = f"/staff/link/{house.accounts.add('ada', role=Role.SUPPORT, by=None)}"
    client = house.client()
    assert "Welcome, ada" in client.get(link).text
    assert "differ" in house.post(client, link, password=PASSWORD, again="other").text
    assert "15 characters" in house.post(client, link, password="short", again="short").text
    assert house.post(client, link, password=PASSWORD, again=PASSWORD).location == "/staff/"
    assert client.get("/staff/me").status_code == 200
    assert client.get(link).status_code == 404


def test_in_a_demo_one_click_signs_in_and_nowhere_else(house: StaffHouse) -> None:
    for role in Role:
        house.accounts.add_demo(demo_user(role), role=role)
        client = house.client()
        assert f'value="{role.value}"' in client.get("/demo").text
        assert house.post(client, "/demo/staff", role=role.value).location == "/staff/"
        assert demo_user(role) in client.get("/staff/me").text
    far = house.client()
    far.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    for client, said in ((far, "support"), (house.client(), "root"), (house.client(), "")):
        assert house.post(client, "/demo/staff", role=said).status_code == 403
    real = StaffHouse(demo=False)
    real.accounts.add_demo("demo-support", role=Role.SUPPORT)
    assert house.post(real.client(), "/demo/staff", role="support").status_code == 404
    live_of(real.app).stop()


# --- one's own account ----------------------------------------------------------------------------------------------


def test_one_changes_ones_password_language_and_sessions(house: StaffHouse) -> None:
    client = house.client(Role.SUPPORT)
    wrong = house.post(client, "/staff/me/password", password="x", new="another long one", again="another long one")
    assert wrong.status_code == 422
    new = {"password": PASSWORD, "new": "another long one", "again": "another long one"}
    assert house.post(client, "/staff/me/password", **new).location == "/staff/me?done=password"
    assert house.accounts.sign_in("support", "another long one")
    assert "Another window" in client.get("/staff/me").text
    session = re.search(r'name="session" value="([0-9a-f]+)"', client.get("/staff/me").text)
    assert session is not None
    house.post(client, "/staff/me/sessions/end", session=session[1])
    assert "Another window" not in client.get("/staff/me").text
    house.post(client, "/staff/me/language", language="zh-Hans")
    assert 'lang="zh-Hans"' in client.get("/staff/me").text


def test_codes_are_set_up_with_a_picture_and_then_asked_for(house: StaffHouse) -> None:
    client = house.client(Role.SUPPORT)
    page = house.post(client, "/staff/me/codes").text
    assert "<svg" in page
    secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page)
    assert secret is not None
    codes = pyotp.TOTP(secret[1].replace(" ", ""))
    confirmed = house.post(client, "/staff/me/codes/confirm", password=PASSWORD, code=codes.at(house.clock.instant))
    recovery = re.findall(r'<li class="number">([a-z2-7-]+)</li>', confirmed.text)
    assert len(recovery) == 10
    fresh = house.client()
    assert house.post(fresh, "/staff/sign-in", user="support", password=PASSWORD).status_code == 403
    signed_in = house.post(fresh, "/staff/sign-in", user="support", password=PASSWORD, code=recovery[0])
    assert signed_in.status_code == 303
    assert house.post(client, "/staff/me/codes/remove", password=PASSWORD).status_code == 303


# --- what administrators keep ---------------------------------------------------------------------------------------


def test_an_administrator_invites_changes_and_revokes(house: StaffHouse, admin: FlaskClient) -> None:
    page = house.post(admin, "/staff/people", user=" Ada ", role="support", site="lej", language="zh-Hans").text
    link = re.search(r"http://localhost(/staff/link/[\w-]+)", page)
    assert link is not None
    assert house.client().get(link[1]).status_code == 200
    assert "Somebody has this name" in house.post(admin, "/staff/people", user="ada", role="support").text
    assert "small letters" in house.post(admin, "/staff/people", user="a b", role="support").text
    house.post(admin, "/staff/people/ada/role", role="supervisor", site="")
    house.post(admin, "/staff/people/ada/reset")
    assert house.client().get(link[1]).status_code == 404
    house.post(admin, "/staff/people/ada/revoke")
    assert "revoked" in admin.get("/staff/people").text
    actions = [row["action"] for row in reversed(house.audit.newest(4))]
    assert actions == [Action.INVITED, Action.ROLE_CHANGED, Action.RESET, Action.STAFF_REVOKED]
    assert {row["who"] for row in house.audit.newest(4)} == {"administrator"}


def test_an_administrator_cannot_lock_everybody_out(house: StaffHouse, admin: FlaskClient) -> None:
    for path in ("role", "revoke"):
        answer = house.post(admin, f"/staff/people/administrator/{path}", role="support")
        assert answer.status_code == 422
    assert admin.get("/staff/people").status_code == 200


def test_a_device_is_revoked_and_it_is_written_down(house: StaffHouse, admin: FlaskClient) -> None:
    assert "h-0017" in admin.get("/staff/devices").text
    house.post(admin, "/staff/devices/h-0017/revoke")
    house.post(admin, "/staff/devices/h-0017/revoke")
    house.post(admin, "/staff/devices/none/revoke")
    assert [each.revoked_at is not None for each in house.handhelds.shown] == [True, False]
    (last,) = house.audit.newest(1)
    assert (last["action"], last["object"]) == ("device-revoked", "h-0017")


def test_the_audit_is_read_checked_and_exported(house: StaffHouse) -> None:
    client = house.client(Role.SUPERVISOR)
    house.audit.note(Action.ALLOWED_MORE, "<b>ann</b>", by=staff_of(Role.SUPERVISOR), reason="a busy day")
    page = client.get("/staff/audit").text
    assert "&lt;b&gt;ann&lt;/b&gt;" in page
    assert "Whole:" in house.post(client, "/staff/audit/verify").text
    exported = house.post(client, "/staff/audit/export").data
    assert verify_lines(exported.splitlines(keepends=True)) == house.audit.head()
    older = re.search(r"\?before=(\d+)", "".join(client.get("/staff/audit").text)) is not None
    assert older is (house.audit.head().n > 50)


# --- words ----------------------------------------------------------------------------------------------------------


def test_every_role_action_and_trouble_has_its_words_in_every_language() -> None:
    assert set(ROLES) == set(Role)
    assert set(ACTIONS) == set(Action)
    assert set(TROUBLES) == set(StaffTrouble)
    for each in (*ROLES.values(), *ACTIONS.values(), *TROUBLES.values()):
        assert words("zh-Hans").knows(each), each


LATIN = {"Lastscan", "English", "localhost", "lastscan", "device", "add", "auth", "sea"}
LATIN |= {
    "plain",
    "brand",
    "good",
    "warn",
    "bad",
    "button",
    "danger",
    "small",
    "details",
    "operator",
    *map(name_of, Role),
}


@pytest.mark.parametrize(
    "path", ["/staff/people", "/staff/devices", "/staff/audit", "/staff/me", "/staff/sign-in", "/design"]
)
def test_no_english_stays_on_a_chinese_page_and_nothing_is_inline(admin: FlaskClient, path: str) -> None:
    page = admin.get(f"{path}?lang=zh-Hans").text
    visible = re.sub(r"<(script|svg|style|code)\b.*?</\1>|<[^>]+>", " ", page, flags=re.S)
    found = set(re.findall(r"[A-Za-z][a-z]{2,}(?:-[a-z]+)*", visible)) - LATIN
    assert not found
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", page)
