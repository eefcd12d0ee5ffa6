"""What becomes of a pushed configuration, from the message to the last known good."""

import hashlib
import logging
import os
import threading
import time
import tracemalloc

import msgspec
import pytest
from helpers_settings import FILE, OTHER, OWNER, WELL, Rig, entry

from device.config import Config
from device.link.reports import ConfigFault, ConfigReport, Previous
from device.settings import Evidence, Steward
from device.settings.boot import boot
from device.settings.envelope import seal
from device.settings.report import fitted
from device.settings.store import NAME, Store


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path).boot(FILE).poll()


def test_a_device_tells_at_once_what_it_runs_on(rig):
    assert rig.report.state == "applied" and rig.report.confirmed and not rig.report.applied
    assert rig.report.effective["wake.words"] == ("alexa",)
    assert rig.report.origin == {"device.id": "file", "keys.trusted": "file"}


def test_a_live_key_is_adopted_with_the_next_poll_and_confirmed_after_ten_seconds_without_a_broker(rig):
    report = rig.push({"wake.threshold": 0.7}, 1)
    assert (report.state, report.confirmed, report.applied) == ("applied", False, {"d/kitchen": 1})
    assert rig.running.wake.threshold == rig.steward.config.wake.threshold == 0.7
    assert report.origin["wake.threshold"] == "device" and report.effective["wake.threshold"] == 0.7
    rig.run(9, Evidence(sound=True))
    assert not rig.report.confirmed and rig.stored().trial is not None
    rig.run(2, Evidence(sound=True))
    assert rig.report.confirmed and rig.stored().trial is None and rig.stored().good is not None


def test_the_pusher_knows_the_message_again_by_its_digest(rig):
    data = seal({"device": {"volume": 30}}, version=4, scope="d/kitchen", key=OWNER, kid="owner")
    rig.steward.desired("d/kitchen", data)
    seen = rig.poll().report.seen["d/kitchen"]
    assert (seen.version, seen.digest) == (4, hashlib.sha256(data).hexdigest()[:16])


def test_the_same_message_again_costs_nothing_not_even_a_look_at_its_signature(rig):
    rig.push({"device.volume": 30}, 1)
    written, reports = (rig.state / NAME).stat().st_mtime_ns, len(rig.reports)
    rig.push({"device.volume": 30}, 1)
    rig.boot().poll()  # another life: now it is looked at, and found to be in force
    rig.push({"device.volume": 30}, 1)
    assert (rig.state / NAME).stat().st_mtime_ns != written  # the start with a trial was counted
    assert len(rig.adopted) == 1 and len(rig.reports) == reports + 1
    assert (rig.report.state, rig.report.confirmed) == ("applied", False)


@pytest.mark.parametrize(
    ("config", "version", "key", "kid", "code"),
    [
        ({"device.volume": 31}, 5, OWNER, "owner", "version_reuse"),
        ({"device.volume": 30}, 4, OWNER, "owner", "stale_version"),
        ({"device.volume": 31}, 5, None, "", "version_reuse"),
        ({"device.volume": 31}, 4, None, "", "stale_version"),
        ({"device.volume": 31}, 6, OTHER, "owner", "bad_signature"),
        ({"device.volume": 31}, 6, OTHER, "other", "unknown_signer"),
        ({"mqtt.host": "evil"}, 6, None, "", "needs_signature"),
        ({"device.volume": 101}, 6, OWNER, "owner", "out_of_range"),
        ({"device.id": "other"}, 6, OWNER, "owner", "local_only"),
        ({"keys.trusted": []}, 6, OWNER, "owner", "key_lockout"),
        ({"endpointing.min_ms": 800, "endpointing.max_ms": 300}, 6, OWNER, "owner", "contradiction"),
        ({"wake.words": ["nobody"]}, 6, OWNER, "owner", "model_missing"),
        ({"wake.words": ["broken"]}, 6, OWNER, "owner", "not_usable"),
    ],
)
def test_what_must_not_come_into_force_is_refused_with_a_code_and_changes_nothing(
    rig, config, version, key, kid, code
):
    rig.push({"device.volume": 30}, 5)
    rig.missing, rig.unloadable = ("nobody",), "broken"
    before, adopted = (rig.state / NAME).read_bytes(), len(rig.adopted)
    report = rig.push(config, version, key=key, kid=kid)
    assert report.state == "rejected" and code in rig.codes()
    assert report.applied == {"d/kitchen": 5}
    assert (rig.state / NAME).read_bytes() == before and len(rig.adopted) == adopted


