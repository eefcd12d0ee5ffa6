"""A throw-away mosquitto on loopback that runs with the files of a fleet, and connections to it as whoever is wanted."""

from __future__ import annotations

import contextlib
import datetime
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from device import subprocesses
from device.fleet import mosquitto
from device.fleet.authority import Authority, Issued
from device.fleet.description import Fleet, FleetError, Member
from device.fleet.folder import Folder
from device.fleet.session import Session

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays: members of the real fleet where it has them, stand-ins (`proof-...`) where it does not, or as attackers."""

    device: Member
    worker: Member
    operator: Member
    homeassistant: Member
    neighbour: Member
    """A device of the same house and group, the best placed attacker."""
    stranger: Member
    """A device of another house and group."""
    rival: Member
    """A worker of another pool."""
    colleague: Member
    """Another worker of the same pool."""
    gone: Member
    """Was a device until its certificate was revoked."""


def cast(fleet: Fleet) -> Cast:
    """The cast of the proof of ``fleet``."""
    first = {one.role: one for one in reversed(fleet.members)}
    device = first.get("device", Member("proof-device", "device", house="home"))
    device = replace(device, group=device.group or "proof-group")
    worker = first.get("worker", Member("proof-worker", "worker", pool="home"))
    return Cast(
        device=device,
        worker=worker,
        operator=first.get("operator", Member("proof-operator", "operator")),
        homeassistant=first.get("homeassistant", Member("proof-homeassistant", "homeassistant")),
        neighbour=replace(device, name="proof-neighbour"),
        stranger=Member("proof-stranger", "device", house="proof-house", group="proof-other"),
        rival=Member("proof-rival", "worker", pool="proof-pool"),
        colleague=replace(worker, name="proof-colleague"),
        gone=Member("proof-gone", "device", house=device.house),
    )


class Stage:
    """The broker runs while this is entered. Raises ``FleetError`` where no mosquitto is installed, or it does not start."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.cast = fleet, cast(fleet)
        self._sessions: dict[str, Session] = {}
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as closing:
            self.path = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="earshot-fleet-")))
            self._make()
            self._start(closing)
            closing.callback(self._leave)
            self._closing = closing.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    # ----------------------------------------------------------------- connections

    def session(self, member: Member) -> Session:
        """The connection of ``member`` as it is meant to connect; the same one at every call, as long as it stands."""
        kept = self._sessions.get(member.name)
        if kept is None or kept.lost is not None:
            kept = self._sessions[member.name] = self.connect(member)
        return kept

    def connect(
        self,
        member: Member,
        *,
        certificate: str | None = None,
        people: bool | None = None,
        client_id: str | None = None,
        username: str | None = None,
        password: str | None = None,
        will: tuple[str, bytes] | None = None,
        lasting: bool = False,
    ) -> Session:
        """A new connection of ``member``, with anything different that is given; ``certificate`` names a pair of files, "" none.

        Raises ``session.Refused``.
        """
        people = member.password if people is None else people
        if member.password and password is None:
            password = self.folder.password(member.name)
        return Session(
            HOST,
            self.people_port if people else self.port,
            self.tls(member.name if certificate is None else certificate),
            member.name if client_id is None else client_id,
            username if username is not None else member.name if people else "",
            password,
            will,
            lasting,
        )

    def tls(self, certificate: str) -> ssl.SSLContext:
        """Trusts the fleet's authority, and shows the pair of files named so, or ("") none."""
        context = ssl.create_default_context(cafile=str(self.folder.path / "ca.crt"))
        if certificate:
            folder = self.folder.member(certificate)
            context.load_cert_chain(folder / f"{certificate}.crt", folder / f"{certificate}.key")
        return context

    def reload(self) -> None:
        """Have the broker read certificates and revocations anew, as `systemctl reload` does; it takes it a moment."""
        self._process.send_signal(signal.SIGHUP)

    # ----------------------------------------------------------------- the files and the broker

    def _make(self) -> None:
        self.port, self.people_port = _free_ports()
        broker = replace(
            self.fleet.broker,
            port=self.port,
            people_port=self.people_port,
            folder=str(self.path / "fleet" / "broker"),
        )
        self.folder = Folder.create(self.path / "fleet", broker)
        members = {one.name: one for one in self.fleet.members}
        members |= {one.name: one for one in _everybody(self.cast)}
        self.folder.add(list(members.values()))
        # who is revoked loses his files, and an attacker has kept a copy
        kept = self.folder.member(self.cast.gone.name)
        copy = shutil.copytree(kept, self.path / "copy")
        self.folder.revoke(self.cast.gone.name)
        shutil.copytree(copy, kept)
        authority = Authority.load(
            (self.folder.path / "ca.crt").read_bytes(), (self.folder.path / "ca.key").read_bytes()
        )
        victim = self.cast.device.name
        self._pair("proof-foreign", Authority.create().issue(victim))  # even its name is the same
        past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=90)
        self._pair("proof-expired", authority.issue(victim, days=30, start=past))
        self._pair("proof-unlisted", authority.issue("proof-unlisted"))

    def _pair(self, name: str, issued: Issued) -> None:
        folder = self.folder.member(name)
        folder.mkdir()
        (folder / f"{name}.crt").write_bytes(issued.certificate)
        (folder / f"{name}.key").write_bytes(issued.key)

    def _start(self, closing: contextlib.ExitStack) -> None:
        configuration = self.path / "mosquitto.conf"
        rules = self.folder.broker / mosquitto.RULES_FILE
        text = mosquitto.configuration(self.folder.fleet.broker, str(rules), HOST)
        me = pwd.getpwuid(os.geteuid()).pw_name
        configuration.write_text(f"user {me}\nlog_type error\nlog_type warning\n{text}")
        log = self.path / "mosquitto.log"
        with log.open("wb") as out:
            self._process = process = subprocess.Popen(
                [_binary(), "-c", str(configuration)], stdout=out, stderr=out, cwd=self.path
            )
        closing.callback(subprocesses.end, process)
        deadline = time.monotonic() + 20
        while not all(_listening(port) for port in (self.port, self.people_port)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise FleetError(
                    f"mosquitto does not run with these files: {log.read_text(errors='replace')}"
                )
            time.sleep(0.01)

    def _leave(self) -> None:
        for session in self._sessions.values():
            session.close()


def version() -> str:
    """The mosquitto that is installed here, as "mosquitto 2.0.11". Raises ``FleetError`` where none is."""
    told = subprocess.run([_binary(), "-h"], capture_output=True, text=True, check=False).stdout
    return told.partition("\n")[0].replace(" version", "")


def _binary() -> str:
    binary = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if binary is None:
        raise FleetError("mosquitto is not installed, so nothing can be proved (apt install mosquitto)")
    return binary


def _everybody(people: Cast) -> Iterator[Member]:
    for field in Cast.__dataclass_fields__:
        yield getattr(people, field)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind((HOST, 0))
        two.bind((HOST, 0))
        return one.getsockname()[1], two.getsockname()[1]


def _listening(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), 1).close()
    except OSError:
        return False
    return True
