"""The voice in its process: does it start, how fast does it speak on this machine, and what to choose when that is too slow?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from device.doctor.checks.recogniser import no_room
from device.doctor.finding import Finding, fault, ok, skipped, split, warning
from device.doctor.patient import Patient
from device.errors import EarshotError, EngineError

TEXT = "It is nine o'clock in the morning."
MODEL_MEMORY = 2.0
"""ONNX Runtime takes about so many times the size of its model."""
FASTER = 'set voice.engine = "espeak", or use a faster machine; kokoro-int8 is not faster on many CPUs'


def check(patient: Patient) -> list[Finding]:
    from device.doctor.engine_trial import speak
    from device.mouth.voices import choose, open_voice
    from device.mouth.voices.messages import VoiceState

    config = patient.config
    try:
        _, settings = choose(config)
    except EarshotError:
        return [skipped("its model is missing, see models")]
    if settings.model and (short := no_room(patient, Path(settings.model), MODEL_MEMORY)):
        return [skipped(short)]
    door = open_voice(config, in_process=False)
    try:
        trial = speak(door, TEXT, lambda: patient.remaining_s - 0.5)
    except EngineError as exc:
        text, fix = split(str(exc), '`earshot say "hello" --out hello.wav` tries it alone')
        if settings.model and ("does not answer" in text or "not ready" in text):
            fix = FASTER
        elif settings.model and ("killed" in text or "exit code" in text):
            name = Path(settings.model).name
            fix = f"its model may be damaged: `earshot models fetch {name} --force` brings it again"
        return [fault(text, fix)]
    finally:
        door.close()
    state = next((note for note in reversed(trial.notes) if isinstance(note, VoiceState)), None)
    limit = config.voice.slowest_rtf if settings.model else 1.0
    measured = state.rtf if state is not None and state.rtf is not None else trial.rtf
    return judge(trial, measured, limit, state.reason if state else "")


def judge(trial: Any, rtf: float, limit: float, reason: str = "") -> list[Finding]:
    """``rtf`` of the configured engine; ``reason``: why another one speaks in its place."""
    told = f"{trial.engine}: real-time factor {rtf:.2f}, first sound after {1000 * trial.first_s:.0f} ms"
    data = {
        "engine": trial.engine,
        "rtf": round(rtf, 4),
        "first_ms": round(1000 * trial.first_s),
        "load_s": round(trial.load_s, 2),
        "sound_s": round(trial.sound_s, 2),
        "limit": limit,
        "reason": reason,
    }
    if not trial.sound_s or not any(trial.pcm):
        return [
            fault(
                f"{trial.engine} speaks without a sound",
                '`earshot say "hello" --out hello.wav` tries it',
                **data,
            )
        ]
    if reason:
        return [warning(f"{told}; {reason}", FASTER, **data)]
    if rtf > limit:
        return [warning(f"{told}: too slow, it pauses between clauses", FASTER, **data)]
    return [ok(told, **data)]
