"""Nothing a stranger writes into an address leads inside."""

import ipaddress
import itertools
import random
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from notify.guarded import ForbiddenAddressError, Guard, SilentError, UnreachableError, parse, refuse_inside
from tests.notify.far_ends import far_end, free_port, listener

INSIDE = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.5.4", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "198.18.0.1", "224.0.0.1", "239.255.255.250",
    "240.0.0.1", "255.255.255.255", "192.88.99.1", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:a00:1",
    "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
    "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001::1", "2001:db8::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254",
    "ff02::1", "100::1",
]  # fmt: skip


def spellings(address: str) -> list[str]:
    """An IPv4 address as careless programs read it."""
    a, b, c, d = (int(part) for part in address.split("."))
    whole = (a << 24) | (b << 16) | (c << 8) | d
    pair = f"{whole >> 16:x}:{whole & 0xFFFF:x}"
    six = [f"::ffff:{address}", f"::ffff:{pair}", f"::{address}", f"64:ff9b::{address}", f"2002:{pair}::"]
    mapped = [f"[{form}]" for form in (*six, f"::ffff:{address}%25lo")]
    return [
        address, f"{address}.", str(whole), f"0x{whole:x}", f"0{whole:o}", f"{a}.{(b << 16) | (c << 8) | d}",
        f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"{a}.{b}.{(c << 8) | d}",
        f"0x{a:x}.{b}.{c}.{d}",
        f"{a:03}.{b:03}.{c:03}.{d:03}", f"{address}%00.example.org", f"{address}%2eexample.org", *mapped,
    ]  # fmt: skip


def tricks(port: int) -> list[str]:
    """500 and more URLs that mean an address inside, to one program or another."""
    urls = []
    for address in ("127.0.0.1", "127.0.1.3", "10.0.0.1", "169.254.169.254", "192.168.0.1", "0.0.0.0", "100.64.0.1"):
        for host, scheme in itertools.product(spellings(address), ("https", "http", "HTTPS")):
            urls.append(f"{scheme}://{host}:{port}/")
        urls += [
            f"https://example.org@{address}:{port}/", f"https://{address}:{port}@example.org:{port}/",
            f"https://example.org:443@{address}/", f"https://example.org#@{address}:{port}/",
            f"https://example.org\\@{address}:{port}/", f"https://{address}\\.example.org/", f"https:/{address}/",
            f"https:{address}", f"//{address}/", f"https:///{address}/", f"https://{address}:443 .example.org/",
            f"https://{address}\t:443/", f"https://\n{address}/", f"https://{address}:22/", f"https://{address}:25/",
            f"ftp://{address}/", f"file://{address}/etc/passwd", f"gopher://{address}:{port}/_", f"dict://{address}:{port}/",
        ]  # fmt: skip
    urls += [f"https://{host}:{port}/" for host in (
        "localhost", "LOCALHOST", "localhost.", "metadata", "①②⑦.⓪.⓪.①", "127。0。0。1", "ⓛⓞⓒⓐⓛ", "[::1]", "[::]",
        "[0:0:0:0:0:0:0:1]", "[fe80::1%25eth0]", "[fd00:ec2::254]", "", "-", "_", "..", "a..b", "[", "[]", "[::1",
        "example.org:80:90", "0", "0x7f.1",
    )]  # fmt: skip
    return urls


