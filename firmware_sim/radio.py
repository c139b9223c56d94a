"""When a handheld has no network: cellars, belts between steel walls, an access point that is being moved."""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta


@dataclass(frozen=True, slots=True)
class Radio:
    """The network of one device, the same for the same seed: a pure function of business time.

    On a day of outages there are up to `most` of them, of `shortest` to `longest` each.
    """

    seed: int
    dev: str
    most: int = 0
    shortest: timedelta = timedelta(minutes=20)
    longest: timedelta = timedelta(minutes=75)

    def outages(self, on: date) -> tuple[tuple[datetime, datetime], ...]:
        """The outages that begin on this day, UTC, in order; two may overlap."""
        chance = random.Random(f"{self.seed}/{self.dev}/{on}")
        begin = datetime.combine(on, time(), UTC)
        found = []
        for _ in range(chance.randint(min(1, self.most), self.most)):
            off = begin + timedelta(minutes=chance.uniform(0, 24 * 60))
            found.append((off, off + chance.uniform(0, 1) * (self.longest - self.shortest) + self.shortest))
        return tuple(sorted(found))

    def is_on(self, at: datetime) -> bool:
        days = (at.date() - timedelta(days=1), at.date())
        return not any(off <= at < on for day in days for off, on in self.outages(day))
