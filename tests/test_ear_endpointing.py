"""Endpointing: when may the user have finished, and when has he?"""

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config import Config, load_words
from device.ear.completeness import CompletenessJudge
from device.ear.endpointing import CLICK, LATE_GUESS, LEAST, PLAUSIBLE, WAKE_TAIL, Endpointing, Outcome
from device.ear.habits import Habits
from device.ear.loudness import BESIDE
from device.ear.patience import HEARD_AGAIN
from device.ear.transcript import GRAMMAR_LAG, LAG
from device.values import FRAME, Intent, Partial, Word, ms, samples

CONFIG = Config()
SILENCE = samples(CONFIG.endpointing.silence_ms)
MIN, MAX = samples(CONFIG.endpointing.min_ms), samples(CONFIG.endpointing.max_ms)
JUDGE = CompletenessJudge(load_words("en"))
FIXED = Config(endpointing=type(CONFIG.endpointing)(strategy="fixed"))
MODEL = Config(endpointing=type(CONFIG.endpointing)(strategy="model"))
LATE = samples(150)
"""How long after its end a word shows in the partials, unless a test says otherwise."""


@dataclass
class Told:
    """What came of an utterance: positions of the plausible ends and of the commitment, and what that gave as last."""

    plausible: list[int]
    commits: list[int]
    last: int


def run(
    flags,
    partials=(),
    config=CONFIG,
    after=0,
    tail=0,
    habits=None,
    levels=None,
    over=False,
    probability=None,
):
    """Frames ``flags`` (speech or not), with ``partials`` as (position of arrival, Partial)."""
    endpointing = Endpointing(config, after, tail, judge=JUDGE, habits=habits, over=over)
    told = Told([], [], -1)
    partials = sorted(partials, key=lambda pair: pair[0])
    for k, flag in enumerate(flags):
        while partials and partials[0][0] <= (k + 1) * FRAME:
            _, partial = partials.pop(0)
            endpointing.hear(partial)
        if probability is not None and endpointing.pausing((k + 1) * FRAME):
            endpointing.model_says(probability)
        outcome = endpointing.step(k * FRAME, flag, None if levels is None else levels[k])
        if outcome is Outcome.PLAUSIBLE:
            told.plausible.append((k + 1) * FRAME)
        elif outcome is Outcome.COMMIT:
            told.commits.append((k + 1) * FRAME)
            told.last = endpointing.last
    return told


