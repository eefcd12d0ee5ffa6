"""One tree of errors. A message names the thing, the value, the allowed range and the fix."""

from __future__ import annotations

from collections.abc import Sequence


class EarshotError(Exception):
    """Root of everything this package raises on purpose."""


class ConfigError(EarshotError):
    """The configuration cannot be used; ``problems`` lists every fault, not only the first."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.source, self.problems = source, problems
        super().__init__(f"{source}: {len(problems)} problem(s)\n" + "\n".join(f"  {p}" for p in problems))


class ModelMissing(EarshotError):
    """A model file is not there; the message says where it was looked for and how to get it."""


class AudioError(EarshotError):
    """A sound device or a sound file cannot be used."""


class EngineError(EarshotError):
    """A recogniser, voice or wake-word engine cannot be started."""


class LinkError(EarshotError):
    """The broker or a message on the wire is not usable."""


class ScenarioError(EarshotError):
    """A scenario file cannot be used; names the key and, where known, the line."""
