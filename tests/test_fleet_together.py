"""With the fleet's own files: a device, a worker and an operator at the broker that lets each do his part and no more."""

import re
import shlex
import subprocess
import sys

import msgspec
import pytest
from helpers_broker import until
from helpers_fleet import FLEET, needs_mosquitto

from device import subprocesses
from device.config.load import load
from device.config.schema import HomeAssistantSection
from device.fleet.stage import Stage
from device.latency.reader import Reader
from device.link import Link, open_transport, topics
from device.link.messages import State
from device.values import OpenTurn, TurnDelta, TurnEnded

pytestmark = needs_mosquitto


@pytest.fixture(scope="module")
def stage():
    with Stage(FLEET) as one:
        yield one


@pytest.fixture
def kitchen(stage, monkeypatch):
    """The configuration that lies in the device's folder, whose files would be in /etc/earshot there."""
    folder = stage.folder.member("kitchen")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))  # systemd hands the key over
    config = load(folder / "earshot.toml", {})
    there = {
        key: getattr(config.mqtt, key).replace("/etc/earshot", str(folder))
        for key in ("ca_file", "cert_file")
    }
    return msgspec.structs.replace(
        config,
        mqtt=msgspec.structs.replace(config.mqtt, **there),
        homeassistant=HomeAssistantSection(discovery=True),
    )


@pytest.fixture
def worker(stage):
    """Started as the README.txt in its folder says."""
    folder = stage.folder.member("box")
    said = re.search(r"earshot (endpoint .*?)\n\n", (folder / "README.txt").read_text(), re.DOTALL)
    words = shlex.split(said[1].replace("\\\n", " "))
    process = subprocess.Popen(
        [sys.executable, "-m", "device", *words, "--pace", "0"],
        cwd=folder,
        env=subprocesses.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    yield process
    subprocesses.end(process)
    process.stdout.close()


def test_a_question_is_answered_and_an_operator_sees_states_but_no_words(stage, kitchen, worker):
    transport = open_transport(kitchen)
    link, events = Link(kitchen, transport), []

    def happens(condition, what):
        def polled():
            events.extend(link.poll(0))
            return condition()

        return until(polled, what)

    watcher = stage.session(FLEET.members[2])
    watcher.subscribe(topics.worker_status("box"))
    watcher.wait(lambda: watcher.received, "the worker's status")
    happens(lambda: link.connected, "the device connecting with its certificate")
    link.execute(OpenTurn(1, "tell me a story", ()))
    happens(lambda: [event for event in events if isinstance(event, TurnEnded)], "the answer")
    assert any(isinstance(event, TurnDelta) and event.text for event in events)
    transport.send("state", State(now=("speaking",)))
    alice = load(stage.folder.member("alice") / "earshot.toml", {}).mqtt
    with Reader(alice, None) as trace:
        assert list(happens(trace.states, "the state, as an operator sees it")) == ["kitchen"]
        assert trace.problem is None
    assert {"subscription_refused", "refused_message", "disconnects"} & transport.counters.keys() == set()
    link.close()
