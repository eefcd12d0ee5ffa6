"""The device table: which microphones cancel their own echo, and how they want to be used. Pure, but for reading its file.

The table itself is data, ``echo_devices.toml``; its head says what each key means.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from device.errors import AudioError

TABLE = Path(__file__).with_name("echo_devices.toml")

Text = Annotated[str, Meta(min_length=1)]
Rate = Annotated[int, Meta(ge=8_000, le=96_000)]
Count = Annotated[int, Meta(ge=1, le=8)]
Channel = Annotated[int, Meta(ge=0, le=7)]


class EchoDevice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One device; the keys are described at the head of the table."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9-]{3,32}\Z")]
    name: Text
    usb: tuple[Annotated[str, Meta(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}\Z")], ...] = ()
    cards: tuple[Text, ...] = ()
    aec: Literal["yes", "no", "unproven"]
    rate_hz: Rate | None = None
    channels: Annotated[tuple[Count, ...], Meta(min_length=1)]
    channel: dict[int, Channel]
    reference: dict[int, Channel] = {}
    playback_hz: Rate | None = None
    quirk: str = ""
    probe: str = ""

    def use(self, channels: int) -> int:
        """The channel (from 0) to take of ``channels``; 0 for a count that the table does not know."""
        return self.channel.get(channels, 0)


class _Table(Struct, forbid_unknown_fields=True):
    device: tuple[EchoDevice, ...]


def load_table(path: Path = TABLE) -> tuple[EchoDevice, ...]:
    """The entries of a table, in its order. Raises AudioError, naming the file and its first fault."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        # strict=False: keys of a TOML table are text, those of ``channel`` are numbers
        entries = msgspec.convert(tables, _Table, strict=False).device
    except (OSError, ValueError, msgspec.ValidationError) as exc:
        raise AudioError(f"device table {path}: {exc}") from exc
    if fault := _fault(entries):
        raise AudioError(f"device table {path}: {fault}")
    return entries


def _fault(entries: Sequence[EchoDevice]) -> str | None:
    """What the types cannot say."""
    seen: dict[str, str] = {}
    for entry in entries:
        if not entry.usb and not entry.cards:
            return f"{entry.id}: neither usb nor cards: nothing could match it"
        if missing := set(entry.channels) - set(entry.channel):
            return f"{entry.id}: no channel for {sorted(missing)} channels"
        for which, table in (("channel", entry.channel), ("reference", entry.reference)):
            for count, channel in table.items():
                if count not in entry.channels or channel >= count:
                    return f"{entry.id}: {which} {channel} of {count}: channels are {list(entry.channels)}"
        for key in (entry.id, *entry.usb, *(card.casefold() for card in entry.cards)):
            if key in seen:
                return f"{entry.id}: {key!r} is also in {seen[key]}"
        seen.update(dict.fromkeys((entry.id, *entry.usb, *(c.casefold() for c in entry.cards)), entry.id))
    return None


@functools.cache
def the_table() -> tuple[EchoDevice, ...]:
    """The table that comes with earshot."""
    return load_table()


def find(table: Sequence[EchoDevice], usb_id: str | None, card_name: str) -> EchoDevice | None:
    """The entry for a card: by its USB id where it has one that is known, else by its name."""
    for entry in table:
        if usb_id is not None and usb_id.lower() in entry.usb:
            return entry
    name = card_name.casefold()
    return next((e for e in table if any(part.casefold() in name for part in e.cards)), None)
