"""Encrypted connections to a real mosquitto: who is let in, who is not, and that the reason is named."""

from __future__ import annotations

import datetime
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers_broker import Mosquitto, WorkerProcess, until
from helpers_tls import DAY, NOW, YEARS_10, Authority, Pair

from device.config.schema import MqttSection
from device.link import trouble
from device.link.client import BrokerClient
from device.link.credentials import warnings

Call = Callable[..., BrokerClient]
MUTUAL = "require_certificate true\nuse_identity_as_username true\nallow_anonymous false"


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(authority) -> Pair:
    return authority.certify("broker")


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Iterator[Mosquitto]:
    yield from running(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory, authority, server) -> Iterator[Mosquitto]:
    yield from running(tmp_path_factory.mktemp("tls"), authority.listener(server))


@pytest.fixture(scope="module")
def mutual(tmp_path_factory, authority, server) -> Iterator[Mosquitto]:
    yield from running(tmp_path_factory.mktemp("mutual"), authority.listener(server, MUTUAL))


def running(folder: Path, extra: str = "allow_anonymous true") -> Iterator[Mosquitto]:
    broker = Mosquitto(folder, extra).start()
    yield broker
    broker.stop()


@pytest.fixture
def call(authority) -> Iterator[Call]:
    """A client, closed with the test; TLS and the authority unless said otherwise."""
    clients = []

    def make(port: int, name: str = "kitchen", **section: object) -> BrokerClient:
        given = {"tls": True, "ca_file": str(authority.file), **section}
        client = BrokerClient(
            MqttSection(port=port, **given), name, subscriptions=(f"t/{name}",), receive=lambda received: None, will=None,
            session_expiry_s=0,
        )  # fmt: skip
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close(wait_s=0)


def connected(client: BrokerClient) -> BrokerClient:
    until(lambda: client.check() or client.connected, "the connection")
    assert client.problem is None and client.problem_code is None
    return client


def failed(client: BrokerClient) -> tuple[str | None, str]:
    """The code and the words of the first trouble."""
    until(lambda: client.check() or client.problem_code, "the reason")
    return client.problem_code, client.problem or ""


# ---------------------------------------------------------------------- who the broker is


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_broker_whose_certificate_is_in_order_is_connected_to_by_name_and_by_address(call, encrypted, host):
    connected(call(encrypted.port, host=host))


@pytest.mark.parametrize(
    ("begins", "ends", "code", "words"),
    [
        (NOW + YEARS_10, NOW + 2 * YEARS_10, "clock_unset", "is not valid yet by this machine's clock, which says"),
        (NOW - YEARS_10, NOW - DAY, "broker_untrusted", "has expired (today is"),
    ],
    ids=["in ten years", "ten years ago"],
)  # fmt: skip
def test_a_certificate_outside_of_its_time_is_named_and_once_it_is_in_order_the_client_connects_by_itself(
    call, authority, server, tmp_path, monkeypatch, begins, ends, code, words
):
    monkeypatch.setattr("device.link.clock.RELEASED", NOW.date())  # whatever this machine's clock says
    wrong = authority.certify(f"wrong-{code}", begins=begins, ends=ends)
    broker = Mosquitto(tmp_path, authority.listener(wrong)).start()
    try:
        client = call(broker.port)
        found, text = failed(client)
        assert found == code and words in text
        broker.stop()
        broker.config.write_text(
            broker.config.read_text()
            .replace(str(wrong.cert), str(server.cert))
            .replace(str(wrong.key), str(server.key))
        )
        broker.start()
        connected(client)
    finally:
        broker.stop()


