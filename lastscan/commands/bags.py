"""`lastscan bags`: what became of bags at the points where they change hands."""

from datetime import UTC, date

import click

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json
from tracker.domain.bags.custody_points import shares
from tracker.queries import BagCustody, Queries


@click.group()
def bags() -> None:
    """Bags of passengers."""


@bags.command("753")
@click.option("--departure", help="The bags planned on this flight, as LH716/2026-11-12.")
@click.option("--date", "on", metavar="YYYY-MM-DD", help="The bags of all flights that leave on this day, UTC; today.")
@json_option
@home_option
def resolution_753(departure: str | None, on: str | None, as_json: bool, home: Home) -> None:
    """The points of IATA Resolution 753: of each bag those it had to pass, and the scan that showed it there."""
    if departure is not None and on is not None:
        raise click.UsageError("name a departure or a date, not both")
    try:
        day = date.fromisoformat(on) if on is not None else home.clock.now().astimezone(UTC).date()
    except ValueError as wrong:
        raise click.UsageError(f"{on!r} is no date; write it as 2026-11-12") from wrong
    found = Queries(home.store(), home.clock).bag_custody(departure=departure, on=day)
    if as_json:
        print_json(_report(found))
        return
    for share in shares(point for bag in found for point in bag.points):
        click.echo(f"{share.facility}\t{share.departure}\t{share.point}\t{share.seen} of {share.due}")
    lacking = sum(point.shown_by is None for bag in found for point in bag.points)
    click.echo(f"{len(found)} bags, {lacking} points that nobody saw", err=True)


def _report(found: tuple[BagCustody, ...]) -> dict[str, object]:
    every = [point for bag in found for point in bag.points]
    return {
        "bags": [
            {
                "bag": bag.number,
                "points": [
                    {
                        "point": point.point,
                        "facility": point.facility,
                        "departure": point.departure,
                        "acquired": point.shown_by is not None,
                        "evidence": str(point.shown_by) if point.shown_by is not None else None,
                    }
                    for point in bag.points
                ],
            }
            for bag in found
        ],
        "shares": [
            {"facility": s.facility, "departure": s.departure, "point": s.point, "due": s.due, "seen": s.seen}
            for s in shares(every)
        ],
    }
