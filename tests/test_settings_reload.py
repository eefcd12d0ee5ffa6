"""The configuration's file read anew while the device runs: by the same way as a push, and below what was pushed."""

import pytest
from helpers_settings import FILE, OTHER, OWNER, WELL, Rig, entry

from device.settings import Reloaded


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path).boot(FILE).run(12)


def test_what_restarts_nothing_is_in_force_at_once_and_is_the_last_known_good_ten_seconds_later(rig):
    assert rig.reload(FILE + "[wake]\nthreshold = 0.7\n") == Reloaded()
    assert rig.running.wake.threshold == 0.7 and rig.report.origin["wake.threshold"] == "file"
    assert "wake" not in rig.stored().good.file
    rig.run(12)
    assert rig.stored().good.file["wake"] == {"threshold": 0.7}


def test_a_file_without_a_change_adopts_nothing_and_writes_nothing(rig):
    written = rig.stored()
    assert rig.reload(FILE + "# a remark\n") == Reloaded()
    assert rig.adopted == [] and rig.run(12).stored() == written


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("[wake]\nthreshold = 7\n", "wake.threshold"),
        ("[wake\n", "TOML"),
        ("[endpointing]\nmin_ms = 800\nmax_ms = 300\n", "endpointing.max_ms"),
        ('[wake]\nwords = ["nobody"]\n', "nobody"),
        ('[wake]\nwords = ["broken"]\n', "broken"),
    ],
)
def test_a_broken_file_changes_nothing_and_is_named_until_it_is_mended(rig, wrong, told):
    rig.missing, rig.unloadable = ("nobody",), "broken"
    before, stored = rig.running, rig.stored()
    result = rig.reload(FILE + wrong)
    assert any(told in fault for fault in result.faults) and not result.restarts
    assert rig.running == before and rig.run(12).stored() == stored
    assert rig.steward.problems == ("config_invalid",)
    rig.push({"device.volume": 30}, 1)  # goes on as before
    assert rig.running.device.volume == 30
    assert rig.reload(FILE) == Reloaded() and rig.steward.problems == ()


def test_a_start_on_the_last_known_good_ends_with_a_file_that_is_mended(rig):
    rig.boot(FILE + "[wake]\nthreshold = 7\n").poll()
    assert rig.steward.problems == ("config_invalid",)
    assert rig.reload(FILE + "[wake]\nthreshold = 0.8\n") == Reloaded()
    assert rig.running.wake.threshold == 0.8 and rig.steward.problems == ()


def test_what_was_pushed_stays_above_the_file_and_what_was_refused_is_looked_at_again(rig):
    rig.push({"wake.threshold": 0.9}, 1)
    rig.push({"device.volume": 20}, 2, key=OTHER, kid="other")
    assert rig.codes() == ["unknown_signer"]
    trusted = f'trusted = ["{entry("owner", OWNER)}", "{entry("other", OTHER)}"]'
    text = FILE.partition("trusted")[0] + trusted + "\n[wake]\nthreshold = 0.7\nthreshold_playing = 0.4\n"
    assert rig.reload(text) == Reloaded()
    assert (rig.running.wake.threshold, rig.running.wake.threshold_playing) == (0.9, 0.4)
    rig.run(2)
    rig.push({"device.volume": 20}, 3, key=OTHER, kid="other")
    assert rig.running.device.volume == 20


def test_what_needs_the_daemon_anew_starts_it_again_and_the_next_life_has_it(rig):
    assert rig.reload(FILE + "[audio]\nkeep_s = 12\n") == Reloaded(restarts=True)
    assert rig.poll().poll().restart == "the configuration file has changed"
    assert rig.reload(FILE + "[audio]\nkeep_s = 14\n") == Reloaded(restarts=True)  # read by the next life
    assert rig.boot().poll().running.audio.keep_s == 14 and rig.steward.problems == ()


def test_a_restart_for_the_file_waits_while_a_push_is_proving_itself_and_other_changes_do_not(rig):
    rig.push({"mqtt.host": "elsewhere"}, 1)
    assert rig.steward.proving
    result = rig.reload(FILE + "[audio]\nkeep_s = 12\n")
    assert [fault.code for fault in result.faults] == ["busy"] and rig.steward.problems == ()
    assert rig.reload(FILE + "[wake]\nthreshold = 0.7\n") == Reloaded()
    assert rig.running.wake.threshold == 0.7 and rig.running.mqtt.host == "elsewhere"
    rig.run(200, WELL.__class__(sound=True))  # that broker does not answer
    assert rig.running.mqtt.host != "elsewhere" and rig.running.wake.threshold == 0.7


def test_a_device_that_the_file_gives_another_name_takes_no_layer_of_the_old_one_along(rig):
    rig.push({"wake.threshold": 0.9}, 1)
    rig.run(12)
    assert rig.reload(FILE.replace("kitchen", "cellar")) == Reloaded(restarts=True)
    rig.boot().poll()
    assert rig.running.device.id == "cellar" and rig.running.wake.threshold != 0.9
