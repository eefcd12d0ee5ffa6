"""Where the wake word ended: the command may follow in the same breath, so this decides what is recognised.

Pure. The decision itself says little: the model's averaged score passes the threshold 150 ms (p50) after the end of
a real "alexa" and 235 ms after a synthetic one. The *raw* score rises through 0.5 closer to the end, and just before
that rise the level falls, if the talker pauses at all. So: look for the last loud frame before the rise that a pause
of 80 ms follows; without such a pause go back a fixed time from the rise. Errors lean to the early side on
purpose: what is left of the wake word the recogniser strips, an eaten first word is gone.
"""

from __future__ import annotations

from collections.abc import Sequence

DROP_DB = 20.0
"""A pause is this far below the loudest frame of the word."""
PAUSE = 8
"""Frames. A stop consonant closes the mouth for less than 80 ms, so it is no pause."""
LOOK_BACK = 25
"""Frames before the rise in which the word can have ended."""
WORD = 70
"""Frames before the rise in which the word lies."""
BLIND = 12
"""Frames from the end of the word to the rise when no pause shows it; measured 30 (real) to 190 ms (synthetic)."""


def frames_since_end(levels_db: Sequence[float], rise: int) -> int:
    """How many frames ago the wake word ended, 0 or more.

    ``levels_db``: level of each 10 ms frame, newest last, at least a second of them; ``rise``: how many frames ago
    the raw score rose through 0.5 (0 = with the newest frame).
    """
    count = len(levels_db)
    risen = max(1, count - rise)  # frames up to and with the one that made the score rise
    first = max(0, risen - WORD)
    threshold = max(levels_db[first:risen]) - DROP_DB
    for frame in range(risen - 1, max(first, risen - LOOK_BACK) - 1, -1):
        pause = levels_db[frame + 1 : frame + 1 + PAUSE]
        if levels_db[frame] > threshold and len(pause) == PAUSE and max(pause) <= threshold:
            return count - (frame + 1)
    return min(count, rise + BLIND)
