"""The mouth: text comes in, speech goes out, and it knows to the word what was heard.

    ReplyText --> Splitter --Speak--> voice (own process) --Chunk--> ClauseSound --> track of the mixer --> loudspeaker
                     |                      |                                              |
                  offsets of           word times in                             PlayedLog: samples that
                  every word           samples                                   left, by position
                     +----------------------+-----------------> heard <-------------------+

Enters: ``Say``, ``ReplyBegin/Text/Finish``, ``Duck``, ``Hold``, ``Resume``, ``Cancel``, ``Earcon``. Leaves: PCM in the
mixer's speech track; ``ReplyStarted``, ``ReplyEnded``, ``ReplyCut``, ``EngineFailed``. Thread: the ear's, which steps
it every 10 ms; the voice runs in its own process. May import: ``device.audio``, ``device.models``, ``device.engines``,
values and config.
"""

from device.mouth.heard import Heard
from device.mouth.mouth import Mouth

__all__ = ["Heard", "Mouth"]
