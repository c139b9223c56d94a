"""The sentences of the pages that depend on a kind, a state or a milestone: one table each, parcels and bags apart."""

from locales import sentence
from tracker.domain.card import Milestone
from tracker.domain.handling import Kind
from tracker.domain.rules import IrregularityKind
from tracker.domain.shipment import PieceKind
from tracker.domain.staff import Role
from tracker.domain.timeline import State

MILESTONES: dict[PieceKind, dict[Milestone, str]] = {
    PieceKind.PARCEL: {
        Milestone.BOOKED: sentence("Booked"),
        Milestone.ACCEPTED: sentence("Handed to us"),
        Milestone.ON_ITS_WAY: sentence("On its way"),
        Milestone.AT_DESTINATION: sentence("Nearly there"),
        Milestone.OUT_FOR_DELIVERY: sentence("Out for delivery"),
        Milestone.DELIVERED: sentence("Delivered"),
    },
    PieceKind.BAG: {
        Milestone.BOOKED: sentence("Tagged"),
        Milestone.ACCEPTED: sentence("Checked in"),
        Milestone.ON_ITS_WAY: sentence("On its way"),
        Milestone.AT_DESTINATION: sentence("Landed"),
        Milestone.OUT_FOR_DELIVERY: sentence("To the belt"),
        Milestone.DELIVERED: sentence("On the belt"),
    },
}

HEADLINES: dict[PieceKind, dict[State, str]] = {
    PieceKind.PARCEL: {
        State.BOOKED: sentence("Booked, not handed to us yet"),
        State.ACCEPTED: sentence("We have it in {place}"),
        State.MOVING: sentence("On its way"),
        State.AT_CUSTOMS: sentence("With customs in {place}"),
        State.OUT_FOR_DELIVERY: sentence("Out for delivery"),
        State.ATTEMPTED: sentence("We tried to deliver it"),
        State.READY_FOR_PICKUP: sentence("Ready to be picked up"),
        State.DELIVERED: sentence("Delivered"),
        State.RETURNING: sentence("On its way back to the sender"),
    },
    PieceKind.BAG: {
        State.BOOKED: sentence("Tagged, not checked in yet"),
        State.ACCEPTED: sentence("Checked in at {place}"),
        State.MOVING: sentence("On its way"),
        State.AT_CUSTOMS: sentence("With customs in {place}"),
        State.OUT_FOR_DELIVERY: sentence("On its way to the belt"),
        State.ATTEMPTED: sentence("Nobody was there to take it"),
        State.READY_FOR_PICKUP: sentence("Waits at the baggage desk"),
        State.DELIVERED: sentence("On the belt in {place}"),
        State.RETURNING: sentence("On its way back"),
    },
}

NO_WINDOW_YET = sentence("We are sorry. A new time will stand here as soon as we know it.")
ARRIVED_AT = sentence("Arrived in {place}")
MOVING_TO = sentence("On its way to {place}")
LAST_MILE = sentence("At the local delivery station")
HELD_AT = sentence("Held at {place}")
MISSED_AT = sentence("It missed its connection in {place}")

ENTRIES: dict[PieceKind, dict[str, str]] = {
    PieceKind.PARCEL: {
        Kind.BOOK: sentence("Booked"),
        Kind.ACCEPT: sentence("Taken over from the sender"),
        Kind.ARRIVE: sentence("Arrived"),
        Kind.UNLOAD: sentence("Unloaded"),
        Kind.UNPACK: sentence("Taken out of its container"),
        Kind.CUSTOMS_IN: sentence("Handed to customs"),
        Kind.CUSTOMS_OUT: sentence("Released by customs"),
        Kind.SORT: sentence("Sorted for the next leg"),
        Kind.OFFLOAD: sentence("Taken off again"),
        Kind.WITHDRAW: sentence("Booking withdrawn"),
        Kind.HOLD: sentence("Held"),
        Kind.RELEASE: sentence("Goes on after being held"),
        Kind.PACK: sentence("Packed into a container"),
        Kind.LOAD: sentence("Loaded"),
        Kind.DEPART: sentence("Left"),
        Kind.OUT_FOR_DELIVERY: sentence("On the van for delivery"),
        Kind.ATTEMPT: sentence("Delivery tried; nobody could take it"),
        Kind.READY_FOR_PICKUP: sentence("Ready to be picked up"),
        Kind.DELIVER: sentence("Delivered"),
        Kind.RETURN: sentence("Sent back to the sender"),
        Kind.DAMAGE: sentence("Found damaged"),
        Kind.LOST: sentence("Declared lost"),
        Kind.FOUND: sentence("Found again"),
        Kind.EXPEDITE: sentence("Goes before others"),
        Kind.READDRESS: sentence("Address corrected"),
        Kind.APOLOGY: sentence("We wrote that we are sorry"),
        Kind.REPLAN: sentence("Sent another way"),
        Kind.VOID: sentence("A wrong scan taken back"),
    },
    PieceKind.BAG: {
        Kind.BOOK: sentence("Tag issued"),
        Kind.ACCEPT: sentence("Checked in"),
        Kind.SORT: sentence("Sorted for its flight"),
        Kind.LOAD: sentence("Loaded"),
        Kind.UNLOAD: sentence("Unloaded from the aircraft"),
        Kind.DELIVER: sentence("Put on the belt"),
        Kind.OUT_FOR_DELIVERY: sentence("On its way to the belt"),
        Kind.RETURN: sentence("Sent back"),
    },
}

DECIDED: dict[Role, str] = {
    Role.SUPPORT: sentence("Decided by our support on {instant}, local time."),
    Role.SUPERVISOR: sentence("Decided by a supervisor of ours on {instant}, local time."),
    Role.NETWORK_MANAGER: sentence("Decided by our network management on {instant}, local time."),
    Role.ADMINISTRATOR: sentence("Decided by an administrator of ours on {instant}, local time."),
}

