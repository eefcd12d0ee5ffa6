"""Somebody who can write to the broker, and has no key, against a device and its owner."""

import pytest
from helpers_settings import FILE, Rig

from device.settings import Evidence

TRIALS = pytest.mark.parametrize("change", [{"mqtt.host": "new.example"}, {"voice.model": "a"}])


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path).boot(FILE).poll()


@TRIALS
def test_garbage_keeps_no_configuration_from_proving_itself(rig, change):
    rig.push(change, 1)
    reported = True
    for number in range(1000):  # 20 s
        if number % 10 == 0:
            rig.steward.desired("d/kitchen", b"garbage %d" % number)
        told = len(rig.reports)
        rig.poll(Evidence(sound=True, broker=True, reported=reported), 0.02)
        reported = len(rig.reports) == told  # what was told the broker has a step later
    assert len(rig.reports) > 50, "else nothing was disturbed"
    assert rig.stored().trial is None and rig.stored().layers.device.version == 1


def test_what_was_sent_without_its_signature_is_not_taken_for_the_owners_word(rig):
    rig.push({"endpoint.pool": "home", "device.volume": 30}, 7, key=None)
    assert rig.push({"endpoint.pool": "home", "device.volume": 30}, 7).applied == {"d/kitchen": 7}
    layer = rig.stored().layers.device
    assert layer.signed and layer.config["endpoint"] == {"pool": "home"}
    assert rig.stored().marks["d/kitchen"].signed.version == 7


def test_what_the_owner_has_set_stays_set_though_it_has_no_effect_now(rig):
    rig.push({"privacy.transcripts": False, "device.volume": 30}, 7)
    rig.run(12)
    for config in ({"device.volume": 31}, {"device.volume": 31, "privacy.transcripts": False}):
        assert rig.push(config, 8, key=None).state == "rejected"
        assert [(error.path, error.code) for error in rig.report.errors] == [
            ("privacy.transcripts", "needs_signature")
        ]
    assert rig.stored().layers.device.signed and rig.running.device.volume == 30
