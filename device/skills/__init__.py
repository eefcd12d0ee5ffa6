"""The skills room: what the device does by itself, without an endpoint.

    enters   a matched ``Intent`` and the capture position
    leaves   ``SkillDone``: what to say about it
    thread   the caller's; nothing here takes longer than a dictionary look-up
    imports  config and values

| Intent                 | Slots        | Does                                                          |
|------------------------|--------------|---------------------------------------------------------------|
| stop, cancel, wait     |              | nothing more: the conversation has already given way          |
| volume_up, volume_down |              | one step of 10 percent                                        |
| volume_set             | volume 0-100 | that volume                                                   |
| mute, unmute           |              | the loudspeaker, not the ear: "unmute" must be heard           |
| time, date             |              | tells it                                                      |
| repeat                 |              | says the last reply again                                     |
"""

from device.skills.skills import Controls, Skills

__all__ = ["Controls", "Skills"]
