"""``earshot devices``: which microphones and loudspeakers there are, and which of them earshot would use."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from device.audio.backends.pa_devices import Device, Direction
    from device.audio.backends.pulse_wire import Node
    from device.audio.echo_policy import SoundPath
    from device.config import Config

EPILOG = """\
examples:
  earshot devices                          with the default configuration
  earshot devices --config kitchen.toml    which devices this file means
  earshot devices --json                   for programs

A device is chosen by its id, which stays the same over restarts and other sockets, or by part of its name:
  [audio]
  input = "usb:2886:0018"
  output = "card:Headphones"
Without a choice it is the system's default. Exit code: 0 when a microphone and a loudspeaker are found, else 1."""

NOTHING = """\
No sound devices. What to do:
  * plug the device in, and look whether `cat /proc/asound/cards` shows it
  * may this user use it?  sudo usermod -aG audio $USER, then log in again
  * does a sound server own it (PipeWire, PulseAudio)?  then run as the user whose server it is
  * without a card:  `earshot demo` needs none, and `scripts/sound-rig` starts a private sound server"""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "devices",
        help="list microphones and loudspeakers, and which would be used",
        description="List the sound devices of this machine, and show which of them `earshot run` would use, what is known "
        "of them, and which echo canceller would work.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file (default: /etc/earshot/earshot.toml)"
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object, for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from device.audio.backends.pa_devices import import_pyaudio, list_devices, sound_path
    from device.config import load

    config = load(args.config)
    manager = import_pyaudio().PyAudio()
    try:
        devices = list_devices(manager)
    finally:
        manager.terminate()
    nodes = _nodes()
    found = {side: _choice(devices, config, side) for side in ("input", "output")}
    sound = sound_path(found["input"][0], found["output"][0])
    if args.json:
        report = _as_json(devices, config, found, nodes) | {"echo": _echo_as_json(config, sound)}
        print(json.dumps(report, indent=2))
    else:
        _print(devices, config, found, sound, nodes)
    return 1 if any(problem for _, problem in found.values()) else 0


def _nodes() -> dict[str, tuple[Node, ...]]:
    """Microphones and loudspeakers of the sound server; none where there is no server."""
    from device.audio.backends.sound_server import SoundServer

    server = SoundServer()
    view = server.look()
    server.close()
    return {side: view.nodes(side) if view else () for side in ("input", "output")}


def _ids(there: Sequence[Device]) -> dict[str, str]:
    """What to write for each device that is a card's, by its name."""
    from device.audio.backends.cards import card_of, every_card
    from device.audio.backends.pa_devices import pcm
    from device.audio.backends.stable_ids import best_id

    every, firsts, found = every_card(), {}, {}
    for device in sorted(there, key=pcm):
        card = card_of(device.name)
        written = best_id(card, every) if card else ""
        if card and written:
            first = firsts.setdefault(card.number, pcm(device)) == pcm(device)
            found[device.name] = written if first else f"{written},{pcm(device)}"
    return found


def _choice(devices: Sequence[Device], config: Config, side: Direction) -> tuple[Device | None, str | None]:
    """The device that would be used, or why there is none."""
    from device.audio.backends.pa_devices import choose
    from device.errors import AudioError

    try:
        return choose(devices, getattr(config.audio, side), side), None
    except AudioError as exc:
        return None, str(exc)


def _as_json(
    devices: Sequence[Device], config: Config, found: dict[str, Any], nodes: dict[str, tuple[Node, ...]]
) -> dict[str, Any]:
    report: dict[str, Any] = {"backend": config.audio.backend}
    for side, (chosen, problem) in found.items():
        ids = _ids([device for device in devices if device.channels(side)])
        report[side] = {
            "wanted": getattr(config.audio, side),
            "used": chosen and chosen.name,
            "problem": problem,
            "devices": [
                {
                    "name": device.name,
                    "id": ids.get(device.name),
                    "host_api": device.host_api,
                    "channels": device.channels(side),
                    "rate_hz": device.rate_hz,
                    "default": device.default(side),
                    "used": device == chosen,
                }
                for device in devices
                if device.channels(side)
            ],
            "nodes": [{"id": f"node:{node.name}", "name": node.description} for node in nodes[side]],
        }
    return report


