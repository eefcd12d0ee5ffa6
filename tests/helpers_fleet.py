"""A small fleet, and a mark for the tests that play it on a real mosquitto."""

from __future__ import annotations

import shutil

import pytest

from device.fleet.description import Broker, Fleet, Member

needs_mosquitto = pytest.mark.skipif(
    not shutil.which("mosquitto", path="/usr/bin:/usr/sbin:/usr/local/sbin:/usr/local/bin"),
    reason="mosquitto is not installed (apt install mosquitto)",
)
FLEET = Fleet(
    Broker(("localhost",)),
    (
        Member("kitchen", "device", house="home", group="downstairs"),
        Member("box", "worker", pool="home"),
        Member("alice", "operator"),
        Member("hass", "homeassistant"),
    ),
)
