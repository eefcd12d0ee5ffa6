"""What two seconds of a microphone tell, with a soft tone from the loudspeaker in the last of them. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.doctor.finding import Finding, fault, ok, warning
from device.problems import CATALOGUE

RATE_OFF = 0.05
"""Share by which the rate may be off: sound servers deliver in bursts, so two seconds tell no more. 44.1 for 48 kHz is 8 %."""
FULL_SCALE, CLIP_SHARE = 32_600, 0.03
"""Samples of 16 bits; share of the blocks of 10 ms with two of them (as ``device.audio.health``)."""
FAINT = 3
"""A peak of so few steps of 16 bits: the capture gain is at zero, or the microphone is a dummy."""
TONE_HZ, HEARD_DB = 1000.0, 10.0
MOST_DB = 60.0
"""What is played, and by how much it has to stand out of what is there at that pitch otherwise; more than 60 dB is no room."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """``samples``: int16 (frames, channels), ``channel`` is the one that earshot takes. ``measured_hz``: frames per second of the
    machine's clock, None where too little came. ``tone``: first and last frame of what was played, None where nothing was."""

    name: str
    rate_hz: int
    samples: NDArray[np.int16]
    channel: int = 0
    measured_hz: float | None = None
    tone: tuple[int, int] | None = None


def judge(recording: Recording) -> list[Finding]:
    """The microphone's findings, then the loudspeaker's where something was played."""
    samples, name = recording.samples, recording.name
    if not len(samples):
        text = f"microphone {name!r} was opened and delivers nothing"
        return [
            fault(text, "plug it in again; where a sound server has it, restart that", code="mic_missing")
        ]
    ours = samples[:, recording.channel]
    levels = [_level_dbfs(samples[:, channel]) for channel in range(samples.shape[1])]
    data = {"levels_dbfs": levels, "rate_hz": recording.rate_hz, "measured_hz": recording.measured_hz}
    found = _channel(recording, ours, levels, data)
    measured = recording.measured_hz
    if measured is not None and abs(measured / recording.rate_hz - 1) > RATE_OFF:
        off = 100 * (measured / recording.rate_hz - 1)
        text = f"the microphone delivers {off:+.0f} % of the samples that its rate of {recording.rate_hz} Hz promises"
        found.append(_known("mic_rate", text, data))
    if not found:
        of = f", channel {recording.channel} of {samples.shape[1]}" if samples.shape[1] > 1 else ""
        text = f"microphone {name}: {recording.rate_hz} Hz{of}, {levels[recording.channel]:.0f} dBFS"
        found = [ok(text, **data)]
    if recording.tone is not None and not any(finding.severity == "fault" for finding in found):
        found.append(_loudspeaker(recording, ours))
    return found


def _channel(
    recording: Recording, ours: NDArray[np.int16], levels: list[float], data: dict[str, object]
) -> list[Finding]:
    """What the channel that earshot takes delivers."""
    if not ours.any():
        others = [at for at, level in enumerate(levels) if level > -120 and at != recording.channel]
        if others:
            loudest = max(others, key=lambda at: levels[at])
            text = f"channel {recording.channel} of the microphone is silent, channel {loudest} is not"
            fix = f"choose an input that has its sound in channel {recording.channel} (`default`, `pulse`), or another mode"
            return [fault(text, fix, code="wrong_channel", channel=recording.channel, other=loudest, **data)]
        return [_known("mic_silent", "the microphone delivers nothing but zeros", data)]
    if ours.min() == ours.max():
        return [_known("mic_stuck", f"the microphone delivers one value only ({int(ours[0])})", data)]
    share = _clipped(ours, recording.rate_hz)
    if share > CLIP_SHARE:
        text = f"the microphone clips: full scale in {100 * share:.0f} % of the time"
        return [_known("mic_clipping", text, data)]
    if int(np.abs(ours.astype(np.int32)).max()) <= FAINT:
        text = "the microphone hears next to nothing, not even noise of its own"
        return [warning(text, "turn up the capture gain (`alsamixer`, F4), and look at its switch", **data)]
    return []


def _loudspeaker(recording: Recording, ours: NDArray[np.int16]) -> Finding:
    """Whether the tone came back."""
    assert recording.tone is not None
    first, last = recording.tone
    quiet = _at_pitch(ours[:first], recording.rate_hz)
    loud = _at_pitch(ours[first : last + recording.rate_hz // 2], recording.rate_hz)
    above_db = min(MOST_DB, 10 * math.log10((loud + 1e-3) / (quiet + 1e-3)))
    if above_db >= HEARD_DB:
        return ok(f"the loudspeaker is heard, {above_db:.0f} dB above the room", tone_db=round(above_db, 1))
    text = "the microphone does not hear the loudspeaker"
    return warning(text, CATALOGUE["speaker_silent"].fix, code="speaker_silent", tone_db=round(above_db, 1))


def tone(rate_hz: int, seconds: float, level_dbfs: float) -> NDArray[np.int16]:
    """``TONE_HZ`` as int16, swelling and fading over its whole length."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = np.sin(2 * np.pi * TONE_HZ * at) * np.sin(np.pi * at / seconds) ** 2
    sound: NDArray[np.int16] = np.rint(wave * 10 ** (level_dbfs / 20) * math.sqrt(2) * 32767).astype(np.int16)
    return sound


def _at_pitch(sound: NDArray[np.int16], rate_hz: int) -> float:
    """The greatest power at ``TONE_HZ`` of any tenth of a second."""
    block = rate_hz // 10
    count = len(sound) // block
    if not count:
        return 0.0
    wave = np.exp(-2j * np.pi * TONE_HZ * np.arange(block) / rate_hz) * np.hanning(block)
    heard = sound[: count * block].reshape(count, block).astype(np.float64) @ wave
    return float((np.abs(heard) ** 2).max()) / block


def _clipped(sound: NDArray[np.int16], rate_hz: int) -> float:
    """Share of the blocks of 10 ms that hold two samples at full scale."""
    block = max(1, rate_hz // 100)
    count = len(sound) // block
    full = np.abs(sound[: count * block].astype(np.int32)).reshape(count, block) >= FULL_SCALE
    return float((full.sum(axis=1) >= 2).mean()) if count else 0.0


def _level_dbfs(sound: NDArray[np.int16]) -> float:
    power = float(np.mean((sound.astype(np.float64) / 32768) ** 2))
    return round(10 * math.log10(power), 1) if power > 1e-12 else -120.0


def _known(code: str, text: str, data: dict[str, object]) -> Finding:
    """A problem of the catalogue, with its fix."""
    return fault(text, CATALOGUE[code].fix, code=code, **data)
