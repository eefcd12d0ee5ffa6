"""Room *link*: turns, state and events between the device and its endpoint, over MQTT 5.

Enters: commands (``OpenTurn``, ``ReviseTurn``, ``CommitTurn``, ``CancelTurn``, ``SendHeard``, ``Show``) and whatever the
broker delivers. Leaves: ``TurnAcked``, ``TurnDelta``, ``TurnEnded``, ``TurnFailed``, and messages on the wire. Thread:
``Link`` and ``Turns`` are stepped by the ear thread every 10 ms and never block; paho's own network thread only decodes
into a bounded inbox. May import: values, errors, config. paho is imported when the first connection is made, not before.

             execute()                      send()                      paho's thread
    daemon ───────────► Link ─► Turns ─► Transport ─► BrokerClient ───────────────────► broker
           ◄───────────       ◄─ (pure) ◄─          ◄─ inbox (bounded, decoded) ◄──────
              poll()                       poll()
"""

from device.link.link import Link, open_transport

__all__ = ["Link", "open_transport"]
