"""What the device does, in one line for ``systemctl status``. Pure: values in, words out; never what anybody has said."""

from __future__ import annotations

from collections.abc import Sequence

from device.values import Show


def status_line(
    *,
    words: Sequence[str],
    show: Show,
    echo: str,
    erle_db: float | None,
    broker: str,
    deaf: str = "",
    wrong: Sequence[str] = (),
) -> str:
    """For instance ``listening for 'alexa', echo software 24 dB, broker ok``.

    ``words``: the wake words; ``echo``: which canceller works, ``erle_db``: how well, where that is known; ``broker``: "ok", or why
    there is none. ``deaf``: stands in place of what it listens for where it hears nothing, and says why; ``wrong``: what else is, each in words.
    """
    parts = [
        _doing(words, show, deaf),
        *_echo(echo, erle_db, deaf),
        f"broker {broker.removeprefix('broker ')}",
    ]
    if wrong:
        parts.append("degraded: " + "; ".join(wrong))
    return ", ".join(parts)


def with_stuck(line: str, stuck: Sequence[str]) -> str:
    """``line`` of a device some ``stuck`` parts of which do not move: those first, for the rest may be old."""
    return f"stuck: {', '.join(stuck)}; {line}" if stuck else line


def _doing(words: Sequence[str], show: Show, deaf: str) -> str:
    """What a person would say that it does; of several things at once the one that is heard."""
    doing = next((name for name in ("speaking", "thinking", "attending") if getattr(show, name)), "")
    if deaf:
        return ", ".join(filter(None, [doing, deaf]))
    if doing:
        return doing
    return f"listening for {' or '.join(map(repr, words))}" if words else "running, without a wake word"


def _echo(echo: str, erle_db: float | None, deaf: str) -> list[str]:
    if deaf:
        return []
    # below 1 dB nothing was played yet, or there is nothing to cancel
    return [f"echo {echo}" + (f" {erle_db:.0f} dB" if erle_db is not None and erle_db >= 1 else "")]