def say(*parts, late=LATE, intent=None, free=True, word_ms=300):
    """``parts``: texts and pauses in ms. Speech flags and the partials of a recogniser that is ``late``."""
    flags, partials, words = [], [], []
    for part in parts:
        if isinstance(part, int):
            flags += [False] * (samples(part) // FRAME)
            continue
        for text in part.split():
            start = len(flags) * FRAME
            flags += [True] * (samples(word_ms) // FRAME)
            words.append(Word(text, start, len(flags) * FRAME))
            text = " ".join(word.text for word in words)
            partials.append((words[-1].end + late, Partial(0, 1, text, tuple(words), True, free, None)))
    if intent is not None:
        at, partial = partials[-1]
        partials[-1] = (at, Partial(0, 1, partial.text, partial.words, True, free, Intent(intent)))
    end = len(flags) * FRAME
    return flags + [False] * 200, partials, end


def wait_after(*parts, config=CONFIG, habits=None, probability=None, **how):
    """[ms] from the last sample of ``parts`` to the commitment; negative: into one of their pauses."""
    flags, partials, end = say(*parts, **how)
    told = run(flags, partials, config, habits=habits, probability=probability)
    (commit,) = told.commits
    return ms(commit - end)


# ---------------------------------------------------------------------- by the words


@pytest.mark.parametrize(
    ("text", "least_ms", "most_ms"),
    [
        ("can you tell me about the weather", 240, 240),
        ("please turn the volume down a little", 280, 290),
        ("actually play the other song", 280, 290),
        ("turn the kitchen light on", 280, 290),
        ("who are you talking to", 350, 450),
        ("wake me at seven", 350, 480),
        ("stop", 350, 450),
        ("I would like to know the", 1000, 1200),
        ("set a timer for", 1000, 1200),
        ("um", 1000, 1200),
    ],
)
def test_how_long_the_words_make_it_wait(text, least_ms, most_ms):
    assert least_ms <= wait_after(text) <= most_ms


@pytest.mark.parametrize("pause_ms", [300, 600, 1000])
@pytest.mark.parametrize(
    "parts",
    [("I would like to", "know the time"), ("set a timer for", "ten minutes"), ("um", "play some music")],
)
def test_a_pause_after_a_dangling_word_is_not_the_end(parts, pause_ms):
    assert wait_after(parts[0], pause_ms, parts[1]) >= ms(MIN)


def test_a_local_command_that_cannot_go_on_ends_soonest():
    quick = wait_after("volume up", intent="volume_up", free=False, late=0)
    assert quick == ms(MIN) < wait_after("good evening")


def test_half_a_command_of_a_recogniser_that_knows_only_commands_is_waited_for():
    assert wait_after("turn the", 800, "volume up", free=False, late=0, intent="volume_up") == ms(MIN)


def test_speech_without_words_ends_after_the_fixed_silence():
    told = run([False] * 20 + [True] * 50 + [False] * 200)
    assert (told.commits, told.last, told.plausible) == ([70 * FRAME + SILENCE], 70 * FRAME, [])


def test_words_that_the_recogniser_does_not_stand_by_are_none():
    flags, partials, end = say("set the")
    doubted = [(at, Partial(0, 1, p.text, p.words, False, False)) for at, p in partials]
    assert run(flags, doubted).commits == [end + SILENCE]


# ---------------------------------------------------------------------- recognisers lag


def test_a_word_that_has_not_shown_yet_is_waited_for():
    flags, partials, end = say("tell me a joke about", late=samples(230))
    told = run(flags, partials)
    assert [at - end for at in told.plausible] == [LATE_GUESS], "not on 'tell me a joke'"
    assert told.commits[0] - end >= samples(1000)


def test_a_cough_after_the_last_word_has_no_words_and_is_not_waited_for_for_ever():
    flags, partials, end = say("tell me a joke")
    cough = [False] * 5 + [True] * 20
    flags = [*flags[: end // FRAME], *cough, *[False] * 200]
    (commit,) = run(flags, partials).commits
    assert commit - (end + len(cough) * FRAME) <= LAG + samples(50)


def test_a_recogniser_without_word_times_is_believed_after_its_lag():
    flags, partials, end = say("tell me a joke")
    bare = [(at, Partial(0, 1, p.text)) for at, p in partials]
    (commit,) = run(flags, bare).commits
    assert MIN <= commit - end <= LAG + samples(50)


def test_a_command_grammar_does_not_lag():
    flags, partials, end = say("volume up", intent="volume_up", free=False, late=-samples(100))
    stale = [(at, Partial(0, 1, p.text, (p.words[0],), True, False, p.intent)) for at, p in partials]
    told = run(flags, stale)
    assert told.commits == [end + MIN]
    assert told.plausible[0] - end <= max(PLAUSIBLE, GRAMMAR_LAG)


# ---------------------------------------------------------------------- plausible ends


def test_an_end_is_plausible_as_soon_as_its_last_word_shows():
    flags, partials, end = say("please turn the volume down a little")
    told = run(flags, partials)
    assert told.plausible == [end + LATE]
    assert told.commits[0] > told.plausible[0]


def test_after_a_dangling_word_an_end_is_plausible_only_when_the_silence_gets_long():
    flags, partials, end = say("set a timer for", 550, "ten minutes")
    assert run(flags, partials).plausible == [end + LATE]
    flags, partials, end = say("set a timer for", 900, "ten minutes")
    assert len(run(flags, partials).plausible) == 2
    flags, partials, end = say("set a timer for")
    told = run(flags, partials)
    assert [at - end for at in told.plausible] == [LATE_GUESS]
    assert told.commits[0] > told.plausible[0]


def test_it_is_plausible_again_when_the_words_or_the_speech_have_changed():
    flags, partials, end = say("stop", late=samples(100))
    other = Partial(0, 1, "shop", (Word("shop", 0, end),))
    assert len(run(flags, [*partials, (end + samples(200), other)]).plausible) == 2
    flags, partials, _ = say("stop", 300, "now", late=samples(100))
    assert len(run(flags, partials).plausible) == 2


@pytest.mark.parametrize(
    ("text", "wait"), [("stop", SILENCE), ("mm-hm", SILENCE), ("stop [unk] [unk]", HEARD_AGAIN)]
)
def test_over_a_reply_no_end_is_plausible_and_only_what_is_heard_again_ends_sooner(text, wait):
    flags, partials, end = say(text)
    told = run(flags, partials, over=True)
    assert (told.plausible, told.commits) == ([], [end + wait])


def test_the_strategy_fixed_waits_for_its_silence_and_guesses_all_the_same():
    flags, partials, end = say("tell me about the weather")
    told = run(flags, partials, FIXED)
    assert told.commits == [end + SILENCE]
    assert told.plausible == [end + LATE]


# ---------------------------------------------------------------------- the speaker, the model


def conversation(sentences, habits, **how):
    """[ms] Each sentence's commitments, from its last sample; what is said after an early one is a new utterance."""
    start, ends = 0, []
    for parts in sentences:
        flags, partials, length = say(*parts, **how)
        endpointing, commits = Endpointing(CONFIG, 0, judge=JUDGE, habits=habits), []
        for k, flag in enumerate(flags):
            now = (k + 1) * FRAME
            for at, partial in partials:
                if now - FRAME < at <= now:
                    endpointing.hear(partial)
            if endpointing.step(start + k * FRAME, flag) is Outcome.COMMIT:
                commits.append(ms(now - length))
                endpointing = Endpointing(CONFIG, endpointing.last, judge=JUDGE, habits=habits)
        start += len(flags) * FRAME
        ends.append(commits)
    return ends


def test_a_slow_talker_is_not_cut_once_his_pauses_are_known():
    slowly = ("nice", 300, "weather", 380, "we", 260, "had", 390, "yesterday", 320, "evening")
    ends = conversation([slowly] * 6, Habits(), word_ms=450)
    assert len(ends[0]) > 1, "nobody can know the first time"
    assert all(len(commits) == 1 for commits in ends[2:])
    assert ends[-1][0] <= 600


def test_a_model_that_is_sure_does_not_end_what_the_words_leave_open():
    assert wait_after("I am looking for", config=MODEL, probability=0.98) >= 1000
    assert wait_after("I am looking for", config=MODEL) >= 1000


def test_a_model_that_doubts_holds_what_the_words_would_end():
    assert wait_after("tell me a joke", 450, "about cows", config=MODEL, probability=0.05) > 0
    assert wait_after("tell me a joke", 450, "about cows", config=MODEL) < 0


def test_the_word_of_a_model_is_forgotten_when_speech_goes_on():
    endpointing = Endpointing(MODEL, 0, judge=JUDGE)
    flags, partials, end = say("tell me a joke", 200, "please", late=0)
    spoken = [k for k, flag in enumerate(flags) if flag]
    paused = next(k for k in spoken if k and not flags[k + 1])
    commit = None
    for k, flag in enumerate(flags):
        for _ in range(len(partials)):
            if partials[0][0] > (k + 1) * FRAME:
                break
            endpointing.hear(partials.pop(0)[1])
        if k == paused + 15:
            endpointing.model_says(0.0)
        if endpointing.step(k * FRAME, flag) is Outcome.COMMIT:
            commit = (k + 1) * FRAME
    assert commit is not None
    assert 0 < ms(commit - end) <= 300, "not the 700 ms of a doubt"


# ---------------------------------------------------------------------- speech alone


def test_nobody_speaks_so_nothing_ends():
    assert run([False] * 2000).commits == []


def test_clicks_are_not_an_utterance():
    assert run(([True] * 5 + [False] * (CLICK // FRAME + 10)) * 10).commits == []


def test_speech_before_the_words_count_is_not_this_utterance():
    assert run([True] * 60 + [False] * 200, after=60 * FRAME).commits == []


def test_the_tail_of_the_wake_word_is_not_the_command():
    tail = WAKE_TAIL // FRAME
    alone = [True] * (60 + tail) + [False] * 200
    assert run(alone, after=60 * FRAME, tail=WAKE_TAIL).commits == []
    one_breath = [True] * 60 + [True] * (tail + LEAST // FRAME) + [False] * 200
    assert len(run(one_breath, after=60 * FRAME, tail=WAKE_TAIL).commits) == 1


def test_long_dictation_ends_with_its_last_sentence():
    sentence = "and then we went down to the harbour and looked at the ships"
    parts = [part for k in range(4) for part in (sentence, 200)]
    assert 0 < wait_after(*parts[:-1], word_ms=250) <= 500


def test_speech_without_a_pause_is_ended_at_the_longest_sentence():
    told = run([False] * 100 + [True] * 3000)
    assert told.commits == [100 * FRAME + samples(CONFIG.endpointing.max_s * 1000)] == [told.last]


def test_speech_of_the_pre_roll_counts_but_commits_nothing_in_the_past():
    endpointing = Endpointing(CONFIG, 0, judge=JUDGE)
    for k in range(200):
        assert endpointing.step(k * FRAME, k < 50, commit=False) is Outcome.NOTHING
    assert endpointing.heard_speech
    assert endpointing.step(200 * FRAME, False) is Outcome.COMMIT
    assert endpointing.last == 50 * FRAME


TEXTS = ("tell", "tell me", "tell me a joke", "what is the weather", "volume forty", "milk and", "")


@given(
    st.lists(st.booleans(), max_size=400),
    st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from(TEXTS), st.booleans(), st.booleans()), max_size=8
    ),
    st.sampled_from(["adaptive", "fixed", "model"]),
    st.integers(0, 100),
    st.none() | st.floats(0, 1),
)
def test_whatever_is_said_and_heard_the_bounds_hold(flags, heard, strategy, after, probability):
    config = Config(endpointing=type(CONFIG.endpointing)(strategy=strategy))
    partials = [
        (at * FRAME, Partial(0, 1, text, (Word(text, 0, at * FRAME),) if timed else (), accepted))
        for at, text, accepted, timed in heard
    ]
    flags += [False] * (MAX // FRAME + 1)
    told = run(flags, partials, config, after=after * FRAME, probability=probability)
    spoken = [k for k, flag in enumerate(flags) if flag and k >= after]
    assert len(told.commits) <= 1
    if len(spoken) * FRAME >= LEAST and max((b - a for a, b in itertools.pairwise(spoken)), default=0) < 10:
        assert told.commits, "speech that was heard ends"
    for commit in told.commits:
        before = [k for k in spoken if k < told.last // FRAME]
        assert len(before) * FRAME >= LEAST
        assert MIN <= commit - told.last <= MAX
        assert not any(flags[told.last // FRAME : commit // FRAME]), "never while somebody speaks"
        assert all(at < commit for at in told.plausible)
    for at in told.plausible:
        assert not any(flags[(at - PLAUSIBLE) // FRAME : at // FRAME])


# ---------------------------------------------------------------------- beside the talker


def test_a_television_that_goes_on_does_not_keep_the_sentence_open():
    levels = [-26.0] * 150 + [-38.0] * 500
    told = run([True] * 650, levels=levels)
    assert (told.commits, told.last) == ([150 * FRAME + BESIDE], 150 * FRAME)


def test_a_talker_who_gets_quieter_for_a_moment_is_not_cut():
    quiet = [-38.0] * (BESIDE // FRAME - 10)
    levels = [-26.0] * 100 + quiet + [-26.0] * 100 + [-70.0] * 100
    told = run([level > -60 for level in levels], levels=levels)
    assert told.last == (200 + len(quiet)) * FRAME


def test_single_loud_frames_of_a_television_are_not_the_talker():
    levels = [-26.0] * 150 + [-30.0 if k % 4 == 3 else -38.0 for k in range(500)]
    assert run([True] * 650, levels=levels).last == 150 * FRAME


def test_a_talker_who_searches_for_a_word_is_not_somebody_else_when_he_goes_on():
    flags, partials, end = say("what is the weather in", 1000, "London tomorrow")
    levels = [-26.0] * len(flags)
    resumed = next(k for k in range(flags.index(False), len(flags)) if flags[k])
    for k in [*range(flags.index(False) - 30, flags.index(False)), *range(resumed, resumed + 5)]:
        levels[k] = -38.0  # his voice falls at the end of a phrase, and begins softly
    (commit,) = run(flags, partials, levels=levels).commits
    assert commit > end
