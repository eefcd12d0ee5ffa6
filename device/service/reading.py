"""What the service's thread has to know of a device, read in the ear's thread a few times a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from device.service.status import status_line
from device.service.watchdog import Microphone, Signs

if TYPE_CHECKING:
    from device.daemon import Device


def signs_of(device: Device) -> Signs:
    """How far every part of it is."""
    engine, steward = device.engine, device.steward
    counted = engine.counters
    microphone: Microphone = "open"
    if device.config.audio.backend == "none":
        microphone = "none"
    elif device.front.closed:
        microphone = "closed"
    elif "mic_missing" in engine.problem_codes or engine.health.deaf:
        microphone = "missing"
    threads = {"mqtt": device.link.alive, "steward": steward is None or steward.alive}
    return Signs(
        steps=counted["frames"],
        delivered=counted["frames"] - counted["missing_frames"],
        scored=device.ear.scored,
        microphone=microphone,
        try_age_s=getattr(engine.backend, "last_attempt_age_s", None),
        dead=tuple(name for name, lives in threads.items() if not lives),
    )


def status_of(device: Device) -> str:
    """What it does, in one line."""
    config, engine = device.config, device.engine
    problem, unwell = engine.problem, {found.code: found.text for found in engine.health.problems}
    broker = "ok" if device.link.connected else device.link.problem or "off"
    deaf = ""
    if config.audio.backend == "none":
        deaf = "without sound, as configured"
    elif device.front.closed:
        deaf = "hears nothing: the microphone is closed by hand"
    elif problem is not None and "mic_missing" in engine.problem_codes:
        deaf = f"degraded, hears nothing: {problem}"
    elif "mic_stuck" in unwell:
        deaf = f"degraded, hears nothing: {unwell['mic_stuck']}"
    wrong = [problem] if problem and not deaf else []
    if not deaf:  # else what was wrong with the sound is past
        wrong += [text for code, text in unwell.items() if code != "speaker_silent"]
    wrong += [f"recogniser: {device.recogniser.failure}"] if device.recogniser.failure else []
    wrong += [f"voice: {device.voice.failure}"] if device.voice.failure else []
    wrong += list(device.remote.problems)
    echo = engine.echo
    return status_line(
        words=config.wake.words,
        show=device.state,
        echo=echo.mode,
        erle_db=echo.erle_db,
        broker=broker,
        deaf=deaf,
        wrong=wrong,
    )
