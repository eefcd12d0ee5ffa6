"""The harness that every system runs in: a microphone, a loudspeaker, and one profile of scripted services.

All systems get the same sound and the same fake recogniser, language model and voice, so that what differs is theirs.

* The microphone hands over chunk k when its last sample would have been captured, as a sound card does.
* The loudspeaker has no hidden buffer: sound that is handed over at time t is audible from t on, or from the end of what was
  handed over before. There is no path from it to the microphone: nobody hears himself here.
* All times are seconds of ``time.monotonic()``.

Needs numpy and nothing of earshot: it runs in each system's own environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import time
import wave
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

IN_RATE_HZ = 16_000
OUT_RATE_HZ = 24_000
CHUNK_MS = 20

FINAL_S = 0.30
"""Last sample of speech to the final transcript."""
PARTIAL_S = 0.15
"""Last sample of a word to the interim transcript that has it."""
FIRST_TOKEN_S = 0.20
TOKEN_S = 1 / 30
FIRST_BYTE_S = 0.10
WORD_S = 0.30
"""So long each word of an answer sounds."""
FIRST_SENTENCE_WORDS = 6
FLOOR_S = FINAL_S + FIRST_TOKEN_S + FIRST_SENTENCE_WORDS * TOKEN_S + FIRST_BYTE_S
"""What the scripted services alone take, if nothing is guessed and the voice is given whole sentences."""
STALL_S = 1.2

ANSWER = (
    "Here is the answer for you. "
    "It goes on for quite a while because the listener should have time to change their mind about it. "
    "This last part only exists so that nobody can ever reach the end of it before they speak again today."
)
QUESTION = "hello, can you tell me about the weather"
CUT_INS = (
    "stop, what about tomorrow instead",
    "no wait, I meant the kitchen light",
    "hold on, can you set a timer first",
    "please turn the music down a little",
    "actually play the other song",
    "hey, which train do you mean",
    "cancel that and read my messages",
    "sorry, which day did you say",
    "never mind, tell me a joke",
    "be quiet and listen to me",
)
BACKCHANNELS = ("mm hmm", "uh huh", "yeah", "okay", "right", "I see")


@dataclass(frozen=True)
class Utterance:
    """``pcm`` (int16, 16 kHz) begins and ends on speech; ``words`` with first and last second in it."""

    text: str
    pcm: np.ndarray
    words: tuple[tuple[str, float, float], ...]


def load_utterances(folder: Path) -> dict[str, Utterance]:
    """What ``scripts/peers/utterances.py`` has written: by text, recordings by file name."""
    found = {}
    for name, entry in json.loads((folder / "utterances.json").read_text(encoding="utf-8")).items():
        with wave.open(str(folder / entry["file"])) as sound:
            pcm = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
        found[name] = Utterance(entry["text"], pcm, tuple(tuple(word) for word in entry["words"]))
    return found


Spoken = Callable[[Utterance, float, float], None]
"""Told what is being said, and when its first and its last sample are."""


class Mic:
    """Chunks of 20 ms in real time; between what is said there is faint noise."""

    NOISE_DBFS = -66.0

    def __init__(self, seed: int = 7) -> None:
        self._rng = np.random.default_rng(seed)
        self._noise = 32767 * 10 ** (self.NOISE_DBFS / 20)
        self._pending = np.zeros(0, np.int16)
        self._saying: Utterance | None = None
        self._said: asyncio.Future[tuple[float, float]] | None = None
        self.listeners: list[Spoken] = []
        self.late_max_s = 0.0

    def say(self, utterance: Utterance) -> asyncio.Future[tuple[float, float]]:
        """Begin with the next chunk; the future gives the times of the first and the last sample."""
        self._pending, self._saying = utterance.pcm, utterance
        self._said = asyncio.get_running_loop().create_future()
        return self._said

    async def run(self, push: Callable[[bytes], Awaitable[None] | None]) -> None:
        """Give every chunk to ``push``, for ever."""
        count, every = IN_RATE_HZ * CHUNK_MS // 1000, CHUNK_MS / 1000
        began, k = time.monotonic(), 0
        while True:
            start = began + k * every
            take, self._pending = self._pending[:count], self._pending[count:]
            sound = self._rng.normal(0, self._noise, count)
            sound[: len(take)] += take
            if self._said is not None and self._saying is not None and len(take):
                end = start + len(self._saying.pcm) / IN_RATE_HZ
                self._said.set_result((start, end))
                self._said = None
                for told in self.listeners:
                    told(self._saying, start, end)
            due = start + every
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.late_max_s = max(self.late_max_s, time.monotonic() - due)
            pushed = push(np.clip(sound, -32768, 32767).astype(np.int16).tobytes())
            if pushed is not None:
                await pushed
            k += 1


@dataclass
class Span:
    start: float
    end: float


class Speaker:
    """A loudspeaker without a buffer: remembers when it was audible."""

    GAP_S = 0.15

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def add(self, seconds: float) -> float:
        """Sound of ``seconds`` is handed over now; returns when all of it will have been heard."""
        start = time.monotonic()
        if self.spans and self.spans[-1].end > start:
            start = self.spans[-1].end
        self.spans.append(Span(start, start + seconds))
        return start + seconds

    def cut(self) -> None:
        """The device was flushed: what is not audible yet never will be."""
        now = time.monotonic()
        while self.spans and self.spans[-1].start >= now:
            self.spans.pop()
        if self.spans and self.spans[-1].end > now:
            self.spans[-1].end = now

    def playing(self) -> bool:
        return bool(self.spans) and self.spans[-1].end + 0.06 > time.monotonic()

    def run_around(self, at: float) -> Span | None:
        """The unbroken stretch of sound that was audible at time ``at``."""
        runs: list[Span] = []
        for span in self.spans:
            if runs and span.start - runs[-1].end < self.GAP_S:
                runs[-1].end = max(runs[-1].end, span.end)
            else:
                runs.append(Span(span.start, span.end))
        return next((run for run in runs if run.start <= at <= run.end), None)

    def first_after(self, at: float) -> float | None:
        return next((span.start for span in self.spans if span.start >= at), None)

    def heard_between(self, begin: float, end: float) -> float:
        """Seconds of sound between two times."""
        return sum(max(0.0, min(span.end, end) - max(span.start, begin)) for span in self.spans)


def tone(words: int) -> bytes:
    """Stands for the speech of an answer: one soft tone a word, int16 at 24 kHz."""
    count = int(OUT_RATE_HZ * WORD_S)
    t = np.arange(count) / OUT_RATE_HZ
    envelope = np.minimum(1, np.minimum(t, t[::-1]) / 0.02)
    word = (6000 * envelope * np.sin(2 * np.pi * 220 * t)).astype(np.int16)
    return np.tile(word, words).tobytes()


# ---------------------------------------------------------------------- cost


def _processes() -> Iterator[int]:
    """This process and all below it."""
    waiting = [os.getpid()]
    while waiting:
        pid = waiting.pop()
        yield pid
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            waiting += map(int, task.read_text().split())


def rss_mb() -> float:
    """Resident memory of this process and its children, in MB of 2^20 bytes."""
    page = os.sysconf("SC_PAGE_SIZE") / 2**20
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page for pid in _processes())


def peak_rss_mb() -> float:
    """The most that this process alone ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class CpuMeter:
    """CPU seconds of this process (all its threads) per second since the last ``reset``."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._cpu, self._wall = time.process_time(), time.monotonic()

    def ratio(self) -> float:
        return (time.process_time() - self._cpu) / (time.monotonic() - self._wall)


# ---------------------------------------------------------------------- what is measured


@dataclass
class Report:
    """What one system shows in one run; times in seconds, None where something did not happen."""

    system: str
    versions: dict[str, str]
    stop_s: list[float | None] = field(default_factory=list)
    """First sample of a cut-in to the last audible one of the answer; None: it was not stopped."""
    v2v_s: list[float | None] = field(default_factory=list)
    """Last sample of speech to the first audible one of the answer; None: there was none."""
    context: list[dict[str, float | int | None]] = field(default_factory=list)
    """Of each answer that was cut: words that were heard, words that the system believes were."""
    backchannels: list[dict[str, Any]] = field(default_factory=list)
    cpu_s_per_s: dict[str, float] = field(default_factory=dict)
    rss_mb: dict[str, float] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(vars(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


OnStop = Callable[[float, float, Span | None], Awaitable[None]]
"""After a cut-in: when it and the answer began, and the stretch of sound that it cut."""


Calls = Callable[[], int]
"""How often the language model has been asked so far."""


async def answer_to(speaker: Speaker, last: float, patience_s: float = 8.0) -> float | None:
    """When the first sound after ``last`` is audible; None after ``patience_s``."""
    while time.monotonic() < last + patience_s:
        if (first := speaker.first_after(last)) is not None:
            return first
        await asyncio.sleep(0.01)
    return None


async def silence(speaker: Speaker, pause_s: float = 0.5) -> None:
    """Until nothing has sounded for ``pause_s``."""
    quiet = time.monotonic()
    while time.monotonic() - quiet < pause_s:
        if speaker.playing():
            quiet = time.monotonic()
        await asyncio.sleep(0.05)


async def conversation(
    mic: Mic, speaker: Speaker, report: Report, utterances: dict[str, Utterance], trials: int, on_stop: OnStop
) -> None:
    """Ask, wait for the answer, cut in while it plays, ``trials`` times over. Recordings, if there are any, take the place of
    what is said."""
    rng = random.Random(11)
    recorded = [one for name, one in utterances.items() if name.endswith(".wav")]
    cut_ins = recorded or [utterances[text] for text in CUT_INS]
    opening = cut_ins[-1] if recorded else utterances[QUESTION]
    first, last = await mic.say(opening)
    for trial in range(trials + 1):
        answered = await answer_to(speaker, last)
        report.v2v_s.append(None if answered is None else answered - last)
        if answered is None:
            first, last = await mic.say(opening)
            continue
        if trial == trials:
            break
        await asyncio.sleep(rng.uniform(1.2, 2.6))
        if not speaker.playing():
            continue
        first, last = await mic.say(cut_ins[trial % len(cut_ins)])
        await asyncio.sleep(max(0.0, last - time.monotonic()) + 0.05)
        run = speaker.run_around(first)
        report.stop_s.append(run.end - first if run is not None and not speaker.playing() else None)
        await on_stop(first, answered, run)
    await silence(speaker)


async def backchannels(
    mic: Mic, speaker: Speaker, report: Report, utterances: dict[str, Utterance], calls: Calls
) -> None:
    """Whether a short sign of attention ends the answer: it is silent 3.5 s later, or another one was asked for."""
    listen_s = 3.5
    for text in BACKCHANNELS:
        await silence(speaker, 1.5)
        _, last = await mic.say(utterances[QUESTION])
        if await answer_to(speaker, last) is None:
            report.backchannels.append({"text": text, "stopped": None})
            continue
        await asyncio.sleep(3.4)
        before = calls()
        first, _ = await mic.say(utterances[text])
        await asyncio.sleep(listen_s)
        until = first + listen_s
        heard = speaker.heard_between(until - 0.3, until)
        sounds = sorted((span.start, span.end) for span in speaker.spans if span.end > first)
        edges = [first, *(edge for span in sounds for edge in span), until]
        gaps = [begin - end for end, begin in zip(edges[::2], edges[1::2], strict=False)]
        stopped = heard <= 0.0 or calls() > before
        entry = {"text": text, "stopped": stopped, "longest_gap_s": round(max(gaps, default=0.0), 2)}
        report.backchannels.append(entry)


async def measure(
    mic: Mic,
    speaker: Speaker,
    report: Report,
    utterances: dict[str, Utterance],
    on_stop: OnStop,
    calls: Calls,
    *,
    trials: int,
    idle_s: float,
    full: bool,
) -> None:
    """Everything in its order: idle, warm up, one answer uninterrupted, cut-ins, backchannels. Without ``full`` only what the
    delays need."""
    cpu = CpuMeter()
    await asyncio.sleep(idle_s)
    report.cpu_s_per_s["idle"] = cpu.ratio()
    report.rss_mb["idle"] = rss_mb()
    # the first answer of a session may be special (LiveKit cannot be interrupted in the first 3 s of it): not counted
    _, last = await mic.say(utterances[QUESTION])
    await answer_to(speaker, last)
    cpu.reset()
    await asyncio.sleep(10 if full else 4)
    report.cpu_s_per_s["speaking"] = cpu.ratio()
    report.rss_mb["speaking"] = rss_mb()
    await silence(speaker, 1.0)
    await conversation(mic, speaker, report, utterances, trials, on_stop)
    if full:
        await backchannels(mic, speaker, report, utterances, calls)
    report.rss_mb["peak"] = peak_rss_mb()
    report.extra["llm_calls"] = calls()
    report.extra["mic_late_max_s"] = round(mic.late_max_s, 3)
