"""The web server: cheroot, with more threads than there may be streams, so that a page never waits for one."""

import threading
from collections.abc import Callable
from pathlib import Path

from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server
from flask import Flask

from web.app import live_of

THREADS = 256


def serve(
    app: Flask,
    host: str,
    port: int,
    stop: threading.Event,
    *,
    ready: Callable[[int], None] | None = None,
    certificate: tuple[Path, Path] | None = None,
    threads: int = THREADS,
) -> None:
    """Serves until `stop` is set, then ends streams, lets answers under way finish, and returns.

    Port 0 takes a free one; `ready` is told which, once connections are taken. `certificate` is (certificate, key).
    """
    server = Server((host, port), app, numthreads=threads, max=threads, server_name="lastscan", shutdown_timeout=5)
    server.max_request_header_size = 16 * 1024
    server.timeout = 20
    if certificate is not None:
        server.ssl_adapter = BuiltinSSLAdapter(str(certificate[0]), str(certificate[1]))
    server.prepare()

    def wait_for_stop() -> None:
        stop.wait()
        live_of(app).stop()  # first: cheroot waits for threads that hold a stream
        server.stop()

    watcher = threading.Thread(target=wait_for_stop, name="web-stop", daemon=True)
    watcher.start()
    try:
        if ready is not None:
            ready(server.bind_addr[1])
        server.serve()
    finally:
        stop.set()
        watcher.join(timeout=15)
