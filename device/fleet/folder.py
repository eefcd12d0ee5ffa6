"""A fleet on disk: the description, the authority's key, a folder for each member and one for the broker.

    fleet/  fleet.toml   ca.crt  ca.key  issued.json
            broker/      ca.crt  broker.crt  broker.key  crl.pem  earshot.conf  dynamic-security.json  emqx-acl.conf
            NAME/        ca.crt  NAME.crt  NAME.key  [NAME.password]  [earshot.toml]  [certificate.conf]  README.txt

Whatever is secret has mode 0600. The broker's files are written anew on every change.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from device.fleet import description, dynamic_security, emqx, leaflet, mosquitto
from device.fleet.authority import Authority, Issued
from device.fleet.description import ADMIN, Broker, Fleet, FleetError, Member
from device.fleet.ledger import Certificate, Ledger
from device.fleet.passwords import hashed, new_password

PUBLIC, SECRET = 0o644, 0o600
LOCAL = ("localhost", "127.0.0.1", "::1")
"""Names of the broker on its own machine, where `apply` may run."""


class Folder:
    """Every method that changes something holds a lock, and raises ``FleetError`` for what cannot be done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not holds(path, "fleet.toml"):
            raise FleetError(f"{path} holds no fleet: `earshot fleet init --dir {path}` makes one")

    @classmethod
    def create(cls, path: Path, broker: Broker) -> Folder:
        """A new fleet: authority, broker and administrator. Raises ``FleetError`` where there is one already."""
        if holds(path, "fleet.toml") or holds(path, "ca.key"):
            raise FleetError(f"{path} holds a fleet already; its key is not written over")
        authority = Authority.create()
        with _disk(path):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            _put(path / "ca.key", authority.key, SECRET)
            _put(path / "ca.crt", authority.certificate)
            _put(path / "fleet.toml", description.write(Fleet(broker)).encode())
        folder = cls(path)
        with folder._changing():
            ledger = Ledger()
            folder._issue_broker(authority, folder.fleet, ledger)
            folder._issue(authority, folder.fleet, ledger, Member(ADMIN, "admin"))
            folder._keep(folder.fleet, ledger, authority)
        return folder

    # ----------------------------------------------------------------- what there is

    @property
    def fleet(self) -> Fleet:
        file = self.path / "fleet.toml"
        return description.read(_text(file), str(file))

    @property
    def ledger(self) -> Ledger:
        file = self.path / "issued.json"
        try:
            return msgspec.json.decode(_text(file), type=Ledger)
        except msgspec.DecodeError as exc:
            raise FleetError(f"{file} is damaged ({exc}): restore it from a backup") from exc

    @property
    def broker(self) -> Path:
        """The folder whose files go to the broker's machine."""
        return self.path / "broker"

    def member(self, name: str) -> Path:
        return self.path / name

    def password(self, name: str) -> str:
        """The password of a member, for a broker that does not have it yet."""
        return _text(self.path / name / f"{name}.password").strip()

    def passwords(self) -> dict[str, str]:
        """The passwords that are still here: a member's may have been moved to where it is used."""
        return {
            name: self.password(name)
            for name in self.ledger.passwords
            if (self.path / name / f"{name}.password").is_file()
        }

    def stale(self) -> list[str]:
        """Files of the broker that do not say what the description says: it, or one of them, was changed by hand."""
        wanted = rules(self.fleet, self.ledger)
        return [
            name
            for name, text in wanted.items()
            if not (self.broker / name).is_file() or _text(self.broker / name) != text
        ]

    # ----------------------------------------------------------------- changes

    def add(self, members: Sequence[Member]) -> None:
        """New members, with certificate and folder each."""
        with self._changing():
            fleet, ledger, authority = self.fleet, self.ledger, self._authority()
            for member in members:
                fleet = fleet.with_member(member)
            for member in members:
                self._issue(authority, fleet, ledger, member)
            self._keep(fleet, ledger, authority)

    def revoke(self, name: str, old_only: bool = False) -> int:
        """Take ``name`` out, or (``old_only``) what it had before its newest certificate; returns how many were revoked."""
        with self._changing():
            fleet, ledger = self.fleet, self.ledger
            if not old_only and name in description.RESERVED:
                raise FleetError(f"{name!r} is the fleet's own: `earshot fleet renew {name}` replaces it")
            if fleet.get(name) is None and not ledger.good(name):
                raise FleetError(f"{name!r} is not in this fleet: `earshot fleet list` shows who is")
            count = ledger.revoke(name, datetime.date.today(), keep_newest=old_only)
            if not old_only:
                fleet = fleet.without(name)
                ledger.passwords.pop(name, None)
                self._clear(name)
            self._keep(fleet, ledger, self._authority())
            return count

    def renew(self, name: str) -> None:
        """A new certificate, key and password; the certificate before stays good until it ends or is revoked."""
        with self._changing():
            fleet, ledger, authority = self.fleet, self.ledger, self._authority()
            if name == "broker":
                self._issue_broker(authority, fleet, ledger)
            elif (member := fleet.get(name)) is None:
                raise FleetError(f"{name!r} is not in this fleet: `earshot fleet list` shows who is")
            else:
                self._issue(authority, fleet, ledger, member)
            self._keep(fleet, ledger, authority)

    def write_rules(self) -> None:
        """The broker's files, as the description has it now. Raises ``FleetError`` for a member without a certificate."""
        with self._changing():
            fleet, ledger = self.fleet, self.ledger
            for member in fleet:
                if not ledger.good(member.name):
                    raise FleetError(
                        f"{member.name!r} stands in fleet.toml and has no certificate: "
                        f"`earshot fleet renew {member.name}` makes one"
                    )
            self._keep(fleet, ledger, self._authority())

    # ----------------------------------------------------------------- files

    def _authority(self) -> Authority:
        try:
            return Authority.load(_text(self.path / "ca.crt").encode(), _text(self.path / "ca.key").encode())
        except ValueError as exc:
            raise FleetError(f"{self.path}/ca.crt and ca.key cannot be used: {exc}") from exc

    def _issue(self, authority: Authority, fleet: Fleet, ledger: Ledger, member: Member) -> None:
        name, folder = member.name, self.member(member.name)
        issued = authority.issue(name)
        self._write_pair(folder, name, issued, authority, ledger)
        if member.password:
            password, before = new_password(), ledger.passwords.get(name)
            ledger.passwords[name] = hashed(password, before.number + 1 if before else 1)
            _put(folder / f"{name}.password", f"{password}\n".encode(), SECRET)
        settings = leaflet.settings(member, fleet.broker, str(folder.resolve()))
        if settings is not None:
            _put(folder / "earshot.toml", settings.encode())
        drop_in = leaflet.drop_in(member, fleet.broker)
        if drop_in is not None:
            _put(folder / leaflet.DROP_IN, drop_in.encode())
        _put(folder / "README.txt", leaflet.words(member, fleet.broker).encode())

    def _issue_broker(self, authority: Authority, fleet: Fleet, ledger: Ledger) -> None:
        hosts = tuple(dict.fromkeys((*fleet.broker.names, *LOCAL)))
        issued = authority.issue(fleet.broker.names[0], "server", hosts)
        self._write_pair(self.broker, "broker", issued, authority, ledger)

    def _write_pair(
        self, folder: Path, name: str, issued: Issued, authority: Authority, ledger: Ledger
    ) -> None:
        folder.mkdir(exist_ok=True, mode=0o700)
        _put(folder / f"{name}.key", issued.key, SECRET)
        _put(folder / f"{name}.crt", issued.certificate)
        _put(folder / "ca.crt", authority.certificate)
        ledger.certificates.append(Certificate(name, f"{issued.serial:x}", issued.expires))

    def _keep(self, fleet: Fleet, ledger: Ledger, authority: Authority) -> None:
        """The ledger first: a certificate that exists must stay revocable, whatever happens next."""
        _put(self.path / "issued.json", msgspec.json.format(msgspec.json.encode(ledger), indent=1), SECRET)
        _put(self.path / "fleet.toml", description.write(fleet).encode())
        for name, text in rules(fleet, ledger).items():
            _put(self.broker / name, text.encode(), SECRET if name == mosquitto.RULES_FILE else PUBLIC)
        _put(self.broker / "crl.pem", authority.revocations(ledger.revoked()))

    def _clear(self, name: str) -> None:
        """Take away the files of a member that is none any more, and its folder if nothing else lies there."""
        folder = self.member(name)
        own = (f"{name}.crt", f"{name}.key", f"{name}.password")
        ours = ("ca.crt", *own, "earshot.toml", leaflet.DROP_IN, "README.txt")
        for file in ours:
            (folder / file).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """One change at a time."""
        with _disk(self.path), (self.path / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def rules(fleet: Fleet, ledger: Ledger) -> dict[str, str]:
    """The files of the broker that say who may do what, by name."""
    document = msgspec.json.encode(dynamic_security.document(fleet, ledger.passwords))
    return {
        mosquitto.CONFIG_FILE: mosquitto.configuration(fleet.broker),
        mosquitto.RULES_FILE: msgspec.json.format(document, indent=1).decode() + "\n",
        emqx.RULES_FILE: emqx.acl(fleet),
    }


def holds(path: Path, name: str) -> bool:
    """Whether the file ``name`` is in the folder. Raises ``FleetError`` where that cannot be seen."""
    try:
        return (path / name).is_file()
    except OSError as exc:
        raise FleetError(f"{path} cannot be read: {exc.strerror or exc}") from exc


@contextlib.contextmanager
def _disk(path: Path) -> Iterator[None]:
    """What the disk refuses becomes a ``FleetError``."""
    try:
        yield
    except OSError as exc:
        raise FleetError(f"{exc.filename or path} cannot be written: {exc.strerror or exc}") from exc


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise FleetError(f"{file} cannot be read: {getattr(exc, 'strerror', '') or exc}") from exc


def _put(file: Path, data: bytes, mode: int = PUBLIC) -> None:
    """Write all of ``file`` or nothing; never readable for others for a moment where ``mode`` says so."""
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
        os.fchmod(out.fileno(), mode)
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)
