"""How each look is drawn: brightness over time and place, in positions. Pure.

Told apart by rhythm alone, for those who see no colours and for panels with a single LED:

    attending   ████████████████████████  steady                    starting    ▁▃▅▇▁▃▅▇▁▃▅▇  rises, again and again
    thinking    ▁▂▄▆█▆▄▂▁▂▄▆█▆▄▂▁         breathes, 1.6 s           soft mute   █               one wink in 4 s
    speaking    ▅█▅█▅█▅█▅█▅█              ripples, never dark       no network  █ █             two winks in 4 s
    hard mute   ████████████████ ███████  lit, a gap every 2.4 s    fault       █ █ █           three winks in 3 s

Never more than three flashes a second (WCAG 2.2, 2.3.1), and every edge takes 60 ms and more: seen from the corner of an eye a
hard edge is an alarm. On a strip, thinking travels along it, and what lasts is drawn by one LED, not to light up the room.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from device.panel.looks import Look
from device.values import RATE_HZ

Colour = tuple[float, float, float]
"""Red, green, blue, 0..1 each, as light: twice the figure is twice the current."""
BLACK: Colour = (0.0, 0.0, 0.0)
GAMMA = 2.2
"""From what the eye calls half as bright to a fifth of the light."""
LIT = 0.5
"""From this level on an LED that can only be on or off is on."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """``points``: (ms, level 0..1) of one period, ascending from 0 on, straight lines between them, and from the last one back to
    the first over the rest of ``period_ms``. ``travel``: by what share of the period each next LED of a strip is later.
    """

    colour: Colour
    period_ms: int
    points: tuple[tuple[int, float], ...]
    travel: float = 0.0
    where: Literal["all", "middle"] = "all"

    def level(self, at_ms: float) -> float:
        """How bright it looks ``at_ms`` after it began, 0..1."""
        at_ms %= self.period_ms
        ends = (*self.points, (self.period_ms, self.points[0][1]))
        for (begin, first), (end, last) in itertools.pairwise(ends):
            if at_ms < end:
                return first + (last - first) * (at_ms - begin) / (end - begin)
        return ends[-1][1]


def _winks(count: int) -> tuple[tuple[int, float], ...]:
    """Each 400 ms long, dark in between."""
    return tuple(
        (400 * number + ms, level)
        for number in range(count)
        for ms, level in ((0, 0.0), (60, 1.0), (160, 1.0), (260, 0.0))
    )


STEADY = ((0, 1.0),)
PATTERNS: Mapping[Look, Pattern] = {
    Look.DARK: Pattern(BLACK, 1000, ((0, 0.0),)),
    Look.STARTING: Pattern((1.0, 1.0, 1.0), 2000, ((0, 0.0), (1600, 1.0), (1800, 0.0))),
    Look.ATTENDING: Pattern((0.0, 0.4, 1.0), 1000, STEADY),
    Look.THINKING: Pattern((0.6, 0.0, 1.0), 1600, ((0, 0.05), (800, 1.0)), travel=0.2),
    Look.SPEAKING: Pattern((0.0, 1.0, 0.4), 500, ((0, 0.3), (250, 1.0)), travel=0.25),
    Look.HARD_MUTE: Pattern((1.0, 0.0, 0.0), 2400, ((0, 1.0), (2000, 1.0), (2080, 0.0), (2300, 0.0))),
    Look.SOFT_MUTE: Pattern((1.0, 0.5, 0.0), 4000, _winks(1), where="middle"),
    Look.NO_NETWORK: Pattern((1.0, 0.8, 0.0), 4000, _winks(2), where="middle"),
    Look.FAULT: Pattern((1.0, 0.1, 0.0), 3000, _winks(3)),
    Look.HELD: Pattern((1.0, 0.5, 0.0), 1000, STEADY),
    Look.HELD_LONG: Pattern((1.0, 0.0, 0.0), 400, ((0, 0.1), (60, 1.0), (200, 1.0), (260, 0.1))),
}


def shine(look: Look, since: int, count: int, brightness: float) -> tuple[Colour, ...]:
    """Light of each of ``count`` LEDs, ``since`` samples after ``look`` began; ``brightness`` 0..1 is that of a level of 1."""
    pattern = PATTERNS[look]
    at_ms = since * 1000 / RATE_HZ
    lights = []
    for number in range(count):
        if pattern.where == "middle" and number != count // 2:
            lights.append(BLACK)
            continue
        level = pattern.level(at_ms - number * pattern.travel * pattern.period_ms)
        light = (level * brightness) ** GAMMA
        red, green, blue = pattern.colour
        lights.append((red * light, green * light, blue * light))
    return tuple(lights)


def moves(look: Look) -> bool:
    """Whether it is drawn differently from one moment to the next."""
    return len(PATTERNS[look].points) > 1


def glow(look: Look, since: int, brightness: float) -> float:
    """Light of a single LED, whatever its colour is."""
    return float((PATTERNS[look].level(since * 1000 / RATE_HZ) * brightness) ** GAMMA)


def lit(look: Look, since: int) -> bool:
    """The same for an LED that can only be on or off."""
    return PATTERNS[look].level(since * 1000 / RATE_HZ) >= LIT
