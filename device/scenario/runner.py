"""Runs a scenario: the real device, the simulated room, the talkers and the endpoint, 10 ms at a time.

    talkers ─► room ─► Device.step() ─► trace ─► Happened ─► cues ─► the next line
                ▲            │                      └──────► expectations: decided? then it may end
                └─ playback ─┘

Lock-step (``realtime=False``): everything in this thread; the scripted endpoint is a transport on the sample clock,
engines compute inside their calls, and wall time does not matter. Real time: the room is paced, engines are
processes, turns go through a real broker to a worker process.
"""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from device.audio.backends.room import RoomBackend
from device.config import Config
from device.daemon import Device
from device.errors import LinkError, ScenarioError
from device.link.mqtt import MqttTransport
from device.link.transport import OfflineTransport
from device.scenario import talkers
from device.scenario.endpoint import ScriptedTransport
from device.scenario.expectations import Happened, Verdict, judge_all, line_of
from device.scenario.measures import Cut, Measures, measure, played_words
from device.scenario.recorder import Recorder, WatchedBackend
from device.scenario.result import Line, Result
from device.scenario.stage import clip_of, connect, room_settings
from device.scenario.tables import Scenario
from device.scenario.timing import Cues, Span
from device.trace import TraceEvent
from device.values import FRAME, RATE_HZ

Watcher = Callable[[Happened], None]
"""Told what happens, as it happens; besides the device's events there is ``line`` when a talker begins one."""

CLOCK_STARTS = datetime.datetime(2026, 1, 5, 9, 30)
"""What the device's clock shows at position 0."""
QUIET_END = 2 * RATE_HZ
"""So long nothing sounds and nothing is under way: the scenario is over."""
DECIDED_END = RATE_HZ // 2
"""The same once every expectation is decided."""
DECIDED_CAP = 10 * RATE_HZ
"""So long after the last decision a reply may go on; then the run is ended in the middle of it."""
GIVE_UP = 10 * RATE_HZ
"""So long nothing sounds while a line waits for a cue: it will never come."""
READY_S = 60
"""[s] Engines and broker must be there within this, in a real-time run."""


def run_scenario(
    scenario: Scenario,
    *,
    realtime: bool = False,
    broker: tuple[str, int] | None = None,
    worker: bool = True,
    out_dir: Path | None = None,
    on_event: Watcher | None = None,
    now: Callable[[], datetime.datetime] | None = None,
) -> Result:
    """Run ``scenario`` in this process and thread.

    ``broker`` (host, port) is used by a real-time run in place of a private one; ``worker=False``: somebody else
    answers the turns there (a real-time run starts the scripted worker otherwise). ``out_dir`` gets
    ``conversation.wav``, ``timeline.json``, ``timeline.png`` and ``transcript.md``. ``now`` is the device's clock;
    None: one that shows 09:30 at the start, so that "what time is it" has one answer.

    Raises ``ScenarioError`` for lines that cannot be spoken, ``AudioError`` for a broken WAV, ``EngineError``,
    ``ModelMissing`` and ``LinkError`` for parts of the device that are not there.
    """
    config = scenario.config()
    clips = {line.id: clip_of(scenario, index) for index, line in enumerate(scenario.say)}
    backend = WatchedBackend(RoomBackend(room_settings(scenario, realtime)))
    with contextlib.ExitStack() as stack:
        transport: Any
        if not config.mqtt.enabled:
            transport = OfflineTransport()
        elif realtime:
            config = connect(stack, scenario, config, broker, worker)
            transport = MqttTransport(config)
        else:
            transport = ScriptedTransport(scenario.endpoint)
        run = Run(scenario, config, backend, transport, clips, realtime, on_event, now)
        stack.callback(run.device.stop)
        result = run.play()
    if out_dir is not None:
        from device.scenario.output import write

        write(result, run.sound, out_dir)
    return result


