"""How one client stands with its broker: told of every try and what became of it, says when to try again and what is wrong."""

from __future__ import annotations

import datetime
import random
import time
from typing import Any

from device.config.schema import MqttSection
from device.link import trouble
from device.link.faults import Faults
from device.link.reconnect import Reconnects
from device.link.trouble import Trouble

ANSWER_S = 5.0
"""A broker that has not answered our CONNECT after this is said to be silent; keep-alive ends the connection."""


class Health:
    """Told by paho's thread, asked by any; ``faults`` counts and logs."""

    def __init__(self, broker: MqttSection, client_id: str, faults: Faults) -> None:
        self._broker, self._client_id, self._faults = broker, client_id, faults
        self._reconnects = Reconnects()
        self._trouble: Trouble | None = Trouble("", "not connected yet")
        self._socket: Any = None
        self._asked_at: float | None = None
        """When the connection was opened that has had no CONNACK yet."""

    @property
    def trouble(self) -> Trouble | None:
        """What is wrong now; None while all is well. Its code is empty before the first try has ended."""
        found = self._trouble
        if found and found.code == "broker_flapping" and not self._reconnects.flapping(time.monotonic()):
            return None
        return found

    def wait_s(self) -> float:
        """How long to wait before the next try."""
        return self._reconnects.wait_s(random.random())

    # ----------------------------------------------------------------- what happens to a try, in its order

    def trying(self) -> None:
        self._reconnects.trying()

    def failed(self, exc: BaseException | None) -> None:
        """No connection came about."""
        found = trouble.of_connect(self._broker, exc, datetime.datetime.now())
        self._reconnects.clock_wrong = found.code == "clock_unset"
        self._say(_kind(found), found)

    def opened(self, sock: Any) -> None:
        """``sock`` is connected, encrypted where that is asked for; the CONNECT goes out."""
        self._socket, self._asked_at = sock, time.monotonic()

    def look(self) -> None:
        """Once in a while: says it where the broker does not answer the CONNECT."""
        asked = self._asked_at
        if asked is not None and time.monotonic() - asked > ANSWER_S:
            self._asked_at = None
            self._say("connect_failed", trouble.of_silence(self._broker))

    def refused(self, code: int, reason: str) -> None:
        """The CONNACK says no."""
        self._asked_at = None
        self._say("refused_by_broker", trouble.of_refusal(self._broker, self._client_id, code, reason))

    def connected(self) -> None:
        self._asked_at, now_s = None, time.monotonic()
        self._reconnects.connected(now_s)
        # what pushes us off again and again can only be told while we are there
        flapping = self._reconnects.flapping(now_s)
        self._trouble = trouble.of_flapping(self._broker, self._client_id) if flapping else None

    def subscription_refused(self, topics: list[str]) -> None:
        """``topics``, each with the reason."""
        self._say("subscription_refused", trouble.of_subscription(self._broker, topics))

    def ended(self, was_connected: bool, code: int, reason: str) -> None:
        """The connection is over, against our wish."""
        asked, self._asked_at = self._asked_at, None
        if asked is not None:
            if code == trouble.KEEP_ALIVE:  # we hung up
                found = trouble.of_silence(self._broker)
            else:
                found = trouble.of_hanging_up(self._broker, getattr(self._socket, "failure", None))
            self._say(_kind(found), found)
        if not was_connected:
            return
        now_s = time.monotonic()
        self._reconnects.lost(now_s, code == trouble.TAKEN_OVER)
        self._trouble = lost = trouble.of_loss(self._broker, code, reason)
        self._faults.report("disconnects", f"{lost.text}; reconnecting")
        if self._reconnects.flapping(now_s):
            self._say("flapping", trouble.of_flapping(self._broker, self._client_id))

    def died(self) -> None:
        """The network thread ended of something that paho did not expect."""
        self._say(
            "network_thread_died",
            Trouble("broker_unreachable", "the MQTT network thread died; starting another"),
        )

    def _say(self, kind: str, found: Trouble) -> None:
        self._trouble = found
        self._faults.report(kind, found.text)


def _kind(found: Trouble) -> str:
    """What the counter is called: one that anybody may have, or one that needs the owner."""
    return "connect_failed" if found.code == "broker_unreachable" else found.code
