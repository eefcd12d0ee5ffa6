"""Every key of the configuration: type, range, default, one line of help, and what may be done with it, in this one place.

The decoder, the error messages, the reference page, the JSON Schema and the rules for configuration that comes over MQTT
are derived from these classes. A key is described by ``Meta(description=...)``, whose text starts with its unit in brackets
where it has one, and by a ``Policy`` (``device.config.policy``): how a change takes effect and who may change it. A key
without one restarts the daemon and needs a signature: deny by default.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from device.config.policy import Policy

_LIVE = Policy(apply="live")
_OPEN = Policy(apply="live", unsigned=True)
_RECOGNISER = Policy(apply="recogniser")
_VOICE = Policy(apply="voice")
_TURN_MODEL = Policy(apply="turn_model")
_CONNECTION = Policy(apply="connection")
_DAEMON = Policy(apply="daemon")


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every table of the configuration; the docstring of each heads it in the reference."""


class DeviceSection(Section, frozen=True, kw_only=True):
    """Who the device is."""

    id: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9-]{3,32}\Z",
            title="3 to 32 of a-z, 0-9 and -",
            description="Name on the wire: MQTT client id and user name.",
        ),
        Policy(apply="daemon", local=True),
    ] = "earshot"
    language: Annotated[
        Literal["en"], Meta(description="Language of commands, speech and replies."), _DAEMON
    ] = "en"
    group: Annotated[
        str,
        Meta(
            pattern=r"^([a-z0-9-]{1,32})?\Z",
            title="empty, or 1 to 32 of a-z, 0-9 and -",
            description="Group whose shared configuration this device takes; empty = none.",
        ),
        _LIVE,
    ] = ""
    volume: Annotated[int, Meta(ge=0, le=100, description="[percent] Playback volume at start."), _OPEN] = 70


class AudioSection(Section, frozen=True, kw_only=True):
    """Where sound comes from and goes to, and how its echo is taken away."""

    backend: Annotated[
        Literal["portaudio", "room", "none"],
        Meta(description="Where sound comes from: a real card, the simulated room, or nowhere."),
        _DAEMON,
    ] = "portaudio"
    input: Annotated[
        str,
        Meta(
            max_length=200,
            description="Capture device: its id (`earshot devices`), part of its name, or empty for the default.",
        ),
        _DAEMON,
    ] = ""
    output: Annotated[
        str,
        Meta(
            max_length=200,
            description="Playback device: its id (`earshot devices`), part of its name, or empty for the default.",
        ),
        _DAEMON,
    ] = ""
    echo: Annotated[
        Literal["auto", "hardware", "software", "none"],
        Meta(description="Echo canceller: the microphone's own where it has one and plays (auto), or ours."),
        _DAEMON,
    ] = "auto"
    suppressor: Annotated[
        Literal["auto", "on", "off"],
        Meta(
            description="Suppress what our canceller leaves of a bad loudspeaker, for recogniser and wake words; auto = where it "
            "was measured to distort and less than 20 dB of echo are taken away."
        ),
        _DAEMON,
    ] = "auto"
    measure_at_start: Annotated[
        bool,
        Meta(description="Measure the echo path with two soft sweeps once it is quiet after the start."),
        _DAEMON,
    ] = True
    keep_s: Annotated[
        float, Meta(ge=8, le=60, description="[s] How much capture the ring keeps."), _DAEMON
    ] = 10.0


class WakeSection(Section, frozen=True, kw_only=True):
    """What wakes the device, and what stops it."""

    words: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...],
        Meta(min_length=1, max_length=4, description="Wake words, by model name."),
        _OPEN,
    ] = ("alexa",)
    threshold: Annotated[
        float, Meta(ge=0.1, le=0.99, description="Score that wakes while nothing plays."), _OPEN
    ] = 0.6
    threshold_playing: Annotated[
        float, Meta(ge=0.1, le=0.99, description="Score that wakes over the device's own playback."), _OPEN
    ] = 0.5
    stop: Annotated[
        str,
        Meta(
            max_length=200,
            description="What hears 'stop' beside the recogniser: auto = a spotter of earshot's own, over playback; a wake "
            "model, by name or path, whenever it is said; empty = the recogniser alone.",
        ),
        _LIVE,
    ] = "auto"
    stop_threshold: Annotated[
        float, Meta(ge=0.1, le=0.99, description="Score at which spotter or model stop everything."), _LIVE
    ] = 0.5


