"""``earshot config rollback``: a device back to the configuration that was pushed to it before."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from device.configure.options import (
    add_device,
    add_key,
    add_version,
    add_waiting,
    check_waiting,
    key_of,
    scope_of,
)
from device.link.options import add_visit_options, broker_for

if TYPE_CHECKING:
    from device.link.reports import ConfigReport, Previous

EPILOG = """\
examples:
  earshot config rollback --device kitchen          shows what would change, and asks
  earshot config rollback --device kitchen --yes    for scripts

A device reports the configuration that was pushed to it before the one in force. It is signed anew, with your key and as
a newer version, and pushed. Look at what is shown: it comes from the device by way of the broker, and your signature
makes it yours.

exit code: 0 applied, 1 rejected, rolled back or no answer, 2 cannot be tried."""


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "rollback",
        help="push again what a device had before the last push",
        description="Push the configuration that a device had before the one in force.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_device(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_key(parser)
    add_version(parser, "one more than there is")
    add_waiting(parser)
    add_visit_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from device.config.files import ConfigFile
    from device.configure.broker import watching
    from device.configure.display import say
    from device.configure.draft import checked
    from device.configure.get import silence
    from device.configure.pushing import deliver, sealed
    from device.errors import EarshotError

    scope = scope_of(args)
    check_waiting(args)
    key = key_of(args)
    with watching(broker_for(args), scope, "rollback") as (watch, visit):
        report = watch.reports.get(args.device)
        if report is None:
            raise EarshotError(silence(args.device, args.device in watch.unreadable))
        if report.previous is None:
            raise EarshotError(
                f"device {args.device!r} reports no configuration before the one in force; push a file instead"
            )
        name = f"{args.device}'s version {report.previous.version}"
        draft = checked(ConfigFile(name, report.previous.config, {}), scope)
        say(_announced(report, report.previous), sys.stderr)
        if not args.yes and not _agreed():
            return 1
        letter = sealed(watch, draft.tables, key, args.version)
        return deliver(args, watch, visit, letter)


def _announced(report: ConfigReport, previous: Previous) -> list[str]:
    from device.configure.differences import differences

    found = differences(previous.config, report)
    head = f"back to version {previous.version}, which changes {'this:' if found else 'nothing'}"
    return [head, *(f"  {each}" for each in found)]


def _agreed() -> bool:
    from device.errors import EarshotError

    if not sys.stdin.isatty():
        raise EarshotError("there is nobody to ask whether to sign this; look at it, then give --yes")
    print("sign and push this? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
