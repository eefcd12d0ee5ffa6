"""The change itself, in the ear's thread: what is only a figure at once, an engine when it is ready and nobody needs it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from device.adoption.prepared import ROOMS, Coming, Prepared, Room, close_aside, made_alike

if TYPE_CHECKING:
    from device.daemon import Device

log = logging.getLogger(__name__)


class Adoption:
    """Of one ``device``, for its whole life. ``adopt`` and ``step`` between its steps, in its thread; neither blocks.

    What is under way ends by the old rules: an open utterance with the old recogniser and endpointing, a reply with the
    old voice and speed, a turn with its old limits.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._made_from = dict.fromkeys(ROOMS, device.config)
        """The configuration by which each engine that works was opened."""
        self._coming: dict[Room, Coming] = {}
        self._failures: dict[Room, str] = {}

    @property
    def settled(self) -> bool:
        """Whether all of the latest configuration works: in force, or ready to be as soon as what is being said is over, which may
        be an answer of minutes."""
        for room in ROOMS:
            coming, works = self._coming.get(room), self._made_from[room]
            if not (coming.ready if coming is not None else made_alike(room, works, self._device.config)):
                return False
        return not self._device.ear.changing_words

    @property
    def changing(self) -> bool:
        """Whether something of it is not in force yet."""
        return bool(self._coming) or self._device.ear.changing_words

    @property
    def failure(self) -> str:
        """Why it never will be: a new engine that does not work. The old one goes on. Empty while all may be well."""
        return "; ".join(self._failures.values())

    def adopt(self, prepared: Prepared) -> None:
        """Go on by ``prepared.config``, with the next step; engines that an earlier change still waits for are closed, unless this
        one wants the same."""
        device, old, new = self._device, self._device.config, prepared.config
        for room in ROOMS:
            self._choose(room, prepared)
        device.config = new
        device.ear.reconfigure(new, prepared.spotters)
        device.mouth.reconfigure(new)
        device.conversation.reconfigure(new)
        device.latency.reconfigure(new.budget)
        device.link.reconfigure(new)
        device.front.reconfigure(new.panel)
        if new.device.volume != old.device.volume:  # else it stays where the last person has put it
            device.controls.set_volume(new.device.volume)
        if new.log.level != old.log.level:
            logging.getLogger().setLevel(new.log.level.upper())

    def step(self, position: int) -> None:
        """Once between two steps of the device, at capture ``position``: look whether an engine is ready, and its time has come."""
        for room, coming in [*self._coming.items()]:
            coming.poll()
            if coming.failure:
                log.warning("%s: the old one goes on, the new one does not work: %s", room, coming.failure)
                self._failures[room] = coming.failure
                self._coming.pop(room).close()
            elif coming.ready and self._at_rest(room):
                del self._coming[room]
                self._change(room, coming, position)

    def close(self) -> None:
        """End the engines that were on their way; the device ends its own."""
        for room in [*self._coming]:
            self._coming.pop(room).close()

    # ------------------------------------------------------------------ engines

    def _choose(self, room: Room, prepared: Prepared) -> None:
        """Which engine is on its way to ``room`` from now on."""
        new, before = prepared.engines.get(room), self._coming.get(room)
        if new is None and before is not None and made_alike(room, before.config, prepared.config):
            return
        if before is not None:
            self._coming.pop(room).close()
        satisfied = made_alike(room, self._made_from[room], prepared.config)
        if new is not None and satisfied:  # back to what works still
            new.close()
        elif new is not None:
            self._coming[room] = new
        if new is not None or satisfied:
            self._failures.pop(room, None)

    def _at_rest(self, room: Room) -> bool:
        return self._device.mouth.at_rest if room == "voice" else self._device.ear.at_rest

    def _change(self, room: Room, coming: Coming, position: int) -> None:
        device = self._device
        before = getattr(device, room)
        if room == "recogniser":
            device.ear.use_recogniser(coming.engine, coming.said)
        elif room == "voice":
            device.mouth.use_voice(coming.engine, coming.said, position)
        else:
            device.ear.use_turn_model(coming.engine)
        setattr(device, room, coming.engine)
        self._made_from[room] = coming.config
        close_aside(before)
        log.info("%s changed", room.replace("_", "-"))