class BargeInSection(Section, frozen=True, kw_only=True):
    """Talking over the device."""

    mode: Annotated[
        Literal["considerate", "instant", "wake_word_only", "off"],
        Meta(
            description="Speech over a reply: considerate = quiet, then silent, then for good or back, by what is said; "
            "instant = any speech ends it at once, a nod or a cough too; wake_word_only = only the wake word and "
            "'stop' act; off = only 'stop' and buttons, not even the wake word."
        ),
        _LIVE,
    ] = "considerate"
    sensitivity: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="How little it takes to interrupt: 0 = only loud talkers, 1 = the faintest, and some echo too.",
        ),
        _OPEN,
    ] = 0.5
    duck_db: Annotated[
        float, Meta(ge=-60, le=-3, description="[dB] Playback gain while ducked."), _LIVE
    ] = -18.0
    hold_ms: Annotated[
        int,
        Meta(ge=100, le=1000, description="[ms] Speech over playback that goes on this long silences it."),
        _LIVE,
    ] = 250
    cancel_ms: Annotated[
        int,
        Meta(ge=400, le=3000, description="[ms] Speech over playback of this length cancels the reply."),
        _LIVE,
    ] = 1000


class RecogniserSection(Section, frozen=True, kw_only=True):
    """From speech to words."""

    engine: Annotated[
        Literal["auto", "vosk", "pocketsphinx"],
        Meta(description="auto = Vosk when its model is there, else PocketSphinx (commands only)."),
        _RECOGNISER,
    ] = "auto"
    model: Annotated[
        str,
        Meta(
            max_length=200,
            description="Vosk model: a name below the models folders, or empty for the best one found.",
        ),
        _RECOGNISER,
    ] = ""


class EndpointingSection(Section, frozen=True, kw_only=True):
    """When a sentence is over."""

    strategy: Annotated[
        Literal["adaptive", "fixed", "model"],
        Meta(
            description="When the user has finished: adaptive = by the words, this speaker's pauses and rate; fixed = after "
            "silence_ms; model = adaptive, with the word of a turn-end model (endpointing.model) where it is there."
        ),
        _TURN_MODEL,
    ] = "adaptive"
    min_ms: Annotated[
        int,
        Meta(ge=100, le=800, description="[ms] Least silence that ends a sentence (adaptive, model)."),
        _LIVE,
    ] = 200
    max_ms: Annotated[
        int, Meta(ge=300, le=1200, description="[ms] Silence that ends it whatever the words say."), _LIVE
    ] = 1200
    silence_ms: Annotated[
        int,
        Meta(
            ge=200,
            le=1200,
            description="[ms] Silence that ends a sentence with the strategy 'fixed', or one without words.",
        ),
        _LIVE,
    ] = 600
    model: Annotated[
        str,
        Meta(
            max_length=200,
            description="Turn-end model (ONNX, as Smart Turn v3): a name below the models folders, or an absolute path.",
        ),
        _TURN_MODEL,
    ] = "smart-turn"
    max_s: Annotated[
        float, Meta(ge=3, le=60, description="[s] Longest sentence before it is ended."), _LIVE
    ] = 15.0


class SpeculationSection(Section, frozen=True, kw_only=True):
    """Asking for the answer before the sentence is surely over."""

    enabled: Annotated[
        bool,
        Meta(
            description="Ask the endpoint at the first plausible end of a sentence and keep the answer back until it is the end: "
            "sooner, for some calls of the language model that are thrown away."
        ),
        _LIVE,
    ] = True
    max_tries: Annotated[int, Meta(ge=1, le=3, description="Most guesses a question."), _LIVE] = 3
    max_speech_s: Annotated[
        float, Meta(ge=1, le=10, description="[s] No guess once a sentence is longer than this."), _LIVE
    ] = 10.0


class VoiceSection(Section, frozen=True, kw_only=True):
    """How the device sounds."""

    engine: Annotated[
        Literal["auto", "espeak", "kokoro"],
        Meta(description="auto = Kokoro when its model is there, else espeak-ng."),
        _VOICE,
    ] = "auto"
    name: Annotated[
        str,
        Meta(max_length=100, description="Voice of the engine, or empty for its default."),
        Policy(apply="voice", unsigned=True),
    ] = ""
    model: Annotated[
        str,
        Meta(max_length=200, description="Kokoro model: a name below the models folders, or empty."),
        _VOICE,
    ] = ""
    speed: Annotated[float, Meta(ge=0.5, le=2.0, description="Speaking rate, 1.0 = normal."), _OPEN] = 1.0
    slowest_rtf: Annotated[
        float,
        Meta(
            ge=0.2,
            le=10.0,
            description="Compute time per second of speech above which espeak-ng takes over from a slower voice.",
        ),
        _VOICE,
    ] = 0.8
    cache: Annotated[
        bool, Meta(description="Keep what the device often says, rendered by a slow voice, on disk."), _VOICE
    ] = True


