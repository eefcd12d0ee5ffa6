"""The residual-echo suppressor: less echo, the same talker, every sample at its place, and only where it is wanted."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from helpers_audio import db, joined, power, speech_like, steps
from helpers_ear import frames, say, silence, with_noise

from device import values as v
from device.audio import AudioEngine
from device.audio.backends.room import RoomBackend, RoomSettings
from device.audio.echo_control import EchoControl
from device.audio.echo_policy import Decision
from device.audio.for_words import ForWords
from device.audio.levels import active_rms
from device.audio.measure import SweepRun, drive
from device.audio.suppressor import ResidualSuppressor
from device.audio.suppressor_choice import SuppressorChoice
from device.config import Config, parse
from device.daemon import Device
from device.ear import Ear
from device.ear.recognisers.messages import Audio, Begin
from device.engines import InProcessDoor
from device.errors import ConfigError
from device.link.transport import OfflineTransport
from device.values import FRAME, RATE_HZ

ALONE_S, SECONDS = 8, 13


REPLY = (
    "The harbour was built in the twelfth century, and for two hundred years every ship that went north took its salt "
    "there. Today there are cafes in the old stores, and in summer a ferry goes across to the island twice a day."
)
QUESTION = "Which of the two recipes needs less butter, and how long does it have to stay in the oven?"


@functools.cache
def talked_over(ser_db):
    """A reply through a loudspeaker that clips, a talker over it from 8 s on: behind the canceller, behind the suppressor,
    and the talker alone."""
    room = RoomBackend(RoomSettings(distortion="clip", seed=3))
    engine = AudioEngine(room, keep_s=20)
    engine.suppress = True
    reply = say(REPLY, "espeak:en-us")
    reply = np.concatenate((reply, reply))[: SECONDS * RATE_HZ]
    engine.mixer.speech.begin(1)
    engine.mixer.speech.write(reply * np.float32(0.1 / active_rms(reply)))
    talker = say(QUESTION, "flite:slt")
    near = np.zeros(SECONDS * RATE_HZ, np.float32)
    if ser_db is not None:
        room.say(talker, ALONE_S * RATE_HZ, ser_db)
        wet = room.at_microphone(talker, ser_db)[: len(near) - ALONE_S * RATE_HZ]
        near[ALONE_S * RATE_HZ :][: len(wet)] = wet
    steps(engine, SECONDS * 100)
    end = engine.for_words.end
    return *(ring.read(0, end).samples for ring in (engine.clean, engine.for_words)), near[:end]


def fed(words, sound, echo, suppress):
    for k, on in enumerate(suppress):
        part = slice(k * FRAME, (k + 1) * FRAME)
        words.step(sound[part] + echo[part], sound[part], on)


def intelligible(talker, heard):
    """How alike the envelopes are, band by band, as STOI compares them: the mean correlation over 15 bands of 150-5000 Hz."""

    def envelopes(sound):
        spectra = (
            np.abs(np.fft.rfft(sound[: len(sound) // 320 * 320].reshape(-1, 320) * np.hanning(320))) ** 2
        )
        edges = np.geomspace(3, 100, 16).round().astype(int)
        bands = [np.sqrt(spectra[:, a:b].sum(1)) for a, b in itertools.pairwise(edges)]
        return np.array(bands) - np.mean(bands, axis=1, keepdims=True)

    one, other = envelopes(talker), envelopes(heard)
    return np.mean(np.sum(one * other, 1) / np.sqrt(np.sum(one**2, 1) * np.sum(other**2, 1)))


# ------------------------------------------------------------------ what it does to echo and talker


def test_a_clipping_loudspeakers_residual_echo_is_4_db_lower():
    clean, words, _ = talked_over(None)
    steady = slice(4 * RATE_HZ, 12 * RATE_HZ)
    assert db(power(clean[steady]) / power(words[steady])) > 4


@pytest.mark.parametrize("ser_db", [0.0, -10.0])
def test_a_talker_keeps_his_level_and_is_understood_better(ser_db):
    clean, words, near = talked_over(ser_db)
    during = slice(int((ALONE_S + 0.3) * RATE_HZ), int((SECONDS - 0.6) * RATE_HZ))
    clean, words, near = clean[during], words[during], near[during]
    assert abs(db(float(words @ near / (near @ near)) ** 2)) < 1.0

    assert intelligible(near, words) > intelligible(near, clean)


def test_a_talker_without_echo_goes_through_as_he_is():
    talker = speech_like(3.0)
    words = ForWords(len(talker))
    fed(words, talker, np.zeros_like(talker), [True] * 299 + [False])
    np.testing.assert_allclose(words.ring.read(0, len(talker)).samples, talker, atol=1e-6)


def test_the_gain_never_falls_below_half():
    noise = np.random.default_rng(1).normal(0, 0.1, 400 * FRAME).astype(np.float32)
    words = ForWords(len(noise))
    fed(words, noise * np.float32(0.1), noise, [True] * 399 + [False])  # nothing but a tenth of the echo
    last = slice(300 * FRAME, 390 * FRAME)
    lower = db(power(noise[last] * np.float32(0.1)) / power(words.ring.read(0, len(noise)).samples[last]))
    assert 5.0 < lower < 6.1


def test_silence_in_is_silence_out():
    zeros = np.zeros(FRAME, np.float32)
    suppressor = ResidualSuppressor()
    suppressor.begin(zeros)
    assert not any(suppressor.step(zeros, zeros).any() for _ in range(50))
    assert not suppressor.finish().any()


# ------------------------------------------------------------------ every sample once, at its place


def test_switched_off_it_is_the_cancellers_output_to_the_bit():
    sound = speech_like(1.0)
    words = ForWords(len(sound))
    fed(words, sound, sound, [False] * 100)
    np.testing.assert_array_equal(words.ring.read(0, len(sound)).samples, sound)


def test_switching_on_and_off_leaves_no_gap_no_double_and_no_click():
    rng = np.random.default_rng(4)
    sound = speech_like(4.0)
    words = ForWords(len(sound))
    on = np.repeat(rng.random(80) < 0.5, 5)
    on[7] = True  # for one frame only
    on[-1] = False
    ends = []
    for k in range(400):
        part = slice(k * FRAME, (k + 1) * FRAME)
        words.step(sound[part], sound[part], bool(on[k]))
        ends.append(words.ring.end)
    late = np.arange(1, 401) * FRAME - np.array(ends)
    np.testing.assert_array_equal(late, on * FRAME)  # 10 ms late while it works, at once otherwise
    np.testing.assert_allclose(words.ring.read(0, len(sound)).samples, sound, atol=1e-6)


def test_where_nothing_plays_and_with_another_canceller_the_engine_hands_on_what_it_has():
    engine = AudioEngine(RoomBackend(RoomSettings(distortion="clip")), keep_s=20)
    engine.suppress = True
    engine.mixer.play(speech_like(3.0))
    frames = steps(engine, 450)
    clean, words = (ring.read(0, 450 * FRAME).samples for ring in (engine.clean, engine.for_words))
    playing = np.repeat([f.playing for f in frames], FRAME)
    rest = np.flatnonzero(~playing)
    np.testing.assert_array_equal(words[rest[rest > 400 * FRAME]], clean[rest[rest > 400 * FRAME]])
    assert len(words) == len(clean) and not np.allclose(words[playing], clean[playing], atol=1e-4)
    engine.use_echo(Decision("none", "a test"))
    assert not engine.echo.suppressor
    engine.mixer.play(speech_like(1.0))
    frames = steps(engine, 100)
    np.testing.assert_array_equal(
        engine.for_words.read(460 * FRAME, 90 * FRAME).samples, joined(frames[10:], "clean")
    )


def heard_late(sound, ear, words, suppress, each=lambda at: ()):
    """``sound`` (without echo) through ear and suppressor, as the device does; ``each(at)`` are commands of that step."""
    events = []
    for frame in frames(sound):
        words.step(frame.mic, frame.clean, suppress(frame.position))
        events += ear.step(frame)
        for command in each(frame.position + FRAME):
            ear.execute(command)
    return events


@pytest.mark.parametrize("until", [12_800, 25_600])
def test_the_recogniser_gets_each_sample_at_its_position_from_a_ring_that_is_late(until):
    door = InProcessDoor("recogniser", "helpers_ear:make_notebook", None)
    sound, words = with_noise(silence(2)), ForWords(2 * RATE_HZ)
    commands = {8_000: v.Listen(1, 1_600, 1_600), until: v.Finalise(1)}
    events = heard_late(
        sound, Ear(Config(), words.ring, door, wake=[]), words, lambda at: 4_800 <= at < 14_400,
        lambda at: [commands[at]] if at in commands else [],
    )  # fmt: skip
    finals = [event for event in events if isinstance(event, v.Final)]
    assert [final.text for final in finals] == [str(until - 1_600)], (
        "all up to the command, what was still to come too"
    )
    told = door._engine.told
    assert isinstance(told[0], Begin) and told[0].position == 1_600
    pieces = [message for message in told if isinstance(message, Audio)]
    ends = [piece.position + len(piece.pcm) // 2 for piece in pieces]
    assert [piece.position for piece in pieces] == [1_600, *ends[:-1]] and ends[-1] == until
    fed_sound = np.frombuffer(b"".join(piece.pcm for piece in pieces), "<i2") / 32767
    np.testing.assert_allclose(fed_sound, sound[1_600:until], atol=1e-4)


def test_a_wake_word_is_heard_through_it_and_ends_where_it_ended():
    clip = say("alexa", "flite:slt")
    sound = with_noise(np.concatenate((silence(1.5), clip, silence(1))))
    ends = []
    for suppress in (False, True):
        words = ForWords(10 * RATE_HZ)
        events = heard_late(sound, Ear(Config(), words.ring, None), words, lambda at, on=suppress: on)
        ends.append([event.end for event in events if isinstance(event, v.Wake)])
    assert len(ends[0]) == 1 and ends[0] == ends[1]


# ------------------------------------------------------------------ whether it works


def test_measured_distortion_decides_with_hysteresis_and_only_beside_our_canceller():
    choice = SuppressorChoice("auto")
    swept = [None, -55, -36, -30, -36, -40, -25]
    expected = [False, False, False, True, True, False, True]
    assert [choice.decide("software", db, None, 15) for db in swept] == expected
    assert not choice.decide("hardware", -20, -20, 15) and not choice.decide("none", -20, -20, 15)
    assert choice.decide("software", None, -20, 15), "without a sweep what the canceller has learned counts"
    assert not choice.decide("software", -55, -20, 15), "with one it does not"


def test_where_the_canceller_takes_enough_away_nothing_is_suppressed():
    choice = SuppressorChoice("auto")
    erle = [None, 21, 19, 22, 24, 22]
    assert [choice.decide("software", -25, None, db) for db in erle] == [
        False,
        False,
        True,
        True,
        False,
        False,
    ]


def test_on_and_off_are_obeyed_whatever_was_measured():
    assert SuppressorChoice("on").decide("software", -60.0, None, None)
    assert not SuppressorChoice("on").decide("hardware", -10.0, None, 5.0)
    assert not SuppressorChoice("off").decide("software", -10.0, -10.0, 5.0)


@pytest.mark.parametrize(
    ("distorts", "cancels", "on"), [(False, False, False), (True, True, False), (True, False, True)]
)
def test_a_loudspeaker_that_distorts_and_is_badly_cancelled_switches_it_on(distorts, cancels, on):
    engine = AudioEngine(RoomBackend(RoomSettings(distortion="clip" if distorts else "none")))
    control = EchoControl(engine, "auto")
    run = SweepRun(engine, level_dbfs=-32.0)
    drive(engine, run, lambda share: None)
    control.take(run.path)
    assert not engine.echo.suppressor, "nothing was played yet"
    if not cancels:
        engine.canceller.step = lambda position, mic, adapt=True: mic * np.float32(0.25)  # 12 dB, for ever
    engine.mixer.play(speech_like(10.0))
    for _ in range(1000):
        engine.capture()
        control.step(idle=False)
        engine.render()
    assert (engine.erle_db > 23) == cancels
    assert engine.suppress == engine.echo.suppressor == on


def test_the_configuration_has_it_and_the_state_shows_it():
    assert parse({}).audio.suppressor == "auto"
    with pytest.raises(ConfigError, match="suppressor"):
        parse({"audio": {"suppressor": "sometimes"}})
    config = parse(
        {"audio": {"backend": "room", "suppressor": "on"}, "recogniser": {"engine": "pocketsphinx"}}
    )
    device = Device(config, RoomBackend(), OfflineTransport(), in_process=True)
    assert device.engine.suppress and device._echo().suppressor
    device.stop()