def _echo_as_json(config: Config, sound: SoundPath) -> dict[str, Any]:
    from device.audio.echo_policy import decide

    decision, entry = decide(config.audio.echo, sound), sound.device
    return {
        "wanted": config.audio.echo,
        "mode": decision.mode,
        "reason": decision.reason,
        "recognised": entry and entry.id,
        "channel": sound.channel,
        "problems": [{"code": p.code, "text": p.text, "fix": p.fix} for p in decision.problems],
    }


def _print(
    devices: Sequence[Device],
    config: Config,
    found: dict[str, Any],
    sound: SoundPath,
    nodes: dict[str, tuple[Node, ...]],
) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    if not devices:
        print(NOTHING)
        return
    for side, title in (("input", "Microphones"), ("output", "Loudspeakers")):
        chosen, problem = found[side]
        there = [device for device in devices if device.channels(side)]
        if there:
            table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
            ids = _ids(there)
            for column, justify in (("", "left"), ("name", "left"), ("rate", "right"), ("channels", "right")):
                table.add_column(column, justify=justify, overflow="fold")
            table.add_column("by")
            table.add_column("id", overflow="fold")
            for device in there:
                name = escape(device.name) + (" [dim](default)[/]" if device.default(side) else "")
                mark = "[green]→[/]" if device == chosen else ""
                rate, channels = f"{device.rate_hz} Hz", _channels(device.channels(side))
                written = escape(ids.get(device.name, ""))
                table.add_row(mark, name, rate, channels, escape(device.host_api), written)
            for node in nodes[side]:
                table.add_row(
                    "", escape(node.description), "", "", "sound server", escape(f"node:{node.name}")
                )
            console.print(table)
        if problem:
            console.print(problem, style="red", markup=False)
        console.print()
    if config.audio.backend != "portaudio":
        console.print(
            f"None of them is used: audio.backend is {config.audio.backend!r}, not 'portaudio'.", markup=False
        )
    elif all(chosen for chosen, _ in found.values()):
        console.print("→ is what earshot uses.\n")
        _print_echo(console, config, sound)
    console.print(_hint(devices, found, nodes), markup=False)


def _print_echo(console: Console, config: Config, sound: SoundPath) -> None:
    from device.audio.echo_policy import decide

    decision, entry = decide(config.audio.echo, sound), sound.device
    if entry:
        channel = f"; channel {sound.channel} of {sound.channels} is used" if sound.channels > 1 else ""
        console.print(f"Recognised: {entry.name}{channel}.", markup=False)
        if entry.quirk:
            console.print("  " + " ".join(entry.quirk.split()), markup=False)
    console.print(f"Echo canceller: {decision.mode} ({decision.reason}).", markup=False)
    for problem in decision.problems:
        console.print(f"  to do: {problem.fix}", markup=False)
    console.print("  `earshot doctor echo` measures it.\n", markup=False)


def _channels(count: int) -> str:
    """ALSA's plugins claim 32 and more: as many as one asks for."""
    return str(count) if count < 32 else "any"


def _hint(devices: Sequence[Device], found: dict[str, Any], nodes: dict[str, tuple[Node, ...]]) -> str:
    """What to write to use another device: with one that is there and not used, if there is one."""
    lines = []
    for side, (chosen, _) in found.items():
        there = [device for device in devices if device.channels(side)]
        others = [device for device in there if device != chosen and device.hardware] or [
            device for device in there if device != chosen
        ]
        if others or there:
            other = (others or there)[0].name
            written = _ids(there).get(other, other)
            if written == "pulse" and nodes[side]:
                written = f"node:{nodes[side][0].name}"
            lines.append(f"{side} = {json.dumps(written, ensure_ascii=False)}")
    return "To choose, write an id, or part of a name, into the configuration:\n\n" + "\n".join(
        ["[audio]", *lines]
    )
