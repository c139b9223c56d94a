"""The benchmark of deliveries, on a few of them."""

from lastscan.bench.notices import Plan, measure


def test_each_is_claimed_and_marked_once() -> None:
    found = measure(Plan(due=25, batch=10, database_url=None))
    assert found["due"] == 25
    assert found["claim_cpu_us"] > 0
    assert found["mark_cpu_us"] > 0
