"""Devices of a real sound server that are taken away and given back. The clock is real: assertions are about what happens, not when."""

import subprocess
import sys

import pytest
from helpers_sound import needs_rig

from device.bench.replug import MODULES, Rig, load, somebody_speaks, unload

pytestmark = needs_rig


@pytest.fixture
def rig():
    rig = Rig()
    try:
        rig.start()
        yield rig
    finally:
        rig.engine.stop()


@pytest.mark.parametrize("what", MODULES)
def test_a_device_that_is_taken_away_is_named_and_used_again_when_it_is_back(rig, what):
    rig.replug(what)
    assert rig.engine.problem is None and rig.engine.counters["moved"] == 1
    assert rig.engine.counters["stuck"] == 0


def test_another_microphone_is_not_taken_for_the_one_that_is_named(rig):
    load("module-remap-source", "source_name=other", "master=micbus.monitor")
    unload("source_name=mic")
    try:
        assert rig.drive(10, lambda: rig.engine.problem is not None and rig.last.missing)
        assert "'node:mic'" in rig.engine.problem and "'other'" in rig.engine.problem
        rig.drive(1)
        assert rig.last.missing
    finally:
        load(*MODULES["microphone"])
        unload("source_name=other")
    with somebody_speaks():
        assert rig.drive(20, lambda: rig.works("microphone"))


def test_the_nodes_are_shown_as_they_are_to_be_written():
    done = subprocess.run(
        [sys.executable, "-m", "device", "devices"], capture_output=True, text=True, check=True
    )
    told = " ".join(done.stdout.split())
    assert "node:mic" in told and "node:spk" in told
    assert "node:spk.monitor" not in told and 'input = "node:mic"' in told
