"""`lastscan doctor`: what is in force here, asked of what runs."""

from collections import Counter
from dataclasses import asdict

import click

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json


@click.command()
@json_option
@home_option
def doctor(as_json: bool, home: Home) -> None:
    """Say of each setting that safety rests on whether it is in force, and what to do where it is not."""
    from lastscan.doctor import Level
    from lastscan.probes import examine

    found = []
    for each in examine(home):
        found.append(each)
        if not as_json:
            click.echo(f"{each.level:5} {each.name:24} {each.found}")
            if each.remedy:
                click.echo(f"{'':5} {'':24} → {each.remedy}")
    levels = Counter(each.level for each in found)
    if as_json:
        print_json({"findings": [asdict(each) for each in found], **{level: levels[level] for level in Level}})
    else:
        click.echo(", ".join(f"{levels[level]} {level}" for level in Level), err=True)
    if levels[Level.FAIL]:
        raise SystemExit(1)
