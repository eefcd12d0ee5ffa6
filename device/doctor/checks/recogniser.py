"""The recogniser in its process: does it start, how fast is it on this machine, and does it understand a plain sentence?"""

from __future__ import annotations

from pathlib import Path

from device.doctor.checks.memory import available_mib
from device.doctor.finding import Finding, fault, ok, skipped, split, warning
from device.doctor.patient import Patient
from device.errors import EarshotError, EngineError

TEXT = "what time is it"
SLOW, TOO_SLOW = 0.6, 1.0
"""Compute time per second of speech. Above 0.6 a busy moment makes answers late; from 1 on the recogniser falls behind."""
MODEL_MEMORY = 4.0
"""Vosk takes about so many times the size of its model, and the check must not drive the daemon out of memory."""
COMMANDS_ONLY = 'set recogniser.engine = "pocketsphinx" (commands only), or use a faster machine'


def check(patient: Patient) -> list[Finding]:
    from device.doctor.engine_trial import clip, recognise
    from device.ear.recognisers import open_recogniser, recogniser_settings

    config = patient.config
    try:
        settings = recogniser_settings(config)
    except EarshotError:
        return [skipped("its model is missing, see models")]
    if settings.model_path and (short := no_room(patient, Path(settings.model_path), MODEL_MEMORY)):
        return [skipped(short)]
    try:
        sound = clip(TEXT)
    except EngineError as exc:
        return [skipped(f"nothing to listen to: {exc}")]
    door = open_recogniser(config, in_process=False)
    try:
        trial = recognise(door, sound, lambda: patient.remaining_s - 0.5)
    except EngineError as exc:
        return [failed(str(exc), settings.model_path)]
    finally:
        door.close()
    return judge(settings.engine, trial.rtf, trial.heard, trial.load_s)


def judge(engine: str, rtf: float, heard: str, load_s: float) -> list[Finding]:
    """``heard``: the text that it made of ``TEXT``, which synthetic speech says and no model has to know."""
    told = f"{engine}: real-time factor {rtf:.2f}"
    data = {"engine": engine, "rtf": round(rtf, 3), "load_s": round(load_s, 2), "said": TEXT, "heard": heard}
    busy = "is the machine busy (top), hot or throttled (`earshot doctor --only heat`)?"
    mend = COMMANDS_ONLY if engine == "vosk" else busy
    if rtf >= TOO_SLOW:
        return [fault(f"{told}: slower than speech, it falls behind", mend, **data)]
    if rtf >= SLOW:
        return [warning(f"{told}: hardly faster than speech", mend, **data)]
    return [ok(f"{told}, heard {heard!r}" if heard else told, **data)]


def failed(reason: str, model_path: str) -> Finding:
    """An engine that does not start, crashes or hangs; with a model that is as a rule the model's fault."""
    text, fix = split(reason, f"`earshot doctor problems {'recogniser_failed'}` says more")
    if model_path and ("killed" in text or "exit code" in text or "cannot read the model" in text):
        name = Path(model_path).name
        fix = f"its model may be damaged: `earshot models fetch {name} --force` brings it again"
    return fault(text, fix)


def no_room(patient: Patient, model: Path, factor: float) -> str:
    """Why a second engine of that model had better not be started beside others; empty where it may."""
    left = available_mib(patient.read("/proc/meminfo"))
    files = [file for file in model.rglob("*") if file.is_file()] if model.is_dir() else [model]
    needed = factor * sum(file.stat().st_size for file in files) / 2**20 + 50
    if left is not None and left < needed:
        return f"not tried: {left} MiB are available, the engine may take {needed:.0f}"
    return ""
