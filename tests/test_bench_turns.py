"""`earshot bench turns`: what is said and when, what counts as an answer or as an early cut, and that a run adds up."""

import json
from dataclasses import replace

import numpy as np
import pytest

from device.audio.wav import write_wav
from device.bench.sessions import in_processes
from device.bench.turns import figures, judge, plan, recogniser, sentences, session, speech
from device.bench.turns.judge import Said
from device.bench.turns.loudspeaker import ListenedBackend, Onset
from device.bench.turns.model import ScriptedModel, Sent
from device.bench.turns.plan import Plan, Session, Trial
from device.bench.turns.voice import ScriptedVoice
from device.cli import main
from device.ear.intents import IntentMatcher
from device.ear.recognisers.messages import Audio, Begin, Drop, End
from device.errors import AudioError, ScenarioError
from device.link import messages as m
from device.mouth.voices.messages import Abort, Chunk, Speak, SpokenWord
from device.trace import TraceEvent
from device.values import FRAME, RATE_HZ, Final, Partial, Word, samples

KEYS = {
    "floor_ms", "v2v_p50_ms", "v2v_p95_ms", "v2v_spec_p50_ms", "v2v_spec_p95_ms", "local_command_p50_ms", "turns", "stalls",
    "hesitations", "early_cuts", "llm_calls_per_turn", "wasted_calls", "heard_error_words",
}  # fmt: skip
ASKED = Trial("finished", "normal", "tell me a joke")
PAUSED = Trial("hesitation", "hesitation", "remind me to | call my mother", pause_ms=700)


# ---------------------------------------------------------------------- what is said


def test_a_hesitation_is_a_silence_of_just_the_length_between_two_words():
    spoken = speech.speak(PAUSED)
    begin, end = spoken.ends[0] + 1, spoken.starts[1]
    assert end - begin == samples(700)
    assert not spoken.clip[begin:end].any()
    assert [word.text for word in spoken.words] == ["remind", "me", "to", "call", "my", "mother"]
    assert spoken.words[2].end == begin and spoken.words[3].start == end


def test_only_the_local_commands_are_carried_out_by_the_device_itself():
    matcher = IntentMatcher.for_language("en")
    asked = (*sentences.FINISHED, *sentences.DANGLING, *sentences.SMALL_VOCABULARY, *sentences.HESITATING)
    for text in asked:
        assert matcher.match(text.replace("| ", "").lower()) is None, text
    for text, name in sentences.LOCAL:
        intent = matcher.match(text)
        assert intent is not None and intent.name == name


@pytest.mark.parametrize("voice", plan.VOICES)
def test_every_voice_says_every_word_in_order_and_begins_and_ends_on_speech(voice):
    for text in ("what is the capital of Portugal", "turn the oven off in ten minutes"):
        spoken = speech.speak(Trial("finished", "normal", text, voice))
        assert [word.text for word in spoken.words] == text.lower().split()
        assert spoken.words[0].start == 0 and spoken.words[-1].end == len(spoken.clip)
        times = [at for word in spoken.words for at in (word.start, word.end)]
        assert times == sorted(times) and all(word.start < word.end for word in spoken.words)


@pytest.mark.parametrize("voice", plan.VOICES)
def test_words_have_the_times_at_which_they_sound(voice):
    """At a comma the voice pauses: there the sound itself says where one word ends and the next one begins."""
    spoken = speech.speak(Trial("finished", "normal", "tomorrow, maybe", voice))
    before, behind = spoken.words
    loud = np.flatnonzero(np.abs(spoken.clip) > 0.02 * np.abs(spoken.clip).max())
    widest = int(np.argmax(np.diff(loud)))
    assert before.end == pytest.approx(loud[widest], abs=samples(10))
    assert behind.start == pytest.approx(loud[widest + 1], abs=samples(10))


