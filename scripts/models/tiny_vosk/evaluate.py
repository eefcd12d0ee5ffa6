"""How well does libvosk hear with a tiny model? Speech is made on the spot, by espeak-ng and flite.

    evaluate.py MODEL_DIR [--count 200] [--readme README.md] [--show]

Prints Markdown tables; with --readme they replace what stands between the two `figures` marks of that file.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import json
import platform
import random
import re
import time
from importlib.metadata import version
from pathlib import Path

import augment
import numpy as np
import psutil
import vosk
import words as vocab
from scipy.signal import resample_poly
from speech import Espeak, flite_say

RATE_HZ = augment.RATE_HZ
CHUNK = 2 * RATE_HZ // 50
"""Bytes in 20 ms, the size in which the device feeds its recogniser."""

TALK = """stop | stop it | cancel | never mind | volume up | volume down | turn it up | turn it down | louder | quieter
| set the volume to forty | set volume to forty percent | set the volume to twenty five percent | mute | unmute
| what time is it | what is the time | what day is it | what is the date | repeat that | say that again
| alexa what time is it | alexa set the volume to thirty percent | alexa tell me a story | alexa stop
| tell me a story | tell me a long story | what is two plus three | who are you | how far is the moon
| and what about tomorrow | what about mars | how old is the moon | no wait i meant the kitchen light
| actually never mind | hold on what about tomorrow | sorry which day did you say | no tell me about the moon | wait
| hold on | stop | mm-hm | uh-huh | yeah | okay | right | i see"""
PHRASES = [" ".join(p.split()) for p in TALK.split("|")]
"""What the demo and the scenarios say."""


def edits(a: list[str], b: list[str]) -> int:
    """Levenshtein distance in words."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


class Talkers:
    """Clips at 16 kHz, float on the int16 scale, RMS 1500, with 0.4 s before and 0.8 s after."""

    def __init__(self) -> None:
        self.espeak = Espeak()

    def clip(self, text: str, voice: str, r: random.Random, plain: bool) -> np.ndarray:
        if voice.startswith("flite:"):
            said = " ".join(vocab.FLITE_SPOKEN.get(w, [w])[0] for w in text.split())
            spoken = flite_say(said, voice.removeprefix("flite:"), 1.0 if plain else r.uniform(0.9, 1.15))
            x, rate_hz = spoken.pcm, spoken.rate_hz
        else:
            said = " ".join(vocab.SPOKEN.get(w, [w])[0] for w in text.split())
            rate, pitch = (165, 50) if plain else (r.randint(125, 225), r.randint(20, 80))
            x, _ = self.espeak.synth(said, voice, rate, pitch)
            x, rate_hz = x.astype(np.float64), self.espeak.rate_hz
        x = resample_poly(x, 320, 441) if rate_hz == 22_050 else resample_poly(x, RATE_HZ, rate_hz)
        x *= 1500 / augment.rms(x)
        return np.concatenate([np.zeros(6400), x, np.zeros(12_800)])


def in_room(x: np.ndarray, seed: int, rt60_s: float, snr_db: float) -> np.ndarray:
    """RT60 as given, as much reverberant as direct energy, white and coloured noise."""
    r = np.random.default_rng(seed)
    x = augment.reverberate(x, augment.room(r, rt60_s, 0.05 * (0.35 / rt60_s) ** 0.5))
    return x + augment.noise(r, len(x)) * 1500 * 10 ** (-snr_db / 20)


def hiss(x: np.ndarray, seed: int) -> np.ndarray:
    return x + np.random.default_rng(seed).standard_normal(len(x)) * 3


class Recogniser:
    def __init__(self, model: vosk.Model, grammar: list[str] | None = None) -> None:
        self.rec = vosk.KaldiRecognizer(model, RATE_HZ, *([json.dumps(grammar)] if grammar else []))
        self.cpu_s = self.audio_s = 0.0

    def hear(self, x: np.ndarray) -> str:
        raw = np.clip(np.round(x), -32768, 32767).astype("<i2").tobytes()
        began, parts = time.process_time(), []
        for i in range(0, len(raw), CHUNK):
            if self.rec.AcceptWaveform(raw[i : i + CHUNK]):
                parts.append(json.loads(self.rec.Result())["text"])
            else:
                self.rec.PartialResult()
        parts.append(json.loads(self.rec.FinalResult())["text"])
        self.cpu_s += time.process_time() - began
        self.audio_s += len(x) / RATE_HZ
        return " ".join(p for p in parts if p)


