"""At most once: which orders were done, with their acks, and which are under way. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from device.link.orders import OrderAck

REMEMBERED = 256
"""Ids that are known again: a broker repeats a message within seconds, and nobody sends so many meanwhile."""


class Once:
    """Ids of ``say`` and ``cmd`` together, the newest ``REMEMBERED`` of them. ``done``: ids that were done in a life before."""

    def __init__(self, done: Iterable[str] = ()) -> None:
        self._acks: OrderedDict[str, OrderAck | None] = OrderedDict()
        for id in done:
            self.end(OrderAck(id=id, ok=True, result={"message": "done before the restart"}))

    def begin(self, id: str) -> bool:
        """Order ``id`` arrives; False for one that has arrived before: ``ack`` is what there is to say about it."""
        if id in self._acks:
            return False
        self._keep(id, None)
        return True

    def ack(self, id: str) -> OrderAck | None:
        """The answer that ``id`` was given, None as long as it is under way."""
        return self._acks.get(id)

    def end(self, ack: OrderAck) -> None:
        """An order is over."""
        self._keep(ack.id, ack)

    def _keep(self, id: str, ack: OrderAck | None) -> None:
        self._acks[id] = ack
        while len(self._acks) > REMEMBERED:
            self._acks.popitem(last=False)
