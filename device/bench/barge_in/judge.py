"""What a session shows: from trials, decisions and gains to counts and latencies. Pure.

Onset and end of a talker are those of the reverberant sound at the microphone: the first and the last 10 ms frame
within 20 dB of the 95th percentile of its frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from device.audio.backends import Samples
from device.audio.levels import clip_edges
from device.bench.barge_in.gain import GainLog
from device.config import load_words
from device.conversation.words import Judge
from device.trace import TraceEvent
from device.values import FRAME, ms, samples

EDGE_DB = 20.0
MISSED = samples(1500)
"""A talker over whom the playback was not ducked by then was missed."""
STOP_WITHIN = samples(700)
WAKE_WITHIN = samples(600)
WAKE_LATE = samples(1500)
"""A wake word that is decided so late is missed, and still no false accept."""


def edges(sound: Samples) -> tuple[int, int]:
    """First sample of the onset frame and first sample after the last frame of ``sound`` (as at the microphone)."""
    frames = len(sound) // FRAME
    power = np.square(sound[: frames * FRAME].reshape(frames, FRAME), dtype=np.float64).mean(axis=1)
    if not frames or not power.any():
        return clip_edges(sound)
    loud = np.flatnonzero(power >= np.percentile(power, 95) * 10 ** (-EDGE_DB / 10))
    return int(loud[0]) * FRAME, (int(loud[-1]) + 1) * FRAME


@dataclass(frozen=True, slots=True)
class Trial:
    """Somebody spoke over the playback; positions. ``until``: when the next thing was begun."""

    kind: str
    text: str
    voice: str
    onset: int
    end: int
    until: int


@dataclass(slots=True)
class Tally:
    """Of one session, or of several added up (``add``). Times in ms, in the order of the trials."""

    onsets: int = 0
    missed: int = 0
    duck_ms: list[float] = field(default_factory=list)
    stop_ms: list[float] = field(default_factory=list)
    alone_min: float = 0.0
    """Minutes of playback without a talker after convergence."""
    false_ducks: int = 0
    false_holds: int = 0
    false_cancels: int = 0
    false_turns: int = 0
    """Times that the device, with nobody there, asked the endpoint something: it answers itself."""
    ducks_between: int = 0
    cancels_between: int = 0
    """The same as false ones, between trials: after clocks that ran apart, or right after a talker."""
    backchannels: int = 0
    backchannel_ducks: int = 0
    backchannel_holds: int = 0
    backchannel_cancels: int = 0
    resume_ms: list[float] = field(default_factory=list)
    stop_words: int = 0
    stop_word_hits: int = 0
    voided: int = 0
    false_stops: int = 0
    """"Stop" was understood while nobody spoke."""
    misheard_stops: int = 0
    """"Stop" was understood while somebody said something else."""
    wake_trials: int = 0
    wake_missed: int = 0
    wake_false_accepts: int = 0
    playback_min: float = 0.0
    """All playback, with and without a talker."""

    def add(self, other: Tally) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def judge(trial: Trial, gains: GainLog, events: Sequence[TraceEvent], tally: Tally) -> None:
    """Count ``trial`` into ``tally``; ``events`` are the session's, in order.

    Void is one that begins while the playback has given way already, to nobody: it says nothing of its talker.
    """
    if trial.kind != "wake" and gains.first_full(trial.onset, trial.onset + 1) is None:
        tally.voided += 1
        return
    match trial.kind:
        case "interruption":
            _interruption(trial, gains, events, tally)
        case "backchannel":
            _backchannel(trial, gains, events, tally)
        case "stop":
            _stop_word(trial, gains, events, tally)
        case "wake":
            tally.wake_trials += 1
            tally.wake_missed += not _among(events, "wake", trial.onset, trial.end + WAKE_WITHIN)
        case _:
            raise ValueError(f"trial of kind {trial.kind!r}")


def _interruption(trial: Trial, gains: GainLog, events: Sequence[TraceEvent], tally: Tally) -> None:
    """Silent is what a hold or a cancel made silent: a duck begins with 20 ms of silence of its own."""
    tally.onsets += 1
    ducked = gains.first_ducked(trial.onset, trial.onset + MISSED)
    if ducked is None:
        tally.missed += 1
        return
    tally.duck_ms.append(ms(ducked - trial.onset))
    given_up = [e.position for e in events if e.event in ("hold", "cancel") and e.position >= trial.onset]
    silent = gains.first_silent(given_up[0], trial.until) if given_up else None
    if silent is not None:
        tally.stop_ms.append(ms(silent - trial.onset))


def _backchannel(trial: Trial, gains: GainLog, events: Sequence[TraceEvent], tally: Tally) -> None:
    """One that never ducks is not resumed and has no resume time; one resumed before its end has 0."""
    tally.backchannels += 1
    held = bool(_among(events, "hold", trial.onset, trial.until))
    cancelled = bool(_among(events, "cancel", trial.onset, trial.until))
    tally.backchannel_holds += held
    tally.backchannel_cancels += cancelled
    ducked = gains.first_ducked(trial.onset, trial.until)
    tally.backchannel_ducks += ducked is not None
    if ducked is None or cancelled:
        return
    full = gains.first_full(max(ducked, trial.end), trial.until)
    if full is not None:
        tally.resume_ms.append(ms(full - trial.end))


def _stop_word(trial: Trial, gains: GainLog, events: Sequence[TraceEvent], tally: Tally) -> None:
    tally.stop_words += 1
    latest = trial.end + STOP_WITHIN
    cancelled = _among(events, "cancel", trial.onset, latest)
    tally.stop_word_hits += bool(cancelled) and gains.first_silent(trial.onset, latest) is not None


def alone(start: int, end: int, playing: int, events: Sequence[TraceEvent], tally: Tally) -> None:
    """Count what was decided from ``start`` to ``end``, when nobody spoke; ``playing``: frames with playback."""
    tally.alone_min += playing * FRAME / 16_000 / 60
    tally.false_ducks += len(_among(events, "duck", start, end))
    tally.false_holds += len(_among(events, "hold", start, end))
    tally.false_cancels += len(_among(events, "cancel", start, end))
    tally.false_turns += len(_among(events, "turn", start, end))


def unprovoked(trials: Sequence[Trial], events: Sequence[TraceEvent], tally: Tally) -> None:
    """Count wake words and "stop"s that nobody said, over the whole session, and what was decided between trials."""
    for one in events if trials else ():
        if one.position > trials[0].until and not any(t.onset <= one.position <= t.until for t in trials):
            tally.ducks_between += one.event == "duck"
            tally.cancels_between += one.event == "cancel"
    tally.wake_false_accepts += sum(
        not any(t.kind == "wake" and t.onset <= e.position <= t.end + WAKE_LATE for t in trials)
        for e in events
        if e.event == "wake"
    )
    # one that is spotted ends what is listened to also where nothing is left to be cancelled
    for stop in (
        e for e in events if e.event == "stop_word" or (e.event == "cancel" and _by_stop(e, events))
    ):
        said = [trial.kind for trial in trials if trial.onset <= stop.position <= trial.until]
        tally.false_stops += not said
        tally.misheard_stops += bool(said) and said[0] != "stop"


def _by_stop(cancel: TraceEvent, events: Sequence[TraceEvent]) -> bool:
    """Whether "stop", or another phrase that ends everything, is why it was cancelled."""
    judge = Judge(load_words())
    return any(
        event.data.get("accepted", False) and judge(event.text).stop > 0
        for event in events
        if event.event in ("partial", "final") and 0 <= cancel.position - event.position <= FRAME
    )


def _among(events: Sequence[TraceEvent], name: str, start: int, end: int) -> list[TraceEvent]:
    return [event for event in events if event.event == name and start <= event.position <= end]
