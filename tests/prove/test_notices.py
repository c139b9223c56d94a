"""Notifiers killed while they send, for a few seconds: the whole of it is `lastscan prove notices`."""

from pathlib import Path

import pytest

from lastscan.prove.notices.run import Plan, broken, run
from tracker.store.engine import sqlite_url


@pytest.mark.parametrize(
    ("database", "processes", "smtp"),
    [
        ("sqlite", 3, False),
        pytest.param("postgres", 2, True, marks=pytest.mark.needs_postgres),
    ],
)
def test_nobody_is_forgotten_told_twice_or_told_what_is_no_longer_true(
    database: str, processes: int, smtp: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = sqlite_url(tmp_path / "n.db") if database == "sqlite" else request.getfixturevalue("new_postgres_url")()
    due = 60 if smtp else 200
    plan = Plan(due=due, processes=processes, kill_every_s=0.5, most_kills=2, seed=4711, smtp=smtp, within_s=60)
    found = run(plan, url, tmp_path, lambda line: None)
    assert broken(found) == [], found
    assert found["due"] == due
    assert found["kills"] >= 2
    if not smtp:
        assert (found["accepted"], found["unknown"], found["repeated"]) == (due, 0, 0)
