"""A slow voice: phrases kept, its speed watched, espeak-ng in its place and back again; real Kokoro, tiny model."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers_mouth import KOKORO_TINY, LabouredKokoro, Rig, make_laboured

from device import values as v
from device.engines.process import ProcessDoor
from device.mouth.idle import IDLE, MEASURE_EVERY_S, IdleWork
from device.mouth.voices.kokoro import KokoroVoice
from device.mouth.voices.messages import (
    Abort,
    Chunk,
    Measure,
    Prepare,
    Prepared,
    Ready,
    Speak,
    SpokenWord,
    VoiceSettings,
    VoiceState,
    Warning,
)
from device.mouth.voices.pace import Pace
from device.mouth.voices.phrases import MEMORY_BYTES, Phrase, Phrases, folder
from device.mouth.voices.slow import SlowVoice

PHRASE = Phrase(b"\1\2" * 5000, 24_000, (((0, 5), (10, 400)), ((6, 9), (400, 900))))
GREETING = "Nobody is answering right now."


# ---------------------------------------------------------------------- fast enough?


def test_one_slow_clause_is_no_reason_for_another_voice_but_a_slow_voice_is() -> None:
    pace = Pace(0.8)
    assert not any(pace.note(0.3 * s, s) for s in (2.0, 3.0, 2.5))
    assert not pace.note(2.0, 1.0) and not pace.slow
    assert [pace.note(2.0, 2.0) for _ in range(4)] == [False, True, False, False]
    assert pace.slow and pace.rtf == 1.0


def test_it_is_fast_again_after_two_measurements_clearly_below_the_limit() -> None:
    pace = Pace(0.8)
    assert pace.note(3.0, 2.0)
    assert not pace.note(1.5, 2.0) and not pace.note(1.5, 2.0)  # below it, but not clearly
    assert not pace.note(1.0, 2.0)
    assert pace.note(1.0, 2.0) and not pace.slow
    assert not pace.note(0.0, 0.0)  # nothing to measure


class Machine:
    """A laboured Kokoro in this process, and what it said."""

    def __init__(self, tmp_path: Path, rtf: float, engine: str = "auto", cache: str | None = None) -> None:
        self._rtf = tmp_path / "rtf"
        self.rtf = rtf
        settings = VoiceSettings(engine, str(self._rtf), 1.0, str(KOKORO_TINY), 1, 0.8, cache)
        self.kokoro = LabouredKokoro(settings)
        self.voice = SlowVoice(self.kokoro, settings, 0.0, self.kokoro.clock)
        self.said: list[Any] = list(self.voice.start())

    rtf = property(fset=lambda self, rtf: self._rtf.write_text(str(rtf)))

    def do(self, message: Any) -> list[Any]:
        replies = [reply for reply in self.voice.handle(message) if reply is not None]
        self.said += replies
        return replies

    def rate_of(self, reply: int, text: str = "Hello.") -> int:
        """The sample rate tells the voices apart: 24,000 Hz is Kokoro's."""
        [rate_hz] = {c.rate_hz for c in self.do(Speak(1, text, reply)) if isinstance(c, Chunk)}
        return rate_hz

    @property
    def state(self) -> VoiceState:
        return [message for message in self.said if isinstance(message, VoiceState)][-1]


def warnings(messages: list[Any]) -> list[str]:
    return [message.text for message in messages if isinstance(message, Warning)]


def test_a_voice_that_is_too_slow_at_the_start_hands_over_to_espeak_and_says_so(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 3.0)
    assert isinstance(machine.said[0], Ready) and machine.said[0].engine == "kokoro"
    assert (machine.state.engine, machine.state.voice) == ("espeak", "en-us")
    assert machine.state.rtf == pytest.approx(3.0)
    assert machine.state.reason == "Kokoro needs 3.0 s for a second of speech on this machine"
    assert warnings(machine.said) == [
        machine.state.reason + ": espeak-ng speaks instead (voice.engine = kokoro insists)"
    ]
    assert machine.rate_of(reply=1) == 22_050


