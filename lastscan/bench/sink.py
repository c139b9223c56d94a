"""What a broker can route at most to one who acknowledges everything and does nothing else."""

import sys
from multiprocessing.connection import Connection

from firmware_sim import mqtt_packets as packets
from lastscan.bench.load import signed_in, subscribed


def drain(said: Connection, name: str, password: str, host: str, port: int, topic: str, count: int) -> None:
    """Signs in as a tracker, takes so many messages, acknowledges each; says when it is ready and when it has all."""
    sock = signed_in(name, password, host, port)
    subscribed(sock, topic)
    said.send("ready")
    heard, got = bytearray(), 0
    while got < count:
        chunk = sock.recv(262_144)
        if not chunk:
            sys.exit("the broker cut the sink off")
        heard += chunk
        at, answers = 0, []
        while (end := _end(heard, at)) is not None:
            body, stop = end
            if heard[at] >> 4 == packets.PUBLISH:
                number = body + 2 + int.from_bytes(heard[body : body + 2], "big")
                answers.append(b"\x40\x02" + heard[number : number + 2])
            at = stop
        del heard[:at]
        got += len(answers)
        sock.sendall(b"".join(answers))
    said.send("done")
    sock.close()


def _end(heard: bytearray, at: int) -> tuple[int, int] | None:
    """Where the body of the packet at this place begins and ends; None while it is not all there."""
    length = shift = 0
    for place in range(at + 1, min(at + 5, len(heard))):
        byte = heard[place]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return (place + 1, place + 1 + length) if place + 1 + length <= len(heard) else None
    return None
