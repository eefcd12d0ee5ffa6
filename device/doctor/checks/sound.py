"""The sound devices, tried: is anything heard, is it sound, and does the microphone hear the loudspeaker?"""

from __future__ import annotations

from device.doctor.finding import Finding, fault, ok, skipped
from device.doctor.patient import Patient
from device.problems import CATALOGUE


def check(patient: Patient) -> list[Finding]:
    audio = patient.config.audio
    if audio.backend != "portaudio":
        return [skipped(f"audio.backend is {audio.backend!r}: no sound device is used")]
    if patient.running:
        how = "stop it (`sudo systemctl stop earshot`) to have them tried"
        return [skipped(f"{patient.running} and has the sound devices; {how}")]
    from device.doctor.recording import judge
    from device.doctor.sound_trial import busy_words, try_devices

    trial = try_devices({"input": audio.input, "output": audio.output}, patient.root)
    found = []
    for direction, role in (("input", "microphone"), ("output", "loudspeaker")):
        if (problem := trial.problems.get(direction)) is None:
            continue
        missing = "mic_missing" if direction == "input" else "speaker_missing"
        if who := trial.busy.get(direction):
            text = f"the {role}'s card is in use by {busy_words(who)}"
            mend = CATALOGUE["sound_busy"].fix
            pids = [one.pid for one in who]
            found.append(fault(text, mend, code="sound_busy", processes=pids, problem=problem))
        else:
            text, _, hint = problem.partition(" (")
            shown = f"`earshot devices` shows what there is and which one audio.{direction} means"
            found.append(fault(text, hint.rstrip(")") or shown, code=missing, problem=problem))
    if trial.recording is not None:
        found += judge(trial.recording)
    if trial.loudspeaker and trial.recording is None:
        found.append(ok(f"a tone was played on {trial.loudspeaker}; nobody listened"))
    return found
