"""Orders from outside: say something, do something; and the device's answer to each.

dn/say  ``Say``    dn/cmd  ``Cmd``    ──►  done at most once per ``id``  ──►    up/ack  ``OrderAck``
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from device.link.fields import Code

OrderId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}\Z")]
Percent = Annotated[int, Meta(ge=0, le=100)]


class Say(Struct, frozen=True, kw_only=True):
    """Say ``text``. ``priority`` low waits until nobody speaks and is dropped where it would have to wait too long, normal
    waits, alarm is said at once and over the mute; ``interrupt`` ends what is being said; ``volume`` [percent] for this text
    alone; ``chime`` plays a sound before it."""

    id: OrderId
    text: Annotated[str, Meta(min_length=1, max_length=4096)]
    lang: Annotated[str, Meta(max_length=16)] = "en"
    priority: Literal["low", "normal", "alarm"] = "normal"
    interrupt: bool = False
    volume: Percent | None = None
    chime: bool = False


class Cmd(Struct, frozen=True, kw_only=True):
    """Do ``cmd`` with ``args`` (``device.orders`` lists them)."""

    id: OrderId
    cmd: Code
    args: dict[str, Any] = {}


class OrderAck(Struct, frozen=True, kw_only=True):
    """What became of order ``id``: done (``ok``), or ``code`` says why not. ``result`` is JSON, for people or programs."""

    id: str
    ok: bool
    code: Annotated[str, Meta(max_length=64)] = ""
    result: Any = None


Order = Say | Cmd
