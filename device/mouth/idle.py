"""What a slow voice does while nobody needs it: render what the device often says, and see how fast it is. Pure.

One thing at a time, and a reply does not wait for it: the voice drops it for a clause. A phrase over which the voice died is
not tried again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from device import values as v
from device.mouth.clauses import Splitter
from device.mouth.voices.messages import Measure, Prepare, Prepared, Ready, VoiceState

IDLE = v.samples(1500)
"""Nobody has needed the voice for so long: it is no pause between two replies."""
MEASURE_EVERY_S = (60, 3600)
"""How long a voice that was too slow rests before it is measured again; doubled each time, for on a machine that is always
too slow each one is 3-20 s of computing."""


class IdleWork:
    """``prepare`` texts, ``learn`` what the voice says, and ask for the ``next`` thing to do."""

    def __init__(self) -> None:
        self._all: list[str] = []
        self._sentences: deque[str] = deque()
        self._texts: deque[str] = deque()
        self._known: set[str] = set()
        self._working: Prepare | Measure | None = None
        self._prepares = self._stands_in = False
        self._busy_until = 0
        self._measure_at: int | None = None
        self._rest_s = MEASURE_EVERY_S[0]
        self._engine = ""

    def prepare(self, texts: Iterable[str]) -> None:
        """Sentences to render, each once and in this order."""
        texts = [*texts]
        self._all += texts
        self._sentences.extend(texts)

    def again(self) -> None:
        """All of them once more: they will be spoken with another voice, or at another speed."""
        self._sentences = deque(self._all)
        self._texts.clear()
        self._known.clear()

    def learn(self, message: Ready | VoiceState | Prepared) -> None:
        """What the voice says of itself. A new ``Ready`` comes from a new process, which has forgotten all."""
        match message:
            case Ready():
                self._prepares, self._working = message.prepares, None
                self._engine = message.engine
            case VoiceState():
                self._stands_in = message.engine != self._engine
            case Prepared():
                self._working = None

    def dropped(self) -> None:
        """A clause or an abort overtakes what is in work: that is asked for again, in another idle moment."""
        if isinstance(self._working, Prepare):
            self._texts.appendleft(self._working.text)
        self._working = None

    def next(self, position: int, idle: bool) -> Prepare | Measure | None:
        """What to ask the voice for at capture ``position``, nothing being said or wanted (``idle``)."""
        if not idle or not self._prepares:
            self._busy_until = position
            return None
        if self._working is not None or position - self._busy_until < IDLE:
            return None
        if self._stands_in:
            return self._measure(position)
        self._measure_at, self._rest_s = None, MEASURE_EVERY_S[0]
        while self._sentences and not self._texts:
            self._split(self._sentences.popleft())
        if self._texts:
            self._working = Prepare(self._texts.popleft())
        return self._working

    def _split(self, sentence: str) -> None:
        """As a slow voice will speak it: clause by clause."""
        splitter = Splitter(eager=True)
        for clause in splitter.feed(sentence) + splitter.finish():
            if clause.text and clause.text not in self._known:
                self._known.add(clause.text)
                self._texts.append(clause.text)

    def _measure(self, position: int) -> Measure | None:
        if self._measure_at is None:
            self._measure_at = position + self._rest_s * v.RATE_HZ
        if position < self._measure_at:
            return None
        self._rest_s = min(2 * self._rest_s, MEASURE_EVERY_S[1])
        self._measure_at = None
        self._working = Measure()
        return self._working
