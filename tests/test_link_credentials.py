"""Who we are at the broker: files, options of commands, and what a broker with users says."""

from __future__ import annotations

import argparse
import subprocess

import pytest
from helpers_broker import Mosquitto, until
from helpers_tls import Authority

from device.config.schema import MqttSection
from device.errors import LinkError
from device.link.client import BrokerClient
from device.link.credentials import CredentialsError, read_password, warnings
from device.link.options import add_broker_options, broker_of
from device.link.tls import context_of


def test_every_file_that_cannot_be_used_is_named_with_its_key(tmp_path):
    authority = Authority(tmp_path)
    server = authority.certify("broker")
    nothing, text = str(tmp_path / "nothing"), tmp_path / "text"
    text.write_text("this is no certificate")
    locked = authority.certify("locked", password=b"secret")
    other = authority.certify("other")
    for section, words in (
        ({"ca_file": nothing}, ("mqtt.ca_file", nothing, "no such file")),
        ({"ca_file": str(tmp_path)}, ("mqtt.ca_file", "cannot be read")),
        ({"ca_file": str(text)}, ("mqtt.ca_file", str(text), "no certificate in PEM form")),
        ({"ca_file": "/dev/zero"}, ("mqtt.ca_file", "more than")),
        ({"cert_file": nothing}, ("mqtt.cert_file", nothing)),
        ({"cert_file": str(server.cert), "key_file": nothing}, ("mqtt.key_file", nothing)),
        ({"cert_file": str(server.cert)}, ("mqtt.cert_file", "no certificate and key")),
        ({"cert_file": str(server.cert), "key_file": str(other.key)}, ("mqtt.key_file", "is not the key of")),
        ({"cert_file": str(locked.cert), "key_file": str(locked.key)}, ("mqtt.key_file", "pass phrase")),
        ({"key_file": str(server.key)}, ("mqtt.key_file is set, mqtt.cert_file is not",)),
    ):
        with pytest.raises(CredentialsError) as caught:
            context_of(MqttSection(tls=True, **section))
        assert all(word in str(caught.value) for word in words), (section, str(caught.value))


@pytest.mark.parametrize(
    ("host", "tls", "warned"),
    [("broker.local", False, True), ("192.168.1.2", False, True), ("broker.local", True, False)]
    + [(host, False, False) for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost")],
)
def test_a_password_in_the_clear_is_warned_of_unless_it_stays_on_this_machine(tmp_path, host, tls, warned):
    secret = tmp_path / "password"
    secret.touch(mode=0o600)
    section = MqttSection(host=host, tls=tls, username="kitchen", password_file=str(secret))
    assert (
        any("travels unencrypted" in line and "mqtt.tls = true" in line for line in warnings(section))
        == warned
    )
    assert sorted(warnings(MqttSection(host=host, username="kitchen"))) == []


def test_a_password_is_the_one_line_of_its_file(tmp_path, monkeypatch):
    secret = tmp_path / "password"
    secret.write_bytes("s\u00e9same open \r\n".encode())
    assert read_password(str(secret)) == "s\u00e9same open "
    assert read_password("") is None
    for data, words in (
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff", "not UTF-8"),
        (b"x" * 70_000, "more than"),
    ):
        secret.write_bytes(data)
        with pytest.raises(CredentialsError, match=words):
            read_password(str(secret))


def test_a_bare_name_that_is_no_credential_is_a_file_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "credentials").mkdir()
    (tmp_path / "password").write_text("here")
    assert read_password("password") == "here"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    assert read_password("password") == "here"
    (tmp_path / "credentials" / "password").write_text("from systemd")
    assert read_password("password") == "from systemd"
    assert read_password("./password") == "here"


# ---------------------------------------------------------------------- a broker with users


def test_a_wrong_password_is_unauthorised_and_a_new_one_in_the_file_is_taken_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr("device.link.reconnect.MIN_S", 0.05)
    users, secret = tmp_path / "users", tmp_path / "secret"
    users.touch()
    subprocess.run(["mosquitto_passwd", "-b", str(users), "kitchen", "sesame"], check=True)
    broker = Mosquitto(tmp_path, f"allow_anonymous false\npassword_file {users}").start()
    secret.write_text("open")
    client = BrokerClient(
        MqttSection(port=broker.port, username="kitchen", password_file=str(secret)), "kitchen", subscriptions=(),
        receive=lambda received: None, will=None, session_expiry_s=0,
    )  # fmt: skip
    try:
        until(lambda: client.check() or client.problem_code, "the refusal")
        assert client.problem_code == "broker_unauthorised"
        assert "check mqtt.username = 'kitchen'" in client.problem
        secret.write_text("sesame")
        until(lambda: client.check() or client.connected, "the connection")
        assert client.problem is None and client.problem_code is None
    finally:
        client.close()
        broker.stop()


# ---------------------------------------------------------------------- the options of commands


def section(*options: str, base: MqttSection | None = None) -> MqttSection:
    parser = argparse.ArgumentParser()
    add_broker_options(parser)
    return broker_of(parser.parse_args(options), base)


@pytest.mark.parametrize(
    ("options", "host", "port", "tls"),
    [
        ((), "127.0.0.1", 1883, False),
        (("--broker", "broker.local"), "broker.local", 1883, False),
        (("--broker", "broker.local:1884"), "broker.local", 1884, False),
        (("--broker", "[fe80::1]"), "fe80::1", 1883, False),
        (("--broker", "[fe80::1]:8884", "--tls"), "fe80::1", 8884, True),
        (("--tls",), "127.0.0.1", 8883, True),
        (("--broker", "broker.local", "--ca-file", "ca.crt"), "broker.local", 8883, True),
    ],
)  # fmt: skip
def test_the_options_name_a_broker_and_tls_has_its_own_port(options, host, port, tls):
    found = section(*options)
    assert (found.host, found.port, found.tls) == (host, port, tls)


def test_what_no_option_says_is_as_configured_but_credentials_stay_with_their_host(tmp_path):
    secret = tmp_path / "password"
    secret.write_text("sesame")
    base = MqttSection(
        host="home.local", port=8884, tls=True, ca_file="ca.crt", username="kitchen", password_file=str(secret),
        cert_file="k.crt", key_file="k.key",
    )  # fmt: skip
    assert section(base=base) == base
    assert section("--broker", "home.local:8885", base=base).password_file == str(secret)
    there = section("--broker", "elsewhere.local", base=base)
    assert (there.username, there.password_file, there.cert_file, there.key_file) == ("", "", "", "")
    assert (there.tls, there.ca_file, there.port) == (True, "ca.crt", 8883)


@pytest.mark.parametrize(
    "address", ["", "a b", "host:", "host:0", "host:65536", "fe80::1", "[fe80::1", "mqtt://host", "h:1:2"]
)
def test_an_address_that_is_none_is_refused_with_examples(address):
    with pytest.raises(LinkError, match="must be HOST or HOST:PORT"):
        section("--broker", address)


def test_a_password_file_that_is_missing_is_said_before_connecting():
    with pytest.raises(LinkError, match=r"mqtt.password_file = '/nowhere/pw': no such file"):
        section("--username", "kitchen", "--password-file", "/nowhere/pw")
