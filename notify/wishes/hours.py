"""The hours in which nobody is disturbed, in the zone of whoever would be: clock times kept as such, instants out.

A clock time may come twice on a day or not at all, a day have 23 or 25 hours, a shift be half an hour. So nothing here
counts hours on a clock's face: it is asked what the clocks of the zone show at an instant, and never otherwise.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

QUIET_FROM, QUIET_UNTIL = time(21), time(8)

SPREAD = timedelta(minutes=15)
"""Over which those who wait for the same clock time are told, so that a provider is not stormed at eight."""

_A_DAY, _STEP = timedelta(days=1), timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Hours:
    """Quiet from one clock time until before another, past midnight if need be; equal times: never quiet."""

    zone: ZoneInfo
    quiet_from: time = QUIET_FROM
    quiet_until: time = QUIET_UNTIL

    def quiet(self, at: datetime) -> bool:
        """Whether the clocks there show a quiet hour at this instant."""
        shown = at.astimezone(self.zone).time()
        if self.quiet_from <= self.quiet_until:
            return self.quiet_from <= shown < self.quiet_until
        return shown >= self.quiet_from or shown < self.quiet_until

    def day(self, at: datetime) -> date:
        """The date there."""
        return at.astimezone(self.zone).date()

    def opens(self, at: datetime, spread: timedelta = timedelta(0)) -> datetime:
        """The first instant from `at` on to tell somebody, in UTC: `at` itself outside quiet hours, else `spread`
        after they end, unless it is quiet again by then."""
        at = at.astimezone(UTC)
        return self._spread(at, spread) if self.quiet(at) else at

    def digest(self, at: datetime, spread: timedelta = timedelta(0)) -> tuple[date, datetime]:
        """The local day whose digest is the next after `at`, and when it goes, in UTC: once a day, when quiet hours
        end, or at eight for those who have none."""
        day = self.day(at) - _A_DAY
        while (goes_at := self._spread(self._shown(day, self._morning), spread)) <= at:
            day += _A_DAY
        return day, goes_at

    def begins(self, day: date) -> datetime:
        """The first instant of this local day, in UTC; it need not be a midnight."""
        return self._shown(day, time.min)

    @property
    def _morning(self) -> time:
        return QUIET_UNTIL if self.quiet_from == self.quiet_until else self.quiet_until

    def _spread(self, at: datetime, spread: timedelta) -> datetime:
        while self.quiet(at):
            at = self._end(at)
        return at if self.quiet(at + spread) else at + spread

    def _end(self, at: datetime) -> datetime:
        shown = at.astimezone(self.zone)
        day = shown.date() if shown.time() < self.quiet_until else shown.date() + _A_DAY
        return self._shown(day, self.quiet_until, after=at)

    def _shown(self, day: date, clock: time, *, after: datetime | None = None) -> datetime:
        """When the clocks show this time: the first time they do, the second if the first is not after `after`, and
        where they leave it out, the moment they jump."""
        wanted = datetime.combine(day, clock)
        early, late = sorted(wanted.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if self._face(late) == wanted == self._face(early):
            return late if after is not None and early <= after else early
        while late - early > _STEP:  # the clocks jump in between
            middle = early + (late - early) // 2
            early, late = (middle, late) if self._face(middle) < wanted else (early, middle)
        return late.replace(microsecond=0)

    def _face(self, at: datetime) -> datetime:
        return at.astimezone(self.zone).replace(tzinfo=None)
