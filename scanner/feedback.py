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

    @property
    def tones(self) -> tuple[tuple[int, int], ...]:
        tones: tuple[tuple[int, int], ...] = self.value
        return tones

    @property
    def rings(self) -> int:
        return sum(1 for hertz, _ in self.tones if hertz)


@dataclass(frozen=True, slots=True)
class Feedback:
    words: str
    sound: Sound | None = None


def recorded(code: str, scan: Recorded) -> Feedback:
    """The beep. Give it only after the journal has the scan."""
    if scan.again is not None and scan.again < AGAIN_WITHIN:
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
