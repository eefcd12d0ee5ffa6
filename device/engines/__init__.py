"""Room *engines*: a recogniser or a voice behind a door, in its own process, or in this one for lock-step runs.

PocketSphinx holds the GIL for up to 296 ms and importing an engine stops other threads for 13-18 ms (100 ms on a
Pi), while the ear needs it every 10 ms. So engines live in a spawned process behind an ``EngineDoor``. The same
engine object also runs in-process (``InProcessDoor``): simulated time then sees its computing as taking no time.

Enters: messages for an engine. Leaves: its replies, how often it was restarted, and why it is down. Thread: whoever
steps the device also drives the doors; no call waits. May import: errors.

An *engine* is any object with ``handle(message) -> Iterable[reply]``, made by a factory named
``"package.module:callable"`` that gets one picklable ``settings`` value. Messages and replies are picklable; a reply of None
says only that it is still at it (and is not handed on), so that what ``preempts`` is obeyed in the middle of a long computation.
Optional:

* ``start() -> Iterable[reply]``: called once before the first message (a ``Ready`` belongs here);
* ``preempts(message) -> bool``: asked for each message as it arrives, also between two replies of a running
  ``handle`` generator; True closes that generator and drops what was queued before ``message`` (an abort);
* ``close()``: called once at the end.

One idea a file: ``door`` (the contract, and the form without a process), ``process`` (the door's side of a process:
start, feed, watch, restart), ``child`` (the engine's side), ``frames`` (messages as bytes between the two).
"""

from device.engines.door import Engine, EngineDoor, InProcessDoor, load_factory

__all__ = ["Engine", "EngineDoor", "InProcessDoor", "load_factory"]
