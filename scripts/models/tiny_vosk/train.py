"""Train a small TDNN (frame cross-entropy, one output per 30 ms) with PyTorch on one CPU thread.

    train.py TRAIN.pkl TEST.pkl OUT.pt [--epochs 9] [--dim 224] [--layers 4]

The first layer splices t-4..t+4 at every third frame; the others splice t-3, t, t+3. All are affine, ReLU, batch norm.
One thread on purpose: with two OpenMP threads on a busy two-core machine the barriers spin, ten times slower.
"""

from __future__ import annotations

import argparse
import collections
import pickle
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

FIRST = tuple(range(-4, 5))
LATER = (-3, 0, 3)
WINDOW = 48
BATCH = 64
LEAST_FRAMES = 150
"""A phone with fewer labelled frames than this is not modelled."""


class Tdnn(nn.Module):
    """(batch, 40, 3 * (w + 2 * later - 1) + 9) normalised inside -> (batch, phones, w) logits."""

    def __init__(self, inputs: int, dim: int, outputs: int, later: int = 4) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("istd", torch.ones(inputs))
        first = nn.Conv1d(inputs, dim, len(FIRST), stride=3)
        self.conv = nn.ModuleList([first] + [nn.Conv1d(dim, dim, 3) for _ in range(later)])
        self.bn = nn.ModuleList(nn.BatchNorm1d(dim) for _ in range(later + 1))
        self.out = nn.Conv1d(dim, outputs, 1)
        self.later = later

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = (x - self.mean[:, None]) * self.istd[:, None]
        for conv, norm in zip(self.conv, self.bn, strict=True):
            x = norm(F.relu(conv(x)))
        return self.out(x)


def stream(data: list[dict], ids: dict[str, int], later: int) -> tuple[torch.Tensor, torch.Tensor]:
    """All utterances (each begins and ends in silence) as one long row of features and labels."""
    f = np.concatenate([x["feats"][: 3 * (len(x["feats"]) // 3)] for x in data])
    y = np.concatenate([np.array([ids.get(p, -100) for p in x["lab"][: len(x["feats"]) // 3]]) for x in data])
    pad = 3 * later + 4
    f = np.concatenate([f[:1].repeat(pad, 0), f, f[-1:].repeat(pad, 0)])
    return torch.from_numpy(f), torch.from_numpy(y)


def windows(f: torch.Tensor, y: torch.Tensor, later: int, rng: np.random.Generator | None):
    """Batches of WINDOW labels with the features they need; shuffled and shifted when ``rng`` is given."""
    n = len(y) // WINDOW - 1
    off = int(rng.integers(0, WINDOW)) if rng is not None else 0
    order = rng.permutation(n) if rng is not None else np.arange(n)
    span = 3 * (WINDOW + 2 * later - 1) + 9
    for k in range(0, n, BATCH):
        at = order[k : k + BATCH] * WINDOW + off
        yield (
            torch.stack([f[3 * i : 3 * i + span] for i in at]).float().transpose(1, 2),
            torch.stack([y[i : i + WINDOW] for i in at]),
        )


@torch.no_grad()
def accuracy(net: Tdnn, f: torch.Tensor, y: torch.Tensor) -> float:
    """Share of speech frames whose phone is right."""
    net.eval()
    right = total = 0
    for x, want in windows(f, y, net.later, None):
        speech = want > 0
        right += ((net(x).argmax(1) == want) & speech).sum().item()
        total += speech.sum().item()
    return right / total


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("out")
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--dim", type=int, default=224)
    parser.add_argument("--layers", type=int, default=4)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    sets = []
    for path in (args.train, args.test):
        with open(path, "rb") as file:
            sets.append(pickle.load(file))
    count = collections.Counter(p for x in sets[0] for p in x["lab"])
    phones = ["SIL"] + sorted(p for p in count if p != "SIL" and count[p] >= LEAST_FRAMES)
    ids = {p: i for i, p in enumerate(phones)}
    print(len(phones), "phones; too rare:", {p: c for p, c in count.items() if p not in ids})
    (f, y), (f_test, y_test) = (stream(d, ids, args.layers) for d in sets)
    prior = np.bincount(y[y >= 0].numpy(), minlength=len(phones)).astype(float)
    sets.clear()
    net = Tdnn(f.shape[1], args.dim, len(phones), args.layers)
    sample = f[::37].float()
    net.mean.copy_(sample.mean(0))
    net.istd.copy_(1 / sample.std(0))
    steps = args.epochs * (len(y) // WINDOW // BATCH + 1)
    print(
        sum(p.numel() for p in net.parameters()), "parameters,", len(y), "labels,", steps, "steps", flush=True
    )
    optimiser = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps + 5, pct_start=0.2)
    began = time.monotonic()
    for epoch in range(args.epochs):
        net.train()
        total, n = 0.0, 0
        for x, want in windows(f, y, args.layers, rng):
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(x)
            loss = F.cross_entropy(logits.float(), want, ignore_index=-100, label_smoothing=0.02)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total, n = total + loss.item(), n + 1
        right = accuracy(net, f_test, y_test)
        spent = time.monotonic() - began
        print(
            f"epoch {epoch}: loss {total / n:.3f}, held-out speech frames right {right:.3f}, {spent:.0f} s",
            flush=True,
        )
        torch.save(
            {
                "state": net.state_dict(),
                "phones": phones,
                "priors": prior / prior.sum(),
                "later": args.layers,
            },
            args.out,
        )


if __name__ == "__main__":
    main()
