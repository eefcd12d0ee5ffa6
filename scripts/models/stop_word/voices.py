"""Synthetic people who say "stop", and other things: as many voices as espeak-ng and flite make between them.

None of them is a voice, or has the variant of one, of ``earshot bench barge-in``.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import tempfile
from dataclasses import dataclass

import numpy as np
import soxr
from rich.progress import track

from device.audio.levels import active_rms
from device.audio.wav import read_wav
from device.scenario import espeak_clip
from device.values import RATE_HZ

ACCENTS = ("en-us", "en-gb", "en-us", "en-gb", "en-029", "en-us-nyc", "en-gb-x-gbclan", "en-gb-x-gbcwmd")
VARIANTS = (
    "m1", "m2", "m3", "m4", "m5", "m7", "m8", "f1", "f3", "f5", "Alex", "Alicia", "Andrea", "Andy", "Annie", "Denis", "Diogo",
    "Gene", "Gene2", "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Michael", "Mike", "Reed", "Storm", "Tweaky", "adam",
    "anika", "announcer", "antonio", "aunty", "belinda", "benjamin", "boris", "caleb", "croak", "david", "ed", "edward",
    "grandma", "grandpa", "gustave", "ian", "iven", "iven2", "iven3", "john", "kaukovalta", "klatt", "klatt2", "klatt3", "klatt4",
    "linda", "marcelo", "max", "michel", "miguel", "mike2", "norbert", "pablo", "paul", "pedro", "quincy", "rob", "robert",
    "sandro", "shelby", "steph", "steph2", "steph3", "travis", "victor", "zac",
)  # fmt: skip
HELD_OUT = (
    "m4",
    "f5",
    "Andy",
    "belinda",
    "klatt2",
    "steph",
    "grandpa",
    "pedro",
    "awb",
    "quincy",
    "Lee",
    "anika",
)
"""Of validation only: variants, and a voice of flite."""
FLITE = ("slt", "kal16", "awb")
FLITE_SHARE = 0.25
"""Few, but recorded people's, so they speak as often as a quarter of all."""

STOP = (
    "Stop!", "Stop!", "Stop!", "Stop.", "Stop.", "Stop", "Stop", "stop?", "Stop it!", "Stop that.", "Please stop.", "Stop please.",
    "Alexa, stop.", "Stop, stop!", "Okay, stop.", "Stop now!",
)  # fmt: skip
ALIKE = (
    "stock", "story", "star", "start", "step", "spot", "shop", "top", "stuff", "stay", "still", "store", "steep", "stamp",
    "strap", "drop", "hop", "pop", "chop", "stoop", "soup", "swap", "sob", "set up", "hold up", "stark", "store it", "laptop",
    "a lot", "scott", "what's up", "stuck", "stub", "staff", "sharp", "trap", "dot", "lock", "sort", "star it", "shot", "sock",
    "sit up", "stack", "state", "Start!", "Step!", "Spot!", "Shop!", "Top!", "Story!", "Stock!", "Store!", "Start it.",
)  # fmt: skip
OTHER = (
    "excuse me, could you say that again", "I would rather hear the news", "turn on the lamp in the hall", "what did he say",
    "please be quiet now", "give me the second one", "hang on", "go back to the beginning", "how far is it from here",
    "my sister will come at eight", "switch off the heating", "not that, the other song", "can you make it louder",
    "add butter and eggs to the list", "wait wait wait", "no, I said Monday", "play something else", "who wrote this book",
    "and what about the children", "I think you are wrong", "that's not true at all", "put it on the shelf", "listen", "wait",
    "hold on", "cancel", "no", "um hum.", "uh huh.", "mm hm.", "yeah.", "okay.", "right.", "I see.", "good", "really", "oh.",
    "thank you very much", "yes please", "yes", "alexa.", "Alexa, what's the time", "set a timer for ten minutes", "louder",
    "the stairs are steep and the shop is at the top", "start the story from the start", "step by step", "it starts at six",
    "is the store still open", "lots of people drop in at the pub", "I got the job", "this spot is hot", "shut the door",
    "first of all", "he stood up and sat down", "it costs a lot", "best of luck", "what a surprise", "is that so", "sure",
)  # fmt: skip
SENTENCES = (
    "Could I have the second half of that again, with the names this time?", "The last bus to the hospital leaves at midnight.",
    "I thought we agreed to eat outside if the sun came out.", "Does the bakery on the square sell rye bread on Sundays?",
    "Tell my brother that his parcel has been sitting in the hall since Friday.", "Skip the history and just give me the numbers.",
    "Those shoes cost twice as much as they did last autumn.", "She asked whether the doctor had called back yet.",
    "Put the soup back on the stove and stir it for a while.", "It's hot up here, open the top window a bit.",
    "How many stamps do I need for a letter to Spain?", "We used to swim across that lake every single morning.",
    "Set the alarm for half past six, not for seven.", "Is it supposed to rain on Saturday afternoon?",
    "The cat has got stuck on the roof of the shed again.", "Find me something simple to cook with spinach and cheese.",
    "I'd like to hear what happened to the other passengers.", "Why don't you start with the shortest one instead?",
    "My phone is at the bottom of the blue bag upstairs.", "There must be a faster way to get to the station.",
    "What's the difference between a stork and a heron?", "The children want to stay up and watch the stars tonight.",
    "Add a dozen apples, soap and some washing powder.", "He dropped the pot on the step and it cracked.",
    "Nobody told us that the shop would be shut at lunch.", "Let's go over the budget once more before Tuesday.",
    "Turn the lights in the study down to thirty percent.", "I don't think that's the street we were looking for.",
    "Just a second, the kettle is boiling over.", "Which team scored the first goal in the second half?",
    "Somebody should water the plants on the balcony.", "That story about the postman was much better.",
    "Please speak a little slower, I can't follow that.", "What time does the swimming pool open on weekdays?",
    "We could ask Stephen to bring his sister's guitar.", "It took us almost six hours because of the storm.",
    "Read me the instructions from the start, step by step.", "The strap of my watch is broken, where can I get a new one?",
    "Are there any good films on at the weekend?", "I have to pick up the kids at a quarter to four.",
    "Give me three reasons why bees are so important.", "No, I asked about the population of Scotland.",
    "Would you remind us to stack the chairs afterwards?", "Our neighbours have sold their house in the valley.",
    "The printer has run out of paper and of ink.", "Play that song by the band with the long name.",
    "Switch to the sports channel, the match must have begun.", "Whose turn is it to take out the rubbish?",
    "It said on the news that the bridge is closed.", "The soft cheese is on the top shelf next to the stock cubes.",
    "Who was the first woman to climb that mountain?", "You can skip the rest, I know that already.",
)  # fmt: skip
WORDS = ((STOP, 0.5), (ALIKE, 0.2), (OTHER, 0.3))
"""And how often each is spoken."""


