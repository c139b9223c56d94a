"""Accounts of staff and the audit, on both databases."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from sqlalchemy.exc import DBAPIError

from tests.tracker.world import NOON
from tracker.audit import Audit
from tracker.clock import StoppedClock
from tracker.domain.audit import Action
from tracker.domain.chain import Broken, Head, verify_lines
from tracker.domain.errors import (
    BadNameError,
    BudgetSpentError,
    DecisionError,
    NotAllowedError,
    SignInError,
    StaffError,
    TooManyTriesError,
    WeakPasswordError,
)
from tracker.domain.roles import Sight
from tracker.domain.staff import Role, Staff
from tracker.staff import IDLE, WHOLE_SHIFT, Opened, StaffAccounts
from tracker.store import Store
from tracker.store.engine import open_engine, sqlite_url
from tracker.store.migrations import migrate

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
LONG, SHORT, OTHER = "many bags of tea", "9 bags!x", "quite another one"
ADMIN = Staff("root", Role.ADMINISTRATOR)
ANN, BOB = Staff("ann", Role.SUPPORT), Staff("bob", Role.SUPERVISOR)
NAME = {Sight.NAME}

DATABASES = [pytest.param("sqlite"), pytest.param("postgres", marks=pytest.mark.needs_postgres)]


@pytest.fixture(params=DATABASES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        url = sqlite_url(tmp_path / "lastscan.db")
    else:
        new: Callable[[], str] = request.getfixturevalue("new_postgres_url")
        url = new()
    engine = open_engine(url)
    migrate(engine)
    yield Store(engine)
    engine.dispose()


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(NOON)


@pytest.fixture
def accounts(store: Store, clock: StoppedClock) -> StaffAccounts:
    return StaffAccounts(store, b"k" * 32, clock, hasher=QUICK)


@pytest.fixture
def audit(store: Store, clock: StoppedClock) -> Audit:
    return Audit(store, clock, views_a_day=3)


def ann(accounts: StaffAccounts, role: Role = Role.SUPPORT) -> Opened:
    return accounts.use_link(accounts.add("ann", role=role, site="lej", by=None), LONG)


def done(audit: Audit) -> list[tuple[str, str, str, str | None]]:
    return [(str(r["who"]), str(r["action"]), str(r["object"]), r["reason"]) for r in reversed(audit.newest())]  # type: ignore[misc]


# --- getting in -----------------------------------------------------------------------------------------------------


def test_a_link_makes_a_password_once_and_signs_in(accounts: StaffAccounts) -> None:
    token = accounts.add("ann", role=Role.SUPPORT, by=None)
    with pytest.raises(WeakPasswordError):
        accounts.use_link(token, SHORT)
    assert accounts.link_of(token) == ANN
    opened = accounts.use_link(token, LONG)
    assert opened.signed_in.staff == ANN
    assert accounts.session(opened.token) == opened.signed_in
    for again in (token, token[:-1], ""):
        with pytest.raises(SignInError):
            accounts.use_link(again, LONG)
    assert accounts.sign_in(" Ann ", LONG).signed_in.staff == ANN


def test_a_link_grows_old(accounts: StaffAccounts, clock: StoppedClock) -> None:
    token = accounts.add("ann", role=Role.SUPPORT, by=None)
    clock.instant += timedelta(hours=72)
    assert accounts.link_of(token) is None
    with pytest.raises(SignInError):
        accounts.use_link(token, LONG)


def test_the_first_link_is_there_until_an_administrator_can_sign_in(accounts: StaffAccounts) -> None:
    first, second = accounts.first_link(), accounts.first_link()
    assert first is not None
    assert second is not None
    assert accounts.link_of(first) is None
    accounts.use_link(second, LONG)
    assert accounts.first_link() is None


@pytest.mark.parametrize("name", ["operator", "nobody", "Ann", "", "a b", "../x"])
def test_names_that_are_no_plain_word_or_mean_somebody_else_are_refused(accounts: StaffAccounts, name: str) -> None:
    with pytest.raises(BadNameError):
        accounts.add(name, role=Role.SUPPORT, by=None)


def test_all_that_does_not_fit_is_answered_alike(accounts: StaffAccounts) -> None:
    ann(accounts)
    accounts.add("new", role=Role.SUPPORT, by=None)
    said = set()
    for user, password in (("ann", OTHER), ("nobody-here", LONG), ("new", ""), ("ann", ""), ("", ""), ("\0", "\0")):
        with pytest.raises(SignInError) as wrong:
            accounts.sign_in(user, password)
        said.add(str(wrong.value))
    assert len(said) == 1


@pytest.mark.parametrize("user", ["ann", "not-there"])
def test_after_ten_failures_nobody_gets_in_for_an_hour(accounts: StaffAccounts, clock: StoppedClock, user: str) -> None:
    ann(accounts)
    for _ in range(10):
        with pytest.raises(SignInError):
            accounts.sign_in(user, OTHER)
        clock.instant += timedelta(minutes=1)
    with pytest.raises(TooManyTriesError) as stopped:
        accounts.sign_in(user, LONG)
    assert stopped.value.after == 50 * 60 + 1
    clock.instant += timedelta(minutes=50)
    if user == "ann":
        assert accounts.sign_in("ann", LONG)
    else:
        with pytest.raises(SignInError):
            accounts.sign_in(user, LONG)


def test_many_tries_at_once_are_no_more_than_one_after_the_other(accounts: StaffAccounts) -> None:
    ann(accounts)

    def guess(n: int) -> type[Exception]:
        try:
            accounts.sign_in("ann", f"guess number {n} of them")
        except (SignInError, TooManyTriesError) as wrong:
            return type(wrong)
        raise AssertionError

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(guess, range(24)))
    assert found.count(SignInError) == 10


def test_who_gets_in_may_mistype_again(accounts: StaffAccounts) -> None:
    ann(accounts)
    for _ in range(3):
        for _ in range(9):
            with pytest.raises(SignInError):
                accounts.sign_in("ann", OTHER)
        accounts.sign_in("ann", LONG)


# --- sessions -------------------------------------------------------------------------------------------------------


def test_a_session_ends_when_nothing_is_done_and_at_the_end_of_a_shift(
    accounts: StaffAccounts, clock: StoppedClock
) -> None:
    token = ann(accounts).token
    clock.instant += IDLE - timedelta(seconds=1)
    assert accounts.session(token, idle=True) is not None
    clock.instant += timedelta(seconds=1)
    assert accounts.session(token) is None
    opened = accounts.sign_in("ann", LONG)
    while clock.instant < opened.signed_in.made_at + WHOLE_SHIFT:
        assert accounts.session(opened.token) is not None
        clock.instant += IDLE - timedelta(seconds=1)
    assert accounts.session(opened.token) is None


def test_signing_out_ends_it_on_our_side(accounts: StaffAccounts) -> None:
    first, second = ann(accounts).token, accounts.sign_in("ann", LONG).token
    accounts.sign_out(first)
    assert accounts.session(first) is None
    assert accounts.session(second) is not None


def test_one_sees_and_ends_ones_own_sessions_and_no_others(accounts: StaffAccounts) -> None:
    here, there = ann(accounts), accounts.sign_in("ann", LONG)
    other = accounts.use_link(accounts.add("eve", role=Role.SUPPORT, by=None), LONG)
    assert {each.session for each in accounts.sessions(here.signed_in)} == {
        here.signed_in.session,
        there.signed_in.session,
    }
    accounts.end_session(other.signed_in, there.signed_in.session)
    assert accounts.session(there.token) is not None
    accounts.end_session(here.signed_in, there.signed_in.session)
    assert accounts.session(there.token) is None


def test_a_session_is_a_secret_that_the_database_does_not_hold(accounts: StaffAccounts, store: Store) -> None:
    link = accounts.add("ann", role=Role.SUPPORT, by=None)
    opened = accounts.use_link(link, LONG)
    uri = accounts.begin_codes(opened.signed_in)
    secret = uri.partition("secret=")[2].partition("&")[0]
    tables = [name for name in sa.inspect(store.engine).get_table_names() if name.startswith(("staff", "audit"))]
    with store.engine.connect() as connection:
        kept = "".join(repr(row) for name in tables for row in connection.exec_driver_sql(f"SELECT * FROM {name}"))  # noqa: S608
    assert len(tables) == 8
    for each in (opened.token, link, LONG, secret):
        assert each not in kept


@pytest.mark.parametrize("change", ["role", "reset", "revoke", "password"])
def test_whatever_changes_who_somebody_is_ends_the_sessions(accounts: StaffAccounts, change: str) -> None:
    me, there = ann(accounts), accounts.sign_in("ann", LONG)
    match change:
        case "role":
            accounts.change_role("ann", Role.SUPERVISOR, site=None, by=ADMIN)
        case "reset":
            accounts.reset("ann", by=ADMIN)
        case "revoke":
            accounts.revoke("ann", by=ADMIN)
        case "password":
            accounts.change_password(me.signed_in, LONG, OTHER)
    assert accounts.session(there.token) is None
    assert (accounts.session(me.token) is not None) is (change == "password")


def test_who_was_reset_or_revoked_does_not_get_in_any_more(accounts: StaffAccounts) -> None:
    ann(accounts)
    token = accounts.reset("ann", by=ADMIN)
    with pytest.raises(SignInError):
        accounts.sign_in("ann", LONG)
    accounts.use_link(token, OTHER)
    accounts.revoke("ann", by=ADMIN)
    with pytest.raises(SignInError):
        accounts.sign_in("ann", OTHER)
    with pytest.raises(StaffError, match="for good"):
        accounts.reset("ann", by=ADMIN)
    with pytest.raises(StaffError, match="already"):
        accounts.add("ann", role=Role.SUPPORT, by=ADMIN)


def test_only_administrators_keep_staff_and_nobody_changes_himself(accounts: StaffAccounts) -> None:
    ann(accounts)
    for by in (ANN, BOB, Staff("nora", Role.NETWORK_MANAGER), Staff("carl", Role.COURIER)):
        for act in (
            lambda by=by: accounts.add("new", role=Role.SUPPORT, by=by),
            lambda by=by: accounts.reset("ann", by=by),
            lambda by=by: accounts.revoke("ann", by=by),
            lambda by=by: accounts.change_role("ann", Role.ADMINISTRATOR, site=None, by=by),
        ):
            with pytest.raises(NotAllowedError, match="administrator"):
                act()
    root = accounts.use_link(accounts.add("root", role=Role.ADMINISTRATOR, by=None), LONG)
    for act in (
        lambda: accounts.revoke("root", by=root.signed_in.staff),
        lambda: accounts.change_role("root", Role.SUPPORT, site=None, by=root.signed_in.staff),
    ):
        with pytest.raises(NotAllowedError, match="another administrator"):
            act()


def test_the_last_administrator_stays(accounts: StaffAccounts) -> None:
    accounts.use_link(accounts.add("root", role=Role.ADMINISTRATOR, by=None), LONG)
    accounts.add("other", role=Role.ADMINISTRATOR, by=None)  # who cannot sign in so far
    for act in (
        lambda: accounts.revoke("root", by=None),
        lambda: accounts.change_role("root", Role.SUPPORT, site=None, by=None),
    ):
        with pytest.raises(StaffError, match="only administrator"):
            act()


def test_nobody_but_the_demos_own_is_let_in(accounts: StaffAccounts) -> None:
    me = ann(accounts)
    accounts.add_demo("demo-support", role=Role.SUPPORT)
    accounts.add_demo("demo-support", role=Role.SUPPORT)
    guest = accounts.let_in("demo-support").signed_in
    assert guest.demo
    for user in ("ann", "nobody-here"):
        with pytest.raises(SignInError):
            accounts.let_in(user)
    with pytest.raises(NotAllowedError):
        accounts.begin_codes(guest)
    with pytest.raises(NotAllowedError):
        accounts.change_password(guest, "", LONG)
    assert not me.signed_in.demo


# --- codes ----------------------------------------------------------------------------------------------------------


def with_codes(accounts: StaffAccounts, clock: StoppedClock) -> tuple[Opened, pyotp.TOTP, list[str]]:
    me = ann(accounts)
    codes = pyotp.parse_uri(accounts.begin_codes(me.signed_in))
    assert isinstance(codes, pyotp.TOTP)
    recovery = accounts.confirm_codes(me.signed_in, LONG, codes.at(clock.instant))
    clock.instant += timedelta(seconds=30)
    return me, codes, recovery


def test_with_codes_the_password_alone_is_not_enough_and_each_code_works_once(
    accounts: StaffAccounts, clock: StoppedClock
) -> None:
    _, codes, _ = with_codes(accounts, clock)
    now = codes.at(clock.instant)
    for code in (
        "",
        "000000",
        codes.at(clock.instant - timedelta(minutes=2)),
        codes.at(clock.instant - timedelta(seconds=30)),
    ):
        with pytest.raises(SignInError):
            accounts.sign_in("ann", LONG, code)
    with pytest.raises(SignInError):
        accounts.sign_in("ann", OTHER, now)
    assert accounts.sign_in("ann", LONG, f"{now[:3]} {now[3:]}")
    with pytest.raises(SignInError):
        accounts.sign_in("ann", LONG, now)


def test_a_recovery_code_stands_in_once(accounts: StaffAccounts, clock: StoppedClock) -> None:
    me, _, recovery = with_codes(accounts, clock)
    assert len(set(recovery)) == 10
    assert accounts.sign_in("ann", LONG, recovery[3].upper())
    with pytest.raises(SignInError):
        accounts.sign_in("ann", LONG, recovery[3])
    assert accounts.ways_in(me.signed_in).recovery_left == 9


def test_a_shorter_password_is_good_beside_codes_and_only_there(accounts: StaffAccounts, clock: StoppedClock) -> None:
    me, _, _ = with_codes(accounts, clock)
    accounts.change_password(me.signed_in, LONG, SHORT)
    with pytest.raises(StaffError, match="longer"):
        accounts.remove_codes(me.signed_in, SHORT)
    accounts.change_password(me.signed_in, SHORT, OTHER)
    accounts.remove_codes(me.signed_in, OTHER)
    assert accounts.sign_in("ann", OTHER)
    with pytest.raises(WeakPasswordError):
        accounts.change_password(me.signed_in, OTHER, SHORT)


def test_what_changes_the_ways_in_asks_for_the_password(accounts: StaffAccounts, clock: StoppedClock) -> None:
    me, codes, _ = with_codes(accounts, clock)
    accounts.begin_codes(me.signed_in)
    for act in (
        lambda: accounts.change_password(me.signed_in, OTHER, OTHER),
        lambda: accounts.remove_codes(me.signed_in, OTHER),
        lambda: accounts.confirm_codes(me.signed_in, OTHER, codes.now()),
    ):
        with pytest.raises(SignInError):
            act()


# --- the audit ------------------------------------------------------------------------------------------------------


def test_what_changes_who_may_do_what_is_written_down_with_who_did_it(accounts: StaffAccounts, audit: Audit) -> None:
    me = ann(accounts)
    accounts.sign_out(me.token)
    accounts.change_role("ann", Role.SUPERVISOR, site=None, by=ADMIN)
    accounts.revoke("ann", by=ADMIN)
    assert done(audit) == [
        ("operator", "invited", "ann", "support"),
        ("ann", "password-set", "ann", None),
        ("ann", "signed-in", "ann", "link"),
        ("ann", "signed-out", "ann", None),
        ("root", "role-changed", "ann", "support → supervisor"),
        ("root", "staff-revoked", "ann", None),
    ]


def test_failed_sign_ins_are_counted_once(accounts: StaffAccounts, audit: Audit, clock: StoppedClock) -> None:
    ann(accounts)
    for user in ("ann", "ann", "eve", "mallory"):
        with pytest.raises(SignInError):
            accounts.sign_in(user, OTHER)
    before = len(done(audit))
    assert accounts.tell_failures() == 4
    assert accounts.tell_failures() == 0
    assert done(audit)[before:] == [
        ("nobody", "sign-ins-failed", "nobody", "2"),
        ("nobody", "sign-ins-failed", "ann", "2"),
    ]


def test_opening_personal_data_wants_a_reason_and_is_written_down(audit: Audit) -> None:
    with pytest.raises(DecisionError):
        audit.look(ANN, "piece 1", NAME, reason="  ")
    audit.look(ANN, "piece 1", NAME, reason=" a call ")
    audit.look(ANN, "piece 2", {Sight.PLACES, Sight.EVIDENCE}, reason="")
    assert done(audit) == [("ann", "looked", "piece 1", "a call")]


def test_what_is_not_for_a_role_is_not_shown_whatever_the_reason(audit: Audit) -> None:
    with pytest.raises(NotAllowedError):
        audit.look(Staff("nora", Role.NETWORK_MANAGER), "piece 1", NAME, reason="a call")
    assert done(audit) == []


def test_who_opens_too_much_is_stopped_and_told_of_and_a_supervisor_may_allow_more(
    audit: Audit, clock: StoppedClock
) -> None:
    for piece in (1, 2, 3, 1, 2):
        audit.look(ANN, f"piece {piece}", NAME, reason="a call")
    for piece in (4, 5):
        with pytest.raises(BudgetSpentError):
            audit.look(ANN, f"piece {piece}", NAME, reason="a call")
    assert [each for each in done(audit) if each[1] == Action.STOPPED] == [("ann", "stopped", "3", "a call")]
    audit.look(BOB, "piece 1", NAME, reason="a call")
    for by in (ANN, Staff("ann", Role.SUPERVISOR)):
        with pytest.raises(NotAllowedError):
            audit.allow_more("ann", by=by, reason="a busy day")
    audit.allow_more("ann", by=BOB, reason="a busy day")
    assert audit.views_left(ANN) == 3
    for piece in (4, 5, 6):
        audit.look(ANN, f"piece {piece}", NAME, reason="a call")
    with pytest.raises(BudgetSpentError):
        audit.look(ANN, "piece 7", NAME, reason="a call")
    clock.instant += timedelta(days=1)
    audit.look(ANN, "piece 7", NAME, reason="a call")


def test_many_who_look_at_once_are_one_chain_and_within_the_budget(audit: Audit) -> None:
    def look(n: int) -> bool:
        try:
            audit.look(ANN, f"piece {n}", NAME, reason="a call")
        except BudgetSpentError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(look, range(12))) == 3
    assert audit.verify() == audit.head() == Head(4, audit.head().hash)


def test_an_export_verifies_by_itself(audit: Audit) -> None:
    audit.look(ANN, "piece \0\\ 1", NAME, reason="läuft 好")
    lines = list(audit.export(by=BOB))
    assert verify_lines(lines) == audit.head()
    assert isinstance(verify_lines([lines[1]]), Broken)


@pytest.mark.parametrize("harm", ["UPDATE audit SET reason = 'x'", "DELETE FROM audit"])
def test_the_database_itself_takes_no_change(audit: Audit, store: Store, harm: str) -> None:
    audit.look(ANN, "piece 1", NAME, reason="a call")
    with pytest.raises(DBAPIError, match="append only"), store.engine.begin() as connection:
        connection.exec_driver_sql(harm)
    assert audit.verify() == audit.head()


def test_a_row_that_was_changed_all_the_same_is_found(audit: Audit, store: Store) -> None:
    for piece in (1, 2, 3):
        audit.look(ANN, f"piece {piece}", NAME, reason="a call")
    noted = audit.head()
    with store.engine.begin() as connection:
        if store.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER audit_update")
        else:
            connection.exec_driver_sql("DROP TRIGGER audit_stays ON audit")
        connection.exec_driver_sql("UPDATE audit SET object = 'piece 9' WHERE n = 2")
    assert audit.verify([noted]) == Broken(2, "its content does not fit its hash")
