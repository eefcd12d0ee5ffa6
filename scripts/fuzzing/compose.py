"""Random conversations: from a seed to the text of a scenario file (and the WAV files it names).

Every conversation is a few *acts*: somebody calls the device, and others (or the same person) speak into what follows:
while it thinks, as the answer begins, over it, in a hold, as it ends, into the follow-up, or twice at once.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.audio.levels import clip_edges
from device.audio.wav import write_wav
from device.scenario import talkers

VOICES = ("flite:slt", "flite:rms", "flite:awb", "en-gb", "en+f3", "en-gb-scotland+m3", "en-gb-x-rp+f2")
COMMANDS = ("what time is it", "what is the date", "turn it up", "turn it down", "set the volume to forty percent",
            "mute", "unmute", "repeat that", "what did you say", "never mind", "stop", "go on")  # fmt: skip
QUESTIONS = ("tell me a story", "tell me a long story", "what is two plus three", "who are you", "tell me a joke",
             "how far is the moon", "what about tomorrow", "what is the weather tomorrow")  # fmt: skip
CUT_INS = ("what is two plus three", "no wait", "wait", "hold on", "never mind", "that is enough", "turn it down",
           "what time is it", "actually stop", "sorry what did you say", "alexa", "alexa stop",
           "alexa tell me a joke", "no", "how far is the moon", "who are you", "repeat that")  # fmt: skip
HESITATIONS = (
    ("tell me a", "story"), ("tell me a", "long story"), ("what is two plus", "three"), ("set the volume to", "forty percent"),
    ("turn it", "down"), ("what is the weather", "tomorrow"), ("tell me a story", "no tell me a joke"), ("who", "are you"),
    ("what time is it", "tomorrow"), ("turn it up", "no down"),
)  # fmt: skip
"""Said with a pause in the middle: after words that want more, and after what could have been the end."""
PAUSE_S = (0.3, 1.0)
AFTERWARDS = ("go on", "repeat that", "no I meant forty percent", "what about tomorrow", "turn it down")
"""Said into what follows an answer, or a part of one."""
BACKCHANNELS = ("um hum", "uh huh", "yeah", "okay", "right", "I see", "oh really")
DELAYS_MS = (0, 20, 40, 80)
"""Longer ones (150 ms with RT60 0.5 s) outlast the canceller's 250 ms: there the device does hear itself now and then."""
ANSWERS = (
    "Yes.",
    "Two plus three is five.",
    "I would bring an umbrella. Shall I remind you?",
    (
        "The moon is about three hundred and eighty thousand kilometers away, which light covers in a little more than a "
        "second."
    ),
    "Why did the robot cross the road? Because it had been told to, by somebody who was not looking.",
    (
        "Once there was a lighthouse on an island far out in the sea. An old man lived in it with his dog, and every "
        "evening they climbed up the ninety nine steps together. He lit the lamp, and the dog barked at the first star. "
        "One night a storm came up, and a small boat was lost between the rocks."
    ),
    (
        "Well... um, 3.5 km/h (about 2 mph), e.g. Dr. Smith's *walk*: see https://example.org/a?b=c! And then? Nothing; "
        "nothing at all - 100% nothing."
    ),
)


def compose(seed: int, folder: Path) -> str:
    """The scenario of ``seed`` as TOML; noises are written to ``folder``."""
    return _Composer(seed, folder).text()


