"""A broker that means harm, or nothing at all: the client survives every packet, blocks nobody, and comes back."""

from __future__ import annotations

import socket
import sys
import threading
import time
from pathlib import Path

from helpers_broker import Mosquitto, broker, until  # noqa: F401

from device.config.schema import MqttSection
from device.link.client import BrokerClient
from device.link.outbox import Outgoing

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts" / "fuzzing"))
import hostile


def call(port: int, **section: object) -> BrokerClient:
    return BrokerClient(
        MqttSection(port=port, **section), "victim", subscriptions=("t/#",), receive=lambda received: None, will=None,
        session_expiry_s=0,
    )  # fmt: skip


def test_four_hundred_broken_packets_and_after_each_the_client_is_back():
    outcome = hostile.storm(list(hostile.attacks(seed=1, count=400)))
    assert outcome.served == 400 and outcome.back
    assert not outcome.raised and not outcome.deaths
    assert outcome.counters["on_message_failed"] >= 1, "the topic that is no UTF-8 did come through"


def test_attacks_are_the_same_for_a_seed_and_others_for_another():
    first, again, other = (list(hostile.attacks(seed, 60)) for seed in (1, 1, 2))
    assert first == again != other and len(first) == 60


def test_a_packet_that_would_fill_the_memory_is_cut_off():
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def pour() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(
                    hostile.CONNACK + b"\x30\xff\xff\xff\x7f" + b"x" * 1000
                )  # 256 MB are to follow
                while connection.recv(4096):
                    pass
            ended.set()

        threading.Thread(target=pour, daemon=True).start()
        client = call(server.getsockname()[1])
        until(lambda: client.check() or ended.is_set(), "the end of the connection")
        until(lambda: client.check() or client.counters.get("disconnects"), "the loss")
        assert client.counters["oversized"] >= 1 and client.alive
        client.close()


def test_a_topic_that_the_broker_does_not_let_us_read_is_named_while_we_are_connected():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(hostile.CONNACK)
                subscribe = connection.recv(4096)
                connection.sendall(b"\x90\x04" + subscribe[2:4] + b"\x00\x87")  # SUBACK: not authorised
                while connection.recv(4096):
                    pass

        threading.Thread(target=refuse, daemon=True).start()
        client = call(server.getsockname()[1])
        until(lambda: client.check() or client.problem_code, "the refusal")
        assert client.connected and client.problem_code == "broker_unauthorised"
        assert "t/# (Not authorized); its access rules must let us read them" in client.problem
        client.close()


def test_a_broker_that_takes_the_connection_and_says_nothing_is_named_and_blocks_nobody(monkeypatch):
    monkeypatch.setattr("device.link.health.ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = call(server.getsockname()[1])
        until(lambda: client.check() or client.problem_code, "the reason")
        assert client.problem_code == "broker_unreachable"
        assert client.problem.endswith(
            "does not answer; is it an MQTT broker? Does this port speak TLS (mqtt.tls = true)?"
        )
        spent = time.thread_time()
        for _ in range(1000):
            assert not client.publish(Outgoing("t", b"x"))
            client.check()
        assert time.thread_time() - spent < 5
        closing = threading.Thread(target=client.close)
        closing.start()
        closing.join(10)  # its limit is 1.5 s
        assert not closing.is_alive()


def test_a_name_that_does_not_resolve_is_named():
    client = call(1883, host="nobody.invalid")
    until(lambda: client.check() or client.problem_code, "the reason")
    assert client.problem_code == "broker_unreachable"
    assert client.problem.startswith(
        "broker nobody.invalid:1883 cannot be reached: its name cannot be resolved"
    )
    client.close()


def test_a_host_that_is_no_name_at_all_ends_no_thread():
    for host in ("a..b", "x" * 70 + ".example", "\N{SNOWMAN}" * 80):
        client = call(1883, host=host)
        until(lambda client=client: client.check() or client.problem_code, "the reason")
        assert client.problem_code == "broker_unreachable" and "mqtt.host" in client.problem
        assert client.alive and "network_thread_died" not in client.counters
        client.close()


def test_a_connection_that_is_refused_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    client = call(port)
    until(lambda: client.check() or client.problem_code, "the reason")
    assert client.problem_code == "broker_unreachable" and "connection refused" in client.problem
    client.close()


def test_a_credential_that_mqtt_has_no_room_for_ends_no_thread(tmp_path):
    client = call(1883, username="x" * 70_000)
    until(lambda: client.check() or client.problem_code, "the reason")
    assert client.alive and "network_thread_died" not in client.counters
    client.close()


def test_a_wait_longer_than_the_keep_alive_does_not_end_the_connection_it_was_for(tmp_path, monkeypatch):
    monkeypatch.setattr("device.link.reconnect.MIN_S", 1.1)
    mosquitto = Mosquitto(tmp_path)
    client = call(mosquitto.port, keepalive_s=1)
    until(lambda: client.check() or client.problem_code, "the first try")
    mosquitto.start()
    until(lambda: client.check() or client.connected, "the connection")
    client.close()
    mosquitto.stop()


def test_a_rival_with_our_name_is_told_of_also_while_we_are_connected_and_the_waits_grow(broker, monkeypatch):  # noqa: F811
    monkeypatch.setattr("device.link.reconnect.MIN_S", 0.01)
    first, second = call(broker.port), call(broker.port)

    def both_know() -> bool:
        first.check()
        second.check()
        return first.problem_code == second.problem_code == "broker_flapping"

    until(both_know, "both to know")
    assert all(client._health.wait_s() >= 0.02 for client in (first, second)), "more than the shortest"
    second.close()
    until(lambda: first.check() or first.connected, "the last connection")
    assert first.problem_code == "broker_flapping" and "does another client use this name?" in first.problem
    monkeypatch.setattr("device.link.reconnect.STEADY_S", 0.0)
    assert first.problem is None and first.problem_code is None, "a connection that lasts has no rival"
    first.close()
