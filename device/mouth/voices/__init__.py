"""The voice engines: clause text in, 16-bit sound and word times out; each in its own process (``open_voice``).

    Speak(clause, text) --> [ engine process: espeak | slow(kokoro) ] --> SpokenWord..., Chunk..., Chunk(last)

Thread: none here. May import: ``device.engines``, ``device.models``; an engine's library only in its own file.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from device.config.schema import Config
from device.engines import EngineDoor
from device.errors import EngineError
from device.mouth.voices.messages import VoiceSettings

FACTORIES = {"espeak": "device.mouth.voices.espeak:make", "kokoro": "device.mouth.voices.kokoro:make"}
HANG_S = {"espeak": 8.0, "kokoro": 120.0}
"""espeak-ng answers within milliseconds, from a cold SD card within seconds. A clause of 15 s on a Raspberry Pi 4, whose
real-time factor with Kokoro is up to 7.6, is not a hang."""


def choose(config: Config) -> tuple[str, VoiceSettings]:
    """Which engine ``config.voice`` means on this machine: its factory and settings.

    "auto" is Kokoro when a model for it is there that is not made for tests, else espeak-ng. Raises
    ``EngineError`` for a Kokoro model that is asked for and missing.
    """
    voice = config.voice
    engine, model = voice.engine, ""
    if engine != "espeak":
        model = _kokoro_model(voice.model)
        if not model and (engine == "kokoro" or voice.model):
            wanted = f"voice.model {voice.model!r}" if voice.model else "a Kokoro model"
            raise EngineError(
                f"{wanted} is not on this machine; `earshot models fetch kokoro`, or set voice.engine = espeak"
            )
    actual = "kokoro" if model else "espeak"
    return FACTORIES[actual], VoiceSettings(engine, voice.name, voice.speed, model)


def open_voice(config: Config, in_process: bool) -> EngineDoor:
    """The voice of ``config`` behind a door: its own process, or this one for lock-step runs."""
    from device.engines.process import open_door

    factory, settings = choose(config)
    if settings.model and not in_process:
        # in a lock-step run computing takes no time, and nothing may depend on what was kept of the run before
        from device.mouth.voices.phrases import folder

        kept = str(folder() or "") if config.voice.cache else ""
        settings = replace(settings, slowest_rtf=config.voice.slowest_rtf, cache=kept)
    hang_s = HANG_S["kokoro" if settings.model else "espeak"]
    return open_door("voice", factory, settings, in_process, hang_s=hang_s)


def _kokoro_model(name: str) -> str:
    """Absolute path of the named Kokoro model (folder, or ONNX file in one), or of the best one; "" = none."""
    from device import models

    if name:
        path = models.find(name)
    else:
        best = models.best("kokoro")
        path = best.path if best else None
    return str(Path(path).resolve()) if path else ""
