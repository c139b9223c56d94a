"""How kinds, views, endings, notices and their fates are said at the desk: shorter than on the pages of customers."""

from locales import sentence
from tracker.domain.cases import Ending, View
from tracker.domain.incidents import IncidentKind
from tracker.domain.notices import NoticeKind
from tracker.domain.rules import IrregularityKind
from tracker.domain.rules.duty import Actor

KINDS: dict[IrregularityKind, str] = {
    IrregularityKind.CONNECTION_AT_RISK: sentence("Connection at risk"),
    IrregularityKind.MISSED_CONNECTION: sentence("Missed connection"),
    IrregularityKind.LEG_CANCELLED: sentence("Departure cancelled"),
    IrregularityKind.LEG_DIVERTED: sentence("Departure diverted"),
    IrregularityKind.PLACE_CLOSED: sentence("Place closed"),
    IrregularityKind.MISSORTED: sentence("Missorted"),
    IrregularityKind.OVERAGE: sentence("Loaded, and not planned"),
    IrregularityKind.SHORTAGE: sentence("Looked for, and not seen"),
    IrregularityKind.NEVER_INDUCTED: sentence("Never handed in"),
    IrregularityKind.SILENT: sentence("Not heard of"),
    IrregularityKind.DWELLING: sentence("Lies too long"),
    IrregularityKind.HELD: sentence("On hold"),
    IrregularityKind.HELD_AT_CUSTOMS: sentence("Held by customs"),
    IrregularityKind.HELD_FOR_PAYMENT: sentence("Held for payment"),
    IrregularityKind.HELD_FOR_ADDRESS: sentence("Held for its address"),
    IrregularityKind.PAPERS_MISSING: sentence("Papers missing"),
    IrregularityKind.DAMAGED: sentence("Damaged"),
    IrregularityKind.ATTEMPT_FAILED: sentence("Delivery tried in vain"),
    IrregularityKind.REFUSED: sentence("Refused"),
    IrregularityKind.RETURNED: sentence("Sent back"),
    IrregularityKind.DELIVERED_ELSEWHERE: sentence("Delivered elsewhere"),
    IrregularityKind.LOST: sentence("Lost"),
    IrregularityKind.LATE: sentence("Late"),
}

ACTORS: dict[Actor, str] = {
    Actor.RECIPIENT: sentence("Recipient acts"),
    Actor.SHIPPER: sentence("Shipper acts"),
    Actor.COURIER: sentence("Courier acts"),
    Actor.STATION: sentence("Station acts"),
    Actor.NETWORK: sentence("Network acts"),
    Actor.SUPPORT: sentence("Support acts"),
}

VIEWS: dict[View, str] = {
    View.ALL: sentence("All open"),
    View.BREACHING: sentence("Breaching"),
    View.MINE: sentence("Mine"),
    View.UNASSIGNED: sentence("Unassigned"),
}

ENDINGS: dict[Ending, str] = {
    Ending.SOLVED: sentence("Solved"),
    Ending.TOLD: sentence("The customer knows; nothing more can be done"),
    Ending.HANDED_ON: sentence("Handed on to others"),
    Ending.CLAIM: sentence("It became a claim"),
    Ending.NOTHING_WRONG: sentence("Nothing was wrong"),
}

INCIDENTS: dict[IncidentKind, str] = {
    IncidentKind.CANCELLED: sentence("{root} is cancelled"),
    IncidentKind.DIVERTED: sentence("{root} is diverted"),
    IncidentKind.LATE: sentence("{root} is late, and breaks connections"),
    IncidentKind.LEFT_WITHOUT: sentence("{root} left pieces behind"),
    IncidentKind.CLOSED: sentence("{root} is closed"),
    IncidentKind.SILENT_HUB: sentence("{root} is silent"),
}

NOTICES: dict[str, str] = {
    NoticeKind.BOOKED: sentence("Booked"),
    NoticeKind.PICKED_UP: sentence("Handed to us"),
    NoticeKind.ETA_CHANGED: sentence("New window"),
    NoticeKind.OUT_FOR_DELIVERY: sentence("Out for delivery"),
    NoticeKind.DELIVERED: sentence("Delivered"),
    NoticeKind.READY_FOR_PICKUP: sentence("Ready to be picked up"),
    NoticeKind.PICKUP_REMINDER: sentence("Reminder to pick up"),
    NoticeKind.DELIVERY_ATTEMPTED: sentence("Delivery tried in vain"),
    NoticeKind.LATE: sentence("Late"),
    NoticeKind.LATE_PREDICTED: sentence("Will be late"),
    NoticeKind.STALLED: sentence("Lies too long"),
    NoticeKind.CONNECTION_AT_RISK: sentence("Connection at risk"),
    NoticeKind.MISSED_CONNECTION: sentence("Missed connection"),
    NoticeKind.LEG_CANCELLED: sentence("Departure cancelled"),
    NoticeKind.REPLANNED: sentence("New way"),
    NoticeKind.WITHDRAWN: sentence("Taken back"),
    NoticeKind.CUSTOMS_HOLD: sentence("Held by customs"),
    NoticeKind.CUSTOMS_RELEASED: sentence("Released by customs"),
    NoticeKind.PAYMENT_DUE: sentence("Payment due"),
    NoticeKind.ADDRESS_PROBLEM: sentence("Address wanted"),
    NoticeKind.DAMAGED: sentence("Damaged"),
    NoticeKind.LOST: sentence("Lost"),
    NoticeKind.RETURNING: sentence("Goes back"),
    NoticeKind.RETURNED: sentence("Back with its sender"),
    NoticeKind.CORRECTION: sentence("Correction"),
    NoticeKind.APOLOGY: sentence("Apology"),
    NoticeKind.CONFIRM_CONTACT: sentence("Asked whether to write there"),
}

FATES: dict[str, str] = {
    "due": sentence("waits"),
    "accepted": sentence("sent"),
    "unknown": sentence("perhaps sent"),
    "failed": sentence("could not be sent"),
    "cancelled": sentence("not sent: no longer true"),
    "superseded": sentence("not sent: a newer one says more"),
    "expired": sentence("not sent: too old"),
    "opted_out": sentence("not sent: not wanted"),
    "muted": sentence("not sent: from before"),
}
"""What became of a notice, by the words of `tracker.domain.card.ToldNotice`."""

HOURS_LEFT = sentence("{hours} h {minutes} min left")
MINUTES_LEFT = sentence("{minutes} min left")
OVER_SINCE = sentence("{hours} h over")
