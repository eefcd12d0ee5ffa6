"""Room *homeassistant*: how the device appears in Home Assistant, through MQTT discovery.

Enters: the configuration, this software's version, the wake words and voices that there are; that the broker was reached, that
Home Assistant has started. Leaves: the one retained device message, and when to publish it. Thread: the ear's, which steps
``Announcer``; all of it is pure. May import: values, config and the topics of the link.

Home Assistant then reads what the device publishes anyway (``up/status``, ``up/state``, ``up/config``, ``up/event``) and writes
what anybody may write who has the right (``dn/cmd``, ``dn/say``): nothing on the wire is made for it but the message itself.
"""

from device.homeassistant.announcement import announcement, message
from device.homeassistant.announcer import Announcer

__all__ = ["Announcer", "announcement", "message"]
