"""``earshot say``: does the voice work, does the loudspeaker, and how do they sound?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device.orders import saying

if TYPE_CHECKING:
    import numpy as np

    from device.config import Config

EPILOG = """\
examples:
  earshot say "Good morning."                        through the loudspeaker of the configuration
  earshot say --engine espeak --voice en "Hello."    with another voice
  earshot say --speed 1.2 --out hello.wav "Hello."   into a file: needs no sound card
  fortune | earshot say -                            what another program writes
  earshot say --times "Hello."                       how soon the voice begins, new and the second time
  earshot say --device kitchen "Dinner is ready."    by another device on the broker, as soon as nobody speaks there
  earshot say --device kitchen --priority alarm --chime "There is smoke."

Voices of espeak-ng: en-us, en, en-gb-scotland, en-gb-x-rp, ... with variants: en-us+f3, en+m4.
Voices of Kokoro: af_heart, af_sarah, am_adam, bf_emma, ... (earshot models fetch kokoro)."""

LOST_S = 30.0
"""Playing gives up when nothing was heard for this long: no sound card, or one that hangs."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "say",
        help="speak a text through the loudspeaker or into a WAV file",
        description="Speak TEXT with the configured voice, exactly as a reply would be spoken; or have a device on the broker "
        "say it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("text", metavar="TEXT", help="what to say; - reads it from standard input")
    parser.add_argument(
        "--engine", choices=("auto", "espeak", "kokoro"), help="voice engine (default: as configured)"
    )
    parser.add_argument(
        "--voice", metavar="NAME", help="voice of the engine, e.g. en-gb-scotland or af_sarah"
    )
    parser.add_argument(
        "--model", metavar="NAME", help="Kokoro model below the models folders, e.g. kokoro-tiny"
    )
    parser.add_argument("--speed", type=float, metavar="X", help="speaking rate, 0.5 to 2.0 (default: 1.0)")
    parser.add_argument("--out", type=Path, metavar="FILE.wav", help="write a WAV file instead of playing")
    parser.add_argument(
        "--times",
        action="store_true",
        help="play nothing, tell how long each clause takes to its first sound",
    )
    parser.add_argument("--json", action="store_true", help="with --times or --device: as JSON")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file (default: /etc/earshot/earshot.toml)"
    )
    saying.add_options(parser)
    parser.set_defaults(run=run, set=[])


def run(args: argparse.Namespace) -> int:
    from device.config import load
    from device.errors import EarshotError, EngineError

    saying.check(args)
    if args.device is not None:
        return saying.run(args, sys.stdin.read() if args.text == "-" else args.text)
    if args.json and not args.times:
        raise EarshotError("--json goes with --times or --device: there is nothing else to tell as data")
    if args.times and args.out:
        raise EarshotError("--times plays and writes nothing: leave out --times or --out")
    given = {"engine": args.engine, "name": args.voice, "model": args.model, "speed": args.speed}
    config = load(args.config, {"voice": {key: value for key, value in given.items() if value is not None}})
    text = sys.stdin.read() if args.text == "-" else args.text
    if not any(char.isalnum() for char in text):
        raise EngineError(
            f"there is nothing to say in {text!r}: give a text with at least one letter or digit"
        )
    if args.times:
        return tell_times(config, text, args.json)
    return write(config, text, args.out) if args.out else play(config, text)


def tell_times(config: Config, text: str, as_json: bool) -> int:
    import json

    from device.mouth.times import measure, table

    measured = measure(config, text)
    print(json.dumps(measured) if as_json else table(measured))
    return 0


def write(config: Config, text: str, path: Path) -> int:
    """Speak ``text`` into a WAV file at the voice's own rate."""
    from device.audio.wav import write_wav

    samples, rate_hz = synthesise(config, text)
    write_wav(path, samples, rate_hz)
    print(f"{path}: {len(samples) / rate_hz:.2f} s, {rate_hz} Hz")
    return 0


def synthesise(config: Config, text: str) -> tuple[np.ndarray, int]:
    """``text`` as float32 and its rate in Hz, with the pauses that a reply has; computes in this process."""
    import numpy as np

    from device.mouth.clauses import Splitter
    from device.mouth.feed import PAUSE_MS
    from device.mouth.sound import ClauseSound
    from device.mouth.voices import open_voice
    from device.mouth.voices.messages import Chunk, Ready, Speak, Warning

    splitter = Splitter(eager=False)
    clauses = [clause for clause in splitter.feed(text) + splitter.finish() if clause.text]
    voice = open_voice(config, in_process=True)
    parts: list[np.ndarray] = []
    rate_hz = 0
    for number, clause in enumerate(clauses):
        voice.send(Speak(number, clause.text))
        sound: ClauseSound | None = None
        for message in voice.poll():
            if isinstance(message, Ready):
                rate_hz = message.rate_hz
            elif isinstance(message, Warning):
                print(f"earshot say: {message.text}", file=sys.stderr)
            elif isinstance(message, Chunk):
                rate_hz = message.rate_hz
                sound = sound or ClauseSound(rate_hz, rate_hz)
                parts.append(sound.feed(message.pcm, message.last))
        if number + 1 < len(clauses):
            pause_ms = PAUSE_MS[clause.pause] / config.voice.speed
            parts.append(np.zeros(round(pause_ms * rate_hz / 1000), np.float32))
    voice.close()
    return np.concatenate(parts), rate_hz


def play(config: Config, text: str) -> int:
    """Speak ``text`` through the configured output; the mouth, the mixer and the backend of the daemon."""
    from device import values as v
    from device.audio import AudioEngine, open_backend
    from device.errors import AudioError, EngineError
    from device.mouth import Mouth
    from device.mouth.voices import open_voice

    engine = AudioEngine(open_backend(config), echo="none", volume=config.device.volume)
    voice = open_voice(config, in_process=False)
    try:
        engine.start()
        mouth = Mouth(config, engine, voice)
        mouth.execute(v.Say(1, text))
        progress, written = engine.position, 0
        while True:
            engine.wait(0.1)
            frame = engine.capture()
            if frame is None:
                continue
            position = frame.position + v.FRAME
            for event in mouth.step(position):
                match event:
                    case v.ReplyEnded():
                        return 0
                    case v.ReplyCut() | v.EngineFailed():
                        raise EngineError(voice.failure or "the voice failed")
            if mouth.voice_ready is None and voice.failure:
                raise EngineError(voice.failure)
            if engine.problem and config.audio.backend != "none":
                raise AudioError(
                    f"{engine.problem}; `earshot devices` lists what there is, --out writes a file"
                )
            if engine.mixer.speech.rendered != written or mouth.voice_ready is None:
                progress, written = position, engine.mixer.speech.rendered
            if position - progress > LOST_S * v.RATE_HZ:
                raise AudioError(f"nothing could be played for {LOST_S:g} s")
            engine.render()
    finally:
        voice.close()
        engine.stop()