def test_a_clock_that_stays_wrong_is_said_once_and_tried_again_for_ever(
    call, authority, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr("device.link.reconnect.MIN_S", 0.01)
    monkeypatch.setattr("device.link.reconnect.CLOCK_MAX_S", 0.01)
    early = authority.certify("early", begins=NOW + YEARS_10, ends=NOW + 2 * YEARS_10)
    broker = Mosquitto(tmp_path, authority.listener(early)).start()
    client = call(broker.port)
    # 20 doublings of the wait would be hours
    until(lambda: client.check() or client.counters.get("clock_unset", 0) >= 20, "twenty tries")
    assert client.problem_code == "clock_unset"
    assert sum("timedatectl set-ntp true" in line for line in caplog.messages) == 1
    broker.stop()


def test_a_certificate_of_an_unknown_authority_is_named_with_the_key_to_set(call, encrypted, tmp_path):
    other = Authority(tmp_path, "other")
    code, text = failed(call(encrypted.port, ca_file=str(other.file)))
    assert code == "broker_untrusted" and "mqtt.ca_file" in text and str(other.file) in text
    code, text = failed(call(encrypted.port, ca_file=""))
    assert code == "broker_untrusted" and "any that this system knows" in text


def test_a_certificate_for_another_name_is_named(call, authority, tmp_path):
    other = authority.certify("elsewhere", hosts=("broker.example",))
    broker = Mosquitto(tmp_path, authority.listener(other)).start()
    code, text = failed(call(broker.port, host="localhost"))
    assert code == "broker_untrusted" and "is not for 'localhost'" in text
    broker.stop()


@pytest.mark.parametrize("year", [2016, 2045])
def test_an_expired_certificate_is_the_clocks_fault_where_the_clock_cannot_be_right(year):
    error = ssl.SSLCertVerificationError()
    error.verify_code = trouble.EXPIRED
    there = trouble.of_connect(MqttSection(tls=True), error, datetime.datetime(year, 5, 1))
    assert there.code == "clock_unset" and f"which says {year}-05-01" in there.text


# ---------------------------------------------------------------------- who we are


def test_our_own_certificate_lets_us_in_under_its_name(call, mutual, authority):
    connected(call(mutual.port, **authority.certify("kitchen").options))


def test_without_a_certificate_we_are_told_that_one_is_asked_for(call, mutual):
    code, text = failed(call(mutual.port))
    assert code == "broker_unauthorised" and "mqtt.cert_file and mqtt.key_file" in text


def test_a_certificate_of_another_authority_and_one_that_has_expired_are_refused(
    call, mutual, authority, tmp_path
):
    foreign = Authority(tmp_path, "foreign").certify("kitchen")
    expired = authority.certify("late", begins=NOW - 9 * DAY, ends=NOW - DAY)
    for pair, words in ((foreign, "unknown ca"), (expired, "certificate expired")):
        code, text = failed(call(mutual.port, **pair.options))
        assert code == "broker_unauthorised" and str(pair.cert) in text
        assert words in text or "hangs up after the TLS handshake" in text  # where a reset outran the alert


def test_new_credentials_in_the_same_files_are_taken_at_the_next_connect(
    call, mutual, authority, tmp_path, monkeypatch
):
    monkeypatch.setattr("device.link.reconnect.MIN_S", 0.05)
    foreign, own = Authority(tmp_path, "foreign").certify("kitchen"), authority.certify("renewed")
    client = call(mutual.port, **foreign.options)
    assert failed(client)[0] == "broker_unauthorised"
    foreign.key.write_bytes(own.key.read_bytes())
    foreign.cert.write_bytes(own.cert.read_bytes())
    connected(client)


# ---------------------------------------------------------------------- not TLS at all, and nobody there


def test_tls_spoken_to_a_plain_port_and_the_reverse_are_named(call, plain, encrypted):
    code, text = failed(call(plain.port))
    assert code == "broker_unreachable" and "does not speak TLS on this port" in text and "8883" in text
    code, text = failed(call(encrypted.port, tls=False))
    assert code == "broker_unreachable" and "does this port speak TLS (mqtt.tls = true)" in text


def test_a_broker_that_is_frozen_or_says_nothing_is_named_and_close_keeps_its_limit(
    call, encrypted, monkeypatch
):
    monkeypatch.setattr("device.link.client.CONNECT_S", 0.3)
    encrypted.process.send_signal(signal.SIGSTOP)
    try:
        client = call(encrypted.port)
        code, text = failed(client)
        assert code == "broker_unreachable" and "does not answer the TLS handshake" in text
        closing = threading.Thread(target=client.close)
        closing.start()
        closing.join(10)  # its limit is 1.5 s
        assert not closing.is_alive()
    finally:
        encrypted.process.send_signal(signal.SIGCONT)


# ---------------------------------------------------------------------- files that change, and who else reads them


def test_a_file_that_is_missing_keeps_us_away_until_it_is_there(
    call, encrypted, authority, tmp_path, monkeypatch
):
    monkeypatch.setattr("device.link.reconnect.MIN_S", 0.05)
    late = tmp_path / "ca.crt"
    client = call(encrypted.port, ca_file=str(late))
    code, text = failed(client)
    assert code == "credentials_unreadable" and str(late) in text
    late.write_bytes(authority.file.read_bytes())
    connected(client)


def test_a_bare_name_is_a_systemd_credential(call, encrypted, authority, tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "house-ca").write_bytes(authority.file.read_bytes())
    connected(call(encrypted.port, ca_file="house-ca"))
    code, text = failed(call(encrypted.port, ca_file="other-ca"))
    assert code == "credentials_unreadable" and "LoadCredential=" in text


def test_secrets_for_everybody_to_read_are_warned_of_once_with_the_fix(
    call, encrypted, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr("device.link.reconnect.MIN_S", 0.01)
    password = tmp_path / "password"
    password.write_text("sesame\n")
    password.chmod(0o644)
    client = call(encrypted.port, username="kitchen", password_file=str(password), ca_file="/nowhere")
    until(lambda: client.check() or client.counters.get("credentials_unreadable", 0) >= 3, "three tries")
    said = [line for line in caplog.messages if "every user of this machine can read it" in line]
    assert len(said) == 1 and f"chmod 600 {password}" in said[0]
    password.chmod(0o600)
    assert warnings(client.broker) == []


# ---------------------------------------------------------------------- commands


def test_earshot_trace_and_earshot_endpoint_reach_a_broker_that_asks_for_a_certificate(mutual, authority):
    def options(name: str) -> list[str]:
        pair = authority.certify(name)
        return [
            *("--ca-file", str(authority.file), "--cert-file", str(pair.cert), "--key-file", str(pair.key))
        ]

    worker = WorkerProcess(mutual, "worker-a1", *options("worker-a1"))
    try:
        until(lambda: "connected to broker" in worker.said, "the worker")
    finally:
        worker.kill()
    trace = [sys.executable, "-m", "device", "trace", "--broker", f"localhost:{mutual.port}"]
    done = subprocess.run([*trace, *options("owner")], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "no device has reported to this broker" in done.stderr
    done = subprocess.run(
        [*trace, "--ca-file", str(authority.file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "asks for a client certificate" in done.stderr
