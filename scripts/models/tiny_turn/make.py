"""Train a tiny turn-end model with Smart Turn v3's signature, for tests without the real weights.

    make.py OUT_DIR          (needs onnx, and the program flite; models/turn-tiny is what it writes)

    features (batch, 80, 800) ─► last 0.8 s ─► means of 5 bands x 5 frames (16 x 16) ─► 12 tanh ─► sigmoid ─► (batch, 1)

It learns what whole sentences of synthetic voices sound like at their end (falling pitch, energy that fades, long last
syllables), against the same sentences broken off between 30 and 80 %: prosody for machines, not for people.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from device.audio.levels import active_rms, clip_edges
from device.ear.turn_end.log_mel import BANDS, FRAMES, log_mel
from device.scenario.talkers import render
from device.values import RATE_HZ, samples

SENTENCES = (
    "Turn on the kitchen light.", "Set a timer for ten minutes.", "What is the weather like tomorrow?", "Tell me a joke.",
    "Play some music in the bedroom.", "How far away is the moon?", "Please turn the volume down a little.", "Good morning.",
    "I would like to know the time.", "Remind me to call my mother at six.", "Who wrote that book about the whale?",
    "Add milk and bread to the shopping list.", "Is there any news about the election?", "Never mind.", "Volume up.",
    "Can you read me the recipe again?", "What is two plus three?", "Open the window and close the door.", "Stop the music.",
    "Tell me more about the history of Rome.", "Make it a bit warmer in here.", "Wake me up at half past seven.",
    "Where did I leave my keys?", "Call the office and say that I am late.",
)  # fmt: skip
HELD_OUT_SENTENCES = (
    "Switch off the radio.", "What day is it today?", "Start the washing machine in two hours.", "How do you spell tomato?",
)  # fmt: skip
VOICES = (
    "flite:slt", "flite:rms", "flite:kal16", "en-gb", "en-us+m3", "en-us+m7", "en-us+f1", "en-gb+f3", "en-gb+m1",
    "en-gb-scotland", "en-us+Andy", "en-gb+Annie",
)  # fmt: skip
HELD_OUT_VOICES = ("flite:awb", "en-us+f2", "en-gb+m4")
PAUSES_MS = (60, 400)
"""Quiet after the last sound when the ear asks."""
RENDERINGS = 6
"""Pauses, levels and places of a break for each clip."""
NEWEST = 80
"""Columns of 10 ms that count."""
POOL = 5
HIDDEN = 12


@dataclass
class Net:
    """Weights, float32: ``w1`` (256, 12), ``b1`` (12,), ``w2`` (12, 1), ``b2`` (1,); ``mean`` and ``scale`` of the inputs (256,)."""

    mean: np.ndarray
    scale: np.ndarray
    w1: np.ndarray
    b1: np.ndarray
    w2: np.ndarray
    b2: np.ndarray

    def judge(self, x: np.ndarray) -> np.ndarray:
        hidden = np.tanh((x - self.mean) * self.scale @ self.w1 + self.b1)
        return 1 / (1 + np.exp(-(hidden @ self.w2 + self.b2)))


def pooled(features: np.ndarray) -> np.ndarray:
    """(80, 800) to (256,), as the graph does it."""
    newest = features[:, -NEWEST:]
    return newest.reshape(BANDS // POOL, POOL, NEWEST // POOL, POOL).mean(axis=(1, 3)).ravel()


def in_a_room(clip: np.ndarray, pause_ms: float, rng: np.random.Generator) -> np.ndarray:
    """``clip`` at some level with some noise, then ``pause_ms`` of that noise."""
    level = 10 ** (rng.uniform(-36, -20) / 20) / active_rms(clip)
    noise_gain = 10 ** (rng.uniform(-80, -60) / 20)
    sound = np.concatenate([np.zeros(samples(500)), clip * level, np.zeros(samples(round(pause_ms)))])
    return (sound + rng.standard_normal(len(sound)) * noise_gain).astype(np.float32)


def examples(texts: tuple[str, ...], voices: tuple[str, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (n, 256) and whether the turn was complete (n, 1), half of each."""
    rng = np.random.default_rng(seed)
    inputs, labels = [], []
    for voice in voices:
        for text in texts:
            clip = render(text, voice)
            first, last = clip_edges(clip, RATE_HZ)
            whole = clip[first : last + 1]
            for _ in range(RENDERINGS):
                for complete in (True, False):
                    part = whole if complete else whole[: round(len(whole) * rng.uniform(0.3, 0.8))].copy()
                    fade = samples(15)
                    if not complete:
                        part[-fade:] *= np.linspace(1, 0, fade)
                    inputs.append(pooled(log_mel(in_a_room(part, rng.uniform(*PAUSES_MS), rng))))
                    labels.append([complete])
    return np.array(inputs, np.float32), np.array(labels, np.float32)