class ConversationSection(Section, frozen=True, kw_only=True):
    """How long a conversation goes on, and how long its parts may be."""

    attention_s: Annotated[
        float, Meta(ge=2, le=30, description="[s] How long to wait for speech after the wake word."), _LIVE
    ] = 6.0
    follow_up_s: Annotated[
        float,
        Meta(ge=0, le=30, description="[s] How long attention stays open after a reply, 0 = not at all."),
        _LIVE,
    ] = 5.0
    answer_s: Annotated[
        float, Meta(ge=2, le=120, description="[s] Longest wait for the first words of an answer."), _LIVE
    ] = 15.0
    answer_chars: Annotated[
        int,
        Meta(
            ge=200,
            le=8_000,  # a longer text than 8192 characters no worker takes as history
            description="Most characters of an answer that are spoken, of some 1,000 a minute.",
        ),
        _LIVE,
    ] = 6000
    history: Annotated[
        int, Meta(ge=0, le=50, description="Messages of the conversation sent with a turn."), _LIVE
    ] = 12


class BudgetSection(Section, frozen=True, kw_only=True):
    """What each stage of a turn may cost: `earshot trace` marks a stage over its budget."""

    endpoint_ms: Annotated[
        int,
        Meta(ge=100, le=5000, description="[ms] Last sample of speech to the decision that it was the last."),
        _LIVE,
    ] = 600
    commit_ms: Annotated[
        int,
        Meta(ge=10, le=5000, description="[ms] That decision to the question asked: the last words known."),
        _LIVE,
    ] = 300
    ack_ms: Annotated[
        int, Meta(ge=10, le=5000, description="[ms] Question sent to a worker having taken it."), _LIVE
    ] = 200
    first_token_ms: Annotated[
        int, Meta(ge=10, le=60_000, description="[ms] Worker's ack to the first words of the answer."), _LIVE
    ] = 800
    first_clause_ms: Annotated[
        int, Meta(ge=10, le=10_000, description="[ms] First words to the first clause for the voice."), _LIVE
    ] = 300
    first_sample_ms: Annotated[
        int,
        Meta(ge=10, le=10_000, description="[ms] First clause to its first sound at the loudspeaker."),
        _LIVE,
    ] = 200


class MqttSection(Section, frozen=True, kw_only=True):
    """The broker, and the way to it."""

    enabled: Annotated[bool, Meta(description="Whether to connect to a broker at all."), _CONNECTION] = True
    host: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9_:%-]{1,63}(\.[A-Za-z0-9_:%-]{1,63}){0,32}\.?\Z",
            title="a host name or an IP address",
            description="Broker's name or address.",
        ),
        _CONNECTION,
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="Broker's TCP port."), _CONNECTION] = 1883
    username: Annotated[
        str, Meta(max_length=100, description="User name; empty = anonymous."), _CONNECTION
    ] = ""
    password_file: Annotated[
        str,
        Meta(max_length=500, description="File that holds the password, never the password."),
        Policy(apply="connection", secret=True),
    ] = ""
    tls: Annotated[
        bool, Meta(description="Encrypt the connection and check who the broker is."), _CONNECTION
    ] = False
    ca_file: Annotated[
        str,
        Meta(
            max_length=500,
            description="Certificate authority that signed the broker's certificate (PEM); empty = the system's.",
        ),
        _CONNECTION,
    ] = ""
    cert_file: Annotated[
        str,
        Meta(
            max_length=500,
            description="This device's own certificate (PEM), where the broker asks for one.",
        ),
        _CONNECTION,
    ] = ""
    key_file: Annotated[
        str,
        Meta(max_length=500, description="File that holds the key of that certificate (PEM)."),
        Policy(apply="connection", secret=True),
    ] = ""
    keepalive_s: Annotated[int, Meta(ge=5, le=120, description="[s] MQTT keep-alive."), _CONNECTION] = 15


class EndpointSection(Section, frozen=True, kw_only=True):
    """Who answers what was asked."""

    pool: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9-]{1,32}\Z",
            title="1 to 32 of a-z, 0-9 and -",
            description="Pool of endpoint workers that answers turns.",
        ),
        _LIVE,
    ] = "home"
    ack_ms: Annotated[
        int, Meta(ge=100, le=5000, description="[ms] A worker must take the turn within this time."), _LIVE
    ] = 400
    attempts: Annotated[
        int, Meta(ge=1, le=5, description="Tries before the device answers by itself."), _LIVE
    ] = 2


_PIN = Policy(apply="daemon", local=True)


