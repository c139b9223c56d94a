"""Numbers and names: parsed once at the edge, valid ever after."""

from tracker.domain.ids.candidate import ANYWHERE, MATCHING, Candidate, Context, is_ambiguous
from tracker.domain.ids.containers import NEVER_A_PIECE, container_of
from tracker.domain.ids.identify import LONGEST, aliases_in, identify
from tracker.domain.ids.link import linked_number
from tracker.domain.ids.names import (
    DepartureName,
    carrier_of,
    facility_code,
    facility_of_site,
    is_departure,
    is_epoch,
    is_wire_name,
    wire_name,
)
from tracker.domain.ids.plate import NOTHING_READ, LicencePlate
from tracker.domain.ids.readings import readings
from tracker.domain.ids.s10 import S10Number, scattered_serial

__all__ = [
    "ANYWHERE",
    "LONGEST",
    "MATCHING",
    "NEVER_A_PIECE",
    "NOTHING_READ",
    "Candidate",
    "Context",
    "DepartureName",
    "LicencePlate",
    "S10Number",
    "aliases_in",
    "carrier_of",
    "container_of",
    "facility_code",
    "facility_of_site",
    "identify",
    "is_ambiguous",
    "is_departure",
    "is_epoch",
    "is_wire_name",
    "linked_number",
    "readings",
    "scattered_serial",
    "wire_name",
]
