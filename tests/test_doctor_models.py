"""`earshot doctor` looks at the models and lets the engines work: files that are cut short, and how fast this machine is."""

import json
import math
import shutil
import time
import zipfile
from pathlib import Path

import pytest
from helpers_models import vosk_zip

from device.config.load import parse
from device.doctor import damage
from device.doctor.checks import models, recogniser, voice, wake
from device.doctor.engine_trial import Trial
from device.doctor.finding import worst
from device.doctor.patient import Patient
from device.models.fetch import fetch
from device.models.lookup import load
from device.models.progress import make_progress

MODELS = Path(__file__).parent.parent / "models"


def patient(root=Path("/"), limit_s=20.0, **tables):
    return Patient(parse(tables), root=root, deadline=time.monotonic() + limit_s)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A models folder of one's own; the checkout's are there, too."""
    monkeypatch.setenv("EARSHOT_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def fetched(name, source, folder, **more):
    return fetch(name, make_progress(), given=[source], to=folder, **more).model


def cut(file, size=100):
    file.write_bytes(file.read_bytes()[:size])


def kept(found):
    """Of the models in the test's folder: what of the machine's own is wrong is not the test's."""
    return [(one.severity, one.text) for one in found if one.severity not in ("ok", "skipped")]


# ------------------------------------------------------------------ files


def test_whole_models_are_whole(folder):
    fetched("my-vosk", MODELS / "vosk-tiny-en", folder)
    fetched("my-kokoro", MODELS / "kokoro-tiny", folder)
    assert not kept(models.check(patient()))


def test_a_file_that_is_cut_short_is_named_before_an_engine_trips_over_it(folder):
    model = fetched("my-vosk", MODELS / "vosk-tiny-en", folder)
    size = (model.path / "am/final.mdl").stat().st_size
    cut(model.path / "am/final.mdl")
    assert load(model.path).problem == f"am/final.mdl is damaged: 100 of {size} bytes are there"
    found = models.check(patient(recogniser={"engine": "vosk", "model": "my-vosk"}))
    assert ("fault", f"model my-vosk cannot be used: {load(model.path).problem}") in kept(found)
    assert any("earshot models fetch my-vosk --force" in one.fix for one in found)


def test_a_model_that_nothing_uses_is_worth_a_warning_only(folder):
    cut(fetched("my-vosk", MODELS / "vosk-tiny-en", folder).path / "am/final.mdl")
    assert [
        severity for severity, _ in kept(models.check(patient(recogniser={"engine": "pocketsphinx"})))
    ] == ["warning"]


def test_a_file_of_the_same_length_and_other_content_is_found_by_its_pin(folder, tmp_path):
    model = fetched("my-kokoro", MODELS / "kokoro-tiny", folder)
    file = model.path / "voices-tiny.bin"
    data = bytearray(file.read_bytes())
    data[200] ^= 1
    file.write_bytes(data)
    ((severity, text),) = kept(models.check(patient(voice={"model": "my-kokoro"})))
    assert severity == "fault" and "differs from the pinned one" in text


def test_of_an_archive_too(folder, tmp_path):
    archive = tmp_path / "vosk.zip"
    archive.write_bytes(vosk_zip())
    model = fetched("zipped", archive, folder)
    assert not models.judge(model, time.monotonic() + 20)
    file = model.path / "am/final.mdl"
    file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:])
    (found,) = models.judge(model, time.monotonic() + 20)
    assert found.severity == "fault" and "one of its files is not what was fetched" in found.text


def test_a_model_that_was_only_copied_shows_by_its_format_that_it_is_cut_short(folder):
    shutil.copytree(MODELS / "kokoro-tiny", folder / "copied")
    cut(folder / "copied/kokoro-tiny-timed.onnx", 5000)
    ((_, text),) = kept(models.check(patient(voice={"model": "copied"})))
    assert "kokoro-tiny-timed.onnx is cut short: 5000 of" in text


def test_a_slow_card_is_no_fault(folder):
    model = fetched("my-vosk", MODELS / "vosk-tiny-en", folder)
    (found,) = models.judge(model, time.monotonic() - 1)
    assert found.severity == "skipped" and "too slow" in found.text


