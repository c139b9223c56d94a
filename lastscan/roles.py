"""The roles of a process group, each of which can run alone: broker, tracker, notify, web."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from lastscan.broker import Choice, Login, Ports, choose, run_broker
from lastscan.home import Home
from tracker.domain.credentials import SALT_BYTES, hash_password
from tracker.domain.errors import BadNameError
from tracker.domain.ids import wire_name
from tracker.wire import FEEDS

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from notify.channels.email.channel import EmailChannel
    from notify.channels.webhook.endpoints import Endpoints
    from notify.feedback import FeedbackDesk
    from notify.preferences import Preferences
    from tracker.staff import StaffAccounts
    from tracker.store import Store
    from web.push import Push

log = structlog.get_logger()

TRACKER = "tracker"
"""The name a tracker signs in at the broker with; further ones are `tracker-2` and so on. No device may have it."""

LINKS = "links"
"""The secret of a home that recipients' links are made with, which notify and web share."""

HOOK = "hook-"
"""Before a provider's name: the key that its callbacks are signed with."""

Ready = Callable[[Mapping[str, Any]], None]
"""Called with the addresses a role can be reached at, once it can."""


def stopped_by_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set; a second signal ends the process at once."""
    stop = threading.Event()

    def _stop(_number: int, _frame: object) -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    return stop


def chosen_broker() -> Choice:
    """By `MQTT_URL` and `LASTSCAN_BROKER`."""
    return choose(mqtt_url=os.environ.get("MQTT_URL"), asked=os.environ.get("LASTSCAN_BROKER", "auto"))


def run_broker_role(home: Home, *, mqtt_port: int, ws_port: int, stop: threading.Event, ready: Ready) -> None:
    """Runs the broker of this home until told to stop; only waits where a URL names another."""
    from tracker.devices import Devices
    from tracker.network import Network

    choice = chosen_broker()
    if choice.kind == "url":
        ready({"mqtt": choice.url, "mqtt_ws": None})
        stop.wait()
        return
    store = home.store()
    devices, network = Devices(store, home.clock), Network(store, home.clock)
    home.tracker_password(TRACKER)  # there may be more of them, and later
    hashed = cache(lambda password: hash_password(password, salt=os.urandom(SALT_BYTES)))

    def logins() -> list[Login]:
        trackers = [Login(name, hashed(home.tracker_password(name)), None) for name in home.trackers]
        feeds = [Login(f.name, f.password_hash, FEEDS) for f in network.feeds() if f.revoked_at is None]
        known = [Login(d.dev, d.password_hash, d.site) for d in devices.list() if d.revoked_at is None]
        return [*trackers, *feeds, *known]

    def up(ports: Ports) -> None:
        ready({"mqtt": ports.mqtt_url, "mqtt_ws": ports.ws_url, "pid": ports.pid})

    run_broker(home.path, mqtt_port=mqtt_port, ws_port=ws_port, logins=logins, choice=choice, stop=stop, on_ready=up)


def run_tracker_role(
    home: Home,
    *,
    mqtt_url: str,
    name: str = TRACKER,
    sites: Collection[str] = (),
    folds: bool = True,
    stop: threading.Event,
    ready: Ready,
    unsafe: bool = False,
) -> None:
    """Takes scans until told to stop.

    Raises BadNameError for a name that a device could have, and UnsafeError where what it receipts could be lost,
    unless that is accepted as `unsafe`.
    """
    from tracker.main import run_tracker

    if not wire_name(name).startswith(TRACKER):
        raise BadNameError(f"{name}: a tracker's name begins with {TRACKER}, which no device's does")
    engine = home.migrated()
    see_to_safety(home, engine, unsafe=unsafe)
    password = os.environ.get("LASTSCAN_MQTT_PASSWORD") or home.tracker_password(name)
    ready({})
    run_tracker(
        engine, home.clock, mqtt_url=mqtt_url, username=name, password=password, sites=sites, folds=folds, stop=stop
    )


def see_to_safety(home: Home, engine: "Engine", *, unsafe: bool) -> None:
    from lastscan.probes import UnsafeError, refuse_unsafe

    try:
        refuse_unsafe(home, engine)
    except UnsafeError as wrong:
        if not unsafe:
            raise
        log.error("UNSAFE: started all the same; scans that were receipted may be lost", why=str(wrong))


def run_notify_role(home: Home, *, smtp_url: str | None, pages: str, stop: threading.Event, ready: Ready) -> None:
    """Sends what is owed. Without a mail server or an SMS service people are told nothing: what is owed waits, and is
    told when there is one. Webhooks need neither. Raises BadSmsSettingsError, BadPushSettingsError."""
    from notify.channel import Channel
    from notify.channels.email.channel import EmailChannel
    from notify.channels.email.settings import MailServer, MailSettings
    from notify.dispatch import Clocks
    from notify.main import run_notify
    from notify.owed import OwedNotice
    from notify.pace import paces
    from notify.store.deliveries import DeliveryStore
    from tracker.domain.notices import NoticeKind
    from tracker.follows import Followers
    from tracker.outbox import Outbox
    from tracker.recipients import Recipients
    from tracker.store import Store

    engine = home.migrated()
    channels: dict[str, Channel] = {}
    if (sms_url := secret_setting("LASTSCAN_SMS_URL")) is not None:
        from notify.channels.sms.channel import SmsChannel

        channels["sms"] = SmsChannel(sms_url, region=os.environ.get("LASTSCAN_SMS_REGION"))
    if (contact := os.environ.get("LASTSCAN_PUSH_CONTACT")) is not None:
        from notify.channels.push.channel import PushChannel
        from notify.guarded import Guard
        from notify.store.subscriptions import Subscriptions

        channels["push"] = PushChannel(
            Subscriptions(engine),
            Guard(allowed=allowed_origins()),
            private_key=push_key(home),
            contact=contact,
            pages=pages,
            now=_now,
        )
    ready({})
    if not smtp_url and not channels:
        run_webhooks(home, engine, None, pages=pages, stop=stop)
        return
    preferences = _preferences(home, engine)

    def wishes(notice: OwedNotice) -> str:
        return f"{pages}/u/{preferences.token_for(notice.recipient.email or '', notice.kind, notice.piece)}"

    recipients = Recipients(Store(engine), home.clock, key=home.secret(LINKS).encode())

    followers = Followers(Store(engine), home.clock, key=home.secret(LINKS).encode())

    def page(notice: OwedNotice) -> str | None:
        if notice.kind is NoticeKind.CONFIRM_CONTACT:
            return f"{pages}/c/{followers.link(notice.recipient.person)}"
        token = recipients.link(notice.recipient.person, notice.number)
        return None if token is None else f"{pages}/l/{token}"

    sender = os.environ.get("LASTSCAN_MAIL_FROM", "notices@example.org")
    settings = MailSettings(sender=sender, pages=pages, wishes=wishes, page=page)
    email = EmailChannel(MailServer.parse(smtp_url), settings) if smtp_url else None
    if email is not None:
        channels["email"] = email
    to_machines = partial(run_webhooks, home, engine, email, pages=pages, stop=stop)
    machines = threading.Thread(target=to_machines, name="webhooks", daemon=True)
    machines.start()
    run_notify(
        Outbox(Store(engine)),
        DeliveryStore(engine),
        channels,
        Clocks(business=home.clock, real=_now),
        stop,
        preferences=preferences,
        proof_key=home.secret("proof").encode(),
        paces=paces(channels, os.environ.get("LASTSCAN_SEND_RATES", "")),
    )
    machines.join()


def run_webhooks(
    home: Home, engine: "Engine", email: "EmailChannel | None", *, pages: str, stop: threading.Event
) -> None:
    """Tells the machines of shippers until told to stop; their owners by mail, where there is a mail server."""
    from notify.channels.webhook.endpoint import Endpoint
    from notify.channels.webhook.owner import switched_off
    from notify.channels.webhook.sender import Sender
    from notify.delivery import Outcome
    from notify.guarded import Guard
    from notify.store.webhooks import WebhookStore
    from tracker.outbox import Outbox
    from tracker.store import Store

    def mail(endpoint: Endpoint) -> Outcome:
        assert email is not None
        assert endpoint.owner is not None
        assert endpoint.off_at is not None
        subject, text, language = switched_off(endpoint)
        key = f"{endpoint.id}-{endpoint.off_at:%Y%m%dT%H%M%S}"
        return email.write(endpoint.owner, subject, text, language=language, key=key, written_at=_now())

    sender = Sender(
        Outbox(Store(engine)),
        WebhookStore(engine),
        Guard(allowed=allowed_origins()),
        pages=pages,
        business=home.clock,
        now=_now,
        chance=random.Random(),
        mail=mail if email is not None else None,
    )
    sender.run(stop)


def webhook_endpoints(engine: "Engine") -> "Endpoints":
    """The webhooks of this installation, for API and command."""
    from notify.channels.webhook.endpoints import Endpoints
    from notify.store.webhooks import WebhookStore

    return Endpoints(WebhookStore(engine), _now, allowed=allowed_origins())


def push_key(home: Home) -> bytes:
    """The key that push services know this installation by (VAPID); drawn once. With another, all subscriptions end."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    def draw() -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    return home.secret("push", draw).encode()