def test_a_voice_that_was_asked_for_by_name_goes_on_and_says_that_it_is_too_slow(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 3.0, engine="kokoro")
    assert (machine.state.engine, machine.state.reason[:15]) == ("kokoro", "Kokoro needs 3.")
    assert "expect gaps" in warnings(machine.said)[0]
    assert machine.rate_of(reply=1) == 24_000


def test_a_voice_that_becomes_slow_finishes_its_reply_and_the_next_one_is_spoken_by_espeak(
    tmp_path: Path,
) -> None:
    machine = Machine(tmp_path, 0.2)
    assert machine.rate_of(reply=1) == 24_000 and machine.state.reason == ""
    machine.rtf = 2.0
    for _ in range(3):
        assert machine.rate_of(reply=2, text="This takes longer than it takes to say.") == 24_000
    assert machine.state.engine == "espeak" and len(warnings(machine.said)) == 1
    assert machine.rate_of(reply=2) == 24_000
    assert machine.rate_of(reply=3) == 22_050
    assert machine.rate_of(reply=2) == 24_000  # the one waits, gated, while the other is spoken
    assert machine.rate_of(reply=3) == 22_050
    assert machine.rate_of(reply=0) == 22_050


def test_measured_fast_again_it_comes_back_with_the_next_reply(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 3.0)
    assert machine.do(Measure())[-1] == Prepared("") and machine.state.engine == "espeak"
    machine.rtf = 0.3
    assert machine.rate_of(reply=1) == 22_050
    machine.do(Measure())
    machine.do(Measure())
    assert (machine.state.engine, machine.state.reason) == ("kokoro", "")
    assert warnings(machine.said)[-1] == "Kokoro is fast enough again: 0.3 s for a second of speech"
    assert machine.rate_of(reply=1) == 22_050 and machine.rate_of(reply=2) == 24_000


def test_in_its_own_process_a_slow_voice_is_announced_and_the_reply_is_heard_all_the_same(
    tmp_path: Path,
) -> None:
    (tmp_path / "rtf").write_text("0.1")
    settings = VoiceSettings("auto", str(tmp_path / "rtf"), 1.0, str(KOKORO_TINY), 1, 0.8, "")
    door = ProcessDoor("voice", "helpers_mouth:make_laboured", settings)
    rig = Rig(voice=door)

    def pace() -> None:
        time.sleep(0.001 if door.loaded else 0.01)

    try:
        rig.run_until(lambda: rig.mouth.voice_state, pace=pace)
        assert rig.mouth.voice_state.engine == "kokoro"
        (tmp_path / "rtf").write_text("5.0")
        rig.say("One sentence is enough. It takes far too long, as everybody can hear. So it is.", 1)
        rig.run_until(lambda: rig.of(v.ReplyEnded), pace=pace)
        assert rig.mouth.voice_state.engine == "espeak" and "Kokoro needs" in rig.mouth.voice_state.reason
        rig.say("And this is another voice.", 2)
        rig.run_until(lambda: len(rig.of(v.ReplyEnded)) == 2, pace=pace)
    finally:
        door.close()
    assert not rig.of(v.EngineFailed)


# ---------------------------------------------------------------------- giving up

ENDLESS = "This goes on and on, as if nobody had anything else to do. " * 60


def test_an_abort_ends_a_computation_in_the_middle_and_the_next_clause_is_none_the_worse(
    tmp_path: Path,
) -> None:
    machine = Machine(tmp_path, 0.1)
    rtf = machine.state.rtf
    work = machine.voice.handle(Speak(1, ENDLESS, 1))
    assert next(work) is None
    work.close()
    assert ENDLESS not in machine.kokoro.texts
    assert machine.rate_of(reply=2) == 24_000 and machine.state.rtf == pytest.approx(rtf)
    machine.kokoro.interrupt()  # of something that was done already
    assert machine.rate_of(reply=3, text="Good night.") == 24_000


def test_a_clause_that_somebody_waits_for_overtakes_idle_work_and_nothing_else(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 0.1, cache="")
    wanted = Speak(1, "Hello.", 1)
    assert not machine.voice.preempts(wanted) and machine.voice.preempts(Abort())
    for idle in (Prepare(ENDLESS), Measure()):
        work = machine.voice.handle(idle)
        next(work)
        assert machine.voice.preempts(wanted)
        work.close()
        assert not machine.voice.preempts(wanted)
    work = machine.voice.handle(Speak(1, ENDLESS, 1))
    next(work)
    assert not machine.voice.preempts(wanted)
    work.close()


