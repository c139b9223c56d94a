"""The courier's page: an LDP/1 device that a phone installs, and how it becomes one.

Everything the page needs without a network is named in its service worker, with a version drawn from its contents:
another content is another worker, which fetches all of it anew before it takes over.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, current_app, json, render_template, request, url_for

from locales import languages, words
from locales.sentences import script_sentences
from tracker.devices import Credentials
from web.headers import PAGE_POLICY
from web.language import spoken
from web.limits import Lookups
from web.problems import problem
from web.same_origin import takes_no_cookie
from web.sources import Invitations
from web.track import charge

LONGEST_TOKEN = 64
SCRIPTS = "courier"
"""The folder of the page's own scripts, in `static/`."""

ENGINES = ("vendor/zxing-wasm/reader/index.js", "vendor/zxing-wasm/share.js", "vendor/mqtt/mqtt.esm.js")
DECODER_WASM = "vendor/zxing-wasm/reader/zxing_reader.wasm"
LOOKS = ("courier.css", "icon.svg", "icon-192.png", "icon-512.png")

Broker = Callable[[], str | None]


def phone(invitations: Invitations, guesses: Lookups, broker: Broker) -> Blueprint:
    """`broker` answers where browsers reach the broker (`ws:` or `wss:`), or None; `guesses` limits wrong tokens."""
    routes = Blueprint("phone", __name__, url_prefix="/courier")

    @routes.get("/")
    def page() -> Response:
        return _for_phones(render_template("courier.html", said=_said(), broker=broker() or ""), broker())

    @routes.get("/app.webmanifest")
    def manifest() -> Response:
        return Response(json.dumps(_manifest()), mimetype="application/manifest+json")

    @routes.get("/worker.js")
    def worker() -> Response:
        shell = list(_shell())
        known = hashlib.sha256((broker() or "").encode())
        for name in shell:
            known.update(name.encode() + _content(name))
        head = f"const VERSION = {json.dumps(known.hexdigest()[:16])};\nconst SHELL = {json.dumps(shell)};\n"
        return Response(head + _script("worker.js"), mimetype="text/javascript")

    @routes.get("/decoder.js")
    def decoder() -> Response:
        return _for_phones(_script("decoder.js"), broker(), mimetype="text/javascript")

    @routes.post("/pair")
    @takes_no_cookie
    def pair() -> Response:
        """Takes a token once, and answers what the phone needs to be a device."""
        asked = request.get_json(silent=True)
        token = asked.get("token") if isinstance(asked, dict) else None
        drawn = invitations.take_up(token) if isinstance(token, str) and 0 < len(token) <= LONGEST_TOKEN else None
        if drawn is None:
            charge(guesses)
            return problem("no-invitation")
        return Response(json.dumps(_handed_out(drawn, broker())) + "\n", mimetype="application/json")

    return routes


def phone_policy(broker: str | None) -> str:
    """As any page, and it may compile the decoder, show pictures of its own, and reach the one broker."""
    reach = f"connect-src 'self' {broker}" if broker else "connect-src 'self'"
    allowed = PAGE_POLICY.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'")
    return f"{allowed}; worker-src 'self'; img-src 'self' blob:; {reach}"


def _for_phones(body: str, broker: str | None, mimetype: str = "text/html") -> Response:
    answer = Response(body, mimetype=mimetype)
    answer.headers["Content-Security-Policy"] = phone_policy(broker)
    answer.headers["Permissions-Policy"] = "camera=(self), microphone=(), geolocation=()"
    return answer


def _handed_out(drawn: Credentials, broker: str | None) -> dict[str, str | None]:
    return {
        "dev": drawn.dev,
        "site": drawn.site,
        "key": drawn.key,
        "username": drawn.username,
        "password": drawn.password,
        "mqtt_ws": broker,
    }


def _said() -> dict[str, str]:
    """What the scripts say, in the language of this request."""
    return {sentence: spoken().pattern(sentence) for sentence in _sentences()}


@cache
def _sentences() -> tuple[str, ...]:
    folder = Path(__file__).parent / "static" / SCRIPTS
    return tuple(dict.fromkeys(text for path in sorted(folder.glob("*.js")) for _, text in script_sentences(path)))


def _shell() -> Iterator[str]:
    """Addresses of all that the page needs, in the order in which a phone should fetch it."""
    yield from (url_for("phone.page"), *(url_for("phone.page", lang=tag) for tag in languages()))
    yield from (url_for("phone.decoder"), url_for("phone.manifest"))
    apart = {"worker.js", "decoder.js"}
    own = sorted({path.name for path in (_static() / SCRIPTS).glob("*.js")} - apart)
    for name in (*LOOKS, *(f"{SCRIPTS}/{name}" for name in own), *ENGINES, DECODER_WASM):
        yield url_for("static", filename=name)


def _content(address: str) -> bytes:
    """What makes one version of it differ from another."""
    here = Path(__file__).parent
    if address.startswith("/static/"):
        return (here / address.removeprefix("/")).read_bytes()
    if address == url_for("phone.decoder"):
        return _script("decoder.js").encode()
    said = "".join(pattern for tag in languages() for pattern in map(words(tag).pattern, _sentences()))
    return (here / "templates" / "courier.html").read_bytes() + said.encode()


def _manifest() -> dict[str, object]:
    sizes = {"icon-192.png": "192x192", "icon-512.png": "512x512"}
    icons = [
        {"src": url_for("static", filename=name), "sizes": size, "type": "image/png", "purpose": "any maskable"}
        for name, size in sizes.items()
    ]
    return {
        "id": url_for("phone.page"),
        "name": "Lastscan",
        "short_name": "Lastscan",
        "start_url": url_for("phone.page"),
        "scope": url_for("phone.page"),
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": "#ffffff",
        "icons": icons,
    }


def _static() -> Path:
    return Path(current_app.static_folder or "")


def _script(name: str) -> str:
    return (_static() / SCRIPTS / name).read_text(encoding="utf-8")
