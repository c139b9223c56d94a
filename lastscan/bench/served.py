"""A web process of its own for `lookup`: what Lastscan serves, and `/hello`. It ends when nobody holds its input."""

import os
import sys
import threading

from lastscan.bench.filling import NOW
from tracker.booking import Bookings
from tracker.clock import StoppedClock
from tracker.queries import Queries
from tracker.store import Store
from tracker.store.engine import open_engine
from web.app import WebSettings, create_app
from web.serve import serve


def main() -> None:
    """Serves the database named by `DATABASE_URL`; the first line on standard output is the port."""
    store, clock = Store(open_engine(os.environ["DATABASE_URL"])), StoppedClock(NOW)
    settings = WebSettings(lookups_per_minute=None)
    app = create_app(Queries(store, clock), Bookings(store, clock), clock=clock, settings=settings)
    app.add_url_rule("/hello", view_func=lambda: "hello, world")
    stop = threading.Event()

    def until_nobody_asks() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=until_nobody_asks, daemon=True).start()
    serve(app, "127.0.0.1", 0, stop, threads=8, ready=lambda port: print(port, flush=True))  # noqa: T201


if __name__ == "__main__":
    main()