LOADED_ON = sentence("Loaded on {departure} to {place}")
LEFT_ON = sentence("Left on {departure} for {place}")
OTHER = sentence("Handled")

NEXT: dict[PieceKind, dict[str, str]] = {
    PieceKind.PARCEL: {
        Kind.ACCEPT: sentence("We take it over in {place}, by {by}."),
        Kind.ARRIVE: sentence("It arrives in {place}, by {by}."),
        Kind.UNLOAD: sentence("It is unloaded in {place}, by {by}."),
        Kind.SORT: sentence("It is sorted in {place}, by {by}."),
        Kind.LOAD: sentence("It leaves {place} on {departure} at {by}."),
        Kind.OUT_FOR_DELIVERY: sentence("It goes on a van for delivery, around {by}."),
        Kind.DELIVER: sentence("It is delivered, by {by}."),
    },
    PieceKind.BAG: {
        Kind.ACCEPT: sentence("It is checked in at {place}, by {by}."),
        Kind.UNLOAD: sentence("It is unloaded in {place}, by {by}."),
        Kind.SORT: sentence("It is sorted in {place}, by {by}."),
        Kind.LOAD: sentence("It leaves {place} on {departure} at {by}."),
        Kind.DELIVER: sentence("It comes onto the belt in {place}."),
    },
}

TROUBLES: dict[IrregularityKind, str] = {  # of those that customers are told; what it is held for only its recipient
    IrregularityKind.MISSED_CONNECTION: sentence("It missed its connection in {place}"),
    IrregularityKind.LEG_CANCELLED: sentence("The departure it was planned on is cancelled"),
    IrregularityKind.LEG_DIVERTED: sentence("The departure it was planned on goes elsewhere"),
    IrregularityKind.PLACE_CLOSED: sentence("A place on its way is closed"),
    IrregularityKind.MISSORTED: sentence("It came to the wrong place: {place}"),
    IrregularityKind.NEVER_INDUCTED: sentence("It was not handed over yet"),
    IrregularityKind.HELD: sentence("It is held at {place}"),
    IrregularityKind.HELD_AT_CUSTOMS: sentence("Customs keep it at {place}"),
    IrregularityKind.HELD_FOR_PAYMENT: sentence("It waits for a payment at {place}"),
    IrregularityKind.HELD_FOR_ADDRESS: sentence("It waits at {place} for the right address"),
    IrregularityKind.DAMAGED: sentence("It was damaged"),
    IrregularityKind.ATTEMPT_FAILED: sentence("It could not be handed over"),
    IrregularityKind.REFUSED: sentence("Whoever was there did not take it"),
    IrregularityKind.RETURNED: sentence("It is sent back"),
    IrregularityKind.LOST: sentence("It is lost"),
    IrregularityKind.LATE: sentence("It is later than we promised"),
}

HEADLINE_SAYS_IT = sentence("What went wrong")

REMEDIES: dict[IrregularityKind, str] = {
    IrregularityKind.MISSED_CONNECTION: sentence(
        "We are looking for the next departure; it will stand here at once. There is nothing you need to do."
    ),
    IrregularityKind.LEG_CANCELLED: sentence(
        "We are looking for the next departure; it will stand here at once. There is nothing you need to do."
    ),
    IrregularityKind.LEG_DIVERTED: sentence(
        "We are looking for the next departure; it will stand here at once. There is nothing you need to do."
    ),
    IrregularityKind.PLACE_CLOSED: sentence(
        "We are looking for the next departure; it will stand here at once. There is nothing you need to do."
    ),
    IrregularityKind.MISSORTED: sentence("It is being sent back to its way. There is nothing you need to do."),
    IrregularityKind.NEVER_INDUCTED: sentence(
        "It travels as soon as its sender has handed it over; ask them if it is urgent."
    ),
    IrregularityKind.HELD: sentence("It goes on as soon as it is released; this page will say so."),
    IrregularityKind.HELD_AT_CUSTOMS: sentence("It goes on as soon as customs release it; this page will say so."),
    IrregularityKind.HELD_FOR_PAYMENT: sentence("It goes on as soon as what is owed for it is paid."),
    IrregularityKind.HELD_FOR_ADDRESS: sentence("Tell us or whoever sent it the right address, and it goes on."),
    IrregularityKind.REFUSED: sentence("It goes back to whoever sent it, unless you tell us otherwise."),
    IrregularityKind.DAMAGED: sentence("We are sorry. Whoever sent it can claim; we have kept what was seen."),
    IrregularityKind.ATTEMPT_FAILED: sentence("We try again on the next round. There is nothing you need to do."),
    IrregularityKind.RETURNED: sentence("It goes back to whoever sent it; ask them to send it again."),
    IrregularityKind.LOST: sentence("We are sorry. Whoever sent it will hear from us about the claim."),
    IrregularityKind.LATE: sentence("We are sorry. The window above is what we expect now."),
}

GOES_WITH = sentence(
    "It goes with {departure} instead: leaves {origin} {departs_at}, arrives {destination} {arrives_at}."
)

PARTS_OF_DAY = (
    sentence("night"),
    sentence("morning"),
    sentence("afternoon"),
    sentence("evening"),
)
"""By the quarter of the day, as `tracker.domain.card` coarsens the last mile."""


def entry(kind: PieceKind, handled: str) -> str:
    """What a line of the timeline says; a word that a device made up is *handled*."""
    return ENTRIES[kind].get(handled) or ENTRIES[PieceKind.PARCEL].get(handled) or OTHER
