"""What may be done with a key of the configuration: how a change takes effect, and who may make it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Apply = Literal["live", "recogniser", "voice", "turn_model", "connection", "daemon"]
"""What a change restarts: nothing (``live``: in force within one step, listening goes on), the engine process of the recogniser,
the voice or the turn-end model (the old one works until the new one is ready), the connection to the broker, or the daemon."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Annotates a key beside its ``Meta``.

    ``unsigned``: may come over MQTT without a signature; ``local``: never comes over MQTT, only in the file on the device;
    ``secret``: the value never leaves the device, neither in output nor in state, messages or logs.
    """

    apply: Apply = "daemon"
    unsigned: bool = False
    local: bool = False
    secret: bool = False
