"""Which echo canceller works: the device's own, ours, or none. Pure.

                       audio.echo
    none -------------------------------------------> none
    any, playback by Bluetooth ---------------------> none: nothing can follow that delay
    software ---------------------------------------> software
    auto ------ the table says the device cancels --+
    hardware ---------------------------------------+--> plays through the same card? cancels when measured? --> hardware
                                                    +--> otherwise ------------------------------------------> software

Values in, values out: the configuration, what the device table knows of the microphone, where playback goes, and the
measurement, if there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from device.problems import CATALOGUE

from .echo_devices import EchoDevice
from .probe import Check
from .sweep import EchoPath

Mode = Literal["hardware", "software", "none"]
"""What works. ``hardware``: the microphone's signal comes without echo, ours rests."""
Wanted = Literal["auto", "hardware", "software", "none"]
"""``audio.echo``."""
MODES: tuple[Mode, ...] = ("hardware", "software", "none")

HARDWARE_LEAST_DB = 15.0
"""Echo return loss at the microphone from which a device counts as cancelling. Loudspeaker and microphone in one box
give -10..10 dB by themselves (a nominal reply in the simulated room: 0), a canceller takes 20 dB and more off that."""
SOFTWARE_LEAST_DB = 10.0
"""What our canceller must take away in the check: below that the device would interrupt itself."""
CHECK_SNR_DB = 15.0
"""The echo must be this far above the noise for such a statement."""
MOST_DRIFT_PPM = 500.0
LONGEST_DELAY_MS = 250.0
NONLINEAR_DB = -20.0
"""Harmonics above this leave an echo that no linear canceller removes; a good small loudspeaker has -40 dB."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the sound, for programs (``code``), and in one sentence each what it is and what to do."""

    code: str
    text: str
    fix: str


@dataclass(frozen=True, slots=True)
class SoundPath:
    """Through which devices sound goes, as far as echo cancelling depends on it.

    ``device`` is the microphone's entry in the device table. ``same_card``: whether playback goes through the card of
    the microphone; None where that cannot be known (a sound server stands between).
    """

    microphone: str = ""
    loudspeaker: str = ""
    device: EchoDevice | None = None
    channels: int = 1
    """With how many channels the microphone is opened."""
    channel: int = 0
    """Which of them is used."""
    same_card: bool | None = None
    bluetooth: bool = False
    """Whether playback goes to a Bluetooth loudspeaker."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The canceller to use, why (one sentence), and what is wrong with that."""

    mode: Mode
    reason: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class EchoState:
    """How echo cancelling stands; None = not known.

    ``erle_db``: with ``software`` what our canceller takes away, with ``hardware`` how much quieter the echo arrives
    than the playback was. ``delay_ms``, ``drift_ppm``, ``nonlinearity_db``: see ``sweep.EchoPath``. ``suppressor``: whether
    recogniser and wake words hear the residual echo suppressed.
    """

    mode: Mode
    reason: str = ""
    erle_db: float | None = None
    delay_ms: float | None = None
    drift_ppm: float | None = None
    converged: bool = False
    nonlinearity_db: float | None = None
    suppressor: bool = False
    problems: tuple[Problem, ...] = ()


def decide(
    wanted: Wanted, sound: SoundPath, path: EchoPath | None = None, check: Check | None = None
) -> Decision:
    """The canceller for ``sound``. ``path`` and ``check`` are the measurement, as far as there is one: a check may
    convict a canceller, the sweep alone only acquits it (a canceller may need longer than a sweep to learn)."""
    if wanted == "none":
        return Decision("none", "as configured (audio.echo = none)")
    if sound.bluetooth:
        text = f"playback goes to {sound.loudspeaker!r} by Bluetooth, whose delay is long and changes"
        return Decision("none", text, (_problem("echo_bluetooth", text),))
    if wanted == "software":
        return Decision("software", "as configured (audio.echo = software)")
    entry = sound.device
    name = entry.name if entry else repr(sound.microphone) if sound.microphone else "the microphone"
    if entry is None or entry.aec != "yes":
        return _unproven(wanted, name, entry, sound, path, check)
    if sound.same_card is not True:
        return _elsewhere(name, sound)
    if _cancels(path, check) is False:
        return _convicted(name, check)
    told = "it is in the device table" if _cancels(path, check) is None else _measured(path, check)
    return Decision("hardware", f"{name} cancels the echo itself: {told}")


def findings(mode: Mode, path: EchoPath | None, check: Check | None = None) -> tuple[Problem, ...]:
    """What a measurement says is wrong, whichever canceller works."""
    return tuple(_findings(mode, path, check))


def _problem(code: str, text: str) -> Problem:
    return Problem(code, text, CATALOGUE[code].fix)


