"""The ear room: from echo-free sound to "somebody said this", every 10 ms, for as long as the daemon lives.

Enters: frames of the audio engine (10 ms at 16 kHz: microphone after the echo canceller, playback reference), and its ring
of sound for words;
the conversation's ``Listen``, ``Finalise``, ``Discard``.
Leaves: ``Wake``, ``SpeechBegan/Ended``, ``BargeIn/BargeInEnded``, ``Partial``, ``Final``, ``PlausibleEnd``,
``Endpoint``, ``EngineFailed``.
Thread: the ear thread steps it (or the loop of a lock-step run); nothing in here blocks. The recogniser with the
intent matcher lives in its own process behind a door (``device.engines``).
May import: ``device.audio``, ``device.models``, ``device.engines``, ``device.values``, ``device.config``.

    frame ──► energy gate + VAD ─────────────────────────► SpeechBegan / SpeechEnded   (nothing plays)
         └──► excess over noise and echo ─► classifier ──► BargeIn / BargeInEnded      (something plays)
    ring ┬──► features ──► wake word models ─────────────► Wake, StopHeard
         └──pre-roll─► recogniser process ───────────────► Partial / Final ─┐
                     speech or not, per frame ──► endpointing ◄─────────────┴► PlausibleEnd, Endpoint
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from device.ear.ear import Ear as Ear

__all__ = ["Ear"]


def __getattr__(name: str) -> Any:
    """``Ear`` on first use: the recogniser's process imports its engine from below here and needs no wake word."""
    if name == "Ear":
        from device.ear.ear import Ear

        return Ear
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
