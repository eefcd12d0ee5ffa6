"""One session: the whole device in one room, lock-step.

converge 15 s | playback alone 60 s | trial, trial, ...        each in the middle of a reply, 2.5 s or more after
                                                               the last one is over and the gain is full again
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from device.audio.backends.room import ECHO_DBFS, FLOOR_DBFS, RoomBackend
from device.audio.levels import active_rms, db_to_gain
from device.bench.barge_in import people, playback
from device.bench.barge_in.gain import GainBackend, GainLog
from device.bench.barge_in.judge import Tally, Trial, alone, edges, judge, unprovoked
from device.bench.barge_in.plan import Plan, Session
from device.bench.barge_in.sound import Sound
from device.bench.cpu import cpu_ms_per_frame
from device.bench.erle import steady_db, time_to
from device.bench.parts import detector_cpu_ms, new_canceller
from device.bench.speex import open_speex
from device.config import Config, parse
from device.daemon import Device
from device.link.transport import OfflineTransport
from device.trace import TraceEvent
from device.values import FRAME, RATE_HZ, samples

STEADY = samples(2500)
"""A trial begins after so much undisturbed playback at full gain, and up to ``JITTER`` more."""
JITTER = samples(1000)
AFTER = samples(1700)
"""How long a trial is followed after its end: the longest latency that is judged is 1.5 s from the onset."""
RESUMED_BY = samples(3500)
"""A backchannel's reply that is not back by then is begun anew."""
GAP = samples(300)
"""After a reply that ended, until the next one."""
REPLY = samples((playback.REPLY_S - 15) * 1000)
"""A trial is not begun later than this in a reply."""
FILM_END = samples(3000)
"""What a film shows after its last talker."""
PLACES = 6
"""Where talkers stand in a room, each trial in the next one."""
CPU_S = 20
"""Seconds of the recorded sound over which CPU time is measured."""
UNUSED = 1_000_000
"""Utterance numbers that no session reaches."""
STUCK = 60 * RATE_HZ
"""A device that does not come to rest for so long is talked to as it is; ``judge`` voids the trial if it is ducked."""


@dataclass(slots=True)
class Outcome:
    """What is left of a session: picklable, and small unless ``trace`` was asked for."""

    session: Session
    tally: Tally
    erle_db: float | None
    t20_s: float | None
    cpu_ms: float | None
    speex_ms: float | None
    detector_ms: float | None
    echo_dbfs: float
    """Active level of the echo at the microphone; talkers are placed ``ser_db`` above it."""
    missed_alone: dict[str, int]
    """Of the session's "wake" and "stop": how many are missed as well when nothing is played."""
    seconds: float
    trials: list[Trial] = field(default_factory=list)
    film: Film | None = None


@dataclass(slots=True)
class Film:
    """All of a session that a picture shows; arrays by 10 ms frame or at 16 kHz, from position 0."""

    mic: np.ndarray
    clean: np.ndarray
    gain: np.ndarray
    score: np.ndarray
    events: list[TraceEvent]
    trials: list[Trial]


def configuration(recogniser: str) -> Config:
    """The device's defaults, on its own: no broker, no attention."""
    engine = (
        {"engine": "pocketsphinx"}
        if recogniser == "pocketsphinx"
        else {"engine": "vosk", "model": recogniser}
    )
    return parse({
        "audio": {"backend": "room"}, "mqtt": {"enabled": False}, "recogniser": engine, "voice": {"engine": "espeak"},
        "log": {"level": "error"},
    })  # fmt: skip


def run(plan: Plan, session: Session, film: bool = False) -> Outcome:
    """Play one session. ``film``: keep what a picture needs. Raises what the device and the talkers raise."""
    return _Run(plan, session, film).play()


