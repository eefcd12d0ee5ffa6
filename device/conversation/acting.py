"""Local intents under way: each is carried out once, and only the skill's own word ends it.

act ──► Act ──SkillDone──► said, or an earcon
 └── drop: the user has moved on, the skill's word is no longer wanted
"""

from __future__ import annotations

from collections.abc import Callable

from device.conversation.answering import Answering
from device.values import Act, Command, Earcon, Intent, SkillDone

__all__ = ["Acting"]


class Acting:
    """``answering`` says what the skills say."""

    def __init__(self, emit: Callable[[Command], None], answering: Answering) -> None:
        self._emit, self._answering = emit, answering
        self._under_way: list[Intent] = []
        self._last: Intent | None = None

    @property
    def busy(self) -> bool:
        """Something is being carried out; what is to be said about it comes in a moment."""
        return bool(self._under_way)

    def act(self, intent: Intent) -> None:
        """Carry ``intent`` out; an answer that is prepared for it waits for the skill."""
        self._answering.forget()
        self._answering.act(intent)
        self._under_way.append(intent)
        self._last = intent
        self._emit(Act(intent))

    def correct(self, intent: Intent) -> bool:
        """ "No, I meant forty": the last intent once more with the slots of this one; False if it had none such."""
        last = self._last
        if last is None or not intent.slots.keys() <= last.slots.keys():
            return False
        self.act(Intent(last.name, last.slots | intent.slots))
        return True

    def done(self, event: SkillDone) -> bool:
        """The skill has done it. True if there was nothing to say about it: an earcon is all."""
        if event.intent not in self._under_way:
            return False
        self._under_way.remove(event.intent)
        self._answering.skill_said(event.text, event.expect_reply)
        if event.text.strip():
            return False
        self._emit(Earcon("done" if event.ok else "error"))
        return True

    def drop(self) -> bool:
        """Nothing of what is under way is wanted any more; whether there was anything."""
        busy = bool(self._under_way)
        self._under_way.clear()
        return busy
