"""Timelines as lines of JSON: what ``earshot trace --json`` prints and ``--from`` reads, also out of a scenario's run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from device.errors import EarshotError
from device.latency.reader import Seen
from device.link.telemetry import Timeline

Seconds = Annotated[float, Meta(ge=0, le=2**35)]
"""Since the epoch, up to the year 3058: what every clock can show."""
SCENARIO = "timeline.json"
"""What ``earshot scenario --out`` calls its record; it has the timelines among its events."""


def line_of(seen: Seen) -> str:
    """One timeline as a line of JSON."""
    fields = msgspec.to_builtins(seen.line)
    return json.dumps({"device": seen.device, "time_s": round(seen.time_s, 3), **fields})


def read(name: str, text: str) -> list[Seen]:
    """The timelines in ``text``, in their order: lines of JSON, or a scenario's ``timeline.json``; other lines are skipped.

    Raises ``EarshotError`` that names the file and the line for what is neither.
    """
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = None  # several lines, or none that is JSON
    rows: Iterable[tuple[int, Any]]
    if isinstance(whole, dict) and isinstance(whole.get("events"), list):
        rows = _recorded(whole["events"])
    else:
        rows = _lines(name, text)
    found = [seen for number, row in rows if (seen := _seen(name, number, row)) is not None]
    if not found:
        raise EarshotError(
            f"{name}: there is no timeline in it; save some with `earshot trace --follow --json > FILE`, or give the "
            f"{SCENARIO} of an `earshot scenario --out` in which a turn was answered"
        )
    return found


def _recorded(events: list[Any]) -> Iterator[tuple[int, Any]]:
    for number, event in enumerate(events, 1):
        if (
            isinstance(event, dict)
            and event.get("event") == "timeline"
            and isinstance(event.get("data"), dict)
        ):
            yield number, {"device": "scenario", "time_s": event.get("t_s", 0), **event["data"]}


def _lines(name: str, text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as exc:
                raise EarshotError(f"{name}, line {number}: is no JSON: {exc}") from exc


def _seen(name: str, number: int, row: Any) -> Seen | None:
    if not isinstance(row, dict) or row.get("op") != "timeline" or row.get("outcome") == "speaking":
        return None
    try:
        line = msgspec.convert(row, Timeline)
        return Seen(str(row.get("device", "?")), msgspec.convert(row.get("time_s", 0), Seconds), line)
    except msgspec.ValidationError as exc:
        raise EarshotError(f"{name}, line {number}: is no timeline: {exc}") from exc
