#!/usr/bin/env python3
"""Train the weights of the "stop" spotter: models/stop-en/weights.npz.

    python scripts/models/stop_word/train.py [--sessions 70] [--keep FOLDER]

Synthetic voices (espeak-ng, flite) in simulated rooms, seeds fixed; training and validation share no room, no variant of
espeak-ng and no speaker of flite. Takes about half an hour on one core; --keep saves the sessions for another run.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from rich.progress import track

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import rooms
import voices

from device.ear.stop_word import AVERAGED, BANDS, PATTERN, PATTERN_ROWS, PLACES, ROWS, StopWeights, StopWord
from device.values import FRAME

TALKERS, SENTENCES, HELD_OUT, HELD_OUT_SENTENCES = 6000, 1700, 500, 150
"""Clips; sessions are recorded with the first ``RECORDED`` of the talkers."""
RECORDED = 2400
VERSIONS = 8
"""Each session is heard so often again with other talkers."""
PATTERNS, HIDDEN = 40, 96
EPOCHS, BATCH, RATE, DECAY, DROPPED = 28, 512, 2e-3, 3e-5, 0.2
FROM, TO, OVER = 9, 28, 48
"""Frames after the end of "stop": from the first to the second it is to be known; up to the third nothing is asked."""
MISTAKEN = 1 / 60
"""Of what is said in validation and neither is "stop" nor a word chosen for being like it, so much is taken for it."""


def is_stop(text: str) -> bool:
    return "stop" in text.lower()


def stretched(heard: rooms.Heard, rng: np.random.Generator) -> rooms.Heard:
    """The same, faster or slower by up to 15 %, with a throat shorter or longer by up to 1.5 bands."""
    pace, shift = rng.uniform(0.87, 1.15), rng.uniform(-1.5, 1.5)
    at = np.arange(0, len(heard.features) - 1, pace)
    whole = at.astype(int)
    part = (at - whole)[:, None].astype(np.float32)
    out = heard.features[whole] * (1 - part) + heard.features[whole + 1] * part
    low = np.floor(shift)
    bands = np.arange(40) + int(low)
    share = np.float32(shift - low)
    out = out[:, np.clip(bands, 0, 39)] * (1 - share) + out[:, np.clip(bands + 1, 0, 39)] * share
    said = [replace(s, first=int(s.first / pace), end=int(s.end / pace)) for s in heard.said]
    return replace(heard, features=out.astype(np.float32), gate=heard.gate[whole], said=said)


def rows(heard: rooms.Heard) -> np.ndarray:
    """20 ms rows that end with every frame: (frames, BANDS)."""
    half = heard.features.reshape(-1, BANDS, 2).sum(axis=2)
    half[1:] += half[:-1].copy()
    return half * np.float32(0.25)


def labels(heard: rooms.Heard) -> np.ndarray:
    """Of the window that ends with each frame: 1 "stop" was just said, 0 it was not, -1 not asked."""
    label = np.zeros(len(heard.features), np.int8)
    label[: 2 * ROWS] = -1
    for one in heard.said:
        if is_stop(one.text):
            label[one.first + 20 : one.end + OVER] = -1
            label[one.end + FROM : one.end + TO] = 1
    return label


class Net:
    """Patterns shared over time, one hidden layer, logistic output; Adam (D. P. Kingma and J. Ba, 2014)."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        wide = PLACES * PATTERNS
        self.p = [
            rng.standard_normal((PATTERN, PATTERNS)) * np.sqrt(2 / PATTERN), np.zeros(PATTERNS),
            rng.standard_normal((wide, HIDDEN)) * np.sqrt(2 / wide), np.zeros(HIDDEN),
            rng.standard_normal(HIDDEN) * 0.2, np.zeros(1),
        ]  # fmt: skip
        self.p = [p.astype(np.float32) for p in self.p]
        self.m = [np.zeros_like(p) for p in self.p]
        self.v = [np.zeros_like(p) for p in self.p]
        self.t = 0

    def learn(self, x: np.ndarray, y: np.ndarray, rate: float) -> float:
        """``x`` (n, PLACES, PATTERN)."""
        n, p = len(x), self.p
        keep = 1 - DROPPED
        found = np.maximum(x.reshape(-1, PATTERN) @ p[0] + p[1], 0)
        flat = found.reshape(n, -1)
        drop = (self.rng.random(flat.shape, np.float32) < keep) * np.float32(1 / keep)
        h = np.maximum((flat * drop) @ p[2] + p[3], 0)
        mask = (self.rng.random(h.shape, np.float32) < keep) * np.float32(1 / keep)
        h *= mask
        z = h @ p[4] + p[5]
        d = ((1 / (1 + np.exp(-z)) - y) / n).astype(np.float32)
        back = np.outer(d, p[4]) * (h > 0) * mask
        below = ((back @ p[2].T) * drop).reshape(found.shape) * (found > 0)
        grads = [
            x.reshape(-1, PATTERN).T @ below + DECAY * p[0], below.sum(0),
            (flat * drop).T @ back + DECAY * p[2], back.sum(0), h.T @ d, d.sum(keepdims=True),
        ]  # fmt: skip
        self.t += 1
        for p_, m, v, g in zip(p, self.m, self.v, grads, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            p_ -= rate * (m / (1 - 0.9**self.t)) / (np.sqrt(v / (1 - 0.999**self.t)) + 1e-8)
        return float((np.logaddexp(0, z) - y * z).mean())


_LAGS = (2 * (2 * np.arange(PLACES)[:, None] + np.arange(PATTERN_ROWS)[None, :])).ravel()
"""Frames back from the newest, of every row of every place."""


def windows(x: np.ndarray, at: np.ndarray) -> np.ndarray:
    return x[at[:, None] - _LAGS].reshape(len(at), PLACES, PATTERN)


def train(data: list[rooms.Heard], seed: int = 0) -> StopWeights:
    """Weights with the bands' normalisation folded in; log odds are not yet shifted to the threshold."""
    rng = np.random.default_rng(seed)
    x = np.concatenate([rows(h) for h in data])
    label = np.concatenate([labels(h) for h in data])
    mean, std = x.mean(axis=0), x.std(axis=0) + 1e-2
    x -= mean
    x /= std
    is_one, is_none = np.flatnonzero(label == 1)[::2], np.flatnonzero(label == 0)
    hard = is_none
    net = Net(rng)
    for epoch in range(EPOCHS):
        rate = RATE * 0.5 * (1 + np.cos(np.pi * epoch / EPOCHS))
        ones = rng.permutation(is_one)
        negatives = np.concatenate((rng.choice(hard, len(ones)), rng.choice(is_none, len(ones))))
        order = rng.permutation(np.concatenate((ones, negatives)))
        losses = [
            net.learn(windows(x, order[k : k + BATCH]), (label[order[k : k + BATCH]] == 1).astype(np.float32), rate)
            for k in range(0, len(order), BATCH)
        ]  # fmt: skip
        # those that are taken for "stop" the most are asked for again
        some = rng.choice(is_none, min(len(is_none), 200_000), replace=False)
        z = np.concatenate(
            [_forward(net.p, windows(x, some[k : k + 4096])) for k in range(0, len(some), 4096)]
        )
        hard = some[np.argsort(-z)[: len(some) // 12]]
        print(f"epoch {epoch + 1:2d}  loss {np.mean(losses):.4f}", flush=True)
    patterns = (net.p[0] / np.tile(std, PATTERN_ROWS)[:, None]).T
    return StopWeights(
        np.ascontiguousarray(patterns, np.float32),
        (net.p[1] - patterns @ np.tile(mean, PATTERN_ROWS)).astype(np.float32),
        np.ascontiguousarray(net.p[2].T), net.p[3], net.p[4], float(net.p[5][0]),
    )  # fmt: skip


def _forward(p: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    found = np.maximum(x.reshape(-1, PATTERN) @ p[0] + p[1], 0).reshape(len(x), -1)
    return np.maximum(found @ p[2] + p[3], 0) @ p[4] + p[5]


def scores(weights: StopWeights, heard: rooms.Heard) -> np.ndarray:
    """The spotter's mean log odds with every frame, -30 where the barge-in detector sees nobody: by the device's own code."""
    spotter, out = StopWord(weights), []
    for k, features in enumerate(heard.features):
        spotter.step(k * FRAME, features.tolist(), True, bool(heard.gate[k]))
        known = len(spotter._odds) == AVERAGED and k * FRAME < spotter._talked
        out.append(sum(spotter._odds) / AVERAGED if known else -30.0)
    return np.array(out)


def validate(weights: StopWeights, data: list[rooms.Heard]) -> dict[str, np.ndarray]:
    """The highest log odds for each "stop" within 0.6 s of its end, of each other thing said, and of each second without
    anybody."""
    stops, others, alone = [], [], []
    for heard in track(data, description="validation"):
        z = scores(weights, heard)
        free = np.ones(len(z), bool)
        after = 0
        for one in heard.said:
            if is_stop(one.text):
                after = one.end + 2 * ROWS + 20
            elif one.first < after:  # the "stop" before it is still in the window
                continue
            part = z[one.first : one.end + 60]
            (stops if is_stop(one.text) else others).append((part.max(), heard.ser_db, one.text, one.who))
            free[one.first : one.end + 60] = False
        alone += [z[k : k + 100].max() for k in range(100, len(z) - 100, 100) if free[k : k + 100].all()]
    return {"stops": stops, "others": others, "alone": np.array(alone)}


def threshold(found: dict) -> float:
    """The log odds above which so much as ``MISTAKEN`` is taken for "stop"."""
    usual = [z for z, _, text, _ in found["others"] if text not in voices.ALIKE]
    return float(np.quantile(usual, 1 - MISTAKEN))


def load(keep: Path | None, name: str, make):
    """What ``make`` returns, from ``keep`` if it is there."""
    file = keep / f"{name}.pkl" if keep else None
    if file and file.exists():
        return pickle.loads(file.read_bytes())
    made = make()
    if file:
        file.write_bytes(pickle.dumps(made))
    return made


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=70, help="training sessions of 60 s (default 70)")
    parser.add_argument("--keep", type=Path, help="folder in which voices and sessions are kept between runs")
    parser.add_argument("--out", type=Path, default=ROOT / "models/stop-en/weights.npz")
    args = parser.parse_args()
    keep = args.keep
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    sentences = ((voices.SENTENCES, 1.0),)
    talkers = load(keep, "talkers", lambda: voices.pool(1, False, TALKERS))
    all_talkers = talkers + load(keep, "sentences", lambda: voices.pool(11, False, SENTENCES, sentences))
    held_out = load(keep, "held", lambda: voices.pool(2, True, HELD_OUT))
    longer = load(keep, "held-sentences", lambda: voices.pool(12, True, HELD_OUT_SENTENCES, sentences))
    data, checks = [], []
    for k in track(range(args.sessions), description="sessions"):
        seed = rooms.ROOMS + k
        # in every tenth nobody talks
        bed = load(keep, f"{seed}", lambda s=seed, k=k: rooms.record(s, talkers[:RECORDED], k % 10 == 9))
        data.append(bed.heard)
        for version in range(VERSIONS if bed.starts else 0):
            again = rooms.other_talkers(bed, seed * 100 + version, all_talkers)
            data.append(stretched(again, np.random.default_rng([seed, version])))
    for k in track(range(max(6, args.sessions // 4)), description="validation sessions"):
        seed = rooms.VALIDATION + k
        bed = load(keep, f"{seed}", lambda s=seed, k=k: rooms.record(s, held_out, k % 6 == 5))
        checks.append(bed.heard)
        if bed.starts:
            checks.append(rooms.other_talkers(bed, seed * 100, held_out + longer))
    weights = train(data)
    found = validate(weights, checks)
    least = threshold(found)
    z, ser_db = (np.array([one[k] for one in found["stops"]]) for k in (0, 1))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(args.out, **{**asdict(weights), "out_bias": np.float32(weights.out_bias - least)})
    print(json.dumps({
        "weights": args.out.name, "sessions": len(data), "log_odds_at_threshold": round(least, 2), "stops": len(z),
        "found": round(float(np.mean(z > least)), 3), "found_from_0_db": round(float(np.mean(z[ser_db >= 0] > least)), 3),
        "others": len(found["others"]), "mistaken": int(sum(one[0] > least for one in found["others"])),
        "seconds_alone": len(found["alone"]), "false": int((found["alone"] > least).sum()),
    }))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
