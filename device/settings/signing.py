"""The owner's key that signs configuration (Ed25519): made once, kept in a file that nobody else can read, named to devices.

The file is a PKCS #8 PEM, as openssl reads it too; its name on the devices stands in a line above.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device.errors import EarshotError
from device.settings.envelope import seal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAME = re.compile(r"[a-z0-9-]{1,32}")
USUAL = "owner"
"""The name of a key that was given none."""
_HEADER = re.compile(rb"^earshot signing key ([a-z0-9-]{1,32}):", re.MULTILINE)
_LIMIT = 64 * 1024


class SigningError(EarshotError):
    """A signing key cannot be made, kept or read; names the file and the fix."""


@dataclass(frozen=True)
class SigningKey:
    """``key`` under the ``name`` by which devices trust it."""

    name: str
    key: Ed25519PrivateKey

    @property
    def public(self) -> str:
        """``name:base64url``, as it stands in ``keys.trusted``."""
        raw = self.key.public_key().public_bytes_raw()
        return f"{self.name}:{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"


def default_place() -> Path:
    """Where the key is looked for if nobody says otherwise: ``~/.config/earshot/signing.pem``. Raises ``SigningError``."""
    base = os.environ.get("XDG_CONFIG_HOME") or ""
    try:
        # relative paths in XDG variables are invalid and to be ignored (XDG Base Directory Specification)
        folder = Path(base) if base.startswith("/") else Path.home() / ".config"
    except RuntimeError as exc:
        raise SigningError(
            "this user has no home folder for a signing key; say where it is: --key FILE"
        ) from exc
    return folder / "earshot" / "signing.pem"


def generate(name: str = USUAL) -> SigningKey:
    """A new key. Raises ``SigningError`` for a name that no device would take."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if not NAME.fullmatch(name):
        raise SigningError(f"key name {name!r}: must be 1 to 32 of a-z, 0-9 and -, such as anna-2026")
    return SigningKey(name, Ed25519PrivateKey.generate())


def save(signing: SigningKey, place: Path) -> None:
    """Write the key to a new file that only this user can read (mode 0600). Raises ``SigningError``; a file that is there stays."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = signing.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(f"earshot signing key {signing.public}\n".encode() + pem)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as exc:
        raise SigningError(
            f"{place} exists already and is not overwritten: devices may trust a key in it. `earshot config keygen --show` prints "
            "its line; --out FILE makes another key"
        ) from exc
    except OSError as exc:
        raise SigningError(f"{place} cannot be written: {exc.strerror}; choose another with --out") from exc


def load(place: Path) -> SigningKey:
    """The key in the file at ``place``. Raises ``SigningError``."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        with place.open("rb") as file:
            data = file.read(_LIMIT)
    except OSError as exc:
        raise SigningError(
            f"signing key {place} cannot be read: {exc.strerror}; `earshot config keygen` makes one"
        ) from exc
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError as exc:
        raise SigningError(
            f"signing key {place} is encrypted, and no password is asked for; "
            f"decrypt a copy: openssl pkey -in {place} -out FILE"
        ) from exc
    except Exception as exc:  # ValueError is documented, and the library raises its own kinds too
        raise SigningError(
            f"signing key {place}: there is no private key in PEM in it; `earshot config keygen` makes one"
        ) from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningError(
            f"signing key {place} is no Ed25519 key but {type(key).__name__}; `earshot config keygen` makes one"
        )
    named = _HEADER.search(data)
    return SigningKey(named[1].decode() if named else USUAL, key)


def seal_by(signer: SigningKey | None, config: Mapping[str, Any], *, version: int, scope: str) -> bytes:
    """An envelope by ``signer``, None: unsigned. Raises ``Refused``, as ``seal``."""
    if signer is None:
        return seal(config, version=version, scope=scope)
    return seal(config, version=version, scope=scope, key=signer.key, kid=signer.name)


def open_to_others(place: Path) -> bool:
    """Whether other users of this machine can read the file."""
    try:
        return bool(place.stat().st_mode & 0o077)
    except OSError:
        return False
