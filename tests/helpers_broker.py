"""A real mosquitto for a test: its own port on loopback, a generated configuration, killed with the test."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from device.config import Config
from device.config.schema import DeviceSection, MqttSection

CHECKOUT = Path(__file__).resolve().parent.parent
PATIENCE_S = 30.0
"""How long anything may take on a busy machine before a test calls it broken; nothing waits this long if it works."""


def until(condition: Callable[[], Any], what: str = "it", patience_s: float = PATIENCE_S) -> Any:
    """Wait for ``condition`` to be true and return its value."""
    deadline = time.monotonic() + patience_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {patience_s:.0f} s")
        time.sleep(0.005)
    return value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Mosquitto:
    """One broker process. ``start`` after ``stop`` is a broker that has forgotten everything."""

    def __init__(self, folder: Path, extra: str = "allow_anonymous true") -> None:
        binary = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if binary is None:
            pytest.skip("mosquitto is not installed (apt install mosquitto)")
        self.port = free_port()
        self.config = folder / "mosquitto.conf"
        self.config.write_text(
            f"listener {self.port} 127.0.0.1\n"
            f"user {pwd.getpwuid(os.geteuid()).pw_name}\n"
            "persistence false\nset_tcp_nodelay true\nlog_type error\nlog_type warning\n"
            f"{extra}\n"
        )
        self.log = folder / "mosquitto.log"
        self._command = [binary, "-c", str(self.config)]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Mosquitto:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        atexit.register(self.stop)  # a test that fails in between leaves nobody behind

        def listening() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"mosquitto ended: {self.log.read_text()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                return False
            return True

        until(listening, "mosquitto listening")
        return self

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()

    @property
    def section(self) -> MqttSection:
        return MqttSection(port=self.port)

    def device_config(self, device: str = "kitchen") -> Config:
        return Config(device=DeviceSection(id=device), mqtt=self.section)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    mosquitto = Mosquitto(tmp_path).start()
    yield mosquitto
    mosquitto.stop()


class Post:
    """One message that the spy saw, with what an assertion may want to know."""

    def __init__(self, message: paho.MQTTMessage) -> None:
        self.topic, self.payload = message.topic, message.payload
        self.qos, self.retain = message.qos, message.retain
        self.properties = message.properties

    @property
    def json(self) -> dict[str, Any]:
        return msgspec.json.decode(self.payload)

    @property
    def expiry_s(self) -> int | None:
        return getattr(self.properties, "MessageExpiryInterval", None)


class Spy:
    """A plain client beside ours: sees everything below ``earshot/`` and publishes anything, right or wrong."""

    def __init__(
        self, broker: Mosquitto, name: str = "spy", topics: tuple[str, ...] = ("earshot/#",)
    ) -> None:
        self.posts: list[Post] = []
        self._subscribed = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv5)
        self.client.on_message = lambda client, userdata, message: self.posts.append(Post(message))
        self.client.on_subscribe = lambda *arguments: self._subscribed.set()
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        if topics:
            self.client.subscribe([(topic, 1) for topic in topics])
            assert self._subscribed.wait(PATIENCE_S)

    def publish(
        self, topic: str, payload: Any, qos: int = 1, retain: bool = False, **properties: Any
    ) -> None:
        """Publish ``payload`` (bytes, or anything JSON) and wait until the broker has it."""
        extra = Properties(PacketTypes.PUBLISH)
        for name, value in properties.items():
            setattr(extra, name, value)
        data = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        self.client.publish(topic, data, qos, retain, extra).wait_for_publish(PATIENCE_S)

    def seen(self, leaf: str, **fields: Any) -> list[Post]:
        """The messages whose topic ends in ``leaf`` and whose JSON has ``fields``."""
        return [
            post
            for post in list(self.posts)
            if post.topic.endswith(leaf)
            and post.payload
            and all(post.json.get(key) == value for key, value in fields.items())
        ]

    def wait(self, leaf: str, **fields: Any) -> Post:
        return until(lambda: self.seen(leaf, **fields), f"{leaf} {fields}")[-1]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def spy(broker: Mosquitto) -> Iterator[Spy]:
    client = Spy(broker)
    yield client
    client.close()


class WorkerProcess:
    """``earshot endpoint`` as a user starts it, in a process of its own."""

    def __init__(self, broker: Mosquitto, name: str, *arguments: str) -> None:
        command = [
            sys.executable,
            "-m",
            "device.endpoint",
            "--port",
            str(broker.port),
            "--name",
            name,
            *arguments,
        ]
        self.name = name
        self.log = broker.config.parent / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=CHECKOUT, stdout=log, stderr=subprocess.STDOUT)

    @property
    def said(self) -> str:
        return self.log.read_text()

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
