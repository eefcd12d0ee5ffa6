"""A broker that means harm: answers every CONNECT properly, then with one broken packet. Does our client come back each time?"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from unittest.mock import patch

from device.config.schema import MqttSection
from device.link.client import BrokerClient, Received, Will
from device.link.outbox import Outgoing

PATIENCE_S = 60.0
"""Without any attack getting through for so long the client is stuck."""


def _string(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data


def _packet(first: int, body: bytes) -> bytes:
    assert len(body) < 128
    return bytes([first, len(body)]) + body


CONNACK = _packet(0x20, b"\0\0\0")
PROPERTIES = (
    b"\x02\x00\x00\x00\x1e\x08"
    + _string(b"r/t")
    + b"\x09"
    + _string(b"\1\2")
    + b"\x26"
    + _string(b"k")
    + _string(b"v")
)
GOOD = (
    _packet(0x30, _string(b"t/x") + bytes([len(PROPERTIES)]) + PROPERTIES + b"hello"),
    _packet(0x32, _string(b"t/x") + b"\0\1\0hi"),
    _packet(0x34, _string(b"t/x") + b"\0\2\0hi"),
    _packet(0x90, b"\0\1\0\1"),
    _packet(0xB0, b"\0\1\0\0"),
    _packet(0x40, b"\0\1\x10\0"),
    _packet(0x50, b"\0\1\0\0"),
    _packet(0x62, b"\0\2"),
    _packet(0x70, b"\0\1"),
    _packet(0xD0, b""),
    _packet(0xE0, b"\x8e\0"),
    _packet(0xF0, b"\0\0"),
    CONNACK,
)
WORST = (
    # paho reads the topic when it is asked for it, inside the callback: this killed the thread of paho 2.2
    _packet(0x30, _string(b"t/\xff\xfe") + b"\0hello"),
    # 256 MB are to follow
    b"\x30\xff\xff\xff\x7f" + b"x" * 200_000,
    b"\x30\xff\xff\xff\xff\xff",
    _packet(0x20, b"\0\x87\0"),
    b"",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
)


def attacks(seed: int, count: int) -> Iterator[bytes]:
    """``WORST``, then ``GOOD`` packets with one to four bytes changed, dropped, added, or the end cut off; the same for a
    seed. ``count`` in all."""
    yield from WORST[:count]
    chance = random.Random(seed)
    for _ in range(count - len(WORST)):
        packet = bytearray(chance.choice(GOOD))
        for _ in range(chance.randint(1, 4)):
            match chance.randrange(4):
                case 0:
                    packet[chance.randrange(len(packet))] = chance.randrange(256)
                case 1 if len(packet) > 2:
                    del packet[chance.randrange(len(packet))]
                case 2:
                    packet.insert(chance.randrange(len(packet) + 1), chance.randrange(256))
                case 3 if len(packet) > 3:
                    del packet[chance.randrange(2, len(packet)) :]
                    packet[1] = len(packet) - 2
        yield bytes(packet)


@dataclass
class Outcome:
    """What ``storm`` saw. ``raised``: what came out of a call of ours; ``deaths``: network threads that ended; ``back``: the
    client connected properly afterwards."""

    served: int = 0
    raised: list[str] = field(default_factory=list)
    deaths: Counter[str] = field(default_factory=Counter)
    back: bool = False
    largest: int = 0
    """Bytes of the largest message that was handed on."""
    counters: dict[str, int] = field(default_factory=dict)


def storm(packets: Sequence[bytes]) -> Outcome:
    """Send each of ``packets`` to one client of ours, one a connection; waits between connections are left out."""
    outcome = Outcome()

    def died(arguments: threading.ExceptHookArgs) -> None:
        outcome.deaths[f"{arguments.exc_type.__name__}: {str(arguments.exc_value)[:60]}"] += 1

    def receive(received: Received) -> None:
        outcome.largest = max(outcome.largest, len(received.payload))

    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        patch("device.link.client.REVIVE_S", 0.0),
        patch("device.link.reconnect.MIN_S", 0.0),
        patch("threading.excepthook", died),
    ):
        threading.Thread(target=_serve, args=(server, packets, outcome), daemon=True).start()
        client = BrokerClient(
            MqttSection(port=server.getsockname()[1]), "victim", subscriptions=("t/#",), receive=receive,
            will=lambda conn: Will("w", b"gone"), session_expiry_s=60,
        )  # fmt: skip
        try:
            _step(client, outcome, lambda: outcome.served == len(packets))
            outcome.back = _step(client, outcome, lambda: client.connected and client.alive)
        finally:
            client.close()
        outcome.counters = dict(client.counters)
    return outcome


def _step(client: BrokerClient, outcome: Outcome, done: Callable[[], bool]) -> bool:
    """Do what a device does, until ``done``; False where nothing gets on any more."""
    served, since = -1, time.monotonic()
    while not done():
        try:
            client.check()
            client.publish(Outgoing("t/up", b"x", qos=1, keep_offline=True))
            client.publish(Outgoing("t/up", b"x", qos=0))
            client.subscribe(("t/#",))
            str(client.problem), client.problem_code
        except Exception as exc:  # noqa: BLE001  exactly that none comes is tried here
            outcome.raised.append(f"{type(exc).__name__}: {exc}")
        if outcome.served != served:
            served, since = outcome.served, time.monotonic()
        if time.monotonic() - since > PATIENCE_S:
            return False
        time.sleep(0.002)
    return True


def _serve(server: socket.socket, packets: Sequence[bytes], outcome: Outcome) -> None:
    with contextlib.suppress(OSError):  # the server is closed: over
        for packet in packets:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                connection.recv(4096)
                connection.sendall(CONNACK + packet)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
            outcome.served += 1
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(CONNACK)
            while connection.recv(4096):
                pass
