"""The ear as a whole: utterances from the ring to the recogniser and back."""

import time

import numpy as np
import pytest
from helpers_ear import Conversing, Listener, of, say, silence, with_noise

from device import values as v
from device.config import Config
from device.ear.recognisers import open_recogniser
from device.ear.recognisers.messages import Audio, Begin, Drop, End
from device.engines import InProcessDoor
from device.engines.process import ProcessDoor
from device.values import FRAME, RATE_HZ, samples


def notebook():
    door = InProcessDoor("recogniser", "helpers_ear:make_notebook", None)
    return door, door._engine.told


def audio(told, utterance):
    return [m for m in told if isinstance(m, Audio) and m.utterance == utterance]


def test_an_utterance_is_fed_from_its_pre_roll_without_a_gap_up_to_the_present():
    door, told = notebook()
    listener = Listener(door, wake=[])
    sound = with_noise(silence(3))
    listener.hear(sound[: 2 * RATE_HZ])
    start = RATE_HZ + 37
    listener.ear.execute(v.Listen(1, start, start))
    listener.hear(sound[2 * RATE_HZ :])
    pieces = audio(told, 1)
    begin = told[0]
    assert isinstance(begin, Begin)
    assert start - FRAME < begin.position <= start == begin.after
    assert [p.position for p in pieces] == list(range(begin.position, 3 * RATE_HZ - 1, 320))
    whole = np.frombuffer(b"".join(p.pcm for p in pieces), "<i2") / 32767
    assert np.allclose(whole, sound[begin.position : begin.position + len(whole)], atol=1e-4)


def test_the_pre_roll_is_caught_up_with_in_bounded_steps():
    door, told = notebook()
    listener = Listener(door, wake=[])
    listener.hear(with_noise(silence(2)))
    listener.ear.execute(v.Listen(1, RATE_HZ, RATE_HZ))
    counts = []
    for _ in range(20):
        before = len(audio(told, 1))
        listener.hear(with_noise(silence(0.01)))
        counts.append(len(audio(told, 1)) - before)
    assert max(counts) == 5, "100 ms of sound per step"
    assert counts.index(1) <= 12, "a second is caught up with in 0.12 s"
    assert set(counts[-8:]) == {0, 1}, "then as it comes, 20 ms at a time"


def test_finalise_hands_over_the_rest_and_the_final_comes_back_once():
    door, told = notebook()
    listener = Listener(door, wake=[])
    listener.hear(with_noise(silence(1.5)))
    listener.ear.execute(v.Listen(7, 0, 0))
    listener.hear(with_noise(silence(0.05)))
    end = listener.position
    listener.ear.execute(v.Finalise(7))
    events = listener.hear(with_noise(silence(0.5)))
    assert [f.text for f in of(v.Final, events)] == [str(end)], (
        "every sample up to the command, none after it"
    )
    assert isinstance(told[-1], End)
    assert audio(told, 7)[-1].position < end


def test_words_of_an_utterance_that_was_discarded_are_dropped():
    door, told = notebook()
    listener = Listener(door, wake=[])
    listener.hear(with_noise(silence(1)))
    listener.ear.execute(v.Listen(1, 0, 0))
    assert of(v.Partial, listener.hear(with_noise(silence(0.1))))
    listener.ear.execute(v.Discard(1))
    assert listener.hear(with_noise(silence(0.5))) == []
    assert isinstance(told[-1], Drop)


def test_a_new_utterance_waits_until_the_one_before_is_handed_over():
    door, told = notebook()
    listener = Listener(door, wake=[])
    listener.hear(with_noise(silence(3)))
    listener.ear.execute(v.Listen(1, 0, 0))
    listener.ear.execute(v.Finalise(1))
    listener.ear.execute(v.Listen(2, 2 * RATE_HZ, 0))
    finals = of(v.Final, listener.hear(with_noise(silence(0.2))))
    assert [f.utterance for f in finals] == [1]
    order = [m.utterance for m in told]
    assert order == sorted(order)
    assert audio(told, 2)


