"""The wake words: their models are whole, can be loaded, and are heard out fast enough."""

from __future__ import annotations

import base64
import hashlib
import time
from importlib import metadata
from pathlib import Path

import numpy as np

from device.doctor.finding import Finding, fault, ok, split, warning
from device.doctor.patient import Patient
from device.errors import EarshotError

AGAIN = "pip install --force-reinstall --no-deps pymicro-wakeword"
SECONDS = 2
SLOW = 0.3
"""Share of real time: the ear has 10 ms for everything, and the canceller takes a quarter of that on a Raspberry Pi 4."""


def check(patient: Patient) -> list[Finding]:
    from device.ear.wake_models import find_word

    words = patient.config.wake.words
    try:
        models = [find_word(word) for word in words]
    except EarshotError as exc:
        text, fix = split(str(exc), "choose another word in wake.words")
        return [fault(text, fix)]
    for model in models:
        if wrong := _differs(model.path):
            return [
                fault(f"wake word {model.word!r}: {model.path.name} {wrong}", AGAIN, file=str(model.path))
            ]
    return _listen(patient)


def _listen(patient: Patient) -> list[Finding]:
    from device.audio.levels import to_int16
    from device.ear.spotting import load_spotters
    from device.values import FRAME, RATE_HZ

    config = patient.config
    try:
        spotters = load_spotters(config)
    except EarshotError as exc:
        text, fix = split(str(exc), AGAIN)
        return [fault(text, fix)]
    names = " or ".join(map(repr, config.wake.words)) or "no word"
    if spotters.wake is None:
        return [ok(f"listens for {names}")]
    noise = np.random.default_rng(1).standard_normal(SECONDS * RATE_HZ).astype(np.float32) * 0.01
    pcm = to_int16(noise)
    began = time.thread_time()
    for at in range(0, len(pcm), FRAME):
        spotters.wake.step(at, pcm[at : at + FRAME].tobytes(), -40.0, False)
    share = (time.thread_time() - began) / SECONDS
    told = f"listens for {names}, at {100 * share:.1f} % of a core"
    if share > SLOW:
        return [warning(told, "listen for fewer words (wake.words)", rtf=round(share, 4))]
    return [ok(told, rtf=round(share, 4))]


def _differs(file: Path) -> str | None:
    """How a file of a package differs from what was installed; None where it does not, or is of no package."""
    from device.ear.wake_models import packaged_folder

    folder = packaged_folder()
    if folder is None or file.parent != folder:
        return None
    try:
        records = metadata.files("pymicro-wakeword") or []
    except metadata.PackageNotFoundError:
        return None
    for record in records:
        if record.name == file.name and record.parent.name == folder.name and record.hash is not None:
            data = file.read_bytes()
            if record.size is not None and len(data) != record.size:
                return f"is cut short: {len(data)} of {record.size} bytes are there"
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            if record.hash.mode == "sha256" and digest != record.hash.value:
                return "is not what was installed"
    return None
