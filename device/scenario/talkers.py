"""The people in the room: lines of text spoken by voices that earshot itself never uses.

Each clip is rendered by a fresh child process (flite's program, or espeak-ng through espeakng-loader) and kept in
``$XDG_CACHE_HOME/earshot/talkers`` under a name made of text, voice and the renderer's version.
"""

from __future__ import annotations

import functools
import hashlib
import io
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device import subprocesses
from device.audio.wav import read_wav
from device.errors import AudioError, ScenarioError
from device.scenario.espeak_clip import NO_SUCH_VOICE
from device.values import RATE_HZ

DEFAULT_VOICE = "flite:slt"
OWN_VOICE = "en-us"
"""What earshot speaks with by default: a talker with the same voice proves little about telling the two apart."""
RENDER_S = 60
"""[s] Longest rendering of one clip; flite and espeak-ng take well below 1 s for a sentence."""
FORMAT = 1
"""Counted up when clips are rendered differently, so that old cache files are not used."""

log = logging.getLogger(__name__)


def render(text: str, voice: str = "") -> NDArray[np.float32]:
    """``text`` spoken by ``voice`` (``flite:NAME`` or an espeak-ng voice): mono float32 at 16 kHz.

    Raises ``ScenarioError`` when the renderer is not installed, the voice is unknown or nothing was spoken.
    """
    voice = voice or DEFAULT_VOICE
    if voice == OWN_VOICE:
        log.warning(
            "voice %r is earshot's own; a talker is better given another, such as %r", voice, DEFAULT_VOICE
        )
    kind, _, name = voice.rpartition(":")
    if kind not in ("", "flite", "espeak"):
        raise ScenarioError(f"voice {voice!r}: write `flite:NAME` or the name of an espeak-ng voice")
    version = _flite_version() if kind == "flite" else _espeak_version()
    if kind == "flite" and name not in _flite_voices():
        raise ScenarioError(f"voice {voice!r}: flite has no such voice; it has: {', '.join(_flite_voices())}")
    key = hashlib.sha256("\0".join((str(FORMAT), version, voice, text)).encode()).hexdigest()[:32]
    kept = _cache() / f"{key}.npy"
    try:
        return np.load(kept)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as exc:
        log.warning("talker cache %s is unreadable (%s): rendered again", kept, exc)
    clip = _flite(text, name) if kind == "flite" else _espeak(text, name)
    if not np.any(clip):
        raise ScenarioError(f"voice {voice!r} makes no sound of the text {text!r}")
    _keep(kept, clip)
    return clip


def _flite(text: str, name: str) -> NDArray[np.float32]:
    with tempfile.TemporaryDirectory(prefix="earshot-talker-") as folder:
        out = Path(folder) / "clip.wav"
        _run([_flite_program(), "-voice", name, "-t", text, "-o", str(out)], "flite")
        try:
            return read_wav(out)
        except AudioError as exc:
            raise ScenarioError(f"flite made no usable sound of {text!r}: {exc}") from exc


def _espeak(text: str, name: str) -> NDArray[np.float32]:
    done = _run([sys.executable, "-m", "device.scenario.espeak_clip", name, text], "espeak-ng")
    stream = io.BytesIO(done.stdout)
    rate_hz = int(stream.readline())
    samples = np.frombuffer(stream.read(), "<i2").astype(np.float32) / 32768
    import soxr

    return soxr.resample(samples, rate_hz, RATE_HZ).astype(np.float32)


def _run(command: list[str], what: str) -> subprocess.CompletedProcess[bytes]:
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            timeout=RENDER_S,
            stdin=subprocess.DEVNULL,
            env=subprocesses.environment(),
        )
    except subprocess.TimeoutExpired as exc:
        raise ScenarioError(f"{what} did not finish a clip within {RENDER_S} s") from exc
    if done.returncode == NO_SUCH_VOICE:
        raise ScenarioError(done.stderr.decode(errors="replace").strip())
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        raise ScenarioError(f"{what} failed (exit code {done.returncode}): {last[0]}")
    return done


@functools.cache
def _flite_program() -> str:
    program = shutil.which("flite")
    if program is None:
        raise ScenarioError(
            "flite is not installed, and a line uses one of its voices: `sudo apt install flite`"
        )
    return program


@functools.cache
def _flite_version() -> str:
    found = re.search(r"version:\s*(.+)", _ask_flite("--version"))
    return found[1].strip() if found else "flite"


@functools.cache
def _flite_voices() -> tuple[str, ...]:
    """flite takes an unknown voice silently for its default one, so its list has to be asked."""
    names = _ask_flite("-lv").partition(":")[2].split()
    return tuple(dict.fromkeys(name for name in names if "_" not in name))  # awb_time only tells the time


def _ask_flite(option: str) -> str:
    """flite's answer; its exit code says nothing (1 after ``--version``)."""
    command = [_flite_program(), option]
    return subprocess.run(command, check=False, capture_output=True, timeout=RENDER_S).stdout.decode()


@functools.cache
def _espeak_version() -> str:
    done = _run([sys.executable, "-m", "device.scenario.espeak_clip", "--version"], "espeak-ng")
    return f"espeak-ng {done.stdout.decode().strip()}"


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # the XDG specification: a relative path is to be ignored
        base = os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "earshot" / "talkers"


def _keep(path: Path, clip: NDArray[np.float32]) -> None:
    """Written beside and renamed, so that two runs at once never see half a file. A full disk only costs time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            np.save(part, clip)
        os.replace(part.name, path)
    except OSError as exc:
        log.warning("talker cache %s cannot be written (%s): clips are rendered every time", path.parent, exc)
