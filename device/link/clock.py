"""Whether this machine's clock can be right. Pure: the time comes in.

A Raspberry Pi has no clock battery: without network time it starts at some date of the past, and every certificate "is not
valid yet".
"""

from __future__ import annotations

import datetime

RELEASED = datetime.date(2026, 11, 1)
"""No clock was right before this version existed; moved on with each release."""
LAST = RELEASED.replace(year=RELEASED.year + 9)
"""Nor, much likelier than not, is one that says that this version is so old."""


def plausible(now: datetime.datetime) -> bool:
    """Whether the clock says a time at which this version can run."""
    return RELEASED <= now.date() < LAST
