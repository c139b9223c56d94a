"""What WebAuthn needs to know of the page it is asked on. It takes host names only: `localhost`, never 127.0.0.1."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from flask import Response, abort, request
from werkzeug.sansio.utils import host_is_trusted


def relying_party() -> str:
    """The host name of this page, without its port."""
    return request.host.partition(":")[0].lower()


def origins() -> list[str]:
    """What a browser may call this page: plain HTTP only on this machine."""
    allowed = [f"https://{request.host}"]
    if host_is_trusted(request.host, ["localhost", ".localhost"]):
        allowed.append(f"http://{request.host}")
    return allowed


def can_be_used() -> bool:
    """Whether this page was opened under a name."""
    try:
        ip_address(request.host.rpartition(":")[0].strip("[]") or request.host)
    except ValueError:
        return not request.host.startswith("[")
    return False


def options(spelled: str) -> Response:
    return Response(spelled, mimetype="application/json")


def answer() -> Mapping[str, Any]:
    """What the browser's passkey said; 400 for anything that is no JSON object."""
    said = request.get_json(silent=True)
    if not isinstance(said, dict):
        abort(400)
    return said
