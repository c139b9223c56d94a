"""The notifier: looks four times a second at what is due, until it is told to stop."""

import random
import threading
from collections.abc import Callable, Mapping

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from notify.channel import Channel
from notify.dispatch import Clocks, Dispatcher
from notify.owed import Outbox
from notify.pace import Pace
from notify.preferences import Preferences
from notify.store.deliveries import DeliveryStore

log = structlog.get_logger(__name__)

TICK_S = 0.25  # real seconds, whatever the business clock does


def run_notify(
    outbox: Outbox,
    deliveries: DeliveryStore,
    channels: Mapping[str, Channel],
    clocks: Clocks,
    stop: threading.Event,
    *,
    preferences: Preferences,
    proof_key: bytes,
    paces: Mapping[str, Pace] | None = None,
) -> None:
    """Sends what is due until `stop` is set, then finishes the messages in hand and returns.

    What is due stands in the database. The scheduler only says when to look, so nothing is lost when it is killed. Each
    channel is looked after by itself: a slow provider holds up no other.
    """
    dispatcher = Dispatcher(
        outbox,
        deliveries,
        channels,
        clocks,
        preferences=preferences,
        proof_key=proof_key,
        chance=random.Random(),
        paces=paces,
    )

    def plan_and_report() -> int:
        done = dispatcher.plan() + dispatcher.heed()
        for unserved in set(deliveries.channels()) - set(channels):
            done += dispatcher.send(unserved, stopped=stop.is_set)
        return done + dispatcher.report()

    def sending(channel: str) -> Callable[[], int]:
        return lambda: dispatcher.send(channel, stopped=stop.is_set)

    def look(work: Callable[[], int]) -> None:
        try:
            while not stop.is_set() and work():
                pass
        except Exception:
            log.exception("the round was broken off; it will be taken up again", again_in_s=TICK_S)

    scheduler = BackgroundScheduler(executors={"default": ThreadPoolExecutor(len(channels) + 1)})
    for work in (plan_and_report, *map(sending, channels)):
        scheduler.add_job(look, "interval", (work,), seconds=TICK_S, coalesce=True, max_instances=1)
    scheduler.start()
    try:
        stop.wait()
    finally:
        scheduler.shutdown(wait=True)
        dispatcher.close()
