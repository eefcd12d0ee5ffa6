"""The whole device: the one file that knows every room.

                 capture()                                              render()
    backend ───────────────► engine ──frame──► ear ─┐            ┌──► mixer ──► backend
                                                    │  events    │
                              mouth ────────────────┤            │ Say, Duck, Hold, Resume, Cancel
                              link  ────────────────┼─► conversation ──► mouth
                              skills ───────────────┘     │ commands
                                                          ├──► ear     Listen, Finalise, Discard
                                                          ├──► link    OpenTurn, CancelTurn, SendHeard, Show
                                                          └──► skills  Act

``Device.step()`` is 10 ms of all of it, in this order, in one thread. Driven by the ear thread of ``earshot run``
it is a daemon; driven in a plain loop over the simulated room it is a lock-step simulation. Nothing in a step
blocks: engines live in their own processes, the MQTT library in its own thread, and both are only polled.
"""

from __future__ import annotations

import datetime
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from device import values as v
from device.audio import AudioEngine
from device.audio.backends import Backend
from device.config import Config
from device.conversation import Conversation
from device.ear import Ear
from device.ear.recognisers import open_recogniser
from device.link import Link
from device.mouth import Mouth
from device.mouth.voices import open_voice
from device.skills import Skills
from device.trace import Trace, TraceEvent

log = logging.getLogger("earshot")


