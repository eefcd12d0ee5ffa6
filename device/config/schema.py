"""Every key of the configuration: type, range, default and one line of help, in this one place.

The decoder, the error messages and the reference page are derived from these classes; a key is described by
``Meta(description=...)`` whose text starts with its unit in brackets where it has one.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every table of the configuration."""


class DeviceSection(Section, frozen=True, kw_only=True):
    id: Annotated[
        str,
        Meta(pattern=r"^[a-z0-9-]{3,32}\Z", description="Name on the wire: MQTT client id and user name."),
    ] = "earshot"
    language: Annotated[Literal["en"], Meta(description="Language of commands, speech and replies.")] = "en"
    volume: Annotated[int, Meta(ge=0, le=100, description="[percent] Playback volume at start.")] = 70


class AudioSection(Section, frozen=True, kw_only=True):
    backend: Annotated[
        Literal["portaudio", "room", "none"],
        Meta(description="Where sound comes from: a real card, the simulated room, or nowhere."),
    ] = "portaudio"
    input: Annotated[str, Meta(description="Capture device: part of its name, or empty for the default.")] = (
        ""
    )
    output: Annotated[
        str, Meta(description="Playback device: part of its name, or empty for the default.")
    ] = ""
    echo: Annotated[
        Literal["auto", "hardware", "software", "none"],
        Meta(description="Echo canceller: the microphone's own where it has one and plays (auto), or ours."),
    ] = "auto"
    suppressor: Annotated[
        Literal["auto", "on", "off"],
        Meta(
            description="Suppress what our canceller leaves of a bad loudspeaker, for recogniser and wake words; auto = where it "
            "was measured to distort and less than 20 dB of echo are taken away."
        ),
    ] = "auto"
    measure_at_start: Annotated[
        bool, Meta(description="Measure the echo path with two soft sweeps once it is quiet after the start.")
    ] = True
    keep_s: Annotated[float, Meta(ge=8, le=60, description="[s] How much capture the ring keeps.")] = 10.0


class WakeSection(Section, frozen=True, kw_only=True):
    words: Annotated[
        tuple[str, ...], Meta(min_length=1, max_length=4, description="Wake words, by model name.")
    ] = ("alexa",)
    threshold: Annotated[
        float, Meta(ge=0.1, le=0.99, description="Score that wakes while nothing plays.")
    ] = 0.6
    threshold_playing: Annotated[
        float, Meta(ge=0.1, le=0.99, description="Score that wakes over the device's own playback.")
    ] = 0.5
    stop: Annotated[
        str,
        Meta(
            description="What hears 'stop' beside the recogniser: auto = a spotter of earshot's own, over playback; a wake "
            "model, by name or path, whenever it is said; empty = the recogniser alone."
        ),
    ] = "auto"
    stop_threshold: Annotated[
        float, Meta(ge=0.1, le=0.99, description="Score at which spotter or model stop everything.")
    ] = 0.5


class BargeInSection(Section, frozen=True, kw_only=True):
    mode: Annotated[
        Literal["considerate", "instant", "wake_word_only", "off"],
        Meta(
            description="Speech over a reply: considerate = quiet, then silent, then for good or back, by what is said; "
            "instant = any speech ends it at once, a nod or a cough too; wake_word_only = only the wake word and "
            "'stop' act; off = only 'stop' and buttons, not even the wake word."
        ),
    ] = "considerate"
    sensitivity: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="How little it takes to interrupt: 0 = only loud talkers, 1 = the faintest, and some echo too.",
        ),
    ] = 0.5
    duck_db: Annotated[float, Meta(ge=-60, le=-3, description="[dB] Playback gain while ducked.")] = -18.0
    hold_ms: Annotated[
        int,
        Meta(ge=100, le=1000, description="[ms] Speech over playback that goes on this long silences it."),
    ] = 250
    cancel_ms: Annotated[
        int, Meta(ge=400, le=3000, description="[ms] Speech over playback of this length cancels the reply.")
    ] = 1000


class RecogniserSection(Section, frozen=True, kw_only=True):
    engine: Annotated[
        Literal["auto", "vosk", "pocketsphinx"],
        Meta(description="auto = Vosk when its model is there, else PocketSphinx (commands only)."),
    ] = "auto"
    model: Annotated[
        str, Meta(description="Vosk model: a name below the models folders, or empty for the best one found.")
    ] = ""


class EndpointingSection(Section, frozen=True, kw_only=True):
    strategy: Annotated[
        Literal["adaptive", "fixed", "model"],
        Meta(
            description="When the user has finished: adaptive = by the words, this speaker's pauses and rate; fixed = after "
            "silence_ms; model = adaptive, with the word of a turn-end model (endpointing.model) where it is there."
        ),
    ] = "adaptive"
    min_ms: Annotated[
        int, Meta(ge=100, le=800, description="[ms] Least silence that ends a sentence (adaptive, model).")
    ] = 200
    max_ms: Annotated[
        int, Meta(ge=300, le=1200, description="[ms] Silence that ends it whatever the words say.")
    ] = 1200
    silence_ms: Annotated[
        int,
        Meta(
            ge=200,
            le=1200,
            description="[ms] Silence that ends a sentence with the strategy 'fixed', or one without words.",
        ),
    ] = 600
    model: Annotated[
        str,
        Meta(
            description="Turn-end model (ONNX, as Smart Turn v3): a name below the models folders, or an absolute path."
        ),
    ] = "smart-turn"
    max_s: Annotated[float, Meta(ge=3, le=60, description="[s] Longest sentence before it is ended.")] = 15.0


