"""Which words take the floor, which are backchannels, and which are a recogniser's idea of noise.

Matching a list is "not robust" for *stopping* on any word (Pipecat's maintainers, and Vocode ignores "stop" with
its three-word rule), so the list works the other way round: a few hard words always win, backchannels never do,
and everything else counts once there are two words of it. The lists are data (``device.config.words``); a word that a
grammar has no name for ("[unk]") is in none of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from device.config import Words
from device.config.words import normalise

__all__ = ["Judge", "Verdict", "join"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What kinds of words a text is made of; all counts are words."""

    words: int = 0
    stop: int = 0
    wait: int = 0
    backchannel: int = 0
    content: int = 0
    """Words in no list: what a person says who has something to say."""
    unmistakable: bool = False
    """Nothing but stop words, one of which no recogniser makes of something else."""

    @property
    def hard(self) -> bool:
        """A hard word was said: the floor is taken, whatever else was said."""
        return self.stop + self.wait > 0

    @property
    def talk(self) -> bool:
        """Two or more words that are not all backchannels: enough to take the floor before the final result."""
        return self.words >= 2 and self.content > 0

    @property
    def only_backchannel(self) -> bool:
        return self.backchannel > 0 and not self.hard and self.content == 0

    @property
    def only_stop(self) -> bool:
        return self.stop > 0 and self.content == 0

    @property
    def only_wait(self) -> bool:
        return self.wait > 0 and self.stop == 0 and self.content == 0


class Judge:
    """Sorts what was said by kind. ``words`` are a language's lists."""

    def __init__(self, words: Words) -> None:
        kinds = ("noise", "backchannel", "wait", "stop")
        self._kinds = {tuple(normalise(p)): kind for kind in kinds for p in getattr(words, kind)}
        self._unmistakable = [f" {' '.join(normalise(phrase))} " for phrase in words.unmistakable]
        self._longest = max(map(len, self._kinds))

    def __call__(self, text: str) -> Verdict:
        """The verdict on ``text``, taking the longest known phrase at each place."""
        words = normalise(text)
        counts = dict.fromkeys(("noise", "backchannel", "wait", "stop"), 0)
        content = at = 0
        while at < len(words):
            for length in range(min(self._longest, len(words) - at), 0, -1):
                kind = self._kinds.get(tuple(words[at : at + length]))
                if kind is not None:
                    counts[kind] += length
                    at += length
                    break
            else:
                content += 1
                at += 1
        return Verdict(
            words=len(words),
            stop=counts["stop"],
            wait=counts["wait"],
            backchannel=counts["backchannel"],
            content=content,
            unmistakable=content == 0
            and any(phrase in f" {' '.join(words)} " for phrase in self._unmistakable),
        )


def join(*parts: str | None) -> str:
    """What was said in pieces, as one text."""
    return " ".join(part.strip() for part in parts if part and part.strip())
