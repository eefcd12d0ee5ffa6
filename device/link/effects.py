"""What the turns cause: messages to send and events for the conversation, until somebody fetches them, and counters."""

from __future__ import annotations

from device.link.messages import Cancel, Message, OfTurn
from device.values import Event, TurnFailed


class Effects:
    """Pure."""

    def __init__(self) -> None:
        self.counters = dict.fromkeys(
            (
                "turns", "speculations", "revisions", "commits", "second_attempts", "failed_turns", "lost_races", "late_acks", "stale", "duplicates",
                "conflicts", "overflow", "holes", "resends", "tools_refused",
            ),
            0,
        )  # fmt: skip
        self.messages: list[Message] = []
        self.events: list[Event] = []

    def take_messages(self) -> list[Message]:
        """Those since the last call."""
        messages, self.messages = self.messages, []
        return messages

    def take_events(self) -> list[Event]:
        """Those since the last call."""
        events, self.events = self.events, []
        return events

    def cancel(self, about: OfTurn, worker: str, reason: str) -> None:
        """Tell ``worker`` that nobody waits for what ``about`` is about."""
        cancel = Cancel(turn=about.turn, rev=about.rev, worker=worker, reason=reason[:64] or "-")
        self.messages.append(cancel)

    def failed(self, number: int, code: str, position: int) -> None:
        """Turn ``number`` brings no answer."""
        self.counters["failed_turns"] += 1
        self.events.append(TurnFailed(position, number, code))