class Run:
    """One run, from the start of the device to the result. Another end than a scenario's: override ``over``."""

    def __init__(
        self,
        scenario: Scenario,
        config: Config,
        backend: WatchedBackend,
        transport: Any,
        clips: dict[str, NDArray[np.float32]],
        realtime: bool,
        on_event: Watcher | None,
        now: Callable[[], datetime.datetime] | None,
    ) -> None:
        self.scenario, self.backend, self.transport, self.clips = scenario, backend, transport, clips
        self.realtime = realtime
        self.cues = Cues(scenario.say)
        self.happened: list[Happened] = []
        self.troubles: list[str] = []
        self._watch = on_event or (lambda event: None)
        self._line_of_utterance: dict[int, str] = {}
        self._clauses: dict[int, Any] = {}
        self._cuts: list[tuple[int, int]] = []
        """(reply, words that were claimed as heard)"""
        self._loud_at = 0
        self._decided_at: int | None = None
        self._voices = list(dict.fromkeys(line.voice for line in scenario.say))
        self.device = Device(
            config,
            backend,  # type: ignore[arg-type]  # it passes on what it does not define
            transport,
            in_process=not realtime,
            attention=scenario.attention,
            trace=self._traced,
            now=now or self._now,
        )
        self.recorder = Recorder(self.device.engine, backend)

    def play(self) -> Result:
        if self.realtime:
            self._await_parts()
        cpu, wall = time.process_time(), time.monotonic()
        self.device.start()
        try:
            while not self.over():
                self._step()
        except KeyboardInterrupt:
            self.troubles.append("interrupted")
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        self.sound = self.recorder.sound()
        return self._result(cpu, wall)

    # ------------------------------------------------------------------ 10 ms

    def _step(self) -> None:
        if isinstance(self.transport, ScriptedTransport):
            self.transport.position = self.device.position + FRAME
        while not self.device.step():
            self.backend.wait(0.02)  # type: ignore[operator]
        position = self.device.position
        self.recorder.step()
        speaking = self.device.mouth.speaking
        if speaking is not None:
            self._clauses[speaking] = self.device.mouth.clauses
        audible = not self.device.engine.mixer.silent or self.cues.speaking(position)
        if audible:
            self._loud_at = position
        self.cues.sounding(position, audible)
        for line, start in self.cues.due(position):
            voice = self._voices.index(line.voice)
            first, last = self.backend.say(self.clips[line.id], start, line.gain_db, voice)  # type: ignore[operator]
            self.cues.said(line.id, Span(start, first, last))
            self._watch(
                Happened("line", first, line.text or line.wav, line.id, {"voice": line.voice, "last": last})
            )

    def _traced(self, event: TraceEvent) -> None:
        """What the device tells, as something that happened in the scenario, and as a cue."""
        data, at = event.data, event.position
        if event.event == "wake" and not event.text:
            return  # `attention = true`: nobody said it
        words = None
        if event.event == "final" and data.get("words"):
            words = (data["words"][0][1], data["words"][-1][2])
        of = line_of(at, self.cues.spans, words)
        utterance = data.get("utterance")
        if event.event == "final" and of and utterance is not None:
            self._line_of_utterance[utterance] = of
        elif event.event == "intent":
            of = self._line_of_utterance.get(utterance, of)
        one = Happened(event.event, at, event.text, of, data)
        self.happened.append(one)
        match event.event:
            case "wake":
                self.cues.wake(at)
            case "reply_start":
                self.cues.reply_started(data["reply"], at)
            case "reply_end" | "reply_cut":
                self.cues.reply_over(data["reply"], at, cut=event.event == "reply_cut")
            case "heard" if data.get("interrupted"):
                self._cuts.append((data["reply"], data["words"]))
        self._watch(one)

    # ------------------------------------------------------------------ the end

    def over(self) -> bool:
        """Asked before each step."""
        position = self.device.position
        if position % (10 * FRAME):
            return False
        if position >= self.scenario.max_s * RATE_HZ:
            self._unspoken(f"the run was ended after {self.scenario.max_s:g} s (max_s)")
            return True
        quiet = position - self._loud_at
        if self.cues.waiting():
            if quiet < GIVE_UP or self.cues.scheduled(position) or self._busy():
                return False
            self._unspoken(f"nothing happened for {GIVE_UP // RATE_HZ} s")
            return True
        if self.cues.scheduled(position) or self.cues.speaking(position):
            return False
        verdicts = self._verdicts(position)
        decided = all(verdict.passed is not None for verdict in verdicts)
        if not decided:
            self._decided_at = None
            ahead = any(v.passed is None and v.expect.within_ms is not None for v in verdicts)
            return quiet >= QUIET_END and not self._busy() and not ahead
        self._decided_at = self._decided_at or position
        if position - self._decided_at >= DECIDED_CAP:
            return True
        return quiet >= DECIDED_END and not self._busy()

    def _busy(self) -> bool:
        """Whether an answer is under way or being spoken."""
        state = self.device.state
        return state.thinking or state.speaking or getattr(self.transport, "answering", False)

    def _unspoken(self, why: str) -> None:
        for line in self.cues.waiting():
            self.troubles.append(
                f"line {line.id!r} was never spoken: it waited for {line.after!r}, and {why}"
            )

    def _verdicts(self, position: int, over: bool = False) -> list[Verdict]:
        return judge_all(self.scenario.expect, self.happened, self.cues.spans, position, over)

    def _result(self, cpu_s: float, wall_s: float) -> Result:
        scenario, position = self.scenario, self.device.position
        lasted = position / RATE_HZ
        lines = [
            Line(line.id, line.text, line.voice or ("wav" if line.wav else talkers.DEFAULT_VOICE), span)
            for line in scenario.say
            if (span := self.cues.spans.get(line.id))
        ]
        happened = sorted(self.happened, key=lambda one: one.position)
        measures: Measures = measure(
            happened, self.cues.spans, self.sound, self.cuts(), cpu_s / max(lasted, 0.01)
        )
        return Result(
            title=scenario.title,
            path=scenario.path,
            clock="real" if self.realtime else "sample",
            seed=scenario.seed,
            seconds=lasted,
            wall_s=wall_s,
            lines=lines,
            events=happened,
            verdicts=self._verdicts(position, over=True),
            measures=measures,
            troubles=self.troubles,
            room=msgspec.to_builtins(scenario.room),
            engines=_engines(self.device),
        )

    def cuts(self) -> list[Cut]:
        """The replies that were cut so far: words claimed as heard, words that left the loudspeaker."""
        told = [(reply, claimed) for reply, claimed in self._cuts if reply in self._clauses]
        return [Cut(reply, claimed, self._played_words(reply)) for reply, claimed in told]

    def _played_words(self, reply: int) -> float:
        return played_words(
            self._clauses[reply], self.recorder.reached(reply), self.device.engine.mixer.rate_hz
        )

    # ------------------------------------------------------------------ the start

    def _await_parts(self) -> None:
        """Engines loaded, broker reached: the first line finds a device that is ready."""
        deadline = time.monotonic() + READY_S
        await_engines(self.device, deadline)
        while not self.transport.connected and not isinstance(self.transport, OfflineTransport):
            if time.monotonic() > deadline:
                raise LinkError(f"the broker was not reached within {READY_S} s")
            time.sleep(0.02)

    def _now(self) -> datetime.datetime:
        return CLOCK_STARTS + datetime.timedelta(seconds=self.device.position / RATE_HZ)


def await_engines(device: Device, deadline: float) -> None:
    """Wait for recogniser and voice, until ``deadline`` of the monotonic clock. Raises ``ScenarioError`` without one."""
    for door in (device.recogniser, device.voice):
        while not door.wait_loaded(0.1):
            if door.failure or time.monotonic() > deadline:
                reason = door.failure or f"it was not ready within {READY_S:g} s"
                raise ScenarioError(f"the {door.name} cannot be started: {reason}")


def _engines(device: Device) -> dict[str, str]:
    names = {"wake": ", ".join(device.config.wake.words)}
    for room, ready in (("recogniser", device.ear.recogniser), ("voice", device.mouth.voice_ready)):
        if ready is not None:
            names[room] = ready.engine
    return names
