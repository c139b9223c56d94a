"""The tracker's wiring: subscriber and ingest on one side of the log, projection and sweep on the other."""

import gc
import threading
import time
from collections.abc import Collection

import sqlalchemy as sa
import structlog

from tracker.clock import Clock
from tracker.devices import Roll
from tracker.domain.errors import StoreError
from tracker.feeds import FeedDesk
from tracker.foresee import Foresight
from tracker.ingest import Ingest
from tracker.mqtt import Subscriber
from tracker.project import Projector
from tracker.store import Store
from tracker.store.checkpoint import checkpointing
from tracker.sweep import Sweep

log = structlog.get_logger()

_LOOK_EVERY_S = 0.02
_BACK_OFF_S = 1.0
_AT_ONCE = 500


def run_tracker(
    engine: sa.Engine,
    clock: Clock,
    *,
    mqtt_url: str,
    username: str,
    password: str,
    sites: Collection[str] = (),
    folds: bool = True,
    stop: threading.Event,
) -> None:
    """Runs until `stop` is set: everything heard is kept, everything kept is folded.

    One that does not fold leaves that to another tracker on the same database.
    """
    store = Store(engine)
    ingest = Ingest(store, Roll(store), clock, time.monotonic)
    feeds = FeedDesk(store, clock)
    subscriber = Subscriber(ingest, feeds, clock, url=mqtt_url, username=username, password=password, sites=sites)
    projector = Projector(store, clock)
    _collect_seldom()
    with checkpointing(engine):
        subscriber.start()
        try:
            if folds:
                keep_projecting(projector, Sweep(projector), stop, Foresight(store, clock))
            else:
                stop.wait()
        finally:
            subscriber.stop()
    store.close()


def _collect_seldom() -> None:
    """A batch is thousands of objects that are gone with it and form no cycles: looking for cycles among them takes
    a fifth of the time. What was imported and made so far stays for good and need not be looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def keep_projecting(
    projector: Projector, sweep: Sweep, stop: threading.Event, foresight: Foresight | None = None
) -> None:
    """Folds what is new as soon as it is there, and looks at the clock and ahead in between."""
    while not stop.is_set():
        try:
            if projector.step(_AT_ONCE) < _AT_ONCE:  # all that is there: a little later there is a batch worth its cost
                if sweep.turn():
                    continue  # when a hub closes there are many, and what is scanned meanwhile is folded in between
                if foresight is not None:
                    foresight.step()
                stop.wait(_LOOK_EVERY_S)
        except StoreError as wrong:
            log.error("cannot fold; trying again", why=str(wrong))
            stop.wait(_BACK_OFF_S)
        except Exception:
            # A mistake of ours, and the same facts will meet it again; but scans must go on being kept meanwhile.
            log.exception("tripped while folding; trying again")
            stop.wait(_BACK_OFF_S)
