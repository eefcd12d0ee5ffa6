"""How long everything took and how well it went. Pure: what happened, what was said and what sounded in, numbers out.

Times are measured at the loudspeaker, not at the decision: a duck counts when the reply has become quiet, a stop
when nothing of it leaves the loudspeaker any more. ``docs/scenarios.md`` defines each figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from device.scenario.expectations import Happened
from device.scenario.timing import Span
from device.values import FRAME, RATE_HZ, ms

DUCKED = 0.5
"""Gain at or below which the reply counts as ducked: -6 dB, half way through the ramp to -18 dB."""
FULL = 0.99
"""Gain from which on the reply counts as resumed."""
LINGER = RATE_HZ // 2
"""Samples after a line in which giving way still counts as caused by it: the detectors' and the room's tail."""
ERLE_S = 8
"""[s] The last so much of playback without a talker is what ERLE is measured on."""
AUDIBLE = 1e-3
"""RMS of a 10 ms block of playback that is worth cancelling: -60 dBFS."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What sounded, from position 0 on: float32 at 16 kHz (``mic``, ``clean``, ``played``, equally long).

    ``gain`` is the linear gain of the reply in each 10 ms block that *left the loudspeaker* (one value a block,
    0 where nothing of a reply did); ``played`` has everything that left it, earcons too.
    """

    mic: NDArray[np.float32]
    clean: NDArray[np.float32]
    played: NDArray[np.float32]
    gain: NDArray[np.float32]


class Placed(Protocol):
    """A clause whose words have their places on the track (``device.mouth.heard.SpokenClause``)."""

    def words(self, track_rate_hz: int) -> Sequence[tuple[int, int, int]]: ...


@dataclass(frozen=True, slots=True)
class Cut:
    """A reply that was cut: the words claimed as heard, and the words that really left the loudspeaker.

    ``played`` counts the word in which it was cut by the share of it that sounded.
    """

    reply: int
    claimed: int
    played: float


def played_words(clauses: Sequence[Placed], reached: int, rate_hz: int) -> float:
    """Words of ``clauses`` within the first ``reached`` samples of their track (of ``rate_hz``), the last one by its
    share."""
    total = 0.0
    for clause in clauses:
        for begin, end, _ in clause.words(rate_hz):
            if end > begin:
                total += min(1.0, max(0.0, (reached - begin) / (end - begin)))
            else:  # the engine gave it no time of its own
                total += reached > begin
    return total


@dataclass(slots=True)
class Measures:
    """``None`` where the run gave no occasion to measure; see ``docs/scenarios.md``."""

    voice_to_voice_ms: list[float] = field(default_factory=list)
    duck_ms: list[float] = field(default_factory=list)
    stop_ms: list[float] = field(default_factory=list)
    resume_ms: list[float] = field(default_factory=list)
    heard_error_words: float | None = None
    erle_db: float | None = None
    false_ducks: int = 0
    cpu_s_per_s: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def measure(
    happened: Sequence[Happened],
    said: Mapping[str, Span],
    sound: Sound,
    cuts: Sequence[Cut] = (),
    cpu_s_per_s: float = 0.0,
) -> Measures:
    """All figures of one run."""
    out = Measures(cpu_s_per_s=round(cpu_s_per_s, 4))
    for line, span in said.items():
        mine = [one for one in happened if one.of == line]
        _append(out.voice_to_voice_ms, voice_to_voice(mine, span))
        gives_way = [one for one in mine if one.event in ("duck", "hold", "cancel") and _caused(one, span)]
        _append(out.duck_ms, reached(gives_way, ("duck",), span.first, sound.gain, below=DUCKED))
        _append(out.stop_ms, reached(gives_way, ("hold", "cancel"), span.first, sound.gain, below=0.0))
        if gives_way:
            _append(out.resume_ms, _resumed(mine, span, sound.gain))
    out.false_ducks = sum(
        one.event == "duck" and not any(_caused(one, span) for span in said.values()) for one in happened
    )
    out.erle_db = erle_db(sound, said)
    if cuts:
        out.heard_error_words = round(max((cut.claimed - cut.played for cut in cuts), key=abs), 2)
    return out


def _append(values: list[float], samples: int | None) -> None:
    if samples is not None:
        values.append(round(ms(samples), 1))


def voice_to_voice(mine: Sequence[Happened], span: Span) -> int | None:
    """Last sample of the line to the first sample of the first reply that began after it."""
    return next(
        (e.position - span.last for e in mine if e.event == "reply_start" and e.position > span.last), None
    )


def reached(
    events: Sequence[Happened], names: tuple[str, ...], start: int, gain: NDArray[np.float32], below: float
) -> int | None:
    """Samples from ``start`` to the first block after the first of ``names`` in which the gain is at most ``below``.

    None if there was no such event or nothing of a reply was audible just before it.
    """
    event = next((one for one in events if one.event in names), None)
    if event is None:
        return None
    at = event.position // FRAME
    if not np.any(gain[max(0, at - 2) : at + 1] > below):
        return None
    there = np.flatnonzero(gain[at:] <= below)
    return int((at + there[0]) * FRAME) - start if len(there) else None


def _resumed(mine: Sequence[Happened], span: Span, gain: NDArray[np.float32]) -> int | None:
    """Last sample of the line to the first block at full gain after the last ``resume`` that belongs to it."""
    event = next((one for one in reversed(mine) if one.event == "resume"), None)
    if event is None:
        return None
    at = event.position // FRAME
    reached = np.flatnonzero(gain[at:] >= FULL)
    return int((at + reached[0]) * FRAME) - span.last if len(reached) else None


def _caused(one: Happened, span: Span) -> bool:
    """Whether giving way can be about the line at ``span``: while it is spoken and a little longer."""
    return span.first <= one.position <= span.last + LINGER


def erle_db(sound: Sound, said: Mapping[str, Span]) -> float | None:
    """Echo return loss enhancement: power at the microphone over power behind the canceller, in dB.

    Over the last 8 s of 10 ms blocks in which playback was audible and no line was being spoken (nor 0.5 s after one);
    None with less than 0.5 s of them.
    """
    blocks = len(sound.played) // FRAME
    playing = _power(sound.played, blocks) > AUDIBLE**2
    for span in said.values():
        playing[span.start // FRAME : (span.last + LINGER) // FRAME + 1] = False
    chosen = np.flatnonzero(playing)[-ERLE_S * RATE_HZ // FRAME :]
    if len(chosen) < RATE_HZ // 2 // FRAME:
        return None
    before, after = _power(sound.mic, blocks)[chosen].sum(), _power(sound.clean, blocks)[chosen].sum()
    if before <= 0:
        return None
    return round(10 * float(np.log10(before / max(after, 1e-12))), 1)


def _power(samples: NDArray[np.float32], blocks: int) -> NDArray[np.float64]:
    return np.square(samples[: blocks * FRAME].reshape(blocks, FRAME), dtype=np.float64).mean(axis=1)
