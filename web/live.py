"""Live pages: one loop a process follows the update log and wakes the streams it concerns; no stream reads the log."""

import logging
import threading
from collections.abc import Callable, Iterator
from time import monotonic

from flask import Response

from web.sources import Queries

log = logging.getLogger(__name__)

LOOK_EVERY = 0.1  # seconds between looks at the update log while somebody watches
STILL_HERE = 15.0  # seconds of silence after which a comment finds out who has gone
BATCH = 1000


class Stream:
    """One reader. `wait` gives the position of the newest update that concerns it, or None when time is up."""

    def __init__(self, hub: "LiveUpdates", number: str | None) -> None:
        self._hub = hub
        self.number = number  # None: every update
        self._woken = threading.Condition()
        self._newest: int | None = None
        self._closed = False

    def wake(self, seq: int) -> None:
        with self._woken:
            self._newest = seq
            self._woken.notify_all()

    def wait(self, seconds: float) -> int | None:
        until = monotonic() + seconds
        with self._woken:
            while self._newest is None and not self.ended:
                left = until - monotonic()
                if left <= 0:
                    return None
                self._woken.wait(min(left, 0.5))
            seq, self._newest = self._newest, None
            return seq

    @property
    def ended(self) -> bool:
        return self._closed or self._hub.stopped

    def close(self) -> None:
        self._closed = True
        self._hub.leave(self)


class LiveUpdates:
    """The fan-out of one process: at most `most` streams; its thread begins with the first of them."""

    def __init__(self, queries: Queries, *, most: int) -> None:
        self._queries = queries
        self._most = most
        self._streams: set[Stream] = set()
        self._position = 0
        self._lock = threading.Lock()
        self._someone = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def __len__(self) -> int:
        return len(self._streams)

    def follow(self, number: str | None) -> Stream | None:
        """A stream of this number's updates, or of all; None when there are as many as there may be."""
        stream = Stream(self, number)
        with self._lock:
            if len(self._streams) >= self._most or self.stopped:
                return None
            if not self._streams:
                self._position = self._queries.last_update()
            self._streams.add(stream)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live-updates", daemon=True)
                self._thread.start()
        self._someone.set()
        return stream

    @property
    def position(self) -> int:
        """How far the update log has been followed."""
        return self._position

    def pause(self, seconds: float) -> None:
        """Sleeps, but not past the end of this process's serving."""
        if seconds > 0:
            self._stop.wait(seconds)

    def leave(self, stream: Stream) -> None:
        with self._lock:
            self._streams.discard(stream)

    def missed(self, number: str, *, after: int) -> bool:
        """Whether this number changed after a position; true also when that is too long ago to tell."""
        rows = self._queries.updates_after(after, BATCH)
        return len(rows) == BATCH or any(row.number == number for row in rows)

    def stop(self) -> None:
        """Ends every stream and the loop; a server may then be stopped without waiting for readers."""
        self._stop.set()
        self._someone.set()

    def _run(self) -> None:
        while not self.stopped:
            if not self._streams:
                self._someone.clear()
                self._someone.wait(1.0)
                continue
            try:
                more = self._look()
            except Exception:  # whatever it is, the streams of this process hang on this thread
                log.exception("the update log cannot be read now; trying again in a second")
                self._stop.wait(1.0)
                continue
            if not more:
                self._stop.wait(LOOK_EVERY)

    def _look(self) -> bool:
        """Passes on what is new; true if there may be more at once."""
        with self._lock:
            position = self._position
        rows = self._queries.updates_after(position, BATCH)
        if not rows:
            return False
        newest = {row.number: row.seq for row in rows}
        with self._lock:
            self._position = max(self._position, rows[-1].seq)
            streams = list(self._streams)
        for stream in streams:
            seq = rows[-1].seq if stream.number is None else newest.get(stream.number)
            if seq is not None:
                stream.wake(seq)
        return len(rows) == BATCH


def event(data: str, *, id: int | None = None, name: str | None = None) -> str:
    """One server-sent event. Line ends inside the data become lines of the event."""
    head = ([f"event: {name}"] if name else []) + ([f"id: {id}"] if id is not None else [])
    return "\n".join([*head, *(f"data: {line}" for line in data.splitlines() or [""])]) + "\n\n"


def stream_of(stream: Stream, first: int | None, draw: Callable[[int], str]) -> Response:
    """Sends what `draw` makes of each position at which the piece changed; `first`: one the reader has missed."""

    def events() -> Iterator[str]:
        yield "retry: 2000\n: live\n\n"
        seq = first
        while not stream.ended:
            if seq is not None:
                yield event(draw(seq), id=seq)
            seq = stream.wait(STILL_HERE)
            if seq is None:
                yield ": still here\n\n"

    return as_stream(stream, events())


def as_stream(stream: Stream, events: Iterator[str]) -> Response:
    response = Response(events, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})
    response.call_on_close(stream.close)
    return response
