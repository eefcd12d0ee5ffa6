"""What ``--out`` leaves: the recording, the timeline as data and as a picture, and the transcript."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from device.audio.wav import write_wav
from device.errors import ScenarioError
from device.scenario.measures import Sound
from device.scenario.result import Result, seconds
from device.scenario.transcript import transcript
from device.values import FRAME, RATE_HZ

FILES = ("conversation.wav", "timeline.json", "timeline.png", "transcript.md")


def write(result: Result, sound: Sound, folder: Path) -> None:
    """Write all ``FILES`` into ``folder``, which is made if need be. Raises ``ScenarioError`` where that fails."""
    from device.scenario.picture import draw

    try:
        folder.mkdir(parents=True, exist_ok=True)
        # left what the microphone heard, right what was played
        write_wav(folder / "conversation.wav", np.stack([sound.mic, sound.played], axis=1))
        text = json.dumps(timeline(result, sound), indent=1, ensure_ascii=False)
        (folder / "timeline.json").write_text(text + "\n", encoding="utf-8")
        (folder / "transcript.md").write_text(transcript(result), encoding="utf-8")
        draw(result, sound, folder / "timeline.png")
    except OSError as exc:
        raise ScenarioError(f"the output folder {folder} cannot be written: {exc.strerror or exc}") from exc


def timeline(result: Result, sound: Sound) -> dict[str, Any]:
    """All that ``--json`` says, and besides the lines, each event's data and the reply's gain over time."""
    whole = result.as_dict()
    whole["events"] = [
        {**shown, "data": dict(one.data)} for shown, one in zip(whole["events"], result.events, strict=True)
    ]
    whole["seed"] = result.seed
    whole["room"] = dict(result.room)
    whole["lines"] = [
        {
            "id": line.id,
            "text": line.text,
            "voice": line.voice,
            "start_s": seconds(line.span.start),
            "first_s": seconds(line.span.first),
            "last_s": seconds(line.span.last),
        }
        for line in result.lines
    ]
    whole["gain"] = _steps(sound)
    return whole


def _steps(sound: Sound) -> list[dict[str, float]]:
    """The reply's linear gain at the loudspeaker: from ``t_s`` on, until the next entry."""
    changes = np.flatnonzero(np.diff(sound.gain, prepend=-1.0))
    return [{"t_s": round(i * FRAME / RATE_HZ, 2), "gain": round(float(sound.gain[i]), 4)} for i in changes]
