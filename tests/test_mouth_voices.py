"""The voices: real espeak-ng, real kokoro-onnx with the tiny models, in this process and in their own."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from helpers_mouth import KOKORO_TINY

from device.config import Config, parse
from device.engines.process import open_door
from device.errors import EngineError
from device.mouth.sound import ClauseSound
from device.mouth.voices import FACTORIES, choose, kokoro
from device.mouth.voices.espeak import EspeakVoice
from device.mouth.voices.kokoro import KokoroVoice
from device.mouth.voices.messages import Abort, Chunk, Ready, Speak, SpokenWord, VoiceSettings, VoiceState
from device.mouth.voices.timing import from_marks, word_spans

HARD = "I am at the corner of the 3.5 mile café, at 10:30, with $5.20 or 50% - state-of-the-art, I'm told."
PLAIN = str(KOKORO_TINY / "kokoro-tiny-v1.0.onnx")
TIMED = str(KOKORO_TINY / "kokoro-tiny-timed.onnx")


def espeak(name: str = "", speed: float = 1.0) -> EspeakVoice:
    return EspeakVoice(VoiceSettings("espeak", name, speed))


def check_words(text: str, pcm: bytes, words: list) -> None:
    """Every written word has a time, in order, within the sound."""
    assert [span for span, _ in words] == word_spans(text)
    starts = [start for _, (start, _) in words]
    assert starts == sorted(starts) and len(set(starts)) == len(starts)
    assert all(0 <= start < end <= len(pcm) // 2 for _, (start, end) in words)


@pytest.mark.parametrize("text", [HARD, "Hello", "of the", "naïve “quotes” 日本 ok", "1,000,000 x 3/4"])
def test_espeak_gives_every_written_word_a_time(text: str) -> None:
    pcm, words = espeak().synthesise(text)
    assert len(pcm) > 2000
    check_words(text, pcm, words)


def test_a_pause_is_not_part_of_the_word_before_it() -> None:
    pcm, words = espeak().synthesise("It is half past seven, and the weather is fine.")
    (_, (_, seven_ends)), (_, (and_begins, _)) = words[4], words[5]
    samples = np.frombuffer(pcm, "<i2").astype(float)
    assert and_begins - seven_ends > 0.08 * 22050
    assert np.abs(samples[seven_ends + 300 : and_begins - 300]).max() < 0.02 * np.abs(samples).max()


def test_espeak_hands_over_sixty_milliseconds_at_a_time_and_marks_the_last() -> None:
    replies = list(espeak().handle(Speak(7, "This takes about two seconds to say aloud.")))
    chunks = [reply for reply in replies if isinstance(reply, Chunk)]
    assert all(len(chunk.pcm) == 2 * 1323 for chunk in chunks[:-1]) and len(chunks[-1].pcm) <= 2 * 1323
    assert [chunk.last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert {reply.clause for reply in replies} == {7} and {chunk.rate_hz for chunk in chunks} == {22050}
    assert any(isinstance(reply, SpokenWord) for reply in replies)


@pytest.mark.parametrize("text", ["", "...", "\0", "😀"])
def test_what_cannot_be_said_is_one_empty_last_chunk(text: str) -> None:
    assert [(c.pcm, c.last) for c in espeak().handle(Speak(1, text))] == [(b"", True)]


def test_an_unknown_espeak_voice_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(EngineError, match="'en-narnia' is not one of espeak-ng's.*en-gb-scotland.*en-us"):
        espeak("en-narnia")
    assert espeak("en-gb").synthesise("Fine.")[0]  # what people write for the voice "en"


def test_two_espeak_voices_in_one_process_do_not_steal_each_others_sound() -> None:
    slow, fast = espeak(speed=0.7), espeak("en-gb-scotland+f3", speed=1.6)
    text = "The quick brown fox jumps over the lazy dog."
    lengths = [len(voice.synthesise(text)[0]) for voice in (slow, fast, slow, fast)]
    assert abs(lengths[0] - lengths[2]) < 100 and abs(lengths[1] - lengths[3]) < 100
    assert lengths[0] > 1.8 * lengths[1]


def test_speed_shortens_speech_in_proportion() -> None:
    text = "A sentence that is long enough to be measured."
    assert 1.3 < len(espeak().synthesise(text)[0]) / len(espeak(speed=1.5).synthesise(text)[0]) < 1.7


def test_words_without_a_mark_share_the_time_of_the_word_before() -> None:
    placed = from_marks("a of the b", [(0, 0), (2, 100), (9, 500)], [(0, 400), (500, 600)], 700)
    assert [times for _, times in placed] == [(0, 100), (100, 229), (229, 400), (500, 600)]
    assert from_marks("- - ok", [(0, 0)], [(0, 90)], 100) == [((4, 6), (0, 90))]


@pytest.mark.parametrize("model", [PLAIN, TIMED])
def test_kokoro_speaks_with_both_kinds_of_export(model: str) -> None:
    settings = VoiceSettings("kokoro", "bf_emma", 1.0, model, 1)
    ready, state = kokoro.make(settings).start()
    assert isinstance(ready, Ready) and isinstance(state, VoiceState)
    assert (ready.voice, ready.rate_hz, ready.timed) == ("bf_emma", 24000, model == TIMED)
    assert (state.engine, state.voice, state.reason) == ("kokoro", "bf_emma", "") and state.rtf > 0
    voice = KokoroVoice(settings)
    pcm, words = voice.synthesise(HARD)
    assert len(pcm) > 2 * 24000
    check_words(HARD, pcm, words)


def test_kokoros_proportional_times_agree_with_its_durations() -> None:
    text = "The kitchen timer is done and the weather will be sunny."
    by_model, guessed = (
        KokoroVoice(VoiceSettings("kokoro", "", 1.0, model, 1)).synthesise(text) for model in (TIMED, PLAIN)
    )
    for (_, (real, _)), (_, (guess, _)) in zip(by_model[1], guessed[1], strict=True):
        assert abs(real - guess) < 0.3 * 24000


def test_an_unknown_kokoro_voice_or_model_is_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="'xx_none' is not in .*af_heart, af_sarah"):
        KokoroVoice(VoiceSettings("kokoro", "xx_none", 1.0, str(KOKORO_TINY), 1))
    with pytest.raises(EngineError, match="models fetch kokoro"):
        KokoroVoice(VoiceSettings("kokoro", "", 1.0, str(tmp_path), 1))
    (tmp_path / "kokoro.onnx").write_bytes(b"no model")
    (tmp_path / "voices.bin").write_bytes(b"no voices")
    with pytest.raises(EngineError, match=r"cannot load .*kokoro\.onnx"):
        KokoroVoice(VoiceSettings("kokoro", "", 1.0, str(tmp_path), 1))


def test_the_voice_is_kokoro_only_where_a_real_model_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose(Config())[0] == FACTORIES["espeak"]  # the checkout holds a test model only
    with pytest.raises(EngineError, match="models fetch kokoro"):
        choose(parse({"voice": {"engine": "kokoro"}}))
    with pytest.raises(EngineError, match="'kokoro-huge' is not on this machine"):
        choose(parse({"voice": {"model": "kokoro-huge"}}))
    monkeypatch.setenv("EARSHOT_MODELS", str(KOKORO_TINY.parent))
    factory, settings = choose(parse({"voice": {"model": "kokoro-tiny/kokoro-tiny-timed.onnx"}}))
    assert factory == FACTORIES["kokoro"] and Path(settings.model).samefile(TIMED)
    real = tmp_path / "kokoro"
    real.mkdir()
    for name in ("kokoro-tiny-v1.0.onnx", "voices-tiny.bin"):
        (real / name).symlink_to(KOKORO_TINY / name)
    monkeypatch.setenv("EARSHOT_MODELS", str(tmp_path))
    assert choose(Config())[0] == FACTORIES["kokoro"]


@pytest.mark.parametrize("engine", ["espeak", "kokoro"])
def test_in_its_own_process_the_voice_announces_itself_and_an_abort_overtakes_the_queue(engine: str) -> None:
    settings = VoiceSettings(engine, "", 1.0, str(KOKORO_TINY), 1)
    door = open_door("voice", FACTORIES[engine], settings, in_process=False)
    try:
        for clause in range(1, 31):
            assert door.send(
                Speak(clause, "This is one of thirty long clauses that nobody wants to hear any more.")
            )
        door.send(Abort())
        door.send(Speak(99, "Only this."))
        replies: list = []
        deadline = time.monotonic() + 60
        while not any(isinstance(r, Chunk) and r.clause == 99 and r.last for r in replies):
            assert time.monotonic() < deadline and door.failure is None, door.failure
            replies += door.poll()
            time.sleep(0.005)
    finally:
        door.close()
    assert isinstance(replies[0], Ready) and replies[0].engine == engine
    assert not any(isinstance(r, Chunk) and r.clause == 30 for r in replies)


@pytest.mark.parametrize(
    ("rate_hz", "track_hz"), [(22050, 16000), (22050, 24000), (22050, 48000), (24000, 44100)]
)
def test_resampling_in_pieces_keeps_every_sound_at_its_sample(rate_hz: int, track_hz: int) -> None:
    clicks = [3000, 10000, 20001, 29000]
    pcm = np.zeros(30000, "<i2")
    pcm[clicks] = 30000
    sound, parts = ClauseSound(rate_hz, track_hz), []
    for at in range(0, len(pcm), 1323):
        parts.append(sound.feed(pcm[at : at + 1323].tobytes(), at + 1323 >= len(pcm)))
    out = np.concatenate(parts)
    for click in clicks:
        expected = click * track_hz / rate_hz
        near = round(expected) + np.arange(-200, 200)
        assert abs(near[np.argmax(out[near])] - expected) <= 1


def test_silence_behind_a_clause_is_dropped_and_silence_inside_it_kept() -> None:
    pcm = np.zeros(12000, "<i2")
    pcm[100:200] = pcm[5000:5100] = 9000
    sound = ClauseSound(16000, 16000)
    first, rest = sound.feed(pcm[:2000].tobytes(), False), sound.feed(pcm[2000:].tobytes(), True)
    assert len(first) == 200 and len(first) + len(rest) == 5100 + 160
    assert len(ClauseSound(16000, 16000).feed(b"\0\0" * 4000, True)) == 0


def test_a_voice_that_is_closed_in_the_middle_of_a_clause_leaves_without_a_word(
    capfd: pytest.CaptureFixture[str],
) -> None:
    door = open_door("voice", FACTORIES["espeak"], VoiceSettings("espeak"), in_process=False)
    deadline = time.monotonic() + 30
    while not door.poll() and time.monotonic() < deadline:
        time.sleep(0.005)
    door.send(Speak(1, "Nobody will read the answer to this."))
    time.sleep(0.1)  # the answer lies unread in the socket
    door.close()
    assert "Traceback" not in capfd.readouterr().err
