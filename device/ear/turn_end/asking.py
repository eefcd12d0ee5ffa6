"""The ear's side of a turn-end model: one question at a time, and only answers that still matter.

ask(pause 1) ─► engine works ───────────────► step(pause 1) = its probability; at any other pause it is late
ask(pause 2), ask(pause 3) meanwhile: pause 3 is asked next, if it is still the one there is; pause 2 never is
"""

from __future__ import annotations

import logging
import statistics
from collections import deque

from device.audio.backends import Samples
from device.audio.levels import to_int16
from device.ear.turn_end.log_mel import WINDOW
from device.ear.turn_end.messages import Ask, NoVerdict, Pause, Ready, Verdict
from device.engines import EngineDoor

SLOW_MS = 150
"""Asked after 80 ms of silence, a verdict moves a wait of 200 to 240 ms if it takes no longer."""
USUAL_OF = 9
"""Verdicts; the first ones compete with everything else that starts."""
MISSING, FAILED = "model_missing", "turn_model_failed"

log = logging.getLogger(__name__)


class TurnModel:
    """Asks a turn-end model about pauses; ``ask`` and ``step`` from one thread, no call waits.

    ``door`` None: there is no model for reason ``problem``, a code for the state; nothing is ever answered.
    ``counters``: questions ``asked``; of these, answered too ``late`` to matter and without any ``no_verdict``;
    ``unasked`` were over before the engine had time for them; ``failures`` of the engine.
    """

    def __init__(self, door: EngineDoor | None, problem: str = "") -> None:
        self._door = door
        self._problem = problem
        self._latest: Pause | None = None  # the newest pause that anybody asked about
        self._asked: Ask | None = None
        self._next: Ask | None = None
        self._down = False
        self._told = ""
        self._took: deque[float] = deque(maxlen=USUAL_OF)
        self._slow = False
        self._restarts_foreseen = 0
        self.ready: Ready | None = None
        """What the model said when it was loaded; None before, and while it is down."""
        self.counters = {"asked": 0, "late": 0, "no_verdict": 0, "unasked": 0, "failures": 0}

    @property
    def problem(self) -> str:
        """Why no answer is to be expected, as a code for the state; empty while all is well."""
        return self._problem or (FAILED if self._down else "")

    @property
    def reason(self) -> str:
        """The same in words, where the engine has failed; empty before."""
        return self._told

    def ask(self, pause: Pause, samples: Samples) -> None:
        """Has the talker finished? ``samples``: the sound of the utterance up to now, float32, of which 8 s count.

        A pause is asked about once, however often this is called.
        """
        if self._door is None or self.ready is None or pause == self._latest:
            return
        self._latest = pause
        question = Ask(pause, to_int16(samples[-WINDOW:]).tobytes())
        if self._asked is None:
            self._send(self._door, question)
        else:
            self.counters["unasked"] += self._next is not None
            self._next = question

    def step(self, pause: Pause | None) -> float | None:
        """Once every step, with the pause that there is now: the probability that the turn is complete, once, when it
        has become known."""
        door = self._door
        if door is None:
            return None
        probability = None
        for reply in door.poll():
            match reply:
                case Ready():
                    self.ready = reply
                    log.info("turn-end model ready after %.1f s", reply.load_s)
                case Verdict(pause=asked):
                    self._asked = None
                    self._mind_the_time(reply.compute_ms)
                    if asked == pause:
                        probability = reply.probability
                    else:
                        self.counters["late"] += 1
                case NoVerdict(reason=reason):
                    self._asked = None
                    self.counters["no_verdict"] += 1
                    if self.counters["no_verdict"] == 1:
                        log.warning("endpointing goes on without this verdict: %s", reason)
        self._watch(door)
        if self._asked is None and self._next is not None:
            question, self._next = self._next, None
            if question.pause == pause:
                self._send(door, question)
            else:
                self.counters["unasked"] += 1
        return probability

    def close(self) -> None:
        """End the engine; idempotent, at most 1 s."""
        if self._door is not None:
            self._door.close()

    def _send(self, door: EngineDoor, question: Ask) -> None:
        if door.send(question):
            self._asked = question
            self.counters["asked"] += 1

    def _mind_the_time(self, compute_ms: float) -> None:
        """Say once when verdicts usually come too late to be of use."""
        self._took.append(compute_ms)
        usual_ms = statistics.median(self._took)
        if len(self._took) == USUAL_OF and usual_ms > SLOW_MS and not self._slow:
            self._slow = True
            log.warning(
                "the turn-end model takes %.0f ms for a verdict on this machine: after more than %d ms it is late for most "
                "pauses; endpointing.strategy = adaptive does without it",
                usual_ms,
                SLOW_MS,
            )

    def _watch(self, door: EngineDoor) -> None:
        """Nobody waits for an answer that died with the engine."""
        failed = door.failure is not None
        if (failed and not self._down) or door.restarts > self._restarts_foreseen:
            self._restarts_foreseen = door.restarts + failed
            self.counters["failures"] += 1
            self._asked = None
            if failed:
                self.ready = None
            reason = door.failure or "it was started again"
            if reason != self._told:
                self._told = reason
                log.warning("endpointing goes on without the turn-end model: %s", reason)
        self._down = failed
