"""The body of `POST /api/v1/shipments`: its form, what is refused, and the booking it asks for."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, TypeVar
from zoneinfo import available_timezones

import msgspec
from msgspec import Meta, Struct

from tracker.domain.booking import BookedPiece, BookingRequest, Party
from tracker.domain.errors import BadNameError
from tracker.domain.ids import DepartureName, facility_code
from tracker.domain.shipment import Goods, PieceKind

NO_CONTROLS = r"^[^\x00-\x1f\x7f]*\Z"  # a line end in a name must never become a header of a mail

Line = Annotated[str, Meta(max_length=200, pattern=NO_CONTROLS)]
Name = Annotated[str, Meta(min_length=1, max_length=120, pattern=NO_CONTROLS)]
Code = Annotated[str, Meta(min_length=2, max_length=12)]
_WORD = r"[^\s@<>()\",;:\\\x00-\x1f\x7f]"
Email = Annotated[str, Meta(max_length=254, pattern=rf"^{_WORD}{{1,64}}@{_WORD}+\Z")]
Phone = Annotated[str, Meta(max_length=32, pattern=r"^\+?[0-9 ()./-]{3,31}\Z")]
Language = Annotated[str, Meta(max_length=35, pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}\Z")]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]
Side = Annotated[int, Meta(gt=0, le=100_000)]
Instant = Annotated[datetime, Meta(tz=True)]


class Form(Struct, forbid_unknown_fields=True, frozen=True):
    pass


AnyForm = TypeVar("AnyForm", bound=Form)


class AddressForm(Form, frozen=True):
    lines: Annotated[tuple[Line, ...], Meta(max_length=6)] = ()
    city: Line | None = None
    postcode: Annotated[str, Meta(max_length=16, pattern=NO_CONTROLS)] | None = None
    country: Country | None = None


class PartyForm(Form, frozen=True):
    name: Name
    email: Email | None = None
    phone: Phone | None = None
    language: Language = "en"
    timezone: Annotated[str, Meta(max_length=64)] | None = None
    address: AddressForm = AddressForm()

    def party(self) -> Party:
        return Party(
            name=self.name,
            email=self.email,
            phone=self.phone,
            language=self.language,
            zone=self.timezone,
            postcode=self.address.postcode,
            country=self.address.country,
            city=self.address.city,
            lines=self.address.lines,
        )


class ValueForm(Form, frozen=True):
    minor: Annotated[int, Meta(ge=0, le=10**12)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]


class PieceForm(Form, frozen=True):
    """`contents`, `hs` and `value` are what customs of another country will ask."""

    kind: Literal["parcel", "bag"] = "parcel"
    number: Annotated[str, Meta(min_length=1, max_length=64, pattern=NO_CONTROLS)] | None = None
    carrier: Annotated[str, Meta(max_length=32, pattern=r"^[a-z][a-z0-9_]*\Z")] | None = None
    weight_g: Annotated[int, Meta(gt=0, le=10_000_000)] | None = None
    size_mm: tuple[Side, Side, Side] | None = None
    contents: Line | None = None
    hs: Annotated[str, Meta(pattern=r"^[0-9]{4,10}\Z")] | None = None
    value: ValueForm | None = None

    def piece(self) -> BookedPiece:
        return BookedPiece(
            PieceKind(self.kind),
            self.number,
            self.weight_g,
            self.size_mm,
            Goods(self.contents, self.hs, *((self.value.minor, self.value.currency) if self.value else ())),
            self.carrier,
        )


class NotifyForm(Form, frozen=True):
    consignee: tuple[Literal["email", "sms"], ...] = ("email",)


class ShipmentForm(Form, frozen=True):
    shipper: PartyForm
    consignee: PartyForm
    origin: Code
    destination: Code
    ready_at: Instant
    pieces: Annotated[tuple[PieceForm, ...], Meta(min_length=1, max_length=100)] = (PieceForm(),)
    reference: Annotated[str, Meta(max_length=64, pattern=NO_CONTROLS)] | None = None
    service: Annotated[str, Meta(max_length=32, pattern=r"^[a-z_]+\Z")] = "standard"
    legs: Annotated[tuple[Annotated[str, Meta(max_length=24)], ...], Meta(max_length=12)] = ()
    notify: NotifyForm = NotifyForm()


@dataclass(frozen=True, slots=True)
class Fault:
    """One field that is wrong, by its JSON pointer (RFC 6901)."""

    pointer: str
    detail: str


class BadFormError(Exception):
    """The body is JSON but not of the form asked for; `faults` name what to mend."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults))
        self.faults = faults


class NotJsonError(Exception):
    """The body is no JSON at all."""


def read_form(body: bytes, form: type[AnyForm]) -> AnyForm:
    """A body by its form. Raises NotJsonError, or BadFormError with the field to mend."""
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.ValidationError as wrong:
        raise BadFormError(_fault(str(wrong))) from wrong
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise NotJsonError(str(wrong)) from wrong


def read_booking(body: bytes) -> BookingRequest:
    """The booking a body asks for. Raises NotJsonError or BadFormError; whether the network can do it is not judged."""
    form = read_form(body, ShipmentForm)
    faults = [*_zones(form), *_names(form)]
    if faults:
        raise BadFormError(*faults)
    return BookingRequest(
        origin=facility_code(form.origin),
        destination=facility_code(form.destination),
        ready_at=form.ready_at,
        shipper=form.shipper.party(),
        consignee=form.consignee.party(),
        pieces=tuple(piece.piece() for piece in form.pieces),
        reference=form.reference,
        service=form.service,
        legs=tuple(str(DepartureName.parse(leg)) for leg in form.legs),
        notify=form.notify.consignee,
    )


def _zones(form: ShipmentForm) -> list[Fault]:
    return [
        Fault(f"/{who}/timezone", "not a time zone of the IANA database, such as Europe/Amsterdam")
        for who, party in (("shipper", form.shipper), ("consignee", form.consignee))
        if party.timezone is not None and party.timezone not in available_timezones()
    ]


def _names(form: ShipmentForm) -> list[Fault]:
    faults = []
    for pointer, code in (("/origin", form.origin), ("/destination", form.destination)):
        try:
            facility_code(code)
        except BadNameError as wrong:
            faults.append(Fault(pointer, str(wrong)))
    for at, leg in enumerate(form.legs):
        try:
            DepartureName.parse(leg)
        except BadNameError as wrong:
            faults.append(Fault(f"/legs/{at}", str(wrong)))
    return faults


_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>\$[^`]*)`)?$", re.DOTALL)
_FIELD = re.compile(r"(?:missing required|contains unknown) field `(?P<field>.*)`$", re.DOTALL)


def _fault(message: str) -> Fault:
    """msgspec's message as a pointer and a sentence: ``Expected `int`, got `str` - at `$.pieces[0].weight_g```."""
    found = _AT.match(message)
    what, path = (found["what"], found["path"] or "$") if found else (message, "$")
    pointer = re.sub(r"\[(\d+)\]", r"/\1", path.removeprefix("$")).replace(".", "/")
    field = _FIELD.search(what)
    if field:
        pointer += "/" + field["field"][:64].replace("~", "~0").replace("/", "~1")
        what = "this field is missing" if "missing" in what else "there is no such field"
    return Fault(pointer, what.replace("`", ""))
