"""What a person hears and reads after a scan. One sound means *it is kept*; nothing else sounds like it."""

from dataclasses import dataclass
from enum import Enum

from scanner.handheld import Recorded, Refused
from scanner.journal import NotRecordedError

AGAIN_WITHIN = 60.0  # seconds; later it is more likely meant than a slip


class Sound(Enum):
    """Tones as (hertz, milliseconds), 0 hertz for silence; and how often a terminal rings."""

    RECORDED = ((2700, 90),)
    RECORDED_AGAIN = ((2700, 60), (0, 50), (2700, 60))
    NOT_RECORDED = ((300, 250), (0, 80), (300, 250), (0, 80), (300, 250))
    UNREADABLE = ((600, 200),)
    DAMAGED = ((2700, 60), (0, 50), (1300, 200))
    NOT_EXPECTED = ((500, 180), (0, 80), (500, 180))

    @property
    def tones(self) -> tuple[tuple[int, int], ...]:
        tones: tuple[tuple[int, int], ...] = self.value
        return tones

    @property
    def rings(self) -> int:
        return sum(1 for hertz, _ in self.tones if hertz)

    @property
    def rhythm(self) -> tuple[float, ...]:
        """For a terminal, whose bell has one pitch: seconds to wait before each ring. No two are alike."""
        return _RHYTHMS[self.name]


_RHYTHMS: dict[str, tuple[float, ...]] = {
    "RECORDED": (0.0,),
    "RECORDED_AGAIN": (0.0, 0.15),
    "DAMAGED": (0.0, 0.5),
    "NOT_EXPECTED": (0.0, 0.35, 0.35),
    "UNREADABLE": (0.0, 0.5, 0.15),
    "NOT_RECORDED": (0.0, 0.12, 0.12, 0.12, 0.12, 0.12),
}


class Outcome(Enum):
    """What became of one code, in the word a courier sees, and the sound that goes with it."""

    RECORDED = ("RECORDED", Sound.RECORDED)
    AGAIN = ("RECORDED AGAIN", Sound.RECORDED_AGAIN)
    DAMAGED = ("DAMAGED, RECORDED", Sound.DAMAGED)
    NOT_EXPECTED = ("NOT EXPECTED HERE", Sound.NOT_EXPECTED)
    NOT_RECORDED = ("NOT RECORDED", Sound.NOT_RECORDED)
    UNREADABLE = ("NOTHING READ", Sound.UNREADABLE)

    @property
    def word(self) -> str:
        return self.value[0]

    @property
    def sound(self) -> Sound:
        return self.value[1]

    @property
    def is_kept(self) -> bool:
        return self not in (Outcome.NOT_RECORDED, Outcome.UNREADABLE)


@dataclass(frozen=True, slots=True)
class Feedback:
    words: str
    sound: Sound | None = None


def outcome_of(scan: Recorded, *, is_damage: bool, expected: bool | None) -> Outcome:
    """The one thing to tell of several: what stops the piece comes before what only interests."""
    if expected is False:
        return Outcome.NOT_EXPECTED
    if is_damage:
        return Outcome.DAMAGED
    return Outcome.AGAIN if is_again(scan) else Outcome.RECORDED


def is_again(scan: Recorded) -> bool:
    return scan.again is not None and scan.again < AGAIN_WITHIN


def recorded(code: str, scan: Recorded) -> Feedback:
    """The beep. Give it only after the journal has the scan."""
    if scan.again is not None and is_again(scan):
        return Feedback(f"{code}: recorded; already scanned {round(scan.again)} s ago", Sound.RECORDED_AGAIN)
    return Feedback(f"{code}: recorded", Sound.RECORDED)


def not_recorded(code: str, why: NotRecordedError) -> Feedback:
    return Feedback(f"{code}: {why}", Sound.NOT_RECORDED)


def unreadable(picture: str, why: str | None = None) -> Feedback:
    """`why` where the picture itself could not be opened."""
    return Feedback(
        f"{picture}: {why or 'no barcode read; hold the label flat and in the light, or type its number'}",
        Sound.UNREADABLE,
    )


def put_aside(code: str, refusal: Refused) -> Feedback:
    return Feedback(f"{code}: kept by the tracker for staff to look at ({refusal.why})")


def receipted(count: int) -> Feedback:
    return Feedback("the tracker has it" if count == 1 else f"the tracker has all {count}")


def waiting(count: int, *, next_time: str, trouble: str | None) -> Feedback:
    """Recorded but not receipted: safe, and to be sent again."""
    because = f" ({trouble})" if trouble else ""
    what = "1 scan waits" if count == 1 else f"{count} scans wait"
    return Feedback(f"{what} for the tracker's receipt{because}; safe in the journal, and sent by {next_time}")


def stranded(count: int) -> Feedback:
    return Feedback(
        f"{count} older scans stand behind one this device has lost; "
        "they are sent again and again, and staff are told which one is missing"
    )
