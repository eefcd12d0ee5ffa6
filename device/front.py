"""The front of the device: what button and switch do to it, and what its lights say. All from the thread of ``Device.step``.

Panel.changes ─► Button ─► down: what sounds ends · press: listen · hold: the loudspeaker's mute
              └► HardMute ─► engine (no capture stream), conversation (nobody is listened to), Panel.remember, up/state, up/event
state of the device ─► look ─► Panel.show
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from device.config.schema import PanelSection
from device.panel import Button, Facts, Gesture, HardMute, Look, Panel, look
from device.values import RATE_HZ

if TYPE_CHECKING:
    from device.daemon import Device

log = logging.getLogger("earshot")

OFFLINE = 10 * RATE_HZ
"""A broker that is away for less is not worth a light: a start, a restart of it."""
TICK = RATE_HZ // 50
"""So often a panel without a thread of its own is stepped."""
SPOILS_SOUND = ("mic_silent", "mic_stuck")
"""Problems of a microphone that is there, with which nothing is heard (``device.problems``)."""


class Front:
    """Of one ``device`` with its ``panel``."""

    def __init__(self, device: Device, panel: Panel) -> None:
        self._device = device
        self.panel = panel
        self.button = Button(0, 0)
        self.hard_mute = HardMute(panel.remembered, panel.board.switch is not None)
        self._ended = False
        """The press that is under way has ended what sounded, and means nothing more."""
        self._in_force = False
        """Whether the microphone was told to be closed."""
        self._faulty = False
        self._online_at = 0
        self._told_stuck = self._hung = False
        self.reconfigure(device.config.panel)

    @property
    def closed(self) -> bool:
        """Whether the microphone is closed by hand."""
        return self.hard_mute.on

    @property
    def problems(self) -> tuple[str, ...]:
        return ("panel_unavailable",) if self.panel.problem is not None or self._hung else ()

    def reconfigure(self, section: PanelSection) -> None:
        """Other times, other brightness; pins only with a start."""
        self.button.hold = round(section.hold_s * RATE_HZ)
        self.button.long_hold = round(section.long_hold_s * RATE_HZ)
        self.panel.brightness = section.brightness

    def start(self) -> None:
        """Before the microphone is opened: it may have to stay closed."""
        self.panel.start()
        self.panel.wait()
        self._take(0)
        if self.closed and not self._in_force:
            self._apply()
            log.info("the microphone stays closed: it was closed by hand before")
            if self.panel.board.button is None and self.panel.board.switch is None:
                log.warning(
                    "nothing here can open it: set up its button or switch, or remove %s and restart",
                    self.panel.mark,
                )

    def step(self, position: int) -> None:
        """Every 10 ms: what was pressed, and what is to be seen."""
        if not self.panel.threaded and position % TICK == 0:
            self.panel.tick(position / RATE_HZ)
        self._take(position)
        if position % RATE_HZ == 0:
            self._look_around(position)
        self.panel.show(self._look(position))

    def close(self) -> None:
        self.panel.close()

    # ------------------------------------------------------------------ button and switch

    def _take(self, position: int) -> None:
        while self.panel.changes:
            change = self.panel.changes.popleft()
            if change.name == "switch":
                if self.hard_mute.switched(change.on):
                    self._turn(position, "switch")
            elif (gesture := self.button.move(change.on, position)) is not None:
                self._do(gesture, position)

    def _do(self, gesture: Gesture, position: int) -> None:
        device = self._device
        if gesture is Gesture.DOWN:
            self._ended = device.state.speaking or device.state.thinking or device.engine.mixer.sounding
            if self._ended:
                device.hush()
            return
        device.link.event("button", gesture=gesture.value)
        if gesture is Gesture.HOLD:
            on = not device.controls.muted
            device.controls.set_mute(on)
            device.link.describe(mute=on)
            device.link.event("mute", level="soft", on=on, by="button")
        elif gesture is Gesture.LONG_HOLD:
            if self.hard_mute.held():
                self._turn(position, "button")
        elif self._ended:
            return
        elif device.state.attending:
            device.hush()
        else:
            device.attend()

    def _turn(self, position: int, by: str) -> None:
        """The microphone is closed or opened, and who wants to know is told."""
        word = "closed" if self.closed else "open"
        self._apply()
        log.info("the microphone is %s, by its %s", word, by)
        self._device.link.event("mute", level="hard", on=self.closed, by=by)
        self._device.tracer.note("microphone", position, word)

    def _apply(self) -> None:
        self._in_force = self.closed
        self._device.deafen(self.closed)
        self.panel.remember(self.closed)
        self._device.link.describe(hard_mute=self.closed)

    # ------------------------------------------------------------------ lights

    def _look_around(self, position: int) -> None:
        """Once a second: what lasts."""
        device, engine = self._device, self._device.engine
        unwell = any(problem.code in SPOILS_SOUND for problem in engine.health.problems)
        broken = device.recogniser.failure or device.voice.failure
        self._faulty = bool(engine.problem or unwell or broken)
        if device.link.connected or not device.config.mqtt.enabled:
            self._online_at = position
        if self.panel.hangs is not self._hung:
            self._hung = not self._hung
            log.warning("panel: %s", "its pins or its bus hang" if self._hung else "it moves again")
        if self.button.stuck(position) is not self._told_stuck:
            self._told_stuck = not self._told_stuck
            if self._told_stuck:
                log.warning("the button is stuck: it has been down for half a minute, and does nothing")

    def _look(self, position: int) -> Look:
        device = self._device
        return look(
            Facts(
                show=device.state,
                closed=device.engine.mic_closed,
                muted=device.controls.muted,
                faulty=self._faulty,
                offline=position - self._online_at >= OFFLINE,
                held=self.button.held(position),
            )
        )
