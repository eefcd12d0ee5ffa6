"""A file that is to be pushed: read, and checked as far as it can be without the device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.config.checking import known, split
from device.config.faults import Fault
from device.config.files import ConfigFile, read
from device.config.keys import KEYS, flatten
from device.errors import ConfigError
from device.settings.rights import forbidden


class Invalid(ConfigError):
    """The file's own faults, each with its line: no device would take it."""

    def __init__(self, file: ConfigFile, faults: Sequence[Fault]) -> None:
        self.rows = rows(faults, file)
        super().__init__(file.name, file.located(faults))


@dataclass(frozen=True)
class Draft:
    """``file``, fit to be pushed. ``warnings`` are its unknown keys: they are sent, and a device leaves alone what it does not know."""

    file: ConfigFile
    warnings: tuple[Fault, ...]

    @property
    def tables(self) -> dict[str, Any]:
        return self.file.tables

    @property
    def to_be_signed(self) -> list[str]:
        """Its keys that a device takes unsigned only where they change nothing."""
        return [path for path in flatten(known(self.tables)) if not KEYS[path].policy.unsigned]


def read_draft(path: Path, scope: str) -> Draft:
    """The file at ``path`` (TOML, JSON by its ending) as a configuration for ``scope``. Raises ``ConfigError``: ``Invalid``, or where
    it cannot be read. Whether its values go together with what the device has otherwise is not said."""
    return checked(read(path), scope)


def checked(file: ConfigFile, scope: str) -> Draft:
    """``file`` as a draft. Raises ``Invalid``."""
    faults, warnings = split(file.tables)
    if faults := faults or forbidden(known(file.tables), scope):
        raise Invalid(file, faults)
    return Draft(file, tuple(warnings))


def rows(faults: Iterable[Any], file: ConfigFile | None) -> list[dict[str, Any]]:
    """Faults, ours or those of a report, as a program wants them: path, code, message, and line, None where it is not known."""
    return [
        {
            "path": fault.path,
            "code": fault.code,
            "message": getattr(fault, "message", str(fault)),
            "line": file.line(fault.path) if file and fault.path else None,
        }
        for fault in faults
    ]
