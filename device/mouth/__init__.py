"""The mouth: text comes in, speech goes out, and it knows to the word what was heard.

    ReplyText --> Splitter --Speak--> voice (own process) --Chunk--> ClauseSound --> track of the mixer --> loudspeaker
                     |                      |                                              |
                  offsets of           word times in                             PlayedLog: samples that
                  every word           samples                                   left, by position
                     +----------------------+-----------------> heard <-------------------+

Enters: ``Say``, ``ReplyBegin/Text/Finish``, ``Release``, ``Duck``, ``Hold``, ``Resume``, ``Cancel``, ``Earcon``. Leaves:
PCM in the mixer's speech track; ``FirstClause``, ``ReplyStarted``, ``ReplyEnded``, ``ReplyCut``, ``EngineFailed``. Thread:
the ear's, which steps it every 10 ms; the voice runs in its own process. May import: ``device.audio``,
``device.models``, ``device.engines``, values and config; its command also ``device.orders``, for a device elsewhere.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from device.mouth.mouth import Mouth as Mouth

__all__ = ["Mouth"]


def __getattr__(name: str) -> Any:
    """``Mouth`` on first use: the voice's process imports its engine from below here and needs no mixer, no numpy."""
    if name == "Mouth":
        from device.mouth.mouth import Mouth

        return Mouth
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