class Counting:
    """A resolver that leads every name to the same place, and counts how often it was asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, name: str, port: int) -> list[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


def by_inet_aton(name: str, port: int) -> list[str]:
    """What a resolver makes of odd spellings without asking anybody."""
    try:
        return [socket.inet_ntoa(socket.inet_aton(name))]
    except OSError:
        return ["127.0.0.1"]


def test_500_tricks_connect_nowhere_inside():
    with listener() as came, listener("::1") as came_over_six:
        guard = Guard(resolve=by_inet_aton, wait_s=0.5)
        urls = {*tricks(came.port), *tricks(came_over_six.port), *tricks(443)}
        assert len(urls) > 500
        for url in urls:
            with pytest.raises(ForbiddenAddressError):
                guard.post(url, b"{}", {})
        assert (came(), came_over_six()) == (0, 0)


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_public_is_refused_by_its_address(address):
    with pytest.raises(ForbiddenAddressError):
        refuse_inside(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001:80b::200e"])
def test_what_is_public_is_let_through(address):
    refuse_inside(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_address_of_version_4_is_refused_in_every_other_clothing(address):
    for form in (f"::ffff:{address}", f"64:ff9b::{address}", f"::{address}"):
        with pytest.raises(ForbiddenAddressError):
            refuse_inside(ipaddress.ip_address(form))


@given(st.text(max_size=40) | st.from_regex(r"https://[^/]{0,30}(:[0-9]{0,6})?/?.*", fullmatch=True))
def test_any_text_is_a_target_or_forbidden(text):
    try:
        target = parse(text)
    except ForbiddenAddressError:
        return
    assert (target.scheme, target.port in (443, 8443)) == ("https", True)
    assert set("@\\ \r\n\t") & set(target.host + target.path) <= set("@")
    assert "@" not in target.host


def test_a_name_that_is_led_elsewhere_after_it_was_judged_is_asked_once():
    """Rebinding: public for the check, inside for the connection. There is no second question."""
    with listener() as came:
        resolve = Counting(["203.0.113.9", "127.0.0.1"], ["127.0.0.1"])
        with pytest.raises(ForbiddenAddressError):
            Guard(resolve=resolve).post(f"https://rebind.example:{8443}/", b"{}", {})
        assert (resolve.asked, came()) == (1, 0)


def test_one_address_inside_among_many_is_enough(monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("connected"))
    with pytest.raises(ForbiddenAddressError):
        Guard(resolve=Counting(["1.1.1.1", "10.0.0.1"])).post("https://mixed.example/", b"{}", {})


def test_the_connection_goes_to_the_address_that_was_judged(monkeypatch):
    gone_to = []

    def create_connection(address, timeout):
        gone_to.append(address)
        raise ConnectionRefusedError("nobody there")

    monkeypatch.setattr(socket, "create_connection", create_connection)
    resolve = Counting(["1.1.1.1"], ["127.0.0.1"])
    with pytest.raises(UnreachableError):
        Guard(resolve=resolve).post("https://shop.example/hook", b"{}", {})
    assert (gone_to, resolve.asked) == ([("1.1.1.1", 443)], 1)


def test_a_redirect_inside_is_an_answer_and_not_a_way():
    with far_end() as end, listener() as came:
        end.will((302, {"Location": "http://169.254.169.254/latest/meta-data/"}))
        assert Guard(allowed=frozenset({end.url})).post(end.url + "/hook", b"{}", {}).status == 302
        end.will((307, {"Location": f"http://127.0.0.1:{came.port}/"}))
        assert Guard(allowed=frozenset({end.url})).post(end.url + "/hook", b"{}", {}).status == 307
        assert came() == 0
        assert len(end.heard) == 2


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    with far_end() as end, listener() as came:
        for name in ("http_proxy", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{came.port}")
        assert Guard(allowed=frozenset({end.url})).post(end.url, b"{}", {}).status == 204
        assert came() == 0


def test_only_what_the_operator_lists_is_let_through_and_nothing_beside_it():
    with far_end() as end, listener() as came:
        guard = Guard(allowed=frozenset({end.url}))
        assert guard.post(end.url + "/a?b=c", b'{"x":1}', {"X-Y": "z"}).status == 204
        assert (end.heard[0].path, end.heard[0].body, end.heard[0].headers["x-y"]) == ("/a?b=c", b'{"x":1}', "z")
        for other in (f"http://127.0.0.1:{came.port}", end.url.replace("http:", "https:"), end.url + "@localhost"):
            with pytest.raises(ForbiddenAddressError):
                guard.post(other, b"{}", {})
        assert came() == 0


def test_what_was_taken_is_told_from_what_was_not():
    with far_end() as end:
        guard = Guard(allowed=frozenset({end.url}), wait_s=0.3)
        for silence in ("dies", "half", "mute"):
            end.will(silence)
            with pytest.raises(SilentError):
                guard.post(end.url, b"{}", {})
    nobody = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(UnreachableError):
        Guard(allowed=frozenset({nobody})).post(nobody, b"{}", {})


def test_an_answer_without_end_is_read_to_64_kb_and_a_slow_one_cut_off():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with _serving(server, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300_000):
            assert len(Guard(allowed=frozenset({url})).post(url, b"{}", {}).body) == 64 * 1024
        with _serving(server, b"HTTP/1.1 2", then_one_by_one=True), pytest.raises(SilentError):
            Guard(allowed=frozenset({url}), wait_s=0.3).post(url, b"{}", {})


def test_the_far_end_must_show_a_certificate_of_the_name_that_was_asked_for(tmp_path):
    trusted, files = _authority("hooks.example", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        names: list[str | None] = []
        context.sni_callback = lambda _sock, name, _context: names.append(name)
        for host, outcome in (("hooks.example", 200), ("other.example", UnreachableError)):
            url = f"https://{host}:{port}"
            guard = Guard(frozenset({url}), Counting(["127.0.0.1"]), trusted, wait_s=3)
            with _serving(server, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", context=context):
                if outcome == 200:
                    assert guard.post(url, b"{}", {}).status == 200
                else:
                    with pytest.raises(UnreachableError):
                        guard.post(url, b"{}", {})
        assert names == ["hooks.example", "other.example"]


def test_the_header_names_the_host_and_not_its_address():
    with far_end() as end:
        port = int(end.url.rpartition(":")[2])
        url = f"http://hooks.example:{port}"
        Guard(frozenset({url}), Counting(["127.0.0.1"])).post(url + "/x", b"{}", {})
        assert end.heard[0].headers["host"] == f"hooks.example:{port}"


def _authority(name: str, folder) -> tuple[ssl.SSLContext, tuple[str, str]]:
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(random.Random(1).getrandbits(64))
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "pem", folder / "key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return ssl.create_default_context(cafile=str(pem)), (str(pem), str(secret))


class _serving:
    """One visitor of a bare socket, answered with these bytes whatever it says."""

    def __init__(self, server, answer: bytes, *, then_one_by_one: bool = False, context=None) -> None:
        self.server, self.answer, self.dribble, self.context = server, answer, then_one_by_one, context

    def __enter__(self):
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(5)

    def _serve(self) -> None:
        visitor, _ = self.server.accept()
        try:
            if self.context is not None:
                visitor = self.context.wrap_socket(visitor, server_side=True)
            said = b""
            while not said.endswith(b"{}"):
                said += visitor.recv(65536)
            visitor.sendall(self.answer)
            while self.dribble and not self.over.wait(0.02):
                visitor.sendall(b"y")
        except OSError:
            pass
        finally:
            visitor.close()
