"""A client that asks the broker what this device may do there. It never pushes the device itself off the broker.

A broker may take the user's name for the client's (``use_username_as_clientid``, as our own rules do): whoever comes with the
device's credentials then *is* the device, and the daemon loses its connection. So while it runs nobody comes with them.
"""

from __future__ import annotations

import datetime
import os
import socket
import time
from collections.abc import Callable
from typing import Self

from device.config import Config
from device.config.schema import MqttSection
from device.link.client import BrokerClient, Received
from device.link.outbox import Outgoing
from device.link.tls import context_of
from device.link.trouble import Trouble, of_connect

REACH_S = 5.0
ANSWER_S = 5.0
STEP_S = 0.01
QUIET_S = 0.25
"""After so long without another retained message that was all."""
REFUSED = 0x80
"""Reason codes from here on are refusals (MQTT 5, 2.4)."""


def identified(broker: MqttSection) -> bool:
    """Whether the broker knows clients by more than the name that they give themselves."""
    return bool(broker.username or broker.cert_file)


def reach(broker: MqttSection) -> Trouble | None:
    """Connect and encrypt, without a word of MQTT; why that does not work."""
    try:
        with socket.create_connection((broker.host, broker.port), REACH_S) as sock:
            if broker.tls:
                with context_of(broker).wrap_socket(sock, server_hostname=broker.host):
                    pass
    except Exception as exc:  # noqa: BLE001  whatever it is, there is a word for it
        return of_connect(broker, exc, datetime.datetime.now())
    return None


class Visitor:
    """One connection; ``received`` is what came. ``name``: the client's, else one of the doctor's own."""

    def __init__(
        self, config: Config, topics: tuple[str, ...], left: Callable[[], float], name: str = ""
    ) -> None:
        self.received: list[Received] = []
        self._config, self._topics, self._left = config, topics, left
        self._name = name or f"earshot-doctor-{os.getpid()}"
        self._token = 0

    def __enter__(self) -> Self:
        self._client = BrokerClient(
            self._config.mqtt,
            self._name,
            subscriptions=self._topics,
            receive=self.received.append,
            will=None,
            session_expiry_s=0,
            retained=True,
        )
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    def connect(self) -> Trouble | None:
        """Until the broker has let us in and has answered our subscriptions; why it does not."""
        end = time.monotonic() + self._left()
        while not (self._client.connected and (self._client.subscribed or not self._topics)):
            code, problem = self._client.problem_code, self._client.problem
            if code and problem:
                return Trouble(code, problem)
            if time.monotonic() > end:
                return Trouble(
                    "broker_unreachable", f"the broker does not answer: {problem or 'no connection'}"
                )
            self.step()
        code, problem = self._client.problem_code, self._client.problem
        return Trouble(code, problem) if code and problem else None

    def step(self) -> None:
        self._client.check()
        time.sleep(STEP_S)

    def settle(self) -> None:
        """Until no more comes of what is retained."""
        seen, quiet_at = len(self.received), time.monotonic() + QUIET_S
        while time.monotonic() < quiet_at and self._left():
            self.step()
            if len(self.received) > seen:
                seen, quiet_at = len(self.received), time.monotonic() + QUIET_S

    def publish(self, message: Outgoing) -> int | None:
        """The reason code of the broker's answer, below ``REFUSED`` where it takes it; None where there is none."""
        self._token += 1
        if not self._client.publish(message, self._token):
            return None
        end = time.monotonic() + min(ANSWER_S, self._left())
        while time.monotonic() < end:
            self.step()
            for token, reason in list(self._client.pubacks):
                if token == self._token:
                    return reason
        return None
