"""The notifier: looks four times a second at what is due, until it is told to stop."""

import random
import threading
from collections.abc import Mapping

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from notify.channel import Channel
from notify.dispatch import Clocks, Dispatcher
from notify.owed import Outbox
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
) -> None:
    """Sends what is due until `stop` is set, then finishes the message in hand and returns.

    What is due stands in the database. The scheduler only says when to look, so nothing is lost when it is killed.
    """
    dispatcher = Dispatcher(
        outbox, deliveries, channels, clocks, preferences=preferences, proof_key=proof_key, chance=random.Random()
    )
    scheduler = BackgroundScheduler(timezone="UTC")  # it knows no local days: the database says what is due

    def look() -> None:
        try:
            while not stop.is_set() and dispatcher.step(stopped=stop.is_set):
                pass
        except Exception:  # a database that is away for a minute must not end the ticking
            log.exception("the round was broken off; it will be taken up again", again_in_s=TICK_S)

    scheduler.add_job(look, "interval", seconds=TICK_S, coalesce=True, max_instances=1)
    scheduler.start()
    try:
        stop.wait()
    finally:
        scheduler.shutdown(wait=True)
