"""`earshot doctor` at a real broker: what this device may do there, and whether somebody answers its questions."""

import os
import time

import pytest
from helpers_broker import Mosquitto, Spy, WorkerProcess, until

from device.config import Config
from device.config.schema import DeviceSection, MqttSection
from device.doctor.checks import broker as broker_check
from device.doctor.checks import endpoint
from device.doctor.finding import worst
from device.doctor.patient import Patient
from device.doctor.visitor import reach
from device.link.messages import Status, encode
from device.service.lock import Lock


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def patient(section, limit_s=20.0):
    config = Config(device=DeviceSection(id="kitchen"), mqtt=section)
    return Patient(config, deadline=time.monotonic() + limit_s)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One open broker for all tests of this file; who retains something there takes it back."""
    mosquitto = Mosquitto(tmp_path_factory.mktemp("broker")).start()
    yield mosquitto
    mosquitto.stop()


def test_a_broker_that_is_well_is_reached_read_and_written(place):
    spy = Spy(place)
    (found,) = broker_check.check(patient(place.section))
    assert found.severity == "ok" and "not encrypted" in found.text
    event = spy.wait("kitchen/up/event", kind="doctor")
    assert not event.retain
    spy.close()


def test_a_broker_that_is_not_there_is_named_with_its_fix():
    (found,) = broker_check.check(patient(MqttSection(port=1)))
    assert (found.severity, found.data["code"]) == ("fault", "broker_unreachable")
    assert "connection refused" in found.text and found.fix
    assert endpoint.check(patient(MqttSection(port=1)))[0].severity == "skipped"


def test_a_port_that_speaks_no_tls_is_told(place):
    (found,) = broker_check.check(patient(MqttSection(port=place.port, tls=True)))
    assert found.severity == "fault" and "TLS" in found.text
    assert reach(MqttSection(port=place.port, tls=True)).code == "broker_unreachable"
    assert reach(place.section) is None


def test_without_a_broker_nothing_is_blamed():
    section = MqttSection(enabled=False)
    assert worst([*broker_check.check(patient(section)), *endpoint.check(patient(section))]) == "skipped"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "passwords").write_text("")
    rules = folder / "rules"
    rules.write_text(
        "user kitchen\ntopic write earshot/1/d/kitchen/up/#\ntopic read earshot/1/d/kitchen/dn/#\n"
        "user stranger\ntopic read earshot/1/d/kitchen/dn/#\n"
    )
    extra = f"allow_anonymous true\nacl_file {rules}\nuse_username_as_clientid true\nlog_type notice\n"
    mosquitto = Mosquitto(folder, extra).start()
    yield mosquitto
    mosquitto.stop()


class TestRules:
    """A broker with users and rules, as `earshot fleet` makes them: what is not allowed is denied."""

    def section(self, guarded, tmp_path, user):
        (tmp_path / "password").write_text("any\n")
        return MqttSection(port=guarded.port, username=user, password_file=str(tmp_path / "password"))

    def test_a_device_that_may_is_well(self, guarded, tmp_path):
        (found,) = broker_check.check(patient(self.section(guarded, tmp_path, "kitchen")))
        assert found.severity == "ok"

    def test_a_user_who_may_not_write_the_devices_topics_is_told(self, guarded, tmp_path):
        (found,) = broker_check.check(patient(self.section(guarded, tmp_path, "stranger")))
        assert found.severity == "fault" and "does not let this device write to" in found.text

    def test_a_device_that_may_not_see_workers_asks_all_the_same(self, guarded, tmp_path, monkeypatch):
        monkeypatch.setattr(endpoint, "ACK_S", 0.3)
        (found,) = endpoint.check(patient(self.section(guarded, tmp_path, "kitchen")))
        assert found.severity == "fault" and "nobody takes a question" in found.text

    def test_while_the_daemon_runs_nobody_comes_under_its_name(self, guarded, tmp_path, state):
        lock = Lock(state)
        section = self.section(guarded, tmp_path, "kitchen")
        came = guarded.log.read_text().count("as kitchen")
        (reached,), (asked,) = broker_check.check(patient(section)), endpoint.check(patient(section))
        os.close(lock._fd)
        assert reached.severity == "ok" and "rights were not tried" in reached.text
        assert asked.severity == "skipped" and "not asked" in asked.text
        assert came and guarded.log.read_text().count("as kitchen") == came


# ------------------------------------------------------------------ the endpoint


@pytest.fixture(scope="module")
def worker(place):
    process = WorkerProcess(place, "doctors-worker", "--pool", "tested")
    until(lambda: "connected" in process.said, "worker connected")
    yield process
    process.kill()


def asking(place, pool):
    config = Config(device=DeviceSection(id="kitchen"), mqtt=place.section)
    from msgspec.structs import replace

    return Patient(
        replace(config, endpoint=replace(config.endpoint, pool=pool)), deadline=time.monotonic() + 20
    )


def test_a_worker_answers_a_test_question_and_its_first_words_are_timed(place, worker):
    spy = Spy(place)
    (found,) = endpoint.check(asking(place, "tested"))
    assert found.severity in ("ok", "warning") and found.data["worker"] == "doctors-worker"
    assert found.data["first_token_s"] > 0
    # the worker is told that nobody waits for the rest, and the device never seemed to be there
    spy.wait("up/ctl/doctors-worker", op="cancel")
    assert not spy.seen("kitchen/up/status")
    spy.close()


def test_a_pool_without_a_worker_is_a_fault(place, worker):
    (found,) = endpoint.check(asking(place, "nobodys"))
    assert found.severity == "fault" and "nobody serves the pool 'nobodys'" in found.text and found.fix


def test_a_device_that_is_online_is_not_pushed_off_and_its_problems_are_told(place, worker):
    spy = Spy(place)
    status = Status(state="degraded", boot="b", problems=("mic_clipping",))
    spy.publish("earshot/1/d/kitchen/up/status", encode("status", status), retain=True)
    reported, asked = endpoint.check(asking(place, "tested"))
    spy.publish("earshot/1/d/kitchen/up/status", b"", retain=True)
    assert (
        reported.severity == "warning"
        and reported.data["code"] == "mic_clipping"
        and "alsamixer" in reported.fix
    )
    assert asked.severity == "ok" and "doctors-worker" in asked.text and "no test question" in asked.text
    assert not spy.seen("up/turn/tested")
    spy.close()


def test_what_a_worker_may_get_wrong_is_told():
    answer, config = endpoint.Answer(worker="w", ack_s=0.1), Config()
    assert "says nothing" in endpoint.judge(answer, "", config).text
    answer.error = "backend"
    assert "'backend'" in endpoint.judge(answer, "", config).text
    slow = endpoint.Answer(worker="w", ack_s=0.1, first_s=config.budget.first_token_ms / 1000 + 1)
    assert endpoint.judge(slow, "", config).severity == "warning"
    assert endpoint.judge(endpoint.Answer(refused=True), "", config).severity == "fault"
