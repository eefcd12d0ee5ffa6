"""Voice activity: is this 10 ms speech, and since when and until when does somebody speak?

``Vad`` asks the WebRTC detector (C, 2 us per frame) behind an energy gate; ``SpeechGate`` is the decision over time
and knows no library. Measured without playback: speech is known 60 ms (p50), 70 ms (p95) after it begins.
"""

from __future__ import annotations

from device.errors import EngineError
from device.values import FRAME, RATE_HZ, samples

ONSET_FRAMES, ONSET_WINDOW = 3, 5
HANGOVER = samples(180)
"""Pauses between the syllables of one word stay below this."""
MODE = 3
"""The strictest of the detector's four modes; the others call any steady noise speech."""
QUIETEST_SPEECH_DB = -65.0
"""Quieter than any talker at a working microphone; digital silence and dither lie below."""
OVER_FLOOR_DB = 4.0
FLOOR_RISE_DB = 0.02
"""Per 10 ms: a fan that starts is no longer speech after some seconds; a long sentence has gaps that reset it."""


class Vad:
    """Frame by frame: the WebRTC detector, mode 3, behind an energy gate.

    The gate wants the frame above ``QUIETEST_SPEECH_DB`` and 4 dB above the running noise floor, so that neither digital
    silence nor a steady hum is ever speech, whatever the detector makes of them.
    """

    def __init__(self) -> None:
        try:
            # Not the package's ``webrtcvad`` module: that one only adds a version string, for which it loads
            # importlib.metadata: 4 MiB and 45 ms of CPU.
            import _webrtcvad
        except ImportError as exc:
            raise EngineError(f"voice activity detection needs webrtcvad-wheels: {exc}") from exc
        self._process = _webrtcvad.process
        self._state = _webrtcvad.create()
        _webrtcvad.init(self._state)
        _webrtcvad.set_mode(self._state, MODE)
        self._floor_db = QUIETEST_SPEECH_DB  # level of the room's noise

    def is_speech(self, pcm: bytes, level_db: float) -> bool:
        """Whether this frame sounds like speech. ``pcm``: 10 ms int16 mono at 16 kHz; ``level_db``: its RMS, dBFS."""
        heard = self._process(self._state, RATE_HZ, pcm, FRAME)
        if level_db < self._floor_db:
            self._floor_db = max(QUIETEST_SPEECH_DB, self._floor_db + 0.3 * (level_db - self._floor_db))
        else:
            self._floor_db += FLOOR_RISE_DB
        return bool(heard) and level_db > QUIETEST_SPEECH_DB and level_db > self._floor_db + OVER_FLOOR_DB


class SpeechGate:
    """When does somebody speak: opens at 3 speech frames of 5, closes after 180 ms without.

    Pure. ``open``: somebody speaks. ``counts``: the latest frame is speech and not alone (2 of the last 5).
    ``onset``: first sample of the speech that opened it; ``last``: the sample after the latest frame that counted.
    """

    def __init__(self) -> None:
        self.open = False
        self.counts = False
        self.onset = 0
        self.last = 0
        self._window: list[tuple[int, bool]] = []

    def step(self, position: int, speech: bool) -> None:
        """One frame: ``position`` is its first sample."""
        window = self._window
        window.append((position, speech))
        if len(window) > ONSET_WINDOW:
            window.pop(0)
        spoken = [p for p, s in window if s]
        self.counts = speech and len(spoken) >= 2
        if not self.open and len(spoken) >= ONSET_FRAMES:
            self.open, self.onset, self.last = True, spoken[0], position + FRAME
        elif self.counts:
            self.last = position + FRAME
        if self.open and position + FRAME - self.last >= HANGOVER:
            self.open = False
