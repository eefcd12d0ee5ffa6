"""Kaldi's binary model file (``am/final.mdl``) written by hand: transition model, nnet3 network, priors."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np
from train import FIRST, LATER


def token(s: str) -> bytes:
    return s.encode() + b" "


def int32(v: int) -> bytes:
    return b"\4" + struct.pack("<i", v)


def float32(v: float) -> bytes:
    return b"\4" + struct.pack("<f", v)


def float64(v: float) -> bytes:
    return b"\x08" + struct.pack("<d", v)


def int_vector(v: Iterable[int]) -> bytes:
    v = list(v)
    return b"\4" + struct.pack("<i", len(v)) + np.asarray(v, "<i4").tobytes()


def vector(v: Iterable[float]) -> bytes:
    v = np.asarray(v, "<f4")
    return token("FV") + int32(len(v)) + v.tobytes()


def matrix(m: np.ndarray) -> bytes:
    m = np.ascontiguousarray(m, "<f4")
    return token("FM") + int32(m.shape[0]) + int32(m.shape[1]) + m.tobytes()


def affine(w: np.ndarray, b: np.ndarray) -> bytes:
    return (
        token("<FixedAffineComponent>") + token("<LinearParams>") + matrix(w) + token("<BiasParams>") + vector(b)
        + token("</FixedAffineComponent>")
    )  # fmt: skip


def nonlinear(kind: str, dim: int) -> bytes:
    return (
        token(f"<{kind}>") + token("<Dim>") + int32(dim) + token("<ValueAvg>") + vector([]) + token("<DerivAvg>")
        + vector([]) + token("<Count>") + float64(0.0) + token(f"</{kind}>")
    )  # fmt: skip


def transition_model(phones: int, pdf_of: dict[int, int]) -> bytes:
    """One emitting state with a self-loop per phone; transition-ids of phone k (from 1): loop 2k-1, forward 2k."""
    b = token("<TransitionModel>") + token("<Topology>")
    b += (
        int_vector(range(1, phones + 1)) + int_vector([-1] + [0] * phones) + int32(1)
    )  # one entry for all phones
    b += (
        int32(2)
        + int32(0)
        + int32(2)
        + int32(0)
        + float32(0.5)
        + int32(1)
        + float32(0.5)
        + int32(-1)
        + int32(0)
    )
    b += token("</Topology>") + token("<Triples>") + int32(phones)
    for p in range(1, phones + 1):
        b += int32(p) + int32(0) + int32(pdf_of[p])
    b += token("</Triples>") + token("<LogProbs>") + vector([0.0] + [np.log(0.5)] * (2 * phones))
    return b + token("</LogProbs>") + token("</TransitionModel>")


def nnet(checkpoint: dict) -> bytes:
    """The network of train.py with input normalisation and batch norms folded into the affine layer behind each."""
    s = {k: v.double().numpy() for k, v in checkpoint["state"].items()}
    inputs = len(s["mean"])
    lines, components = [f"input-node name=input dim={inputs}"], []
    scale, shift, source = s["istd"], -s["mean"] * s["istd"], "input"
    for i in range(checkpoint["later"] + 1):
        splice = FIRST if i == 0 else LATER
        w, b = s[f"conv.{i}.weight"], s[f"conv.{i}.bias"]  # (out, in, splice)
        w = w.transpose(0, 2, 1).reshape(w.shape[0], -1)  # splice-major columns, as Append() orders them
        b = b + w @ np.tile(shift, len(splice))
        w = w * np.tile(scale, len(splice))[None]
        pieces = ", ".join(source if o == 0 else f"Offset({source}, {o})" for o in splice)
        lines += [
            f"component-node name=tdnn{i}.affine component=tdnn{i}.affine input=Append({pieces})",
            f"component-node name=tdnn{i}.relu component=tdnn{i}.relu input=tdnn{i}.affine",
        ]
        components += [
            (f"tdnn{i}.affine", affine(w, b)),
            (f"tdnn{i}.relu", nonlinear("RectifiedLinearComponent", w.shape[0])),
        ]
        gain = s[f"bn.{i}.weight"] / np.sqrt(s[f"bn.{i}.running_var"] + 1e-5)
        scale, shift, source = gain, s[f"bn.{i}.bias"] - s[f"bn.{i}.running_mean"] * gain, f"tdnn{i}.relu"
    w, b = s["out.weight"][:, :, 0], s["out.bias"]
    b = b + w @ shift
    w = w * scale[None]
    lines += [
        f"component-node name=out.affine component=out.affine input={source}",
        "component-node name=out.lsm component=out.lsm input=out.affine",
        "output-node name=output input=out.lsm objective=linear",
    ]
    components += [("out.affine", affine(w, b)), ("out.lsm", nonlinear("LogSoftmaxComponent", w.shape[0]))]
    out = token("<Nnet3>") + b"\n" + "\n".join(lines).encode() + b"\n\n"
    out += token("<NumComponents>") + int32(len(components))
    for name, component in components:
        out += token("<ComponentName>") + token(name) + component
    context = 4 + 3 * checkpoint["later"]
    prior = np.maximum(checkpoint["priors"], 1e-4)
    return (
        out + token("</Nnet3>") + token("<LeftContext>") + int32(context) + token("<RightContext>") + int32(context)
        + token("<Priors>") + vector(prior / prior.sum())
    )  # fmt: skip
