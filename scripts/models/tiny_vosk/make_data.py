"""Synthesise training or held-out utterances, spoil them, and store MFCC with a phone label per 30 ms.

    make_data.py OUT.pkl COUNT SEED train|test [--jobs 2]

Each stored utterance: ``words``, ``voice``, ``feats`` (frames, 40) float16, ``lab`` (one phone name per third frame),
``per_word`` (phones of each word, for the lexicon; None for flite).
"""

from __future__ import annotations

import argparse
import pickle
import random
from multiprocessing import Pool

import augment
import kaldi_native_fbank as knf
import numpy as np
import words as vocab
from scipy.signal import resample
from speech import Espeak, Spoken, flite_say

RATE_HZ = augment.RATE_HZ
COEFFICIENTS = 40
FLITE_SHARE = 0.2
VOCABULARY = vocab.vocabulary()
OTHERS = vocab.others()
_espeak: Espeak | None = None


def mfcc(x: np.ndarray) -> np.ndarray:
    """``x`` on the int16 scale, 16 kHz -> (frames of 10 ms, 40) float32, as libvosk computes it from mfcc.conf."""
    o = knf.MfccOptions()
    o.frame_opts.dither = 0
    o.frame_opts.samp_freq = RATE_HZ
    o.frame_opts.snip_edges = True
    o.mel_opts.num_bins = COEFFICIENTS
    o.mel_opts.low_freq = 20
    o.mel_opts.high_freq = -400
    o.num_ceps = COEFFICIENTS
    o.use_energy = False
    f = knf.OnlineMfcc(o)
    f.accept_waveform(RATE_HZ, x.astype(np.float32).tolist())
    f.input_finished()
    return np.stack([f.get_frame(i) for i in range(f.num_frames_ready)]).astype(np.float32)


def choose_words(split: str, r: random.Random) -> list[str]:
    """Sentences, and for training also word salad with foreign words (phone coverage, [unk]) and plain nothing."""
    k = r.random()
    if split == "test" or k < 0.6:
        return vocab.sentence(r).split()
    if k < 0.8:
        return [r.choice(VOCABULARY) for _ in range(r.randint(1, 6))]
    if k < 0.96:
        return [r.choice(VOCABULARY + OTHERS * 2) for _ in range(r.randint(1, 6))]
    return []


def espeak() -> Espeak:
    global _espeak
    if _espeak is None:
        _espeak = Espeak()
    return _espeak


def speak(words: list[str], split: str, r: random.Random) -> tuple[Spoken | None, str]:
    """The words by a random voice, rate and pitch; and the voice's name."""
    if split == "train" and r.random() < FLITE_SHARE:
        voice = r.choice(vocab.FLITE_TRAIN)
        text = " ".join(r.choice(vocab.FLITE_SPOKEN.get(w, [w])) for w in words)
        return flite_say(text, voice, r.uniform(0.85, 1.25)), f"flite:{voice}"
    variant = r.choice(vocab.VARIANTS_TRAIN if split == "train" else vocab.VARIANTS_TEST)
    voice = r.choice(vocab.ACCENTS) + (f"+{variant}" if variant else "")
    spoken = [r.choice(vocab.SPOKEN.get(w, [w])) for w in words]
    return espeak().say(spoken, voice, r.randint(115, 235), r.randint(15, 85), r.randint(15, 85)), voice


def stretch(x: np.ndarray, rate_hz: int, factor: float) -> np.ndarray:
    """``x`` at 16 kHz, speed and pitch (so vocal tract length) changed by ``factor``."""
    n = int(len(x) * RATE_HZ / rate_hz / factor)
    padded = np.pad(x, (0, 512))
    return resample(padded, int(len(padded) * n / len(x)))[:n]


