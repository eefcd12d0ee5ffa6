"""What a configuration for a device would change of what it reports to be in force. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from device.config.checking import known
from device.config.keys import KEYS, MASK, flatten
from device.config.layers import DEFAULT
from device.config.reference import toml
from device.link.reports import ConfigReport


@dataclass(frozen=True)
class Difference:
    """``kind``: set (to ``then``); dropped: the layer does not set it any more, so what is beneath comes up (which the report does
    not say); secret: its value now is not known here, so neither is whether it changes."""

    kind: Literal["set", "dropped", "secret"]
    path: str
    now: Any = None
    origin: str = DEFAULT
    then: Any = None

    def __str__(self) -> str:
        if self.kind == "secret":
            return f"{self.path}: a secret, not compared"
        now = f"{self.path}: {toml(self.now)} ({self.origin})"
        if self.kind == "dropped":
            return f"{now} -> what group, file or default say"
        return f"{now} -> {toml(self.then)}"


def differences(tables: Mapping[str, Any], report: ConfigReport) -> list[Difference]:
    """What ``tables``, pushed as the device's own layer, would change. A layer is replaced whole: what the one before set and
    ``tables`` do not is dropped. Keys that are not known here are left out."""
    return list(_differences(flatten(known(tables)), report))


def _differences(flat: Mapping[str, Any], report: ConfigReport) -> Iterator[Difference]:
    for path in KEYS:
        now, origin = report.effective.get(path), report.origin.get(path, DEFAULT)
        if path in flat and KEYS[path].policy.secret and MASK in (now, flat[path]):
            yield Difference("secret", path)
        elif path in flat and flat[path] != now:
            yield Difference("set", path, now, origin, flat[path])
        elif path not in flat and origin == "device":
            yield Difference("dropped", path, now, origin)