class PanelSection(Section, frozen=True, kw_only=True):
    """Lights, button and the microphone's switch. What is wired to which pin stands in the file on the device alone."""

    profile: Annotated[
        Literal["none", "respeaker-2mic", "gpio"],
        Meta(
            description="The board: none; the ReSpeaker 2-Mic HAT (its button and its three lights); or whatever is wired to the "
            "pins below, which may be given beside a board's own, too."
        ),
        _PIN,
    ] = "none"
    led_pins: Annotated[
        tuple[Annotated[int, Meta(ge=0, le=53)], ...],
        Meta(
            max_length=3, description="GPIO (BCM) of one LED, or of red, green and blue of one; empty = none."
        ),
        _PIN,
    ] = ()
    led_active_high: Annotated[
        bool,
        Meta(description="Whether the LED lights when its pin is high; false for one between pin and 3.3 V."),
        _PIN,
    ] = True
    strip_leds: Annotated[
        int, Meta(ge=0, le=60, description="LEDs of an APA102 strip on the SPI bus; 0 = none."), _PIN
    ] = 0
    strip_device: Annotated[
        str,
        Meta(
            pattern=r"^/dev/spidev[0-9]{1,2}\.[0-9]{1,2}\Z",
            title="a SPI device, as /dev/spidev0.0",
            description="The strip's SPI device.",
        ),
        _PIN,
    ] = "/dev/spidev0.0"
    button_pin: Annotated[
        int,
        Meta(ge=-1, le=53, description="GPIO (BCM) of a button to ground; -1 = none, or the board's."),
        _PIN,
    ] = -1
    mute_pin: Annotated[
        int,
        Meta(
            ge=-1,
            le=53,
            description="GPIO (BCM) of a switch to ground that closes the microphone; -1 = none: a long hold of the button does.",
        ),
        _PIN,
    ] = -1
    mute_when_open: Annotated[
        bool,
        Meta(
            description="Whether the microphone is closed while that switch is open; false: while it connects to ground."
        ),
        _PIN,
    ] = False
    brightness: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="How bright the lights are; 0 = dark, also while the microphone is closed.",
        ),
        _LIVE,
    ] = 0.4
    hold_s: Annotated[
        float,
        Meta(
            ge=0.3,
            le=2.5,
            description="[s] The button held this long mutes the loudspeaker, or lets it sound again.",
        ),
        _LIVE,
    ] = 0.8
    long_hold_s: Annotated[
        float,
        Meta(
            ge=3, le=15, description="[s] The button held this long closes the microphone, or opens it again."
        ),
        _LIVE,
    ] = 5.0


class PrivacySection(Section, frozen=True, kw_only=True):
    """What is kept to the device."""

    transcripts: Annotated[
        bool, Meta(description="Whether words, yours and its own, may appear in the log."), _LIVE
    ] = False


class LogSection(Section, frozen=True, kw_only=True):
    """What the device writes down about itself."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="Least severity that is logged."),
        _LIVE,
    ] = "info"


class KeysSection(Section, frozen=True, kw_only=True):
    """Whose configuration the device takes."""

    trusted: Annotated[
        tuple[
            Annotated[
                str,
                Meta(
                    # 32 bytes: the last of 43 characters holds four bits only
                    pattern=r"^[a-z0-9-]{1,32}:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z",
                    title="public keys, each 'name:' and 43 characters of base64url",
                ),
            ],
            ...,
        ],
        Meta(
            max_length=4,
            description="Public keys (Ed25519) that may sign configuration, each 'name:base64url' as `earshot config keygen` "
            "prints it; two while one replaces the other. Empty: only keys that need no signature come over MQTT.",
        ),
        _LIVE,
    ] = ()


class RolloutSection(Section, frozen=True, kw_only=True):
    """How a pushed configuration proves itself."""

    probation_s: Annotated[
        int,
        Meta(
            ge=5,
            le=600,
            description="[s] A pushed configuration must prove itself within this time (sound runs, the broker is reached, "
            "the report is out), or the one before comes back.",
        ),
        _LIVE,
    ] = 120


class HomeAssistantSection(Section, frozen=True, kw_only=True):
    """The device in Home Assistant."""

    discovery: Annotated[
        bool,
        Meta(description="Whether the device announces itself to Home Assistant over the broker."),
        _LIVE,
    ] = False


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
    panel: PanelSection = field(default_factory=PanelSection)
    privacy: PrivacySection = field(default_factory=PrivacySection)
    log: LogSection = field(default_factory=LogSection)
    keys: KeysSection = field(default_factory=KeysSection)
    rollout: RolloutSection = field(default_factory=RolloutSection)
    homeassistant: HomeAssistantSection = field(default_factory=HomeAssistantSection)
