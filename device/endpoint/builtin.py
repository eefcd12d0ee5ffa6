"""The answers that need no language model: enough to try the device, and honest about the rest. Pure, given ``now``."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import Protocol

from device.endpoint.arithmetic import calculate

STORY = (
    "On an island in the north sea there stood a lighthouse, and in it lived an old keeper called Marten. "
    "Every evening he climbed the ninety nine steps, lit the lamp, and told the sea what he had done that day. "
    "The sea never answered, but he did not mind. "
    "One winter night the fog came in so thick that the lamp could not cut through it. "
    "Far out, a small boat was looking for the harbour, and its crew could see nothing at all. "
    "So Marten opened the window and began to tell his day to the sea, as loud as he could. "
    "He told it about the soup, the gulls, and the step that creaked. "
    "The crew heard a voice in the fog, turned the boat towards it, and kept rowing until the voice was right above "
    "them. "
    "When they stepped ashore, the youngest of them asked how he had known that somebody was listening. "
    "Marten laughed and said that he had not known. "
    "But from that night on, whenever he finished his story, somebody down in the harbour rang a bell."
)
"""About a minute when spoken: long enough to be talked over."""

WHO = "I am earshot, a smart speaker that you can talk over. You can cut me off at any time."
NO_MODEL = (
    "No language model is configured, so I cannot answer that. "
    "To connect one, start the endpoint with the option backend openai, and give it the address and the name of "
    "your model."
)


class Entry(Protocol):
    """One entry of the conversation: ``device.values.Message`` and ``device.link.messages.Line`` both are."""

    @property
    def role(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def interrupted(self) -> bool: ...


def answer(text: str, conversation: Sequence[Entry] = (), now: datetime.datetime | None = None) -> str:
    """The built-in answer to ``text``; ``now`` is the local time (default: the clock's)."""
    said = " ".join(re.findall(r"[a-z0-9'%.+*/-]+", text.lower()))
    if re.search(r"\b(go on|carry on|continue|keep going|what happened then)\b", said):
        return _go_on(conversation)
    if "story" in said:
        return STORY
    if (result := calculate(text)) is not None:
        return result
    now = now or datetime.datetime.now()
    if re.search(r"\b(what|which|tell)\b.*\btime\b|\bwhat's the time\b", said):
        return f"It is {now:%H:%M}."
    if re.search(r"\bwhat(ever)?\b.*\b(date|day)\b|\btoday's date\b|\bwhich day\b", said):
        return f"Today is {now:%A}, {now.day} {now:%B} {now.year}."
    if re.search(r"\b(who|what) are you\b|\bwho is (this|there)\b|\byour name\b|\bwhat can you do\b", said):
        return WHO
    if re.fullmatch(r"(hello|hi|hey|good (morning|afternoon|evening))( there| earshot)?\.?", said):
        return "Hello! What can I do for you?"
    if re.search(r"\b(thanks|thank you)\b", said):
        return "You're welcome."
    return NO_MODEL


def _go_on(conversation: Sequence[Entry]) -> str:
    """The rest of the story, from the sentence in which the user cut in."""
    for entry in reversed(conversation):
        heard = entry.text.strip()
        if entry.role == "assistant" and entry.interrupted and heard:
            at = STORY.find(heard)
            if at >= 0:
                # the sentence that was cut is told again from its start
                start = STORY.rfind(". ", 0, at + len(heard)) + 2
                return STORY[start if start > 1 else 0 :]
            break
    return "I was not in the middle of anything. Shall I tell you a story?"
