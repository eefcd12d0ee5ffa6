"""`earshot bench barge-in`: what is counted, from which moment, and that a run says the same twice."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from device.audio.levels import active_rms
from device.audio.ramp import raised_cosine
from device.audio.wav import write_wav
from device.bench.barge_in import figures, judge, people, playback, run, session
from device.bench.barge_in.gain import GainLog
from device.bench.barge_in.judge import Tally, Trial, edges, unprovoked
from device.bench.barge_in.plan import FIRST_ROOM, Condition, Plan, Session
from device.cli import main
from device.trace import TraceEvent
from device.values import FRAME, samples

ROOT = Path(__file__).parent.parent
DUCK = 10 ** (-18 / 20)
TINY = Plan(
    sers=(0.0,), playbacks=("speech",), noises=("noise",), rooms=1, converge_s=3.0, alone_s=2.0, interruptions=1,
    backchannels=1, stops=1, wakes=1,
)  # fmt: skip
SCHEMA = {
    "ser_db", "playback", "noise", "onsets", "missed", "duck_p50_ms", "duck_p95_ms", "stop_p50_ms", "stop_p95_ms",
    "false_ducks_per_min", "false_holds_per_min", "false_cancels_per_min", "backchannels", "backchannel_holds",
    "backchannel_cancels", "resume_p50_ms", "stop_words", "stop_word_hits", "wake_trials", "wake_missed",
    "wake_false_accepts", "erle_db", "t20_s", "cpu_ms_per_10ms", "speexdsp_cpu_ms_per_10ms",
}  # fmt: skip


def gains(*changes: tuple[float, float], seconds: float = 6.0) -> GainLog:
    """Full gain, and from each (second, gain) on another; a change takes one block."""
    log, before = GainLog(), 1.0
    for k in range(round(seconds * 100)):
        after = next((gain for at, gain in reversed(changes) if k >= round(at * 100)), 1.0)
        log.add(k * FRAME, before, after)
        before = after
    return log


def happened(*events: tuple[str, float]) -> list[TraceEvent]:
    return [TraceEvent(name, round(at * 16_000)) for name, at in events]


def tried(kind: str, log: GainLog, events: list[TraceEvent], end: float = 2.0) -> Tally:
    """A talker from second 1 to ``end``, followed until second 5."""
    tally = Tally()
    judge.judge(Trial(kind, "", "", 16_000, round(end * 16_000), 5 * 16_000), log, events, tally)
    return tally


# ---------------------------------------------------------------------- from which moment


def test_a_talker_begins_with_the_first_frame_within_20_db_of_the_95th_percentile():
    level = np.repeat([0.001, 0.009, 0.011, 0.1, 0.1, 0.1, 0.1, 0.02, 0.009], FRAME).astype(np.float32)
    assert edges(level) == (2 * FRAME, 8 * FRAME)


def test_a_duck_counts_from_the_sample_that_leaves_at_12_db_less():
    ramp = 1.0 + (DUCK - 1.0) * raised_cosine(FRAME)
    inside = int(np.argmax(ramp <= 10 ** (-12 / 20)))
    log = gains((1.05, DUCK))
    assert log.first_ducked(16_000, 32_000) == samples(1050) + inside
    assert log.first_ducked(16_000, samples(1050)) is None
    assert log.first_silent(0, 96_000) is None


def test_silence_begins_after_the_ramp_and_full_gain_with_it():
    log = gains((1.05, DUCK), (1.25, 0.0), (2.4, 1.0))
    assert log.first_silent(16_000, 96_000) == samples(1260)
    assert log.first_full(samples(2000), 96_000) == samples(2410)


# ---------------------------------------------------------------------- what is counted


def test_an_interruption_is_ducked_and_silenced_so_many_ms_after_its_onset():
    held = TraceEvent("hold", samples(1240), "", {})
    tally = tried("interruption", gains((1.05, DUCK), (1.25, 0.0)), [held])
    assert (tally.onsets, tally.missed) == (1, 0)
    assert tally.duck_ms == [pytest.approx(57.5, abs=1)] and tally.stop_ms == [260.0]


def test_an_interruption_that_is_not_ducked_within_1_5_s_is_missed_and_has_no_latency():
    tally = tried("interruption", gains((2.51, DUCK), (3, 0.0)), [])
    assert (tally.onsets, tally.missed, tally.duck_ms, tally.stop_ms) == (1, 1, [], [])
    assert tried("interruption", gains((2.4, DUCK)), []).missed == 0


def test_a_talker_over_a_playback_that_had_given_way_already_is_void():
    tally = tried("interruption", gains((0.9, DUCK), (1.25, 0.0)), [])
    assert (tally.onsets, tally.voided, tally.duck_ms) == (0, 1, [])


def test_a_backchannel_is_resumed_so_many_ms_after_its_end():
    log = gains((1.05, DUCK), (1.3, 0.0), (2.4, 1.0))
    tally = tried("backchannel", log, happened(("duck", 1.03), ("hold", 1.28), ("resume", 2.38)))
    assert (tally.backchannels, tally.backchannel_ducks, tally.backchannel_holds) == (1, 1, 1)
    assert tally.backchannel_cancels == 0 and tally.resume_ms == [410.0]


def test_a_backchannel_resumed_before_its_end_has_waited_for_nothing():
    assert tried("backchannel", gains((1.05, DUCK), (1.3, 1.0)), []).resume_ms == [0.0]


def test_a_backchannel_that_nobody_noticed_has_no_resume_time():
    tally = tried("backchannel", gains(), [])
    assert (tally.backchannels, tally.backchannel_ducks, tally.resume_ms) == (1, 0, [])


def test_a_backchannel_that_cancels_the_answer_is_counted_and_has_no_resume_time():
    tally = tried("backchannel", gains((1.05, DUCK), (1.3, 0.0), (3, 1.0)), happened(("cancel", 1.9)))
    assert (tally.backchannel_cancels, tally.resume_ms) == (1, [])


@pytest.mark.parametrize(
    ("silent_at", "cancelled_at", "hit"), [(1.3, 2.6, 1), (1.3, 2.8, 0), (2.8, 2.6, 0), (1.3, None, 0)]
)
def test_a_stop_word_must_have_silenced_and_cancelled_within_700_ms_of_its_end(silent_at, cancelled_at, hit):
    events = happened(("cancel", cancelled_at)) if cancelled_at else happened(("hold", silent_at))
    tally = tried("stop", gains((silent_at, 0.0)), events)
    assert (tally.stop_words, tally.stop_word_hits) == (1, hit)


def test_a_wake_word_decided_600_ms_after_its_end_is_missed_but_no_false_accept():
    for at, missed in ((2.5, 0), (2.7, 1)):
        tally = tried("wake", gains(), happened(("wake", at)))
        unprovoked([Trial("wake", "", "", 16_000, 32_000, 80_000)], happened(("wake", at)), tally)
        assert (tally.wake_trials, tally.wake_missed, tally.wake_false_accepts) == (1, missed, 0)


def test_a_wake_that_nobody_said_is_a_false_accept():
    tally = Tally()
    unprovoked([Trial("interruption", "", "", 16_000, 32_000, 80_000)], happened(("wake", 2.0)), tally)
    assert tally.wake_false_accepts == 1


@pytest.mark.parametrize(("kind", "counts"), [("stop", (0, 0)), ("backchannel", (0, 1)), (None, (1, 0))])
def test_a_stop_that_nobody_said_is_false_and_one_made_of_other_words_is_misheard(kind, counts):
    trials = [Trial(kind, "", "", 16_000, 32_000, 80_000)] if kind else []
    for heard in (
        TraceEvent("partial", 24_000, "stop", {"accepted": True}),
        TraceEvent("stop_word", 24_000, "stop"),
    ):
        tally = Tally()
        unprovoked(trials, [heard, *happened(("cancel", 1.5))], tally)
        assert (tally.false_stops, tally.misheard_stops) == counts


def test_what_is_decided_between_trials_is_counted_apart():
    trials = [Trial("wake", "", "", at * 16_000, (at + 1) * 16_000, (at + 2) * 16_000) for at in (2, 8)]
    tally = Tally()
    unprovoked(
        trials, happened(("duck", 1.0), ("duck", 3.5), ("duck", 5.0), ("cancel", 6.0), ("cancel", 9.0)), tally
    )
    assert (tally.ducks_between, tally.cancels_between) == (1, 1)


def test_a_cancel_by_time_is_no_stop_word():
    tally = Tally()
    unprovoked([], happened(("cancel", 1.5)), tally)
    assert tally.false_stops == 0


def test_false_alarms_count_per_minute_of_playback():
    tally = Tally()
    events = happened(("duck", 0.5), ("duck", 1.5), ("hold", 1.8), ("cancel", 4.0))
    judge.alone(16_000, 48_000, 150, events, tally)
    assert (tally.false_ducks, tally.false_holds, tally.false_cancels) == (1, 1, 0)
    assert tally.alone_min == pytest.approx(1.5 / 60)


# ---------------------------------------------------------------------- the result


def outcome(room: int, t20_s: float | None, tally: Tally) -> session.Outcome:
    where = Session(Condition(0.0, "speech", "quiet"), room)
    return session.Outcome(where, tally, 24.0, t20_s, 0.1, 0.05, 0.04, -26.0, {"wake": 0, "stop": 0}, 60.0)


def test_a_row_adds_its_rooms_up_and_one_that_never_cancels_20_db_counts_as_the_slowest():
    outcomes = [
        outcome(0, 3.0, Tally(onsets=2, missed=1, duck_ms=[50.0])),
        outcome(1, None, Tally(onsets=1, duck_ms=[90.0])),
    ]
    (row,), (also,) = figures.rows(outcomes)
    assert (row["onsets"], row["missed"], row["duck_p50_ms"]) == (3, 1, 70.0)
    assert row["t20_s"] is None and also["rooms_without_20_db"] == 1
    assert row["stop_p95_ms"] is None and also["unsilenced"] == 2


def test_rooms_voices_and_sentences_are_none_that_anything_is_tuned_on():
    plan = Plan(rooms=4)
    rooms = [one.settings(plan.seed) for one in plan.sessions()]
    assert min(room.seed for room in rooms) >= FIRST_ROOM == 500
    assert len({(room.seed, room.rt60_s, room.drift_ppm, room.echo_delay_ms) for room in rooms}) == 4
    others = [*(ROOT / "scripts").rglob("*.py"), *(ROOT / "tests").rglob("*.toml")]
    known = " ".join(path.read_text(encoding="utf-8").lower() for path in others)
    assert not [text for text in (*people.INTERRUPTIONS, *playback.STORY) if text.lower() in known]


def test_every_interruption_lasts_1_5_s_and_every_voice_wakes_the_device_when_nothing_is_played():
    lines = people.interruptions(len(people.INTERRUPTIONS), 0, np.random.default_rng(0), None)
    for line in lines:
        first, last = edges(line.clip)
        assert last - first >= samples(1500), line.text
    for line in people.wake_words(len(people.VOICES), 0, None):
        assert people.wakes(line.clip * np.float32(0.05 / active_rms(line.clip)), 0.5), line.voice


@pytest.mark.parametrize("kind", ["music", "tones"])
def test_computed_playback_is_as_loud_as_the_voice_and_the_same_every_time(kind):
    first, again = (playback.sounds(kind, np.random.default_rng(3), 1)[0] for _ in range(2))
    assert np.array_equal(first, again)
    assert 20 * np.log10(active_rms(first)) == pytest.approx(playback.LEVEL_DBFS, abs=0.1)
    assert np.abs(first).max() < 1.0


def test_a_run_has_a_row_a_condition_with_every_figure_and_says_the_same_twice():
    seen = []
    results = [run.measure(TINY, jobs, lambda done, of: seen.append((done, of))) for jobs in (2, 1)]
    (row,) = results[0]["conditions"]
    assert set(row) == SCHEMA
    assert row["onsets"] == row["backchannels"] == row["stop_words"] == row["wake_trials"] == 1
    assert row["cpu_ms_per_10ms"] > 0 and row["erle_db"] > 5
    text = figures.text(results[0])
    assert "to silence" in text and "speech" in text and "rooms [500]" in text
    for result in results:
        for part in (*result["conditions"], *result["also"]):
            for key in [key for key in part if "cpu" in key]:
                del part[key]
    assert results[0] == results[1]
    assert json.loads(json.dumps(results[0])) == results[0]
    setup = results[0]["setup"]
    assert (
        setup["clock"] == "sample"
        and setup["room_seeds"] == [500]
        and setup["packages"]["numpy"] == np.__version__
    )
    assert seen == 2 * [(0, 1), (1, 1)]


@pytest.mark.parametrize("kind", ["music", "tones"])
def test_music_and_tones_go_the_way_of_a_reply(kind, monkeypatch):
    monkeypatch.setattr(playback, "REPLY_S", 6.0)
    plan = replace(
        TINY,
        playbacks=(kind,),
        converge_s=1.0,
        alone_s=7.0,
        interruptions=0,
        backchannels=0,
        stops=0,
        wakes=0,
    )
    (one,) = plan.sessions()
    shown = session.run(plan, one)
    assert 0.7 < shown.tally.alone_min * 60 / plan.alone_s <= 1.0, "a new reply begins when one has ended"
    assert shown.echo_dbfs == pytest.approx(-26, abs=4)


def test_a_film_becomes_a_picture(tmp_path):
    pytest.importorskip("matplotlib")
    from device.bench.barge_in import picture

    rng = np.random.default_rng(0)
    sound = rng.standard_normal(16_000 * 8).astype(np.float32) * 0.1
    events = happened(("barge_in", 2.1), ("duck", 2.1), ("hold", 2.3), ("cancel", 3.1))
    events.append(TraceEvent("final", 70_000, "could you stop", {}))
    trial = Trial("interruption", "Costs 5 $ or 6 $.", "flite:rms", 32_000, 64_000, 96_000)
    score = np.full(800, np.nan, np.float32)
    log = gains((2.1, DUCK), (2.3, 0.0), seconds=8)
    film = session.Film(sound, sound * 0.1, log.track(800), score, events, [trial])
    shown = replace(outcome(0, 3.0, Tally()), film=film)
    picture.draw(shown, tmp_path / "barge-in.png")
    assert (tmp_path / "barge-in.png").stat().st_size > 20_000


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("option", "make", "wanted"),
    [
        ("--speech", lambda folder: folder, "no WAV file in it"),
        ("--wake", lambda folder: folder / "nowhere", "no such folder"),
        ("--noise", lambda folder: folder / "nothing.wav", "no such file"),
        ("--recogniser", lambda folder: "no-such-model", "no-such-model"),
        ("--plot", lambda folder: folder / "picture.jepg", "must end in .png"),
        ("--plot", lambda folder: folder / "nowhere" / "picture.png", "no folder"),
        ("--rooms", lambda folder: 0, "1 or more"),
    ],
)
def test_what_cannot_be_measured_is_told_at_once_in_one_line(option, make, wanted, tmp_path, capsys):
    assert main(["bench", "barge-in", option, str(make(tmp_path))]) == 2
    out, err = capsys.readouterr()
    assert not out and err.startswith("earshot bench: ") and wanted in err


def test_a_recording_of_nothing_is_refused_by_name(tmp_path):
    write_wav(tmp_path / "nothing.wav", np.zeros(16_000, np.float32))
    assert main(["bench", "barge-in", "--speech", str(tmp_path)]) == 2
