"""The echo path, the clocks and the canceller: the measurement of ``earshot doctor echo``, only with ``--full``."""

from __future__ import annotations

from device.doctor.finding import Finding, fault, ok, skipped, warning
from device.doctor.patient import Patient
from device.errors import AudioError


def check(patient: Patient) -> list[Finding]:
    from device.audio import open_backend
    from device.audio.backends.room import RoomSettings
    from device.doctor.echo import EchoReport, examine, worst

    config = patient.config
    if config.audio.backend == "none":
        return [skipped("audio.backend is 'none': there is no echo")]
    if patient.running:
        return [skipped(f"{patient.running} and has the sound devices")]
    room = config.audio.backend == "room"
    backend = open_backend(config, RoomSettings()) if room else open_backend(config)
    try:
        report: EchoReport = examine(backend, config, others=lambda engine: engine.health.problems)
    except AudioError as exc:
        return [fault(str(exc), "`earshot devices` shows which sound devices there are")]
    data = report.as_json()
    found = [
        (fault if worst([problem]) == "fault" else warning)(problem.text, problem.fix, code=problem.code)
        for problem in report.problems
    ]
    path, check_ = report.path, report.check
    told = [f"canceller {report.state.mode}"]
    if path.delay_ms is not None:
        told.append(f"echo after {path.delay_ms:.0f} ms")
    if path.drift_ppm is not None:
        told.append(f"clocks {abs(path.drift_ppm):.0f} ppm apart")
    if check_ is not None and check_.played:
        told.append(f"{max(0.0, check_.erle_db):.0f} dB taken away")
    return [*found, ok(", ".join(told), **data)]
