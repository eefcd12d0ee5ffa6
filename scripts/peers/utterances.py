"""``python utterances.py FOLDER [SPEECH]``: writes what is said as WAV files and word times, for every system alike.

Runs in earshot's environment, whose espeak-ng speaks. ``SPEECH``: a folder of recordings, whose words are spread evenly.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from harness import BACKCHANNELS, CUT_INS, QUESTION

from device.audio.levels import to_int16
from device.audio.wav import write_wav
from device.bench.turns import speech
from device.bench.turns.plan import Trial
from device.bench.turns.sentences import RECORDED
from device.values import RATE_HZ

PEAK = 0.7
VOICE = "en-us"


def main(folder: Path, recordings: Path | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    said = {
        text: speech.speak(Trial("finished", "normal", text, VOICE))
        for text in (QUESTION, *CUT_INS, *BACKCHANNELS)
    }
    for path in speech.recordings(recordings) if recordings is not None else ():
        said[path.name] = speech.speak(Trial("finished", "recorded", RECORDED, wav=path))
    entries = {}
    for number, (name, spoken) in enumerate(said.items()):
        file = f"{number:02}.wav"
        clip = spoken.clip * np.float32(PEAK / np.abs(spoken.clip).max())
        write_wav(folder / file, to_int16(clip).astype(np.float32) / 32768)
        words = [(word.text.strip(",.?!"), word.start / RATE_HZ, word.end / RATE_HZ) for word in spoken.words]
        entries[name] = {"file": file, "text": " ".join(word for word, _, _ in words), "words": words}
    (folder / "utterances.json").write_text(json.dumps(entries, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