class _Run:
    def __init__(self, plan: Plan, session: Session, film: bool) -> None:
        self.plan, self.session = plan, session
        condition = session.condition
        settings = session.settings(plan.seed)
        if condition.noise != "quiet":
            settings = replace(settings, noise=people.noise(plan.noise, session.generator(plan.seed, 1)))
        self.room = RoomBackend(settings)
        self.backend = GainBackend(self.room)
        # another beginning at each level: four levels then watch four times as much playback without a talker
        first = session.room + plan.sers.index(condition.ser_db)
        voice = None
        if condition.playback != "speech":
            voice = playback.SoundVoice(
                playback.sounds(condition.playback, session.generator(plan.seed, 2)), first
            )
        self.device = Device(
            configuration(plan.recogniser), self.backend, OfflineTransport(), in_process=True,  # type: ignore[arg-type]
            trace=self._traced, voice=voice,
        )  # fmt: skip
        self.backend.mixer = self.device.engine.mixer
        self.gains: GainLog = self.backend.log
        self.events: list[TraceEvent] = []
        self.trials: list[Trial] = []
        self._rng = session.generator(plan.seed, 3)
        self._pressed = False
        """What is decided because the benchmark has pressed "stop" is no decision of the device."""
        self._talked_to = False
        """A trial goes on: the floor is the talker's, no reply is begun."""
        self._turn = first
        self._reply: int | None = None
        """The reply that the benchmark has asked for; the device says things of its own, too."""
        self._missed_alone = {"wake": 0, "stop": 0}
        self._begun = self._quiet_since = self._full_since = 0
        self._played = 0
        self._sound = Sound(self.device.engine)
        self._scores: list[float] | None = [] if film else None

    def play(self) -> Outcome:
        plan, device = self.plan, self.device
        device.start()
        try:
            self._pass(samples(plan.converge_s * 1000))
            alone_from, played = device.position, self._played
            self._pass(samples(plan.alone_s * 1000))
            alone_to = device.position
            tally = Tally()
            alone(alone_from, alone_to, self._played - played, self.events, tally)
            echo_dbfs = self._echo_dbfs(alone_from, alone_to)
            stops = []
            gain_db = echo_dbfs - ECHO_DBFS
            for number, line in enumerate(self._lines()):
                talker = number % PLACES
                wet = self.room.at_microphone(line.clip, gain_db, talker)
                if line.kind == "wake":
                    self._missed_alone["wake"] += not people.wakes(wet, device.config.wake.threshold_playing)
                elif line.kind == "stop":
                    stops.append(wet)
                self._trial(line, wet, gain_db, talker)
            if self._scores is not None:
                self._pass(FILM_END)
            for number, wet in enumerate(stops):
                heard = people.understands_stop(wet, device.recogniser, UNUSED + number)
                self._missed_alone["stop"] += not heard
        finally:
            device.stop()
        for trial in self.trials:
            judge(trial, self.gains, self.events, tally)
        unprovoked(self.trials, self.events, tally)
        tally.playback_min = self._played * FRAME / RATE_HZ / 60
        return self._outcome(tally, alone_from, alone_to, echo_dbfs)

    # ------------------------------------------------------------------ 10 ms

    def _step(self) -> None:
        device = self.device
        device.step()
        self._sound.step()
        position = device.position
        track = device.engine.mixer.speech
        self._played += track.gain > 0.0
        if track.gain < 1.0:
            self._full_since = position
        speaking = device.mouth.speaking
        if speaking is not None:
            self._quiet_since = position
            self._reply = self._reply or speaking
        if not self._talked_to and (
            position - self._quiet_since >= GAP or (speaking is not None and speaking != self._reply)
        ):
            self._say()
        if self._scores is not None:
            self._scores.append(device.ear.barge_in_score)

    def _say(self) -> None:
        """A new reply, at once: whatever the device was still busy with is ended as by a button."""
        self._pressed = True
        self.device.hush()
        self._pressed = False
        speech = self.session.condition.playback == "speech"
        self.device.say(playback.story(self._turn) if speech else "Sound.")
        self._turn += 1
        self._reply = None
        self._begun = self._quiet_since = self.device.position

    def _pass(self, count: int) -> None:
        self._until(lambda end=self.device.position + count: self.device.position >= end)  # type: ignore[misc]

    def _until(self, over: Callable[[], bool]) -> None:
        while not over():
            self._step()

    def _traced(self, event: TraceEvent) -> None:
        if not self._pressed or event.event not in ("cancel", "resume"):
            self.events.append(event)

    # ------------------------------------------------------------------ trials

    def _lines(self) -> list[people.Line]:
        """Everything that is said in this session, in a disorder of its own; in a film one after the other."""
        plan, room = self.plan, self.session.room
        lines = [
            *people.backchannels(plan.backchannels, room * plan.backchannels),
            *people.interruptions(plan.interruptions, room * plan.interruptions, self._rng, plan.speech),
            *people.stops(plan.stops, room * plan.stops),
            *people.wake_words(plan.wakes, room * plan.wakes, plan.wake),
        ]
        order = range(len(lines)) if self._scores is not None else self._rng.permutation(len(lines))
        return [lines[k] for k in order]

    def _trial(self, line: people.Line, wet: np.ndarray, gain_db: float, talker: int) -> None:
        device = self.device
        wait = STEADY + int(self._rng.integers(JITTER // FRAME)) * FRAME
        if device.position - self._begun > REPLY:
            self._say()
        stuck = device.position + STUCK
        self._until(lambda: device.position - self._full_since >= wait or device.position >= stuck)
        start = device.position
        self._talked_to = True
        self.room.say(line.clip, start, gain_db, talker)
        first, last = edges(wet)
        onset, end = start + first, start + last
        self._until(lambda: device.position >= end + AFTER)
        if line.kind == "backchannel":
            full = FRAME + self.room.output_latency_ms * RATE_HZ // 1000
            self._until(
                lambda: device.position - self._full_since > full or device.position >= end + RESUMED_BY
            )
        self.trials.append(Trial(line.kind, line.text, line.voice, onset, end, device.position))
        if self._scores is not None and line.kind == "interruption":
            return  # a film goes on with what the device itself says
        self._talked_to = False
        if device.engine.mixer.speech.gain < 1.0 or device.mouth.speaking != self._reply:
            self._say()
        self._full_since = device.position

    # ------------------------------------------------------------------ figures

    def _echo_dbfs(self, start: int, end: int) -> float:
        """Active level of the playback's echo at the microphone, the background taken off."""
        mic, _, _ = self._sound.cut(start, end)
        power = active_rms(mic) ** 2 - db_to_gain(FLOOR_DBFS) ** 2
        if self.session.condition.noise != "quiet":
            power -= db_to_gain(ECHO_DBFS + self.session.condition.ser_db - self.room.settings.snr_db) ** 2
        return float(10 * np.log10(max(power, 1e-6)))

    def _outcome(self, tally: Tally, alone_from: int, alone_to: int, echo_dbfs: float) -> Outcome:
        mic, clean, _ = self._sound.cut(0, alone_to)
        recorded = self._sound.cut(alone_from, min(alone_to, alone_from + CPU_S * RATE_HZ))
        played = recorded[2]
        cpu_ms, speex_ms = cpu_ms_per_frame([new_canceller(played), open_speex(played)], recorded[0])
        film = None
        if self._scores is not None:
            frames = self.device.position // FRAME
            scores = np.array(self._scores[:frames], np.float32)
            film = Film(
                *self._sound.cut(0, self.device.position)[:2],
                self.gains.track(frames),
                scores,
                self.events,
                self.trials,
            )
        return Outcome(
            session=self.session,
            tally=tally,
            erle_db=steady_db(mic[alone_from:], clean[alone_from:]),
            t20_s=time_to(20.0, mic, clean),
            cpu_ms=cpu_ms,
            speex_ms=speex_ms,
            detector_ms=detector_cpu_ms(self.device.config, *recorded),
            echo_dbfs=echo_dbfs,
            missed_alone=self._missed_alone,
            seconds=self.device.position / RATE_HZ,
            trials=self.trials,
            film=film,
        )