def train(x: np.ndarray, y: np.ndarray, seed: int = 0, steps: int = 3000) -> Net:
    """Adam on the cross-entropy, with weight decay and noise on the inputs."""
    rng = np.random.default_rng(seed)
    mean, scale = x.mean(0), 1 / (x.std(0) + 0.05)
    weights = [
        rng.standard_normal((x.shape[1], HIDDEN)) / np.sqrt(x.shape[1]),
        np.zeros(HIDDEN),
        rng.standard_normal((HIDDEN, 1)) / np.sqrt(HIDDEN),
        np.zeros(1),
    ]
    first = [np.zeros_like(w) for w in weights]
    second = [np.zeros_like(w) for w in weights]
    for step in range(1, steps + 1):
        pick = rng.integers(len(x), size=256)
        inputs = (x[pick] - mean) * scale + rng.standard_normal((256, x.shape[1])) * 0.3
        w1, b1, w2, b2 = weights
        hidden = np.tanh(inputs @ w1 + b1)
        error = 1 / (1 + np.exp(-(hidden @ w2 + b2))) - y[pick]
        back = error @ w2.T * (1 - hidden**2)
        slopes = [inputs.T @ back, back.sum(0), hidden.T @ error, error.sum(0)]
        for i, slope in enumerate(slopes):
            slope = slope / len(pick) + (1e-3 * weights[i] if i % 2 == 0 else 0)
            first[i] = 0.9 * first[i] + 0.1 * slope
            second[i] = 0.999 * second[i] + 0.001 * slope**2
            adapted = first[i] / (1 - 0.9**step) / (np.sqrt(second[i] / (1 - 0.999**step)) + 1e-8)
            weights[i] = weights[i] - 3e-3 * adapted
    return Net(mean, scale, *(w.astype(np.float32) for w in weights))


def write(net: Net, path: Path) -> None:
    """``net`` as an ONNX file that takes whole features."""
    constants = {
        "start": np.array([FRAMES - NEWEST]), "end": np.array([FRAMES]), "axis": np.array([2]),
        "image": np.array([-1, 1, BANDS, NEWEST]), "mean": net.mean, "scale": net.scale,
        "w1": net.w1, "b1": net.b1, "w2": net.w2, "b2": net.b2,
    }  # fmt: skip
    node = helper.make_node
    nodes = [
        node("Slice", ["input_features", "start", "end", "axis"], ["newest"]),
        node("Reshape", ["newest", "image"], ["as_image"]),
        node("AveragePool", ["as_image"], ["means"], kernel_shape=[POOL, POOL], strides=[POOL, POOL]),
        node("Flatten", ["means"], ["flat"], axis=1),
        node("Sub", ["flat", "mean"], ["centred"]),
        node("Mul", ["centred", "scale"], ["scaled"]),
        node("Gemm", ["scaled", "w1", "b1"], ["pre"]),
        node("Tanh", ["pre"], ["hidden"]),
        node("Gemm", ["hidden", "w2", "b2"], ["logit"]),
        node("Sigmoid", ["logit"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "turn_tiny",
        [helper.make_tensor_value_info("input_features", TensorProto.FLOAT, ["batch", BANDS, FRAMES])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17)],
        producer_name="earshot-tests",
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="folder to write into")
    out = parser.parse_args().out
    net = train(*examples(SENTENCES, VOICES, seed=0))
    x, y = examples(HELD_OUT_SENTENCES, HELD_OUT_VOICES, seed=1)
    said = net.judge(x) > 0.5
    complete = y > 0.5
    print(
        f"voices and sentences it does not know: whole ones complete {said[complete].mean():.0%}, "
        f"broken-off ones complete {said[~complete].mean():.0%}"
    )
    out.mkdir(parents=True, exist_ok=True)
    write(net, out / "turn-tiny.onnx")


if __name__ == "__main__":
    main()
