"""The order of the desk: worst first, by three numbers that each go one way."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.world import ADAS_BAG, ADAS_PARCEL, LH860, at
from tracker.domain.cases import Case, Harm, case_of, harm, is_delicate
from tracker.domain.rules import Irregularity, IrregularityKind
from tracker.domain.shipment import Goods, Piece
from tracker.domain.why import because

K = IrregularityKind

spans = st.timedeltas(timedelta(days=-9), timedelta(days=9))
goods = st.builds(
    Goods,
    st.sampled_from([None, "a lamp", "fresh flowers", "insulin"]),
    st.sampled_from([None, "940520", "300490"]),
    st.none() | st.integers(0, 10**9),
    st.just("EUR"),
)
pieces = st.builds(lambda piece, of: replace(piece, goods=of), st.sampled_from([ADAS_PARCEL, ADAS_BAG]), goods)
kinds = st.sampled_from(K)


def trouble(kind: K = K.MISSED_CONNECTION, subject: str = LH860.name) -> Irregularity:
    return Irregularity(kind, subject, at("10:00"), because("why"))


def factors(of: Harm) -> tuple[float, float, float]:
    return of.promise, of.goods, of.time


@given(pieces, kinds, spans, spans)
def test_every_factor_is_one_or_more_and_none_is_without_bound(
    piece: Piece, kind: K, late: timedelta, left: timedelta
) -> None:
    found = harm(piece, kind, late=late, left=left)
    assert all(1 <= factor <= 30 for factor in factors(found))
    assert found.total == found.promise * found.goods * found.time


@given(pieces, kinds, spans, spans, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_later_never_counts_less_and_less_time_never_counts_less(
    piece: Piece, kind: K, late: timedelta, left: timedelta, more: timedelta
) -> None:
    before = harm(piece, kind, late=late, left=left)
    assert harm(piece, kind, late=late + more, left=left).total >= before.total
    assert harm(piece, kind, late=late, left=left - more).total >= before.total


@given(pieces, kinds, st.integers(0, 10**9), st.integers(0, 10**9))
def test_more_valuable_never_counts_less(piece: Piece, kind: K, value: int, more: int) -> None:
    def worth(minor: int) -> float:
        goods = replace(piece.goods, value_minor=minor)
        return harm(replace(piece, goods=goods), kind, late=timedelta(0), left=timedelta(0)).goods

    assert worth(value + more) >= worth(value)


def test_what_spoils_or_heals_counts_twice() -> None:
    def worth(goods: Goods) -> float:
        piece = replace(ADAS_PARCEL, goods=goods)
        return harm(piece, K.LATE, late=timedelta(0), left=timedelta(0)).goods

    assert worth(Goods("Insulin, cooled")) == worth(Goods(None, "300490")) == worth(Goods("胰岛素药品")) == 2
    assert worth(Goods("a lamp", "940520")) == 1
    assert not is_delicate(Goods())


def test_it_can_be_helped_until_the_departure_leaves_or_else_until_the_promise_breaks() -> None:
    due_by = ADAS_PARCEL.promise.due_by
    ahead = case_of(ADAS_PARCEL, trouble(), expected=None, departure=LH860, now=at("10:00"))
    assert ahead.helped_by == LH860.departs_at
    gone = replace(LH860, left_at=at("11:00"))
    assert case_of(ADAS_PARCEL, trouble(), expected=None, departure=gone, now=at("12:00")).helped_by == due_by
    assert not ahead.breaching(at("10:00"))
    assert ahead.breaching(due_by - timedelta(hours=1))


@given(st.lists(st.tuples(pieces, kinds), max_size=6, unique_by=lambda each: each[1]), st.randoms())
def test_the_order_is_the_same_however_they_came_in(troubled: list[tuple[Piece, K]], chance: object) -> None:
    cases = [case_of(p, trouble(kind), expected=None, departure=None, now=at("12:00")) for p, kind in troubled]
    shuffled = list(cases)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    def order(case: Case) -> object:
        return case.order

    assert sorted(cases, key=order) == sorted(shuffled, key=order)  # type: ignore[arg-type]
    totals = [case.harm.total for case in sorted(cases, key=order)]  # type: ignore[arg-type]
    assert totals == sorted(totals, reverse=True)
