"""Which echo canceller works, in every situation, and what is said about it."""

from __future__ import annotations

import itertools

import pytest
from helpers_echo import entry

from device.audio.echo_policy import SoundPath, decide, findings
from device.audio.probe import Check
from device.audio.sweep import EchoPath

KNOWN, UNPROVEN, NO = entry("xvf3800"), entry("respeaker-lite"), entry("seeed-2mic")

HEARD = EchoPath(played=True, heard=True, confidence=0.99, loss_db=0.0, delay_ms=20.0)
WEAK = EchoPath(played=True, heard=True, confidence=0.99, loss_db=30.0, delay_ms=20.0)
NOTHING = EchoPath(played=True)
MUTED = EchoPath(played=False)
CANCELS = Check(True, loss_db=28.0, clean_loss_db=28.0, snr_db=12.0)
ECHO = Check(True, loss_db=1.0, clean_loss_db=1.0, snr_db=40.0)
HIDDEN = Check(True, loss_db=4.0, clean_loss_db=4.0, snr_db=5.0)
SILENCE = Check(True, loss_db=40.0, clean_loss_db=40.0, snr_db=-120.0)
PATHS = [None, HEARD, WEAK, NOTHING, MUTED]
CHECKS = [None, CANCELS, ECHO, HIDDEN, SILENCE, Check(False)]


def sound(device, same_card=True, bluetooth=False):
    return SoundPath("the mic", "the loudspeaker", device, same_card=same_card, bluetooth=bluetooth)


def codes(decision):
    return [problem.code for problem in decision.problems]


EVERYTHING = list(
    itertools.product(
        ["auto", "hardware", "software", "none"], [None, KNOWN, UNPROVEN, NO], [True, False, None], [False, True],
        PATHS, CHECKS,
    )
)  # fmt: skip


def test_the_rules_hold_in_every_situation():
    for wanted, device, same, bluetooth, path, check in EVERYTHING:
        decision = decide(wanted, sound(device, same, bluetooth), path, check)
        told = (wanted, device and device.id, same, bluetooth, path, check, decision)
        assert decision.reason, told
        assert all(p.code and p.text and p.fix for p in decision.problems), told
        if wanted == "none":
            assert decision.mode == "none" and not decision.problems, told
        elif bluetooth:
            assert decision.mode == "none" and codes(decision) == ["echo_bluetooth"], told
        elif wanted == "software":
            assert decision.mode == "software" and not decision.problems, told
        else:
            assert decision.mode in ("hardware", "software"), told
        if decision.mode == "hardware":
            assert same is not False and check is not ECHO, told
            assert wanted == "hardware" or device is KNOWN, told
        if wanted == "hardware" and decision.mode == "software":
            assert decision.problems, told


def test_auto_takes_a_known_canceller_that_plays_and_ours_for_everything_else():
    assert decide("auto", sound(KNOWN)).mode == "hardware"
    for device in (None, UNPROVEN, NO):
        decision = decide("auto", sound(device))
        assert decision.mode == "software" and not decision.problems
    assert "not in the device table" in decide("auto", sound(None)).reason
    assert "not proven" in decide("auto", sound(UNPROVEN)).reason
    assert "has no echo canceller" in decide("auto", sound(NO)).reason


@pytest.mark.parametrize("wanted", ["auto", "hardware"])
@pytest.mark.parametrize("same", [False, None])
def test_playback_through_another_card_turns_the_hardware_off_and_says_so(wanted, same):
    decision = decide(wanted, sound(KNOWN, same_card=same))
    assert decision.mode == "software" and codes(decision) == ["echo_hardware_other_card"]
    assert "'the loudspeaker'" in decision.reason and "audio.output" in decision.problems[0].fix


@pytest.mark.parametrize("wanted", ["auto", "hardware"])
def test_a_canceller_that_the_check_finds_idle_is_replaced_and_named(wanted):
    decision = decide(wanted, sound(KNOWN), HEARD, ECHO)
    assert decision.mode == "software" and codes(decision) == ["echo_hardware_not_cancelling"]
    assert "1 dB lower" in decision.reason


def test_a_sweep_alone_does_not_convict_a_known_canceller():
    assert decide("auto", sound(KNOWN), HEARD).mode == "hardware"
    assert decide("auto", sound(KNOWN), HEARD, HIDDEN).mode == "hardware"  # the noise hides the answer


def test_hardware_on_an_unknown_device_must_be_measured_good():
    for device in (None, UNPROVEN, NO):
        for path, check, mode in (
            (None, None, "software"),
            (HEARD, ECHO, "software"),
            (NOTHING, SILENCE, "software"),  # a dead loudspeaker sounds like a perfect canceller
            (NOTHING, CANCELS, "hardware"),
            (WEAK, None, "hardware"),
            (WEAK, SILENCE, "hardware"),
        ):
            decision = decide("hardware", sound(device), path, check)
            assert decision.mode == mode, (device, path, check, decision)
            assert codes(decision) == ([] if mode == "hardware" else ["echo_hardware_unproven"])
    assert decide("hardware", sound(None, same_card=False), WEAK, CANCELS).mode == "software"


@pytest.mark.parametrize(
    ("mode", "path", "check", "code"),
    [
        ("software", MUTED, None, "echo_not_played"),
        ("hardware", MUTED, None, "echo_not_played"),
        ("software", NOTHING, None, "echo_not_heard"),
        ("software", EchoPath(played=True, heard=True, confidence=0.5), None, "echo_unsure"),
        ("software", EchoPath(True, True, confidence=1, delay_ms=20, drift_ppm=-800), None, "echo_drift"),
        ("software", EchoPath(True, True, confidence=1, delay_ms=300, drift_ppm=0), None, "echo_delay"),
        ("software", EchoPath(True, True, confidence=1, delay_ms=-30, drift_ppm=0), None, "echo_delay"),
        (
            "software",
            EchoPath(True, True, confidence=1, delay_ms=9, nonlinearity_db=-12),
            None,
            "echo_nonlinear",
        ),
        ("software", HEARD, Check(True, 0.0, 4.0, 30.0, software=True), "echo_software_not_cancelling"),
    ],
)
def test_what_a_measurement_finds_is_named_with_a_fix(mode, path, check, code):
    (problem,) = findings(mode, path, check)
    assert problem.code == code and problem.text and problem.fix


@pytest.mark.parametrize(
    ("mode", "path", "check"),
    [
        ("software", None, None),
        ("software", HEARD, Check(True, 0.0, 22.0, 30.0, software=True)),
        ("software", HEARD, Check(True, 0.0, 4.0, 8.0, software=True)),  # the noise lets see no more
        ("software", HEARD, Check(True, 25.0, 25.0, 20.0, software=True)),  # nothing left to take away
        ("hardware", HEARD, Check(True, 20.0, 20.0, 20.0, software=True)),  # measured before the change
        ("hardware", NOTHING, SILENCE),  # just what a canceller should leave
        ("hardware", EchoPath(played=True, heard=True, confidence=0.3), CANCELS),
    ],
)
def test_nothing_is_said_where_nothing_is_wrong(mode, path, check):
    assert findings(mode, path, check) == ()
