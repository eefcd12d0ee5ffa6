"""The skills room: what the device does by itself, without an endpoint.

    enters   a matched ``Intent`` and the capture position
    leaves   ``SkillDone``: what to say about it; ``SkillPreview``: what that would be
    thread   the caller's; nothing here takes longer than a dictionary look-up
    imports  config and values

| Intent                 | Slots        | Does                                                          |
|------------------------|--------------|---------------------------------------------------------------|
| stop, cancel, wait     |              | nothing: these are about the conversation, which does them    |
| repeat, go_on, correct |              | the same                                                      |
| volume_up, volume_down |              | one step of 10 percent                                        |
| volume_set             | volume 0-100 | that volume                                                   |
| mute, unmute           |              | the loudspeaker, not the ear: "unmute" must be heard           |
| time, date             |              | tells it                                                      |
"""

from device.skills.skills import Controls, Skills

__all__ = ["Controls", "Skills"]
