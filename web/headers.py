"""What every answer carries: what a page may load and who may frame it, no traces, and gzip where it helps."""

import gzip
from functools import lru_cache

from flask import Flask, Response, request

PAGE_POLICY = (
    "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
LETTER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""A letter is somebody else's page: it may be dressed, but neither run, load, send nor reach ours."""

WORTH_ZIPPING = 600
ZIPPED = (
    *("text/html", "text/css", "text/javascript", "image/svg+xml"),
    *("application/json", "application/problem+json", "application/wasm"),
)


def guard(app: Flask) -> None:
    """Sets the headers of `docs/api.md` on every answer, errors included."""

    def dress(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "no-referrer")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        if request.endpoint != "static":
            headers.setdefault("Cache-Control", "no-store")
        elif request.args.get("v"):
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
        if request.is_secure:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return _zipped(response)

    app.after_request(dress)


def _squeezed(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=6, mtime=0)


_squeezed_once = lru_cache(64)(_squeezed)
"""Of files, which stay the same: a phone's reader alone takes a tenth of a second."""


def _zipped(response: Response) -> Response:
    if response.mimetype not in ZIPPED:
        return response
    response.vary.add("Accept-Encoding")
    if response.is_streamed and response.direct_passthrough:
        response.direct_passthrough = False  # a file from our own static folder, small
    elif response.is_streamed:
        return response
    if response.status_code == 304 or request.accept_encodings["gzip"] <= 0 or response.content_encoding:
        return response
    body = response.get_data()
    if len(body) >= WORTH_ZIPPING:
        squeeze = _squeezed_once if request.endpoint == "static" else _squeezed
        response.set_data(squeeze(body))
        response.headers["Content-Encoding"] = "gzip"
        if response.headers.get("ETag"):
            response.headers["ETag"] = "W/" + response.headers["ETag"].removeprefix("W/")
    return response
