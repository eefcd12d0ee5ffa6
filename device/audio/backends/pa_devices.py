"""Which sound devices there are, and which of them is meant: PortAudio's list, without ALSA's and JACK's noise.

PortAudio learns of a device only in ``Pa_Initialize``; a list is therefore as old as the ``PyAudio`` object that made
it, and a device that was plugged in later needs a new one (with every stream closed before).
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from device.audio.echo_devices import EchoDevice, find, the_table
from device.audio.echo_policy import SoundPath
from device.errors import AudioError

from .cards import PROC, card_of, every_card, is_bluetooth, same_card
from .stable_ids import StableId, best_id, parse

Direction = Literal["input", "output"]
ROLE = {"input": "microphone", "output": "loudspeaker"}

CONVERTING_RATE_HZ = 48_000
"""Asked of devices that convert anyway ("default", "pulse", "pipewire", dmix): what lies below them nearly always runs
at 48 kHz, while PortAudio reports 44.1 kHz for each, so that sound would be resampled twice."""
MAX_CHANNELS = 8
"""Microphone arrays have up to 8; ALSA's plugins claim 32 to 128, which nobody means."""


@dataclass(frozen=True, slots=True)
class Device:
    """One entry of PortAudio's list. ``rate_hz`` is what we open it at, its native rate as far as that is known."""

    index: int
    name: str
    host_api: str
    inputs: int
    outputs: int
    rate_hz: int
    default_input: bool = False
    default_output: bool = False

    @property
    def hardware(self) -> bool:
        """A card itself: it converts neither rate nor channels, and refuses what it has not."""
        return "(hw:" in self.name

    def channels(self, direction: Direction) -> int:
        return self.inputs if direction == "input" else self.outputs

    def default(self, direction: Direction) -> bool:
        return self.default_input if direction == "input" else self.default_output

    def channel_choices(self, direction: Direction) -> list[int]:
        """Channel counts to try, best first.

        A microphone array refuses one channel (it is opened whole and one of its channels taken); a loudspeaker is
        fed the same on two, because many stereo cards refuse one.
        """
        most = min(self.channels(direction), MAX_CHANNELS)
        first = most if direction == "input" else min(most, 2)
        wanted = [first, most, 1, 2] if self.hardware else [1, 2, most]
        return [n for n in dict.fromkeys(wanted) if n <= most]

    def rate_choices(self, *first: int | None) -> list[int]:
        """Rates to try, best first: ``first``, then its own, then the usual ones."""
        return [rate for rate in dict.fromkeys((*first, self.rate_hz, 48_000, 44_100, 16_000)) if rate]


def import_pyaudio() -> Any:
    """The module, with its libraries' chatter switched off. Raises AudioError where it cannot be loaded."""
    try:
        import pyaudio
    except ImportError as exc:
        raise AudioError(
            f"audio.backend = portaudio needs PyAudio, which cannot be loaded ({exc}): "
            "`apt install libportaudio2`, then `pip install pyaudio`"
        ) from exc
    _silence()
    return pyaudio


def _silence() -> None:
    """Stop ALSA and JACK from writing some 70 lines to stderr for each enumeration.

    Errors still come as PortAudio's own. The handler given to them is libc's ``getpid``: a C function that takes
    nothing and does nothing, so that no error on an audio thread ever has to wait for Python. (Moving file
    descriptor 2 away instead would also hide what other threads and new engine processes have to say.)
    """
    nothing = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p)
    for library, setters in {
        "libasound.so.2": ["snd_lib_error_set_handler"],
        "libjack.so.0": ["jack_set_error_function", "jack_set_info_function"],
    }.items():
        with suppress(OSError, AttributeError):  # not loaded by this PortAudio: then it is silent anyway
            loaded = ctypes.CDLL(library, mode=getattr(os, "RTLD_NOLOAD", 0) | os.RTLD_NOW)
            for setter in setters:
                getattr(loaded, setter)(nothing)


def list_devices(manager: Any) -> list[Device]:
    """What ``manager`` (a ``PyAudio``) saw when it was made."""
    defaults = []
    for ask in (manager.get_default_input_device_info, manager.get_default_output_device_info):
        try:
            defaults.append(ask()["index"])
        except OSError:  # there is none
            defaults.append(-1)
    found = []
    for index in range(manager.get_device_count()):
        info = manager.get_device_info_by_index(index)
        name = info["name"]
        device = Device(
            index=index,
            name=name.decode(errors="replace") if isinstance(name, bytes) else name,
            host_api=manager.get_host_api_info_by_index(info["hostApi"])["name"],
            inputs=info["maxInputChannels"],
            outputs=info["maxOutputChannels"],
            rate_hz=round(info["defaultSampleRate"]),
            default_input=index == defaults[0],
            default_output=index == defaults[1],
        )
        found.append(device if device.hardware else _converting(manager, device))
    return found


