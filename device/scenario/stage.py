"""What a run needs before it begins: the room's settings, the talkers' clips, a broker and a worker."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from device.audio.backends.room import RoomSettings
from device.audio.wav import read_wav
from device.config import Config
from device.errors import AudioError, ScenarioError
from device.scenario import format, talkers
from device.scenario.tables import Scenario
from device.values import RATE_HZ


def room_settings(scenario: Scenario, realtime: bool) -> RoomSettings:
    """The room of the file: keys left out keep the room's defaults. ``snr_db`` alone means pink noise."""
    given = {
        key: value for key, value in msgspec.to_builtins(scenario.room).items() if value not in (None, "")
    }
    if "noise" in given:
        try:
            given["noise"] = read_wav(scenario.folder / given["noise"])
        except AudioError as exc:
            raise ScenarioError(f"{format.place(scenario, 'room', 'noise')}: {exc}") from exc
    elif "snr_db" in given:
        given["noise"] = _pink_noise(scenario.seed)
    return replace(RoomSettings(seed=scenario.seed, realtime=realtime), **given)


def _pink_noise(seed: int) -> NDArray[np.float32]:
    """10 s of noise with equal power per octave, which is what a room's background sounds like."""
    count = 10 * RATE_HZ
    spectrum = np.fft.rfft(np.random.default_rng([seed, 7]).standard_normal(count))
    hz = np.fft.rfftfreq(count, 1 / RATE_HZ)
    spectrum /= np.sqrt(np.maximum(hz, 50.0))
    noise = np.fft.irfft(spectrum, count)
    return (0.1 * noise / noise.std()).astype(np.float32)


def clip_of(scenario: Scenario, index: int) -> NDArray[np.float32]:
    """The sound of the ``index``-th line. Raises ``ScenarioError`` with file, line and key where there is none."""
    line = scenario.say[index]
    try:
        if not line.wav:
            return talkers.render(line.text, line.voice)
        clip = read_wav(scenario.folder / line.wav)
    except (ScenarioError, AudioError) as exc:
        key = "wav" if line.wav else "voice"
        raise ScenarioError(f"{format.place(scenario, 'say', index, key)}: {exc}") from exc
    if not np.any(clip):
        raise ScenarioError(
            f"{format.place(scenario, 'say', index, 'wav')}: {line.wav} is nothing but silence"
        )
    return clip


def connect(
    stack: contextlib.ExitStack,
    scenario: Scenario,
    config: Config,
    broker: tuple[str, int] | None,
    worker: bool,
) -> Config:
    """A broker and, if wanted, the scripted worker, for as long as ``stack`` lives."""
    from device.scenario.broker import private_broker
    from device.scenario.scripted_worker import worker_process

    host, port = broker or stack.enter_context(private_broker())
    if worker and scenario.endpoint.worker:
        stack.enter_context(worker_process(scenario, host, port, config.endpoint.pool))
    mqtt = msgspec.structs.replace(config.mqtt, host=host, port=port)
    return msgspec.structs.replace(config, mqtt=mqtt)
