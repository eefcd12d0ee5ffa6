"""One random conversation: run it with the real device in the room, hold its record against the laws."""

from __future__ import annotations

import hashlib
import logging
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from compose import compose
from laws import Record, Told, broken

from device.audio.backends.room import RoomBackend
from device.link import messages as m
from device.scenario import format, tables
from device.scenario.endpoint import ScriptedTransport
from device.scenario.expectations import Happened
from device.scenario.recorder import WatchedBackend
from device.scenario.runner import Run
from device.scenario.stage import clip_of, room_settings
from device.values import FRAME, RATE_HZ, Command, Intent, Release, ReplyBegin, Show, SkillDone, samples

REST = RATE_HZ
"""Idle and silent for this long: the conversation is over."""
PATIENCE = 25 * RATE_HZ
"""After the last sound: attention (6 s), answer (6 s) and follow-up (5 s) one after the other, and some."""
GIVE_UP = 8 * RATE_HZ
"""A line whose cue does not come in this much idle silence stays unspoken."""


UNRULY = 0.35
"""Share of the conversations whose endpoint delays, doubles and reorders."""
DELAY_MS, DOUBLED = 250, 0.2


class NumberedTransport(ScriptedTransport):
    """Each answer begins with the number of its turn in the device, so that what is spoken tells what it answers.

    Some, by ``seed``, are unruly: they delay, double and reorder what they say, and heed neither revision nor cancel.
    """

    def __init__(self, script: tables.Endpoint, seed: int) -> None:
        super().__init__(script)
        self.number: Callable[[], int | None] = lambda: None
        self._plain, self._rng = script, random.Random(seed)
        self.unruly = self._rng.random() < UNRULY

    def send(self, kind: str, message: m.Message) -> bool:
        if isinstance(message, m.Open | m.Revise):
            replies = self._plain.reply or (tables.Reply(text="I do not know."),)
            told = (msgspec.structs.replace(r, text=f"Answer {self.number()}. {r.text}") for r in replies)
            self.script = msgspec.structs.replace(self._plain, reply=tuple(told))
        before = len(self._out)
        taken = super().send(kind, message)
        if self.unruly and isinstance(message, m.Open | m.Revise):
            self._out[before:] = self._disorder(self._out[before:])
        return taken

    def _forget(self, turn: str) -> None:
        """An unruly endpoint goes on with what is not wanted any more."""
        if not self.unruly:
            super()._forget(turn)

    def _disorder(self, messages: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
        rng = self._rng
        copies = [one for one in messages for _ in range(1 + (rng.random() < DOUBLED))]
        return [(due + samples(rng.uniform(0, DELAY_MS)), message) for due, message in copies]


class FuzzRun(Run):
    """Goes on until the device is at rest, and keeps what was told in the order in which it was told."""

    def __init__(self, *arguments: Any) -> None:
        self.told: list[Told] = []
        self.idle_since: int | None = None
        super().__init__(*arguments)
        self.transport.number = lambda: self.device.link.turns.current
        self._watch_gate(self.device.mouth.execute)
        self._watch_acts(self.device.skills.run)

    def _watch_gate(self, execute: Callable[[Command], None]) -> None:
        def watched(command: Command) -> None:
            if isinstance(command, Release) or (isinstance(command, ReplyBegin) and command.gated):
                name = "release" if isinstance(command, Release) else "gated"
                self._note(name, "", reply=command.reply, turn=getattr(command, "turn", None))
            execute(command)

        self.device.mouth.execute = watched  # type: ignore[method-assign]

    def _watch_acts(self, run: Callable[[Intent, int], SkillDone]) -> None:
        def watched(intent: Intent, position: int) -> SkillDone:
            self._note("act", intent.name)
            return run(intent, position)

        self.device.skills.run = watched  # type: ignore[method-assign]

    def _note(self, event: str, text: str, **data: Any) -> None:
        self.told.append(Told(event, self.device.position, text, data, self.device.position))

    def tell(self, one: Happened) -> None:
        if one.event != "line":
            self.told.append(Told(one.event, one.position, one.text, one.data, self.device.position))

    def over(self) -> bool:
        position = self.device.position
        resting = self.device.state == Show() and self.device.mouth.speaking is None and not self._busy()
        if not resting or self.cues.speaking(position) or not self.device.engine.mixer.silent:
            self.idle_since = None
        elif self.idle_since is None:
            self.idle_since = position
        if self.cues.scheduled(position):
            return False
        rested = 0 if self.idle_since is None else position - self.idle_since
        if self.cues.waiting():
            return rested > GIVE_UP or position > self.scenario.max_s * RATE_HZ
        return (
            rested > REST or position - self._loud_at > PATIENCE or position > self.scenario.max_s * RATE_HZ
        )


def converse(seed: int, folder: Path) -> dict[str, Any]:
    """Compose and run the conversation of ``seed``; a report for JSON."""
    path = folder / "scenario.toml"
    path.write_text(compose(seed, folder), encoding="utf-8")
    log = _LogKeeper()
    logging.getLogger().addHandler(log)
    scenario = format.load(path)
    clips = {line.id: clip_of(scenario, index) for index, line in enumerate(scenario.say)}
    backend = WatchedBackend(RoomBackend(room_settings(scenario, False)))
    transport = NumberedTransport(scenario.endpoint, seed)
    holder: list[FuzzRun] = []
    run = FuzzRun(
        scenario, scenario.config(), backend, transport, clips, False, lambda one: holder[0].tell(one), None
    )
    holder.append(run)
    wall = time.monotonic()
    result = run.play()
    record = Record(
        told=run.told,
        spans=run.cues.spans,
        gain=run.sound.gain,
        cuts=[
            (reply, words, run._played_words(reply)) for reply, words in run._cuts if reply in run._clauses
        ],
        idle=run.device.state == Show() and run.device.mouth.speaking is None,
        end=run.device.position,
        sounded=frozenset(one.reply for one in backend.left if one.reply is not None),
        unruly=transport.unruly,
        logged=log.lines,
        counters=run.device.mouth.counters | run.device.link.counters,
    )
    run.device.stop()
    digest = hashlib.sha256(
        repr([(t.event, t.position, t.text, sorted(t.data.items())) for t in run.told]).encode()
    )
    return {
        "seed": seed,
        "broken": broken(record),
        "digest": digest.hexdigest()[:16],
        "seconds": round(record.end / RATE_HZ, 1),
        "wall_s": round(time.monotonic() - wall, 1),
        "measures": result.measures.as_dict(),
        "figures": _figures(record, scenario),
        "story": [_line(one) for one in run.told],
    }


def _figures(record: Record, scenario: tables.Scenario) -> dict[str, list[int]]:
    """[tried, succeeded] of what depends on recognition, so is no law."""
    out = {name: [0, 0] for name in ("wake", "stop", "nod")}
    for line in scenario.say:
        span = record.spans.get(line.id)
        if span is None:
            continue
        begin = span.first // FRAME
        talked_over = len(record.gain) > begin and record.gain[max(0, begin - 20) : begin + 1].min() > 0.9
        if line.text.startswith("Alexa"):
            out["wake"][0] += 1
            out["wake"][1] += any(
                t.event == "wake" and span.first < t.position < span.last + RATE_HZ for t in record.told
            )
        elif line.text == "Stop." and talked_over:
            late = record.gain[begin + 150 : begin + 250]
            out["stop"][0] += 1
            out["stop"][1] += bool(not late.any())
        elif line.id.startswith("nod") and talked_over:
            out["nod"][0] += 1
            out["nod"][1] += not any(
                t.event == "cancel" and span.first < t.now < span.last + RATE_HZ for t in record.told
            )
    return out


def _line(one: Told) -> str:
    data = {
        k: v for k, v in one.data.items() if k in ("reply", "turn", "utterance", "accepted", "onset", "last")
    }
    return f"{one.now / RATE_HZ:8.2f} {one.event:14} {one.text[:70]!r} {data or ''}"


class _LogKeeper(logging.Handler):
    """Keeps what the device logs as a warning or worse; the canceller's own words are not among it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "lacks words of the local commands" not in record.getMessage():
            self.lines.append(f"log {record.levelname}: {record.getMessage()}")
