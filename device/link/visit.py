"""A visit to the broker: a client that comes for a moment, to look around or to bring something.

with Visit(broker, "push", topics, receive) as visit:     raises LinkError where nobody lets us in
    visit.settle(lambda: len(found))                      until no more of what is retained comes
    visit.publish(topic, payload)                         raises LinkError where it is not taken
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import Self

from device.config.schema import MqttSection
from device.errors import LinkError
from device.link.client import BrokerClient, Received
from device.link.outbox import Outgoing

CONNECT_S = 12.0
"""No more patience than this; why there is no connection is known sooner: 5 s for TCP, for TLS and for MQTT, each."""
QUIET_S = 0.25
"""What is retained comes within milliseconds of the answer to the subscription: after so much quiet that was all."""
ANSWER_S = 5.0
"""A broker that takes longer over a subscription or a message is taken to have lost it."""
STEP_S = 0.01
REFUSED = 0x80
"""Reason codes from here on are refusals (MQTT 5, 2.4)."""


class Visit:
    """Reads ``topics``, also what is retained there; ``receive`` runs in the network's thread and must be quick. Later breaks of the
    connection are mended by itself, ``problem`` says why there is none."""

    def __init__(
        self,
        broker: MqttSection,
        name: str,
        topics: tuple[str, ...],
        receive: Callable[[Received], None],
    ) -> None:
        logging.getLogger("device.link").addHandler(logging.NullHandler())  # what matters is raised or shown
        self._broker, self._name, self._topics, self._receive = broker, name, topics, receive
        self._tokens = 0

    def __enter__(self) -> Self:
        self._client = BrokerClient(
            self._broker,
            f"earshot-{self._name}-{os.getpid()}",
            subscriptions=self._topics,
            receive=self._receive,
            will=None,
            session_expiry_s=0,
            retained=True,
        )
        deadline = time.monotonic() + CONNECT_S
        while not self._client.connected:
            if self._client.problem_code or time.monotonic() > deadline:
                self._client.close()
                another = self._client.problem_code == "broker_unreachable"
                raise LinkError(
                    f"{self.problem}{' (another broker: --broker HOST[:PORT])' if another else ''}"
                )
            self.step()
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    @property
    def problem(self) -> str | None:
        """Why nothing comes, in words; None while all is well."""
        return self._client.problem

    def step(self, wait_s: float = STEP_S) -> None:
        """Let ``wait_s`` pass; what came meanwhile was received."""
        self.check()
        time.sleep(wait_s)

    def check(self) -> None:
        """Look after the connection; for whoever waits in another way than by ``step``."""
        self._client.check()

    def settle(self, count: Callable[[], int], enough: Callable[[], bool] = lambda: False) -> None:
        """Return after ``QUIET_S`` in which ``count`` did not grow, or at once when there is ``enough``.

        Raises ``LinkError`` where nothing came because the broker lets us read nothing.
        """
        seen = -1
        quiet_at = time.monotonic() + ANSWER_S
        while not enough() and time.monotonic() < quiet_at:
            if self._client.subscribed and seen < count():
                seen, quiet_at = count(), time.monotonic() + QUIET_S
            self.step()
        if not count() and self.problem:
            raise LinkError(self.problem)

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, expiry_s: int | None = None
    ) -> None:
        """Publish at QoS 1 and wait until the broker has it. Raises ``LinkError`` where it does not take it."""
        self._tokens += 1
        sent = self._client.publish(Outgoing(topic, payload, retain=retain, expiry_s=expiry_s), self._tokens)
        deadline = time.monotonic() + ANSWER_S
        while sent and time.monotonic() < deadline:
            self.step()
            for token, reason in list(self._client.pubacks):
                if token == self._tokens and reason >= REFUSED:
                    raise LinkError(
                        f"the broker does not take {topic} from this user (reason code 0x{reason:02X}); "
                        "its access rules must let the owner write there"
                    )
                if token == self._tokens:
                    return
        raise LinkError(f"{topic}: not sent; {self.problem or 'the broker did not confirm it'}")