def test_every_wrong_value_is_told_of_and_unknown_keys_are_left_alone(rig):
    wrong = {
        "device.volume": "loud", "wake.words": "alexa", "wake.threshold": [], "mqtt.port": "x", "mqtt.host": 3,
        "log.level": 1, "voice.speed": "fast", "endpoint.pool": 7, "keys.trusted": 5, "privacy.transcripts": "no",
    }  # fmt: skip
    report = rig.push({**wrong, "wake.colour": 1}, 1)
    assert {error.path for error in report.errors} == set(wrong)
    assert [warning.path for warning in report.warnings] == ["wake.colour"]
    report = rig.push({"wake.colour": 1, "wake.threshold": 0.7}, 2)
    assert report.state == "applied" and report.warnings[0].code == "unknown_key"
    assert rig.running.wake.threshold == 0.7


def test_of_hundreds_of_mistakes_the_report_has_a_hundred_and_the_number_of_the_others(rig):
    report = rig.push({f"wake.x{n}": n for n in range(300)} | {"wake.threshold": 7}, 1)
    assert len(report.warnings) == 101 and report.warnings[-1].message == "and 200 more"


# ---------------------------------------------------------------------- who may


def test_nobody_without_a_key_can_take_away_what_a_signed_configuration_has_set(rig):
    rig.push({"endpoint.pool": "den", "wake.threshold": 0.7}, 1)
    rig.push({"wake.threshold": 0.8}, 2, key=None)
    assert rig.codes() == ["needs_signature"] and rig.running.endpoint.pool == "den"


def test_an_unsigned_configuration_that_repeats_what_is_in_force_does_not_fix_it_there(rig):
    rig.push({"mqtt.host": "127.0.0.1", "wake.threshold": 0.8}, 1, key=None)
    assert rig.report.state == "applied" and "mqtt.host" not in rig.report.origin


def test_a_command_sets_what_needs_no_signature_and_the_next_push_that_names_the_key_ends_it(rig):
    assert rig.change({"wake.threshold": 0.7}) == [] and rig.running.wake.threshold == 0.7
    assert rig.report.origin["wake.threshold"] == "command"
    assert rig.change({"mqtt.host": "evil"}) == ["needs_signature"]
    assert rig.change({"wake.words": ["/tmp/evil.tflite"]}) == ["needs_signature"]
    assert rig.change({"wake.colour": 1}) == ["unknown_key"]
    assert rig.change({"wake.threshold": 7}) == ["out_of_range"]
    rig.push({"device.volume": 30}, 1)
    assert rig.running.wake.threshold == 0.7
    rig.push({"device.volume": 30, "wake.threshold": 0.5}, 2)
    assert rig.running.wake.threshold == 0.5 and rig.report.origin["wake.threshold"] == "device"


def test_a_command_survives_a_restart(rig):
    rig.change({"wake.threshold": 0.7})
    assert rig.boot().running.wake.threshold == 0.7


def test_a_command_that_is_no_key_is_refused_whatever_it_looks_like(rig):
    for values in ({"wake": {"threshold": 0.7}}, {"": 1}, {"wake.threshold.x": 1}, {"wake": 1}):
        assert rig.change(values) == ["unknown_key"]