def _converting(manager: Any, device: Device) -> Device:
    """``device`` at ``CONVERTING_RATE_HZ`` where it takes that."""
    import dataclasses

    import pyaudio

    side = "input" if device.inputs else "output"
    kind = {f"{side}_device": device.index, f"{side}_channels": 1, f"{side}_format": pyaudio.paInt16}
    try:
        manager.is_format_supported(CONVERTING_RATE_HZ, **kind)
    except ValueError:
        return device
    return dataclasses.replace(device, rate_hz=CONVERTING_RATE_HZ)


def choose(devices: Sequence[Device], wanted: str, direction: Direction, root: Path = PROC) -> Device:
    """The device that ``wanted`` means: a stable id (``stable_ids``), a part of its name (case-insensitive), or where it is
    empty the default one.

    A full name wins over parts of others. Raises AudioError, naming what there is, when none or several fit.
    """
    role = ROLE[direction]
    there = [device for device in devices if device.channels(direction) > 0]
    if not there:
        raise AudioError(
            f"no {role} found (is it plugged in? does a sound server run? is this user in group 'audio'?)"
        )
    if not wanted:
        return next((device for device in there if device.default(direction)), there[0])
    if (meant := parse(wanted)) is not None:
        return _by_id(there, meant, wanted, direction, root)
    part = wanted.casefold()
    fits = [device for device in there if part in device.name.casefold()]
    exact = [device for device in fits if part == device.name.casefold()]
    if len(exact or fits) == 1:
        return (exact or fits)[0]
    names = ", ".join(repr(device.name) for device in fits or there)
    if fits:
        raise AudioError(
            f"{role} {wanted!r} fits {len(fits)} devices: {names}; give more of the name in audio.{direction}"
        )
    raise AudioError(f"{role} {wanted!r} not found; there are: {names}")


def _by_id(there: Sequence[Device], meant: StableId, wanted: str, direction: Direction, root: Path) -> Device:
    role = ROLE[direction]
    if meant.node:
        if pulse := next((device for device in there if device.name == "pulse"), None):
            return pulse
        raise AudioError(
            f"{role} {wanted!r} needs ALSA's plugin for sound servers: sudo apt install libasound2-plugins"
        )
    on_cards = [(device, card) for device in there if (card := card_of(device.name, root)) is not None]
    fits = [
        (device, card)
        for device, card in on_cards
        if meant.fits(card) and meant.device in (None, pcm(device))
    ]
    if not fits:
        every = every_card(root)
        ids = ", ".join(dict.fromkeys(repr(best_id(card, every)) for _, card in on_cards)) or "no cards"
        raise AudioError(f"{role} {wanted!r} not found; there are: {ids}")
    if len({card.number for _, card in fits}) > 1:
        every = every_card(root)
        ids = ", ".join(dict.fromkeys(repr(best_id(card, every)) for _, card in fits))
        raise AudioError(
            f"{role} {wanted!r} fits {len(fits)} devices: {ids}; write one of these in audio.{direction}"
        )
    return min((device for device, _ in fits), key=pcm)


def pcm(device: Device) -> int:
    """The number of a card's device on its card: 1 of "(hw:2,1)"."""
    found = re.search(r"\(hw:\d+,(\d+)", device.name)
    return int(found.group(1)) if found else 0


def recognise(device: Device, root: Path = PROC) -> EchoDevice | None:
    """The entry of the device table for ``device``, or None."""
    card = card_of(device.name, root)
    return None if card is None else find(the_table(), card.usb_id, card.name)


def sound_path(
    microphone: Device | None, loudspeaker: Device | None, channels: int | None = None, root: Path = PROC
) -> SoundPath:
    """What the choice of an echo canceller needs to know of two devices; ``channels`` as opened, else as it would be."""
    entry = recognise(microphone, root) if microphone else None
    if channels is None:
        channels = microphone.channel_choices("input")[0] if microphone else 1
    return SoundPath(
        microphone=microphone.name if microphone else "",
        loudspeaker=loudspeaker.name if loudspeaker else "",
        device=entry,
        channels=channels,
        channel=entry.use(channels) if entry else 0,
        same_card=same_card(microphone.name, loudspeaker.name) if microphone and loudspeaker else None,
        bluetooth=loudspeaker is not None and is_bluetooth(loudspeaker.name),
    )


def playback_rate(loudspeaker: Device, root: Path = PROC) -> int:
    """The rate at which a loudspeaker is to be played: the table's, else its own."""
    entry = recognise(loudspeaker, root)
    return (entry and entry.playback_hz) or loudspeaker.rate_hz


def fingerprint() -> tuple[str, ...]:
    """Changes when a card comes or goes, when we may use one at last, or when ALSA is configured anew; costs some 50 us and
    no enumeration."""
    seen = []
    with suppress(OSError):
        seen.append(Path("/proc/asound/cards").read_text(errors="replace"))
    with suppress(OSError):
        seen += [
            f"{name} {os.access(f'/dev/snd/{name}', os.R_OK | os.W_OK)}"
            for name in sorted(os.listdir("/dev/snd"))
        ]
    for path in (Path("/etc/asound.conf"), Path.home() / ".asoundrc"):
        with suppress(OSError):
            seen.append(f"{path} {path.stat().st_mtime_ns}")
    return tuple(seen)
