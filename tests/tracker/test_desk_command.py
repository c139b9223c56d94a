"""`lastscan desk` and `lastscan track --as-of`."""

import json
from pathlib import Path

from click.testing import CliRunner

from lastscan.cli import lastscan
from tests.tracker.world import World, at, new_database


def test_a_piece_is_held_from_the_command_line_and_seen_as_it_was_before(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    world = World(new_database(tmp_path / "lastscan.db")).with_network()
    number = world.books_parcel()
    world.close()

    def call(*words: str) -> object:
        done = CliRunner().invoke(lastscan, [*words, "--home", str(tmp_path), "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    held = ("desk", "hold", number, "--by", "ann", "--role", "support", "--reason", "a call", "--key", "k")
    assert call(*held) == {"event_key": "desk:ann#k", "again": False}
    assert call(*held) == {"event_key": "desk:ann#k", "again": True}
    then = call("track", number, "--as-of", at(1).isoformat())
    assert isinstance(then, dict)
    assert (then["state"], then["held"]) == ("booked", None)