class Device:
    """Every room of one device, wired.

    ``backend`` is where sound comes from and goes to; ``transport`` carries turns (None: no broker at all, every
    turn gets the local answer). ``in_process`` runs the recogniser and the voice in this process and thread, for
    lock-step runs. ``attention`` starts as if the wake word had just been said. ``trace`` is told all that happens.
    ``now`` gives the local date and time for the skills.
    """

    def __init__(
        self,
        config: Config,
        backend: Backend,
        transport: Any | None = None,
        *,
        in_process: bool = False,
        attention: bool = False,
        trace: Trace | None = None,
        now: Callable[[], datetime.datetime] = datetime.datetime.now,
    ) -> None:
        self.config = config
        self.engine = AudioEngine(
            backend, echo=config.audio.echo, keep_s=config.audio.keep_s, volume=config.device.volume
        )
        self.recogniser = open_recogniser(config, in_process)
        self.voice = open_voice(config, in_process)
        self.ear = Ear(config, self.engine.clean, self.recogniser)
        self.mouth = Mouth(config, self.engine, self.voice)
        self.conversation = Conversation(config)
        self.link = Link(config, transport)
        self.skills = Skills(config, Controls(self, now))
        self.state = v.Show()
        self.last_reply = ""
        self._attention = attention
        self._inbox: deque[v.Event] = deque()
        self._texts: dict[int, str] = {}
        self._first_token: set[int] = set()
        self._problem: str | None = None
        self._trace = trace or (lambda event: None)

    @property
    def position(self) -> int:
        """Capture position: samples since the start, at 16 kHz."""
        return self.engine.position

    def start(self) -> None:
        """Open the sound device. A missing one is no error: positions advance and it is retried."""
        self.engine.start()
        if self._attention:
            self._inbox.append(v.Wake(position=0, word="", score=1.0, end=0))

    def step(self) -> bool:
        """Everything that happens in 10 ms; False when the next frame is not due yet (real time only)."""
        frame = self.engine.capture()
        if frame is None:
            return False
        position = frame.position + v.FRAME
        self._watch_audio(position)
        events = self.ear.step(frame)
        events += self.mouth.step(position)
        events += self.link.poll(position)
        while self._inbox:
            events.append(self._inbox.popleft())
        for event in events:
            self._note_event(event)
            for command in self.conversation.handle(event):
                self._execute(command, position)
        for command in self.conversation.tick(position):
            self._execute(command, position)
        self.engine.render()
        return True

    def stop(self) -> None:
        """Say goodbye to the broker, end the engines, close the sound device; idempotent."""
        for close in (self.link.close, self.voice.close, self.recogniser.close, self.engine.stop):
            close()

    # ------------------------------------------------------------------ commands

    def _execute(self, command: v.Command, position: int) -> None:
        match command:
            case v.Listen() | v.Finalise() | v.Discard():
                self.ear.execute(command)
            case v.Say() | v.ReplyBegin() | v.ReplyText() | v.ReplyFinish() | v.Earcon():
                self._remember(command)
                self.mouth.execute(command)
            case v.Duck() | v.Hold() | v.Resume() | v.Cancel():
                self.mouth.execute(command)
            case v.OpenTurn() | v.CancelTurn() | v.SendHeard():
                self.link.execute(command)
            case v.Show():
                self.state = command
                self.link.execute(command)
            case v.Act():
                self._inbox.append(self.skills.run(command.intent, position))
        self._note_command(command, position)

    def _remember(self, command: v.Command) -> None:
        """Keep the text of the latest reply, for "repeat that"."""
        match command:
            case v.Say(reply=reply, text=text):
                self._texts = {reply: text}
            case v.ReplyBegin(reply=reply):
                self._texts = {reply: ""}
            case v.ReplyText(reply=reply, text=text) if reply in self._texts:
                self._texts[reply] += text
        self.last_reply = next(iter(self._texts.values()), "") or self.last_reply

    # ------------------------------------------------------------------ trace

    def _watch_audio(self, position: int) -> None:
        problem = self.engine.backend.problem
        if problem != self._problem:
            self._problem = problem
            if problem:
                log.warning("sound: %s", problem)
                self._note("error", position, problem, room="audio")
            else:
                log.info("sound is back")

    def _note(self, event: str, position: int, text: str = "", **data: Any) -> None:
        self._trace(TraceEvent(event, position, text, data))

    def _note_event(self, event: v.Event) -> None:
        note, at = self._note, event.position
        match event:
            case v.SpeechBegan(onset=onset):
                note("speech_began", at, onset=onset)
            case v.SpeechEnded(last=last):
                note("speech_ended", at, last=last)
            case v.Wake(word=word, score=score, end=end):
                note("wake", at, word, score=round(score, 3), end=end)
            case v.BargeIn(onset=onset, score=score):
                note("barge_in", at, onset=onset, score=round(score, 2))
            case v.BargeInEnded(last=last):
                note("barge_in_ended", at, last=last)
            case v.Partial(utterance=utterance, text=text, accepted=accepted):
                note("partial", at, text, utterance=utterance, accepted=accepted)
            case v.Final(utterance=utterance, text=text, accepted=accepted, intent=intent):
                words = [[w.text, w.start, w.end] for w in event.words]
                note("final", at, text, utterance=utterance, accepted=accepted, words=words)
                if intent is not None and accepted:
                    note("intent", at, intent.name, utterance=utterance, slots=dict(intent.slots))
            case v.Endpoint(utterance=utterance, last=last):
                note("endpoint", at, utterance=utterance, last=last)
            case v.ReplyStarted(reply=reply):
                note("reply_start", at, self._texts.get(reply, ""), reply=reply)
            case v.ReplyEnded(reply=reply, heard=heard, words=words):
                note("reply_end", at, self._texts.get(reply, ""), reply=reply)
                note("heard", at, heard, reply=reply, words=words, interrupted=False)
            case v.ReplyCut(reply=reply, heard=heard, chars=chars, words=words, ms=heard_ms):
                note("reply_cut", at, self._texts.get(reply, ""), reply=reply)
                data = {"reply": reply, "words": words, "chars": chars, "ms": heard_ms, "interrupted": True}
                note("heard", at, heard, **data)
            case v.TurnAcked(turn=turn):
                note("ack", at, turn=turn)
            case v.TurnDelta(turn=turn, text=text):
                if turn not in self._first_token:
                    self._first_token = {turn}
                    note("first_token", at, text, turn=turn)
            case v.TurnEnded(turn=turn, expect_reply=expect_reply):
                note("turn_end", at, turn=turn, expect_reply=expect_reply)
            case v.TurnFailed(turn=turn, code=code):
                note("turn_failed", at, code, turn=turn)
                note("error", at, code, room="link", turn=turn)
            case v.EngineFailed(engine=engine, reason=reason):
                log.warning("%s engine failed: %s", engine, reason)
                note("error", at, f"{engine}: {reason}", room=engine)

    def _note_command(self, command: v.Command, position: int) -> None:
        note = self._note
        # what is decided now is mixed into the block rendered at the end of this step; with its 10 ms ramp it is
        # complete one block after that block leaves the loudspeaker
        audible = self.engine.next_out + v.FRAME
        match command:
            case v.Duck():
                note("duck", position, audible=audible)
            case v.Hold():
                note("hold", position, audible=audible)
            case v.Resume():
                note("resume", position, audible=audible)
            case v.Cancel(reply=reply):
                note("cancel", position, reply=reply, audible=audible)
            case v.OpenTurn(turn=turn, text=text):
                note("turn", position, text, turn=turn)
            case v.CancelTurn(turn=turn, reason=reason):
                note("turn_cancelled", position, reason, turn=turn)
            case v.Say(reply=reply, text=text):
                note("say", position, text, reply=reply)
            case v.Earcon(name=name):
                note("earcon", position, name)
            case v.Show():
                held = [name for name in v.Show.__slots__ if getattr(command, name)]
                note("state", position, ", ".join(held) or "idle")


class Controls:
    """What skills may turn: the device's volume, its mute, its clock and its memory of the last reply."""

    def __init__(self, device: Device, now: Callable[[], datetime.datetime]) -> None:
        self._mixer, self._device = device.engine.mixer, device
        self._volume, self._muted = device.engine.mixer.volume, False
        self.now = now

    @property
    def volume(self) -> int:
        """Playback volume in percent, also while muted."""
        return self._volume

    def set_volume(self, percent: int) -> None:
        self._volume = percent
        self._mixer.volume = 0 if self._muted else percent

    @property
    def muted(self) -> bool:
        return self._muted

    def set_mute(self, muted: bool) -> None:
        self._muted = muted
        self._mixer.volume = 0 if muted else self._volume

    def last_reply(self) -> str:
        return self._device.last_reply