def test_missing_frames_are_left_out_and_the_rest_keeps_its_place():
    door, told = notebook()
    listener = Listener(door, wake=[])
    listener.ear.execute(v.Listen(1, 0, 0))
    hole = range(samples(330), samples(560))
    sound = with_noise(silence(1))
    listener.hear(sound, missing=lambda at: at in hole)
    covered = {at for p in audio(told, 1) for at in range(p.position, p.position + len(p.pcm) // 2, FRAME)}
    assert covered == {at for at in range(0, RATE_HZ, FRAME) if at not in hole}
    assert all(len(p.pcm) in (320, 640) for p in audio(told, 1))


def test_a_pre_roll_older_than_the_ring_begins_with_the_oldest_sound_there_is():
    door, told = notebook()
    listener = Listener(door, wake=[])
    listener.hear(with_noise(silence(12)))
    listener.ear.execute(v.Listen(1, 0, 0))
    listener.hear(with_noise(silence(0.1)))
    assert told[0].position >= listener.ring.start - samples(100)
    assert audio(told, 1)[0].position == told[0].position


def test_the_user_finishes_and_the_endpoint_says_so():
    config = Config(endpointing=type(Config().endpointing)(strategy="fixed"))
    listener = Listener(notebook()[0], wake=[], config=config)
    clip = say("turn the volume up please")
    loud = np.flatnonzero(np.abs(clip) > 10 ** (-30 / 20) * np.abs(clip).max())
    listener.hear(with_noise(silence(1)))
    last = listener.position + int(loud[-1])
    listener.ear.execute(v.Listen(1, listener.position, listener.position))
    (endpoint,) = of(v.Endpoint, listener.hear(with_noise(np.concatenate((clip, silence(2))))))
    assert endpoint.utterance == 1
    assert abs(endpoint.last - last) <= samples(120)
    assert endpoint.position - endpoint.last == samples(600)


def test_a_command_that_is_over_before_it_was_asked_for_ends_as_soon_as_its_words_are_known():
    listener = Listener(notebook()[0], wake=[])
    listener.hear(with_noise(np.concatenate((silence(1), say("stop"), silence(1)))))
    listener.ear.execute(v.Listen(1, RATE_HZ // 2, RATE_HZ // 2))
    (endpoint,) = of(v.Endpoint, listener.hear(with_noise(silence(0.2))))
    assert endpoint.last < endpoint.position - samples(600)


def test_nobody_speaks_so_there_is_no_endpoint():
    listener = Listener(notebook()[0], wake=[])
    listener.ear.execute(v.Listen(1, 0, 0))
    assert of(v.Endpoint, listener.hear(with_noise(silence(8)))) == []


def test_wake_word_then_command_in_one_breath_gives_one_utterance_with_the_command_in_it():
    door, told = notebook()
    listener = Listener(door)

    def converse(event):
        match event:
            case v.Wake(end=end):
                listener.ear.execute(v.Listen(1, end - samples(300), end))
            case v.Endpoint(utterance=utterance):
                listener.ear.execute(v.Finalise(utterance))

    listener.on_event = converse
    clip = say("alexa, what time is it", "flite:rms")
    events = listener.hear(with_noise(np.concatenate((silence(1.5), clip, silence(2)))))
    assert len(of(v.Wake, events)) == len(of(v.Endpoint, events)) == len(of(v.Final, events)) == 1
    wake, endpoint = of(v.Wake, events)[0], of(v.Endpoint, events)[0]
    assert told[0] == Begin(1, told[0].position, wake.end, "free")
    assert wake.end < endpoint.last <= 1.5 * RATE_HZ + len(clip)


def test_a_command_in_the_breath_of_the_wake_word_is_understood_by_the_real_recogniser():
    config = Config(recogniser=type(Config().recogniser)(engine="pocketsphinx"))
    door = open_recogniser(config, in_process=True)
    listener = Listener(door, config=config)

    def converse(event):
        match event:
            case v.Wake(end=end):
                listener.ear.execute(v.Listen(1, end - samples(300), end))
            case v.Endpoint(utterance=utterance):
                listener.ear.execute(v.Finalise(utterance))

    listener.on_event = converse
    try:
        clip = say("alexa, what time is it", "flite:rms")
        events = listener.hear(with_noise(np.concatenate((silence(1.5), clip, silence(2)))))
    finally:
        door.close()
    (final,) = of(v.Final, events)
    assert final.text == "what time is it"
    assert final.accepted
    assert final.intent is not None
    assert final.words[0].start >= of(v.Wake, events)[0].end - samples(100)
    assert final.words[-1].end <= listener.position


def test_the_wake_word_alone_is_no_utterance():
    listener = Listener(notebook()[0])
    listener.on_event = lambda e: (
        listener.ear.execute(v.Listen(1, e.end - samples(300), e.end)) if isinstance(e, v.Wake) else None
    )
    events = listener.hear(with_noise(np.concatenate((silence(1.5), say("alexa", "flite:rms"), silence(3)))))
    assert of(v.Wake, events)
    assert of(v.Endpoint, events) == []


def test_without_a_recogniser_every_utterance_ends_in_an_empty_final():
    listener = Listener(None, wake=[])
    listener.ear.execute(v.Listen(1, 0, 0))
    listener.hear(with_noise(silence(0.1)))
    listener.ear.execute(v.Finalise(1))
    (final,) = listener.hear(with_noise(silence(0.01)))
    assert (final.utterance, final.text, final.accepted) == (1, "", False)


def test_a_microphone_that_goes_in_mid_utterance_is_told_once():
    listener = Listener(None, wake=[])
    listener.hear(with_noise(silence(0.5)), missing=lambda at: True)
    assert of(v.EngineFailed, listener.events) == [], "nobody was speaking to us"
    listener.hear(with_noise(silence(0.1)))
    listener.ear.execute(v.Listen(1, 0, 0))
    listener.hear(with_noise(silence(1)), missing=lambda at: True)
    [failed] = of(v.EngineFailed, listener.events)
    assert failed.engine == "microphone"


def test_a_recogniser_that_dies_is_told_once_and_nobody_waits_for_its_words():
    door = ProcessDoor("recogniser", "helpers_ear:make_fragile", None, backoff_s=(0.05, 0.05))
    listener = Listener(door, wake=[])
    try:
        listener.ear.execute(v.Listen(1, 0, 0))
        _hear_until(listener, lambda: of(v.EngineFailed, listener.events))
        assert len(of(v.EngineFailed, listener.events)) == 1
        (final,) = of(v.Final, listener.events)
        assert (final.utterance, final.text, final.accepted) == (1, "", False)
        _hear_until(listener, lambda: door.restarts == 1 and door.failure is None)
        assert len(of(v.EngineFailed, listener.events)) == 1, "its restart is no second failure"
        listener.ear.execute(v.Listen(2, listener.position, listener.position))
        _hear_until(listener, lambda: len(of(v.EngineFailed, listener.events)) == 2)
        assert [f.utterance for f in of(v.Final, listener.events)] == [1, 2]
        assert listener.ear.counters["recogniser_failures"] == 2
    finally:
        door.close()


def _hear_until(listener, happened, patience_s=60.0):
    give_up = time.monotonic() + patience_s
    while not happened():
        assert time.monotonic() < give_up, "the engine process never got there"
        listener.hear(with_noise(silence(0.02)))
        time.sleep(0.005)


class Refusing:
    """A door whose engine is too far behind every other time."""

    name, restarts, failure = "recogniser", 0, None

    def __init__(self, door):
        self._door, self._asked = door, 0
        self.poll, self.close = door.poll, door.close

    def send(self, message):
        self._asked += 1
        return bool(self._asked % 2) and self._door.send(message)


def test_what_an_engine_refuses_is_offered_again_and_nothing_is_lost():
    door, told = notebook()
    listener = Listener(Refusing(door), wake=[])
    listener.hear(with_noise(silence(0.3)))
    listener.ear.execute(v.Listen(1, 0, 0))
    listener.hear(with_noise(silence(0.3)))
    end = listener.position
    listener.ear.execute(v.Finalise(1))
    (final,) = of(v.Final, listener.hear(with_noise(silence(2))))
    assert final.text == str(end)
    positions = [p.position for p in audio(told, 1)]
    assert positions == sorted(set(positions))


@pytest.mark.parametrize("command", [v.Finalise(5), v.Discard(5)])
def test_commands_about_utterances_that_are_over_do_nothing(command):
    listener = Listener(notebook()[0], wake=[])
    listener.ear.execute(command)
    assert listener.hear(with_noise(silence(0.2))) == []


def test_a_talker_who_goes_on_after_the_reply_began_is_heard_to_his_end():
    story = say("Here is the weather. It will be sunny, and then it will rain a little.", "espeak:en-us")
    device = Conversing((story * 0.3).astype(np.float32), wake=[], ser_db=3.0, seed=1)
    device.run(6)  # a first reply, alone: what of it is left after the canceller is known from now on
    clip = say("and also tell me something about the lighthouse of Alexandria", "flite:slt")
    start = device.engine.position
    _, last = device.room.say(clip, start)
    device.ear.execute(v.Listen(1, start, start))
    device.run(0.8)
    device.speech.begin(2)
    device.speech.write((story * 0.3).astype(np.float32))
    device.run(7)
    (endpoint,) = of(v.Endpoint, device.events)
    assert abs(endpoint.last - last) < samples(500)
    assert len(of(v.SpeechBegan, device.events)) == len(of(v.SpeechEnded, device.events))