@pytest.mark.parametrize(
    "file", ["turn-tiny/turn-tiny.onnx", "kokoro-tiny/voices-tiny.bin", "barge-in/weights.npz"]
)
def test_every_cut_of_a_file_is_seen_by_its_format(file, tmp_path):
    whole = MODELS / file
    assert damage.broken(whole) is None
    size = whole.stat().st_size
    short = tmp_path / whole.name
    for keep in (0, 1, 10, size // 3, size // 2, size - 30, size - 2):
        shutil.copy(whole, short)
        cut(short, keep)
        assert damage.broken(short), keep


def test_what_the_configuration_means_and_is_not_there_is_a_fault(folder):
    found = models.check(patient(recogniser={"engine": "vosk"}, voice={"engine": "kokoro"}))
    assert [one.severity for one in found] == ["fault", "fault"]
    assert "earshot models fetch" in found[0].fix and "looked in" not in found[0].fix


# ------------------------------------------------------------------ wake words


def test_the_wake_words_are_loaded_and_heard_out():
    (found,) = wake.check(patient())
    assert found.severity == "ok" and "'alexa'" in found.text and 0 < found.data["rtf"] < 1


def test_a_wake_word_that_there_is_not_is_a_fault_with_those_that_there_are():
    (found,) = wake.check(patient(wake={"words": ["computer"]}))
    assert found.severity == "fault" and "alexa" in found.fix


def test_a_wake_words_own_model_that_is_cut_short_is_a_fault(folder):
    from device.ear.wake_models import find_word

    alexa = find_word("alexa")
    for file in (alexa.path, alexa.path.with_suffix(".json")):
        shutil.copy(file, folder / file.name.replace("alexa", "my_word"))
    (folder / "my_word.json").write_text(
        (folder / "my_word.json").read_text().replace(alexa.path.name, "my_word.tflite")
    )
    assert worst(wake.check(patient(wake={"words": ["my_word"]}))) == "ok"
    cut(folder / "my_word.tflite", 4000)
    assert worst(wake.check(patient(wake={"words": ["my_word"]}))) == "fault"


# ------------------------------------------------------------------ engines


def test_the_recogniser_works_in_its_process_and_its_speed_is_told():
    (found,) = recogniser.check(patient(recogniser={"model": "vosk-tiny-en"}))
    assert found.severity == "ok" and found.data["heard"] == recogniser.TEXT and found.data["rtf"] > 0
    (found,) = recogniser.check(patient(recogniser={"engine": "pocketsphinx"}))
    assert found.data["engine"] == "pocketsphinx" and found.data["rtf"] > 0


def test_a_recogniser_whose_model_is_damaged_says_so(folder):
    shutil.copytree(MODELS / "vosk-tiny-en", folder / "copied")
    cut(folder / "copied/am/final.mdl", 1000)
    (found,) = recogniser.check(patient(recogniser={"model": "copied"}))
    assert found.severity == "fault" and "earshot models fetch copied --force" in found.fix


def test_a_recogniser_that_is_too_slow_is_told_what_to_choose_instead():
    (found,) = recogniser.judge("vosk", 1.3, "", 4.0)
    assert found.severity == "fault" and 'recogniser.engine = "pocketsphinx"' in found.fix
    assert recogniser.judge("vosk", 0.7, "", 4.0)[0].severity == "warning"
    assert "heat" in recogniser.judge("pocketsphinx", 0.7, "", 1.0)[0].fix


def test_no_second_engine_is_started_where_memory_is_short(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemAvailable: 20000 kB\n")
    (found,) = recogniser.check(patient(tmp_path, recogniser={"model": "vosk-tiny-en"}))
    assert found.severity == "skipped" and "19 MiB are available" in found.text


def test_the_voice_speaks_in_its_process_and_its_speed_is_told():
    (found,) = voice.check(patient(voice={"engine": "espeak"}))
    assert found.severity == "ok" and found.data["engine"] == "espeak" and found.data["sound_s"] > 1


def test_a_neural_voice_too():
    pytest.importorskip("kokoro_onnx")
    (found,) = voice.check(patient(voice={"model": "kokoro-tiny"}))
    assert found.severity == "ok" and found.data["engine"] == "kokoro"


def test_a_voice_that_is_too_slow_is_told_what_to_choose_instead():
    trial = Trial(engine="kokoro", sound_s=2.0, compute_s=6.0, pcm=b"\1\2")
    assert math.isclose(trial.rtf, 3.0)
    (found,) = voice.judge(trial, trial.rtf, 0.8)
    assert found.severity == "warning" and 'voice.engine = "espeak"' in found.fix
    (found,) = voice.judge(trial, 3.0, 0.8, "kokoro needs 3.0 s for a second of speech on this machine")
    assert found.severity == "warning" and "3.0 s for a second" in found.text


def test_a_voice_without_a_sound_is_a_fault():
    assert voice.judge(Trial(engine="espeak", pcm=b"\0\0", sound_s=1.0), 0.1, 1.0)[0].severity == "fault"


def test_lengths_are_pinned_with_the_checksums(folder):
    model = fetched("my-kokoro", MODELS / "kokoro-tiny", folder)
    import tomllib

    marker = tomllib.loads((model.path / "earshot.toml").read_text())
    assert marker["bytes"]["voices-tiny.bin"] == (model.path / "voices-tiny.bin").stat().st_size
    assert "earshot.toml" not in marker["bytes"]
    assert json.dumps(marker["bytes"]) and zipfile.is_zipfile(model.path / "voices-tiny.bin")
