"""Does this machine have what a configuration names: models, voices, files? Each fault with the key that is to be mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from device.config import Config
from device.config.faults import Fault
from device.config.keys import KEYS, value
from device.errors import EarshotError

FILES = ("mqtt.password_file", "mqtt.ca_file", "mqtt.cert_file", "mqtt.key_file")


def meaning(config: Config) -> list[Fault]:
    """Everything that ``config`` names and this machine has not, with the messages of those who would miss it.

    Codes: ``model_missing``, ``voice_unknown``, ``file_missing`` and ``file_unreadable``. Reads the disk (15 ms where a voice is named), starts nothing.
    """
    return [*_wake(config), *_recogniser(config), *_turn_model(config), *_voice(config), *_files(config)]


def vital(config: Config) -> list[Fault]:
    """Of these what there is no device without: all models but the one that knows the end of a turn."""
    return [
        fault
        for fault in meaning(config)
        if fault.code == "model_missing" and fault.path != "endpointing.model"
    ]


def _wake(config: Config) -> Iterator[Fault]:
    from device.ear.spotting import stop_model
    from device.ear.stop_word import AUTO, load_stop_weights
    from device.ear.wake_models import find_word

    for word in config.wake.words:
        yield from _missing("wake.words", find_word, word)
    yield from _missing("wake.stop", stop_model, config)
    if config.wake.stop == AUTO:
        yield from _missing("wake.stop", load_stop_weights, config.device.language)


def _recogniser(config: Config) -> Iterator[Fault]:
    from device.ear.recognisers import recogniser_settings

    key = "recogniser.model" if config.recogniser.model else "recogniser.engine"
    yield from _missing(key, recogniser_settings, config)


def _turn_model(config: Config) -> Iterator[Fault]:
    from device.ear.turn_end import turn_end_settings

    if config.endpointing.strategy == "model":
        yield from _missing("endpointing.model", turn_end_settings, config)


def _voice(config: Config) -> Iterator[Fault]:
    from device.mouth.voices import choose
    from device.mouth.voices.names import unknown_voice

    key = "voice.model" if config.voice.model else "voice.engine"
    found = list(_missing(key, choose, config))
    yield from found
    if not found and config.voice.name:
        line = unknown_voice(choose(config)[1])
        if line is not None:
            yield Fault(f"voice.name: {line}", "voice.name", "voice_unknown")


def _missing(key: str, look_up: Callable[[Any], object], what: object) -> Iterator[Fault]:
    try:
        look_up(what)
    except EarshotError as exc:
        line = str(exc)
        yield Fault(line if line.startswith(key) else f"{key}: {line}", key, "model_missing")


def _files(config: Config) -> Iterator[Fault]:
    """The files of the connection can be read; what is in them shows when it connects."""
    from device.link.credentials import locate

    for key in FILES:
        path = value(config, key)
        if not path:
            continue
        shown = key if KEYS[key].policy.secret else f"{key} = {path!r}"
        try:
            locate(path).open("rb").close()
        except FileNotFoundError:
            yield Fault(f"{shown}: there is no such file on the device; check the path", key, "file_missing")
        except OSError as exc:
            fix = "give a file that the user who runs earshot may read"
            yield Fault(f"{shown}: the file cannot be read ({exc.strerror}); {fix}", key, "file_unreadable")
