"""Build tiny ONNX models with Kokoro-82M's signature and a voices file, for tests without the real weights.

    make.py OUT_DIR          (needs onnx and kokoro-onnx; models/kokoro-tiny is what it writes)

``kokoro-tiny-v1.0.onnx`` (tokens, style, speed -> audio) is called like the first v1.0 release files,
``kokoro-tiny-timed.onnx`` (input_ids, style, speed -> waveform, duration) like the later ones with phoneme times;
``voices-tiny.bin`` is an npz of (510, 1, 256) float32 arrays as in voices-v1.0.bin.

The sound is a damped-formant-and-noise synthesiser inside the graph: one set of formants per phoneme token, frames of
25 ms, 24 kHz. Lengths, pauses, onsets and loudness behave like speech; it is not meant to be understood.

    tokens -> table row (frames, F1..F3, voiced, noise, brightness) -> one row per frame -> smoothed, stretched to samples
    style  -> pitch, formant scale --> phase of the pitch pulses ----------+-> 3 rings + noise -> audio
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from kokoro_onnx.config import DEFAULT_VOCAB
from onnx import TensorProto, helper, numpy_helper

HOP, RATE_HZ = 600, 24_000

# fmt: off
VOWELS = {  # F1, F2, F3 in Hz; five frames each, voiced
    "i": (280, 2250, 2900), "ɪ": (390, 1990, 2550), "e": (480, 2000, 2600), "ɛ": (550, 1770, 2490),
    "æ": (690, 1660, 2430), "ɑ": (710, 1100, 2540), "a": (730, 1200, 2500), "ɔ": (590, 880, 2540),
    "o": (480, 850, 2500), "ʊ": (450, 1030, 2380), "u": (310, 870, 2250), "ʌ": (620, 1200, 2550),
    "ə": (500, 1400, 2500), "ɜ": (490, 1350, 1690), "ɚ": (490, 1350, 1690), "ɐ": (600, 1300, 2500),
    "ɒ": (650, 950, 2500), "ᵻ": (400, 1800, 2500), "A": (500, 1950, 2600), "I": (650, 1500, 2500),
    "O": (500, 900, 2450), "W": (680, 1150, 2500), "Y": (520, 1200, 2500), "ᵊ": (500, 1400, 2500),
}
CONSONANTS = {  # frames, F1, F2, F3, voiced amplitude, noise amplitude, noise brightness (0 dull, 1 bright)
    "m": (3, 250, 1100, 2200, .5, 0, 0), "n": (3, 250, 1500, 2300, .5, 0, 0), "ŋ": (3, 250, 1900, 2300, .5, 0, 0),
    "l": (3, 350, 1100, 2600, .6, 0, 0), "ɹ": (3, 350, 1150, 1600, .6, 0, 0), "r": (3, 350, 1150, 1600, .6, 0, 0),
    "w": (3, 300, 650, 2200, .6, 0, 0), "j": (3, 280, 2200, 2900, .6, 0, 0), "ɾ": (1, 350, 1700, 2500, .5, 0, 0),
    "s": (4, 300, 1700, 2500, 0, .35, 1), "ʃ": (4, 300, 1800, 2500, 0, .35, .7), "f": (3, 300, 1100, 2200, 0, .15, .6),
    "θ": (3, 300, 1400, 2400, 0, .12, .8), "h": (2, 500, 1500, 2500, 0, .15, .2), "z": (3, 300, 1700, 2500, .3, .2, 1),
    "ʒ": (3, 300, 1800, 2500, .3, .2, .7), "v": (2, 300, 1100, 2200, .4, .08, .6), "ð": (2, 300, 1400, 2400, .4, .05, .6),
    "b": (2, 300, 900, 2200, .25, .02, 0), "d": (2, 300, 1700, 2600, .25, .04, .5), "ɡ": (2, 300, 1900, 2300, .25, .03, .3),
    "p": (2, 400, 900, 2200, 0, .06, .2), "t": (2, 400, 1700, 2600, 0, .12, .8), "k": (2, 400, 1900, 2300, 0, .1, .4),
    "ʧ": (4, 300, 1800, 2500, 0, .3, .7), "ʤ": (3, 300, 1800, 2500, .2, .2, .7), "ʔ": (1, 400, 1500, 2500, 0, 0, 0),
}
PAUSES = {"": 12, " ": 2, ",": 8, ";": 9, ":": 9, ".": 14, "!": 14, "?": 14, "—": 10, "…": 16}
"""Frames of silence; the empty one pads both ends."""
VOICES = {  # pitch in 100 Hz, formant scale
    "af_heart": (2.05, 1.12), "af_sarah": (1.9, 1.1), "am_adam": (1.1, 1.0), "am_michael": (1.25, 1.02),
    "bf_emma": (2.15, 1.15), "bm_george": (.98, .97),
}
# fmt: on


def token_table() -> np.ndarray:
    """(tokens, 7) float32: frames, F1, F2, F3, voiced, noise, brightness of every token of Kokoro's vocabulary."""
    table = np.zeros((max(DEFAULT_VOCAB.values()) + 1, 7), np.float32)
    table[:] = (1, 500, 1500, 2500, 0.0, 0, 0)
    table[0, 0] = PAUSES[""]
    for phoneme, i in DEFAULT_VOCAB.items():
        if phoneme in VOWELS:
            table[i] = (5, *VOWELS[phoneme], 1, 0, 0)
        elif phoneme in CONSONANTS:
            table[i] = CONSONANTS[phoneme]
        elif phoneme in PAUSES:
            table[i] = (PAUSES[phoneme], 500, 1500, 2500, 0, 0, 0)
        elif phoneme == "ː":
            table[i] = (3, 500, 1500, 2500, 0.8, 0, 0)
        elif phoneme in "ˈˌ":
            table[i] = (0, 500, 1500, 2500, 0, 0, 0)
    return table


