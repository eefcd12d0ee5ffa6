"""The options of commands that talk to a broker: ``--broker``, who we are there, and how the connection is secured.

add_broker_options(parser)                  --broker HOST[:PORT] and the options below
add_security_options(parser)                only --username, --password-file, --tls, --ca-file, --cert-file, --key-file
section = broker_of(args, config.mqtt)      the [mqtt] section that the command line means, over that of a file

add_visit_options(parser)                   of a command that visits a broker: the above, --config and --set
section = broker_for(args)                  the same over the [mqtt] of those; what is unwise about it is said
check_device(args.device)                   a name that a device can have
"""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any

import msgspec

from device.config.schema import MqttSection
from device.errors import LinkError
from device.link.credentials import read_password, warnings

PLAIN_PORT, TLS_PORT = 1883, 8883
DEVICE = re.compile(r"[a-z0-9-]{3,32}")
"""What ``device.id`` may be."""


def add_broker_options(parser: argparse.ArgumentParser) -> None:
    """``--broker`` and the security options; where one is not given, ``broker_of`` takes it from the configuration."""
    parser.add_argument(
        "--broker",
        metavar="HOST[:PORT]",
        help=f"MQTT broker (default: [mqtt] of the configuration; port {PLAIN_PORT}, with TLS {TLS_PORT})",
    )
    add_security_options(parser)


def add_security_options(parser: argparse.ArgumentParser) -> None:
    """Who we are at the broker, and encryption. Secrets are given as files, never on the command line."""
    group = parser.add_argument_group(
        "security",
        "A bare file name is looked up among systemd's credentials ($CREDENTIALS_DIRECTORY) first.",
    )
    group.add_argument("--username", metavar="NAME", help="user name at the broker (default: anonymous)")
    group.add_argument("--password-file", metavar="FILE", help="file with the broker's password")
    group.add_argument(
        "--tls", action=argparse.BooleanOptionalAction, default=None,
        help="encrypt, and check who the broker is (implied by the three below)",
    )  # fmt: skip
    group.add_argument(
        "--ca-file", metavar="FILE", help="authority that signed the broker's certificate (default: the system's)"
    )  # fmt: skip
    group.add_argument(
        "--cert-file", metavar="FILE", help="our own certificate, where the broker asks for one"
    )
    group.add_argument("--key-file", metavar="FILE", help="the key of that certificate")


def broker_of(args: argparse.Namespace, base: MqttSection | None = None) -> MqttSection:
    """The broker that the options of ``args`` mean, each that is not given as in ``base``.

    Credentials of ``base`` are for its host: with ``--broker`` for another they stay at home unless they are given, too.
    Raises ``LinkError`` for an address that is none and a password file that cannot be read.
    """
    base = base or MqttSection()
    given: dict[str, Any] = {
        name: value
        for name in ("username", "password_file", "tls", "ca_file", "cert_file", "key_file")
        if (value := getattr(args, name, None)) is not None
    }
    if given.get("ca_file") or given.get("cert_file") or given.get("key_file"):
        given.setdefault("tls", True)
    address = getattr(args, "broker", None)
    host, port = (base.host, None) if address is None else parse_address(address)
    tls = given.get("tls", base.tls)
    if host != base.host:
        base = MqttSection(tls=base.tls, ca_file=base.ca_file, keepalive_s=base.keepalive_s)
        port = port or usual_port(tls)
    if port is None:
        port = base.port if base.port != usual_port(base.tls) else usual_port(tls)
    section = msgspec.structs.replace(base, enabled=True, **{**given, "host": host, "port": port})
    read_password(section.password_file)  # a missing file is said now, not at every connection
    return section


def add_visit_options(parser: argparse.ArgumentParser) -> None:
    """Which broker a command visits, and how: its address, or the [mqtt] of a configuration."""
    from device.config.options import add_options

    add_broker_options(parser)
    add_options(parser)


def broker_for(args: argparse.Namespace) -> MqttSection:
    """The broker that ``add_visit_options`` means; what is unwise about the way there is said. Raises ``EarshotError``."""
    from device.config.options import config_of

    base = config_of(args).mqtt
    broker = broker_of(args, base)
    for line in warnings(broker):
        print(f"warning: {line}", file=sys.stderr)
    if (
        broker.host != base.host
        and (base.username or base.cert_file)
        and not (broker.username or broker.cert_file)
    ):
        print(
            f"note: the credentials of the configuration are for {base.host}, and are not shown to {broker.host}",
            file=sys.stderr,
        )
    return broker


def check_device(name: str) -> None:
    """Raises ``LinkError`` for a ``--device`` that no device can be called."""
    if not DEVICE.fullmatch(name):
        raise LinkError(f"--device {name!r}: must be 3 to 32 of a-z, 0-9 and -, as its device.id")


def usual_port(tls: bool) -> int:
    """Where brokers listen, if nobody says otherwise."""
    return TLS_PORT if tls else PLAIN_PORT


def parse_address(text: str) -> tuple[str, int | None]:
    """``HOST``, ``HOST:PORT``, ``[IPv6]`` or ``[IPv6]:PORT``; raises ``LinkError``."""
    found = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^:\[\]\s/]+))(?::(\d{1,5}))?", text)
    if not found or (found[3] and not 1 <= int(found[3]) <= 65535):
        raise LinkError(
            f"--broker {text!r}: must be HOST or HOST:PORT with a port of 1..65535, "
            "e.g. broker.local, 192.168.1.2:8883 or [fe80::1]:1883"
        )
    return found[1] or found[2], int(found[3]) if found[3] else None
