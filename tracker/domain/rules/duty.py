"""What an irregularity asks for: who must act, what comes next, and when it is over by itself."""

from dataclasses import dataclass
from enum import StrEnum

from tracker.domain.rules.irregularity import IrregularityKind
from tracker.domain.why import Why, because


class Actor(StrEnum):
    RECIPIENT = "recipient"
    SHIPPER = "shipper"
    COURIER = "courier"
    STATION = "station"  # whoever works where the piece is
    NETWORK = "network"  # whoever plans departures
    SUPPORT = "support"


@dataclass(frozen=True, slots=True)
class Duty:
    """One row of the table below. `told`: whether customers see this irregularity at all, on pages or in the API."""

    actor: Actor
    next_step: Why
    over: Why
    told: bool = True


DUTIES: dict[IrregularityKind, Duty] = {
    IrregularityKind.CONNECTION_AT_RISK: Duty(
        Actor.NETWORK,
        because("See whether holding the departure pays; have it unloaded first and brought over."),
        because("The forecast takes it back, it is loaded or planned anew, or the departure leaves."),
        told=False,
    ),
    IrregularityKind.MISSED_CONNECTION: Duty(
        Actor.NETWORK,
        because("Plan the next departure with room, and put it first there."),
        because("It leaves on another departure, or is seen further along."),
    ),
    IrregularityKind.LEG_CANCELLED: Duty(
        Actor.NETWORK,
        because("Plan the next departure with room, and put it first there."),
        because("It leaves on another departure, or is seen further along."),
    ),
    IrregularityKind.LEG_DIVERTED: Duty(
        Actor.NETWORK,
        because("Plan the next departure with room; fetch what is aboard from where it lands."),
        because("It leaves on another departure, or is seen further along."),
    ),
    IrregularityKind.PLACE_CLOSED: Duty(
        Actor.NETWORK,
        because("Plan it around the place, or on from there once it is open again."),
        because("It leaves on another departure, or is seen further along."),
    ),
    IrregularityKind.MISSORTED: Duty(
        Actor.STATION,
        because("Send it back to its way with the next departure."),
        because("It is seen at a place of its plan."),
    ),
    IrregularityKind.OVERAGE: Duty(
        Actor.STATION,
        because("Take it off before the departure leaves, or tell the place it goes to."),
        because("It is unloaded again, loaded as planned, or seen on its way."),
        told=False,
    ),
    IrregularityKind.SHORTAGE: Duty(
        Actor.STATION,
        because("Look for it where it was scanned last and in what it was packed into."),
        because("It is scanned anywhere."),
        told=False,
    ),
    IrregularityKind.NEVER_INDUCTED: Duty(
        Actor.SHIPPER,
        because("Hand it over, or cancel the booking."),
        because("It is scanned for the first time."),
    ),
    IrregularityKind.SILENT: Duty(
        Actor.STATION,
        because("Look for it at the place named; check whether handhelds there are off line."),
        because("It is scanned again, or a scan made in time comes in."),
        told=False,
    ),
    IrregularityKind.DWELLING: Duty(
        Actor.STATION,
        because("Look for it on the floor and send it on."),
        because("It leaves the place, or is stopped there for a reason."),
        told=False,
    ),
    IrregularityKind.HELD: Duty(
        Actor.STATION,
        because("Settle what it was stopped for, and release it."),
        because("It is released, handed over, or seen further on."),
    ),
    IrregularityKind.HELD_AT_CUSTOMS: Duty(
        Actor.RECIPIENT,
        because("Give customs the paper or payment they ask for."),
        because("Customs let it go, or it is seen further on."),
    ),
    IrregularityKind.HELD_FOR_PAYMENT: Duty(
        Actor.RECIPIENT,
        because("Pay what is due."),
        because("It is released, handed over, or seen further on."),
    ),
    IrregularityKind.HELD_FOR_ADDRESS: Duty(
        Actor.RECIPIENT,
        because("Correct the address."),
        because("It is released, handed over, or seen further on."),
    ),
    IrregularityKind.PAPERS_MISSING: Duty(
        Actor.SHIPPER,
        because("Say what customs will ask: contents, customs tariff number and value."),
        because("Customs let it go."),
        told=False,
    ),
    IrregularityKind.DAMAGED: Duty(
        Actor.SUPPORT,
        because("Ask what is left of it, and settle the claim."),
        because("Only a person closes it."),
    ),
    IrregularityKind.ATTEMPT_FAILED: Duty(
        Actor.RECIPIENT,
        because("Choose another day, place or person; else it is tried again."),
        because("It goes out again, waits to be picked up, is handed over or sent back."),
    ),
    IrregularityKind.REFUSED: Duty(
        Actor.SHIPPER,
        because("Decide whether it is tried again or sent back."),
        because("It is handed over or sent back."),
    ),
    IrregularityKind.RETURNED: Duty(
        Actor.COURIER,
        because("Bring it back to whoever sent it."),
        because("It is handed back."),
    ),
    IrregularityKind.DELIVERED_ELSEWHERE: Duty(
        Actor.COURIER,
        because("Fetch it and bring it where it belongs."),
        because("It is handed over at its destination, or the scan is withdrawn."),
        told=False,
    ),
    IrregularityKind.LOST: Duty(
        Actor.SUPPORT,
        because("Settle the claim; say so in person."),
        because("It is found, or scanned anywhere."),
    ),
    IrregularityKind.LATE: Duty(
        Actor.SUPPORT,
        because("Tell the new window and why; make good what was promised."),
        because("It is handed over."),
    ),
}
