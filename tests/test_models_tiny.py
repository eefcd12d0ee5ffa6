"""The tiny models of the checkout are real: libvosk and ONNX Runtime run them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soxr

from device.models import load
from tests.helpers_models import MODELS

MAKER = MODELS.parent / "scripts" / "models" / "tiny_vosk"
COMMANDS = (
    "stop",
    "cancel",
    "never mind",
    "volume up",
    "volume down",
    "louder",
    "quieter",
    "set the volume to forty percent",
    "mute",
    "unmute",
    "what time is it",
    "what day is it",
    "repeat that",
    "say that again",
    "alexa what time is it",
)
TALK = (
    "tell me a long story",
    "what is two plus three",
    "who are you",
    "how far is the moon",
    "and what about tomorrow",
    "no wait i meant the kitchen light",
    "actually never mind",
    "hold on what about tomorrow",
    "sorry which day did you say",
    "mm-hm",
    "uh-huh",
    "yeah",
    "okay",
    "right",
    "i see",
)
FOREIGN = ("elephants eat bananas", "clever neighbours love guitars", "beautiful mountain village")

# In a process of its own: espeak-ng has one engine and one callback a process, and other tests use them too.
RENDER = """
import json, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from speech import Espeak
from words import SPOKEN
espeak = Espeak()
texts = json.loads(sys.argv[3])
said = [" ".join(SPOKEN.get(w, [w])[0] for w in text.split()) for text in texts]
np.savez(sys.argv[2], *[espeak.synth(text, "en-us", 165)[0] for text in said])
"""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Text -> int16 PCM at 16 kHz with 0.3 s of faint noise before and 0.8 s after."""
    out = tmp_path_factory.mktemp("speech") / "clips.npz"
    texts = [*COMMANDS, *TALK, *FOREIGN]
    subprocess.run([sys.executable, "-c", RENDER, MAKER, out, json.dumps(texts)], check=True, timeout=60)
    rng = np.random.default_rng(1)
    clips = {}
    with np.load(out) as rendered:
        for i, text in enumerate(texts):
            x = soxr.resample(rendered[f"arr_{i}"].astype(np.float32), 22_050, 16_000) * 0.5
            x = np.concatenate([np.zeros(4800), x, np.zeros(12_800)])
            clips[text] = (x + rng.standard_normal(len(x)) * 3).astype("<i2").tobytes()
    return clips


@pytest.fixture(scope="module")
def hear(clips: dict[str, bytes]):
    vosk = pytest.importorskip("vosk")
    vosk.SetLogLevel(-1)
    model = vosk.Model(str(MODELS / "vosk-tiny-en"))

    def decode(text: str, grammar: list[str] | None = None) -> str:
        recogniser = vosk.KaldiRecognizer(model, 16_000, *([json.dumps(grammar)] if grammar else []))
        pcm, parts = clips[text], []
        for i in range(0, len(pcm), 640):
            if recogniser.AcceptWaveform(pcm[i : i + 640]):
                parts.append(json.loads(recogniser.Result())["text"])
        parts.append(json.loads(recogniser.FinalResult())["text"])
        return " ".join(p for p in parts if p)

    return decode


def test_the_vocabulary_covers_talking_over_a_reply() -> None:
    lines = (MODELS / "vosk-tiny-en" / "graph" / "words.txt").read_text().splitlines()
    words = {line.split()[0] for line in lines}
    needed = {w for text in (*COMMANDS, *TALK) for w in text.split()}
    assert needed | {"[unk]", "hold", "alexa", "please"} <= words
    assert words.isdisjoint(w for text in FOREIGN for w in text.split())


def test_vosk_takes_down_commands_questions_and_interjections(hear) -> None:
    wrong = {text: heard for text in (*COMMANDS, *TALK) if (heard := hear(text)) != text}
    assert not wrong


def test_a_runtime_grammar_hears_its_phrases_and_rejects_the_rest(hear) -> None:
    grammar = [*COMMANDS, "[unk]"]
    assert [hear(text, grammar) for text in COMMANDS] == list(COMMANDS)
    accepted = {text: heard for text in FOREIGN if "[unk]" not in (heard := hear(text, grammar)) and heard}
    assert not accepted


def test_both_signatures_of_kokoro_run_in_onnx_runtime() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    for file, tokens in (("kokoro-tiny-v1.0.onnx", "tokens"), ("kokoro-tiny-timed.onnx", "input_ids")):
        session = onnxruntime.InferenceSession(
            MODELS / "kokoro-tiny" / file, providers=["CPUExecutionProvider"]
        )
        with np.load(MODELS / "kokoro-tiny" / "voices-tiny.bin") as voices:
            style = voices["af_heart"][3]
        ids = np.array([[0, 50, 83, 54, 0]], np.int64)
        audio, *duration = session.run(None, {tokens: ids, "style": style, "speed": np.ones(1, np.float32)})
        assert audio.dtype == np.float32 and 0.01 < np.abs(audio).max() <= 1.5
        assert not duration or duration[0].sum() * 600 == len(audio)
    assert len(session.get_outputs()) == 2  # the later one tells durations


def test_the_tiny_models_say_that_they_are_for_tests() -> None:
    for name in ("vosk-tiny-en", "kokoro-tiny"):
        model = load(MODELS / name)
        assert model is not None and model.test and model.licence == "Apache-2.0" and not model.problem
        assert sum(p.stat().st_size for p in Path(model.path).rglob("*") if p.is_file()) < 3_200_000
