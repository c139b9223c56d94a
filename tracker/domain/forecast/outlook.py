"""When a run will leave and land, as equally likely instants; and the chance that a connection breaks."""

from collections.abc import Mapping

from tracker.domain.forecast.board import Board, Run
from tracker.domain.forecast.priors import ROAD_LEAVES, road_lands
from tracker.domain.forecast.tables import Key, Points, Tables, arrival_keys, departure_keys, median

SURELY_SOON = (2, 5, 10, 20)
"""Minutes from now that are left for what by all that was learned should have happened already."""


class Outlook:
    """What is expected at one instant by what the board knows then; good until the board hears more."""

    def __init__(self, tables: Tables, board: Board, now: int) -> None:
        self._tables, self._board, self._now = tables, board, now
        self._departures: dict[str, Points] = {}
        self._arrivals: dict[str, Points] = {}

    def departure(self, run: Run) -> Points:
        """Gate-out, in order; one instant when it has left."""
        known = self._departures.get(run.name)
        if known is None:
            known = self._departures[run.name] = self._departure(run)
        return known

    def arrival(self, run: Run) -> Points:
        """Gate-in, in order; one instant when it has landed."""
        known = self._arrivals.get(run.name)
        if known is None:
            known = self._arrivals[run.name] = self._arrival(run)
        return known

    def leaves(self, run: Run) -> int:
        """The median of its departure."""
        return median(self.departure(run))

    def lands(self, run: Run) -> int:
        """The median of its arrival."""
        return median(self.arrival(run))

    def missed(self, inbound: Run, outbound: Run, *, takes: Points) -> float:
        """The chance that what comes in on one misses the other; 0 or 1 once that is certain. Of a cancelled one
        it says nothing: who asks has to look first. `takes`: minutes from one to the other, equally likely."""
        if outbound.previous is inbound and outbound.left is None:
            return 0.0  # the vehicle that brings it takes it on
        lands, leaves = self.arrival(inbound), self.departure(outbound)
        return sum(chance_missed(lands, leaves, minimum) for minimum in takes) / len(takes)

    def _departure(self, run: Run) -> Points:
        if run.left is not None:
            return (run.left,)
        board, now = self._board, self._now
        late = ROAD_LEAVES if run.by_road else _case(self._tables.leaving, departure_keys(board, run, now))
        return _after(now, board.base(run, now), late)

    def _arrival(self, run: Run) -> Points:
        board, now = self._board, self._now
        if run.landed is not None:
            return (run.landed,)
        if run.by_road:
            return self._arrival_by_road(run)
        if run.left is not None:
            plain = run.left + run.block if run.due is None else run.due
            return _after(now, plain, _case(self._tables.flying, arrival_keys(board, run, now)))
        plain = board.base(run, now) + run.block
        return _after(now, plain, _case(self._tables.landing, departure_keys(board, run, now)))

    def _arrival_by_road(self, run: Run) -> Points:
        """Who leaves late arrives late; what is estimated of its arrival is believed as far as a leg's length is."""
        takes = road_lands(run.block)
        if run.left is not None:
            plain = run.left if run.due is None else run.due - run.block
            return _after(self._now, plain, takes)
        plain = self._board.base(run, self._now)
        late = tuple(left + minutes for left, minutes in zip(ROAD_LEAVES, takes, strict=True))
        return _after(self._now, plain, late)


def chance_missed(inbound: Points, outbound: Points, minimum: int) -> float:
    """That `inbound` and the minimum connection time end after `outbound`; both in order, and independent."""
    missed = at = 0
    for landed in inbound:
        while at < len(outbound) and outbound[at] < landed + minimum:
            at += 1
        missed += at
    return missed / (len(inbound) * len(outbound))


def _case(table: Mapping[Key, Points], keys: tuple[Key, ...]) -> Points:
    for key in keys:
        found = table.get(key)
        if found is not None:
            return found
    return (0,)


def _after(now: int, plain: int, late: Points) -> Points:
    """What has not happened yet happens after now."""
    ahead = tuple([moment for minutes in late if (moment := plain + minutes) > now])
    return ahead or tuple(now + minutes for minutes in SURELY_SOON)
