"""What the subcommands of ``earshot fleet`` do, and what they say about it."""

from __future__ import annotations

import argparse
import datetime
import json
import ssl
import sys
from typing import Any

from device.fleet.description import ADMIN, Broker, Fleet, FleetError, Member, check_host, defaults
from device.fleet.folder import Folder, holds, rules

LOCALHOST = ("localhost",)
SOON_DAYS = 60
"""A certificate that ends within this time is marked."""


def run_init(args: argparse.Namespace) -> int:
    names = tuple(check_host(name) for name in args.broker_name)
    folder = Folder.create(args.dir, Broker(names))
    there = folder.fleet.broker.folder
    print(f"""\
{folder.path}: a new authority, and a broker certificate for {", ".join(names)}.
  ca.key certifies members: whoever has it can be everybody. Keep it here, and a copy elsewhere.

on the broker's machine (mosquitto 2.0), with the files of {folder.broker}:
  install -d {there} && install -m 644 ca.crt broker.crt crl.pem {there}/
  install -m 600 -o mosquitto broker.key {there}/
  install -m 600 -o mosquitto dynamic-security.json /var/lib/mosquitto/
  install -m 644 earshot.conf /etc/mosquitto/conf.d/ && systemctl restart mosquitto

then: earshot fleet add NAME, and earshot fleet apply""")
    if names == LOCALHOST:
        print(
            "note: members are told to look for the broker on their own machine, localhost. For a broker elsewhere begin again, in "
            "an empty folder, with --broker-name HOST",
            file=sys.stderr,
        )
    return 0


def run_add(args: argparse.Namespace) -> int:
    folder = Folder(args.dir)
    given = {key: getattr(args, key) for key in ("house", "group", "pool") if getattr(args, key) is not None}
    known = defaults(args.role)
    if senseless := sorted(given.keys() - known.keys()):
        raise FleetError(f"--{senseless[0]} does not go with --role {args.role}")
    members = [Member(name, args.role, **{**known, **given}) for name in args.name]
    folder.add(members)
    for member in members:
        print(f"{member.name}: {_what(member)}; its files are in {folder.member(member.name)}/ (README.txt)")
    print("the broker does not know yet: earshot fleet apply")
    return 0


def run_revoke(args: argparse.Namespace) -> int:
    folder = Folder(args.dir)
    count = folder.revoke(args.name, args.old)
    some = f"{count} certificate{'' if count == 1 else 's'}"
    if args.old and not count:
        print(f"{args.name} has one certificate, nothing older to revoke")
        return 1
    print(f"{args.name}: {some} revoked" + ("" if args.old else ", and out of the fleet"))
    print(f"""\
the broker does not know yet:
  copy {folder.broker}/crl.pem to {folder.fleet.broker.folder}/ there, and `systemctl reload mosquitto`:
    it does not get in again""")
    if not args.old:
        print("  earshot fleet apply:\n    its connection ends now, and nothing is allowed to it")
    return 0


def run_renew(args: argparse.Namespace) -> int:
    folder = Folder(args.dir)
    before = len(folder.ledger.good(args.name))
    folder.renew(args.name)
    if args.name == "broker":
        print(
            f"broker: copy broker.crt and broker.key of {folder.broker} there, and `systemctl reload mosquitto`"
        )
        return 0
    print(f"{args.name}: new files in {folder.member(args.name)}/")
    if before:
        print(f"the certificate before stays good until: earshot fleet revoke {args.name} --old")
    member = folder.fleet.get(args.name)
    if member is not None and member.password:
        print("its password is new, and the broker does not know yet: earshot fleet apply")
    return 0


def run_list(args: argparse.Namespace) -> int:
    folder = Folder(args.dir)
    fleet, ledger, today = folder.fleet, folder.ledger, datetime.date.today()
    rows: list[dict[str, Any]] = []
    for name, what, member in [
        ("broker", f"broker: {', '.join(fleet.broker.names)}", None),
        *((one.name, _what(one), one) for one in fleet),
    ]:
        good = ledger.good(name)
        expires = good[-1].expires if good else None
        rows.append(
            {
                "name": name, "role": member.role if member else "broker", "what": what,
                "expires": expires.isoformat() if expires else None,
                "days": (expires - today).days if expires else None,
                "certificates": len(good),
            }
        )  # fmt: skip
    if args.json:
        print(json.dumps({"members": rows, "stale_files": folder.stale()}, indent=2))
        return 0
    from device.fleet.screen import members

    members(rows, SOON_DAYS)
    for name in folder.stale():
        print(f"{folder.broker / name} is not what fleet.toml says: earshot fleet rules", file=sys.stderr)
    return 0


