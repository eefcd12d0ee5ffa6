"""What carrying out an intent comes to, before it is carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """``text`` to say (empty: an earcon is enough), and ``effect``, not done yet."""

    text: str
    ok: bool = True
    effect: Callable[[], None] | None = None