class SpeculationSection(Section, frozen=True, kw_only=True):
    enabled: Annotated[
        bool,
        Meta(
            description="Ask the endpoint at the first plausible end of a sentence and keep the answer back until it is the end: "
            "sooner, for some calls of the language model that are thrown away."
        ),
    ] = True
    max_tries: Annotated[int, Meta(ge=1, le=3, description="Most guesses a question.")] = 3
    max_speech_s: Annotated[
        float, Meta(ge=1, le=10, description="[s] No guess once a sentence is longer than this.")
    ] = 10.0


class VoiceSection(Section, frozen=True, kw_only=True):
    engine: Annotated[
        Literal["auto", "espeak", "kokoro"],
        Meta(description="auto = Kokoro when its model is there, else espeak-ng."),
    ] = "auto"
    name: Annotated[str, Meta(description="Voice of the engine, or empty for its default.")] = ""
    model: Annotated[str, Meta(description="Kokoro model: a name below the models folders, or empty.")] = ""
    speed: Annotated[float, Meta(ge=0.5, le=2.0, description="Speaking rate, 1.0 = normal.")] = 1.0
    slowest_rtf: Annotated[
        float,
        Meta(
            ge=0.2,
            le=10.0,
            description="Compute time per second of speech above which espeak-ng takes over from a slower voice.",
        ),
    ] = 0.8
    cache: Annotated[
        bool, Meta(description="Keep what the device often says, rendered by a slow voice, on disk.")
    ] = True


class ConversationSection(Section, frozen=True, kw_only=True):
    attention_s: Annotated[
        float, Meta(ge=2, le=30, description="[s] How long to wait for speech after the wake word.")
    ] = 6.0
    follow_up_s: Annotated[
        float,
        Meta(ge=0, le=30, description="[s] How long attention stays open after a reply, 0 = not at all."),
    ] = 5.0
    answer_s: Annotated[
        float, Meta(ge=2, le=120, description="[s] Longest wait for the first words of an answer.")
    ] = 15.0
    answer_chars: Annotated[
        int,
        Meta(
            ge=200,
            le=8_000,  # a longer text than 8192 characters no worker takes as history
            description="Most characters of an answer that are spoken, of some 1,000 a minute.",
        ),
    ] = 6000
    history: Annotated[
        int, Meta(ge=0, le=50, description="Messages of the conversation sent with a turn.")
    ] = 12


class BudgetSection(Section, frozen=True, kw_only=True):
    endpoint_ms: Annotated[
        int,
        Meta(ge=100, le=5000, description="[ms] Last sample of speech to the decision that it was the last."),
    ] = 600
    commit_ms: Annotated[
        int,
        Meta(ge=10, le=5000, description="[ms] That decision to the question asked: the last words known."),
    ] = 300
    ack_ms: Annotated[
        int, Meta(ge=10, le=5000, description="[ms] Question sent to a worker having taken it.")
    ] = 200
    first_token_ms: Annotated[
        int, Meta(ge=10, le=60_000, description="[ms] Worker's ack to the first words of the answer.")
    ] = 800
    first_clause_ms: Annotated[
        int, Meta(ge=10, le=10_000, description="[ms] First words to the first clause for the voice.")
    ] = 300
    first_sample_ms: Annotated[
        int, Meta(ge=10, le=10_000, description="[ms] First clause to its first sound at the loudspeaker.")
    ] = 200


class MqttSection(Section, frozen=True, kw_only=True):
    enabled: Annotated[bool, Meta(description="Whether to connect to a broker at all.")] = True
    host: Annotated[str, Meta(min_length=1, description="Broker's name or address.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="Broker's TCP port.")] = 1883
    username: Annotated[str, Meta(description="User name; empty = anonymous.")] = ""
    password_file: Annotated[str, Meta(description="File that holds the password, never the password.")] = ""
    keepalive_s: Annotated[int, Meta(ge=5, le=120, description="[s] MQTT keep-alive.")] = 15


class EndpointSection(Section, frozen=True, kw_only=True):
    pool: Annotated[
        str, Meta(pattern=r"^[a-z0-9-]{1,32}\Z", description="Pool of endpoint workers that answers turns.")
    ] = "home"
    ack_ms: Annotated[
        int, Meta(ge=100, le=5000, description="[ms] A worker must take the turn within this time.")
    ] = 400
    attempts: Annotated[int, Meta(ge=1, le=5, description="Tries before the device answers by itself.")] = 2


class PrivacySection(Section, frozen=True, kw_only=True):
    transcripts: Annotated[
        bool, Meta(description="Whether words, yours and its own, may appear in the log.")
    ] = False


class LogSection(Section, frozen=True, kw_only=True):
    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severity that is logged.")
    ] = "info"


class Config(Section, frozen=True, kw_only=True):
    """The whole configuration; ``Config()`` is the defaults and always valid."""

    device: DeviceSection = field(default_factory=DeviceSection)
    audio: AudioSection = field(default_factory=AudioSection)
    wake: WakeSection = field(default_factory=WakeSection)
    barge_in: BargeInSection = field(default_factory=BargeInSection)
    recogniser: RecogniserSection = field(default_factory=RecogniserSection)
    endpointing: EndpointingSection = field(default_factory=EndpointingSection)
    speculation: SpeculationSection = field(default_factory=SpeculationSection)
    voice: VoiceSection = field(default_factory=VoiceSection)
    conversation: ConversationSection = field(default_factory=ConversationSection)
    budget: BudgetSection = field(default_factory=BudgetSection)
    mqtt: MqttSection = field(default_factory=MqttSection)
    endpoint: EndpointSection = field(default_factory=EndpointSection)
    privacy: PrivacySection = field(default_factory=PrivacySection)
    log: LogSection = field(default_factory=LogSection)