def test_a_voice_that_a_command_chose_and_that_fails_is_taken_back_and_no_version_is_to_blame(rig):
    assert rig.change({"voice.name": "nobody"}) == [] and rig.running.voice.name == "nobody"
    assert rig.steward.proving and rig.change({"voice.name": "en-gb"}) == ["busy"]
    rig.poll(Evidence(sound=True, settled=False, failure="no voice is called nobody")).poll()
    assert rig.running.voice.name == "" and "voice.name" not in rig.report.origin
    assert rig.report.state == "applied" and rig.steward.problems == ()
    assert rig.change({"voice.name": "en-gb"}) == []
    rig.run(3, Evidence(sound=True))  # a voice needs no broker
    assert rig.running.voice.name == "en-gb" and not rig.steward.proving


def test_without_a_key_installed_only_what_needs_none_comes_over_the_broker(tmp_path):
    rig = Rig(tmp_path).boot('[device]\nid = "kitchen"\n').poll()
    assert rig.push({"wake.threshold": 0.7}, 1, key=None).state == "applied"
    rig.push({"wake.threshold": 0.8}, 2)
    assert rig.codes() == ["no_keys"]
    rig.push({"keys.trusted": [entry("evil", OTHER)]}, 3, key=None)
    assert rig.codes() == ["needs_signature"]


def test_secrets_that_come_back_masked_mean_what_they_stand_for(rig):
    rig.push({"mqtt.username": "kitchen", "mqtt.password_file": "/run/one"}, 1)
    rig.run(4)
    rig.push({"mqtt.username": "den", "mqtt.password_file": "***"}, 2)
    rig.run(4)
    assert (
        rig.running.mqtt.password_file == "/run/one" and rig.report.effective["mqtt.password_file"] == "***"
    )
    rig.push({"mqtt.username": "den", "mqtt.password_file": "/run/two"}, 3)
    rig.run(4)
    previous = rig.report.previous
    assert previous.config["mqtt"] == {"username": "den", "password_file": "***"}
    rig.push({f"mqtt.{name}": value for name, value in previous.config["mqtt"].items()}, 4)
    assert rig.run(4).running.mqtt.password_file == "/run/one"  # that one's own secret, not the one in force


# ---------------------------------------------------------------------- probation


def test_another_broker_is_pending_until_the_report_has_reached_it(rig):
    report = rig.push({"mqtt.host": "new"}, 1, evidence=Evidence(sound=True, broker=True))
    assert (report.state, report.probation_s, report.applied) == ("pending", 120, {})
    rig.run(0.4, Evidence(sound=True, broker=True)).poll(Evidence(sound=True, broker=True), 0.5)
    assert rig.running.mqtt.host == "127.0.0.1"  # the old broker is told first
    rig.poll(WELL)
    assert rig.running.mqtt.host == "new"
    rig.run(60, Evidence(sound=True, settled=True))
    assert rig.report.state == "pending"
    rig.run(2)
    assert (rig.report.state, rig.report.confirmed, rig.report.applied) == ("applied", True, {"d/kitchen": 1})


def test_a_broker_that_does_not_answer_is_left_again_and_the_reason_names_it(rig):
    rig.push({"rollout.probation_s": 60}, 1)
    rig.push({"mqtt.host": "nowhere", "rollout.probation_s": 600}, 2)
    rig.poll()
    rig.run(59, Evidence(sound=True))
    assert rig.running.mqtt.host == "nowhere"
    rig.run(3, Evidence(sound=True))
    assert rig.running.mqtt.host == "127.0.0.1" and rig.report.state == "rolled_back"
    error = rig.report.errors[0]
    assert error.path == "mqtt.host" and "nowhere:1883" in error.message and "60 s" in error.message
    assert rig.steward.problems == ("config_rolled_back",)
    rig.push({"mqtt.host": "nowhere", "rollout.probation_s": 600}, 2)
    assert rig.report.state == "rolled_back"  # the broker's retained copy comes again
    rig.boot().poll()
    rig.push({"mqtt.host": "nowhere", "rollout.probation_s": 600}, 2)
    assert rig.report.state == "rolled_back" and rig.running.mqtt.host == "127.0.0.1"
    rig.push({"mqtt.host": "127.0.0.1"}, 2)
    assert rig.codes() == ["bad_version"]
    rig.push({"device.volume": 30}, 3)
    assert rig.report.state == "applied" and rig.steward.problems == ()


