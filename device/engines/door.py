"""The door of an engine: what the main process sees of it, and the form without a process."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any, Protocol

from device.errors import EngineError


class Engine(Protocol):
    def handle(self, message: Any) -> Iterable[Any]: ...


class EngineDoor(Protocol):
    """What the main process sees of an engine; no call blocks."""

    name: str
    restarts: int
    """How often the process was started again after a crash or a hang."""
    failure: str | None
    """Why the engine is not usable right now, or None."""

    def send(self, message: Any) -> bool:
        """Hand over ``message``; False when the engine is down or too far behind (the message is lost, counted)."""

    def poll(self) -> list[Any]:
        """Everything the engine has answered since the last call, in order."""

    def close(self) -> None:
        """Stop the engine; idempotent, at most 1 s."""


def load_factory(factory: str) -> Any:
    """Resolve ``"package.module:callable"``."""
    module, _, name = factory.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as exc:
        raise EngineError(f"engine factory {factory!r} cannot be loaded: {exc}") from exc


class InProcessDoor:
    """The engine in this process: ``send`` computes at once. For lock-step runs and tests."""

    def __init__(self, name: str, factory: str, settings: Any) -> None:
        self.name = name
        self.restarts = 0
        self.failure: str | None = None
        self._engine: Engine = load_factory(factory)(settings)
        start = getattr(self._engine, "start", None)
        self._replies: list[Any] = list(start()) if start else []

    def send(self, message: Any) -> bool:
        self._replies.extend(reply for reply in self._engine.handle(message) if reply is not None)
        return True

    def poll(self) -> list[Any]:
        replies, self._replies = self._replies, []
        return replies

    def close(self) -> None:
        close = getattr(self._engine, "close", None)
        if close:
            close()
