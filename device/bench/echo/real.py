"""Recordings of real rooms: ``NAME_{farend,nearend}_singletalk_{lpb,mic}.wav``, as the AEC challenge names them.

R. Cutler et al., "ICASSP 2022 acoustic echo cancellation challenge". lpb is what was played (loopback), mic what was
recorded. Double talk has no talker alone to compare with, and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from device.audio.wav import read_wav
from device.bench.echo import intelligibility
from device.bench.erle import steady_db
from device.bench.parts import cancel, new_canceller, suppressed
from device.errors import AudioError
from device.values import FRAME, RATE_HZ

KINDS = ("farend_singletalk", "nearend_singletalk")
SEGMENTS_S = ((0, 3), (3, 6), (6, 60))


@dataclass(frozen=True, slots=True)
class Clip:
    name: str
    kind: str
    played: Path
    mic: Path


def find(folder: Path) -> list[Clip]:
    """Every pair in ``folder``. Raises ``AudioError`` when there is none."""
    if not folder.is_dir():
        raise AudioError(f"--real {folder}: there is no such folder; give one with AEC-challenge recordings")
    clips = []
    for kind in KINDS:
        for played in sorted(folder.glob(f"*_{kind}_lpb.wav")):
            mic = played.with_name(played.name.replace("_lpb.wav", "_mic.wav"))
            if mic.is_file():
                clips.append(Clip(played.name.removesuffix(f"_{kind}_lpb.wav"), kind, played, mic))
    if not clips:
        raise AudioError(f"--real {folder}: there is no pair NAME_{KINDS[0]}_lpb.wav, ..._mic.wav in it")
    return clips


def measure(clip: Clip, stoi: intelligibility.Stoi | None) -> dict[str, Any]:
    """ERLE of three segments where only the far end talks; STOI and level of a talker alone, who must not suffer."""
    played, mic = read_wav(clip.played), read_wav(clip.mic)
    count = min(len(played), len(mic)) // FRAME * FRAME
    played, mic = played[:count], mic[:count]
    clean = cancel(new_canceller(played), mic)
    words = suppressed(mic, clean)
    found: dict[str, Any] = {"clip": clip.name, "kind": clip.kind}
    if clip.kind == KINDS[0]:
        for first, last in SEGMENTS_S:
            part = slice(first * RATE_HZ, min(last * RATE_HZ, count))
            everywhere = np.ones(len(mic[part]) // FRAME, bool)
            erle = steady_db(mic[part], clean[part], everywhere)
            found[f"erle_{first}_s_db"] = None if erle is None else round(erle, 1)
            erle = steady_db(mic[part], words[part], everywhere)
            found[f"suppressed_erle_{first}_s_db"] = None if erle is None else round(erle, 1)
    else:
        score, gain_db = intelligibility.compare(mic, clean, stoi)
        found |= {"stoi": None if score is None else round(score, 3), "gain_db": round(gain_db, 1)}
        score, gain_db = intelligibility.compare(mic, words, stoi)
        found |= {
            "suppressed_stoi": None if score is None else round(score, 3),
            "suppressed_gain_db": round(gain_db, 1),
        }
    return found