def test_an_engine_that_fails_brings_the_old_configuration_back_at_once(rig):
    rig.push({"voice.name": "en-gb", "voice.engine": "kokoro"}, 1)
    rig.poll(Evidence(sound=True, broker=True, reported=True, settled=False, failure="kokoro: no such voice"))
    rig.poll()
    assert rig.running == Config(device=rig.running.device, keys=rig.running.keys)
    assert rig.report.state == "rolled_back" and rig.report.errors[0].path == "voice.engine"
    assert "no such voice" in rig.report.errors[0].message


def test_what_needs_the_daemon_anew_is_on_trial_over_the_restart(rig):
    report = rig.push({"audio.keep_s": 20.0}, 1)
    assert report.state == "pending" and not rig.restart
    rig.poll(after_s=1.1)
    assert rig.restart and rig.running.audio.keep_s == 10.0 and not rig.adopted
    assert rig.boot().poll().running.audio.keep_s == 20.0
    assert rig.report.state == "pending"
    rig.run(4)
    assert rig.report.state == "pending"  # a sound card takes a moment to say that it does not open
    rig.run(3)
    assert rig.report.state == "applied" and rig.report.confirmed


def test_before_the_restart_nothing_confirms_the_trial_that_has_not_begun(rig):
    rig.push({"audio.keep_s": 20.0}, 1)
    rig.run(30)
    assert rig.stored().trial is not None and rig.report.state == "pending"
    assert rig.change({"wake.threshold": 0.7}) == ["busy"]


def test_a_sound_card_that_does_not_open_is_rolled_back_within_the_probation(rig):
    rig.push({"audio.input": "no such card"}, 1)
    rig.run(2)
    rig.boot()
    rig.run(124, Evidence(broker=True, reported=True, problem="no input is called 'no such card'"))
    assert rig.report.state == "rolled_back" and rig.restart
    assert rig.report.errors[0].path == "audio.input" and "no such card'" in rig.report.errors[0].message
    assert rig.boot().poll().running.audio.input == "" and rig.report.state == "rolled_back"


def test_a_device_that_was_deaf_before_need_not_hear_to_prove_a_change(rig):
    deaf = Evidence(broker=True, reported=True)
    rig.poll(deaf)
    rig.push({"recogniser.engine": "pocketsphinx"}, 1, evidence=deaf)
    assert rig.run(4, deaf).report.confirmed


def test_the_sound_that_a_mistake_took_away_is_not_taken_for_none_before_when_that_is_mended(rig):
    rig.push({"audio.input": "wrong"}, 1)
    rig.run(2)
    deaf = Evidence(broker=True, reported=True)
    rig.boot().run(5, deaf)
    rig.push({"audio.input": "wrong", "audio.keep_s": 20.0}, 2, evidence=deaf)
    rig.run(2, deaf)
    rig.boot().run(5, deaf)
    assert rig.report.state == "pending"
    assert rig.run(120, deaf).report.state == "rolled_back"


def test_what_was_missing_before_does_not_stand_in_the_way_of_other_changes(rig):
    rig.missing = ("alexa", "jarvis")
    assert rig.push({"device.volume": 30}, 1).state == "applied"
    rig.push({"wake.words": ["jarvis"]}, 2)
    assert rig.codes() == ["model_missing"]


