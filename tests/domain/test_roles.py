"""What each role may see and do, cell by cell: a row that changes here is a decision, not an accident."""

import pytest

from tracker.domain.decisions import MAY_DECIDE
from tracker.domain.errors import NotAllowedError, WeakPasswordError
from tracker.domain.passwords import check_password
from tracker.domain.roles import MAY_DO, MAY_SEE, PERSONAL, Act, Sight, may_do, may_see, see_to_it
from tracker.domain.staff import Role

ROLES = (Role.COURIER, Role.SHIPPER, Role.SUPPORT, Role.SUPERVISOR, Role.NETWORK_MANAGER, Role.ADMINISTRATOR)

SEEN = """
progress    x x x x x -
places      - - x x x -
evidence    - - x x x -
cases       - - x x x -
departures  - - x x x -
name        x x x x - -
door        x x x x - -
contact     - x x x - -
contents    - x x x - -
proof       - - x x - -
messages    - - x x - -
counts      - - x x x x
devices     - - - - - x
staff       - - - - - x
audit       - - - x - x
"""

DONE = """
keep own account    x x x x x x
scan                x - - - - -
book                - x - - - -
work cases          - - x x x -
open personal data  - - x x - -
decide              - - x x x -
write to people     - - x x - -
approve             - - - x - -
run the network     - - - - x -
keep devices        - - - - - x
keep staff          - - - - - x
read the audit      - - - x - x
"""


def cells(table: str) -> set[tuple[str, Role]]:
    lines = [line.split("  ")[0] for line in table.strip().splitlines()]
    marks = [line.split()[-len(ROLES) :] for line in table.strip().splitlines()]
    return {
        (name, role)
        for name, row in zip(lines, marks, strict=True)
        for role, x in zip(ROLES, row, strict=True)
        if x == "x"
    }


def test_every_cell_is_what_the_table_says_and_nothing_is_left_out() -> None:
    assert set(ROLES) == set(Role) == set(MAY_SEE) == set(MAY_DO)
    assert cells(SEEN) == {(sight.value, role) for sight in Sight for role in Role if may_see(role, sight)}
    assert cells(DONE) == {(act.value, role) for act in Act for role in Role if may_do(role, act)}
    assert len(SEEN.split("\n")) - 2 == len(Sight)
    assert len(DONE.split("\n")) - 2 == len(Act)


def test_who_decides_is_who_has_something_to_decide() -> None:
    assert {role for role in Role if may_do(role, Act.DECIDE)} == {r for r, may in MAY_DECIDE.items() if may} - {
        Role.ADMINISTRATOR  # who withdraws scans of broken devices, by the command
    }


def test_whoever_looks_at_people_does_it_at_the_desk() -> None:
    assert {r for r in Role if may_do(r, Act.LOOK)} == {r for r in Role if may_see(r, Sight.MESSAGES)}
    assert all(not PERSONAL & MAY_SEE[role] for role in (Role.NETWORK_MANAGER, Role.ADMINISTRATOR))


def test_a_refusal_names_who_may() -> None:
    with pytest.raises(NotAllowedError, match="is for supervisor or administrator, not for support"):
        see_to_it(Role.SUPPORT, Act.READ_AUDIT)
    see_to_it(Role.SUPERVISOR, Act.READ_AUDIT)


@pytest.mark.parametrize(
    ("password", "second_factor", "least"),
    [
        ("fourteen chars", False, 15),
        ("seven c", True, 8),
        ("x" * 129, False, 15),
        ("aaaaaaaaaaaaaaaa", False, None),
        ("lastscanlastscan1", False, None),
        ("adapasswordada12", False, None),
    ],
)
def test_a_weak_password_is_refused_with_what_would_do(password: str, second_factor: bool, least: int | None) -> None:
    with pytest.raises(WeakPasswordError) as weak:
        check_password(password, user="ada", second_factor=second_factor)
    assert weak.value.least == least


@pytest.mark.parametrize(
    ("password", "second_factor"),
    [("fifteen chars ok", False), ("eight ch", True), ("多" * 3 + "个词组成的密码也可以这样", False)],
)
def test_a_long_one_is_taken_whatever_it_is_made_of(password: str, second_factor: bool) -> None:
    check_password(password, user="ada", second_factor=second_factor)