def run_rules(args: argparse.Namespace) -> int:
    from device.fleet import emqx, mosquitto

    folder = Folder(args.dir)
    stale = folder.stale()
    folder.write_rules()
    if args.kind:
        wanted = mosquitto.RULES_FILE if args.kind == "mosquitto" else emqx.RULES_FILE
        print(rules(folder.fleet, folder.ledger)[wanted], end="")
    else:
        print(f"{folder.broker}: " + (f"{', '.join(stale)} changed" if stale else "nothing was different"))
        if mosquitto.CONFIG_FILE in stale:
            print(
                f"copy {mosquitto.CONFIG_FILE} to /etc/mosquitto/conf.d/ there, and `systemctl restart mosquitto`; members "
                "with another port in their earshot.toml\nneed it changed there"
            )
        if mosquitto.RULES_FILE in stale:
            print("the broker does not know yet: earshot fleet apply")
    return 0


def run_apply(args: argparse.Namespace) -> int:
    from device.fleet.control import apply
    from device.fleet.session import Refused, Session
    from device.link.options import parse_address

    folder = Folder(args.dir)
    fleet = folder.fleet
    host, port = parse_address(args.broker) if args.broker else (fleet.broker.names[0], None)
    port = port or fleet.broker.port
    own = folder.member(ADMIN)
    try:
        tls = ssl.create_default_context(cafile=str(own / "ca.crt"))
        tls.load_cert_chain(own / f"{ADMIN}.crt", own / f"{ADMIN}.key")
    except OSError as exc:  # an SSLError is one too
        raise FleetError(
            f"ca.crt, {ADMIN}.crt and {ADMIN}.key of {own} cannot be used ({exc.strerror or exc}): "
            f"`earshot fleet renew {ADMIN}` makes new ones"
        ) from exc
    try:
        session = Session(host, port, tls, ADMIN)
    except Refused as exc:
        raise FleetError(
            f"{host}:{port} and {ADMIN} do not come together: {str(exc).rstrip('.')}. Is it the broker of this fleet, under a name that its "
            "certificate has, and is neither certificate over? earshot fleet list"
        ) from exc
    try:
        commands = apply(session, fleet, folder.ledger.passwords, folder.passwords())
    except FleetError as exc:
        print(f"earshot fleet apply: {exc}", file=sys.stderr)
        return 1
    finally:
        session.close()
    if args.json:
        shown = [{key: value for key, value in one.items() if key != "password"} for one in commands]
        print(json.dumps({"broker": f"{host}:{port}", "commands": shown}, indent=2))
        return 0
    for one in commands:
        print(f"{one['command']} {one.get('username') or one.get('rolename') or ''}".rstrip())
    print(f"{host}:{port}: " + (f"{len(commands)} changes" if commands else "nothing was different"))
    return 0


def run_prove(args: argparse.Namespace) -> int:
    from device.fleet import proof, screen
    from device.fleet.stage import cast, version

    there = holds(args.dir, "fleet.toml")
    folder = Folder(args.dir) if there else None
    fleet = folder.fleet if folder else Fleet(Broker(("localhost",)))
    stale = folder.stale() if folder else []
    outcomes = proof.prove(fleet)
    if args.json:
        print(json.dumps({"broker": version(), **proof.as_data(outcomes, cast(fleet), stale)}, indent=2))
    else:
        if folder is None:
            print(f"no fleet in {args.dir}: stand-ins play everybody", file=sys.stderr)
        screen.outcomes(outcomes, cast(fleet))
        print(f"{version()}: {proof.verdict(outcomes)}")
        for name in stale:
            print(
                f"{args.dir}/broker/{name} is not what fleet.toml says: earshot fleet rules", file=sys.stderr
            )
    return 1 if proof.wrong(outcomes) or stale else 0


def _what(member: Member) -> str:
    parts: list[str] = [member.role]
    parts += [f"{key} {getattr(member, key)}" for key in ("house", "group", "pool") if getattr(member, key)]
    return ", ".join(parts)
