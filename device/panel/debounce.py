"""A contact that bounces: a level counts once it has been read several times in a row. Pure."""

from __future__ import annotations

READINGS = 2
"""20 ms apart: switches bounce for 1 to 10 ms, a tap lasts 60 ms and more."""


class Debounce:
    """``level`` is None before it is known."""

    def __init__(self, readings: int = READINGS) -> None:
        self.level: bool | None = None
        self._readings = readings
        self._last: bool | None = None
        self._alike = 0

    @property
    def settled(self) -> bool:
        """Whether the last reading was what counts."""
        return self._last is self.level

    def read(self, level: bool) -> bool:
        """One reading; whether ``level`` is another one now."""
        self._alike = self._alike + 1 if level is self._last else 1
        self._last = level
        if self._alike < self._readings or level is self.level:
            return False
        self.level = level
        return True
