"""Are our streams where they should be on the sound server, and could they be? Pure.

A node is wanted by name, or whatever the server's default is. What a loudspeaker plays (a monitor) is a microphone only for
somebody who names it: otherwise the device would listen to itself, and be deaf without a sign of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from .pulse_wire import Node

NO_SINK = "auto_null"
"""The sink that a server makes up where there is none."""


@dataclass(frozen=True, slots=True)
class View:
    """What a server has: its nodes, which microphone everybody gets, and the indexes of the nodes that our streams are at."""

    sources: tuple[Node, ...] = ()
    sinks: tuple[Node, ...] = ()
    default_source: str = ""
    recording: tuple[int, ...] = ()
    playing: tuple[int, ...] = ()

    def nodes(self, direction: str) -> tuple[Node, ...]:
        """That can be meant without being named."""
        if direction == "input":
            return tuple(node for node in self.sources if not node.monitor)
        return tuple(node for node in self.sinks if node.name != NO_SINK)

    def ours(self, direction: str) -> tuple[Node, ...]:
        """Nodes that our streams of that direction are at."""
        every, at = (self.sources, self.recording) if direction == "input" else (self.sinks, self.playing)
        return tuple(node for node in every if node.index in at)


def absent(view: View, direction: str, wanted: str, default: bool = True) -> str | None:
    """Why nothing is to be opened: the node ``wanted`` is not there; or, without one, no other, or (``default``: it is the default
    that is opened) that one is no microphone. None where it may be opened."""
    role = "microphone" if direction == "input" else "loudspeaker"
    there = view.nodes(direction)
    if not wanted and not there:
        return f"the sound server has no {role}"
    if not wanted:
        first = view.default_source if direction == "input" and default else ""
        monitor = any(node.name == first and node.monitor for node in view.sources)
        return (
            f"the sound server's default microphone is what the loudspeaker plays (`pactl set-default-source {there[0].name}`)"
            if monitor
            else None
        )
    if any(node.name == wanted for node in (view.sources if direction == "input" else view.sinks)):
        return None
    names = ", ".join(repr(node.name) for node in there) or "none"
    return f"{role} 'node:{wanted}' not found; the sound server has: {names}"


def displaced(view: View, direction: str, wanted: str) -> str | None:
    """What our open stream is at instead of where it should be; None where it is well, or not on the server at all."""
    wrong = [node for node in view.ours(direction) if not _fits(node, direction, wanted)]
    if not wrong:
        return None
    at = wrong[0]
    return "was moved to " + (
        f"what the loudspeaker plays ({at.name!r})" if at.monitor else f"{at.name!r} by the sound server"
    )


def hindrance(view: View, direction: str) -> str | None:
    """Why the node that our stream is at gives no sound, as far as the server tells."""
    for node in view.ours(direction):
        if node.suspended:
            return f"is suspended by the sound server (`pactl suspend-{_KIND[direction]} {node.name} 0`)"
        if node.muted:
            return f"is muted in the sound server (`pactl set-{_KIND[direction]}-mute {node.name} 0`)"
    return None


_KIND = {"input": "source", "output": "sink"}


def _fits(node: Node, direction: str, wanted: str) -> bool:
    if wanted:
        return node.name == wanted
    return not node.monitor if direction == "input" else node.name != NO_SINK