def _push(home: Home, engine: "Engine") -> "Push | None":
    """Where browsers may ask to be told, if that is switched on."""
    if "LASTSCAN_PUSH_CONTACT" not in os.environ:
        return None
    from notify.channels.push.channel import public_key
    from notify.store.subscriptions import Subscriptions
    from web.push import Push

    return Push(public_key(push_key(home)), Subscriptions(engine))


def secret_setting(name: str) -> str | None:
    """A setting that may hold a password: of the environment, or of the file that `<name>_FILE` names."""
    path = os.environ.get(f"{name}_FILE")
    return Path(path).read_text().strip() if path else os.environ.get(name)


def allowed_origins() -> frozenset[str]:
    """`LASTSCAN_WEBHOOK_ALLOW`: origins inside that webhooks may go to, with scheme and port, between commas."""
    return frozenset(origin for origin in os.environ.get("LASTSCAN_WEBHOOK_ALLOW", "").split(",") if origin)


def _now() -> datetime:
    return datetime.now(UTC)


def feedback_desk(home: Home, engine: "Engine") -> "FeedbackDesk":
    """Takes the callbacks of every provider a secret was drawn for (`lastscan feedback secret`)."""
    from notify.feedback import FeedbackDesk, secret_of

    drawn = sorted(home.keys.glob(f"{HOOK}*")) if home.keys.exists() else []
    secrets = {file.name.removeprefix(HOOK): secret_of(home.secret(file.name)) for file in drawn}
    return FeedbackDesk(engine, secrets)


