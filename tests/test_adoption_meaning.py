"""What a configuration names and the machine has not: every fault with its key, its code and the mend."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from helpers_mouth import KOKORO_TINY

from device.adoption import meaning, vital
from device.config import Config, parse
from device.config.keys import KEYS, nested
from device.engines import InProcessDoor
from device.errors import EngineError
from device.mouth.voices import FACTORIES
from device.mouth.voices.messages import VoiceSettings
from device.mouth.voices.names import available_voices, unknown_voice


def config_with(**flat: Any) -> Config:
    return parse(nested({path.replace("__", "."): value for path, value in flat.items()}))


def faults(**flat: Any) -> list[Any]:
    return meaning(config_with(**flat))


def test_the_defaults_mean_something_on_any_machine():
    assert meaning(Config()) == []


@pytest.mark.parametrize(
    ("flat", "key", "says"),
    [
        ({"wake__words": ["xyzzy"]}, "wake.words", "no wake word 'xyzzy'; available: alexa"),
        ({"wake__stop": "xyzzy"}, "wake.stop", "no wake word 'xyzzy'"),
        ({"recogniser__engine": "vosk", "recogniser__model": "xyzzy"}, "recogniser.model", "xyzzy"),
        ({"recogniser__model": "xyzzy"}, "recogniser.model", "xyzzy"),
        ({"endpointing__strategy": "model", "endpointing__model": "xyzzy"}, "endpointing.model", "xyzzy"),
        ({"endpointing__strategy": "model", "endpointing__model": ""}, "endpointing.model", "name one"),
        ({"voice__model": "xyzzy"}, "voice.model", "earshot models fetch kokoro"),
        ({"voice__engine": "espeak", "voice__name": "en-narnia"}, "voice.name", "English: en, en-029"),
        ({"voice__model": "kokoro-tiny", "voice__name": "af_narnia"}, "voice.name", "there are: af_heart"),
    ],
)  # fmt: skip
def test_a_model_that_is_not_there_is_one_fault_at_its_key_with_the_mend(flat, key, says):
    [fault] = faults(**flat)
    code = "voice_unknown" if key == "voice.name" else "model_missing"
    assert (fault.path, fault.code) == (key, code)
    assert key in fault and says in fault
    assert bool(vital(config_with(**flat))) == (key not in ("endpointing.model", "voice.name"))


@pytest.mark.parametrize("name", ["~nobody", "~nobody.json", "ö" * 200, "..", "*"])
@pytest.mark.parametrize("key", ["wake__words", "wake__stop", "recogniser__model", "endpointing__model"])
def test_a_name_that_no_file_can_have_is_a_fault_as_any_other(key, name):
    given = {key: [name] if key == "wake__words" else name, "endpointing__strategy": "model"}
    assert key.replace("__", ".") in [fault.path for fault in faults(**given)]


def test_an_engine_without_a_model_is_a_fault_of_the_engine(monkeypatch, tmp_path):
    monkeypatch.setattr("device.models.lookup.folders", lambda: [tmp_path])
    assert [fault.path for fault in faults(wake__stop="", recogniser__engine="vosk")] == ["recogniser.engine"]
    assert [fault.path for fault in faults(wake__stop="", voice__engine="kokoro")] == ["voice.engine"]
    assert [fault.path for fault in faults()] == ["wake.stop"], "its weights are in a models folder too"


def test_everything_that_is_missing_is_told_at_once():
    found = faults(
        wake__words=["xyzzy", "plugh"], recogniser__model="xyzzy", voice__name="en-narnia",
        mqtt__username="me", mqtt__password_file="/nowhere/password",
    )  # fmt: skip
    assert [fault.path for fault in found] == [
        *["wake.words"] * 2, "recogniser.model", "voice.name", "mqtt.password_file"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["ca_file", "cert_file", "key_file", "password_file"])
def test_a_file_that_is_not_there_or_cannot_be_read_is_a_fault_and_a_secret_ones_path_is_in_no_line(
    name, tmp_path: Path
):
    key = f"mqtt.{name}"
    place = tmp_path / "secret-place"
    pair = {"key_file": "cert_file", "cert_file": "key_file"}.get(name)
    (tmp_path / "other").write_text("other")
    flat = {key: str(place), "mqtt.username": "me", "mqtt.tls": True}
    if pair:
        flat[f"mqtt.{pair}"] = str(tmp_path / "other")
    config = parse(nested(flat))
    [fault] = meaning(config)
    assert (fault.path, fault.code) == (key, "file_missing")
    assert (str(place) in fault) is not KEYS[key].policy.secret
    place.mkdir()  # which nobody can read, root neither
    [fault] = meaning(config)
    assert (fault.path, fault.code) == (key, "file_unreadable")
    place.rmdir()
    place.write_text("x")
    assert meaning(config) == []
    if os.geteuid() != 0:
        place.chmod(0)
        [fault] = meaning(config)
        assert (fault.path, fault.code) == (key, "file_unreadable")


def test_a_credential_of_systemd_is_found_by_its_name(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    flat = {"mqtt__username": "me", "mqtt__password_file": "broker"}
    assert [fault.code for fault in faults(**flat)] == ["file_missing"]
    (tmp_path / "broker").write_text("x")
    assert faults(**flat) == []


# ---------------------------------------------------------------------- voices by their names


@pytest.mark.parametrize("name", ["en", "en-us", "en-gb", "EN-us+f2", "en-gb-scotland", "gmw/en-US"])
def test_a_name_that_espeak_takes_is_known(name):
    assert unknown_voice(VoiceSettings("espeak", name)) is None
    InProcessDoor("voice", FACTORIES["espeak"], VoiceSettings("espeak", name)).close()


def test_a_name_that_it_does_not_take_is_refused_with_its_own_words():
    settings = VoiceSettings("espeak", "en-narnia")
    with pytest.raises(EngineError) as refused:
        InProcessDoor("voice", FACTORIES["espeak"], settings)
    assert unknown_voice(settings) == str(refused.value)
    kokoro = VoiceSettings("kokoro", "af_narnia", 1.0, str(KOKORO_TINY), 1)
    with pytest.raises(EngineError) as refused:
        InProcessDoor("voice", FACTORIES["kokoro"], kokoro)
    assert unknown_voice(kokoro) == str(refused.value)


def test_all_that_may_be_chosen_is_known():
    espeak = parse({"voice": {"engine": "espeak"}})
    assert "en-us" in available_voices(espeak)
    assert all(unknown_voice(VoiceSettings("espeak", name)) is None for name in available_voices(espeak))
    assert "af_heart" in available_voices(parse({"voice": {"model": "kokoro-tiny"}}))
