"""When a handheld has no network, and by which access point it has one: cellars, steel walls, the way to the van."""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Radio:
    """The network of one device, the same for the same seed: a pure function of business time.

    On a day of outages there are up to `most` of them, of `shortest` to `longest` each. Besides, its bearer walks past
    the `access_points`, staying `stay` at each on the average, and stands in a shadow for a share of that time: a
    moment without network at a time, often, where an outage is long and rare.
    """

    seed: int
    dev: str
    most: int = 0
    shortest: timedelta = timedelta(minutes=20)
    longest: timedelta = timedelta(minutes=75)
    access_points: tuple[str, ...] = field(default=("ap1",))
    stay: timedelta = timedelta(minutes=10)
    shadows: float = 0.0

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
        return self.access_point(at) is not None

    def access_point(self, at: datetime) -> str | None:
        """Which one carries it; None in an outage or a shadow. A connection does not outlive the change."""
        days = (at.date() - timedelta(days=1), at.date()) if self.most else ()
        if any(off <= at < on for day in days for off, on in self.outages(day)):
            return None
        if len(self.access_points) == 1 and not self.shadows:
            return self.access_points[0]
        nth, since = divmod(at - _EPOCH, self.stay)
        chance = random.Random(f"{self.seed}/{self.dev}/walk/{nth}")
        here = chance.choice(self.access_points)
        shadow_begins = chance.uniform(0, 1 - self.shadows)
        in_shadow = shadow_begins <= since / self.stay < shadow_begins + self.shadows
        return None if in_shadow else here
