"""The secrets of a connection: only ever in files, and read anew at every connect, so that they can be changed under way.

A bare file name is looked up among systemd's credentials first (``LoadCredential=``, ``$CREDENTIALS_DIRECTORY``).
"""

from __future__ import annotations

import ipaddress
import os
import stat
from pathlib import Path

from device.config.schema import MqttSection
from device.errors import LinkError

LONGEST = 65_535
"""Bytes of a password (MQTT 5, 3.1.3.6)."""
SECRETS = ("password_file", "key_file")
"""Keys of [mqtt] whose files nobody else should be able to read."""


class CredentialsError(LinkError):
    """A file with a secret or a certificate cannot be used; names the key, the file and the fix."""


def locate(path: str) -> Path:
    """Where the file is that ``path`` of the configuration means; it need not exist."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder and "/" not in path and (Path(folder) / path).is_file():
        return Path(folder) / path
    return Path(path)


def read_file(path: str, key: str, limit: int) -> bytes:
    """The bytes of the file that ``key`` of the configuration names. Raises ``CredentialsError``, also beyond ``limit``."""
    place = locate(path)
    try:
        with place.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as exc:
        raise CredentialsError(f"{key} = {path!r}: {_reason(place, path, exc)}") from exc
    if len(data) > limit:
        raise CredentialsError(f"{key} = {path!r}: more than {limit} bytes; is it the right file?")
    return data


def read_password(path: str) -> str | None:
    """The password in the file at ``path`` (its last newline dropped), None for an empty path.

    Raises ``CredentialsError`` that names the file.
    """
    if not path:
        return None
    key = "mqtt.password_file"
    try:
        password = read_file(path, key, LONGEST).decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as exc:
        raise CredentialsError(
            f"{key} = {path!r}: not UTF-8 text (byte {exc.start}); it holds the password in one line and nothing else"
        ) from exc
    if not password:
        raise CredentialsError(f"{key} = {path!r}: the file is empty; write the password into it")
    return password


def is_loopback(host: str) -> bool:
    """Whether what is sent to ``host`` stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") in ("localhost", "ip6-localhost", "ip6-loopback")


def warnings(broker: MqttSection) -> list[str]:
    """What is unwise about the secrets of ``broker``, each with its fix; the connection works all the same."""
    found = []
    for name in SECRETS:
        path = getattr(broker, name)
        try:
            open_to_all = bool(path) and bool(locate(path).stat().st_mode & stat.S_IROTH)
        except OSError:
            continue  # the connection will say it
        if open_to_all:
            found.append(
                f"mqtt.{name} = {path!r}: every user of this machine can read it; chmod 600 {locate(path)}"
            )
    if broker.username and broker.password_file and not broker.tls and not is_loopback(broker.host):
        found.append(
            f"the password of {broker.username!r} travels unencrypted to {broker.host}:{broker.port}, for everybody on the "
            "network to read; set mqtt.tls = true (its port is 8883 as a rule)"
        )
    return found


def _reason(place: Path, path: str, exc: OSError) -> str:
    if isinstance(exc, FileNotFoundError):
        also = "" if "/" in path else ", nor is there a systemd credential of this name (LoadCredential=)"
        return f"no such file{also}; check the path"
    if isinstance(exc, PermissionError):
        return f"may not be read by this user; chown it to the user that runs earshot (ls -l {place})"
    return f"cannot be read ({exc.strerror or exc}); give a readable file"