def test_a_fast_talker_is_faster_than_a_slow_one():
    lengths = [
        len(speech.speak(replace(ASKED, words_per_minute=rate)).clip)
        for rate in (plan.FAST_WPM, plan.SLOW_WPM)
    ]
    assert lengths[0] < 0.7 * lengths[1]


def test_the_same_is_said_with_and_without_speculation_and_each_trial_once():
    sessions = list(Plan(seed=3).all_sessions())
    sides = [[t for one in sessions if one.speculation == side for t in one.trials] for side in (False, True)]
    assert sides[0] == sides[1] and len(sides[0]) == len(Plan(seed=3).trials())
    kinds = [trial.kind for trial in sides[0]]
    assert kinds.count("hesitation") == 40 and kinds.count("finished") == 60
    assert {trial.voice for trial in sides[0]} == set(plan.VOICES)
    pauses = [trial.pause_ms for trial in sides[0] if trial.kind == "hesitation"]
    assert min(pauses) >= 300 and max(pauses) <= 1000


def test_the_floor_is_what_the_scripted_services_take():
    assert plan.FLOOR_MS == 800


def test_recordings_are_taken_by_their_length_and_their_words_spread_evenly(tmp_path):
    rng = np.random.default_rng(0)
    for name, seconds in (("a", 0.5), ("b", 2.0), ("c", 7.0)):
        write_wav(
            tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(int(seconds * RATE_HZ)).astype(np.float32)
        )
    (found,) = speech.recordings(tmp_path)
    assert found.name == "b.wav"
    spoken = speech.speak(Trial("finished", "recorded", "one two three four", wav=found))
    assert {word.end - word.start for word in spoken.words} == {len(spoken.clip) // 4}


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_without_recordings_is_refused_by_its_name(tmp_path, there, capsys):
    folder = tmp_path / "people"
    if there:
        folder.mkdir()
    with pytest.raises(AudioError, match="--speech .*people"):
        speech.recordings(folder)
    assert main(["bench", "turns", "--speech", str(folder)]) == 2
    assert "--speech" in capsys.readouterr().err


# ---------------------------------------------------------------------- the scripted recogniser


WORDS = [Word("play", 16_000, 20_000), Word("some", 20_000, 24_000), Word("music", 24_000, 32_000)]


def listening(mode="free", after=0, partial_ms=150.0) -> recogniser.ScriptedRecogniser:
    door = recogniser.ScriptedRecogniser(partial_ms=partial_ms)
    door.say(WORDS)
    door.poll()
    door.send(Begin(1, 8_000, after, mode))
    return door


def hear(door, until: int) -> dict[int, str]:
    """Feed sound up to ``until``, as it comes; when which text appeared."""
    told: dict[int, str] = {}
    for at in range(8_000, until, 2 * FRAME):
        door.position = at + 2 * FRAME
        door.send(Audio(1, at, bytes(4 * FRAME)))
        for reply in door.poll():
            if isinstance(reply, Partial):
                told[door.position] = reply.text
    return told


def test_each_word_is_a_partial_150_ms_after_its_last_sample():
    told = hear(listening(), 40_000)
    assert list(told.values()) == ["play", "play some", "play some music"]
    for at, word in zip(told, WORDS, strict=True):
        assert 0 <= at - word.end - samples(150) < 2 * FRAME


def test_a_final_asked_for_early_comes_300_ms_after_the_last_word_and_one_after_it_at_once():
    door = listening()
    hear(door, 34_000)
    door.send(End(1))
    door.position = 32_000 + samples(290)
    assert not [reply for reply in door.poll() if isinstance(reply, Final)]
    door.position = 32_000 + samples(300)
    (final,) = door.poll()
    assert (final.text, final.intent, final.free) == ("play some music", None, True)
    late = listening()
    hear(late, 60_000)
    late.send(End(1))
    assert [reply.text for reply in late.poll()] == ["play some music"]


def test_words_before_the_end_of_the_wake_word_and_after_the_sound_do_not_count():
    door = listening(after=19_000)
    hear(door, 24_000)
    door.position = 60_000
    door.send(End(1))
    assert [reply.text for reply in door.poll()] == ["some"]


def test_over_a_reply_only_hard_words_and_backchannels_are_known():
    door = recogniser.ScriptedRecogniser()
    door.say(
        [
            Word(text, 16_000 + 4000 * k, 20_000 + 4000 * k)
            for k, text in enumerate(("hold", "on", "about", "mars"))
        ]
    )
    door.poll()
    door.send(Begin(1, 8_000, 0, "over"))
    assert list(hear(door, 40_000).values())[-1] == "hold on [unk] [unk]"


def test_a_local_command_is_known_in_the_partial_already():
    door = recogniser.ScriptedRecogniser()
    door.say([Word("volume", 10_000, 14_000), Word("up", 14_000, 18_000)])
    door.poll()
    door.send(Begin(1, 8_000, 0, "free"))
    for at in range(8_000, 24_000, 320):
        door.position = at + 320
        door.send(Audio(1, at, bytes(640)))
    partials = [reply for reply in door.poll() if isinstance(reply, Partial)]
    assert [partial.intent and partial.intent.name for partial in partials] == ["volume_up"]


def test_a_dropped_utterance_has_no_final():
    door = listening()
    hear(door, 40_000)
    door.send(Drop(1))
    door.send(End(1))
    door.position = 90_000
    assert door.poll() == []


def test_without_partials_only_the_final_comes():
    door = listening(partial_ms=None)
    assert hear(door, 40_000) == {}
    door.send(End(1))
    assert [reply.text for reply in door.poll()] == ["play some music"]


# ---------------------------------------------------------------------- the scripted voice and model


def test_a_clause_comes_100_ms_after_it_was_asked_for_and_each_word_lasts_300_ms():
    voice = ScriptedVoice()
    voice.poll()
    voice.position = 16_000
    voice.send(Speak(1, "Here is the answer."))
    voice.position = 16_000 + samples(100) - 1
    assert voice.poll() == []
    voice.position += 1
    *words, chunk = voice.poll()
    assert isinstance(chunk, Chunk) and chunk.last and len(chunk.pcm) == 2 * samples(4 * 300)
    assert [(w.char, w.length, w.sample, w.end) for w in words if isinstance(w, SpokenWord)] == [
        (0, 4, 0, 4800), (5, 2, 4800, 9600), (8, 3, 9600, 14_400), (12, 7, 14_400, 19_200),
    ]  # fmt: skip
    sound = np.abs(np.frombuffer(chunk.pcm, "<i2"))
    assert sound[:16].max() > 0.001 * 32768, "a word's first sample is its beginning"


def test_an_aborted_clause_never_comes():
    voice = ScriptedVoice()
    voice.poll()
    voice.send(Speak(1, "Here is the answer."))
    voice.send(Abort())
    voice.position = RATE_HZ
    assert voice.poll() == []


def test_the_model_takes_a_turn_at_once_and_answers_word_by_word_also_a_revised_one():
    model = ScriptedModel()
    model.position = 16_000
    model.send("turn", m.Open(turn="a", text="is it", speculative=True))
    assert [type(one) for one in model.poll()] == [m.Ack]
    model.position += samples(100)
    model.send("ctl", m.Revise(turn="a", rev=1, worker="scripted", text="is it late"))
    came = []
    for _ in range(100):
        model.position += FRAME
        came += [(model.position, one) for one in model.poll()]
    deltas = [(at, one) for at, one in came if isinstance(one, m.Delta)]
    assert {one.rev for _, one in came} == {1} and "".join(
        one.text for _, one in deltas
    ) == sentences.SHORT_ANSWER
    assert deltas[0][0] == 16_000 + samples(100) + samples(200)
    assert deltas[5][0] - deltas[0][0] == pytest.approx(samples(5000 / 30), abs=FRAME)
    assert [type(sent.message) for sent in model.wire] == [m.Open, m.Revise]


# ---------------------------------------------------------------------- the loudspeaker


class Card:
    """The loudspeaker's end of a backend: a block leaves 20 ms after it was given."""

    def __init__(self) -> None:
        self.position = 0

    def play(self, block):
        self.position += FRAME
        return self.position + FRAME

    def flush(self, abort=True):
        return self.position + FRAME


class Playing:
    """As much of a mixer as tells which reply is on the track."""

    def __init__(self) -> None:
        self.speech = self
        self.reply, self.span, self.gain = 1, (0, FRAME), 1.0


def test_sound_begins_with_its_first_audible_sample_and_again_after_a_silence():
    backend = ListenedBackend(Card())
    backend.mixer = Playing()
    block = np.zeros(FRAME, np.float32)
    block[100:] = 0.1
    for k in range(200):
        backend.play(block if k in (10, 11, 12, 120) else np.zeros(FRAME, np.float32))
    assert backend.onsets == [Onset(12 * FRAME + 100, 1), Onset(122 * FRAME + 100, 1)]


def test_sound_that_was_taken_back_before_it_left_was_never_heard():
    backend = ListenedBackend(Card())
    backend.mixer = Playing()
    backend.play(np.full(FRAME, 0.1, np.float32))
    backend.flush()
    assert backend.onsets == []


# ---------------------------------------------------------------------- what counts


def judged(trial=ASKED, said=((16_000, 31_999),), onsets=(), wire=(), events=(), cuts=()):
    one = Said(trial, tuple(first for first, _ in said), tuple(last for _, last in said))
    return judge.judge(Session(0, True, (trial,)), [one], onsets, wire, events, cuts, 10.0, 1.0, 1.0)


def asked(at: int, text: str, speculative: bool = False, turn: str = "a") -> Sent:
    return Sent(at, m.Open(turn=turn, text=text, speculative=speculative))


def test_voice_to_voice_is_from_the_last_sample_said_to_the_first_one_heard():
    outcome = judged(onsets=[Onset(31_999 + samples(620), 4)], wire=[asked(33_000, "tell me a joke")])
    (turn,) = outcome.turns
    assert turn.v2v_ms == 620.0 and turn.understood and not turn.committed
    assert (outcome.calls, outcome.wasted) == (1, 0)


def test_an_earcon_and_a_sentence_of_the_devices_own_are_no_answer_to_a_question():
    apology = TraceEvent("say", 40_000, "Sorry, I didn't catch that.", {"reply": 5})
    (turn,) = judged(onsets=[Onset(36_000, None), Onset(41_000, 5)], events=[apology]).turns
    assert turn.v2v_ms is None and figures.stalled(turn)


def test_an_earcon_is_an_answer_to_a_local_command():
    local = Trial("local", "local", "louder", intent="volume_up")
    done = TraceEvent("intent", 36_000, "volume_up", {})
    (turn,) = judged(local, onsets=[Onset(37_000, None)], events=[done]).turns
    assert turn.understood and turn.v2v_ms == pytest.approx(312.6)


@pytest.mark.parametrize(
    ("wire", "cut"),
    [
        ([asked(40_000, "remind me to")], True),
        ([asked(40_000, "remind me to", speculative=True)], False),
        ([asked(40_000, "remind me to", True), Sent(60_000, m.Commit(turn="a", worker="w"))], True),
        ([asked(40_000, "remind me to", True), Sent(80_000, m.Commit(turn="a", worker="w"))], False),
        ([asked(81_000, "remind me to call my mother")], False),
    ],
)
def test_an_early_cut_is_a_question_committed_before_the_last_sample_heard_or_not(wire, cut):
    (turn,) = judged(PAUSED, ((16_000, 31_999), (48_000, 79_999)), wire=wire).turns
    assert turn.committed is cut and not turn.answered


def test_an_answer_into_the_pause_is_aloud_also_where_the_user_goes_on_at_once():
    (turn,) = judged(PAUSED, ((16_000, 31_999), (48_000, 79_999)), onsets=[Onset(47_000, 2)]).turns
    assert turn.answered and turn.v2v_ms is None


def test_a_command_carried_out_into_a_pause_is_an_early_cut_too():
    done = TraceEvent("intent", 40_000, "volume_up", {})
    assert judged(PAUSED, ((16_000, 31_999), (48_000, 79_999)), events=[done]).turns[0].committed


def test_a_revised_question_is_understood_by_its_last_text():
    wire = [
        asked(33_000, "tell me", speculative=True),
        Sent(34_000, m.Revise(turn="a", rev=1, worker="w", text="tell me a joke")),
        Sent(35_000, m.Commit(turn="a", rev=1, worker="w")),
    ]
    outcome = judged(wire=wire, onsets=[Onset(45_000, 2)])
    assert outcome.turns[0].understood and (outcome.calls, outcome.wasted) == (2, 1)


def test_a_turn_in_which_something_was_taken_for_the_wake_word_is_named_as_such():
    woken = judged(
        events=[TraceEvent("wake", 33_000, "alexa", {}), TraceEvent("wake", 33_000, "", {})]
    ).turns[0]
    assert woken.woken and "taken for the wake word" in figures.remarked(woken)["wrong"]
    assert not judged(events=[TraceEvent("wake", 33_000, "", {})]).turns[0].woken, "a button"


def test_a_call_is_wasted_when_nothing_is_heard_before_the_next_one():
    assert judge.wasted([100, 200, 300], [250]) == 2
    assert judge.wasted([100, 200, 300], [150, 250, 999]) == 0
    assert judge.wasted([], [150]) == 0


def test_a_second_attempt_at_the_same_question_commits_nothing_anew():
    again = Sent(50_000, m.Open(turn="a", text="tell me a joke", attempt=2))
    assert judge.committed([asked(33_000, "tell me a joke"), again]) == [(33_000, "tell me a joke")]


# ---------------------------------------------------------------------- the result


def turn(v2v_ms: float | None, trial: Trial = ASKED, understood: bool = True, **more) -> judge.Turn:
    return judge.Turn(
        trial, 0.0, v2v_ms, 300.0, **{"committed": False, "answered": False, **more}, understood=understood
    )


def outcome(
    speculation: bool, *turns: judge.Turn, recogniser=plan.SCRIPTED, paced=False, **more
) -> judge.Outcome:
    where = Session(0, speculation, (), recogniser, paced)
    return judge.Outcome(where, list(turns), **more)


def test_an_answer_after_1_2_s_and_none_at_all_are_stalls_and_only_the_first_has_a_delay():
    result = figures.result(
        [outcome(False, turn(700.0), turn(1201.0), turn(None)), outcome(True, turn(600.0))]
    )
    assert (result["turns"], result["stalls"]) == (3, 2)
    assert result["v2v_p50_ms"] == 950.5 and result["v2v_spec_p50_ms"] == 600.0


def test_early_cuts_are_those_of_the_worse_way_and_calls_those_of_speculation():
    cut = turn(700.0, PAUSED, committed=True)
    result = figures.result(
        [outcome(False, turn(700.0, PAUSED), calls=1), outcome(True, cut, calls=3, wasted=2)]
    )
    assert (result["hesitations"], result["early_cuts"], result["early_cuts_answered"]) == (1, 1, 0)
    assert (result["llm_calls_per_turn"], result["wasted_calls"]) == (3.0, 2)
    assert [remark["wrong"] for remark in result["on"]["remarks"]] == [["cut early"]]


def test_a_local_command_counts_in_real_time_only_where_understood_and_by_the_slower_recogniser():
    local = Trial("local", "local", "louder", intent="volume_up")
    result = figures.result(
        [
            outcome(True, turn(90.0, local), recogniser="pocketsphinx"),
            outcome(True, turn(310.0, local), turn(900.0, local, understood=False), recogniser="pocketsphinx", paced=True),
            outcome(True, turn(280.0, local), recogniser="vosk-tiny-en", paced=True),
        ]
    )  # fmt: skip
    assert result["local_command_p50_ms"] == 310.0
    assert [(row["recogniser"], row["clock"]) for row in result["own"]] == [
        ("pocketsphinx", "sample"), ("pocketsphinx", "real"), ("vosk-tiny-en", "real"),
    ]  # fmt: skip


def test_heard_words_are_compared_for_answers_that_were_audible_or_claimed_to_be():
    cuts = [judge.Cut(1, 5, 4.75), judge.Cut(2, 0, 0.0), judge.Cut(3, 2, 0.0)]
    assert figures.result([outcome(True, cuts=cuts)])["heard_error_words"] == [0.25, 2.0]


# ---------------------------------------------------------------------- the whole of it


TRIALS = (
    ASKED,
    PAUSED,
    Trial("local", "local", "louder", intent="volume_up"),
    Trial("cut_in", "cut_in", "actually play the other song", wait_ms=1500),
)


@pytest.fixture(scope="module")
def conversations():
    """The same short conversation, without speculation and twice with it; each in a process of its own, where espeak-ng says
    the same every time."""
    sessions = {k: (Session(0, speculation, TRIALS), 0) for k, speculation in enumerate((False, True, True))}
    came = dict(in_processes(session.run, sessions, 2))
    return [came[k] for k in sessions]


def test_a_conversation_is_understood_and_answered_and_the_same_every_time(conversations):
    plain, guessing, again = conversations
    assert guessing.turns == again.turns and guessing.cuts == again.cuts
    for one in (plain, guessing):
        assert [turn.trial.kind for turn in one.turns] == ["finished", "hesitation", "local", "ask", "cut_in"]
        assert all(turn.v2v_ms is not None and turn.understood for turn in one.turns)
        assert one.calls >= 4, "one for each question"


def test_no_answer_comes_sooner_than_the_services_allow(conversations):
    plain, guessing, _ = conversations
    least = plan.FIRST_TOKEN_MS + plan.FIRST_BYTE_MS
    for one, before in ((plain, plan.FINAL_MS), (guessing, plan.PARTIAL_MS)):
        assert all(turn.v2v_ms >= before + least for turn in one.turns if turn.trial.kind == "finished")


def test_the_words_heard_before_a_cut_are_within_half_a_word(conversations):
    for one in conversations:
        (cut,) = [cut for cut in one.cuts if cut.played]
        assert 2 < cut.played < 10 and abs(cut.claimed - cut.played) <= 0.5


def test_own_engines_carry_out_a_local_command_too():
    outcome = session.run(Session(0, True, (replace(TRIALS[2], text="volume up"),), "vosk-tiny-en"), 0)
    assert outcome.turns[0].understood and outcome.turns[0].v2v_ms > 0


def test_a_run_has_every_figure_as_json_and_says_what_it_is_of(monkeypatch, capsys, tmp_path):
    sessions = [Session(0, speculation, TRIALS) for speculation in (False, True)]
    monkeypatch.setattr(Plan, "all_sessions", lambda self: iter(sessions))
    monkeypatch.setattr(Plan, "own_sessions", lambda self: iter(()))
    picture = tmp_path / "turns.png"
    pytest.importorskip("matplotlib")
    assert main(["bench", "turns", "--json", "--jobs", "2", "--plot", str(picture)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result) >= KEYS and result["floor_ms"] == 800
    assert (result["turns"], result["hesitations"]) == (1, 1) and len(result["heard_error_words"]) == 2
    assert result["setup"]["clock"] == "sample" and result["setup"]["services"]["partial_ms"] == 150
    assert "voice to voice" in figures.text(result) and picture.read_bytes().startswith(b"\x89PNG")


def test_a_session_that_fails_says_why_across_processes():
    broken = Session(0, True, (ASKED,), "no-such-model")
    with pytest.raises(ScenarioError, match="no-such-model"):
        list(in_processes(session.run, {0: (broken, 0)}, 1))
