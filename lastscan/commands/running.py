"""`lastscan up` and the roles it is made of."""

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import click
from click.core import ParameterSource

from lastscan import roles
from lastscan.commands.key import first_key
from lastscan.home import Home
from lastscan.logs import configure_logs
from lastscan.options import home_option, print_json
from lastscan.up import Supervisor, alone, announce, die_with_parent, port_or_free
from tracker.domain.ids import wire_name

WEB_PORT, MQTT_PORT = 8080, 1883
SPEED = 360.0
INTERRUPTED = 130


_unsafe_option = click.option(
    "--unsafe", is_flag=True, help="Start even where a receipted scan could be lost or keys be read by others."
)


def _role(name: str, home: Home) -> Callable[[Mapping[str, Any]], None]:
    configure_logs(name)
    die_with_parent()
    return lambda addresses: announce(home, name, dict(addresses))


def _mqtt_url(home: Home, given: str | None) -> str:
    url = given or home.mqtt_url
    if not url:
        raise click.UsageError("no broker is known: start `lastscan broker`, or set MQTT_URL")
    return url


@click.command()
@click.option("--mqtt-port", default=1883, show_default=True, help="0 picks a free one.")
@click.option("--ws-port", default=0, help="For browsers, over WebSocket; 0 picks a free one.")
@home_option
def broker(mqtt_port: int, ws_port: int, home: Home) -> None:
    """Run the broker alone."""
    ready = _role("broker", home)
    port = port_or_free(mqtt_port, "127.0.0.1", insist=mqtt_port != 0)
    browsers = port_or_free(ws_port, "127.0.0.1", insist=ws_port != 0)
    roles.run_broker_role(home, mqtt_port=port, ws_port=browsers, stop=roles.stopped_by_signals(), ready=ready)


@click.command()
@click.option("--mqtt", "mqtt_url", help="The broker; else MQTT_URL, else the one that runs in this home.")
@click.option(
    "--name",
    envvar="LASTSCAN_MQTT_USERNAME",
    default=roles.TRACKER,
    show_default=True,
    help="What it signs in at the broker as: tracker-2 for a second one.",
)
@click.option("--sites", default="", metavar="A,B,C", help="Take only what comes from these sites.")
@click.option("--no-fold", is_flag=True, help="Take and keep scans only; another tracker folds them.")
@_unsafe_option
@home_option
def tracker(mqtt_url: str | None, name: str, sites: str, no_fold: bool, unsafe: bool, home: Home) -> None:
    """Run a tracker alone: takes scans, keeps them, folds them.

    Several of them share what the broker brings, where it can share (Mosquitto, EMQX).
    """
    ready = _role(name, home)
    roles.run_tracker_role(
        home,
        mqtt_url=_mqtt_url(home, mqtt_url),
        name=name,
        sites=[wire_name(site) for site in sites.split(",") if site],
        folds=not no_fold,
        unsafe=unsafe,
        stop=roles.stopped_by_signals(),
        ready=ready,
    )


@click.command()
@click.option("--smtp", envvar="LASTSCAN_SMTP", help="Where mail goes: smtp://host:port. Without it no mail leaves.")
@click.option("--pages", default=f"http://127.0.0.1:{WEB_PORT}", help="The address links in messages lead to.")
@home_option
def notify(smtp: str | None, pages: str, home: Home) -> None:
    """Run the notifier alone."""
    ready = _role("notify", home)
    roles.run_notify_role(home, smtp_url=smtp, pages=pages, stop=roles.stopped_by_signals(), ready=ready)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", envvar="PORT", default=WEB_PORT, show_default=True)
@home_option
def web(host: str, port: int, home: Home) -> None:
    """Run the web alone."""
    ready = _role("web", home)
    port = port_or_free(port, host, insist=port != 0)
    roles.run_web_role(home, host=host, port=port, stop=roles.stopped_by_signals(), ready=ready)


@click.command(hidden=True)
@click.option("--mqtt", "mqtt_url")
@click.option("--seed", type=int, required=True)
@click.option("--speed", type=float, default=SPEED)
@click.option("--once", is_flag=True)
@click.option("--shipments", type=int, default=60)
@home_option
def fleet(mqtt_url: str | None, seed: int, speed: float, once: bool, shipments: int, home: Home) -> None:
    """Run the demo's handhelds."""
    from lastscan.demo import conductor

    ready = _role("fleet", home)
    stop = roles.stopped_by_signals()
    url, engine = _mqtt_url(home, mqtt_url), home.engine()
    ready({})
    if once:
        conductor.run_once(home.path, engine, mqtt_url=url, seed=seed, shipments=shipments, stop=stop)
    else:
        conductor.run_forever(home.path, engine, mqtt_url=url, seed=seed, speed=speed, stop=stop)


