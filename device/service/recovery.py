"""What is tried where something is stuck, in the ear's thread: counted, logged and published."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from device.errors import EarshotError

if TYPE_CHECKING:
    from device.daemon import Device

log = logging.getLogger("earshot")


def mend(device: Device, part: str, how: str) -> None:
    """``part`` does not move: ``how`` is ``reopen`` (the microphone) or ``reload`` (the wake words)."""
    key = f"{how}_{part.replace(' ', '_')}"
    device.mended[key] = device.mended.get(key, 0) + 1
    reason = f"{part} stuck: trying to {how} ({device.mended[key]} so far)"
    log.error("%s", reason)
    device.link.event("error", room="service", reason=reason)
    if how == "reopen":
        reopen = getattr(device.engine.backend, "reopen", None)
        if reopen is not None:
            reopen()
    elif how == "reload":
        from device.ear.spotting import load_spotters

        try:
            device.ear.reconfigure(device.config, load_spotters(device.config))
        except EarshotError as exc:  # then they stay stuck, and systemd starts us again
            log.error("the wake words cannot be loaded again: %s", exc)
