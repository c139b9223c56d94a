"""The databases to prove on: scratch ones, full when they should be, and nothing left of them."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from lastscan.prove.databases import PostgreSQL, SQLite, UnreachableError, ask, connect
from lastscan.prove.plan import ALL, asked


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system of one's own takes root")
def test_a_full_file_system_refuses_a_commit_and_takes_it_again_when_there_is_room(tmp_path: Path) -> None:
    bench = SQLite(tmp_path / "db")
    bench.start()
    try:
        if not bench.can_be_full:
            pytest.skip("nothing can be mounted here")
        ask(bench.ours, "CREATE TABLE scans (code text)")
        assert bench.fill() < 4096
        with pytest.raises(UnreachableError, match="full"):
            ask(bench.ours, "INSERT INTO scans VALUES (zeroblob(100000))")
        bench.make_room()
        ask(bench.ours, "INSERT INTO scans VALUES (zeroblob(100000))")
        assert bench.integrity() == "ok"
    finally:
        bench.close()
    assert list((tmp_path / "db").iterdir()) == []


def test_on_somebodys_postgresql_it_has_databases_of_its_own_and_drops_them(
    new_postgres_url: Callable[[], str], tmp_path: Path
) -> None:
    given = new_postgres_url()
    bench = PostgreSQL(tmp_path / "unused", given)
    bench.start()
    try:
        assert bench.ours != bench.control
        with closing(connect(bench.ours)), closing(connect(given)):
            assert bench.end_backend(Random(1)).endswith("gone")
            assert ask(given, "SELECT 1")[0][0] == 1
        assert bench.end_backend(Random(1)) == ""  # nobody else's connections are touched
        assert bench.integrity() == "ok"
    finally:
        bench.close()
    with pytest.raises(UnreachableError, match="does not exist"):
        ask(bench.ours, "SELECT 1")
    assert not (tmp_path / "unused").exists()


def test_a_combination_that_cannot_be_run_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lastscan.prove.postgres._in_wheel", lambda: None)
    monkeypatch.setattr("lastscan.prove.postgres._installed", lambda: None)
    pairings = asked(())
    assert len(pairings) == len(ALL)
    reasons = {each.name: each.missing for each in pairings if each.database == "postgresql"}
    assert len(reasons) == 2
    assert all(reason and "PostgreSQL" in reason for reason in reasons.values())
    assert asked(["sqlite+amqtt"])[0].missing is None
