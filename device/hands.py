"""What orders from outside may turn on this device: the ``Hands`` that ``device.orders`` asks for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from device.config.faults import Fault
from device.values import Announce, Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from device.daemon import Device


class DeviceHands:
    """Of ``device``; ``hear`` takes an event for the conversation. All from the thread of ``Device.step``."""

    def __init__(self, device: Device, hear: Callable[[Event], None]) -> None:
        self._device, self._hear = device, hear

    @property
    def volume(self) -> int:
        return self._device.controls.volume

    @property
    def muted(self) -> bool:
        return self._device.controls.muted

    @property
    def deaf(self) -> bool:
        return self._device.front.closed

    def set_volume(self, percent: int) -> None:
        self._device.controls.set_volume(percent)
        self._tell()

    def set_mute(self, muted: bool) -> None:
        self._device.controls.set_mute(muted)
        self._tell()

    def hush(self) -> None:
        self._device.hush()

    def attend(self) -> None:
        self._device.attend()

    def announce(self, announce: Announce) -> None:
        self._hear(announce)

    def event(self, kind: str, **fields: Any) -> None:
        self._device.link.event(kind, **fields)
        self._tell()

    @property
    def proving(self) -> bool:
        steward = self._device.steward
        return steward is not None and steward.proving

    @property
    def restarted(self) -> bool:
        return self._device.restarted

    def restart(self, reason: str) -> None:
        self._device.restart = reason

    def log_level(self, level: str | None) -> None:
        logging.getLogger().setLevel((level or self._device.config.log.level).upper())

    def change(self, token: str, values: dict[str, Any]) -> None:
        steward = self._device.steward
        if steward is not None:
            steward.change(token, values)
        else:
            key = next(iter(values))
            line = f"{key} cannot be changed: this device keeps no configuration of its own"
            self._device.orders.changed(token, (Fault(line, key, "read_only"),))

    def _tell(self) -> None:
        """Whoever turned it sees it at once."""
        controls, timers = self._device.controls, self._device.timers
        self._device.link.describe(volume=controls.volume, mute=controls.muted, timers=len(timers))
