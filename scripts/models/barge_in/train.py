#!/usr/bin/env python3
"""Train the barge-in detector's weights: models/barge-in/weights.npz.

    python scripts/models/barge_in/train.py [--sessions 340] [--jobs 2] [--keep FOLDER]

Simulated rooms and synthetic talkers (espeak-ng, flite), seeds fixed; training and validation share no room. Takes about
30 minutes on two cores, most of it for the sessions, which --keep saves for another run.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import pickle
import sys
from pathlib import Path

import numpy as np
from rich.progress import track

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import sessions

from device.ear.talker import GROWN_FRAMES, HISTORY, INPUTS, UNKNOWN

HIDDEN = 48
EPOCHS = 20
BATCH = 1024
RATE = 2e-3
DECAY = 1e-5


def load(seed: int, keep: Path | None) -> sessions.Session:
    """The examples of one session, its recording from ``keep`` if it is there."""
    file = keep / f"{seed}.pkl" if keep else None
    if file and file.exists():
        recording = pickle.loads(file.read_bytes())
    else:
        recording = sessions.record(seed)
        if file:
            file.write_bytes(pickle.dumps(recording))
    return sessions.examples(recording)


def stacked(session: sessions.Session) -> np.ndarray:
    """The classifier's inputs of every frame: (frames, INPUTS); a pause of the playback forgets what was before."""
    n, width = session.features.shape
    lags = np.full((HISTORY, n, width), UNKNOWN, np.float32)
    since = np.zeros(n, int)
    for k in range(1, n):
        since[k] = since[k - 1] + 1 if session.frame[k] == session.frame[k - 1] + 1 else 0
    for lag in range(HISTORY):
        known = np.flatnonzero(since >= lag)
        lags[lag, known] = session.features[known - lag]
    middle, before = lags[3:6].mean(axis=0), lags[[8, 11, 14]].mean(axis=0)
    erle = np.clip(session.erle_db, 0, 40)[:, None]
    age = (np.minimum(np.arange(1, n + 1), GROWN_FRAMES) / GROWN_FRAMES).astype(np.float32)[:, None]
    return np.concatenate((lags[0], lags[1], lags[2], middle, before, erle, age), axis=1)


class Net:
    """One hidden layer of ReLU, logistic output, Adam (D. P. Kingma and J. Ba, 2014)."""

    def __init__(self, rng: np.random.Generator) -> None:
        scale = np.sqrt(2 / INPUTS)
        self.p = [
            (rng.standard_normal((INPUTS, HIDDEN)) * scale).astype(np.float32), np.zeros(HIDDEN, np.float32),
            (rng.standard_normal(HIDDEN) * 0.2).astype(np.float32), np.zeros(1, np.float32),
        ]  # fmt: skip
        self.m = [np.zeros_like(p) for p in self.p]
        self.v = [np.zeros_like(p) for p in self.p]
        self.t = 0

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        h = np.maximum(x @ self.p[0] + self.p[1], 0)
        return h, h @ self.p[2] + self.p[3]

    def learn(self, x: np.ndarray, y: np.ndarray, w: np.ndarray, rate: float) -> float:
        h, z = self.forward(x)
        p = 1 / (1 + np.exp(-z))
        d = (w * (p - y) / w.sum()).astype(np.float32)
        back = np.outer(d, self.p[2]) * (h > 0)
        grads = [x.T @ back + DECAY * self.p[0], back.sum(0), h.T @ d, d.sum(keepdims=True)]
        self.t += 1
        for p_, m, v, g in zip(self.p, self.m, self.v, grads, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            p_ -= rate * (m / (1 - 0.9**self.t)) / (np.sqrt(v / (1 - 0.999**self.t)) + 1e-8)
        return float((w * (np.logaddexp(0, z) - y * z)).sum() / w.sum())


def train(data: list[sessions.Session], seed: int = 0) -> dict[str, np.ndarray]:
    """Weights with the inputs' normalisation folded in."""
    rng = np.random.default_rng(seed)
    counted = [s.label >= 0 for s in data]
    x = np.concatenate([stacked(s)[k] for s, k in zip(data, counted, strict=True)])
    y = np.concatenate([s.label[k] for s, k in zip(data, counted, strict=True)]).astype(np.float32)
    w = np.concatenate([s.weight[k] for s, k in zip(data, counted, strict=True)])
    mean, std = x.mean(axis=0), x.std(axis=0) + 1e-3
    x -= mean
    x /= std
    net = Net(rng)
    for epoch in range(EPOCHS):
        order, losses = rng.permutation(len(x)), []
        rate = RATE * 0.5 * (1 + np.cos(np.pi * epoch / EPOCHS))
        for at in range(0, len(x), BATCH):
            pick = order[at : at + BATCH]
            losses.append(net.learn(x[pick], y[pick], w[pick], rate))
        print(f"epoch {epoch + 1:2d}  loss {np.mean(losses):.4f}", flush=True)
    hidden = (net.p[0] / std[:, None]).T
    return {
        "hidden": np.ascontiguousarray(hidden, np.float32),
        "hidden_bias": (net.p[1] - hidden @ mean).astype(np.float32),
        "out": net.p[2], "out_bias": net.p[3][0],
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=340, help="training sessions of 75 s (default 340)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--keep", type=Path, help="folder in which recordings are kept between runs")
    parser.add_argument("--out", type=Path, default=ROOT / "models/barge-in/weights.npz")
    args = parser.parse_args()
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    seeds = range(sessions.ROOMS, sessions.ROOMS + args.sessions)
    with multiprocessing.Pool(args.jobs) as pool:
        one = functools.partial(load, keep=args.keep)
        data = list(track(pool.imap(one, seeds), description="sessions", total=len(seeds)))
    weights = train(data)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(args.out, **weights)
    print(
        json.dumps({"weights": str(args.out.name), "sessions": len(data), "inputs": INPUTS, "hidden": HIDDEN})
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
