"""The wake word: real models, synthetic talkers."""

import itertools
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from helpers_ear import Listener, of, say, silence, with_noise
from hypothesis import given
from hypothesis import strategies as st

from device.audio.levels import rms_db
from device.config import Config, parse
from device.ear import tflite
from device.ear.feed import to_pcm
from device.ear.wake import COLD, WakeWords
from device.ear.wake_end import frames_since_end
from device.ear.wake_models import available_words, find_word, packaged_folder, read_model
from device.errors import ConfigError, EngineError
from device.values import FRAME, RATE_HZ, StopHeard, Wake, samples

TALKERS = ["flite:slt", "flite:rms", "flite:awb", "espeak:en-gb", "espeak:en-us+m3", "espeak:en-us+f3"]
THRESHOLDS = (0.8, 0.5)


def wakes(sound, words=("alexa",), thresholds=THRESHOLDS, playing=False, missing=lambda at: False):
    ear, found = WakeWords([find_word(word) for word in words], thresholds), []
    for at in range(0, len(sound) - FRAME + 1, FRAME):
        block = sound[at : at + FRAME]
        found += ear.step(at, to_pcm(block), rms_db(block), playing, missing(at))
    return found


def word_end(clip):
    """The word's last loud sample, before the pause in which the comma is."""
    n = len(clip) // FRAME
    level = 10 * np.log10(np.mean(clip[: n * FRAME].reshape(n, FRAME) ** 2, axis=1) + 1e-12)
    loud = level > level.max() - 20
    quiet = 0
    first = int(np.flatnonzero(loud)[0])
    for k in range(first + 35, n):  # no "alexa" is shorter than 350 ms, and its k is no pause
        quiet = 0 if loud[k] else quiet + 1
        if quiet == 8:
            return (k - 7) * FRAME
    raise AssertionError("the talker makes no pause")


@pytest.mark.parametrize("voice", TALKERS)
def test_the_word_and_a_command_in_one_breath_wake_once_and_the_end_of_the_word_is_known(voice):
    clip = say("alexa, set the volume to forty", voice)
    lead = silence(1.5)
    found = wakes(with_noise(np.concatenate((lead, clip, silence(1)))))
    assert [wake.word for wake in found] == ["alexa"]
    end = len(lead) + word_end(clip)
    assert abs(found[0].end - end) <= samples(60)
    assert found[0].end <= found[0].position <= end + samples(400)
    assert 0.8 < found[0].score <= 1.0


def test_a_model_may_mean_stop_beside_the_wake_words_also_over_playback():
    sound = with_noise(np.concatenate((silence(1.5), say("alexa"), silence(1), say("okay nabu"), silence(1))))
    config = parse({"wake": {"stop": "okay_nabu", "stop_threshold": 0.8}})
    for playing in (False, True):
        ear = Listener(config=config)
        ear.hear(sound, playing=playing)
        assert [wake.word for wake in of(Wake, ear.events)] == ["alexa"]
        (stop,) = of(StopHeard, ear.events)
        assert stop.word == "okay_nabu" and stop.score > 0.8
        assert ear.ear.counters["stop_words"] == 1


def test_a_stop_model_needs_no_wake_word_beside_it():
    ear = Listener(config=parse({"wake": {"stop": "okay_nabu"}}), wake=())
    ear.hear(with_noise(np.concatenate((silence(1.5), say("okay nabu"), silence(1)))))
    assert [type(event) for event in ear.events if isinstance(event, Wake | StopHeard)] == [StopHeard]


def test_a_stop_model_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(EngineError, match=r"wake\.stop: there is no wake word 'halt'; available: alexa"):
        Listener(config=parse({"wake": {"stop": "halt"}}))


def test_a_word_either_wakes_or_stops():
    with pytest.raises(ConfigError, match=r"wake\.stop = 'alexa': is one of wake\.words too"):
        parse({"wake": {"stop": "alexa"}})


def test_it_wakes_again_for_the_next_utterance():
    once = np.concatenate((silence(1.5), say("alexa")))
    found = wakes(with_noise(np.concatenate((once, once, once, silence(1)))))
    assert len(found) == 3