class Graph:
    """An ONNX graph written as expressions: every operator returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.count = 0

    def const(self, value: Any, dtype: Any = np.float32) -> str:
        self.count += 1
        name = f"c{self.count}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def ints(self, *values: int) -> str:
        return self.const(list(values), np.int64)

    def op(self, kind: str, *inputs: str, n_out: int = 1, out: str | None = None, **attributes: Any) -> Any:
        self.count += 1
        outputs = [out] if out else [f"t{self.count}_{j}" for j in range(n_out)]
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, **attributes))
        return outputs[0] if n_out == 1 else outputs


def parameters_by_sample(g: Graph, token_input: str, timed: bool) -> list[str]:
    """F1, F2, F3, voiced, noise, brightness, each (samples, 1): the table's rows held for their frames, smoothed."""
    op, const, ints = g.op, g.const, g.ints
    one = lambda v: const(v, np.int64)
    rows = op("Gather", const(token_table()), op("Reshape", token_input, ints(-1)), axis=0)  # (tokens, 7)
    speed = op("Cast", "speed", to=TensorProto.FLOAT)
    raw = op("Reshape", op("Slice", rows, ints(0), ints(1), ints(1)), ints(-1))
    # A token of no length (a stress mark) still gets one frame: the real model never emits zero durations either.
    frames_each = op("Cast", op("Max", op("Round", op("Div", raw, speed)), const(1.0)), to=TensorProto.INT64)
    if timed:
        op("Identity", frames_each, out="duration")
    ends = op("CumSum", frames_each, one(0))
    frames = op("Range", one(0), op("ReduceSum", frames_each, ints(0), keepdims=0), one(1))
    past = op("GreaterOrEqual", op("Unsqueeze", frames, ints(1)), op("Unsqueeze", ends, ints(0)))
    token_of = op("ReduceSum", op("Cast", past, to=TensorProto.INT64), ints(1), keepdims=0)
    by_frame = op("Slice", op("Gather", rows, token_of, axis=0), ints(1), ints(7), ints(1))  # (frames, 6)
    x = op("Unsqueeze", op("Transpose", by_frame, perm=[1, 0]), ints(0))  # (1, 6, frames)
    smooth = np.zeros((6, 1, 3), np.float32)
    smooth[:, 0] = (0.25, 0.5, 0.25)
    x = op("Conv", x, const(smooth), group=6, pads=[1, 1])
    x = op("Squeeze", op("Resize", x, "", const([1, 1, HOP]), mode="linear"), ints(0))  # (6, samples)
    return [op("Reshape", row, ints(-1, 1)) for row in op("Split", x, ints(*[1] * 6), n_out=6, axis=0)]


