"""What the user hears when we did not understand: the long explanation once, later only a short sign."""

from __future__ import annotations

from collections.abc import Callable

from device.conversation.answering import Answering
from device.conversation.meaning import Meaning
from device.values import Command, Earcon

__all__ = ["Apologies"]


class Apologies:
    """Remembers what was explained already. ``answering`` says it."""

    def __init__(self, emit: Callable[[Command], None], answering: Answering) -> None:
        self._emit, self._answering = emit, answering
        self._commands_only_said = False
        self._recogniser_down = self._failure_said = False

    def understood(self) -> None:
        """The recogniser has given words that it stands by: it works."""
        self._recogniser_down = self._failure_said = False

    def recogniser_died(self) -> None:
        """From now on nothing understood means that nobody listened."""
        self._recogniser_down = True

    def recogniser_failed(self) -> None:
        """It failed somebody who was speaking to us."""
        if self._failure_said:
            self._emit(Earcon("error"))
        else:
            self._failure_said = True
            self._answering.say("recogniser", expect=True)

    def not_understood(self, meaning: Meaning, text: str) -> None:
        """``meaning`` is UNCLEAR, COMMANDS_ONLY or SOUND; ``text`` what the recogniser made of it."""
        if self._recogniser_down and not text.strip():
            self.recogniser_failed()
        elif meaning is Meaning.SOUND:
            self._emit(Earcon("error"))
        elif meaning is Meaning.COMMANDS_ONLY and not self._commands_only_said:
            self._commands_only_said = True
            self._answering.say("commands_only")
        else:
            self._answering.say("unclear")