class _Composer:
    def __init__(self, seed: int, folder: Path) -> None:
        self.rng, self.seed, self.folder = random.Random(seed), seed, folder
        self.lines: list[dict[str, Any]] = []

    def text(self) -> str:
        rng = self.rng
        engine = rng.choice(("vosk", "vosk", "pocketsphinx"))
        model = ', model = "vosk-tiny-en"' if engine == "vosk" else ""
        worker = rng.random() > 0.08
        out = [f'title = "fuzz {self.seed}"', f"seed = {self.seed % 2**32}", "max_s = 400"]
        out += ["attention = true"] if rng.random() < 0.1 else []
        out += ["[room]", *(f"{key} = {json.dumps(value)}" for key, value in self._room().items())]
        out += ["[device]", f'recogniser = {{ engine = "{engine}"{model} }}', "conversation.answer_s = 6"]
        out += [f"barge_in.sensitivity = {rng.choice((0.5, 0.5, 0.2, 0.8))}"]
        out += [f"conversation.follow_up_s = {rng.choice((5, 5, 2, 0))}"]
        out += [f"speculation.enabled = {json.dumps(rng.random() < 0.85)}"]
        out += [
            f"endpointing.strategy = {json.dumps(rng.choice(('adaptive', 'adaptive', 'adaptive', 'fixed')))}"
        ]
        out += ["[endpoint]", f"worker = {json.dumps(worker)}"]
        out += [f"first_token_ms = {rng.choice((0, 100, 300, 300, 900, 2500, 5500, 9000))}"]
        out += [f"tokens_per_s = {rng.choice((2, 5, 30, 30, 200))}"]
        if worker:
            for when in ("story", "two", "tomorrow", "who", "joke", "*"):
                out += ["[[endpoint.reply]]", f'when = "{when}"', f"text = {json.dumps(rng.choice(ANSWERS))}"]
                out += [f"expect_reply = {json.dumps(rng.random() < 0.2)}"]
        for act in range(rng.randint(1, 4)):
            self._act(act)
        for line in self.lines:
            out += ["[[say]]", *(f"{key} = {json.dumps(value)}" for key, value in line.items())]
        return "\n".join(out) + "\n"

    def _room(self) -> dict[str, Any]:
        rng = self.rng
        room: dict[str, Any] = {
            "rt60_s": round(rng.uniform(0.2, 0.6), 2),
            "ser_db": round(rng.uniform(-6, 10), 1),
            "echo_delay_ms": rng.choice(DELAYS_MS),
            "distortion": rng.choice(("none", "soft", "soft", "clip")),
        }
        if rng.random() < 0.3:
            room["drift_ppm"] = rng.choice((-80, -20, 20, 80))
        if rng.random() < 0.3:
            room["snr_db"] = round(rng.uniform(12, 30), 1)
        return room

    def _act(self, act: int) -> None:
        """Somebody calls; up to three sounds fall into what follows."""
        rng = self.rng
        opening = f"Alexa, {rng.choice(COMMANDS if rng.random() < 0.35 else QUESTIONS)}."
        voice = rng.choice(VOICES)
        cue = (
            {"at_s": round(rng.uniform(0.3, 2), 2)}
            if act == 0
            else {"after": "quiet", "plus_ms": rng.randint(0, 9000)}
        )
        if rng.random() < 0.2:
            self._line("call", "Alexa.", voice, cue)
            if rng.random() < 0.3:
                return  # and then nothing
            cue = {"after": self.lines[-1]["id"], "plus_ms": rng.choice((100, 400, 800, 2000, 5500, 6500))}
            opening = opening.removeprefix("Alexa, ")
        if rng.random() < 0.35:
            self._hesitation(opening.startswith("Alexa"), voice, cue)
        else:
            self._line("open", opening, voice, cue)
        for number in range(rng.choice((0, 1, 1, 1, 2, 3))):
            self._interference(first=number == 0)
        if rng.random() < 0.25:
            cue = {"after": "reply_end", "plus_ms": rng.choice((100, 500, 1500, 4000))}
            self._line("then", f"{rng.choice(AFTERWARDS).capitalize()}.", voice, cue)

    def _interference(self, first: bool) -> None:
        rng, before = self.rng, self.lines[-1]["id"]
        cues: list[dict[str, Any]] = [
            {"after": before, "plus_ms": rng.randint(-600, 1200)},
            {"after": before, "plus_ms": rng.randint(1000, 6000)},
        ]
        if first:
            cues += 3 * [{"after": "reply_start", "plus_ms": rng.randint(0, 7000)}]
            cues += [{"after": "reply_start", "plus_ms": rng.randint(0, 150)}]
            cues += [{"after": "reply_end", "plus_ms": rng.choice((0, 50, 300, 1500, 4500, 5200))}]
        cue, kind = rng.choice(cues), rng.choice(("stop", "cut", "cut", "cut", "nod", "nod", "noise"))
        if kind == "noise":
            return self._noise(cue)
        said = {"stop": ("stop",), "cut": CUT_INS, "nod": BACKCHANNELS}[kind]
        self._line(kind, f"{rng.choice(said).capitalize()}.", rng.choice(VOICES), cue)
        return None

    def _line(self, kind: str, text: str, voice: str, cue: dict[str, Any]) -> None:
        line = {"id": f"{kind}{len(self.lines) + 1}", "text": text, "voice": voice, **cue}
        self.lines.append(line | {"gain_db": self.rng.choice((0, 0, 0, -4, 4))})

    def _noise(self, cue: dict[str, Any]) -> None:
        """A cough, a clap, a door or a beep: bursts of shaped noise."""
        rng = np.random.default_rng([self.seed, len(self.lines)])
        name = f"noise{len(self.lines) + 1}"
        kind = self.rng.choice(("cough", "clap", "rumble", "beep", "murmur"))
        if (
            kind == "murmur"
        ):  # speech that nobody can understand: an interruption that turns out to be nothing
            words = talkers.render(self.rng.choice(CUT_INS), self.rng.choice(VOICES))
            return self._sound(name, f"({kind})", words[::-1], cue)
        seconds = {"cough": 0.45, "clap": 0.08, "rumble": 1.5, "beep": 0.6}[kind]
        time = np.arange(round(16_000 * seconds)) / 16_000
        sound = rng.standard_normal(len(time))
        if kind == "cough":
            sound = np.convolve(sound, np.ones(5) / 5, "same") * (
                np.exp(-time * 18) + 0.5 * np.exp(-(((time - 0.3) * 20) ** 2))
            )
        elif kind == "clap":
            sound *= np.exp(-time * 70)
        elif kind == "rumble":
            sound = np.convolve(sound, np.ones(40) / 40, "same")
        else:
            sound = np.sin(2 * np.pi * 880 * time) * np.minimum(1, 40 * np.minimum(time, time[-1] - time))
        return self._sound(name, f"({kind})", sound, cue)

    def _hesitation(self, called: bool, voice: str, cue: dict[str, Any]) -> None:
        """A line with a pause in it, as one sound."""
        first, rest = self.rng.choice(HESITATIONS)
        parts = [
            talkers.render(text, voice) for text in (f"{'Alexa, ' if called else ''}{first}", f"{rest}.")
        ]
        (begin, end), (begin_rest, end_rest) = (clip_edges(part) for part in parts)
        pause = np.zeros(round(16_000 * self.rng.uniform(*PAUSE_S)), np.float32)
        sound = np.concatenate([parts[0][begin : end + 1], pause, parts[1][begin_rest : end_rest + 1]])
        spoken = f"{'Alexa, ' if called else ''}{first} ... {rest}."
        self._sound(f"open{len(self.lines) + 1}", spoken, sound, cue)

    def _sound(self, name: str, text: str, sound: NDArray[Any], cue: dict[str, Any]) -> None:
        write_wav(self.folder / f"{name}.wav", (0.5 * sound / np.abs(sound).max()).astype(np.float32), 16_000)
        self.lines.append({"id": name, "wav": f"{name}.wav", "text": text, **cue})