@click.command()
@click.option("--demo", is_flag=True, help="With a demo network, invented parcels, virtual handhelds and a mailbox.")
@click.option("--once", is_flag=True, help="Play the demo to its end in a scratch home, then say how it went.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print the report as one JSON document.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback only, so far.")
@click.option("--port", envvar="PORT", type=int, help=f"Of the web; {WEB_PORT} where it is free. 0 picks a free one.")
@click.option("--mqtt-port", type=int, help="Of the broker; 1883 where it is free. 0 picks a free one.")
@click.option("--smtp", envvar="LASTSCAN_SMTP", help="Where mail goes: smtp://host:port. Without it no mail leaves.")
@click.option("--speed", type=float, default=SPEED, show_default=True, help="Of the demo's clock, times real time.")
@click.option("--seed", type=int, help="Of the demo: the same seed, the same day.")
@click.option("--shipments", type=int, default=60, show_default=True, help="With --once: how many to play.")
@_unsafe_option
@home_option
def up(
    demo: bool,
    once: bool,
    as_json: bool,
    host: str,
    port: int | None,
    mqtt_port: int | None,
    smtp: str | None,
    speed: float,
    seed: int | None,
    shipments: int,
    unsafe: bool,
    home: Home,
) -> None:
    """Start broker, tracker, notify and web in one process group; Ctrl-C stops it cleanly."""
    if once and not demo:
        raise click.UsageError("--once belongs to --demo")
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise click.UsageError("TLS is not built in yet, so --host stays on loopback: put a reverse proxy in front")
    if not once:
        with alone(home):
            _run(home, demo, host, port, mqtt_port, smtp, speed, roles.seeded(seed), unsafe)
        return
    named = click.get_current_context().get_parameter_source("home")
    with tempfile.TemporaryDirectory(prefix="lastscan-") as scratch:
        played_in = home if named is ParameterSource.COMMANDLINE else Home.at(scratch)
        with alone(played_in):
            raise SystemExit(_play_once(played_in, as_json, roles.seeded(seed), shipments, unsafe))


def _run(
    home: Home,
    demo: bool,
    host: str,
    port: int | None,
    mqtt_port: int | None,
    smtp: str | None,
    speed: float,
    seed: int,
    unsafe: bool,
) -> None:
    began = time.monotonic()
    web_port = port_or_free(WEB_PORT if port is None else port, host, insist=port is not None)
    broker_port = port_or_free(MQTT_PORT if mqtt_port is None else mqtt_port, "127.0.0.1", insist=mqtt_port is not None)
    _say(f"home    {home.path}")
    first_start = not home.has_secret("api-key")
    supervisor = Supervisor(home, stop=roles.stopped_by_signals())
    with ExitStack() as afterwards:
        _start_all(supervisor, afterwards, demo, host, web_port, broker_port, smtp, speed, seed, unsafe)
        if demo:
            supervisor.start("fleet", "--seed", str(seed), "--speed", str(speed))
        _say(f"ready   in {time.monotonic() - began:.1f} s")
        if first_start:
            _say(f"API key {first_key(home)}   (lastscan key list shows it again)")
        if not demo:
            _say_first_link(home)
        _say(f"\n        open http://{host}:{web_port}{'/demo' if demo else '/'}\n        stop with Ctrl-C\n")
        supervisor.keep_running()
        _say("stopping; everything is kept")


def _play_once(home: Home, as_json: bool, seed: int, shipments: int, unsafe: bool) -> int:
    """The demo to its end, stepping its clock; 0 only if every promise held."""
    from lastscan.demo.report import promises_held, report

    began = time.monotonic()
    supervisor = Supervisor(home, stop=roles.stopped_by_signals())
    with ExitStack() as afterwards:
        free = [port_or_free(0, "127.0.0.1", insist=True) for _ in range(2)]
        _start_all(supervisor, afterwards, True, "127.0.0.1", free[0], free[1], None, 0.0, seed, unsafe)
        supervisor.start("fleet", "--once", "--seed", str(seed), "--shipments", str(shipments), aloud=True)
        ended = supervisor.keep_running(until=supervisor.roles["fleet"])
    if ended is None:
        return INTERRUPTED
    found = {**report(home.path), "seconds": round(time.monotonic() - began, 1)}
    broken = promises_held(found)
    if as_json:
        print_json(found)
    else:
        for name, value in found.items():
            click.echo(f"{name:30} {value}")
    if ended != 0:
        broken.append(f"the demo did not come to its end (exit code {ended})")
    for promise in broken:
        click.echo(f"broken: {promise}", err=True)
    return 1 if broken else 0


def _start_all(
    supervisor: Supervisor,
    afterwards: ExitStack,
    demo: bool,
    host: str,
    web_port: int,
    broker_port: int,
    smtp: str | None,
    speed: float,
    seed: int,
    unsafe: bool,
) -> None:
    home = supervisor.home
    choice = roles.chosen_broker()
    _say(str(choice))
    engine = home.migrated()
    roles.see_to_safety(home, engine, unsafe=unsafe)
    if demo:
        from lastscan.commands.staff import add_demo_staff
        from lastscan.demo import conductor

        conductor.prepare(home.path, engine, seed=seed, now=datetime.now(UTC), speed=speed)
        add_demo_staff(home, engine)
    letters = port_or_free(0, "127.0.0.1", insist=True) if demo and not smtp else None
    if letters is not None:
        smtp = f"smtp://127.0.0.1:{letters}"
    engine.dispose()
    first_key(home)
    afterwards.callback(supervisor.shut_down)
    browsers = port_or_free(0, "127.0.0.1", insist=True)
    mail = ("--smtp", smtp) if smtp else ()
    anyhow = ("--unsafe",) if unsafe else ()
    supervisor.start("broker", "--mqtt-port", str(broker_port), "--ws-port", str(browsers))
    supervisor.start("tracker", "--mqtt", choice.url or f"mqtt://127.0.0.1:{broker_port}", *anyhow)
    supervisor.start("notify", "--pages", f"http://{host}:{web_port}", *mail)
    supervisor.start("web", "--host", host, "--port", str(web_port))
    if letters is not None:
        from lastscan import mailbox

        _, close = mailbox.start(home.mailbox, letters)  # a thread: roles that are started after it begin anew
        afterwards.callback(close)
    supervisor.wait_for("broker", "tracker", "notify", "web")


def _say_first_link(home: Home) -> None:
    from lastscan.commands.staff import first_link

    link = first_link(home)
    if link is not None:
        _say(f"staff   the first administrator signs in at {link}")


def _say(line: str) -> None:
    click.echo(line, err=True)
