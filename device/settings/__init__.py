"""Room *settings*: what the device is told to be over MQTT: whose word counts, what it changes, and what survives a power cut.

Enters: bytes from the broker and single values from commands; evidence that a change works. Leaves: what to adopt, when to
restart, what to report; on the owner's side envelopes and signing keys. Thread: the steward's own, and whoever asks for the
rest; the ear's thread only drops things off and takes things up. May import: values, errors, config, disk, link (the report).
cryptography is imported when the first envelope is opened, not before.
"""

from device.settings.actions import Adopt, Changed, Publish, Reloaded, Restart
from device.settings.probation import Evidence
from device.settings.steward import Steward

__all__ = ["Adopt", "Changed", "Evidence", "Publish", "Reloaded", "Restart", "Steward"]
