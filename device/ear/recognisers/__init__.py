"""Recognisers: speech in, words and local intents out; each engine is one file, chosen by name.

    enters   the messages of ``messages.py``: Begin, Audio (20 ms pieces by capture position), End, Drop
    leaves   ``values.Partial`` and ``values.Final`` with word times in capture positions and the matched intent
    thread   an engine process of its own (``device/engines``), or none in lock-step runs
    imports  here only the messages; an engine's file is imported in the engine's process

| Engine       | Knows                                | Cost (one x86 core)            | Model                    |
|--------------|--------------------------------------|--------------------------------|--------------------------|
| pocketsphinx | the commands of the sentences file   | RTF 0.04-0.07, 40 MB           | in its package           |
| vosk         | any sentence; commands on request    | by model (small: about 300 MB) | ``earshot models fetch`` |
"""

from __future__ import annotations

from device.config import Config
from device.ear.recognisers.messages import RecogniserSettings
from device.engines import EngineDoor

HANG_S = 8.0
"""Both engines answer a 20 ms piece within milliseconds; the first call on a cold SD card takes seconds."""


def recogniser_settings(config: Config) -> RecogniserSettings:
    """Which engine and model ``config`` means on this machine.

    "auto" is Vosk when a model for people is there (never a test model), else PocketSphinx. Raises ``ModelMissing``
    when Vosk or a model is asked for by name and not there.
    """
    from device import models

    engine, name = config.recogniser.engine, config.recogniser.model
    words, language = config.wake.words, config.device.language
    if engine != "pocketsphinx":
        best = None if name else models.best("vosk")
        if best is not None:
            path = best.path
        elif name or engine == "vosk":
            path = models.require(name or "vosk-small-en-us", "vosk")
        else:
            return RecogniserSettings("pocketsphinx", "", words, language)
        return RecogniserSettings("vosk", str(path.resolve()), words, language)
    return RecogniserSettings("pocketsphinx", "", words, language)


def open_recogniser(config: Config, in_process: bool) -> EngineDoor:
    """The recogniser that ``config`` means, behind its door. Engine messages: see ``messages.py``."""
    from device.engines.process import open_door

    settings = recogniser_settings(config)
    factory = f"device.ear.recognisers.{settings.engine}:make"
    return open_door("recogniser", factory, settings, in_process, hang_s=HANG_S)
