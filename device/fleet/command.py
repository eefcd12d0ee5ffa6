"""``earshot fleet``: who belongs to the fleet, their certificates, and what the broker lets them do."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

DESCRIPTION = """\
A small certificate authority, a certificate for each member, and the rules of the broker: nobody gets in without a
certificate, and everybody may do what his part asks for and nothing else. All of it is a folder of files."""

EPILOG = """\
examples:
  earshot fleet init --broker-name broker.local      the authority and the broker's files
  earshot fleet add kitchen --group downstairs       a device; its folder is ./fleet/kitchen
  earshot fleet add box --role worker --pool home
  earshot fleet add alice --role operator
  earshot fleet add hass --role homeassistant
  earshot fleet prove                                attack a throw-away broker that runs with these rules
  earshot fleet apply                                bring the rules to the broker that runs
  earshot fleet revoke kitchen                       it was stolen

The folder holds the authority's key: keep it on a machine that is no device, and keep a copy. Here it is settled who reaches
a device; which configuration the device then believes is settled by signatures: earshot config keygen.
More: docs/fleet.md, docs/security.md."""

ADD_EPILOG = """\
roles:
  device          its own tree, its group's configuration, the wake claims of its house
  worker          the questions to its pool, and answers to them
  operator        sees everything but words; writes configuration, commands, announcements
  homeassistant   announcements and states of devices; writes commands and announcements

examples:
  earshot fleet add kitchen bath --house home --group downstairs
  earshot fleet add box --role worker --pool home"""

INIT_EPILOG = """\
examples:
  earshot fleet init --broker-name broker.local 192.168.1.5
  earshot fleet init --dir ~/fleet --broker-name broker.local

It prints what to do on the broker's machine. The certificate is good for these names only: give every one under which the
broker is reached."""

REVOKE_EPILOG = """\
examples:
  earshot fleet revoke kitchen          stolen: out of the fleet, and its folder here is emptied
  earshot fleet revoke kitchen --old    renewed, and the new files are in place: the old certificate ends

It prints what to do on the broker's machine: until then the certificate still connects."""

RENEW_EPILOG = """\
examples:
  earshot fleet renew kitchen        new files in fleet/kitchen/, to be copied as at the first time
  earshot fleet renew broker         after two years, or when its names in fleet.toml have changed
  earshot fleet renew fleet-admin

The certificate before stays good until: earshot fleet revoke NAME --old"""

RULES_EPILOG = """\
examples:
  earshot fleet rules                after fleet.toml was edited, another group, port or folder
  earshot fleet rules --for emqx     print what an EMQX takes"""

APPLY_EPILOG = """\
examples:
  earshot fleet apply
  earshot fleet apply --broker 192.168.1.5:8883      under another of its names

It logs in as fleet-admin, compares, sends only what differs, and checks every answer. Nobody else's connection is touched.

exit code: 0 the broker has the rules, 1 it refused one, 2 it cannot be reached or does not let us in"""

PROVE_EPILOG = """\
The broker is started on loopback with files that are made from fleet.toml as the real ones are, but certified by an
authority of its own: no key of the fleet is used. Where the fleet lacks somebody that an attack needs, a stand-in named
proof-... plays. Without a fleet in --dir, stand-ins play everybody.

exit codes: 0 everything as expected; 1 something was let through, or refused that is allowed, or the broker's files in
the folder are not those of fleet.toml; 2 no mosquitto here, or no readable fleet"""


def add_parser(subparsers: Any) -> None:
    top = subparsers.add_parser(
        "fleet",
        help="certificates of the devices and the rules of the broker, and their proof",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.set_defaults(run=lambda args: top.print_help() or 2)
    commands = top.add_subparsers(metavar="COMMAND", title="commands")

    init = _command(
        commands, "init", "make the authority and the broker's certificate", "run_init", epilog=INIT_EPILOG
    )  # fmt: skip
    init.add_argument(
        "--broker-name",
        nargs="+",
        metavar="HOST",
        default=["localhost"],
        help="names and addresses under which the broker is reached, the first is told to members (default: localhost, "
        "which is always among them)",
    )

    add = _command(commands, "add", "certificate and folder for new members", "run_add", epilog=ADD_EPILOG)
    add.add_argument(
        "name", nargs="+", metavar="NAME", help="3 to 32 of a-z, 0-9 and -; of a device: its device.id"
    )
    add.add_argument(
        "--role", choices=("device", "worker", "operator", "homeassistant"), default="device",
        help="what it is (default: device)",
    )  # fmt: skip
    add.add_argument("--house", help="device: where it decides with others who answers (default: home)")
    add.add_argument("--group", help="device: whose shared configuration it takes (default: none)")
    add.add_argument("--pool", help="worker: whose questions it answers (default: home)")

    revoke = _command(
        commands, "revoke", "take a member out: stolen, broken, gone", "run_revoke", epilog=REVOKE_EPILOG
    )  # fmt: skip
    revoke.add_argument("name", metavar="NAME")
    revoke.add_argument(
        "--old", action="store_true", help="only the certificates before the newest, after a renewal: it stays a member"
    )  # fmt: skip

    renew = _command(
        commands, "renew", "a new certificate, key and password for a member", "run_renew", epilog=RENEW_EPILOG
    )  # fmt: skip
    renew.add_argument("name", metavar="NAME", help="a member, broker or fleet-admin")

    show = _command(commands, "list", "members, what they are, how long their certificates hold", "run_list")
    show.add_argument("--json", action="store_true", help="as one JSON object, for programs")

    rules = _command(
        commands, "rules", "write the broker's files anew, after fleet.toml was edited", "run_rules", epilog=RULES_EPILOG
    )  # fmt: skip
    rules.add_argument(
        "--for", dest="kind", choices=("mosquitto", "emqx"), help="and print the rules for this kind of broker"
    )  # fmt: skip

    apply = _command(
        commands, "apply", "bring the rules to a mosquitto that runs", "run_apply", epilog=APPLY_EPILOG
    )  # fmt: skip
    apply.add_argument(
        "--broker", metavar="HOST[:PORT]", help="default: the first name and the port of fleet.toml"
    )
    apply.add_argument(
        "--json", action="store_true", help="the commands that were needed, as one JSON object"
    )

    prove = _command(
        commands, "prove", "attack a throw-away broker that runs with these rules", "run_prove", epilog=PROVE_EPILOG
    )  # fmt: skip
    prove.add_argument("--json", action="store_true", help="every case as one JSON object, for programs")


def _command(
    commands: Any, name: str, summary: str, action: str, epilog: str | None = None
) -> argparse.ArgumentParser:
    """One subcommand; ``action`` names its function in ``device.fleet.actions``, which loads what is heavy."""

    def run(args: argparse.Namespace) -> int:
        from device.fleet import actions

        code: int = getattr(actions, action)(args)
        return code

    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--dir", type=Path, default=Path("fleet"), metavar="DIR", help="the fleet's folder (default: ./fleet)"
    )
    parser.set_defaults(run=run)
    return parser