def test_other_talk_does_not_wake():
    talk = [say(text, voice) for text in ("good morning everybody", "the weather is rather nice today")
            for voice in TALKERS]  # fmt: skip
    assert wakes(with_noise(np.concatenate((silence(1), *talk, silence(1))))) == []


def test_two_words_share_one_ear_and_each_is_told_by_its_name():
    parts = [silence(1.5), say("alexa"), silence(1.5), say("okay nabu"), silence(1)]
    found = wakes(with_noise(np.concatenate(parts)), words=("alexa", "okay_nabu"))
    assert [wake.word for wake in found] == ["alexa", "okay_nabu"]


def test_the_threshold_is_another_one_while_the_device_plays():
    sound = with_noise(np.concatenate((silence(1.5), say("alexa"), silence(1))))
    assert wakes(sound, thresholds=(1.0, 0.5)) == []
    assert len(wakes(sound, thresholds=(1.0, 0.5), playing=True)) == 1


def test_a_word_with_a_hole_in_the_middle_is_forgotten_not_glued_together():
    clip = say("alexa")
    start = round(1.5 * RATE_HZ)
    middle, hole = start + len(clip) // 3, samples(100)
    sound = with_noise(np.concatenate((silence(1.5), clip, silence(2), clip, silence(1))))
    found = wakes(sound, missing=lambda at: middle <= at < middle + hole)
    assert len(found) == 1, "only the second, whole one"
    assert found[0].position > start + len(clip) + samples(1500)


def test_two_lost_frames_do_not_cost_the_word():
    sound = with_noise(np.concatenate((silence(1.5), say("alexa"), silence(1))))
    middle = round(1.5 * RATE_HZ) // FRAME * FRAME + samples(100)
    assert len(wakes(sound, missing=lambda at: middle <= at < middle + 2 * FRAME)) == 1


def test_cold_frames_wake_nobody():
    sound = with_noise(np.concatenate((say("alexa"), silence(1))))
    assert all(wake.position >= COLD for wake in wakes(sound, thresholds=(0.1, 0.1)))


def test_the_same_sound_gives_the_same_events():
    sound = with_noise(np.concatenate((silence(1.5), say("alexa, stop"), silence(1))))
    first, second = Listener(), Listener()
    assert first.hear(sound) == second.hear(sound)
    assert of(Wake, first.events)


def test_an_unknown_word_is_refused_with_the_list_of_those_there():
    with pytest.raises(EngineError) as caught:
        Listener(config=Config(wake=type(Config().wake)(words=("computer",))))
    assert "'computer'" in str(caught.value)
    for word in ("alexa", "hey_jarvis", "okay_nabu"):
        assert word in str(caught.value)
    assert "alexa" in available_words()


def test_the_models_are_found_without_loading_the_package_and_without_noise_on_stderr():
    code = (
        "import sys; from device.ear.wake import WakeWords; from device.ear.wake_models import find_word;"
        "WakeWords([find_word('alexa')], (.8, .5));"
        "assert 'pymicro_wakeword' not in sys.modules; print('end', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "end\n"


def test_own_words_come_from_a_models_folder(tmp_path, monkeypatch):
    folder = tmp_path / "wake"
    folder.mkdir()
    meta = json.loads((packaged_folder() / "alexa.json").read_text())
    (folder / "sesame.json").write_text(json.dumps({**meta, "model": "sesame.tflite"}))
    shutil.copy(packaged_folder() / "alexa.tflite", folder / "sesame.tflite")
    monkeypatch.setenv("EARSHOT_MODELS", str(tmp_path))
    assert "sesame" in available_words()
    assert WakeWords([find_word("sesame")], THRESHOLDS).words == ["sesame"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "macro"}, "type micro"),
        ({"version": 1}, "version 2"),
        ({"model": "gone.tflite"}, "gone.tflite is missing"),
        ({"micro": {}}, "probability_cutoff"),
        (
            {"micro": {"probability_cutoff": 2, "sliding_window_size": 5, "feature_step_size": 10}},
            "out of range",
        ),
        ({"micro": {"probability_cutoff": 0.9, "sliding_window_size": 5, "feature_step_size": 20}}, "20 ms"),
    ],
)
def test_a_model_description_that_cannot_be_used_is_refused_by_name(tmp_path, change, said):
    meta = json.loads((packaged_folder() / "alexa.json").read_text())
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({**meta, **change}))
    with pytest.raises(EngineError, match="mine.json") as caught:
        read_model(file)
    assert said in str(caught.value)


