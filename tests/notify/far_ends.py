"""Far ends that really listen: a web server that does as it is told, and a port that counts who comes."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Heard:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class FarEnd:
    """A web server. Each of `answers` is used once, then it says 204; `heard` is what came in whole.

    An answer is a status with headers, or `dies` (hangs up after the request), `mute` (never answers), or `half` (hangs
    up in the middle of its answer).
    """

    url: str = ""
    answers: list[tuple[int, dict[str, str]] | str] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def will(self, *answers: tuple[int, dict[str, str]] | str | int) -> None:
        self.answers = [(answer, {}) if isinstance(answer, int) else answer for answer in answers]


@contextmanager
def far_end() -> Iterator[FarEnd]:
    end = FarEnd()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            end.heard.append(Heard(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            answer = end.answers.pop(0) if end.answers else (204, {})
            if answer == "mute":
                end.released.wait(10)
            if isinstance(answer, str):
                if answer == "half":
                    self.wfile.write(b"HTTP/1.1 20")
                self.close_connection = True
                return
            status, headers = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    end.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield end
    finally:
        end.released.set()
        server.shutdown()
        server.server_close()


@contextmanager
def listener(host: str = "127.0.0.1") -> Iterator[Callable[[], int]]:
    """A port inside that nobody should come to; says how many did. `listener.port` of the answer is where it is."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        server.setblocking(False)
        came: list[object] = []

        def count() -> int:
            with suppress(BlockingIOError):
                while True:
                    came.append(server.accept()[0])
            return len(came)

        count.port = server.getsockname()[1]  # type: ignore[attr-defined]
        yield count


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return int(unused.getsockname()[1])