class Score:
    """Word errors and whole sentences right."""

    def __init__(self) -> None:
        self.errors = self.words = self.right = self.total = 0
        self.bad: list[tuple[str, str, str]] = []

    def add(self, want: str, got: str, voice: str) -> None:
        e = edits(want.split(), got.split())
        self.errors, self.words = self.errors + e, self.words + len(want.split())
        self.right, self.total = self.right + (e == 0), self.total + 1
        if e:
            self.bad.append((voice, want, got))

    def row(self) -> str:
        return (
            f"{100 * self.errors / self.words:.1f} % | {100 * self.right / self.total:.1f} % of {self.total}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--count", type=int, default=200, help="sentences a row (default 200)")
    parser.add_argument("--readme", type=Path, help="write the tables between this file's `figures` marks")
    parser.add_argument("--show", action="store_true", help="print what was heard wrongly")
    args = parser.parse_args()
    vosk.SetLogLevel(-1)
    rss, began = psutil.Process().memory_info().rss, time.process_time()
    model = vosk.Model(str(args.model))
    load_ms = (time.process_time() - began) * 1000
    rss_mb = (psutil.Process().memory_info().rss - rss) / 1e6
    talkers, rows, bad = Talkers(), [], []
    free = Recogniser(model)

    def test(title: str, voices: list[str], texts, plain: bool, spoil) -> None:
        score, r = Score(), random.Random(title)
        for i, text in enumerate(texts):
            voice = voices[i % len(voices)]
            score.add(text, free.hear(spoil(talkers.clip(text, voice, r, plain), i)), voice)
        rows.append(f"| {title} | {score.row()} |")
        bad.extend((title, *b) for b in score.bad)

    r = random.Random(2024)
    sentences = [vocab.sentence(r) for _ in range(args.count)]
    unseen = [f"{accent}+{v}" for v in vocab.VARIANTS_TEST for accent in ("en-us", "en")]
    flite = ["flite:slt", "flite:rms", "flite:awb"]
    everyone = [(p, v) for v in (*flite, "en-us", "en", "en-us+f5", "en-us+m8") for p in PHRASES]
    room = lambda x, i: in_room(x, i, 0.3 + 0.1 * (i % 2), 25)
    noisy = lambda x, i: in_room(x, i, 0.15 + 0.05 * (i % 6), 12 + i % 20)
    for voice in ("en-us", "en", "en-us+f5", "en-us+m8"):
        test(f"plain, espeak {voice}", [voice], sentences, True, hiss)
    test("plain, 24 espeak voices never trained on", unseen, sentences, False, hiss)
    test("the same, RT60 0.15-0.4 s, SNR 12-31 dB", unseen, sentences, False, noisy)
    for voice in flite:
        test(f"plain, {voice}", [voice], sentences, True, hiss)
        test(f"{voice}, RT60 0.3-0.4 s, SNR 25 dB", [voice], sentences, True, room)
    texts, voices = [p for p, _ in everyone], [v for _, v in everyone]
    test(f"the {len(PHRASES)} phrases of demo and scenarios, 7 voices", voices, texts, True, hiss)
    test("the same, RT60 0.3-0.4 s, SNR 25 dB", voices, texts, True, room)

    grammar = Recogniser(model, [*PHRASES, "[unk]"])
    inside, outside = Score(), 0
    foreign = [" ".join(r.choice(vocab.others()) for _ in range(r.randint(2, 5))) for _ in range(args.count)]
    for i, (text, voice) in enumerate(everyone):
        inside.add(text, grammar.hear(room(talkers.clip(text, voice, r, True), i)), voice)
    bad.extend(("grammar", *b) for b in inside.bad)
    accepted = collections.Counter()
    for i, text in enumerate(foreign):
        voice = [*unseen, *flite][i % (len(unseen) + 3)]
        heard = grammar.hear(room(talkers.clip(text, voice, r, True), i))
        if heard and "[unk]" not in heard:
            outside += 1
            accepted[heard] += 1

    cpu = _cpu()
    size = sum(f.stat().st_size for f in args.model.rglob("*") if f.is_file()) / 1e6
    words = len((args.model / "graph/words.txt").read_text().split("\n")) - 3
    measured = (
        f"Measured {datetime.date.today()} on {cpu}, Python {platform.python_version()}, vosk {version('vosk')}, 20 ms "
        f"chunks, by `scripts/models/tiny_vosk/evaluate.py` ({args.count} sentences a row)."
    )
    lines = [
        measured,
        "",
        "| free form | word error rate | sentences all right |",
        "|---|---|---|",
        *rows,
        "",
        f"| grammar of those {len(PHRASES)} phrases and `[unk]`, RT60 0.3-0.4 s, SNR 25 dB | |",
        "|---|---|",
        f"| phrases right | {inside.right} of {inside.total} |",
        f"| foreign phrases (2-5 words outside the vocabulary) accepted | {outside} of {len(foreign)} |",
        "",
        "| cost | |",
        "|---|---|",
        f"| vocabulary, size | {words} words, {size:.2f} MB |",
        f"| load | {load_ms:.0f} ms CPU, {rss_mb:.0f} MB |",
        f"| CPU real-time factor, a partial result every 20 ms | {free.cpu_s / free.audio_s:.4f} |",
    ]
    print("\n".join(lines))
    if args.show:
        print(*bad, accepted.most_common(5), sep="\n")
    if args.readme:
        text = args.readme.read_text()
        marks = r"(<!-- figures -->\n).*(<!-- /figures -->)"
        body = "\n".join(lines) + "\n"
        args.readme.write_text(re.sub(marks, lambda m: m[1] + body + m[2], text, flags=re.DOTALL))


def _cpu() -> str:
    """The CPU's name, as Linux tells it."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    name = re.search(r"model name\s*: (.*)", info)
    return f"one core of {name[1].strip() if name else platform.machine()}"


if __name__ == "__main__":
    main()
