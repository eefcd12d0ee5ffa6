"""One worker's answer put back in order: text leaves only up to the first hole.

MQTT keeps order only within one QoS, and deltas go at QoS 0: they may be lost, doubled or overtaken (measured with a
full in-flight window: 0 1 2 4 6 8 10 ... before 3). ``seq`` shows order and duplicates, ``off`` shows what is missing,
and ``end.text`` repairs everything at once.
"""

from __future__ import annotations

from device.link.messages import Delta, End


class Answer:
    """Pure: ``delta`` and ``end`` return the text that may be spoken now, which is always a prefix of the answer."""

    def __init__(self, reorder: int = 8) -> None:
        self.text = ""
        """What has been released."""
        self.next_seq = 0
        self.ended: End | None = None
        self.duplicates = self.conflicts = self.overflow = 0
        self._reorder = reorder
        self._waiting: dict[int, Delta] = {}

    @property
    def begun(self) -> bool:
        """Something of it is here: no other worker could go on with it."""
        return bool(self.text or self._waiting) or self.ended is not None

    @property
    def hole(self) -> bool:
        """Something later is here, but not what comes next."""
        return not self.complete and (bool(self._waiting) or self.ended is not None)

    @property
    def complete(self) -> bool:
        """The ``end`` is here and so is everything before it."""
        return self.ended is not None and self.next_seq >= self.ended.n

    @property
    def contradicted(self) -> bool:
        """The worker's own whole text is not what it had sent: nothing more can be trusted."""
        end = self.ended
        return end is not None and end.text is not None and end.text != self.text

    def delta(self, delta: Delta) -> str:
        if delta.seq < self.next_seq or delta.seq in self._waiting or self.complete:
            self.duplicates += 1
            return ""
        if delta.seq > self.next_seq and len(self._waiting) >= self._reorder:
            self.overflow += 1  # as if lost: `end.text` or a resend brings it back
            return ""
        self._waiting[delta.seq] = delta
        return self._release()

    def end(self, end: End) -> str:
        if self.ended is not None:
            self.duplicates += 1
            return ""
        self.ended = end
        if end.text is None or not end.text.startswith(self.text):
            return ""
        rest = end.text[len(self.text) :]
        self.text, self.next_seq = end.text, max(end.n, self.next_seq)
        self._waiting.clear()
        return rest

    def _release(self) -> str:
        before = len(self.text)
        while (delta := self._waiting.pop(self.next_seq, None)) is not None:
            if delta.off != len(self.text):
                self.conflicts += 1  # a worker that miscounts: its seq stays a hole
                break
            self.text += delta.text
            self.next_seq += 1
        return self.text[before:]