def build(path: Path, token_input: str, audio_output: str, timed: bool) -> None:
    """Write one model; ``timed`` adds the output ``duration`` (frames of 25 ms per token)."""
    g = Graph()
    op, const, ints = g.op, g.const, g.ints
    one = lambda v: const(v, np.int64)
    f1, f2, f3, voiced_gain, noise_gain, brightness = parameters_by_sample(g, token_input, timed)
    style = op("Reshape", "style", ints(-1))
    f0 = op("Slice", style, ints(0), ints(1))
    formant_scale = op("Slice", style, ints(1), ints(2))
    samples = op("Squeeze", op("Slice", op("Shape", f1), ints(0), ints(1)))
    index = op("Cast", op("Range", one(0), samples, one(1)), to=TensorProto.FLOAT)
    seconds = op("Div", index, const(RATE_HZ))
    length = op("Div", op("Cast", samples, to=TensorProto.FLOAT), const(RATE_HZ))
    fall = op("Sub", const(1.12), op("Mul", op("Div", seconds, length), const(0.28)))
    wobble = op("Add", const(1.0), op("Mul", const(0.04), op("Sin", op("Mul", seconds, const(9.0)))))
    pitch = op("Mul", op("Mul", op("Mul", f0, const(100.0)), fall), wobble)
    # Phase in cycles: summed in double to stay exact over long clips.
    cycles = op("CumSum", op("Cast", op("Div", pitch, const(RATE_HZ)), to=TensorProto.DOUBLE), one(0))
    cycles = op("Cast", op("Sub", cycles, op("Floor", cycles)), to=TensorProto.FLOAT)
    since_pulse = op("Unsqueeze", op("Div", cycles, pitch), ints(1))

    def ring(formant: str, bandwidth_hz: float, gain: float) -> str:
        """One damped formant, excited at every pitch pulse."""
        wave = op(
            "Sin", op("Mul", op("Mul", op("Mul", formant, formant_scale), const(2 * np.pi)), since_pulse)
        )
        decay = op("Exp", op("Mul", since_pulse, const(-np.pi * bandwidth_hz)))
        return op("Mul", op("Mul", const(gain), decay), wave)

    voiced = op("Add", op("Add", ring(f1, 80.0, 1.0), ring(f2, 110.0, 0.5)), ring(f3, 160.0, 0.25))
    # Noise without a random operator, so that runs repeat: the fraction of a huge sine.
    hashed = op("Sin", op("Cast", op("Mul", index, const(12.9898)), to=TensorProto.DOUBLE))
    hashed = op("Mul", hashed, const(43758.5453, np.float64))
    dull = op("Sub", op("Sub", hashed, op("Floor", hashed)), const(0.5, np.float64))
    dull = op("Cast", dull, to=TensorProto.FLOAT)
    bright = op("Conv", op("Reshape", dull, ints(1, 1, -1)), const([[[0.5, -1, 0.5]]]), pads=[1, 1])
    bright = op("Reshape", bright, ints(-1, 1))
    dull = op("Unsqueeze", dull, ints(1))
    noise = op("Add", op("Mul", bright, brightness), op("Mul", dull, op("Sub", const(1.0), brightness)))
    audio = op("Add", op("Mul", op("Mul", voiced, voiced_gain), const(0.3)), op("Mul", noise, noise_gain))
    op("Reshape", audio, ints(-1), out=audio_output)

    tensor = helper.make_tensor_value_info
    inputs = [
        tensor(token_input, TensorProto.INT64, [1, "tokens_len"]),
        tensor("style", TensorProto.FLOAT, [1, 256]),
        tensor("speed", TensorProto.FLOAT, [1]),
    ]
    outputs = [tensor(audio_output, TensorProto.FLOAT, ["num_samples"])]
    if timed:
        outputs.append(tensor("duration", TensorProto.INT64, ["tokens_len"]))
    model = helper.make_model(
        helper.make_graph(g.nodes, "kokoro_tiny", inputs, outputs, g.constants),
        opset_imports=[helper.make_opsetid("", 17)],
        producer_name="earshot-tests",
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def voices(path: Path) -> None:
    """Write the voices file; row n of a voice is for n + 1 phonemes, all alike here."""
    arrays = {}
    for name, (pitch, scale) in VOICES.items():
        arrays[name] = np.zeros((510, 1, 256), np.float32)
        arrays[name][..., 0], arrays[name][..., 1] = pitch, scale
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="folder to write into")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    build(out / "kokoro-tiny-v1.0.onnx", "tokens", "audio", timed=False)
    build(out / "kokoro-tiny-timed.onnx", "input_ids", "waveform", timed=True)
    voices(out / "voices-tiny.bin")


if __name__ == "__main__":
    main()
