"""Room *panel*: the lights, the button and the microphone's switch of one device.

Enters: what the lights are to show (``Look``), brightness; levels of pins. Leaves: colours on LEDs; what button and switch did, as
``Change``; whether the microphone was closed by hand in the life before; why there is no panel. Thread: one of its own, up to 50 times
a second, which reads the pins and draws, so that neither a slow bus nor a slow card keeps the ear waiting; what a press means and
what is shown is decided in the ear's thread, by positions. May import: values, errors, config; gpiozero where pins are opened.

    ear's thread: state ─► look (pure) ─► Panel.show ─┐      ┌─► patterns (pure) ─► LEDs, strip
                  Button, HardMute (pure) ◄─ changes ─┴ Panel ┴─◄ Debounce (pure) ◄─ pins
"""

from device.panel.button import Button, Gesture
from device.panel.hard_mute import HardMute
from device.panel.looks import Facts, Look, look
from device.panel.mark import Mark
from device.panel.panel import Change, Panel

__all__ = ["Button", "Change", "Facts", "Gesture", "HardMute", "Look", "Mark", "Panel", "look"]
