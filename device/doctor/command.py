"""``earshot doctor``: what is wrong, and what to do about it. Alone it runs every check; ``echo`` and ``problems`` are its parts."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
from typing import TYPE_CHECKING, Any

from device.config.options import add_options, config_of, overrides
from device.doctor import problems
from device.doctor.checks import CHECKS, Check

if TYPE_CHECKING:
    from device.audio.backends import Backend
    from device.config import Config

EPILOG = """\
examples:
  earshot doctor                           everything that can be looked at within a minute
  earshot doctor --full                    and the echo path, which plays for 12 s: keep quiet
  earshot doctor --only sound broker       only these checks
  earshot doctor --skip sound --json       for programs, and nothing is played
  earshot doctor echo                      measure the echo path, and what the echo canceller makes of it
  earshot doctor problems mic_clipping     what a code in the device's status means, and what to do

A service's own files are seen by its user and root only: sudo earshot doctor. While the daemon runs it keeps its sound
devices and its name on the broker, and what needs them is not tried.

Exit code: 0 = well, perhaps with warnings, 1 = a fault was found, 2 = it could not be tried."""

ECHO_EPILOG = """\
examples:
  earshot doctor echo                      with the devices of /etc/earshot/earshot.toml, or the defaults
  earshot doctor echo --set audio.input=respeaker --set audio.output=respeaker
  earshot doctor echo --json               for programs
  earshot doctor echo --room               in the simulated room, without any hardware
  earshot doctor echo --room drift_ppm=200 distortion=clip

It takes about 12 s: two sweeps, 3 s apart, then 5 s of noise, all as loud as a spoken reply. Keep quiet meanwhile. It needs
the devices for itself: stop `earshot run` first.

  delay       from playing to hearing; the canceller follows up to 250 ms
  clocks      0 ppm = one device for both; up to 200 ppm is usual for two
  distortion  below -40 dB is good; above -20 dB the echo cannot be cancelled well
  cancelling  20 dB and more is good

Exit code: 0 = works (perhaps with warnings), 1 = a fault was found, 2 = it could not be tried."""


def add_parser(subparsers: Any) -> None:
    top = subparsers.add_parser(
        "doctor",
        help="find out what is wrong, and what to do",
        description="What is wrong with the device, and what to do about it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_checks(top)
    commands = top.add_subparsers(metavar="echo|problems")
    parser = commands.add_parser(
        "echo",
        help="measure the echo path and the echo canceller",
        description="Play sweeps and noise through the loudspeaker and measure delay, clock drift, echo return loss before "
        "and after cancelling, and distortion.",
        epilog=ECHO_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    parser.add_argument(
        "--room",
        nargs="*",
        metavar="KEY=VALUE",
        help="use the simulated room, with these of its settings (rt60_s, echo_delay_ms, drift_ppm, distortion, seed)",
    )
    parser.add_argument(
        "--level",
        type=_level,
        default=-20.0,
        metavar="DBFS",
        help="loudness of sweeps and noise before the volume, -50 to -6 (default -20, a reply's; "
        "-10 shows what distorts only at a reply's peaks)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)
    problems.add_parser(commands)


def _add_checks(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(check.name for check in CHECKS)
    add_options(parser)
    parser.add_argument("--full", action="store_true", help="measure the echo path too: plays for 12 s")
    parser.add_argument("--only", nargs="+", action="extend", default=[], metavar="NAME", help=f"of: {names}")
    parser.add_argument(
        "--skip", nargs="+", action="extend", default=[], metavar="NAME", help="all but these"
    )
    parser.add_argument("--verbose", action="store_true", help="every line, also beyond one screen")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run_checks)


def run_checks(args: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from device.doctor.admission import admit
    from device.doctor.checkup import check_up

    checks = _chosen(args)
    logging.getLogger("earshot").addHandler(logging.NullHandler())  # the summary says it all
    logging.getLogger("device").addHandler(logging.NullHandler())
    patient = admit(args.config, overrides(args.set))
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=args.json or not sys.stderr.isatty(),
        auto_refresh=False,
    ) as progress:
        task = progress.add_task("", total=1.0)

        def tell(what: str, share: float) -> None:
            progress.update(task, description=what, completed=share, refresh=True)

        checkup = check_up(patient, checks, tell)
    if args.json:
        print(json.dumps(checkup.as_json(), indent=2, ensure_ascii=False))
    else:
        from device.doctor.summary import show

        console = Console(highlight=False)
        one_screen = console.is_terminal and not args.verbose
        show(checkup, console, height=max(24, console.height) if one_screen else None)
    return {"fault": 1, "skipped": 2}.get(checkup.verdict, 0)


def _chosen(args: argparse.Namespace) -> list[Check]:
    """The checks that the command line means. Raises EarshotError for a name that is none."""
    from device.errors import EarshotError

    names = {check.name for check in CHECKS}
    for name in (*args.only, *args.skip):
        if name not in names:
            raise EarshotError(
                f"{name!r} is no check; there are: {', '.join(check.name for check in CHECKS)}"
            )
    wanted = set(args.only) or {check.name for check in CHECKS if args.full or not check.full}
    chosen = [check for check in CHECKS if check.name in wanted and check.name not in args.skip]
    if not chosen:
        raise EarshotError("no check is left; give --only or --skip fewer names")
    return chosen


def _level(text: str) -> float:
    value = float(text)
    if not -50 <= value <= -6:
        raise argparse.ArgumentTypeError(f"{text}: must be from -50 to -6 dBFS")
    return value


def run(args: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from device.doctor.echo import examine

    logging.getLogger("earshot").addHandler(logging.NullHandler())  # the report says it all
    config = config_of(args)
    backend = _backend(config, args.room)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=args.json,
        auto_refresh=False,
    ) as progress:
        task = progress.add_task("opening the sound devices", total=1.0)

        def tell(what: str, share: float) -> None:
            progress.update(task, description=what, completed=share, refresh=True)

        report = examine(
            backend, config, tell, others=lambda engine: engine.health.problems, level_dbfs=args.level
        )
    if args.json:
        print(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    else:
        from device.doctor.screen import show

        show(report, Console(highlight=False))
    return 1 if report.verdict == "fault" else 0


def _backend(config: Config, room: list[str] | None) -> Backend:
    """The backend to examine. The simulated room runs as fast as it can, not paced as ``earshot run`` wants it."""
    from device.audio import open_backend
    from device.audio.backends.room import RoomSettings
    from device.errors import AudioError, ConfigError

    if room is None and config.audio.backend == "none":
        raise AudioError("there is nothing to examine: audio.backend is 'none' (try --room)")
    if room is None and config.audio.backend != "room":
        return open_backend(config)
    settings = overrides(room or [], "--room")
    known = {field.name: type(field.default) for field in dataclasses.fields(RoomSettings)}
    for key, value in settings.items():
        if key not in known or key in ("noise", "realtime", "playback_rate_hz"):
            raise ConfigError(
                "--room", [f"{key}: unknown; there are rt60_s, echo_delay_ms, drift_ppm, distortion, seed"]
            )
        if known[key] in (int, float) and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ConfigError("--room", [f"{key} = {value!r}: must be a number"])
    return open_backend(config, RoomSettings(**settings))
