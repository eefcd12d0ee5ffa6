"""The skills room: what the device does by itself, without an endpoint.

    enters   a matched ``Intent`` and the capture position
    leaves   ``SkillDone``: what to say about it; ``SkillPreview``: what that would be
    thread   the caller's; nothing here takes longer than a dictionary look-up
    imports  config, disk, errors and values

| Intent                 | Slots        | Does                                                          |
|------------------------|--------------|---------------------------------------------------------------|
| stop, cancel, wait     |              | nothing: these are about the conversation, which does them    |
| repeat, go_on, correct |              | the same                                                      |
| volume_up, volume_down |              | one step of 10 percent                                        |
| volume_set             | volume 0-100 | that volume                                                   |
| mute, unmute           |              | the loudspeaker, not the ear: "unmute" must be heard           |
| time, date             |              | tells it                                                      |
| timer_set              | hours, minutes, half_hours, seconds | a timer of that length                 |
| timer_cancel           | all          | the only timer, or all                                        |
| timer_left             |              | tells how long they take yet                                  |

``timers`` are the timers themselves, set by voice or from outside, ``timer_file`` keeps them over a restart.
"""

from device.skills.skills import Controls, Skills
from device.skills.timer_file import TimerFile
from device.skills.timers import Timer, TimerRefused, Timers

__all__ = ["Controls", "Skills", "Timer", "TimerFile", "TimerRefused", "Timers"]
