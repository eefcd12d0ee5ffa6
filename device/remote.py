"""Configuration that comes over the broker, and Home Assistant: what both take from the link and give to it.

link.wishes ──► Steward ──Adopt──► Adoption ──► the rooms
                   ├──Restart──► device.restart
                   ├──Publish──► link.report
an order (set) ────┴──Changed──► orders ──► up/ack
link.births, another configuration ──► Announcer ──► link.announce
"""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from typing import TYPE_CHECKING

from device import __version__
from device.adoption import Adoption
from device.config import Config
from device.errors import EarshotError
from device.homeassistant import Announcer, message
from device.link.reports import ConfigReport
from device.settings import Adopt, Changed, Evidence, Publish, Reloaded, Restart, Steward
from device.values import RATE_HZ

if TYPE_CHECKING:
    from device.daemon import Device

log = logging.getLogger("earshot")


class Remote:
    """Of one ``device``: ``step`` in each of its steps, in its thread. ``steward`` None: no configuration comes over the broker
    (scenarios and benches)."""

    def __init__(self, device: Device, steward: Steward | None) -> None:
        self._device, self._steward = device, steward
        self._adoption: Adoption | None = None
        self._announcer = Announcer(random.random)
        self._announced_for: Config | None = None
        self._report: ConfigReport | None = None
        self.reloaded: deque[Reloaded] = deque()
        """What became of reading the file anew, for whoever asked for it."""
        self._descriptions: deque[tuple[Config, bytes]] = deque()

    @property
    def problems(self) -> tuple[str, ...]:
        """Codes of what is wrong with the configuration."""
        return self._steward.problems if self._steward is not None else ()

    @property
    def counters(self) -> dict[str, int]:
        """Configurations taken, refused, rolled back."""
        return self._steward.counters if self._steward is not None else {}

    def step(self, position: int) -> None:
        """Take what has come, carry it out, tell what became of it."""
        link = self._device.link
        while link.wishes:
            wish = link.wishes.popleft()
            if self._steward is not None:
                self._steward.desired(wish.scope, wish.payload)
        if self._steward is not None:
            self._settle(self._steward, position)
        self._announce(position)

    def reload(self) -> None:
        """Read the configuration's file anew; what becomes of it is put into ``reloaded``."""
        if self._steward is not None:
            self._steward.file_changed()

    def close(self) -> None:
        """At most a second."""
        if self._adoption is not None:
            self._adoption.close()
        if self._steward is not None:
            self._steward.close()

    # ------------------------------------------------------------------ configuration

    def _settle(self, steward: Steward, position: int) -> None:
        device = self._device
        if self._adoption is not None:
            self._adoption.step(position)
        for action in steward.poll(position / RATE_HZ, self._evidence()):
            match action:
                case Adopt(prepared=prepared):
                    self._adoption = self._adoption or Adoption(device)
                    self._adoption.adopt(prepared)
                    device.orders.config = device.config
                case Restart(reason=reason):
                    log.info("starting again: %s", reason)
                    device.restart = reason
                case Publish(report=report):
                    self._report = report
                    device.link.report(report)
                case Reloaded():
                    self.reloaded.append(action)
                case Changed(token=token, faults=faults):
                    device.orders.changed(token, faults)

    def _evidence(self) -> Evidence:
        device, adoption = self._device, self._adoption
        return Evidence(
            sound=device.engine.problem is None,
            broker=device.link.connected,
            reported=device.link.reported,
            settled=adoption is None or adoption.settled,
            failure="" if adoption is None else adoption.failure,
            problem=device.engine.problem or "",
        )

    # ------------------------------------------------------------------ Home Assistant

    def _announce(self, position: int) -> None:
        device = self._device
        # a configuration never changes: another one is another object
        if device.config is not self._announced_for:
            self._announced_for = device.config
            if device.config.homeassistant.discovery:
                threading.Thread(
                    target=self._describe, args=(device.config,), name="discovery", daemon=True
                ).start()
            else:
                self._announcer.tell(b"")
        while self._descriptions:
            config, description = self._descriptions.popleft()
            if config is device.config:
                self._announcer.tell(description)
        payload = self._announcer.step(position, device.link.births)
        if payload is not None:
            device.link.announce(payload)
            if payload and self._report is not None:  # entities that are new to it have not read it
                device.link.report(self._report)

    def _describe(self, config: Config) -> None:
        """In a thread of its own: what there is to choose from has to be looked up on the disk."""
        from device.ear.wake_models import available_words
        from device.mouth.voices.names import available_voices

        try:
            choices = {"wake_words": available_words(), "voices": available_voices(config)}
            self._descriptions.append((config, message(config, version=__version__, **choices)))
        except EarshotError as exc:
            log.warning("the device does not show in Home Assistant: %s", exc)
