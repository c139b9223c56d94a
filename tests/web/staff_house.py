"""An installation with somebody of every role, its pages, and browsers that are signed in."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.pool import StaticPool

from tests.web.stand_in import NOON, House, mailbox
from tracker.audit import Audit
from tracker.callers import Callers
from tracker.cases import Cases
from tracker.clock import StoppedClock
from tracker.desk import Desk
from tracker.domain.staff import Role, Staff
from tracker.gaps import GapIncidents
from tracker.queries import Queries
from tracker.staff import StaffAccounts
from tracker.store import Store
from tracker.store.schema import metadata
from web.app import create_app
from web.desk.rooms import DeskServices
from web.same_origin import FIELD
from web.staff.rooms import StaffServices

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "many bags of tea"
HERE = {"Sec-Fetch-Site": "same-origin"}


@dataclass(frozen=True)
class Handheld:
    dev: str
    site: str = "sea"
    heard_at: datetime | None = NOON
    depth: int | None = 3
    battery: float | None = 0.12
    firmware: str | None = "2.1"
    revoked_at: datetime | None = None


@dataclass
class Handhelds:
    shown: list[Handheld] = field(default_factory=lambda: [Handheld("h-0017"), Handheld("h-0018", heard_at=None)])

    def list(self) -> Sequence[Handheld]:
        return self.shown

    def revoke(self, dev: str) -> None:
        self.shown = [replace(each, revoked_at=NOON) if each.dev == dev else each for each in self.shown]


class StaffHouse:
    """Every role has one, called by it: `support`, `network-manager`."""

    def __init__(self, *, demo: bool = True) -> None:
        engine = sa.create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        metadata.create_all(engine)
        self.store = Store(engine)
        self.clock = StoppedClock(NOON)
        self.accounts = StaffAccounts(self.store, b"k" * 32, self.clock, hasher=QUICK)
        self.audit = Audit(self.store, self.clock)
        self.handhelds = Handhelds()
        house = House()
        services = StaffServices(self.accounts, self.audit, self.handhelds, clock=self.clock)
        callers = Callers(self.store, self.audit)
        cases, decides = Cases(self.store, self.clock), Desk(self.store, self.clock)
        queries, gaps = Queries(self.store, self.clock), GapIncidents(self.store, self.clock)
        desk = DeskServices(cases, decides, callers, gaps, queries, self.audit)
        self.app: Flask = create_app(
            house, house, clock=self.clock, letters=mailbox, staff=services, desk=desk, demo=demo
        )
        self.tokens: dict[Role, str] = {}
        for role in Role:
            self.accounts.use_link(self.accounts.add(name_of(role), role=role, by=None), PASSWORD)

    def client(self, role: Role | None = None) -> FlaskClient:
        """A browser with a form open, signed in as this role."""
        client = self.app.test_client()
        client.set_cookie(FIELD, "0" * 32)
        if role is not None:
            client.set_cookie("staff", self.accounts.sign_in(name_of(role), PASSWORD).token)
        return client

    def post(self, client: FlaskClient, path: str, **data: str):  # type: ignore[no-untyped-def]
        return client.post(path, data=data, headers={**HERE, "X-Form": token()})

    def later(self, **by: float) -> None:
        self.clock.instant += timedelta(**by)


def name_of(role: Role) -> str:
    return role.value.replace("_", "-")


def staff_of(role: Role) -> Staff:
    return Staff(name_of(role), role)


def token() -> str:
    """What `form_token` draws from the cookie that `StaffHouse.client` has."""
    from web.same_origin import _drawn

    return "1" * 32 + _drawn("0" * 32, "1" * 32)
