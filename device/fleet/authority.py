"""The fleet's certificate authority: makes certificates and the list of the revoked ones (X.509, RFC 5280; ECDSA on P-256).

Knows no file: PEM in, PEM out. ``cryptography`` is loaded when the first certificate is made.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

CA_DAYS = 20 * 365
MEMBER_DAYS = 2 * 365
REVOCATIONS_DAYS = 10 * 365
"""Until when a list of revoked certificates holds. Short would be strict, but a broker refuses everybody on the day after."""
BACKDATED = datetime.timedelta(days=1)
"""A device without a clock battery may be a little behind when it first connects."""

Usage = Literal["client", "server"]
"""What a certificate is good for: a stolen device's must not pass for the broker's."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A new certificate and its private key (PEM; PKCS 8 without a passphrase); ``serial`` names it on the list of the revoked."""

    certificate: bytes
    key: bytes
    serial: int
    expires: datetime.date


class Authority:
    """Signs for one fleet."""

    def __init__(self, certificate: x509.Certificate, key: EllipticCurvePrivateKey) -> None:
        self._certificate, self._key = certificate, key

    @classmethod
    def create(cls, name: str = "earshot fleet") -> Authority:
        """A new authority, valid for ``CA_DAYS``, that may sign certificates but no further authorities."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        key, now = _new_key(), _now()
        certificate = (
            _builder(name, key, now - BACKDATED, now + datetime.timedelta(days=CA_DAYS))
            .issuer_name(_subject(name))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(authority=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @classmethod
    def load(cls, certificate: bytes, key: bytes) -> Authority:
        """From PEM. Raises ``ValueError`` where that is none, or no key on a curve, or not the key of this certificate."""
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        own = x509.load_pem_x509_certificate(certificate)
        private = load_pem_private_key(key, password=None)
        if not isinstance(private, EllipticCurvePrivateKey) or private.public_key() != own.public_key():
            raise ValueError("key and certificate do not belong together")
        return cls(own, private)

    @property
    def certificate(self) -> bytes:
        """PEM, for everybody: who has it can check the others."""
        from cryptography.hazmat.primitives.serialization import Encoding

        return self._certificate.public_bytes(Encoding.PEM)

    @property
    def key(self) -> bytes:
        """PEM, for nobody: who has it can be everybody."""
        return _private_pem(self._key)

    def issue(
        self,
        name: str,
        usage: Usage = "client",
        hosts: Sequence[str] = (),
        days: int = MEMBER_DAYS,
        start: datetime.datetime | None = None,
    ) -> Issued:
        """A certificate for ``name`` (its common name), good for ``usage`` only.

        ``hosts``: names and addresses under which a server is reached. Valid for ``days`` from ``start`` (now), and backdated by
        ``BACKDATED``.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.serialization import Encoding

        key, begin = _new_key(), start or _now()
        end = begin + datetime.timedelta(days=days)
        purpose = x509.ExtendedKeyUsageOID
        wanted = purpose.SERVER_AUTH if usage == "server" else purpose.CLIENT_AUTH
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            _builder(name, key, begin - BACKDATED, end)
            .issuer_name(self._certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([wanted]), critical=False)
            .add_extension(signer, critical=False)
        )
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False
            )
        certificate = builder.sign(self._key, hashes.SHA256())
        return Issued(
            certificate.public_bytes(Encoding.PEM), _private_pem(key), certificate.serial_number, end.date()
        )

    def revocations(self, revoked: Iterable[tuple[int, datetime.date]]) -> bytes:
        """The list of certificates that no longer count (PEM), by serial number and day; holds for ``REVOCATIONS_DAYS``."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.serialization import Encoding

        now = _now()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(now - BACKDATED)
            .next_update(now + datetime.timedelta(days=REVOCATIONS_DAYS))
        )
        for serial, day in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(serial)
                .revocation_date(datetime.datetime.combine(day, datetime.time(), datetime.UTC))
                .build()
            )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _new_key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _private_pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _builder(
    name: str, key: EllipticCurvePrivateKey, begin: datetime.datetime, end: datetime.datetime
) -> x509.CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _subject(name: str) -> x509.Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _key_usage(authority: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _host(host: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)
