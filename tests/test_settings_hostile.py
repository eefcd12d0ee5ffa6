"""Somebody who can write to the broker, and has no key, against a device and its owner."""

import threading

import pytest
from helpers_broker import until
from helpers_settings import FILE, OWNER, WELL, Rig
from helpers_steward import Nothing

from device.settings import Changed, Evidence, Publish, Steward
from device.settings.boot import boot
from device.settings.envelope import seal

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


@pytest.fixture
def busy_steward(tmp_path):
    """A steward whose thread is busy with the owner's first push, the second waits; ``go`` lets it work."""
    (tmp_path / "earshot.toml").write_text(FILE)
    busy, go = threading.Event(), threading.Event()

    def prepare(old, new):
        busy.set()
        assert go.wait(30)
        return Nothing()

    steward = Steward(
        boot(tmp_path / "earshot.toml", None, tmp_path / "state"), meaning=lambda _: [], prepare=prepare
    )
    for version in (1, 2):
        config = {"device": {"volume": version}}
        steward.desired("d/kitchen", seal(config, version=version, scope="d/kitchen", key=OWNER, kid="owner"))
        assert busy.wait(30)
    yield steward, go
    go.set()
    steward.close()


def test_garbage_that_comes_behind_the_owners_push_does_not_push_it_out(busy_steward):
    steward, go = busy_steward
    for number in range(5):
        steward.desired("d/kitchen", b"garbage %d" % number)
    go.set()
    until(lambda: steward.poll(0.1, WELL) and steward.config.device.volume == 2, "the second push")


def test_orders_without_end_do_not_keep_the_owners_push_waiting(busy_steward):
    steward, go = busy_steward
    for number in range(9):
        steward.change(str(number), {"wake.threshold": 0.5 + number / 100})
    go.set()
    told = []
    until(
        lambda: told.extend(steward.poll(0.1, WELL)) or sum(isinstance(each, Changed) for each in told) == 9,
        "all",
    )
    reports = [
        number
        for number, each in enumerate(told)
        if isinstance(each, Publish) and each.report.applied == {"d/kitchen": 2}
    ]
    assert sum(isinstance(each, Changed) for each in told[: reports[0]]) < 3


def test_no_order_keeps_an_engine_from_being_ready_while_a_configuration_proves_itself(rig):
    rig.push({"voice.model": "a"}, 1)
    assert rig.change({"wake.words": ["okay_nabu"]}) == ["busy"]
    assert rig.change({"wake.threshold": 0.7}) == []
    rig.run(3)
    assert rig.report.state == "applied" and rig.change({"wake.words": ["okay_nabu"]}) == []


@pytest.mark.parametrize("heard", [True, False])
def test_a_broker_that_is_away_after_a_power_cut_does_not_spoil_what_has_nothing_to_do_with_it(rig, heard):
    rig.push({"audio.keep_s": 20.0, "rollout.probation_s": 60}, 1)
    rig.boot()
    rig.run(119, Evidence(sound=heard))
    assert rig.stored().trial is not None
    rig.run(3, Evidence(sound=heard))
    assert rig.stored().trial is None
    if heard:
        assert (
            rig.report.state == "applied"
            and rig.report.confirmed
            and rig.stored().good.layers.device.version == 1
        )
    else:
        assert rig.codes() == ["sound_missing"]


def test_a_flood_of_wake_words_does_not_start_recognisers_without_end(rig):
    for version in range(1, 101):
        rig.push({"wake.words": [("okay_nabu", "alexa")[version % 2]]}, version, key=None)
    assert len(rig.adopted) <= 13
    rig.push({"wake.words": ["hey_jarvis"]}, 1)  # the owner does not wait
    assert rig.running.wake.words == ("hey_jarvis",)