def _findings(mode: Mode, path: EchoPath | None, check: Check | None) -> Iterator[Problem]:
    if path is None:
        return
    if not path.played:
        text = "nothing was played: the volume is at 0, or there is no loudspeaker"
        yield _problem("echo_not_played", text)
    elif not path.heard and mode != "hardware":
        text = f"the microphone heard nothing of the sweep (its noise is at {path.noise_dbfs:.0f} dBFS)"
        yield _problem("echo_not_heard", text)
    elif (
        path.heard and not path.sure and mode != "hardware"
    ):  # what a canceller leaves is never twice the same
        text = f"the measurement is not sure: both sweeps differ (likeness {path.confidence:.2f})"
        yield _problem("echo_unsure", text)
    if not path.sure:
        return
    if path.drift_ppm is not None and abs(path.drift_ppm) > MOST_DRIFT_PPM:
        text = (
            f"the clocks of microphone and loudspeaker differ by {path.drift_ppm:.0f} ppm (usual: below 200)"
        )
        yield _problem("echo_drift", text)
    if path.delay_ms is not None and not 0 <= path.delay_ms + 2 <= LONGEST_DELAY_MS:
        text = f"the echo arrives {path.delay_ms:.0f} ms after it was played; the canceller reaches 0..{LONGEST_DELAY_MS:.0f} ms"
        yield _problem("echo_delay", text)
    if path.nonlinearity_db is not None and path.nonlinearity_db > NONLINEAR_DB and mode == "software":
        text = f"the loudspeaker distorts: harmonics at {path.nonlinearity_db:.0f} dB, which no canceller removes"
        yield _problem("echo_nonlinear", text)
    if mode == "software":
        yield from software_findings(check)


def software_findings(check: Check | None) -> tuple[Problem, ...]:
    """What a check says about our canceller; nothing where another one worked meanwhile, or left it nothing to do."""
    if check is None or not check.software or check.snr_db < CHECK_SNR_DB:
        return ()
    if check.erle_db >= SOFTWARE_LEAST_DB or check.loss_db >= HARDWARE_LEAST_DB:
        return ()
    text = f"the echo canceller takes away only {check.erle_db:.0f} dB"
    return (_problem("echo_software_not_cancelling", text),)


def _cancels(path: EchoPath | None, check: Check | None) -> bool | None:
    """Whether the microphone comes without echo; None where nothing says so."""
    if check is not None and check.played:
        if check.loss_db >= HARDWARE_LEAST_DB:
            # silence is no proof: a canceller and a dead loudspeaker sound alike
            return True if check.snr_db > 3 or (path is not None and path.heard) else None
        return False if check.snr_db > CHECK_SNR_DB else None
    if path is not None and path.sure and path.loss_db is not None and path.loss_db >= HARDWARE_LEAST_DB:
        return True
    return None


def suspicious(path: EchoPath) -> bool:
    """Whether sweeps came back so loud that a device that should cancel must be checked."""
    return path.heard and path.loss_db is not None and path.loss_db < HARDWARE_LEAST_DB


def _measured(path: EchoPath | None, check: Check | None) -> str:
    loss = check.loss_db if check is not None else path and path.loss_db
    return f"what comes back of playback is {loss:.0f} dB lower, as measured"


def _convicted(name: str, check: Check | None) -> Decision:
    assert check is not None
    text = (
        f"{name} should cancel the echo, and does not: playback comes back only {check.loss_db:.0f} dB lower "
        f"(at least {HARDWARE_LEAST_DB:.0f} expected)"
    )
    problem = _problem("echo_hardware_not_cancelling", text)
    return Decision("software", f"{text}; the software canceller replaces it", (problem,))


def _elsewhere(name: str, sound: SoundPath) -> Decision:
    if sound.same_card is None:
        text = f"{name} has an echo canceller, but it cannot be known whether {sound.loudspeaker!r} plays through it"
    else:
        text = f"{name} has an echo canceller, but playback goes through {sound.loudspeaker!r}, which it cannot hear"
    return Decision("software", text, (_problem("echo_hardware_other_card", text),))


def _unproven(
    wanted: Wanted,
    name: str,
    entry: EchoDevice | None,
    sound: SoundPath,
    path: EchoPath | None,
    check: Check | None,
) -> Decision:
    known = {
        None: f"{name} is not in the device table",
        "no": f"{name} has no echo canceller",
        "unproven": f"whether {name} cancels the echo is not proven",
    }[entry.aec if entry else None]
    if wanted == "auto":
        return Decision("software", known)
    if sound.same_card is not False and _cancels(path, check):
        return Decision("hardware", f"as configured (audio.echo = hardware): {_measured(path, check)}")
    measured = "a measurement has not shown that it does"
    if _cancels(path, check) is False and check is not None:
        measured = f"measured, playback comes back only {check.loss_db:.0f} dB lower"
    if sound.same_card is False:
        measured = f"playback goes through {sound.loudspeaker!r}, which it cannot hear"
    text = f"audio.echo is 'hardware', but {known}, and {measured}"
    return Decision("software", text, (_problem("echo_hardware_unproven", text),))