def test_a_trial_that_does_not_start_twice_is_given_up(rig):
    rig.push({"audio.keep_s": 20.0}, 1)
    assert rig.boot().running.audio.keep_s == 20.0  # killed before it has proved itself
    assert rig.boot().running.audio.keep_s == 20.0
    rig.boot().poll()
    assert rig.running.audio.keep_s == 10.0 and rig.report.state == "rolled_back"
    assert rig.codes() == ["no_start"] and rig.steward.problems == ("config_rolled_back",)


def test_the_owner_mends_a_mistake_without_waiting_for_the_rollback_and_nobody_else_can(rig):
    away = Evidence(sound=True)
    rig.push({"mqtt.host": "nowhere"}, 1)
    rig.poll()
    rig.push({"wake.threshold": 0.9}, 2**53, key=None, evidence=away)
    assert rig.report.state == "pending" and rig.running.wake.threshold == 0.6
    rig.push({"mqtt.host": "there"}, 2, evidence=away)
    rig.run(2, away)
    assert rig.running.mqtt.host == "there" and rig.report.previous is None
    rig.run(121, away)
    assert rig.running.mqtt.host == "127.0.0.1" and not rig.report.applied


def test_what_comes_while_something_is_on_trial_is_looked_at_when_that_is_decided(rig):
    away = Evidence(sound=True)
    rig.push({"mqtt.host": "nowhere"}, 1)
    rig.poll()
    rig.push({"wake.threshold": 0.9}, 2, key=None, evidence=away)
    rig.run(60, away)
    assert rig.report.state == "pending" and rig.running.wake.threshold == 0.6
    rig.run(62, away)
    assert rig.running.mqtt.host == "127.0.0.1" and rig.running.wake.threshold == 0.9
    assert rig.report.applied == {"d/kitchen": 2}


def test_commands_work_while_something_is_on_trial_and_stay_when_it_is_rolled_back(rig):
    rig.push({"mqtt.host": "nowhere"}, 1)
    rig.poll()
    for step in range(13):  # they do not draw it out either
        rig.steward.change("t", {"wake.threshold": 0.5 + step / 100})
        rig.run(10, Evidence(sound=True))
    assert rig.running.mqtt.host == "127.0.0.1" and rig.running.wake.threshold == 0.62


def test_the_high_version_of_somebody_without_a_key_does_not_block_the_owner(rig):
    rig.push({"wake.threshold": 0.9}, 2**53, key=None)
    assert rig.report.state == "applied"
    rig.push({"wake.threshold": 0.7}, 1)
    assert rig.report.state == "applied" and rig.running.wake.threshold == 0.7


# ---------------------------------------------------------------------- groups


def test_group_and_device_are_layers_of_one_whole_whichever_comes_first(tmp_path):
    file = FILE.replace("[keys]", 'group = "den"\n[keys]')
    found = []
    for order in (("g/den", "d/kitchen"), ("d/kitchen", "g/den")):
        rig = Rig(tmp_path / order[0][0]).boot(file).poll()
        configs = {
            # alone the group's is senseless, and the device's makes sense of it
            "g/den": {"endpointing.min_ms": 800, "wake.threshold": 0.7},
            "d/kitchen": {"endpointing.max_ms": 1000, "wake.threshold": 0.8},
        }
        if order[0] == "g/den":
            configs["g/den"]["endpointing.max_ms"] = 700
        for scope in order:
            rig.push(configs[scope], 3, scope=scope)
        assert rig.report.applied == {"g/den": 3, "d/kitchen": 3}
        found.append((rig.running.endpointing, rig.running.wake))
        assert rig.report.origin["endpointing.min_ms"] == "group"
        assert rig.report.origin["wake.threshold"] == "device"
    assert found[0] == found[1]