def test_in_its_own_process_a_new_guess_does_not_wait_for_the_one_that_was_wrong(tmp_path: Path) -> None:
    (tmp_path / "rtf").write_text("0.1")
    settings = VoiceSettings("auto", str(tmp_path / "rtf"), 1.0, str(KOKORO_TINY), 1, 0.8, "")
    door = ProcessDoor("voice", "helpers_mouth:make_laboured", settings)
    try:
        assert door.wait_loaded(60)
        door.send(Speak(1, ENDLESS, 1))
        time.sleep(0.05)
        door.send(Abort())
        door.send(Speak(2, "Hello.", 2))
        door.send(Prepare(ENDLESS))
        door.send(Speak(3, "Good night.", 3))
        replies: list[Any] = []
        deadline = time.monotonic() + 60
        while not any(isinstance(m, Chunk) and m.clause == 3 and m.last for m in replies):
            assert time.monotonic() < deadline and door.failure is None, door.failure
            replies += door.poll()
            time.sleep(0.001)
    finally:
        door.close()
    assert {m.clause for m in replies if isinstance(m, Chunk)} == {2, 3}
    assert Prepared(ENDLESS) not in replies and None not in replies


# ---------------------------------------------------------------------- phrases


def test_a_kept_phrase_is_spoken_without_the_voice_word_times_and_all(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 0.1, cache=str(tmp_path / "cache"))
    first = machine.do(Prepare(GREETING))
    assert first[-1] == Prepared(GREETING) and machine.kokoro.texts[-1] == GREETING
    spoken = machine.do(Speak(7, GREETING, 1))
    assert machine.kokoro.texts.count(GREETING) == 1
    assert any(isinstance(m, SpokenWord) for m in spoken) and spoken[-1].last
    again = Machine(tmp_path, 0.1, cache=str(tmp_path / "cache"))  # another start
    assert again.do(Prepare(GREETING)) == [Prepared(GREETING)]
    assert again.do(Speak(7, GREETING, 1)) == spoken
    assert GREETING not in again.kokoro.texts


def test_what_a_reply_said_is_remembered_but_never_written_to_disk(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 0.1, cache=str(tmp_path / "cache"))
    assert machine.do(Speak(1, "The secret is under the mat.", 1))[:-1]
    machine.do(Speak(2, "The secret is under the mat.", 2))
    assert machine.kokoro.texts.count("The secret is under the mat.") == 1
    assert not (tmp_path / "cache").exists()
    machine.do(Prepare("The secret is under the mat."))  # unless it is one of the device's own sentences
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert machine.kokoro.texts.count("The secret is under the mat.") == 1


def test_voice_and_model_have_phrases_of_their_own() -> None:
    settings = VoiceSettings("kokoro", "", 1.0, str(KOKORO_TINY / "kokoro-tiny-v1.0.onnx"), 1)
    others = [
        settings,
        replace(settings, name="bf_emma"),
        replace(settings, model=str(KOKORO_TINY / "kokoro-tiny-timed.onnx")),
    ]
    assert len({KokoroVoice(other).identity for other in others}) == len(others)
    assert KokoroVoice(settings).identity == KokoroVoice(settings).identity


def test_a_phrase_is_kept_for_each_speed_at_which_it_was_wanted(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 0.1, cache=str(tmp_path / "cache"))
    for _ in range(2):
        lengths = [
            sum(len(m.pcm) for m in machine.do(Speak(1, GREETING, 1, speed)) if isinstance(m, Chunk))
            for speed in (None, 1.0, 1.5)
        ]
        assert lengths[0] == lengths[1] and 1.3 < lengths[0] / lengths[2] < 1.7
    assert machine.kokoro.texts.count(GREETING) == 2


def test_phrases_come_back_from_disk_as_they_were(tmp_path: Path) -> None:
    Phrases("a", tmp_path).put("Hello", PHRASE, keep=True)
    assert Phrases("a", tmp_path).get("Hello") == PHRASE
    assert Phrases("b", tmp_path).get("Hello") is None and Phrases("a", tmp_path).get("hello") is None
    assert [path.suffix for path in tmp_path.iterdir()] == [".phrase"]


