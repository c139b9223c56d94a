"""A handheld's battery: scans, the radio and the passing of time take from it; a cradle gives it back."""

from dataclasses import dataclass
from datetime import timedelta

LOW = 0.15  # when a courier looks for the cradle


@dataclass(slots=True)
class Battery:
    """`level` is 0 to 1. The rates are those of a handheld that does one shift and a half on a charge."""

    level: float = 1.0
    idle_hours: float = 40.0  # that a full one lasts, asleep
    radio_hours: float = 24.0  # that the radio alone would take to empty it
    scans: int = 9000  # that trigger, lamp and camera alone would
    charge_hours: float = 3.0  # from empty to full in the cradle
    in_cradle: bool = False

    @property
    def is_flat(self) -> bool:
        return self.level <= 0.0 and not self.in_cradle

    @property
    def is_low(self) -> bool:
        return self.level < LOW

    def scanned(self) -> None:
        self._take(1 / self.scans)

    def passes(self, time: timedelta, *, on: bool, radio: bool) -> None:
        """So much time goes by: in the cradle it fills, else it empties. Switched off it keeps."""
        hours = time.total_seconds() / 3600
        if self.in_cradle:
            self.level = min(1.0, self.level + hours / self.charge_hours)
        elif on:
            self._take(hours / self.idle_hours + (hours / self.radio_hours if radio else 0.0))

    def swap(self) -> None:
        """Another one, full."""
        self.level = 1.0

    def _take(self, share: float) -> None:
        self.level = max(0.0, self.level - share)