def test_a_device_that_leaves_its_group_drops_what_the_group_had_said(tmp_path):
    rig = Rig(tmp_path).boot(FILE.replace("[keys]", 'group = "den"\n[keys]')).poll()
    rig.push({"wake.threshold": 0.7}, 1, scope="g/den")
    rig.push({"device.group": "attic"}, 1)
    assert rig.running.device.group == "attic" and rig.running.wake.threshold == 0.6
    rig.push({"wake.threshold": 0.8}, 2, scope="g/den")
    assert rig.running.wake.threshold == 0.6
    rig.push({"wake.threshold": 0.9}, 1, scope="g/attic")
    assert rig.running.wake.threshold == 0.9
    rig.push({"device.group": "den"}, 2)
    rig.push({"wake.threshold": 0.7}, 1, scope="g/den")  # the same bytes as at first: in force again
    assert rig.running.wake.threshold == 0.7


# ---------------------------------------------------------------------- trouble


def test_a_folder_that_cannot_be_written_refuses_pushes_whole_and_takes_them_again_later(rig):
    target = rig.state / f".{NAME}.new"
    target.mkdir(parents=True)  # as good as a card that is read-only, and root may not write it either
    report = rig.push({"wake.threshold": 0.7}, 1)
    assert rig.codes() == ["state_unwritable"] and rig.steward.problems == ("state_unwritable",)
    assert report.state == "rejected" and rig.running.wake.threshold == 0.6
    assert rig.made[-1].closed and rig.change({"wake.threshold": 0.8}) == ["state_unwritable"]
    target.rmdir()
    rig.run(11)
    assert rig.steward.problems == ()
    assert rig.push({"wake.threshold": 0.7}, 2).state == "applied"


def test_garbage_is_refused_and_never_written(rig):
    for data in (b"\x00\xff", b"{", b"[]", b'{"v":1}', os.urandom(2000), b"{" * 70_000, b"x" * 1_000_000):
        rig.steward.desired("d/kitchen", data)
        assert rig.poll().report.state == "rejected"
    rig.steward.desired("d/other", b"{}")
    rig.steward.desired("d/kitchen", b"")
    rig.poll()
    assert not (rig.state / NAME).exists() and rig.steward.counters == {"refused": 7}


def test_ten_thousand_messages_leave_no_more_behind_than_ten(rig):
    envelope = seal({"wake": {"words": ["x" * 1000]}}, version=2**53, scope="d/kitchen")
    for number in range(20):
        rig.steward.desired("d/kitchen", envelope + b" " * number)
        rig.poll(after_s=0.01)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(10_000):
            rig.steward.desired("d/kitchen", b"%d" % number + envelope)
            if number % 50 == 0:
                rig.poll(after_s=0.01)
                rig.reports.clear()
        rig.poll()
        rig.reports.clear()
        assert tracemalloc.get_traced_memory()[0] - before < 200_000
    finally:
        tracemalloc.stop()


def test_a_flood_of_changes_that_nobody_signed_does_not_wear_out_the_card(rig):
    for version in range(1, 400):
        rig.push({"wake.threshold": 0.5 + version / 1000}, version, key=None)
    taken = rig.steward.counters["taken"]
    assert 100 <= taken < 130
    rig.push({"wake.threshold": 0.55}, 1)  # the owner does not wait
    assert rig.running.wake.threshold == 0.55


def test_a_flood_of_garbage_does_not_become_a_flood_of_reports_and_the_last_word_is_told(rig):
    told = len(rig.reports)
    for number in range(1000):
        rig.steward.desired("d/kitchen", b"%d" % number)
        rig.poll(after_s=0.01)
    assert 90 < len(rig.reports) - told < 110
    rig.run(1)
    assert rig.report.seen["d/kitchen"].digest == hashlib.sha256(b"999").hexdigest()[:16]
    for number in range(100):
        rig.steward.desired("d/kitchen", b"x%d" % number)
        rig.poll(after_s=0.01)
    assert rig.push({"wake.threshold": 0.7}, 1).state == "applied"  # what has changed something does not wait
    rig.run(2)
    assert rig.report.state == "applied"