@pytest.mark.parametrize("harm", [lambda c: c[:-3], lambda c: c[:40], lambda c: b"", lambda c: c[:-1] + b"x"])
def test_a_phrase_that_is_damaged_on_disk_is_a_miss_and_thrown_away(tmp_path: Path, harm: Any) -> None:
    Phrases("a", tmp_path).put("Hello", PHRASE, keep=True)
    [path] = tmp_path.iterdir()
    path.write_bytes(harm(path.read_bytes()))
    assert Phrases("a", tmp_path).get("Hello") is None
    assert not path.exists()


def test_the_phrases_used_longest_ago_leave_the_disk_first(tmp_path: Path) -> None:
    phrases = Phrases("a", tmp_path, disk_bytes=35_000)
    for number in range(4):
        phrases.put(f"{number}", PHRASE, keep=True)
        for path in tmp_path.iterdir():
            status = path.stat()
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - 10**9))
        Phrases("a", tmp_path).get("0")  # used again
    assert [bool(Phrases("a", tmp_path).get(f"{n}")) for n in range(4)] == [True, False, True, True]


def test_memory_is_bounded_too() -> None:
    phrases = Phrases("a", None)
    long = Phrase(bytes(1_500_000), 24_000, ())
    for number in range(10):
        phrases.put(f"{number}", long, keep=True)
        phrases.get("0")
    held = [number for number in range(10) if phrases.get(f"{number}")]
    assert held == [0, 6, 7, 8, 9] and len(held) * 1_500_000 <= MEMORY_BYTES
    phrases.put("endless", Phrase(bytes(3_000_000), 24_000, ()), keep=True)
    assert phrases.get("endless") is None


