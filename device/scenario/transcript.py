"""``transcript.md``: the conversation as people write one down, with what was heard and how long it took."""

from __future__ import annotations

from collections.abc import Iterator

from device.scenario.expectations import Happened
from device.scenario.result import Result, seconds
from device.scenario.tables import Expect


def transcript(result: Result) -> str:
    """The whole file."""
    parts = [f"# {result.title}", "", _summary(result), "", "| time | who | what |", "|---:|---|---|"]
    parts += [
        f"| {at:.2f} s | {who} | {_cell(what)} |"
        for at, who, what in sorted(_rows(result), key=lambda r: r[0])
    ]
    parts += ["", "## Expectations", "", "| | expected | measured |", "|---|---|---|"]
    for verdict in result.verdicts:
        measured = "" if verdict.measured_ms is None else f"{verdict.measured_ms:.0f} ms"
        if verdict.why:
            measured = f"{measured} {verdict.why}".strip()
        parts.append(
            f"| {'held' if verdict.passed else '**failed**'} | {_cell(wording(verdict.expect))} | {_cell(measured)} |"
        )
    parts += ["", "## Measures", "", "| measure | value |", "|---|---|"]
    parts += [f"| {name} | {shown(value)} |" for name, value in result.measures.as_dict().items()]
    if result.troubles:
        parts += ["", "## Troubles", "", *(f"- {trouble}" for trouble in result.troubles)]
    return "\n".join(parts) + "\n"


def wording(expect: Expect) -> str:
    """An expectation as a phrase: ``no turn of "cough"``, ``wake of "hey" within 900 ms``."""
    words = ["no", expect.event] if expect.absent else [expect.event]
    if expect.text:
        words.append(f"“{expect.text}”")
    if expect.of:
        words.append(f"of {expect.of}")
    if expect.within_ms is not None:
        words.append(f"within {expect.within_ms} ms")
    return " ".join(words)


def shown(value: object) -> str:
    """A measure for people."""
    if value is None:
        return "not measured"
    if isinstance(value, list):
        return ", ".join(f"{one:.0f}" for one in value) or "not measured"
    return str(value)


def _summary(result: Result) -> str:
    clock = "lock-step (computing takes no time)" if result.clock == "sample" else "real time"
    outcome = "every expectation held" if result.passed else "**not as expected**"
    engines = ", ".join(f"{room}: {name}" for room, name in result.engines.items())
    return f"{outcome} · {clock} · {result.seconds:.1f} s · seed {result.seed}" + (
        f" · {engines}" if engines else ""
    )


def _rows(result: Result) -> Iterator[tuple[float, str, str]]:
    for line in result.lines:
        yield (
            seconds(line.span.first),
            f"talker ({line.voice})",
            f"“{line.text}”" if line.text else f"[{line.id}]",
        )
    started: dict[object, Happened] = {}
    for one in result.events:
        at = seconds(one.position)
        match one.event:
            case "wake":
                yield at, "earshot", f"*wakes on “{one.text}”*"
            case "final" if one.text and not one.data.get("accepted", True):
                yield at, "earshot", f"*heard “{one.text}”, but is not sure*"
            case "final":
                yield at, "earshot", f"*understood “{one.text}”*" if one.text else "*understood nothing*"
            case "intent":
                yield at, "earshot", f"*local command {one.text}*"
            case "guess":
                yield at, "earshot", f"*asks the endpoint on a guess: “{one.text}”*"
            case "turn" if one.data.get("guessed"):
                yield at, "earshot", "*it was that: the answer may sound*"
            case "turn":
                yield at, "earshot", f"*asks the endpoint: “{one.text}”*"
            case "duck" | "hold" | "cancel" | "resume":
                yield at, "earshot", f"*{_DEEDS[one.event]}*"
            case "reply_start":
                started[one.data.get("reply")] = one
            case "heard" if one.text:
                begun = started.pop(one.data.get("reply"), one)
                cut = " — *cut off*" if one.data.get("interrupted") else ""
                yield seconds(begun.position), "**earshot**", f"{one.text}{cut}"
            case "error":
                yield at, "earshot", f"*error: {one.text}*"
    for begun in started.values():
        yield seconds(begun.position), "**earshot**", f"{begun.text} … *still speaking at the end*"


_DEEDS = {
    "duck": "lowers its voice",
    "hold": "falls silent and keeps its place",
    "cancel": "gives up its reply",
    "resume": "goes on",
}


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