def test_a_broken_model_file_is_refused_by_name(tmp_path):
    meta = json.loads((packaged_folder() / "alexa.json").read_text())
    (tmp_path / "alexa.json").write_text(json.dumps(meta))
    (tmp_path / "alexa.tflite").write_bytes((packaged_folder() / "alexa.tflite").read_bytes()[:1000])
    model = read_model(tmp_path / "alexa.json")
    with pytest.raises(EngineError, match=r"alexa\.tflite"):
        WakeWords([model], (0.8, 0.5))


def test_every_packaged_model_answers_the_self_test():
    for word in ("alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"):
        interpreter = tflite.open_interpreter(find_word(word).path)
        assert tflite.answers(interpreter), word


class Zeros:
    """The trap: an interpreter that runs without complaint and computes zeros (none can be installed on purpose)."""

    def __init__(self, model_path, num_threads):
        from ai_edge_litert.interpreter import Interpreter

        self._real = Interpreter(model_path=model_path, num_threads=num_threads)

    def get_tensor(self, index):
        return np.zeros_like(self._real.get_tensor(index))

    def __getattr__(self, name):
        return getattr(self._real, name)


def test_a_runtime_that_computes_only_zeros_is_refused_at_the_start(monkeypatch):
    monkeypatch.setattr(tflite, "load_runtime", lambda: ("tflite-runtime", Zeros))
    with pytest.raises(EngineError, match="only zeros"):
        WakeWords([find_word("alexa")], THRESHOLDS)


def test_the_numpy_clash_of_tflite_runtime_is_named_with_its_fix(tmp_path):
    def clash(model_path, num_threads):
        raise SystemError("initialization of _pywrap_tensorflow_interpreter_wrapper failed")

    with pytest.raises(EngineError) as caught:
        tflite.open_interpreter(tmp_path / "alexa.tflite", ("tflite-runtime", clash))
    if np.__version__.startswith("1."):
        assert "complete TFLite file" in str(caught.value)
    else:
        assert f"numpy {np.__version__}" in str(caught.value)
        assert "pip install ai-edge-litert" in str(caught.value)


LOUD, QUIET = -20.0, -70.0


def test_the_end_is_the_last_loud_frame_before_a_pause():
    levels = [QUIET] * 60 + [LOUD] * 50 + [QUIET] * 20
    assert frames_since_end(levels, rise=8) == 20


def test_a_stop_consonant_inside_the_word_is_not_its_end():
    levels = [QUIET] * 60 + [LOUD] * 20 + [QUIET] * 6 + [LOUD] * 24 + [QUIET] * 20
    assert frames_since_end(levels, rise=8) == 20


def test_without_a_pause_the_end_lies_a_fixed_time_before_the_rise():
    levels = [QUIET] * 60 + [LOUD] * 90
    assert frames_since_end(levels, rise=10) == 22


@given(st.lists(st.floats(-120, 0), min_size=1, max_size=170), st.integers(0, 200))
def test_the_end_is_never_in_the_future_nor_before_what_is_known(levels, rise):
    assert 0 <= frames_since_end(levels, rise) <= len(levels)


def test_the_end_is_known_to_150_ms_when_the_word_runs_into_the_command():
    errors = []
    for voice, text in itertools.product(TALKERS[:4], ("stop", "what time is it")):
        word = np.append(say("alexa", voice), silence(0.2))
        command = say(text, voice)
        loud = np.flatnonzero(np.abs(command) > 0.03 * np.abs(command).max())
        clip = np.concatenate((word[: word_end(word)], command[loud[0] :]))
        end = round(1.5 * RATE_HZ) + word_end(word)
        found = wakes(with_noise(np.concatenate((silence(1.5), clip, silence(1)))))
        errors += [wake.end - end for wake in found]
    assert len(errors) >= 4
    assert all(-samples(150) <= error <= samples(150) for error in errors), errors
