"""`lastscan backup`, `lastscan restore`: a whole installation in a file, and back again."""

from datetime import UTC, datetime
from pathlib import Path

import click

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json
from lastscan.up import alone

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=_FILE)
@json_option
@home_option
def backup(file: Path, as_json: bool, home: Home) -> None:
    """Write everything into FILE, and all keys apart into FILE.keys, while it runs."""
    from lastscan.backup import keys_file, write_backup

    manifest = write_backup(home, file, now=datetime.now(UTC))
    rows = sum(table.rows for table in manifest.tables.values())
    if as_json:
        print_json({"file": str(file), "keys": str(keys_file(file)), "made_at": manifest.made_at, "rows": rows})
        return
    click.echo(
        f"{file}: {rows} rows as of {manifest.made_at:%Y-%m-%d %H:%M:%S}Z, {file.stat().st_size} bytes", err=True
    )
    click.echo(f"{keys_file(file)}: the keys. Keep it in another place: the two together open everything", err=True)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--rehearse", is_flag=True, help="Only try whether it could be: into a scratch database, thrown away.")
@json_option
@home_option
def restore(file: Path, rehearse: bool, as_json: bool, home: Home) -> None:
    """Put what FILE and FILE.keys hold in the place of what is here. Nothing may run meanwhile."""
    from lastscan import backup

    now = datetime.now(UTC)
    if rehearse:
        manifest = backup.rehearse(file, home, now=now)
        rows = sum(table.rows for table in manifest.tables.values())
        if as_json:
            print_json({"file": str(file), "made_at": manifest.made_at, "rows": rows})
        else:
            click.echo(f"{file} of {manifest.made_at:%Y-%m-%d %H:%M:%S}Z can be restored: {rows} rows", err=True)
        return
    with alone(home):
        restored = backup.restore(home, file, now=now)
    if as_json:
        print_json(
            {
                "file": str(file),
                "made_at": restored.manifest.made_at,
                "generation": restored.generation,
                "before": restored.before,
                "knows_what_was_sent": restored.knows_what_was_sent,
            }
        )
        return
    made_at = f"{restored.manifest.made_at:%Y-%m-%d %H:%M:%S}Z"
    click.echo(f"restored as of {made_at}; devices will send again what they beeped since", err=True)
    if restored.before:
        click.echo(f"what was here lies in {restored.before}; remove it when all is well", err=True)
    if not restored.knows_what_was_sent:
        click.echo(f"nobody can say which notices went out after {made_at}: a few may be told again", err=True)
