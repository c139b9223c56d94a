"""The negative control: the same faults against scanning as it is mostly written, which must lose.

A device beeps, gives the scan to its MQTT client with QoS 1, and trusts the acknowledgement: its queue is memory. The
consumer has a persistent session, puts each message into a queue, and a thread commits batches of them; its client
acknowledges when the callback returns. It is kind to the pattern: sessions persist on both sides, a database that does
not answer is tried again with the same batch, and the broker is the same one with the same settings.

`python -m lastscan.prove.control device ORDERS START`, `… consumer ORDERS DATABASE`, `… broker HOME PORT LOGINS`.
"""

import json
import queue
import sys
import threading
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from lastscan.broker import Login, Ports, choose, free_port, run_broker
from lastscan.home import Home
from lastscan.prove.databases import connect
from lastscan.prove.handheld import Orders, evening, orders_of
from lastscan.prove.oracle import pipe, say
from lastscan.up import announce, die_with_parent
from tracker.wire import ALL_UP, Address

MOST_AT_ONCE = 500
TABLE = "CREATE TABLE IF NOT EXISTS scans (code text)"


def _client(orders: Orders) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=orders.dev, clean_session=False)
    client.username_pw_set(orders.dev, orders.password)
    client.reconnect_delay_set(min_delay=1, max_delay=2)
    return client


def _connect(client: mqtt.Client, orders: Orders) -> None:
    address = urlsplit(orders.url)
    client.connect_async(str(address.hostname), address.port or 1883, keepalive=30)
    client.loop_start()


def device(orders: Orders, start: int) -> None:
    no_more, end = evening()
    oracle = pipe(Path(orders.oracle))
    chance = Random(f"{orders.seed}/{orders.dev}/{start}")
    client = _client(orders)
    codes: dict[int, str] = {}
    under_way = threading.Lock()

    def acknowledged(_client: object, _data: object, mid: int, *_: object) -> None:
        with under_way:
            code = codes.pop(mid, None)
        if code is not None:
            say(oracle, "acknowledged", orders.dev, code)

    client.on_publish = acknowledged
    _connect(client, orders)
    topic = Address(orders.site, orders.dev).up
    pull = 0
    while not no_more.wait(chance.expovariate(orders.rate)):
        pull += 1
        code = f"{orders.dev}/{start}/{pull}"
        with under_way:
            codes[client.publish(topic, json.dumps({"code": code}), qos=1).mid] = code
        say(oracle, "beep", orders.dev, code, start, pull)
    end.wait()
    client.disconnect()
    client.loop_stop()


def consumer(orders: Orders, url: str) -> None:
    _, end = evening()
    arrived: queue.SimpleQueue[str] = queue.SimpleQueue()
    client = _client(orders)
    client.on_connect = lambda client, *_: client.subscribe(ALL_UP, qos=1)

    def on_message(_client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        arrived.put(json.loads(message.payload)["code"])

    client.on_message = on_message
    _connect(client, orders)
    while not end.is_set():
        batch = _gathered(arrived)
        while batch and not end.is_set() and not _committed(url, batch):
            end.wait(0.5)
    client.disconnect()
    client.loop_stop()


def _gathered(arrived: "queue.SimpleQueue[str]") -> list[str]:
    batch: list[str] = []
    try:
        batch.append(arrived.get(timeout=0.2))
        while len(batch) < MOST_AT_ONCE:
            batch.append(arrived.get_nowait())
    except queue.Empty:
        pass
    return batch


_open: dict[str, Any] = {}


def _committed(url: str, batch: list[str]) -> bool:
    """One transaction for the batch; a connection is kept until it fails."""
    try:
        if url not in _open:
            _open[url] = connect(url)
            _open[url].execute(TABLE)
        database = _open[url]
        mark = "?" if url.startswith("sqlite") else "%s"
        database.execute("BEGIN")
        database.cursor().executemany(f"INSERT INTO scans VALUES ({mark})", [(code,) for code in batch])  # noqa: S608
        database.execute("COMMIT")
    except Exception:  # noqa: BLE001  whatever a database says while it is killed: a new connection, the same batch
        _open.pop(url, None)
        return False
    return True


def broker(home: Home, port: int, logins: list[Login]) -> None:
    _, end = evening()

    def ready(ports: Ports) -> None:
        announce(home, "broker", {"mqtt": ports.mqtt_url, "pid": ports.pid})

    run_broker(
        home.path,
        mqtt_port=port,
        ws_port=free_port(),
        logins=lambda: logins,
        choice=choose(mqtt_url=None, asked=_asked()),
        stop=end,
        on_ready=ready,
    )


def _asked() -> str:
    from os import environ

    return environ.get("LASTSCAN_BROKER", "auto")


def main(what: str, *rest: str) -> None:
    die_with_parent()
    match what, rest:
        case "device", _:
            device(*orders_of(rest))
        case "consumer", [path, url]:
            consumer(orders_of([path, "0"])[0], url)
        case "broker", [home, port, logins]:
            broker(Home.at(home), int(port), msgspec.json.decode(Path(logins).read_bytes(), type=list[Login]))


if __name__ == "__main__":
    main(*sys.argv[1:])
