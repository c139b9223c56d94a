"""Requests to addresses that strangers chose: none of them may lead inside (server-side request forgery).

What a name means is asked once, every address it means is judged, and the connection goes to a judged address under the
original name. Redirects are not followed, proxies of the environment not used.
"""

import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

PORTS = frozenset({443, 8443})
WAIT_S = 15.0
READ_AT_MOST = 64 * 1024
LONGEST_WAIT = timedelta(hours=24)

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Sequence[str]]
"""The addresses of a name, as text; raises OSError where it has none."""

_INSIDE = tuple(
    ipaddress.ip_network(network)
    for network in (
        # RFC 6890 and what IANA's registries of special addresses added to it
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # public by its number, and yet the inside of one cloud
        "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96",  # IPv4 in other clothes: compatible, mapped, translated
        "64:ff9b::/96", "64:ff9b:1::/48", "2001::/23", "2002::/16",  # NAT64, Teredo and others, 6to4
        "100::/64", "2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\Z")
_NUMBER_LIKE = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")  # the last label of what a resolver might take for an IPv4 address


class ForbiddenAddressError(ValueError):
    """This address is not one to send to; the text says why and what would be."""


class UnreachableError(OSError):
    """Surely nothing was taken: no address, no connection, or it broke before the whole request was out."""


class SilentError(OSError):
    """The whole request was sent and no answer came: it may have been taken."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the far end said; of the body, as much as was read."""

    status: int
    body: bytes
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """An address that is well formed and may be asked for. Where its name leads is judged at the connection."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, name and port, as an allow-list names it."""
        return f"{self.scheme}://{_bracketed(self.host)}:{self.port}"

    @property
    def host_header(self) -> str:
        usual = {"http": 80, "https": 443}[self.scheme]
        return _bracketed(self.host) if self.port == usual else f"{_bracketed(self.host)}:{self.port}"


def parse(url: str, *, allowed: frozenset[str] = frozenset()) -> Target:
    """The target a URL names. https on port 443 or 8443, a name of the DNS, nothing before an `@`.

    `allowed` are origins such as `http://10.0.0.5:8080` that the operator lets through whatever the rules say.
    """
    target = _parts(url)
    if target.origin in allowed:
        return target
    if target.scheme != "https":
        raise ForbiddenAddressError("the address must begin with https://")
    if target.port not in PORTS:
        raise ForbiddenAddressError(f"port {target.port} is not one to send to: 443 or 8443")
    literal = _literal(target.host)
    if literal is not None:
        refuse_inside(literal)
    elif _NUMBER_LIKE.match(target.host.rpartition(".")[2]):
        raise ForbiddenAddressError("a number for a host: write the name")
    elif "." not in target.host:
        raise ForbiddenAddressError("a name without a dot is one inside: write the whole name")
    return target


def refuse_inside(address: IpAddress) -> None:
    """Raises ForbiddenAddressError for an address that is not of the public Internet, in whatever form."""
    if any(address.version == net.version and address in net for net in _INSIDE) or not address.is_global:
        raise ForbiddenAddressError("the name leads to an address that is not of the public Internet")


def resolved(name: str, port: int) -> Sequence[str]:
    """By the resolver of this machine."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(address[0]) for *_, address in found]


@dataclass(frozen=True, slots=True)
class Guard:
    """Where this installation may send, and how. One is enough for all threads."""

    allowed: frozenset[str] = frozenset()
    resolve: Resolver = resolved
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    wait_s: float = WAIT_S  # for everything together, from the connection to the last byte read

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Sends one POST and reads at most 64 KB of the answer.

        Raises ForbiddenAddressError before anything is connected, UnreachableError where nothing was taken, and
        SilentError where it may have been.
        """
        target = parse(url, allowed=self.allowed)
        give_up_at = time.monotonic() + self.wait_s
        line = self._connected(target, give_up_at)
        # A far end that sends a byte now and then never trips the socket's own time-out.
        cut = threading.Timer(max(0.01, give_up_at - time.monotonic()), _hang_up, [line])
        cut.daemon = True
        cut.start()
        try:
            if isinstance(line, ssl.SSLSocket):
                _shake_hands(line)
            return _converse(line, target, body, headers)
        finally:
            cut.cancel()
            line.close()

    def _connected(self, target: Target, give_up_at: float) -> socket.socket:
        try:
            addresses = list(dict.fromkeys(self.resolve(target.host, target.port)))
        except (OSError, UnicodeError) as error:
            raise UnreachableError(f"the name has no address: {error}") from error
        if target.origin not in self.allowed:
            for address in addresses:
                refuse_inside(ipaddress.ip_address(address.partition("%")[0]))
        last: OSError = UnreachableError("the name has no address")
        for address in addresses:
            try:
                left = max(0.01, give_up_at - time.monotonic())
                line = socket.create_connection((address, target.port), timeout=left)
            except OSError as error:
                last = error
                continue
            line.settimeout(max(0.01, give_up_at - time.monotonic()))
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if target.scheme == "http":
                return line
            return self.context.wrap_socket(line, server_hostname=target.host, do_handshake_on_connect=False)
        raise UnreachableError(f"no connection: {last}") from last


def _shake_hands(line: ssl.SSLSocket) -> None:
    try:
        line.do_handshake()
    except OSError as error:
        raise UnreachableError(f"no TLS connection: {error}") from error


def wait_asked_for(retry_after: str | None, now: datetime) -> timedelta | None:
    """`Retry-After` (RFC 9110, section 10.2.3), in seconds or as a date; at most a day. None: it makes no sense."""
    text = (retry_after or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(timedelta(seconds=int(text)), LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(text) - now
    except (ValueError, TypeError):  # TypeError: a date without a zone
        return None
    return min(max(wait, timedelta(0)), LONGEST_WAIT)


def _converse(line: socket.socket, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
    talk = http.client.HTTPConnection(target.host, target.port)
    talk.sock = line
    try:
        told = {"Host": target.host_header, "Accept-Encoding": "identity", "Connection": "close", **headers}
        talk.request("POST", target.path, body, told)
    except OSError as error:
        raise UnreachableError(f"broken off before the request was out: {error}") from error
    try:
        answer = talk.getresponse()
        return Answer(answer.status, _beginning(answer), answer.getheader("Retry-After"))
    except (OSError, http.client.HTTPException) as error:
        raise SilentError(f"sent, and no answer: {type(error).__name__}: {error}") from error


def _beginning(answer: http.client.HTTPResponse) -> bytes:
    """The status is what counts: a body that breaks off does not take it back."""
    with suppress(OSError, http.client.HTTPException):
        return answer.read(READ_AT_MOST)
    return b""


def _parts(url: str) -> Target:
    if len(url) > 2000 or not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise ForbiddenAddressError("an address is up to 2,000 letters of ASCII without blanks or backslashes")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or ""), parts.port
    except ValueError as wrong:
        raise ForbiddenAddressError(f"not an address: {wrong}") from None
    if parts.scheme not in ("http", "https"):
        raise ForbiddenAddressError("the address must begin with https://")
    if "@" in parts.netloc:
        raise ForbiddenAddressError("the address must not carry a user or a password")
    if parts.fragment or "#" in url:
        raise ForbiddenAddressError("the address must not have a fragment")
    if _literal(host) is None and not _NAME.match(host):
        raise ForbiddenAddressError("the host is not a name of the DNS; write names of other scripts as xn--")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    usual = {"http": 80, "https": 443}[parts.scheme]
    return Target(parts.scheme, host, usual if port is None else port, path)


def _literal(host: str) -> IpAddress | None:
    """An address written out. Octal, hexadecimal and short forms are none: `ipaddress` takes four plain numbers."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _hang_up(line: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(line, socket.SHUT_RDWR)  # under TLS too: whoever reads there finds the end


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