def make_one(job: tuple[int, str]) -> dict | None:
    seed, split = job
    r, pr = np.random.default_rng(seed), random.Random(seed)
    words = choose_words(split, pr)
    train = split == "train"
    if words:
        spoken, voice = speak(words, split, pr)
        if spoken is None:
            return None
        factor = pr.uniform(0.87, 1.15) if train else pr.uniform(0.93, 1.07)
        x, phones, per_word = stretch(spoken.pcm, spoken.rate_hz, factor), spoken.phones, spoken.per_word
    else:
        x, phones, per_word, factor, voice = np.zeros(int(RATE_HZ * r.uniform(0.3, 2.5))), [], [], 1.0, ""
    lead, tail = int(RATE_HZ * r.uniform(0.02, 0.7)), int(RATE_HZ * r.uniform(0.05, 0.8))
    x = np.concatenate([np.zeros(lead), x, np.zeros(tail)])
    spans = [
        (p, lead + int(a / factor * RATE_HZ), lead + int(b / factor * RATE_HZ)) for p, a, b in phones if p
    ]
    lab = np.full(len(x), "SIL", dtype=object)
    for phone, i, j in spans:
        lab[i:j] = phone
    level = augment.rms(x[lab != "SIL"]) if spans else 3000.0
    if spans and r.random() < 0.5:
        x = augment.reverberate(x, augment.room(r, r.uniform(0.1, 0.5), r.uniform(0.02, 0.1)))
    if r.random() < 0.5:
        x = augment.colour(r, x)
    gain = 10 ** (r.uniform(-26, 0) / 20) * 9000 / max(level, 1)
    x = x * gain
    if r.random() < (0.85 if train else 0.6):
        snr_db = r.uniform(5, 40) if train else r.uniform(12, 40)
        x = x + augment.noise(r, len(x)) * level * gain * 10 ** (-snr_db / 20)
    elif r.random() < 0.5:
        x = x + r.standard_normal(len(x)) * r.uniform(0.3, 5)
    if train and r.random() < 0.15:  # what an echo canceller leaves of the reply, or the television
        x = x + babble(pr, len(x), level * gain * 10 ** (-r.uniform(14, 28) / 20))
    x = np.clip(np.round(x), -32768, 32767)
    feats = mfcc(x)
    centre = (np.arange(len(feats)) * 160 + 200)[::3]
    labels = lab[centre]
    # Every phone needs at least one 30 ms frame: a skipped short phone gets the nearest frame of a longer neighbour.
    for phone, i, j in spans:
        t = int(((i + j) / 2 - 200) / 480 + 0.5)
        if 0 < t < len(labels) and not ((centre >= i) & (centre < j)).any():
            labels[t] = phone
    return {
        "words": words,
        "voice": voice,
        "feats": feats.astype(np.float16),
        "lab": list(labels),
        "per_word": per_word,
    }


def babble(r: random.Random, n: int, level: float) -> np.ndarray:
    """``n`` samples of another voice saying foreign words, RMS ``level`` while it speaks."""
    pcm, _ = espeak().synth(
        " ".join(r.choice(OTHERS) for _ in range(6)), f"en-us+{r.choice(vocab.VARIANTS_TRAIN[1:])}"
    )
    y = stretch(pcm.astype(np.float64), espeak().rate_hz, r.uniform(0.9, 1.1))
    y = np.roll(np.resize(y, n), r.randrange(n))
    return y * level / max(augment.rms(y), 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out")
    parser.add_argument("count", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("split", choices=["train", "test"])
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    with Pool(args.jobs) as pool:
        jobs = [(args.seed * 1_000_003 + i, args.split) for i in range(args.count)]
        made = [x for x in pool.imap_unordered(make_one, jobs, 32) if x]
    hours = sum(len(x["feats"]) for x in made) / 360_000
    flite = sum(x["voice"].startswith("flite") for x in made)
    print(f"{len(made)} utterances ({flite} by flite), {hours:.1f} h; dropped {args.count - len(made)}")
    with open(args.out, "wb") as file:
        pickle.dump(made, file)


if __name__ == "__main__":
    main()
