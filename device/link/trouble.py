"""Why there is no connection, or none that is of use: a code for the status, and a sentence that names the fix.

broker_unreachable     nobody answers there, or not in MQTT 5, or not encrypted as asked
broker_unauthorised    it answers, and does not want us: password, client certificate, access rules
broker_untrusted       it cannot prove who it is: its certificate
clock_unset            its certificate is outside of its time because this machine's clock is wrong
broker_flapping        it hangs up again and again: as a rule another client with the same name
credentials_unreadable our own password, key or certificate file is not usable
"""

from __future__ import annotations

import datetime
import socket
import ssl
from dataclasses import dataclass

from device.config.schema import MqttSection
from device.link.clock import plausible
from device.link.credentials import CredentialsError

NOT_YET_VALID, EXPIRED = 9, 10
SELF_SIGNED, UNKNOWN_ISSUER = (18, 19), (2, 20, 21)
WRONG_NAME = (62, 63, 64)
"""X509_V_ERR_... of OpenSSL."""
REFUSALS = {0x86, 0x87, 0x85, 0x8A, 0x8C}
"""CONNACK: bad user name or password, not authorised, client identifier not valid, banned, bad authentication method."""
NOT_AUTHORISED, KEEP_ALIVE, TAKEN_OVER = 0x87, 0x8D, 0x8E
"""Reason codes of a DISCONNECT (MQTT 5, 3.14.2.1)."""


@dataclass(frozen=True, slots=True)
class Trouble:
    code: str
    text: str


def where(broker: MqttSection) -> str:
    host = f"[{broker.host}]" if ":" in broker.host else broker.host
    return f"{host}:{broker.port}"


def of_connect(broker: MqttSection, exc: BaseException | None, now: datetime.datetime) -> Trouble:
    """Why ``exc`` ended a try to connect; ``now`` is what this machine's clock says."""
    match exc:
        case CredentialsError():
            return Trouble("credentials_unreadable", str(exc))
        case ssl.SSLCertVerificationError():
            return _untrusted(broker, exc, now)
        case socket.gaierror():
            return _unreachable(
                broker, f"its name cannot be resolved ({exc.strerror}); check mqtt.host and the network"
            )
        case UnicodeError():
            return _unreachable(broker, "mqtt.host is no host name")
        case ConnectionRefusedError():
            return _unreachable(
                broker, "connection refused; is it running there (systemctl status mosquitto)?"
            )
        case TimeoutError() if "handshake" in str(exc):
            return _unreachable(
                broker, "it does not answer the TLS handshake; is mqtt.port its port for TLS?"
            )
        case TimeoutError():
            return _unreachable(broker, "no answer; is it switched on, and does a firewall let us through?")
        case ssl.SSLError() if _alert(exc):
            return _refused_certificate(broker, exc)
        case ssl.SSLError() | ConnectionResetError() | BrokenPipeError() if broker.tls:
            return _unreachable(
                broker, f"it does not speak TLS on this port ({_short(exc)}); set mqtt.port to its port for TLS (8883 as a "
                "rule), or mqtt.tls = false",
            )  # fmt: skip
    return _unreachable(broker, _short(exc))


def of_silence(broker: MqttSection) -> Trouble:
    """It took the connection and has not said a word since."""
    tls = "" if broker.tls else " Does this port speak TLS (mqtt.tls = true)?"
    return _unreachable(broker, f"it takes the connection and does not answer; is it an MQTT broker?{tls}")


def of_hanging_up(broker: MqttSection, exc: BaseException | None) -> Trouble:
    """It hung up before it answered our CONNECT; ``exc`` is what the socket said."""
    if isinstance(exc, ssl.SSLError) and _alert(exc):
        return _refused_certificate(broker, exc)
    if broker.tls:
        if broker.cert_file:
            hint = f"does it refuse our certificate (mqtt.cert_file = {broker.cert_file!r})?"
        else:
            hint = "does it ask for a certificate (mqtt.cert_file, mqtt.key_file)?"
        return Trouble(
            "broker_unauthorised", f"broker {where(broker)} hangs up after the TLS handshake; {hint}"
        )
    return _unreachable(
        broker,
        "it hangs up before it answers; does this port speak TLS (mqtt.tls = true), and the broker MQTT 5?",
    )


