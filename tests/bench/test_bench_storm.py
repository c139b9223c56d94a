"""The benchmark of a closed hub, on a small one."""

import pytest

from lastscan.bench.storm import Plan, measure


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.needs_postgres)])
def test_everybody_is_grouped_and_queued_once(database: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("new_postgres_url")() if database == "postgres" else None
    found = measure(Plan(causes=2_000, database_url=url))
    assert (found["incidents"], found["owed"], found["deliveries"], found["messages"]) == (1, 2_000, 2_000, 1_400)
    assert set(found["again_new"].values()) == {0}
    assert found["of_raw"] > 0