def test_a_mistake_of_our_own_is_told_and_the_next_push_is_taken(rig, caplog):
    rig.steward._force._meaning = lambda config: 1 / 0
    rig.push({"wake.threshold": 0.7}, 1)
    assert rig.codes() == ["internal"] and rig.steward.counters["errors"] == 1
    assert "ZeroDivisionError" in caplog.text
    rig.steward._force._meaning = rig.meaning
    assert rig.push({"wake.threshold": 0.7}, 2).state == "applied"


def test_the_report_fits_into_a_message_whatever_was_pushed(rig):
    rig.push({f"wake.{'é' * 200}{n}": "x" for n in range(110)} | {"wake.words": ["x"]}, 1)
    rig.push({"audio.input": "é" * 20_000}, 2)
    long = "é" * 3000
    fault = ConfigFault(path=long, code="x", message=long)
    before = Previous(version=1, config={"audio": {"input": "x" * 60_000}})
    small = fitted(ConfigReport(state="applied", previous=before, effective={"audio.input": "x" * 3000}))
    assert small.previous is None and len(small.effective["audio.input"]) == 3000
    made = fitted(
        ConfigReport(state="applied", errors=(fault,) * 101, warnings=(fault,) * 101, previous=before)
    )
    assert made.errors and made.warnings
    sizes = [len(msgspec.json.encode(report)) for report in (*rig.reports, made, small)]
    assert max(sizes) < 62 * 1024


def test_no_secret_and_no_value_of_one_is_told_or_logged(rig, caplog):
    caplog.set_level(logging.DEBUG)
    rig.push({"mqtt.password_file": "/run/hidden-place"}, 1)
    rig.run(2)
    rig.push({"mqtt.password_file": ["/run/hidden-place"]}, 2)
    rig.push({"mqtt.password_file": "/run/hidden-place2"}, 3)
    assert "hidden-place" not in repr(rig.reports) + caplog.text


def test_the_thread_does_the_work_and_the_step_only_drops_it_off(tmp_path):
    (tmp_path / "earshot.toml").write_text(FILE)
    asked = threading.Event()
    go = threading.Event()

    class Ready:
        def __init__(self, new: Config) -> None:
            self.new = new

        def close(self) -> None: ...

    def prepare(old, new):
        asked.set()
        assert go.wait(30)
        return Ready(new)

    booted = boot(tmp_path / "earshot.toml", None, tmp_path / "state")
    steward = Steward(booted, meaning=lambda config: [], prepare=prepare)
    try:
        data = seal({"wake": {"threshold": 0.7}}, version=1, scope="d/kitchen", key=OWNER, kid="owner")
        steward.desired("d/kitchen", data)
        assert asked.wait(30)
        assert [type(action).__name__ for action in steward.poll(0.0, WELL)] == ["Publish"]
        assert steward.config.wake.threshold == 0.6
        go.set()
        found = []
        while len(found) < 2:
            found += steward.poll(0.1, WELL)
            time.sleep(0.001)
        assert found[0].prepared.new.wake.threshold == steward.config.wake.threshold == 0.7
        assert isinstance(found[1].report, ConfigReport)
        steward.change("t", {"wake.threshold": 0.8})
        while not any(getattr(action, "token", "") == "t" for action in found):
            found += steward.poll(0.2, WELL)
            time.sleep(0.001)
    finally:
        go.set()
        steward.close()
    assert Store(tmp_path / "state").load().layers.command == {"wake.threshold": 0.8}


def test_keys_are_rotated_in_two_steps_and_a_step_that_locks_the_owner_out_is_refused(rig):
    both = [entry("owner", OWNER), entry("new", OTHER)]
    rig.push({"keys.trusted": [both[1]]}, 1)
    assert rig.codes() == ["key_lockout"]
    rig.push({"keys.trusted": both}, 1)
    rig.push({"keys.trusted": [both[1]]}, 2, key=OTHER, kid="new")
    assert rig.running.keys.trusted == (both[1],)
    rig.push({"device.volume": 1, "keys.trusted": [both[1]]}, 3)
    assert rig.codes() == ["unknown_signer"]
