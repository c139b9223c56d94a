"""What every database must hold to, for deliveries and their proofs."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from notify import routing
from notify.delivery import Delivery, Feedback, Planned, Said, Settlement, State
from notify.pace import Pace
from notify.proofs import Sent, proof_of
from notify.store.deliveries import DeliveryStore, Result
from notify.store.ledger import Ledger
from notify.store.schema import proofs
from tests.notify.world import AT, owed
from tracker.domain.chain import Broken, Head

ACCEPTED = Settlement(State.ACCEPTED, "the provider took it", "250 ok")
LATER = timedelta(seconds=61)


@pytest.fixture
def store(engine: sa.Engine) -> DeliveryStore:
    return DeliveryStore(engine)


@pytest.fixture
def ledger(engine: sa.Engine) -> Ledger:
    return Ledger(engine)


def planned(number: int = 1, *, urgent: bool = True, channel: str = "email", **more: Any) -> Planned:
    notice = f"notice-{number}"
    usual = Planned(
        id=routing.delivery_id(notice, channel),
        notice=notice,
        channel=channel,
        cause=f"missed_connection:{notice}",
        person="person-ada",
        kind="missed_connection",
        thread=notice,
        owed_at=AT,
        priority=0 if urgent else 5,
    )
    return replace(usual, **more)


def result(delivery: Delivery, settlement: Settlement = ACCEPTED) -> Result:
    return Result(delivery, settlement, proof_of(delivery, settlement, AT))


def settle(store: DeliveryStore, delivery: Delivery, settlement: Settlement = ACCEPTED) -> bool:
    return not store.settle([result(delivery, settlement)], AT)


def claimed(store: DeliveryStore, at=AT, channel: str = "email") -> Delivery:
    (delivery,) = store.claim(channel, at)
    return delivery


def test_planning_twice_plans_once(store):
    assert store.plan([planned(1), planned(2)], AT) == 2
    assert store.plan([planned(2), planned(3)], AT) == 1


def test_a_notice_goes_by_a_channel_once(engine, store):
    store.plan([planned()], AT)
    assert store.plan([planned(1, id="another-key")], AT) == 0


def test_urgent_ones_go_first_then_the_oldest(store):
    store.plan([planned(1, urgent=False)], AT - timedelta(hours=1))
    store.plan([planned(2)], AT)
    store.plan([planned(3)], AT - timedelta(minutes=1))
    assert [claimed(store).notice for _ in range(3)] == ["notice-3", "notice-2", "notice-1"]


def test_of_many_claimants_each_delivery_has_one_winner(store):
    store.plan([planned(number) for number in range(20)], AT)
    won: list[str] = []

    def claim_all() -> None:
        while batch := store.claim("email", AT, 3):
            won.extend(delivery.id for delivery in batch)

    threads = [threading.Thread(target=claim_all) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == sorted({planned(number).id for number in range(20)})


def test_a_lease_keeps_others_away_until_it_runs_out(store):
    store.plan([planned()], AT)
    first = claimed(store)
    assert not store.claim("email", AT + timedelta(seconds=59))
    second = claimed(store, AT + LATER)
    assert (second.id, second.fence) == (first.id, first.fence + 1)


def test_who_never_came_to_it_made_no_attempt(store):
    store.plan([planned()], AT)
    assert claimed(store).attempts == 1
    second = claimed(store, AT + LATER)
    assert second.attempts == 1
    store.hand([second], AT + LATER)
    assert claimed(store, AT + 2 * LATER).attempts == 2
    store.release([claimed(store, AT + 3 * LATER)])
    assert claimed(store, AT + 3 * LATER).attempts == 4


def test_who_lost_the_lease_may_not_hand_it_over(store):
    store.plan([planned()], AT)
    first = claimed(store)
    second = claimed(store, AT + LATER)
    assert not store.hand([first], AT + LATER)
    assert store.hand([second], AT + LATER)


def test_a_lease_that_ran_out_may_not_be_used_even_if_nobody_took_it(store):
    store.plan([planned()], AT)
    assert not store.hand([claimed(store)], AT + LATER)


def test_handing_over_lengthens_the_lease_and_is_remembered(store):
    store.plan([planned()], AT)
    first = claimed(store)
    assert first.handed_at is None
    assert store.hand([first], AT + timedelta(seconds=50))
    assert not store.claim("email", AT + LATER)
    assert claimed(store, AT + timedelta(seconds=111)).handed_at == AT + timedelta(seconds=50)


def test_a_settlement_after_a_takeover_changes_nothing_but_is_proven(store, ledger):
    store.plan([planned()], AT)
    first = claimed(store)
    second = claimed(store, AT + LATER)
    assert not settle(store, first)
    assert store.counts().notices_waiting == 1
    assert settle(store, second)
    assert [proof.attempt for proof in ledger.proofs()] == [1, 2]


def test_two_acceptances_of_one_cause_are_counted_as_doubled(store):
    store.plan([planned()], AT)
    first = claimed(store)
    second = claimed(store, AT + LATER)
    settle(store, first)
    settle(store, second)
    assert store.counts().notices_doubled == 1


def test_a_settled_delivery_is_never_claimed_again(store):
    store.plan([planned()], AT)
    delivery = claimed(store)
    settle(store, delivery)
    assert not store.claim("email", AT + timedelta(days=400))
    assert store.plan([planned()], AT) == 0


def test_a_retry_waits_until_it_is_due(store):
    store.plan([planned()], AT)
    delivery = claimed(store)
    again = Settlement(State.RETRY, "refused for now", "451", due_at=AT + timedelta(minutes=5))
    settle(store, delivery, again)
    assert not store.claim("email", AT + timedelta(minutes=4))
    assert store.claim("email", AT + timedelta(minutes=5))


def test_failing_for_good_makes_way_for_the_next_channel_in_one_step(store):
    store.plan([planned()], AT)
    delivery = claimed(store)
    failed = Settlement(State.FAILED, "refused for good", "550", then=planned(1, channel="sms"))
    settle(store, delivery, failed)
    assert claimed(store, channel="sms").channel == "sms"
    assert store.unreported() == []  # the notice is not at its end


def test_what_is_settled_is_reported_once(store):
    store.plan([planned()], AT)
    delivery = claimed(store)
    settle(store, delivery)
    assert not store.idle(AT)
    assert store.unreported() == [(delivery.id, "notice-1", State.ACCEPTED)]
    store.reported([(delivery.id, State.ACCEPTED)])
    assert store.unreported() == []
    assert store.idle(AT)


def test_whether_something_was_said(store):
    cause, person = planned().cause, planned().person
    assert store.said(cause=cause, person=person) == "unsaid"
    store.plan([planned()], AT)
    assert store.said(cause=cause, person=person) == "unsaid"
    delivery = claimed(store)
    assert store.said(cause=cause, person=person) == "undecided"
    settle(store, delivery)
    assert store.said(cause=cause, person=person) == "said"


def test_the_chain_of_proofs_holds_whoever_writes_it(store, ledger):
    store.plan([planned(number) for number in range(12)], AT)
    deliveries = [claimed(store) for _ in range(12)]

    def settle_each(mine: list[Delivery]) -> None:
        for delivery in mine:
            settle(store, delivery)

    threads = [threading.Thread(target=settle_each, args=(deliveries[part::3],)) for part in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = ledger.verified()
    assert isinstance(found, Head)
    assert found.n == 12


def test_a_proof_changed_later_is_found(engine, store, ledger):
    store.plan([planned(number) for number in range(3)], AT)
    for delivery in [claimed(store) for _ in range(3)]:
        settle(store, delivery)
    with engine.begin() as tx:
        tx.execute(sa.update(proofs).where(proofs.c.n == 2).values(answer="250 ok!"))
    found = ledger.verified()
    assert isinstance(found, Broken)
    assert found.n == 2


def test_a_proof_left_out_is_found(engine, store, ledger):
    store.plan([planned(number) for number in range(3)], AT)
    for delivery in [claimed(store) for _ in range(3)]:
        settle(store, delivery)
    with engine.begin() as tx:
        tx.execute(sa.delete(proofs).where(proofs.c.n == 2))
    found = ledger.verified()
    assert isinstance(found, Broken)
    assert found.n == 2


def test_counts_name_what_became_of_each_notice(store):
    ends = [State.ACCEPTED, State.FAILED, State.CANCELLED, State.EXPIRED, State.UNKNOWN, State.OPTED_OUT]
    store.plan([planned(number) for number in range(7)], AT)
    for end in ends:
        delivery = claimed(store)
        settle(store, delivery, Settlement(end, "so it was"))
    counts = store.counts()
    assert counts.notices_due == 5
    assert counts.notices_sent == counts.notices_failed == counts.notices_expired == counts.notices_unknown == 1
    assert counts.notices_waiting == counts.notices_cancelled == counts.notices_opted_out == 1
    assert counts.notices_doubled == 0


def test_plans_of_one_notice_agree_on_its_key():
    assert routing.plan(owed(), {"email"}) == routing.plan(owed(), {"sms", "email"})


def test_what_came_back_is_heeded_once_whoever_does_it(store, ledger):
    store.plan([planned()], AT)
    delivery = claimed(store)
    proof = proof_of(delivery, ACCEPTED, AT, sent=Sent("digest"))
    store.settle([Result(delivery, ACCEPTED, proof)], AT)
    store.reported([(delivery.id, State.ACCEPTED)])
    said = Feedback("mail", "event-1", delivery.id, Said.BOUNCED, "5.1.1")
    store.feedback.keep(said, AT)
    store.feedback.keep(said, AT)
    ((heard, about),) = store.unheeded()
    assert store.heed(heard, about, None, AT)
    assert not store.heed(heard, about, None, AT)
    assert store.unreported() == [(delivery.id, "notice-1", State.FAILED)]
    assert [proof.outcome for proof in ledger.proofs()] == ["accepted", "bounced"]
    found = store.feedback.suppressed("digest", AT)
    assert found is not None
    assert (found.cause, found.until) == ("bounced", None)


# --- One thread: told in order, or the older one not at all ---------------------------------------------------


def in_thread(number: int, **more: Any) -> Planned:
    return planned(number, thread="ada/pc_81/connection", owed_at=AT + timedelta(minutes=number), **more)


def test_of_one_thread_only_the_oldest_that_is_due_is_claimed(store):
    store.plan([in_thread(2), in_thread(1), planned(3)], AT)
    assert sorted(one.notice for one in store.claim("email", AT, 10)) == ["notice-1", "notice-3"]
    assert not store.claim("email", AT, 10)


def test_a_newer_one_that_goes_first_supersedes_the_older_one(store, ledger):
    store.plan([in_thread(1)], AT)
    refused = claimed(store)
    settle(store, refused, Settlement(State.RETRY, "refused for now", due_at=AT + timedelta(minutes=5)))
    store.plan([in_thread(2)], AT)
    newer = claimed(store)
    assert store.hand([newer], AT)
    settle(store, newer)
    assert store.claim("email", AT + timedelta(hours=1)) == []
    assert store.counts().notices_superseded == 1
    assert [proof.outcome for proof in ledger.proofs()] == ["retry", "superseded", "accepted"]


def test_whoever_had_an_overtaken_one_and_wakes_up_finds_it_taken(store, ledger):
    store.plan([in_thread(1)], AT)
    paused, later = claimed(store), AT + LATER
    store.hand([paused], AT)
    store.plan([in_thread(2, channel="sms")], AT)
    newer = claimed(store, later, channel="sms")
    assert store.hand([newer], later)
    assert not settle(store, paused, Settlement(State.RETRY, "refused for now", due_at=later))
    assert store.claim("email", later + timedelta(hours=1)) == []
    assert [(proof.outcome, proof.attempt) for proof in ledger.proofs()] == [("unknown", 2), ("retry", 1)]


def test_what_may_have_arrived_and_is_overtaken_stays_unknown_and_is_not_repeated(store):
    store.plan([in_thread(1)], AT)
    silent = claimed(store)
    store.hand([silent], AT)
    again = Settlement(State.UNKNOWN, "no answer", due_at=AT + timedelta(minutes=5), handed_at=AT)
    settle(store, silent, again)
    store.plan([in_thread(2)], AT)
    newer = claimed(store)
    store.hand([newer], AT)
    settle(store, newer)
    assert store.counts().notices_unknown == 1
    assert not store.claim("email", AT + timedelta(minutes=6))


def test_a_newer_one_waits_while_somebody_sends_the_older_one(store):
    store.plan([in_thread(1)], AT)
    older = claimed(store)
    settle(store, older, Settlement(State.RETRY, "refused for now", due_at=AT + timedelta(seconds=5)))
    store.plan([in_thread(2)], AT)
    newer, now = claimed(store), AT + timedelta(seconds=6)
    again = claimed(store, now)
    assert again.id == older.id
    assert store.hand([again], now)
    assert store.hand([newer], now) == []


# --- What a provider bears ------------------------------------------------------------------------------------


def test_no_more_are_claimed_and_handed_than_the_pace_allows(store):
    pace = Pace(per_second=5)
    store.plan([planned(number) for number in range(20)], AT)
    first = store.claim("email", AT, 20, pace)
    assert len(store.hand(first, AT, pace)) == 5
    assert not store.claim("email", AT, 20, pace)
    assert len(store.claim("email", AT + timedelta(seconds=0.4), 20, pace)) == 2


def test_two_notifiers_keep_one_pace(store):
    pace = Pace(per_second=5)
    store.plan([planned(number) for number in range(20)], AT)
    mine, yours = store.claim("email", AT, 5, pace), store.claim("email", AT, 5, pace)
    assert (len(mine), len(yours)) == (5, 5)
    assert len(store.hand(mine, AT, pace)) + len(store.hand(yours, AT, pace)) == 5


def test_a_storm_leaves_a_fifth_to_the_others(store):
    pace = Pace(per_second=10)
    store.plan([planned(number, shared=True) for number in range(30)], AT)
    storm = store.claim("email", AT, 30, pace)
    assert len(store.hand(storm, AT, pace)) == 8
    assert not store.claim("email", AT, 30, pace)
    store.plan([planned(40, urgent=False), planned(41, urgent=False)], AT)
    assert len(store.hand(store.claim("email", AT, 30, pace), AT, pace)) == 2


def test_a_provider_that_fails_twenty_times_rests_for_a_minute_and_again_at_the_next_failure(store):
    busy = Settlement(State.RETRY, "refused for now", due_at=AT + timedelta(hours=1), answered=False)
    store.plan([planned(number) for number in range(30)], AT)
    for delivery in store.claim("email", AT, 19):
        settle(store, delivery, busy)
    last = claimed(store)
    settle(store, last, busy)
    assert not store.claim("email", AT + timedelta(seconds=59), 30)
    now = AT + timedelta(seconds=60)
    tried, waiting = store.claim("email", now, 2)
    store.settle([result(tried, busy)], now)
    assert store.hand([waiting], now) == []
    assert not store.claim("email", now + timedelta(seconds=59))


def test_an_answer_of_any_kind_ends_a_row_of_failures(store):
    busy = Settlement(State.RETRY, "refused for now", due_at=AT + timedelta(hours=1), answered=False)
    refused = Settlement(State.FAILED, "refused for good", answered=True)
    store.plan([planned(number) for number in range(30)], AT)
    for number, delivery in enumerate(store.claim("email", AT, 25)):
        settle(store, delivery, refused if number == 18 else busy)
    assert store.claim("email", AT)