def of_refusal(broker: MqttSection, client_id: str, code: int, reason: str) -> Trouble:
    """Its CONNACK says no."""
    text = f"broker {where(broker)} refuses {client_id!r}: {reason}"
    if code not in REFUSALS:
        return Trouble("broker_unreachable", f"{text}; trying on")
    who = f"mqtt.username = {broker.username!r}" if broker.username else "mqtt.username, which is empty"
    if broker.cert_file:
        who = f"mqtt.cert_file = {broker.cert_file!r} and {who}"
    return Trouble(
        "broker_unauthorised", f"{text}; check {who}, and that the broker knows it and lets it use this name"
    )


def of_subscription(broker: MqttSection, refused: list[str]) -> Trouble:
    """``refused``: topics with their reasons."""
    return Trouble(
        "broker_unauthorised",
        f"broker {where(broker)} refuses: {', '.join(refused)}; its access rules must let us read them",
    )


def of_loss(broker: MqttSection, code: int, reason: str) -> Trouble:
    """A connection that was up broke off."""
    kind = "broker_unauthorised" if code == NOT_AUTHORISED else "broker_unreachable"
    return Trouble(kind, f"broker {where(broker)} lost: {reason}")


def of_flapping(broker: MqttSection, client_id: str) -> Trouble:
    """It broke off again and again."""
    return Trouble(
        "broker_flapping",
        f"broker {where(broker)} drops {client_id!r} again and again: does another client use this name? Each needs its own",
    )


def _unreachable(broker: MqttSection, why: str) -> Trouble:
    return Trouble("broker_unreachable", f"broker {where(broker)} cannot be reached: {why}")


def _untrusted(broker: MqttSection, exc: ssl.SSLCertVerificationError, now: datetime.datetime) -> Trouble:
    code, today = exc.verify_code, f"{now:%Y-%m-%d}"
    if code == NOT_YET_VALID or (code == EXPIRED and not plausible(now)):
        state = "is not valid yet" if code == NOT_YET_VALID else "has expired"
        return Trouble(
            "clock_unset",
            f"the certificate of broker {where(broker)} {state} by this machine's clock, which says {today}; set the clock "
            "(timedatectl set-ntp true, or a clock module): the connection then comes by itself",
        )
    if code == EXPIRED:
        why = f"has expired (today is {today} by this machine's clock); renew it on the broker"
    elif code in WRONG_NAME:
        why = f"is not for {broker.host!r}; set mqtt.host to a name that is in it, or have one made for this name"
    elif code in (*SELF_SIGNED, *UNKNOWN_ISSUER):
        ours = (
            f"the one in mqtt.ca_file = {broker.ca_file!r}"
            if broker.ca_file
            else "any that this system knows"
        )
        why = f"is signed by another authority than {ours}; set mqtt.ca_file to the certificate of its authority"
    else:
        why = f"is not accepted: {exc.verify_message}"
    return Trouble("broker_untrusted", f"the certificate of broker {where(broker)} {why}")


def _alert(exc: ssl.SSLError) -> str:
    """What the broker's alert says ("unknown ca"), empty where it sent none."""
    _, alert, what = (exc.reason or "").partition("_ALERT_")
    return what.replace("_", " ").lower() if alert else ""


def _refused_certificate(broker: MqttSection, exc: ssl.SSLError) -> Trouble:
    what = _alert(exc)
    if what in ("protocol version", "insufficient security", "internal error", "unrecognized name"):
        return _unreachable(
            broker, f"its TLS and ours have nothing in common ({what}); it must offer TLS 1.2 or 1.3"
        )
    if not broker.cert_file:
        return Trouble(
            "broker_unauthorised",
            f"broker {where(broker)} asks for a client certificate ({what}); set mqtt.cert_file and mqtt.key_file",
        )
    return Trouble(
        "broker_unauthorised",
        f"broker {where(broker)} refuses our certificate ({what}), mqtt.cert_file = {broker.cert_file!r}; it must be valid, "
        "and signed by the authority that the broker asks for",
    )


def _short(exc: BaseException | None) -> str:
    if isinstance(exc, ssl.SSLError) and exc.reason:
        return exc.reason.replace("_", " ").lower()
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror.lower()
    return f"{type(exc).__name__}: {exc}" if exc is not None else "no reason given"
