"""``earshot config get``: what a device says about its configuration."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from device.configure.options import add_device, scope_of
from device.link.options import add_visit_options, broker_for

if TYPE_CHECKING:
    from device.link.messages import Status
    from device.link.reports import ConfigReport

EPILOG = """\
examples:
  earshot config get --device kitchen
  earshot config get --device kitchen --broker broker.local
  earshot config get --device kitchen --json | jq '.report.effective["device.volume"]'

Secrets are shown as "***". exit code: 0 shown, 1 the device has not reported to this broker."""


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "get",
        help="what a device elsewhere has in force, and what became of the last push",
        description="Show what a device reports: what it was told, what it made of that, and every key in force with its layer.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_device(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    add_visit_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from device.configure.broker import watching
    from device.configure.display import say

    scope = scope_of(args)
    with watching(broker_for(args), scope, "get") as (watch, _):
        report, status = watch.reports.get(args.device), watch.statuses.get(args.device)
    if report is None:
        print(silence(args.device, args.device in watch.unreadable), file=sys.stderr)
        return 1
    if args.json:
        import msgspec

        plain = msgspec.to_builtins({"device": args.device, "status": status, "report": report})
        print(json.dumps(plain))
        return 0
    say(page(args.device, report, status))
    return 0


def silence(device: str, unreadable: bool) -> str:
    """Why there is no report."""
    if unreadable:
        return f"device {device!r}: its report is none that this version of earshot knows; use that of the device"
    return f"device {device!r} has not reported to this broker: check its name, and that `earshot run` runs there"


def _presence(device: str, status: Status | None) -> str:
    if status is None:
        return f"{device}, never seen"
    # a device that is off has left only a word of farewell, without its version
    return f"{device}, {status.state}" + (f", version {status.version}" if status.version else "")


def page(device: str, report: ConfigReport, status: Status | None) -> list[str]:
    """The report for people: how it stands, what was said against the last push, and the values as TOML."""
    from device.config.keys import KEYS
    from device.configure.display import placed
    from device.configure.draft import rows
    from device.configure.show import toml_rows

    state = report.state.replace("_", " ")
    if report.state == "applied" and not report.confirmed:
        state += ", not yet proved"
    if report.probation_s:
        state += f", may try for another {report.probation_s} s"
    about = f" ({report.scope})" if report.scope else ""
    facts = {
        "device": _presence(device, status),
        "problems": ", ".join(status.problems) if status and status.problems else "none",
        "configuration": state + about,
        "in force": ", ".join(f"{scope} version {number}" for scope, number in report.applied.items())
        or "nothing pushed",
        "last received": ", ".join(
            f"{scope} version {seen.version or '?'} ({seen.digest})" for scope, seen in report.seen.items()
        )
        or "nothing",
        "one before": f"version {report.previous.version} (`earshot config rollback`)"
        if report.previous
        else "none",
    }
    lines = [f"{name:<14} {fact}" for name, fact in facts.items()]
    lines += [f"  {placed(row, None)}" for row in rows(report.errors, None)]
    lines += [f"  warning: {placed(row, None)}" for row in rows(report.warnings, None)]
    named = {path: each for path, each in report.effective.items() if path in KEYS}
    newer = [f"# {path} = {each!r} (not known to this version)" for path, each in report.effective.items() if path not in KEYS]  # fmt: skip
    return [*lines, "", *(line for line, _ in toml_rows(named, report.origin)), *newer]
