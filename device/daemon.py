"""The whole device: the one file that knows every room.

                 capture()                                              render()
    backend ───────────────► engine ──frame──► ear ─┐            ┌──► mixer ──► backend
                                                    │  events    │
                              mouth ────────────────┤            │ Say, ReplyText, Release, Duck, Hold, Resume, Cancel
                              link  ────────────────┼─► conversation ──► mouth
                              skills ───────────────┘     │ commands
                                                          ├──► ear     Listen, Finalise, Discard
                                                          ├──► link    OpenTurn, ReviseTurn, CommitTurn, CancelTurn, SendHeard, Show
                                                          └──► skills  Preview, Act

``Device.step()`` is 10 ms of all of it, in this order, in one thread. Driven by the ear thread of ``earshot run``
it is a daemon; driven in a plain loop over the simulated room it is a lock-step simulation. Nothing in a step
blocks: engines live in their own processes, the MQTT library in its own thread, and both are only polled.
"""

from __future__ import annotations

import datetime
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from device import values as v
from device.audio import AudioEngine
from device.audio.backends import Backend
from device.audio.echo_control import EchoControl
from device.audio.told_aloud import ToldAloud
from device.config import Config, load_words
from device.config.schema import PanelSection
from device.controls import Controls
from device.conversation import Conversation
from device.conversation.sentences import every_sentence, sentence
from device.ear import Ear
from device.ear.recognisers import open_recogniser
from device.ear.turn_end import open_turn_model
from device.engines import EngineDoor
from device.front import Front
from device.hands import DeviceHands
from device.latency import Latency, excess, fields
from device.link import Link
from device.link.messages import Echo, Voice
from device.link.telemetry import Timeline
from device.mouth import Mouth
from device.mouth.voices import open_voice
from device.orders.orders import Orders
from device.panel import Panel
from device.remote import Remote
from device.settings import Steward
from device.skills import Skills, TimerFile
from device.trace import Trace
from device.tracer import Tracer

log = logging.getLogger("earshot")

COUNTERS_EVERY = 10 * v.RATE_HZ
"""Counters and echo figures go into the retained state this often: they change all the time."""
_NO_LOSS = ("frames", "canceller_adapted", "clauses", "asked")
"""Counters of ordinary work."""


