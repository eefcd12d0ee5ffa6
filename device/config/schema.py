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
    silence_ms: Annotated[
        int, Meta(ge=200, le=1200, description="[ms] Silence after speech that ends the user's sentence.")
    ] = 600
    max_s: Annotated[float, Meta(ge=3, le=60, description="[s] Longest sentence before it is ended.")] = 15.0


class VoiceSection(Section, frozen=True, kw_only=True):
    engine: Annotated[
        Literal["auto", "espeak", "kokoro"],
        Meta(description="auto = Kokoro when its model is there, else espeak-ng."),
    ] = "auto"
    name: Annotated[str, Meta(description="Voice of the engine, or empty for its default.")] = ""
    model: Annotated[str, Meta(description="Kokoro model: a name below the models folders, or empty.")] = ""
    speed: Annotated[float, Meta(ge=0.5, le=2.0, description="Speaking rate, 1.0 = normal.")] = 1.0


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
    history: Annotated[
        int, Meta(ge=0, le=50, description="Messages of the conversation sent with a turn.")
    ] = 12


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
    voice: VoiceSection = field(default_factory=VoiceSection)
    conversation: ConversationSection = field(default_factory=ConversationSection)
    mqtt: MqttSection = field(default_factory=MqttSection)
    endpoint: EndpointSection = field(default_factory=EndpointSection)
    privacy: PrivacySection = field(default_factory=PrivacySection)
    log: LogSection = field(default_factory=LogSection)
