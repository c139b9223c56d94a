"""A real tracker behind the desk's pages: pieces, scans, decisions and what people are told, and agents signed in."""

from flask import Flask
from flask.testing import FlaskClient

from tests.tracker.test_desk import at_denver
from tests.tracker.test_project import DEPARTED, tell
from tests.tracker.world import ONWARD, World, at
from tests.web.staff_house import HERE, PASSWORD, QUICK, Handhelds, name_of, token
from tracker.audit import Audit
from tracker.callers import Callers
from tracker.cases import Cases
from tracker.desk import Desk
from tracker.domain.handling import Kind
from tracker.domain.rules import IrregularityKind
from tracker.domain.staff import Role
from tracker.gaps import GapIncidents
from tracker.staff import StaffAccounts
from web.app import create_app
from web.desk.rooms import DeskServices
from web.desk.view import href
from web.same_origin import FIELD
from web.staff.rooms import StaffServices

AGENTS = (Role.SUPPORT, Role.SUPERVISOR, Role.NETWORK_MANAGER)


class DeskHouse:
    """Everybody of AGENTS has an account, called by the role."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.accounts = StaffAccounts(world.store, b"k" * 32, world.clock, hasher=QUICK)
        self.audit = Audit(world.store, world.clock)
        self.cases = Cases(world.store, world.clock, world.clock)
        self.app: Flask = create_app(
            world.queries,
            world.bookings,
            clock=world.clock,
            staff=StaffServices(self.accounts, self.audit, Handhelds(), clock=world.clock),
            desk=DeskServices(
                self.cases,
                Desk(world.store, world.clock),
                Callers(world.store, self.audit),
                GapIncidents(world.store, world.clock),
                world.queries,
                self.audit,
            ),
        )
        for role in AGENTS:
            self.accounts.use_link(self.accounts.add(name_of(role), role=role, by=None), PASSWORD)

    def client(self, role: Role = Role.SUPPORT) -> FlaskClient:
        """A browser with a form open, signed in as this role."""
        client = self.app.test_client()
        client.set_cookie(FIELD, "0" * 32)
        client.set_cookie("staff", self.accounts.sign_in(name_of(role), PASSWORD).token)
        return client

    def post(self, client: FlaskClient, path: str, **data: str):  # type: ignore[no-untyped-def]
        return client.post(path, data=data, headers={**HERE, "X-Form": token()})

    def missed_connection(self) -> str:
        """Where the case is of a parcel that its flight from Denver left behind."""
        number = at_denver(self.world)
        tell(self.world, [DEPARTED[4], (number, Kind.SORT, "den", 9.0, {})])
        self.world.clock.instant = at(9)
        self.world.fold()
        return href((number, IrregularityKind.MISSED_CONNECTION, ONWARD))
