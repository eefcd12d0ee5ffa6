"""What is tried where something is stuck, in the ear's thread: counted, logged and published."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from device.errors import EarshotError

if TYPE_CHECKING:
    from device.daemon import Device

log = logging.getLogger("earshot")


def mend(device: Device, part: str, how: str) -> None:
    """``part`` does not move: ``how`` is ``reopen`` (the sound devices) or ``reload`` (the wake words)."""
    device.mended[f"{how}_{part.replace(' ', '_')}"] = count = (
        device.mended.get(f"{how}_{part.replace(' ', '_')}", 0) + 1
    )
    reason = f"{part} stuck: {how}, for the {count}. time"
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
