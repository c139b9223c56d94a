"""Our small named world: Amsterdam to Oslo by way of the hub in Frankfurt, on one Saturday; Ada's bag and her parcel.

AMS-ST ──RT100──▶ AMS ──LH991──▶ FRA ──LH860, LH862, LH864──▶ OSL ──RT700, RT701, RT702──▶ OSL-ST
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from tracker.domain.eta import promised
from tracker.domain.forecast.alert import CUSTOMER, DESK
from tracker.domain.handling import EventKey, HandlingEvent, Kind, scan_key
from tracker.domain.itinerary import Foreseen, Itinerary, Plan, Replan, leg_on
from tracker.domain.judge import judge
from tracker.domain.network import Departure, Facility, FacilityKind, Mode
from tracker.domain.notices import Judgement, Notice, Said
from tracker.domain.owed import notices_owed
from tracker.domain.rules import Irregularity, IrregularityKind, irregularities
from tracker.domain.shipment import Goods, Piece, PieceKind
from tracker.domain.situation import Situation
from tracker.domain.timeline import Progress, Timeline, progress, timeline

SATURDAY = datetime(2026, 11, 21, tzinfo=UTC)
EPOCH = "9f3c" * 8


def at(clock: str, *, day: int = 0) -> datetime:
    """`at("10:50")`: an instant of our Saturday, UTC, or so many days after it."""
    hours, minutes = clock.split(":")
    return SATURDAY + timedelta(days=day, hours=int(hours), minutes=int(minutes))


# --- places ---

AMS_ST = Facility(
    "AMS-ST", FacilityKind.STATION, "Europe/Amsterdam", "NL", 52.36, 4.79,
    {"en": "Amsterdam West station", "zh-Hans": "阿姆斯特丹西站"}, {"en": "Amsterdam", "zh-Hans": "阿姆斯特丹"},
)  # fmt: skip
AMS = Facility(
    "AMS", FacilityKind.GATEWAY, "Europe/Amsterdam", "NL", 52.3086, 4.7639,
    {"en": "Amsterdam Schiphol", "zh-Hans": "阿姆斯特丹史基浦机场"}, {"en": "Amsterdam", "zh-Hans": "阿姆斯特丹"},
)  # fmt: skip
FRA = Facility(
    "FRA", FacilityKind.HUB, "Europe/Berlin", "DE", 50.0333, 8.5706,
    {"en": "Frankfurt hub", "zh-Hans": "法兰克福枢纽"}, {"en": "Frankfurt", "zh-Hans": "法兰克福"},
    timedelta(minutes=35),
)  # fmt: skip
OSL = Facility(
    "OSL", FacilityKind.GATEWAY, "Europe/Oslo", "NO", 60.1939, 11.1004,
    {"en": "Oslo Gardermoen", "zh-Hans": "奥斯陆加勒穆恩机场"}, {"en": "Oslo", "zh-Hans": "奥斯陆"},
)  # fmt: skip
OSL_ST = Facility(
    "OSL-ST", FacilityKind.STATION, "Europe/Oslo", "NO", 59.9275, 10.7163,
    {"en": "Majorstuen station", "zh-Hans": "马约尔斯图恩站"}, {"en": "Majorstuen", "zh-Hans": "马约尔斯图恩"},
)  # fmt: skip
CPH = Facility("CPH", FacilityKind.GATEWAY, "Europe/Copenhagen", "DK", 55.618, 12.656, {"en": "Copenhagen"})
FACILITIES = {place.code: place for place in (AMS_ST, AMS, FRA, OSL, OSL_ST, CPH)}


# --- runs ---


def run(number: str, origin: Facility, destination: Facility, departs: str, arrives: str, *, day: int = 0) -> Departure:
    mode = Mode.ROAD if number.startswith("RT") else Mode.AIR
    departs_at, arrives_at = at(departs, day=day), at(arrives, day=day)
    name = f"{number}/{departs_at.date().isoformat()}"
    return Departure(name, origin.code, destination.code, departs_at, arrives_at, mode)


RT100 = run("RT100", AMS_ST, AMS, "06:30", "07:30")
LH991 = run("LH991", AMS, FRA, "09:00", "10:20")
LH860 = run("LH860", FRA, OSL, "11:00", "13:00")
LH862 = run("LH862", FRA, OSL, "15:00", "17:00")
LH864 = run("LH864", FRA, OSL, "20:00", "22:00")
RT700 = run("RT700", OSL, OSL_ST, "14:00", "15:00")
RT701 = run("RT701", OSL, OSL_ST, "18:00", "19:00")
RT702 = run("RT702", OSL, OSL_ST, "06:00", "07:00", day=1)
TIMETABLE = (RT100, LH991, LH860, RT700, LH862, RT701, LH864, RT702)


# --- pieces ---


def way(*departures: Departure) -> Itinerary:
    return Itinerary(tuple(leg_on(departure) for departure in departures))


A_LAMP = Goods("a lamp", "940520", 4900, "EUR")


def piece(kind: PieceKind, number: str, plan: Itinerary, *, journey: int = 1) -> Piece:
    origin, destination = plan.legs[0].origin, plan.legs[-1].destination
    promise = promised(kind, FACILITIES[destination], arrives_at=plan.legs[-1].arrives_at)
    return Piece(number, journey, kind, origin, destination, at("05:00"), promise, A_LAMP)


BAG_WAY = way(LH991, LH860)
PARCEL_WAY = way(RT100, LH991, LH860, RT700)
ADAS_BAG = piece(PieceKind.BAG, "0220456789", BAG_WAY)
ADAS_PARCEL = piece(PieceKind.PARCEL, "LS123456785NL", PARCEL_WAY)


BY_TIME_ALONE = frozenset(
    {
        IrregularityKind.LATE,
        IrregularityKind.NEVER_INDUCTED,
        IrregularityKind.SILENT,
        IrregularityKind.DWELLING,
    }
)


@dataclass(frozen=True)
class Story:
    """What happens to one piece, told in sentences; every sentence gives a new story and leaves the old one be."""

    piece: Piece = ADAS_PARCEL
    plan: Plan | None = None
    events: tuple[HandlingEvent, ...] = ()
    departures: tuple[Departure, ...] = TIMETABLE

    def scan(
        self,
        kind: str,
        place: Facility,
        when: str | datetime,
        *,
        into: Departure | str | None = None,
        device: str | None = None,
        reason: str | None = None,
        day: int = 0,
        **more: object,
    ) -> "Story":
        """One reading by a device of that place: `story.scan(Kind.SORT, FRA, "10:40")`."""
        happened_at = at(when, day=day) if isinstance(when, str) else when
        event = HandlingEvent(
            happened_at=happened_at,
            event_key=scan_key(device or f"h-{place.code.lower()}", EPOCH, len(self.events) + 1),
            kind=kind,
            facility=place.code,
            code=self.piece.number,
            recorded_at=happened_at + timedelta(seconds=1),
            into=into.name if isinstance(into, Departure) else into,
            reason=reason,
            **more,  # type: ignore[arg-type]
        )
        return replace(self, events=(*self.events, event))

    def loads(self, departure: Departure, when: str, **more: object) -> "Story":
        """Loaded where the departure begins, into it."""
        return self.scan(Kind.LOAD, FACILITIES[departure.origin], when, into=departure, **more)  # type: ignore[arg-type]

    def withdraws(self, event: HandlingEvent, when: str, *, device: str | None = None) -> "Story":
        """A device withdraws a scan: its own, unless told otherwise."""
        place = FACILITIES[event.facility]
        told = self.scan(Kind.VOID, place, when, device=device or event.event_key.origin.removeprefix("dev:"))
        return replace(told, events=(*self.events, replace(told.events[-1], voids=event.event_key)))

    def left(self, departure: Departure, when: str, *, day: int = 0) -> "Story":
        return self._knows(departure, left_at=at(when, day=day))

    def landed(self, departure: Departure, when: str, *, day: int = 0) -> "Story":
        return self._knows(departure, landed_at=at(when, day=day))

    def cancelled(self, departure: Departure, when: str) -> "Story":
        return self._knows(departure, cancelled=True, disrupted_at=at(when))

    def diverted(self, departure: Departure, to: Facility, when: str) -> "Story":
        return self._knows(departure, diverted_to=to.code, disrupted_at=at(when))

    def goes_after_all(self, departure: Departure) -> "Story":
        return self._knows(departure, cancelled=False, diverted_to=None, disrupted_at=None)

    def _knows(self, departure: Departure, **what: object) -> "Story":
        known = tuple(replace(d, **what) if d.name == departure.name else d for d in self.departures)  # type: ignore[arg-type]
        return replace(self, departures=known)

    def replanned(self, missed: Departure, *instead: Departure, when: str = "12:00") -> "Story":
        """From where one departure was missed, others instead."""
        key = EventKey("rule:replan", f"{self.piece.name}:{missed.name}")
        replan = Replan(missed.name, tuple(leg_on(departure) for departure in instead), at(when), key)
        return replace(self, plan=self.planned.with_replan(replan))

    def foreseen(
        self, inbound: Departure, outbound: Departure, chance: float, when: str, *, stood: bool = False
    ) -> "Story":
        """What the forecast says of a connection; `stood`: whether an alert stood before."""
        key = EventKey("rule:forecast", f"{self.piece.name}:{outbound.name}:{len(self.planned.foreseen) + 1:03d}")
        stands, warned = DESK.stands(chance, stood=stood), CUSTOMER.stands(chance, stood=False)
        word = Foreseen(inbound.name, outbound.name, chance, stands, warned, at(when), key)
        return replace(self, plan=self.planned.with_foreseen(word))

    @property
    def last(self) -> HandlingEvent:
        return self.events[-1]

    @property
    def planned(self) -> Plan:
        return self.plan or Plan(BAG_WAY if self.piece.kind is PieceKind.BAG else PARCEL_WAY)

    @property
    def timeline(self) -> Timeline:
        return timeline(self.events)

    @property
    def progress(self) -> Progress:
        return progress(self.timeline)

    def situation(self, when: str = "23:00", *, day: int = 0) -> Situation:
        known = {departure.name: departure for departure in self.departures}
        return Situation(self.piece, self.planned, self.progress, known, FACILITIES, at(when, day=day))

    def judged(self, when: str = "23:00", *, day: int = 0) -> Judgement:
        return judge(self.situation(when, day=day))

    def owes(
        self, before: "Story | None" = None, when: str = "23:00", *, day: int = 0, said: tuple[Said, ...] = ()
    ) -> tuple[Notice, ...]:
        """What is owed as judged then, after the story that was known before."""
        judged = before.judged(when, day=day) if before is not None else None
        now, zone = at(when, day=day), FACILITIES[self.piece.destination].zone
        return notices_owed(judged, self.judged(when, day=day), self.piece, now=now, zone=zone, said=said)

    def found(self, when: str = "23:00", *, day: int = 0) -> tuple[Irregularity, ...]:
        """All that facts show went wrong, settled or not; that aside which time alone brings."""
        found = irregularities(self.situation(when, day=day))
        return tuple(i for i in found if i.kind not in BY_TIME_ALONE)

    def over_time(self, kind: IrregularityKind, when: str = "23:00", *, day: int = 0) -> tuple[Irregularity, ...]:
        """Irregularities of one kind, settled or not, as judged then."""
        return tuple(i for i in irregularities(self.situation(when, day=day)) if i.kind is kind)

    def missed(self, when: str = "23:00", *, day: int = 0) -> list[tuple[IrregularityKind, str]]:
        """Its missed connections by name, settled or not."""
        return [i.name for i in self.over_time(IrregularityKind.MISSED_CONNECTION, when, day=day)]

    def irregularities(self, when: str = "23:00", *, day: int = 0) -> list[tuple[IrregularityKind, str]]:
        """What is open, by name."""
        return [i.name for i in self.found(when, day=day) if i.open]


def rides_to_frankfurt(whom: Piece = ADAS_BAG) -> Story:
    """Checked in, loaded on LH991, which left in time."""
    return Story(whom).scan(Kind.ACCEPT, AMS, "07:50").loads(LH991, "08:40").left(LH991, "09:00")


def missed(departure: Departure) -> tuple[IrregularityKind, str]:
    return (IrregularityKind.MISSED_CONNECTION, departure.name)
