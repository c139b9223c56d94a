"""`lastscan bench decode`, on a handful of frames."""

from lastscan.bench.decode import Plan, measure


def test_it_counts_what_was_read_and_what_was_not() -> None:
    found = measure(Plan(frames=8, seed=1))
    assert found["wrong"] == found["zxing_wrong"] == 0
    assert 0 < found["read_share"] <= 1
    assert 0 < found["p50_ms"] <= found["p95_ms"]
    assert found["cpu_ms"] > found["zxing_cpu_ms"] > 0
