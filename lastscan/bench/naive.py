"""The pipeline everybody writes first: a callback, and for each scan an ORM object and a commit."""

import json
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tracker.wire import Ack, encode


class Base(DeclarativeBase):
    pass


class Scan(Base):
    __tablename__ = "scans"
    dev: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[str] = mapped_column(primary_key=True)
    q: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    symbology: Mapped[str]
    wall: Mapped[int]
    place: Mapped[str | None]


def serve(said: Connection, name: str, password: str, host: str, port: int, topic: str, path: Path) -> None:
    """Runs until it is told to stop; answers each scan once it is committed."""
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA journal_mode=WAL"))
    Base.metadata.create_all(engine)
    subscribed = threading.Event()

    def on_message(client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        said: dict[str, Any] = json.loads(message.payload)
        dev = message.topic.split("/")[3]
        for record in said["s"]:
            with Session(engine) as session:
                if session.get(Scan, (dev, said["ep"], record["q"])) is None:
                    scan = Scan(
                        dev=dev,
                        epoch=said["ep"],
                        q=record["q"],
                        code=record["code"],
                        kind=record["k"],
                        symbology=record["sym"],
                        wall=record["wall"],
                        place=record.get("at"),
                    )
                    session.add(scan)
                    session.commit()
            ack = Ack(ep=said["ep"], upto=record["q"], gen=1)
            client.publish(message.topic.removesuffix("up") + "down", encode(ack), qos=1)

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
    client.username_pw_set(name, password)
    client.on_message = on_message
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect(host, port)
    client.subscribe(topic, qos=1)
    client.loop_start()
    subscribed.wait()
    said.send("ready")
    said.recv()
    client.disconnect()
    client.loop_stop()