class Device:
    """Every room of one device, wired.

    ``backend`` is where sound comes from and goes to; ``transport`` carries turns (None: no broker at all, every
    turn gets the local answer). ``in_process`` runs the recogniser and the voice in this process and thread, for
    lock-step runs. ``attention`` starts as if the wake word had just been said. ``measure``: measure the echo path once
    it is quiet. ``trace`` is told all that happens. ``now`` gives the local date and time for the skills. ``voice``
    speaks in place of the configured voice, ``recogniser`` understands in place of the configured one. ``timers`` keeps the
    timers over a restart; ``steward`` takes the configuration that comes over the broker (None: nobody does); ``panel`` has lights,
    button and switch (None: there are none); ``restarted``: the life before has left in order to be started again.
    """

    def __init__(
        self,
        config: Config,
        backend: Backend,
        transport: Any | None = None,
        *,
        in_process: bool = False,
        attention: bool = False,
        measure: bool = False,
        trace: Trace | None = None,
        now: Callable[[], datetime.datetime] = datetime.datetime.now,
        voice: EngineDoor | None = None,
        recogniser: EngineDoor | None = None,
        timers: TimerFile | None = None,
        steward: Steward | None = None,
        restarted: bool = False,
        panel: Panel | None = None,
    ) -> None:
        self.config = config
        self.engine = AudioEngine(backend, keep_s=config.audio.keep_s, volume=config.device.volume)
        self.echo = EchoControl(self.engine, config.audio.echo, config.audio.suppressor, at_start=measure)
        self.recogniser = recogniser or open_recogniser(config, in_process)
        self.voice = voice or open_voice(config, in_process)
        self.turn_model = open_turn_model(config, in_process)
        self.ear = Ear(config, self.engine.for_words, self.recogniser, turn_model=self.turn_model)
        self.mouth = Mouth(config, self.engine, self.voice)
        self.conversation = Conversation(config, load_words(config.device.language))
        self.link = Link(config, transport)
        self.controls = Controls(self.engine.mixer, now)
        self._timer_file = timers or TimerFile(None)
        self.timers = self._timer_file.load()
        self.skills = Skills(config, self.controls, self.timers)
        self.restart: str | None = None
        """Why the daemon is to leave and be started again, once somebody has ordered it."""
        self.restarted, self.steward = restarted, steward
        self._inbox: deque[v.Event] = deque()
        self.orders = Orders(
            config, DeviceHands(self, self._inbox.append), self.timers, self._timer_file.orders
        )
        self.mouth.prepare([*self.skills.phrases, *every_sentence(config.device.language)])
        self.state = v.Show()
        self._attention = attention
        self._texts: dict[int, str] = {}
        self._problem: str | None = None
        self._somebody_speaks = False
        self._unwell: set[str] = set()
        self._told_aloud = ToldAloud()
        self._sounding = False
        self._told_mouth = False
        self.mended: dict[str, int] = {}
        """How often everything stood still, or a part was stuck and was set going again (``device.service``)."""
        self.tracer = Tracer(trace)
        self.latency = Latency(config.budget, lambda: self.counters)
        self.remote = Remote(self, steward)
        self.front = Front(self, panel or Panel(PanelSection()))

    @property
    def position(self) -> int:
        """Capture position: samples since the start, at 16 kHz."""
        return self.engine.position

    def start(self) -> None:
        """Open the sound device, unless it has to stay closed. A missing one is no error: positions advance and it is retried."""
        self.front.start()
        self.engine.start()
        if self._attention:
            self._inbox.append(v.Wake(position=0, word="", score=1.0, end=0))

    def step(self) -> bool:
        """Everything that happens in 10 ms; False when the next frame is not due yet (real time only)."""
        frame = self.engine.capture()
        if frame is None:
            return False
        position = frame.position + v.FRAME
        self._watch(position)
        events = self.ear.step(frame)
        self.mouth.rest(self.state == v.Show() and not self._somebody_speaks)
        events += self.mouth.step(position)
        events += self.link.poll(position)
        self._take_orders(position)
        self.front.step(position)
        self.remote.step(position)
        if self.engine.mixer.sounding != self._sounding:
            self._sounding = not self._sounding
            events.append(v.Sounding(position, self._sounding))
        pending = deque(self._attend_to_echo(events))
        while pending or self._inbox:  # what a skill has done is answered in the same step
            self._hear(pending.popleft() if pending else self._inbox.popleft(), position)
        for command in self.conversation.tick(position):
            self._execute(command, position)
        if self._told_mouth:
            self._told_mouth = False
            self.mouth.pump(position)
        for message in self.latency.messages(position):
            self.link.metrics(message)
            self.link.describe(latency=self.latency.since_start)
            if isinstance(message, Timeline) and message.outcome != "speaking":
                self.tracer.note("timeline", position, **msgspec.to_builtins(message))
                level, how = (logging.INFO, "was slow: ") if message.over else (logging.DEBUG, "")
                text = f"{how}{excess(message) if message.over else message.outcome}"
                line = {"fields": fields(message)}
                log.log(level, "%s %d %s", message.kind, message.line, text, extra=line)
        for ack in self.orders.acks():
            self.link.ack(ack)
        self._timer_file.keep(self.timers, position)
        self.engine.render()
        return True

    def _hear(self, event: v.Event, position: int) -> None:
        self.tracer.event(event, position, self._texts.get(getattr(event, "reply", -1), ""))
        self._tell(event)
        self.latency.watcher.event(event, position)
        for command in self.conversation.handle(event):
            self._execute(command, position)

    def _take_orders(self, position: int) -> None:
        """What somebody outside wants done; what is to be said comes out of the inbox in this step."""
        self.orders.take(self.link.orders, position)
        self.orders.step(position)

    def _attend_to_echo(self, events: list[v.Event]) -> list[v.Event]:
        """Measure while nobody speaks, and leave out that the detector takes the sweep for somebody."""
        for event in events:
            if isinstance(event, v.SpeechBegan | v.SpeechEnded):
                self._somebody_speaks = isinstance(event, v.SpeechBegan)
        if self.echo.measuring:
            events = [event for event in events if not isinstance(event, v.BargeIn | v.BargeInEnded)]
        busy = self._somebody_speaks or self.state.attending or self.state.thinking or self.state.speaking
        busy = busy or self.front.closed  # nothing could be measured
        self.echo.step(idle=not busy and not any(isinstance(event, v.Wake) for event in events))
        return events

    def say(self, text: str) -> None:
        """Say ``text`` without being asked, as soon as nobody speaks. From the thread of ``step``."""
        for command in self.conversation.say(self.position, text):
            self._execute(command, self.position)

    def hush(self) -> None:
        """As if somebody had said "stop". From the thread of ``step``."""
        while self._inbox:  # what was to be said came before, in the same step: it ends, too
            self._hear(self._inbox.popleft(), self.position)
        for command in self.conversation.stop(self.position):
            self._execute(command, self.position)

    def attend(self) -> None:
        """As if the wake word had just been said, without a chime: a button. From the thread of ``step``."""
        for command in self.conversation.attend(self.position):
            self._execute(command, self.position)

    def deafen(self, closed: bool) -> None:
        """The microphone is closed by hand, or open again: the hard mute. From the thread of ``step``."""
        self.engine.close_mic(closed)
        for command in self.conversation.deafen(self.position, closed):
            self._execute(command, self.position)

    def stop(self) -> None:
        """Say goodbye to the broker, end the engines, close the sound device; idempotent, gone within 2 s.

        Each close may take a second or more when its other side hangs, so they run side by side.
        """
        closing = [
            threading.Thread(target=close, daemon=True)
            for close in (
                self.link.close, self.voice.close, self.recogniser.close, self.remote.close, self._timer_file.close,
                self.front.close,
            )
        ]  # fmt: skip
        if self.turn_model is not None:
            closing.append(threading.Thread(target=self.turn_model.close, daemon=True))
        for thread in closing:
            thread.start()
        self.engine.stop()
        for thread in closing:
            thread.join(1.6)

    # ------------------------------------------------------------------ commands

    def _execute(self, command: v.Command, position: int) -> None:
        match command:
            case v.Listen() | v.Finalise() | v.Discard():
                self.ear.execute(command)
            case v.Say() | v.ReplyBegin() | v.ReplyText() | v.ReplyFinish() | v.Release() | v.Earcon():
                self._remember(command)
                self.mouth.execute(command)
                self._told_mouth = True
            case v.StopSounds():
                self.engine.mixer.stop_sounds()
            case v.Duck() | v.Hold() | v.Resume() | v.Cancel():
                self.mouth.execute(command)
                if isinstance(command, v.Resume):
                    self.link.event("resumed")
            case v.OpenTurn() | v.ReviseTurn() | v.CommitTurn() | v.CancelTurn() | v.SendHeard():
                self.link.execute(command)
            case v.Show():
                self.state = command
                self.link.execute(command)
            case v.Preview():
                self._inbox.append(self.skills.preview(command.intent, position))
            case v.Act():
                self._inbox.append(self.skills.run(command.intent, position))
            case v.Loudness():
                self.controls.play_at(command)
            case v.Announced():
                self.orders.announced(command)
        self.latency.watcher.command(command, position, self.engine.next_out)
        # what is decided now is mixed into the block rendered at the end of this step; with its 10 ms ramp it is
        # complete one block after that block leaves the loudspeaker, or sooner where the queue was flushed
        self.tracer.command(command, position, self.engine.settled_at)

    def _remember(self, command: v.Command) -> None:
        """Keep the text of the latest reply, for whoever watches."""
        match command:
            case v.Say(reply=reply, text=text):
                self._texts = {reply: text}
            case v.ReplyBegin(reply=reply):
                self._texts = {reply: ""}
            case v.ReplyText(reply=reply, text=text) if reply in self._texts:
                self._texts[reply] += text

    # ------------------------------------------------------------------ telling others

    def _watch(self, position: int) -> None:
        """Once a second: is anything wrong, and what do volume and mute stand at?"""
        if position % v.RATE_HZ >= v.FRAME:
            return
        problem = self.engine.problem
        if problem != self._problem:
            self._problem = problem
            if problem:
                log.warning("sound: %s", problem)
                self.tracer.note("error", position, problem, room="audio")
                self.link.event("error", room="audio", reason=problem)
            else:
                log.info("sound is back")
            self.link.describe(sound=problem or "")
        if aloud := self._told_aloud.step(self.engine.problem_codes):
            self.say(sentence(aloud, self.config.device.language))
        engines = (("recogniser_failed", self.recogniser.failure), ("voice_failed", self.voice.failure))
        codes = [*self.engine.problem_codes, *(code for code, wrong in engines if wrong)]
        if self.turn_model is not None and self.turn_model.problem:
            codes.append(self.turn_model.problem)
        codes += [*self.remote.problems, *self.link.trouble, *self.front.problems]
        self.link.problems(codes + self._watch_health(position))
        self.link.describe(
            volume=self.controls.volume,
            mute=self.controls.muted,
            hard_mute=self.front.closed,
            timers=len(self.timers),
            voice=self._voice_state(),
        )
        if position % COUNTERS_EVERY < v.FRAME:
            self.link.describe(echo=self._echo(), counters=self.counters)

    def _echo(self) -> Echo:
        now = self.engine.echo
        rounded = {
            name: getattr(now, name) for name in ("erle_db", "delay_ms", "drift_ppm", "nonlinearity_db")
        }
        return Echo(
            mode=now.mode,
            reason=now.reason,
            converged=now.converged,
            bar_raised=self.ear.bar_raised,
            suppressor=now.suppressor,
            problems=tuple(problem.code for problem in now.problems),
            **{name: None if value is None else round(value, 1) for name, value in rounded.items()},
        )

    def _voice_state(self) -> Voice | None:
        now = self.mouth.voice_state
        if now is None:
            return None
        rtf = None if now.rtf is None else round(now.rtf, 2)
        return Voice(engine=now.engine, voice=now.voice, rtf=rtf, reason=now.reason)

    def _watch_health(self, position: int) -> list[str]:
        """Codes of what is wrong with microphone and echo; each is logged with its fix when it begins."""
        found = {problem.code: problem for problem in self.engine.health.problems}
        for code in found.keys() - self._unwell:
            problem = found[code]
            log.warning("sound: %s (%s): %s", problem.text, code, problem.fix)
            self.tracer.note("error", position, problem.text, room="audio", code=code)
        for code in self._unwell - found.keys():
            log.info("sound: %s is over", code)
        self._unwell = set(found)
        return [code for code in found if code != "speaker_silent"]  # headphones are no problem

    @property
    def counters(self) -> dict[str, int]:
        """What has gone wrong or been lost since the start, over all rooms; what never happened is left out."""
        judged = self.turn_model.counters if self.turn_model is not None else {}
        counted = {
            **{
                f"audio.{name}": count for name, count in self.engine.counters.items() if name not in _NO_LOSS
            },
            **{f"link.{name}": count for name, count in self.link.counters.items()},
            **{f"mouth.{name}": count for name, count in self.mouth.counters.items() if name not in _NO_LOSS},
            **{f"ear.{name}": count for name, count in self.ear.counters.items()},
            **{f"config.{name}": count for name, count in self.remote.counters.items()},
            **{f"orders.{name}": count for name, count in self.orders.counters.items() if name != "done"},
            "latency.lost_timelines": self.latency.watcher.lost,
            **{f"turn_model.{name}": count for name, count in judged.items() if name not in _NO_LOSS},
            **{f"service.{name}": count for name, count in self.mended.items()},
            "recogniser.restarts": self.recogniser.restarts,
            "voice.restarts": self.voice.restarts,
        }
        return {name: count for name, count in counted.items() if count}

    def _tell(self, event: v.Event) -> None:
        """What others on the broker may know: that something happened, never which words. Those the log may know, if
        the owner says so."""
        match event:
            case v.Wake(word=word, score=score):
                self.link.event("wake", word=word, score=round(score, 3))
            case v.StopHeard(word=word, score=score):
                self.link.event("stop_word", word=word, score=round(score, 3))
            case v.BargeIn(score=score) if score > 0:
                self.link.event("barge_in", score=round(score, 1))
            case v.EngineFailed(engine=engine, reason=reason):
                log.warning("%s engine failed: %s", engine, reason)
                self.link.event("error", room=engine, reason=reason)
            case v.Final(text=text) if text and self.config.privacy.transcripts:
                log.info("understood %r", text)
            case v.ReplyEnded(heard=heard) | v.ReplyCut(heard=heard) if (
                heard and self.config.privacy.transcripts
            ):
                log.info("said %r", heard)
