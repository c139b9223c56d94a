"""What every database must hold to, for deliveries and their proofs."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from notify import routing
from notify.delivery import Delivery, Planned, Settlement, State
from notify.proofs import Proof
from notify.store.deliveries import DeliveryStore
from notify.store.schema import proofs
from tests.notify.world import AT, owed

ACCEPTED = Settlement(State.ACCEPTED, "the provider took it", "250 ok")
LATER = timedelta(seconds=61)


@pytest.fixture
def store(engine: sa.Engine) -> DeliveryStore:
    return DeliveryStore(engine)


def planned(number: int = 1, *, urgent: bool = True, channel: str = "email") -> Planned:
    notice = f"notice-{number}"
    return Planned(
        id=routing.delivery_id(notice, channel),
        notice=notice,
        channel=channel,
        cause=f"missed_connection:{notice}",
        person="person-ada",
        kind="missed_connection",
        priority=0 if urgent else 5,
    )


def proof(delivery: Delivery, outcome: State = State.ACCEPTED) -> Proof:
    return Proof(
        at=AT,
        notice=delivery.notice,
        cause=delivery.cause,
        delivery=delivery.id,
        attempt=delivery.attempts,
        kind=delivery.kind,
        person=delivery.person,
        channel=delivery.channel,
        address="digest",
        language="zh-Hans",
        body_sha256="",
        outcome=outcome,
        why="已接收",
        answer="250 ok",
    )


def claimed(store: DeliveryStore, at=AT) -> Delivery:
    delivery = store.claim(at)
    assert delivery is not None
    return delivery


def test_planning_twice_plans_once(store):
    assert store.plan([planned(1), planned(2)], AT) == 2
    assert store.plan([planned(2), planned(3)], AT) == 1


def test_a_notice_goes_by_a_channel_once(engine, store):
    store.plan([planned()], AT)
    other = Planned("another-key", "notice-1", "email", "cause", "person-ada", "missed_connection", 0)
    assert store.plan([other], AT) == 0


def test_urgent_ones_go_first_then_the_oldest(store):
    store.plan([planned(1, urgent=False)], AT - timedelta(hours=1))
    store.plan([planned(2)], AT)
    store.plan([planned(3)], AT - timedelta(minutes=1))
    assert [claimed(store).notice for _ in range(3)] == ["notice-3", "notice-2", "notice-1"]


def test_of_many_claimants_each_delivery_has_one_winner(store):
    store.plan([planned(number) for number in range(20)], AT)
    won: list[str] = []

    def claim_all() -> None:
        while (delivery := store.claim(AT)) is not None:
            won.append(delivery.id)

    threads = [threading.Thread(target=claim_all) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == sorted({planned(number).id for number in range(20)})


def test_a_lease_keeps_others_away_until_it_runs_out(store):
    store.plan([planned()], AT)
    first = claimed(store)
    assert store.claim(AT + timedelta(seconds=59)) is None
    second = claimed(store, AT + LATER)
    assert (second.id, second.fence, second.attempts) == (first.id, first.fence + 1, 2)


def test_who_lost_the_lease_may_not_hand_it_over(store):
    store.plan([planned()], AT)
    first = claimed(store)
    second = claimed(store, AT + LATER)
    assert not store.hand(first, AT + LATER)
    assert store.hand(second, AT + LATER)


def test_a_lease_that_ran_out_may_not_be_used_even_if_nobody_took_it(store):
    store.plan([planned()], AT)
    assert not store.hand(claimed(store), AT + LATER)


def test_handing_over_lengthens_the_lease_and_is_remembered(store):
    store.plan([planned()], AT)
    first = claimed(store)
    assert first.handed_at is None
    assert store.hand(first, AT + timedelta(seconds=50))
    assert store.claim(AT + LATER) is None
    assert claimed(store, AT + timedelta(seconds=111)).handed_at == AT + timedelta(seconds=50)


def test_a_settlement_after_a_takeover_changes_nothing_but_is_proven(store):
    store.plan([planned()], AT)
    first = claimed(store)
    second = claimed(store, AT + LATER)
    assert not store.settle(first, ACCEPTED, proof(first), AT)
    assert store.counts().notices_waiting == 1
    assert store.settle(second, ACCEPTED, proof(second), AT)
    assert [link.proof.attempt for link in store.proofs()] == [1, 2]


def test_two_acceptances_of_one_cause_are_counted_as_doubled(store):
    store.plan([planned()], AT)
    first = claimed(store)
    second = claimed(store, AT + LATER)
    store.settle(first, ACCEPTED, proof(first), AT)
    store.settle(second, ACCEPTED, proof(second), AT)
    assert store.counts().notices_doubled == 1


def test_a_settled_delivery_is_never_claimed_again(store):
    store.plan([planned()], AT)
    delivery = claimed(store)
    store.settle(delivery, ACCEPTED, proof(delivery), AT)
    assert store.claim(AT + timedelta(days=400)) is None
    assert store.plan([planned()], AT) == 0


def test_a_retry_waits_until_it_is_due(store):
    store.plan([planned()], AT)
    delivery = claimed(store)
    again = Settlement(State.RETRY, "refused for now", "451", due_at=AT + timedelta(minutes=5))
    store.settle(delivery, again, proof(delivery, State.RETRY), AT)
    assert store.claim(AT + timedelta(minutes=4)) is None
    assert store.claim(AT + timedelta(minutes=5)) is not None


def test_failing_for_good_makes_way_for_the_next_channel_in_one_step(store):
    store.plan([planned()], AT)
    delivery = claimed(store)
    failed = Settlement(State.FAILED, "refused for good", "550", then=planned(1, channel="sms"))
    store.settle(delivery, failed, proof(delivery, State.FAILED), AT)
    assert claimed(store).channel == "sms"
    assert store.unreported() == []  # the notice is not at its end


def test_what_is_settled_is_reported_once(store):
    store.plan([planned()], AT)
    delivery = claimed(store)
    store.settle(delivery, ACCEPTED, proof(delivery), AT)
    assert not store.idle(AT)
    assert store.unreported() == [(delivery.id, "notice-1", State.ACCEPTED)]
    store.reported(delivery.id, State.ACCEPTED)
    assert store.unreported() == []
    assert store.idle(AT)


def test_whether_something_was_said(store):
    cause, person = planned().cause, planned().person
    assert store.said(cause=cause, person=person) == "unsaid"
    store.plan([planned()], AT)
    assert store.said(cause=cause, person=person) == "unsaid"
    delivery = claimed(store)
    assert store.said(cause=cause, person=person) == "undecided"
    store.settle(delivery, ACCEPTED, proof(delivery), AT)
    assert store.said(cause=cause, person=person) == "said"


def test_the_chain_of_proofs_holds_whoever_writes_it(store):
    store.plan([planned(number) for number in range(12)], AT)
    deliveries = [claimed(store) for _ in range(12)]

    def settle(mine: list[Delivery]) -> None:
        for delivery in mine:
            store.settle(delivery, ACCEPTED, proof(delivery), AT)

    threads = [threading.Thread(target=settle, args=(deliveries[part::3],)) for part in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [link.pos for link in store.proofs()] == list(range(1, 13))
    assert store.first_broken_proof() is None


def test_a_proof_changed_later_is_found(engine, store):
    store.plan([planned(number) for number in range(3)], AT)
    for delivery in [claimed(store) for _ in range(3)]:
        store.settle(delivery, ACCEPTED, proof(delivery), AT)
    with engine.begin() as tx:
        tx.execute(sa.update(proofs).where(proofs.c.pos == 2).values(answer="250 ok!"))
    assert store.first_broken_proof() == 2


def test_a_proof_left_out_is_found(engine, store):
    store.plan([planned(number) for number in range(3)], AT)
    for delivery in [claimed(store) for _ in range(3)]:
        store.settle(delivery, ACCEPTED, proof(delivery), AT)
    with engine.begin() as tx:
        tx.execute(sa.delete(proofs).where(proofs.c.pos == 2))
    assert store.first_broken_proof() == 2


def test_counts_name_what_became_of_each_notice(store):
    ends = [State.ACCEPTED, State.FAILED, State.CANCELLED, State.EXPIRED, State.UNKNOWN, State.OPTED_OUT]
    store.plan([planned(number) for number in range(7)], AT)
    for end in ends:
        delivery = claimed(store)
        store.settle(delivery, Settlement(end, "so it was"), proof(delivery, end), AT)
    counts = store.counts()
    assert counts.notices_due == 5
    assert counts.notices_sent == counts.notices_failed == counts.notices_expired == counts.notices_unknown == 1
    assert counts.notices_waiting == counts.notices_cancelled == counts.notices_opted_out == 1
    assert counts.notices_doubled == 0


def test_plans_of_one_notice_agree_on_its_key():
    assert routing.plan(owed(), {"email"}) == routing.plan(owed(), {"sms", "email"})