@dataclass(frozen=True, slots=True)
class Clip:
    """``sound`` float32 at 16 kHz, -20 dBFS, without the silence around it."""

    text: str
    who: str
    sound: np.ndarray


def pool(seed: int, held_out: bool, count: int, groups: tuple = WORDS) -> list[Clip]:
    """``count`` clips of ``groups`` by voices that are, or are not, held out; seeded."""
    rng = np.random.default_rng(seed)
    clips = []
    for _ in track(range(count), description="voices"):
        group = groups[rng.choice(len(groups), p=[share for _, share in groups])][0]
        text, who = str(rng.choice(group)), _voice(rng, held_out)
        sound = _spoken(text, who, int(rng.integers(0, 5)))
        first, last = edges(sound)
        sound = sound[max(0, first - 320) : last + 320]
        clips.append(Clip(text, who, (sound * (0.1 / active_rms(sound))).astype(np.float32)))
    return clips


def varied(clip: Clip, rng: np.random.Generator) -> np.ndarray:
    """Its sound with pitch, and with it pace and throat, changed by up to 14 %."""
    return soxr.resample(clip.sound, RATE_HZ, RATE_HZ * rng.uniform(0.87, 1.14)).astype(np.float32)


def edges(sound: np.ndarray) -> tuple[int, int]:
    """First and last sample of what is within 26 dB of its loud parts."""
    n = len(sound) // 80
    level = 10 * np.log10((sound[: n * 80].reshape(n, 80) ** 2).mean(axis=1) + 1e-12)
    loud = np.flatnonzero(level > np.percentile(level, 97) - 26)
    return int(loud[0]) * 80, int(loud[-1] + 1) * 80


def _voice(rng: np.random.Generator, held_out: bool) -> str:
    names = [n for n in (FLITE if rng.random() < FLITE_SHARE else VARIANTS) if (n in HELD_OUT) == held_out]
    name = str(rng.choice(names))
    return f"flite:{name}" if name in FLITE else f"{rng.choice(ACCENTS)}+{name}"


def _spoken(text: str, who: str, pace: int) -> np.ndarray:
    if who.startswith("flite:"):
        with tempfile.TemporaryDirectory() as folder:
            out = f"{folder}/clip.wav"
            stretch = f"duration_stretch={(0.8, 0.9, 1.0, 1.15, 1.3)[pace]}"
            subprocess.run(["flite", "-voice", who[6:], "--setf", stretch, "-t", text, "-o", out], check=True)
            return read_wav(out)
    espeak_clip.WORDS_PER_MINUTE = (190, 170, 150, 135, 120)[pace]
    out = io.TextIOWrapper(io.BytesIO())
    with contextlib.redirect_stdout(out):
        failed = espeak_clip.main([who, text])
    if failed:
        raise SystemExit(f"{who}: {text!r} cannot be spoken")
    head, _, pcm = out.buffer.getvalue().partition(b"\n")
    sound = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    return soxr.resample(sound, int(head), RATE_HZ).astype(np.float32)
