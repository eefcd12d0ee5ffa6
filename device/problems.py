"""Every problem that the device can report by a code: what it means, and what to do about it. Pure data, for all rooms.

A code stands in ``problems`` of ``up/status`` while the problem lasts (and makes the device ``degraded``), in ``echo.problems`` of
``up/state``, or only in the log and in the output of ``earshot doctor``. Whoever finds a problem may say more of it, with its
figures, in the log; the fix is taken from here. ``earshot doctor problems`` prints this table, docs/problems.md is made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Where = Literal["status", "echo", "log"]
"""``up/status``; ``up/state``, below ``echo``; the log and ``earshot doctor`` alone."""


@dataclass(frozen=True, slots=True)
class Entry:
    """``means`` and ``fix``: one line each. ``room``: what it concerns, a heading."""

    code: str
    where: Where
    means: str
    fix: str
    room: str


def _entries(room: str, where: Where, rows: Iterable[tuple[str, str, str]]) -> dict[str, Entry]:
    return {code: Entry(code, where, means, fix, room) for code, means, fix in rows}


CATALOGUE: Mapping[str, Entry] = {
    **_entries("Microphone and loudspeaker", "status", (
        (
            "mic_missing", "The microphone cannot be opened, or has stopped delivering; the log says which one and why.",
            "plug it in; `earshot devices` shows what there is and which one audio.input means. It is used as soon as it is there",
        ),
        (
            "speaker_missing", "The loudspeaker cannot be opened; the log says which one and why.",
            "plug it in; `earshot devices` shows what there is and which one audio.output means. It is used as soon as it is there",
        ),
        (
            "sound_busy", "Another program has the card of the microphone or of the loudspeaker; the log names it.",
            "end that program, or let both go through the sound server: audio.input and audio.output = \"node:...\" (`earshot devices`)",
        ),
        (
            "mic_silent", "The microphone delivers nothing but zeros, also after it was opened again.",
            "the microphone is muted (perhaps on the device itself) or dead: look at its switch and at `alsamixer` (F4, capture), or set audio.input",
        ),
        (
            "mic_stuck", "The microphone delivers one constant value.",
            "the microphone delivers one value only: plug it in again, or set audio.input to another",
        ),
        (
            "mic_clipping", "The microphone is driven to full scale.",
            "turn down the capture gain (`alsamixer`, F4), or the volume where it clips only while playing",
        ),
        (
            "mic_rate", "The microphone delivers more or fewer samples than its rate promises.",
            "the card lies about its rate: set audio.input to `default`, `pulse` or `pipewire`, which convert",
        ),
        (
            "drift_excessive", "The clocks of microphone and loudspeaker differ by more than the canceller follows (500 ppm).",
            "the clocks of microphone and loudspeaker are too far apart: use one card for both, or another card",
        ),
        (
            "echo_unconverged", "After 10 s of playback its echo is still not cancelled; interrupting takes more than usual.",
            "lower the volume, move the loudspeaker away from the microphone, or use one card for both",
        ),
        (
            "reference_wrong", "While the device plays, the microphone hears something else than what is played.",
            "something else plays on the loudspeaker, or audio.output is not the one that is heard",
        ),
    )),
    **_entries("Microphone and loudspeaker", "log", (
        (
            "speaker_silent", "The microphone hears nothing of the playback.",
            "the microphone hears nothing of the playback: look at volume, plug and audio.output (headphones are fine)",
        ),
        (
            "echo_slips", "Playback and capture slip against each other, which no canceller follows.",
            (
                "is the machine busy (top)? give earshot real-time priority (LimitRTPRIO=20), and name the card itself (hw:...) "
                "instead of a sound server; docs/sound.md explains the counters"
            ),
        ),
    )),
    **_entries("Echo cancelling", "echo", (
        (
            "echo_bluetooth", "Playback goes to a Bluetooth loudspeaker, whose delay is long and changes.",
            "use a loudspeaker with a wire; meanwhile only the wake word and 'stop' can interrupt reliably",
        ),
        (
            "echo_not_played", "Nothing was played when the echo path was measured.",
            "set device.volume above 0, and see `earshot devices`",
        ),
        (
            "echo_not_heard", "The microphone heard nothing of what was played to measure the echo path.",
            (
                "is the loudspeaker switched on and its volume up (alsamixer)? is it the one that audio.output means, and the "
                "microphone the one of audio.input (`earshot devices`)?"
            ),
        ),
        (
            "echo_unsure", "Two measurements of the echo path differ.",
            "keep it quiet, keep everything in its place and measure again",
        ),
        (
            "echo_drift", "Measured, the clocks of microphone and loudspeaker differ by more than 500 ppm.",
            "use one device for both, or another sampling rate; a resampling sound server can also cause this",
        ),
        (
            "echo_delay", "The echo arrives later than the canceller reaches (250 ms).",
            "name the card itself in audio.output (hw:...) instead of a sound server, or use another loudspeaker",
        ),
        (
            "echo_nonlinear", "The loudspeaker distorts, which no canceller removes.",
            "lower the loudspeaker's own volume (alsamixer), or use a better one",
        ),
        (
            "echo_software_not_cancelling", "Our echo canceller takes away too little.",
            "lower the volume, move the loudspeaker away from the microphone, see the other lines",
        ),
        (
            "echo_hardware_not_cancelling", "The microphone should cancel the echo itself, and does not.",
            "replug it, and look into its entry in docs/sound.md (firmware, routing); our canceller works meanwhile",
        ),
        (
            "echo_hardware_other_card", "The microphone has an echo canceller, but playback does not go through it.",
            'connect the loudspeaker to it, and name it in audio.output as in audio.input (for instance "usb:2886:0018")',
        ),
        (
            "echo_hardware_unproven", "By audio.echo the microphone cancels the echo itself, and nothing shows that it does.",
            'set audio.echo = "auto", or run `earshot doctor echo` with the loudspeaker connected to the microphone\'s card',
        ),
    )),
    **_entries("Engines and models", "status", (
        (
            "recogniser_failed", "The recogniser's process does not run; wake word and 'stop' still work.",
            "it is started again by itself; the log says why it fails. `earshot models list` shows whether its model is usable",
        ),
        (
            "voice_failed", "The voice's process does not run: the device answers without sound.",
            "it is started again by itself; the log says why it fails. voice.engine = \"espeak\" needs no model",
        ),
        (
            "model_missing", "The turn-end model that endpointing.model names is not there; endpointing is adaptive meanwhile.",
            'put it into a models folder (`earshot models list`), or set endpointing.strategy = "adaptive"',
        ),
        (
            "turn_model_failed", "The turn-end model cannot be used, or its process does not run; endpointing is adaptive meanwhile.",
            'the log says why; set endpointing.strategy = "adaptive" to do without it',
        ),
    )),
    **_entries("Panel", "status", (
        (
            "panel_unavailable", "Lights, button or the microphone's switch cannot be used; the log says which and why. The rest works.",
            "is python3-lgpio installed, is the user in the groups gpio and spi, has another program the pin? docs/panel.md; then restart",
        ),
    )),
    **_entries("Configuration", "status", (
        (
            "config_invalid", "The configuration file is broken; the device runs on the last configuration that worked.",
            "`earshot config check /etc/earshot/earshot.toml` shows every fault with its line; mend them and reload (`systemctl reload earshot`)",
        ),
        (
            "config_rolled_back", "A pushed configuration did not prove itself; the one before is in force again.",
            "up/config (`earshot config get`) says why; push a better one with a higher version",
        ),
        (
            "state_unwritable", "The state folder cannot be written: pushed configurations are refused.",
            "is the disk full or read-only (df, mount)? the folder must belong to the user that runs earshot",
        ),
        (
            "state_damaged", "What was kept of pushed configurations was damaged, and was put aside as config.json.bad.",
            "push the configuration again; a card that damages files is about to die",
        ),
    )),
    **_entries("Broker", "status", (
        (
            "broker_unauthorised", "The broker does not want us, or refuses one of our topics.",
            "check mqtt.username, mqtt.password_file or the client certificate, and the broker's rules for this device",
        ),
        (
            "broker_flapping", "The broker drops the connection again and again, as a rule for another client of the same name.",
            "give each device a device.id of its own",
        ),
    )),
    **_entries("Broker", "log", (
        (
            "broker_unreachable", "Nobody answers at the broker's address, or not in MQTT 5, or not encrypted as asked.",
            "check mqtt.host, mqtt.port and mqtt.tls; does it run (`systemctl status mosquitto`)? It is tried again by itself",
        ),
        (
            "broker_untrusted", "The broker cannot prove who it is: its certificate is another authority's, another name's, or expired.",
            "set mqtt.ca_file to the authority that signed it and mqtt.host to the name in it, or renew it",
        ),
        (
            "clock_unset", "The broker's certificate is outside of its time because this machine's clock is wrong.",
            "set the clock (`timedatectl set-ntp true`, or a clock module); the connection then comes by itself",
        ),
        (
            "credentials_unreadable", "Our own password, key or certificate file cannot be used.",
            "check mqtt.password_file, mqtt.cert_file and mqtt.key_file: that they are there, readable for earshot's user, and a pair",
        ),
    )),
}  # fmt: skip
"""By code, in the order in which they are shown."""


def markdown() -> str:
    """docs/problems.md."""
    seen = {"status": "`up/status`", "echo": "`up/state`, `echo`", "log": "log"}
    lines = [HEAD]
    for room in dict.fromkeys(entry.room for entry in CATALOGUE.values()):
        lines += [f"\n## {room}\n", "| Code | Where | What it means | What to do |", "|---|---|---|---|"]
        lines += [
            f"| `{entry.code}` | {seen[entry.where]} | {entry.means} | {entry.fix} |"
            for entry in CATALOGUE.values()
            if entry.room == room
        ]
    return "\n".join(lines) + "\n"


HEAD = """\
# Problems

What the device reports to be wrong with it, by code. Made from `device/problems.py` (`earshot doctor problems --markdown`).

* **`up/status`**: among `problems` of the device's status on the broker, for as long as it lasts; the device is `degraded` meanwhile.
  What keeps it from the broker can only be seen there once that is over.
* **`up/state`, `echo`**: among `echo.problems` of its state: the echo canceller does what it can, and this stands in its way.
* **log**: only in the log (`journalctl -u earshot`), or in the output of `earshot doctor echo`.

The log has the same code with figures and names. `earshot doctor problems` prints this page in a terminal, and
`earshot doctor problems CODE` one line of it."""
