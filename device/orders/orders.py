"""Orders carried out, each id once: what to do is decided here, what it takes is done by ``Hands``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from device.config import Config
from device.config.faults import Fault
from device.link.orders import Cmd, OrderAck, Say
from device.link.transport import BadOrder
from device.orders import commands as c
from device.orders.alarms import Alarms
from device.orders.commands import Refused
from device.orders.once import Once
from device.skills import TimerRefused, Timers
from device.values import RATE_HZ, Announce, Announced

QUEUE = 8
"""Texts that may wait to be said; alarms find as many places again."""
A_STEP = 4
"""Orders in 10 ms: with its answer one costs some 0.1 ms, and the ear must not wait."""
WAITING = 256
CHANGES = 16
"""Keys that may be on their way at once."""
CHANGE_S = 30
"""A key that has not been changed by then is given up."""
RESTART_EVERY_S = 60
"""A restarting device hears nothing for some seconds: who sends one order after the other must not make it deaf."""
_MUTED = "the loudspeaker is muted: unmute it, or give the priority alarm"
_CLOSED = "the microphone is closed by hand: it can be opened at the device only, by its switch or a long hold of its button"
_UNSAID = {
    "interrupted": "somebody spoke, or said stop",
    "expired": "it could not be said in time",
    "superseded": "a text that interrupts came",
    "failed": "the voice has failed",
}


class Hands(Protocol):
    """What orders may turn. Given by the daemon; no call blocks."""

    @property
    def volume(self) -> int:
        """Playback volume in percent, 0..100, also while muted."""

    @property
    def muted(self) -> bool: ...

    @property
    def deaf(self) -> bool:
        """Whether the microphone is closed by hand."""

    def set_volume(self, percent: int) -> None: ...

    def set_mute(self, muted: bool) -> None: ...

    def hush(self) -> None:
        """As if somebody had said "stop"."""

    def attend(self) -> None:
        """As if somebody had said the wake word."""

    def announce(self, announce: Announce) -> None:
        """Have something said; ``Orders.announced`` is told what became of it."""

    def event(self, kind: str, **fields: Any) -> None:
        """Publish that something has happened."""

    @property
    def proving(self) -> bool:
        """Whether a configuration is on trial: a start from scratch would count against it."""

    @property
    def restarted(self) -> bool:
        """Whether this life began with a restart of that kind."""

    def restart(self, reason: str) -> None:
        """Leave, so that the daemon is started again."""

    def log_level(self, level: str | None) -> None:
        """Log what is at least ``level``; None: as configured."""

    def change(self, token: str, values: dict[str, Any]) -> None:
        """Change keys of the configuration; ``Orders.changed`` is told what became of it."""


class Orders:
    """``receive`` whatever comes, ``step`` every 10 ms, send the ``acks``. ``timers`` are those that the voice sets, too;
    ``done`` are ids of orders that a life before has done (``TimerFile.orders``)."""

    def __init__(self, config: Config, hands: Hands, timers: Timers, done: Sequence[str] = ()) -> None:
        self.config = config
        """Replaced when another one is in force."""
        self._hands, self._timers = hands, timers
        self._once = Once(done)
        self._alarms = Alarms(hands, timers)
        self._acks: list[OrderAck] = []
        self._said: dict[int, Say] = {}
        self._changing: dict[str, int] = {}
        self._count = 0
        self._log_until: int | None = None
        self._restart: str | None = None
        self._position = 0
        self.counters = {"done": 0, "refused": 0, "repeated": 0, "flooded": 0}
        self._do: dict[type[c.Args], Callable[[str, Any], Any]] = {
            c.Volume: self._volume,
            c.Mute: self._mute,
            c.Stop: lambda id, args: self._hands.hush(),
            c.Listen: self._listen,
            c.TimerSet: self._timer_set,
            c.TimerCancel: self._timer_cancel,
            c.Identify: self._identify,
            c.Restart: self._leave,
            c.Log: self._log,
        }

    # ------------------------------------------------------------------ what comes in

    def take(self, waiting: deque[Cmd | Say | BadOrder], position: int) -> None:
        """Receive from ``waiting`` what one step has time for. More than ``WAITING`` is a flood: its newest are dropped."""
        while len(waiting) > WAITING:
            waiting.pop()
            self.counters["flooded"] += 1
        for _ in range(min(A_STEP, len(waiting))):
            self.receive(waiting.popleft(), position)

    def receive(self, order: Cmd | Say | BadOrder, position: int) -> None:
        """Carry out ``order``, or say why not; an id that is known is only answered again, when there is an answer."""
        self._position = position
        if isinstance(order, BadOrder):
            self._answer(OrderAck(id=order.id, ok=False, code="bad_order", result={"message": order.reason}))
        elif self._once.begin(order.id):
            try:
                self._say(order) if isinstance(order, Say) else self._command(order)
            except Refused as exc:
                about = {"argument": exc.argument} if exc.argument else {}
                self._end(order.id, exc.code, {"message": str(exc), **about})
            except TimerRefused as exc:
                self._end(order.id, exc.code, {"message": str(exc)})
        else:
            self.counters["repeated"] += 1
            ack = self._once.ack(order.id)
            if ack is not None:
                self._answer(ack)

    def announced(self, what: Announced) -> None:
        """What became of an announcement, perhaps of one of ours."""
        say = self._said.pop(what.announcement, None)
        if say is None:
            return
        heard = {"words": what.words, "ms": what.ms}
        if what.outcome != "said":
            self._end(say.id, what.outcome, {"message": _UNSAID[what.outcome], **heard})
        elif self._hands.muted and say.priority != "alarm":
            self._end(say.id, "muted", {"message": _MUTED, "words": 0, "ms": 0})
        else:
            self._end(say.id, "", heard)

    def changed(self, token: str, faults: Sequence[Fault]) -> None:
        """The keys of ``change`` ``token`` have been changed, or ``faults`` say why not."""
        if self._changing.pop(token, None) is None:
            return
        if not faults:
            self._end(token)
        else:
            message = "; ".join(dict.fromkeys(faults))[:1000]
            self._end(token, faults[0].code, {"message": message, "argument": faults[0].path})

    def step(self, position: int) -> None:
        """Time has come to ``position``: timers ring, leases end, and who was answered may be restarted."""
        self._position = position
        self._alarms.step(position, self._number)
        if self._log_until is not None and position >= self._log_until:
            self._log_until = None
            self._hands.log_level(None)
        for token in [token for token, due in self._changing.items() if position >= due]:
            del self._changing[token]
            self._end(token, "timeout", {"message": f"not changed within {CHANGE_S} s"})
        if self._restart is not None and not self._acks:
            reason, self._restart = self._restart, None
            self._hands.restart(reason)

    def acks(self) -> list[OrderAck]:
        """What is to be sent."""
        acks, self._acks = self._acks, []
        return acks

    # ------------------------------------------------------------------ say

    def _say(self, say: Say) -> None:
        urgent = say.priority == "alarm"
        spoken = self.config.device.language
        if not any(char.isalnum() for char in say.text):
            raise Refused("nothing_to_say", "text has no letter and no digit: give something to say", "text")
        if say.lang.lower().replace("_", "-").split("-")[0] != spoken:
            raise Refused("unknown_language", f"lang = {say.lang!r}: this device speaks {spoken!r}", "lang")
        if self._hands.muted and not urgent:
            raise Refused("muted", _MUTED)
        if len(self._said) >= QUEUE * (1 + urgent):
            raise Refused("queue_full", f"{len(self._said)} texts wait already: try again later")
        number = self._number()
        self._said[number] = say
        self._hands.announce(
            Announce(
                self._position,
                number,
                say.text,
                priority=say.priority,
                interrupt=say.interrupt,
                volume=say.volume,
                chime=say.chime,
            )
        )

    def _number(self) -> int:
        self._count += 1
        return self._count

    # ------------------------------------------------------------------ cmd

    def _command(self, cmd: Cmd) -> None:
        args = c.parse(cmd.cmd, cmd.args)
        if isinstance(args, c.Set):
            if len(self._changing) >= CHANGES:
                raise Refused("busy", f"{CHANGES} changes are under way already: try again in a moment")
            self._changing[cmd.id] = self._position + CHANGE_S * RATE_HZ
            self._hands.change(cmd.id, {args.key: args.value})
        else:
            self._end(cmd.id, "", self._do[type(args)](cmd.id, args))

    def _volume(self, id: str, args: c.Volume) -> dict[str, int]:
        wanted = args.percent if args.percent is not None else self._hands.volume + (args.step or 0)
        percent = min(100, max(0, wanted))
        self._hands.set_mute(False)
        self._hands.set_volume(percent)
        return {"percent": percent}

    def _mute(self, id: str, args: c.Mute) -> dict[str, bool]:
        self._hands.set_mute(args.on)
        return {"on": args.on}

    def _listen(self, id: str, args: c.Listen) -> None:
        if self._hands.deaf:
            raise Refused("mic_closed", _CLOSED)
        self._hands.attend()

    def _timer_set(self, id: str, args: c.TimerSet) -> dict[str, int]:
        self._timers.set(args.seconds, self._position, args.name or "", id)
        return {"seconds": args.seconds, "timers": len(self._timers)}

    def _timer_cancel(self, id: str, args: c.TimerCancel) -> dict[str, int]:
        if args.all and args.name is not None:
            raise Refused("bad_args", "timer.cancel: give either name or all", "all")
        if args.all:
            return {"cancelled": self._timers.cancel_all(), "timers": 0}
        self._timers.cancel(self._timers.which(args.name or ""))
        return {"cancelled": 1, "timers": len(self._timers)}

    def _identify(self, id: str, args: c.Identify) -> dict[str, str]:
        name = self.config.device.id
        if self._hands.muted:
            raise Refused("muted", _MUTED.split(",")[0])
        text = f"I am {name.replace('-', ' ')}."
        self._hands.announce(Announce(self._position, self._number(), text, chime=True))
        return {"name": name}

    def _log(self, id: str, args: c.Log) -> dict[str, Any]:
        self._hands.log_level(args.level)
        self._log_until = self._position + args.seconds * RATE_HZ
        return {"level": args.level, "seconds": args.seconds}

    def _leave(self, id: str, args: c.Restart) -> None:
        if self._hands.proving:
            raise Refused(
                "busy", "a configuration proves itself, and would be rolled back: try again in a minute"
            )
        if self._hands.restarted and self._position < RESTART_EVERY_S * RATE_HZ:
            raise Refused("busy", f"it has just started again: once in {RESTART_EVERY_S} s is enough")
        self._restart = "an order"  # not before it was answered

    # ------------------------------------------------------------------ answers

    def _end(self, id: str, code: str = "", result: Any = None) -> None:
        ack = OrderAck(id=id, ok=not code, code=code, result=result)
        self.counters["refused" if code else "done"] += 1
        self._once.end(ack)
        self._answer(ack)

    def _answer(self, ack: OrderAck) -> None:
        self._acks.append(ack)