def run_web_role(home: Home, *, host: str, port: int, stop: threading.Event, ready: Ready) -> None:
    from lastscan.heads import Heads, note_now_and_then
    from lastscan.mailbox import letters
    from tracker.asks import Asks
    from tracker.audit import Audit
    from tracker.booking import Bookings
    from tracker.callers import Callers
    from tracker.cases import Cases
    from tracker.desk import Desk
    from tracker.devices import Devices, Roll
    from tracker.door import Door
    from tracker.follows import Followers
    from tracker.gaps import GapIncidents
    from tracker.handovers import HandoverFiles
    from tracker.ingest import Ingest
    from tracker.network import Network
    from tracker.queries import Queries
    from tracker.recipients import Recipients
    from tracker.rounds import Rounds
    from tracker.store import Store
    from web.app import WebSettings, create_app
    from web.desk.rooms import DeskServices
    from web.serve import serve
    from web.staff.rooms import StaffServices

    engine = home.migrated()
    store = Store(engine)
    devices = Devices(store, home.clock)
    accounts, audit, heads = staff_accounts(home, store), Audit(store), Heads.of(home)
    services = StaffServices(accounts, audit, devices, heads=heads.read)

    def note_head() -> None:
        accounts.tell_failures()
        heads.note(audit.head(), _now())

    queries = Queries(store, home.clock)
    app = create_app(
        queries,
        Bookings(store, home.clock),
        clock=home.clock,
        letters=lambda: letters(home.mailbox),
        preferences=_preferences(home, engine),
        ways=ways_to_people(),
        devices=devices,
        invitations=devices,
        rounds=Rounds(store, home.clock),
        handovers=HandoverFiles(store, home.clock),
        browser_broker=lambda: home.addresses.get("mqtt_ws"),
        door=Door(Ingest(store, Roll(store), home.clock, time.monotonic), home.clock),
        feeds=Network(store, home.clock),
        endpoints=webhook_endpoints(engine),
        push=_push(home, engine),
        recipients=Recipients(store, home.clock, key=home.secret(LINKS).encode()),
        asks=Asks(store, home.clock),
        followers=Followers(store, home.clock, key=home.secret(LINKS).encode()),
        staff=services,
        desk=DeskServices(
            Cases(store, home.clock),
            Desk(store, home.clock),
            Callers(store, audit),
            GapIncidents(store, home.clock),
            queries,
            audit,
        ),
        settings=WebSettings(embedded_by=tuple(os.environ.get("LASTSCAN_EMBEDDED_BY", "").split())),
        feedback=feedback_desk(home, engine),
        demo=home.is_demo,
    )
    noting = threading.Thread(target=note_now_and_then, args=(note_head, stop), name="audit-heads", daemon=True)
    noting.start()
    serve(app, host, port, stop, ready=lambda taken: ready({"web": f"http://{host}:{taken}"}))


def staff_accounts(home: Home, store: "Store") -> "StaffAccounts":
    """Under the key that seals secrets of one-time codes."""
    from tracker.staff import StaffAccounts

    return StaffAccounts(store, home.secret("staff").encode())


def ways_to_people() -> tuple[str, ...]:
    """The channels by which people can be told here, as settings say: mail, and what is switched on beside it."""
    sms = any(name in os.environ for name in ("LASTSCAN_SMS_URL", "LASTSCAN_SMS_URL_FILE"))
    push = "LASTSCAN_PUSH_CONTACT" in os.environ
    return ("email", *(("sms",) if sms else ()), *(("push",) if push else ()))


def _preferences(home: Home, engine: "Engine") -> "Preferences":
    """What recipients have left, under the key that notify and web share."""
    from notify.preferences import Preferences

    return Preferences(engine, home.secret("preferences").encode())


def seeded(seed: int | None) -> int:
    return seed if seed is not None else random.SystemRandom().randrange(1, 10_000)
