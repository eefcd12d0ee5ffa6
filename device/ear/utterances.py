"""The utterance that is being listened to: its sound to the recogniser, the words back, and its end.

Listen ──► UtteranceFeed ──► door ──► Partial / Final ──┐
             └► Endpointing ◄── speech or not, Partial ─┴──► PlausibleEnd, Endpoint
Finalise ──► the rest of the sound, End ──► awaited until its Final
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from device.config import Config, load_words
from device.ear.completeness import CompletenessJudge
from device.ear.endpointing import WAKE_TAIL, Endpointing, Outcome
from device.ear.feed import UtteranceFeed
from device.ear.habits import Habits
from device.ear.history import FrameHistory
from device.ear.recognisers.messages import Ready, Warning
from device.ear.turn_end.asking import TurnModel
from device.ear.turn_end.messages import Pause
from device.engines import EngineDoor
from device.values import (
    FRAME,
    Discard,
    Endpoint,
    EngineFailed,
    Event,
    Final,
    Finalise,
    Listen,
    Partial,
    PlausibleEnd,
    samples,
)

if TYPE_CHECKING:
    from device.audio import Ring

_PRE_ROLL = samples(400)
"""What begins this little before the end of an utterance does not mean that utterance."""
_TURN_SOUND = samples(8000)
"""A turn-end model listens to no more."""

log = logging.getLogger(__name__)


class Utterances:
    """At most one open utterance, and those whose ``Final`` is awaited. ``counters``: the ear's, to be counted in.

    ``door`` None: nothing is understood, every utterance ends in an empty ``Final``. ``model``: a turn-end model to ask.
    """

    def __init__(
        self,
        config: Config,
        sound: Ring,
        history: FrameHistory,
        door: EngineDoor | None,
        counters: dict[str, int],
        model: TurnModel | None = None,
    ) -> None:
        self._config, self._sound, self._history, self._door = config, sound, history, door
        self._counters, self._model = counters, model
        self._judge = CompletenessJudge(load_words(config.device.language))
        self._feed: UtteranceFeed | None = None
        self._endpointing: Endpointing | None = None
        self._waiting: dict[int, UtteranceFeed] = {}  # finalised, their Final has not come yet
        self._ended = 0  # where the last utterance was taken to end by its words
        self._asked: Pause | None = None
        self._down = False
        self._restarts_foreseen = 0
        self.habits = Habits()
        """How the people here talk."""
        self.recogniser: Ready | None = None
        """What the recogniser said when it was ready; None before."""

    @property
    def open(self) -> bool:
        """Whether an utterance is being listened to."""
        return self._feed is not None

    @property
    def at_rest(self) -> bool:
        """Whether none is open and no ``Final`` is awaited."""
        return self._feed is None and not self._waiting

    # ------------------------------------------------------------------ another configuration

    def reconfigure(self, config: Config) -> None:
        """Endpointing by ``config``, from the next utterance on."""
        self._config = config

    def use_recogniser(self, door: EngineDoor, said: Iterable[object]) -> None:
        """Another one, which has ``said`` so much already. Only while ``at_rest``: nobody waits for the one before."""
        self._door, self._down, self._restarts_foreseen = door, False, door.restarts
        for reply in said:
            self._reply(reply)

    def use_turn_model(self, model: TurnModel | None) -> None:
        """Another one, from the next pause on."""
        self._model, self._asked = model, None

    # ------------------------------------------------------------------ what the conversation wants

    def execute(self, command: Listen | Finalise | Discard, woken: bool) -> None:
        """Carry out a command; those about utterances that are over do nothing. ``woken``: a wake word ended at ``after``."""
        current = self._feed
        match command:
            case Listen():
                if current is not None:
                    current.drop()
                self._feed = UtteranceFeed(command, self._sound, self._history, self._door)
                self._endpointing = self._endpointing_from(command, woken)
            case Finalise(utterance=utterance):
                if current is not None and current.utterance == utterance:
                    current.finalise()
                    self._waiting[utterance] = current
                    self._feed = self._endpointing = None
            case Discard(utterance=utterance):
                if current is not None and current.utterance == utterance:
                    current.drop()
                    self._feed = self._endpointing = None
                elif (waiting := self._waiting.pop(utterance, None)) is not None:
                    waiting.drop()

    def _endpointing_from(self, command: Listen, woken: bool) -> Endpointing:
        """Endpointing that knows what was said in the pre-roll already.

        An utterance that was over before it was asked for ends with the next frame, not in the past. The last word of
        the utterance before may lie in the pre-roll, and is not said again.
        """
        goes_on = command.start > self._ended - _PRE_ROLL
        after = max(command.after, self._ended) if goes_on else command.after
        endpointing = Endpointing(
            self._config,
            after,
            WAKE_TAIL if woken else 0,
            judge=self._judge,
            habits=self.habits,
            over=command.mode == "over",
        )
        for position in range(self._history.floor(command.start), self._history.end, FRAME):
            endpointing.step(position, self._history.speech(position), commit=False)
        return endpointing

    # ------------------------------------------------------------------ every 10 ms

    def step(self, position: int, speech: bool, level_db: float) -> list[Event]:
        """One frame, which ``sound`` may have only one step later; words first, since the end is judged by them."""
        end = position + FRAME
        events = self._recognise(end)
        if self._model is not None:
            self._consult(self._model, end)
        feed, endpointing = self._feed, self._endpointing
        if feed is None or endpointing is None:
            return events
        if self._door is not None:
            endpointing.fed(feed.position)
        match endpointing.step(position, speech, level_db):
            case Outcome.PLAUSIBLE:
                events.append(PlausibleEnd(end, feed.utterance, endpointing.last))
            case Outcome.COMMIT:
                if not endpointing.over:
                    self._ended = endpointing.vad_until
                events.append(Endpoint(end, feed.utterance, endpointing.last))
        return events

    def _consult(self, model: TurnModel, end: int) -> None:
        """Put the present pause, if there is one, to the turn-end model; it is stepped while nobody is listened to, too."""
        feed, endpointing = self._feed, self._endpointing
        pause = None
        if feed and endpointing and not endpointing.over and endpointing.pausing(end):
            pause = Pause(feed.utterance, endpointing.vad_until)
            if pause != self._asked:
                start = max(endpointing.began, end - _TURN_SOUND, self._sound.start)
                model.ask(pause, self._sound.read(start, self._sound.end - start).samples)
                self._asked = pause
        probability = model.step(pause)
        if probability is not None and endpointing is not None:
            endpointing.model_says(probability)

    def _recognise(self, end: int) -> list[Event]:
        events: list[Event] = []
        door = self._door
        if door is None:
            events += [self._nothing(utterance, end) for utterance in self._waiting]
            self._waiting.clear()
            return events
        # An utterance is begun only when the one before it has been handed over whole: the engine has one open.
        for feed in list(self._waiting.values()):
            feed.feed()
        if self._feed is not None and all(feed.ended for feed in self._waiting.values()):
            self._feed.feed()
        for reply in door.poll():
            events += self._reply(reply)
        events += self._failures(door, end)
        return events

    def _reply(self, reply: object) -> list[Event]:
        match reply:
            case Partial(utterance=utterance):
                if self._feed is not None and self._feed.utterance == utterance:
                    assert self._endpointing is not None
                    self._endpointing.hear(reply)
                    return [reply]
                return [reply] if utterance in self._waiting else []
            case Final(utterance=utterance):
                return [reply] if self._waiting.pop(utterance, None) is not None else []
            case Ready():
                self.recogniser = reply
                log.info("recogniser %s ready after %.1f s", reply.engine, reply.load_s)
            case Warning(text=text):
                self._counters["recogniser_warnings"] += 1
                log.warning("recogniser: %s", text)
            case _:
                log.error("recogniser sent %s, which is no message of its contract", type(reply).__name__)
        return []

    def _failures(self, door: EngineDoor, end: int) -> list[Event]:
        """Each crash is told once, and nobody waits for a ``Final`` that died with the engine.

        ``failure`` stands until the engine works again, so a crash shows as its first appearance or, when it comes
        while the engine is still loading, as one restart more than was foreseen.
        """
        events: list[Event] = []
        down = door.failure is not None
        crashed = (down and not self._down) or door.restarts > self._restarts_foreseen
        self._down = down
        if crashed:
            self._restarts_foreseen = door.restarts + (1 if down else 0)
            self._counters["recogniser_failures"] += 1
            reason = door.failure or "it died and was started again"
            events.append(EngineFailed(end, "recogniser", reason))
            if self._feed is not None:
                events.append(self._nothing(self._feed.utterance, end))
                self._feed = self._endpointing = None
        if crashed or down:
            events += [self._nothing(utterance, end) for utterance in self._waiting]
            self._waiting.clear()
        return events

    def _nothing(self, utterance: int, end: int) -> Final:
        free = self.recogniser is not None and self.recogniser.free
        return Final(end, utterance, "", accepted=False, free=free)