def test_a_disk_that_cannot_be_written_costs_no_more_than_time(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    machine = Machine(tmp_path, 0.1, cache=str(tmp_path / "cache"))
    replies = machine.do(Prepare("Hello.")) + machine.do(Prepare("Good morning."))
    assert [text.split(":")[0] for text in warnings(replies)] == [
        f"phrases are not kept in {tmp_path / 'cache'}"
    ]
    machine.do(Speak(1, "Good morning.", 1))
    assert machine.kokoro.texts.count("Good morning.") == 1


def test_phrases_are_kept_where_systemd_says_else_where_the_user_keeps_such_things(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", "/var/cache/here:/var/cache/there")
    assert folder() == Path("/var/cache/here/phrases")
    monkeypatch.delenv("CACHE_DIRECTORY")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert folder() == tmp_path / "earshot" / "phrases"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert folder() == tmp_path / "home" / ".cache" / "earshot" / "phrases"
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert folder() == Path("/var/cache/earshot/phrases")


# ---------------------------------------------------------------------- idle moments


class Slow:
    """A voice's side of ``IdleWork``."""

    def __init__(self, *texts: str) -> None:
        self.work = IdleWork()
        self.work.prepare(texts)
        self.work.learn(Ready("kokoro", "af_heart", 24_000, 1.0, prepares=True))
        self.at = 0

    def wait(self, samples: int, idle: bool = True) -> list[Any]:
        asked = []
        for _ in range(0, samples, v.FRAME):
            self.at += v.FRAME
            asked.append(self.work.next(self.at, idle))
        return [message for message in asked if message is not None]


def test_phrases_are_rendered_one_at_a_time_while_nobody_needs_the_voice() -> None:
    slow = Slow("Nobody is answering right now. The simple commands still work.", "Volume fifty percent.")
    assert slow.wait(IDLE - v.FRAME) == [] and slow.wait(10 * IDLE, idle=False) == []
    assert slow.wait(IDLE + v.FRAME) == [Prepare("Nobody is answering right now.")]
    assert slow.wait(20 * IDLE) == []  # it is in work
    slow.work.learn(Prepared("Nobody is answering right now."))
    assert slow.wait(v.FRAME) == [Prepare("The simple commands still work.")]
    slow.work.learn(Prepared("The simple commands still work."))
    assert slow.wait(v.FRAME, idle=False) == [] and slow.wait(IDLE - v.FRAME) == []
    assert slow.wait(2 * v.FRAME) == [Prepare("Volume fifty percent.")]
    slow.work.learn(Prepared("Volume fifty percent."))
    slow.work.prepare(["Volume fifty percent."])
    assert slow.wait(20 * IDLE) == []


def test_a_phrase_that_an_abort_overtook_is_asked_for_again_one_that_killed_the_voice_is_not() -> None:
    slow = Slow("One.", "Two.")
    assert slow.wait(2 * IDLE) == [Prepare("One.")]
    slow.work.dropped()
    assert slow.wait(v.FRAME) == [Prepare("One.")]
    slow.work.learn(Ready("kokoro", "af_heart", 24_000, 1.0, prepares=True))
    assert slow.wait(v.FRAME) == [Prepare("Two.")]


def test_for_another_voice_or_speed_every_phrase_is_rendered_again() -> None:
    slow = Slow("One.")
    assert slow.wait(2 * IDLE) == [Prepare("One.")]
    slow.work.learn(Prepared("One."))
    assert slow.wait(2 * IDLE) == []
    slow.work.again()
    assert slow.wait(2 * IDLE) == [Prepare("One.")]


def test_a_fast_voice_and_one_that_does_not_know_how_are_never_asked() -> None:
    slow = Slow("One.")
    slow.work.learn(Ready("espeak", "en-us", 22_050, 0.0))
    assert slow.wait(100 * IDLE) == []


def test_a_voice_that_is_too_slow_prepares_nothing_and_is_measured_ever_more_seldom() -> None:
    slow = Slow("One.")
    slow.work.learn(VoiceState("espeak", "en-us", 3.0, "too slow"))
    waits, since = [], 0
    while len(waits) < 9:
        since += v.RATE_HZ
        if slow.wait(v.RATE_HZ):
            waits.append(round(since / v.RATE_HZ))
            since = 0
            slow.work.learn(VoiceState("espeak", "en-us", 3.0, "too slow"))
            slow.work.learn(Prepared(""))
    first, longest = MEASURE_EVERY_S
    assert waits[0] in (first + 1, first + 2) and waits[1] in (2 * first, 2 * first + 1)
    assert waits == sorted(waits) and waits[-1] - longest in (0, 1) and waits[-2] == waits[-1]
    slow.work.learn(VoiceState("kokoro", "af_heart", 0.3))
    assert slow.wait(v.FRAME) == [Prepare("One.")]


def test_the_mouth_renders_what_it_was_told_to_prepare_while_it_rests_and_says_it_from_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "rtf").write_text("0.1")
    settings = VoiceSettings("auto", str(tmp_path / "rtf"), 1.0, str(KOKORO_TINY), 1, 0.8, "")
    voice = make_laboured(settings)

    class Door:
        name, restarts, failure = "voice", 0, None

        def __init__(self) -> None:
            self.sent: list[Any] = []
            self.replies: list[Any] = list(voice.start())

        def send(self, message: Any) -> bool:
            self.sent.append(message)
            self.replies += [reply for reply in voice.handle(message) if reply is not None]
            return True

        def poll(self) -> list[Any]:
            replies, self.replies = self.replies, []
            return replies

    rig = Rig(voice=Door())
    rig.mouth.prepare([GREETING, "That took too long, so I gave up."])
    rig.mouth.rest(False)
    rig.run_ms(3000)
    assert rig.voice.sent == []
    rig.mouth.rest(True)
    rig.do(v.Say(1, "Hello."))
    rig.run_until(lambda: rig.of(v.ReplyEnded))
    rig.run_ms(3000)
    said = ["Hello.", GREETING, "That took too long,", "so I gave up."]
    assert [message.text for message in rig.voice.sent] == said
    assert voice._voice.texts[2:] == said
    rig.do(v.Say(2, GREETING), v.Say(3, "That took too long, so I gave up."))
    rig.run_until(lambda: len(rig.of(v.ReplyEnded)) == 3)
    assert voice._voice.texts[2:] == said
    rig.do(v.Cancel(3))
    assert not any(isinstance(message, Abort) for message in rig.voice.sent)
