"""Is the microphone closed by hand? Pure. Nothing but a switch or a button of this device may tell it otherwise.

A switch is what it is: its position is the state, also after a start. Without one a long hold of the button changes it, and the
life before is remembered. Nothing else is asked: no order, no configuration, no voice.
"""

from __future__ import annotations


class HardMute:
    """``remembered``: as it was in the life before; in force until a switch has been read."""

    def __init__(self, remembered: bool, has_switch: bool) -> None:
        self.on = remembered
        self._has_switch = has_switch

    def switched(self, on: bool) -> bool:
        """The switch stands at ``on``; whether that changes anything."""
        changed, self.on = on is not self.on, on
        return changed

    def held(self) -> bool:
        """The button was held for long; whether that changes anything: not beside a switch, or the two would disagree."""
        if self._has_switch:
            return False
        self.on = not self.on
        return True
