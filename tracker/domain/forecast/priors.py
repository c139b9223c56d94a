"""What is believed where days gone by taught nothing: road linehauls, and how long a connection really takes.

Stated by hand, not learned; wide where nobody can know.
"""

from tracker.domain.forecast.tables import Points

ROAD_LEAVES: Points = (0, 0, 0, 1, 1, 2, 3, 4, 6, 9, 15, 30)
"""Minutes after the timetable, or after what who runs it says: a vehicle waits for its time and for little else."""

ROAD_TAKES_LONGER = (-0.08, -0.05, -0.02, 0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.14, 0.2, 0.35)
"""By what share a road leg takes longer than the timetable gives it."""

_OF_THE_LEAST = (0.4, 0.5, 0.6, 0.7, 0.8)


def takes(least: int) -> Points:
    """Minutes from coming in to leaving that a connection really needs, where plans are made with `least`.

    What plans are made with has room for a bad day: measured by it, each flight a little late would be an alert.
    """
    return tuple(round(least * share) for share in _OF_THE_LEAST)


def road_lands(block: int) -> Points:
    """Minutes after a road leg left at which it is there."""
    return tuple(round(block * (1 + share)) for share in ROAD_TAKES_LONGER)
