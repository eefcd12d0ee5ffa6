"""Encryption of the broker's connection: TLS 1.2 or later, the broker's name and authority checked, ours where asked for.

Not ``ssl.create_default_context``: from Python 3.13 on it refuses certificates of small authorities of one's own that lack an
extension (VERIFY_X509_STRICT), with the rest of a fleet going on.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any, Self

from device.config.schema import MqttSection
from device.link.credentials import CredentialsError, locate, read_file

LONGEST = 1024 * 1024
"""Bytes of a certificate file: the bundle of a whole system has 250 kB."""


def context_of(broker: MqttSection) -> ssl.SSLContext:
    """What [mqtt] says about TLS, from its files as they are now.

    Raises ``CredentialsError`` that names the key of a file that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and host name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if broker.ca_file:
        _check(broker, "ca_file")
        try:
            context.load_verify_locations(cafile=locate(broker.ca_file))
        except ssl.SSLError as exc:
            raise _no_pem(broker, "ca_file", "certificate") from exc
    else:
        context.load_default_certs()
    if broker.cert_file:
        _load_own(context, broker)
    elif broker.key_file:
        raise CredentialsError(
            "mqtt.key_file is set, mqtt.cert_file is not; a key is of use with its certificate only"
        )
    return context


class Encryption(ssl.SSLContext):
    """For paho, which takes one context for good: looks into the files anew at every connect, and its sockets remember."""

    def __new__(cls, broker: MqttSection) -> Self:
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, broker: MqttSection) -> None:
        self._broker = broker

    def wrap_socket(self, sock: socket.socket, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        context = context_of(self._broker)
        context.sslsocket_class = RememberingSocket
        return context.wrap_socket(sock, *args, **kwargs)


class RememberingSocket(ssl.SSLSocket):
    """Keeps what went wrong in it: with TLS 1.3 a broker refuses our certificate after the handshake, when we read."""

    failure: OSError | None = None

    def recv(self, *args: Any) -> bytes:
        try:
            return super().recv(*args)
        except ssl.SSLWantReadError:
            raise
        except OSError as exc:
            self.failure = exc
            raise

    def send(self, *args: Any) -> int:
        try:
            return super().send(*args)
        except ssl.SSLWantWriteError:
            raise
        except OSError as exc:
            self.failure = self.failure or exc
            raise


def _load_own(context: ssl.SSLContext, broker: MqttSection) -> None:
    """Our certificate and its key, which may be in one file."""
    _check(broker, "cert_file")
    key = "key_file" if broker.key_file else "cert_file"
    _check(broker, key)

    def phrase() -> str:
        raise CredentialsError(
            f"mqtt.{key} = {getattr(broker, key)!r}: is locked with a pass phrase, which nobody is there to type; "
            "unlock it (openssl pkey -in LOCKED -out KEY) and chmod 600 it"
        )

    try:
        context.load_cert_chain(locate(broker.cert_file), locate(getattr(broker, key)), phrase)
    except ssl.SSLError as exc:
        if exc.reason == "KEY_VALUES_MISMATCH":
            raise CredentialsError(
                f"mqtt.{key} = {getattr(broker, key)!r}: is not the key of mqtt.cert_file = {broker.cert_file!r}"
            ) from exc
        raise _no_pem(broker, f"cert_file / mqtt.{key}", "certificate and key") from exc


def _check(broker: MqttSection, name: str) -> None:
    """OpenSSL does not say which of the files it cannot read."""
    read_file(getattr(broker, name), f"mqtt.{name}", LONGEST)


def _no_pem(broker: MqttSection, names: str, what: str) -> CredentialsError:
    first = names.partition(" ")[0]
    return CredentialsError(
        f"mqtt.{names} = {getattr(broker, first)!r}: no {what} in PEM form (-----BEGIN ...) in there"
    )
