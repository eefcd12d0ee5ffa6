"""What the authority has ever issued: without it a certificate that was replaced could not be revoked any more. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import msgspec

from device.fleet.passwords import Hashed


class Certificate(msgspec.Struct, frozen=True):
    """``serial`` in hex: it has 160 bits, more than a JSON number keeps."""

    name: str
    serial: str
    expires: date
    revoked: date | None = None


class Ledger(msgspec.Struct):
    """``certificates`` oldest first; ``passwords`` as the broker keeps them, by member."""

    certificates: list[Certificate] = []
    passwords: dict[str, Hashed] = {}

    def good(self, name: str) -> list[Certificate]:
        """Those of ``name`` that are not revoked, the newest last."""
        return [one for one in self.certificates if one.name == name and one.revoked is None]

    def revoke(self, name: str, today: date, keep_newest: bool = False) -> int:
        """Revoke the certificates of ``name``, but for the newest where it is to be kept; returns how many."""
        good = self.good(name)
        gone = good[:-1] if keep_newest else good
        self.certificates = [
            msgspec.structs.replace(one, revoked=today) if one in gone else one for one in self.certificates
        ]
        return len(gone)

    def revoked(self) -> Iterator[tuple[int, date]]:
        """Serial number and day, for the list of the revoked."""
        for one in self.certificates:
            if one.revoked is not None:
                yield int(one.serial, 16), one.revoked
