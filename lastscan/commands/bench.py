"""`lastscan bench`: what this machine does, beside what it could do at most."""

import click

from lastscan.options import json_option


@click.group()
def bench() -> None:
    """Measure how fast this machine is at Lastscan's work, beside its own limits, in a scratch home.

    Ratios to the limits of the same run, and CPU time, can be compared between machines; rates cannot.
    """


@bench.command()
@click.option("--rows", default=20_000, show_default=True, help="Scans of each measurement.")
@click.option("--seconds", default=5.0, show_default=True, help="How long 1,000 scans a second are kept up.")
@click.option("--rounds", default=1, show_default=True, help="Repeats everything; the medians are printed.")
@click.option("--devices", default=64, show_default=True, help="Handhelds that send at once.")
@click.option("--database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
@click.option("--database-url", help="An empty PostgreSQL database; with --database postgresql.")
@click.option("--broker", type=click.Choice(["mosquitto", "amqtt"]), default="mosquitto", show_default=True)
@click.option("--prefill", default=0, metavar="ROWS", help="Scans the log holds before it begins, such as 1000000.")
@click.option("--fold", is_flag=True, help="Fold beside it in the same process, as a tracker alone does.")
@json_option
def ingest(
    rows: int,
    seconds: float,
    rounds: int,
    devices: int,
    database: str,
    database_url: str | None,
    broker: str,
    prefill: int,
    fold: bool,
    as_json: bool,
) -> None:
    """From a publish to the receipt: live scans, a backlog, and what one waits for at 1,000 a second."""
    from lastscan.bench.harness import tell
    from lastscan.bench.ingest import Plan, measure

    if (database == "postgresql") != (database_url is not None):
        raise click.UsageError("--database postgresql and --database-url go together")
    plan = Plan(rows, seconds, rounds, devices, broker, database_url, prefill, fold)
    tell("ingest", measure(plan), as_json=as_json)


@bench.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Scans the log holds before it begins.")
@click.option("--scans", default=20_000, show_default=True, help="Scans that are folded.")
@click.option("--batch", default=500, show_default=True, help="Scans of one transaction.")
@click.option("--rounds", default=5, show_default=True, help="Into which they are divided; the medians are printed.")
@click.option("--seed", default=1, show_default=True)
@click.option("--database-url", help="An empty PostgreSQL database, instead of SQLite in a scratch file.")
@json_option
def project(rows: int, scans: int, batch: int, rounds: int, seed: int, database_url: str | None, as_json: bool) -> None:
    """From a fact in the log to timeline, judgement and what is owed, beside raw inserts of the same rows."""
    from lastscan.bench.harness import tell
    from lastscan.bench.project import Plan, measure

    tell("project", measure(Plan(rows, scans, batch, rounds, seed, database_url)), as_json=as_json)


@bench.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Scans the log holds.")
@click.option("--lookups", default=5_000, show_default=True, help="Look-ups in process.")
@click.option("--rounds", default=3, show_default=True, help="Of the web's look-ups; the medians are printed.")
@click.option("--seed", default=1, show_default=True)
@click.option("--database-url", help="An empty PostgreSQL database, instead of SQLite in a scratch file.")
@json_option
def lookup(rows: int, lookups: int, rounds: int, seed: int, database_url: str | None, as_json: bool) -> None:
    """From a number to all that is known of it: in process, and as JSON beside a hello-world on the same server."""
    from lastscan.bench.harness import tell
    from lastscan.bench.lookup import Plan, measure

    tell("lookup", measure(Plan(rows, lookups, rounds, seed, database_url)), as_json=as_json)


@bench.command()
@click.option("--pieces", default=100_000, show_default=True, help="Planned through the hub that closes.")
@click.option("--seed", default=1, show_default=True)
@click.option("--database-url", help="An empty PostgreSQL database, instead of SQLite in a scratch file.")
@json_option
def replan(pieces: int, seed: int, database_url: str | None, as_json: bool) -> None:
    """A hub closes: another way for everybody planned through it, and their notices in the outbox."""
    from lastscan.bench.harness import tell
    from lastscan.bench.replan import Plan, measure

    tell("replan", measure(Plan(pieces, seed, database_url)), as_json=as_json)


@bench.command()
@click.option("--causes", type=click.IntRange(1), default=100_000, show_default=True, help="Pieces it holds up.")
@click.option("--database-url", help="An empty PostgreSQL database, instead of SQLite in a scratch file.")
@json_option
def storm(causes: int, database_url: str | None, as_json: bool) -> None:
    """One closed hub: everybody's notices joined to one incident and queued; exit 1 if a second run adds a row."""
    from lastscan.bench.harness import tell
    from lastscan.bench.storm import Plan, measure

    found = measure(Plan(causes, database_url))
    tell("storm", found, as_json=as_json)
    if any(found["again_new"].values()):
        raise SystemExit(1)


@bench.command()
@click.option("--due", type=click.IntRange(1), default=50_000, show_default=True, help="Deliveries that are due.")
@click.option("--batch", type=click.IntRange(1), default=500, show_default=True, help="Deliveries of one claim.")
@click.option("--database-url", help="An empty PostgreSQL database, instead of SQLite in a scratch file.")
@json_option
def notices(due: int, batch: int, database_url: str | None, as_json: bool) -> None:
    """What a delivery costs besides its sending, beside bare updates of the same rows."""
    from lastscan.bench.harness import tell
    from lastscan.bench.notices import Plan, measure

    tell("notices", measure(Plan(due, batch, database_url)), as_json=as_json)


@bench.command()
@click.option("--idle", default=5000, show_default=True, help="Registered devices that sign in and say nothing.")
@click.option("--half-open", default=500, show_default=True, help="Connections that never sign in.")
@click.option("--seconds", default=10.0, show_default=True, help="How long live scans go on with all of them there.")
@click.option("--rate", default=50.0, show_default=True, help="Live scans a second.")
@click.option("--within", default=30.0, show_default=True, help="Seconds to open the flood; what is up by then counts.")
@click.option("--broker", type=click.Choice(["mosquitto", "amqtt"]), default="mosquitto", show_default=True)
@json_option
def flood(idle: int, half_open: int, seconds: float, rate: float, within: float, broker: str, as_json: bool) -> None:
    """What idle and half-open connections and packets of 50 MB do to those who scan; exit 1 if a scan was lost."""
    from lastscan.bench.flood import Plan, measure
    from lastscan.bench.harness import tell

    found = measure(Plan(idle, half_open, seconds, rate, broker, within))
    tell("flood", found, as_json=as_json)
    if found["lost"] or found["foreign"]:
        raise SystemExit(1)


@bench.command()
@click.option("--frames", default=500, show_default=True, help="Damaged labels, one look at each.")
@click.option("--seed", default=1, show_default=True)
@json_option
def decode(frames: int, seed: int, as_json: bool) -> None:
    """From a camera's frame to the number on it, beside one look of zxing-cpp at the same frames."""
    from lastscan.bench.decode import Plan, measure
    from lastscan.bench.harness import tell

    tell("decode", measure(Plan(frames, seed)), as_json=as_json)
