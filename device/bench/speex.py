"""libspeexdsp's echo canceller, through ctypes: the yardstick for CPU time that most machines have.

J.-M. Valin's MDF (multidelay block frequency domain) canceller, https://www.speex.org; Debian's ``libspeexdsp1``.
It is only ever measured: nothing of the device uses it.
"""

from __future__ import annotations

import ctypes

import numpy as np

from device.audio.backends import Samples
from device.audio.levels import to_int16
from device.values import FRAME, RATE_HZ

LIBRARY = "libspeexdsp.so.1"
TAIL = 4000
"""Samples of echo tail: the 250 ms of the device's own canceller."""
ABSENT = f"{LIBRARY} is not installed (`sudo apt install libspeexdsp1`): nothing to compare with"
_SET_SAMPLING_RATE = 24


class SpeexCanceller:
    """An ``EchoPart`` for what is played by ``reference``. Raises OSError without the library."""

    def __init__(self, reference: Samples) -> None:
        self._played = to_int16(reference)
        self._library = library = ctypes.CDLL(LIBRARY)
        library.speex_echo_state_init.restype = ctypes.c_void_p
        library.speex_echo_state_init.argtypes = [ctypes.c_int, ctypes.c_int]
        library.speex_echo_state_destroy.argtypes = [ctypes.c_void_p]
        library.speex_echo_cancellation.argtypes = [ctypes.c_void_p] * 4
        library.speex_echo_ctl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
        self._state = library.speex_echo_state_init(FRAME, TAIL)
        rate = ctypes.c_int(RATE_HZ)
        library.speex_echo_ctl(self._state, _SET_SAMPLING_RATE, ctypes.byref(rate))
        self._out = np.zeros(FRAME, np.int16)

    def step(self, position: int, mic: Samples) -> Samples:
        captured, played = to_int16(mic), self._played[position : position + FRAME]
        self._library.speex_echo_cancellation(
            self._state, captured.ctypes.data, played.ctypes.data, self._out.ctypes.data
        )
        return self._out.astype(np.float32) / np.float32(32768)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.speex_echo_state_destroy(self._state)


def open_speex(reference: Samples) -> SpeexCanceller | None:
    """One, or None where the library is not installed."""
    try:
        return SpeexCanceller(reference)
    except OSError:
        return None


def installed() -> bool:
    """Whether there is something to compare with."""
    return open_speex(np.zeros(FRAME, np.float32)) is not None
