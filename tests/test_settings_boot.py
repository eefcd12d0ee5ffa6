"""What a device starts with when something is broken."""

import sys

import pytest
from helpers_settings import FILE, OWNER, Rig

from device.config import Config
from device.disk import Disk
from device.errors import ConfigError
from device.settings.boot import boot
from device.settings.envelope import seal
from device.settings.state import Layer, Layers, State
from device.settings.store import NAME, Store

GROUPED = FILE.replace("[keys]", 'group = "den"\n[keys]')


def layer(scope="d/kitchen", **config):
    return Layer(scope=scope, version=1, signed=True, digest="00", config=config)


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path).boot(FILE + "[wake]\nthreshold = 0.8\n").poll()
    rig.push({"device.volume": 20}, 1)
    return rig.run(12)


def test_without_any_file_and_state_the_defaults_are_what_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["device.config.load"], "DEFAULT_PATH", tmp_path / "none")
    booted = boot(None, None, tmp_path)
    assert booted.config == Config() and not booted.problems and not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["[wake", "[wake]\nthreshold = 3\n", "[wake]\ncolour = 1\n", None])
def test_a_broken_file_runs_on_the_last_known_good_says_so_and_takes_pushes(rig, text, caplog):
    if text is None:
        rig.file.unlink()
    rig.boot(text).poll()
    assert rig.running.wake.threshold == 0.8 and rig.running.device.volume == 20
    assert rig.steward.problems == ("config_invalid",) and rig.report.state == "applied"
    assert str(rig.file) in caplog.text
    rig.push({"device.volume": 20, "wake.threshold": 0.7}, 2)
    assert rig.running.wake.threshold == 0.7
    rig.run(12)
    assert rig.boot(text).running.wake.threshold == 0.7
    rig.boot(FILE).poll()  # mended
    assert rig.steward.problems == () and rig.running.device.volume == 20


def test_a_broken_file_without_anything_that_ever_worked_is_an_error_with_its_line(tmp_path):
    with pytest.raises(ConfigError, match="line 6: wake.threshold"):
        Rig(tmp_path).boot(FILE + "[wake]\nthreshold = 3\n")


def test_a_start_is_the_last_known_good_only_after_it_has_run_for_ten_seconds(tmp_path):
    rig = Rig(tmp_path).boot(FILE)
    rig.run(9)
    assert rig.stored() is None
    rig.run(3)
    written = (rig.state / NAME).stat().st_mtime_ns
    assert rig.stored().good.file["device"] == {"id": "kitchen"}
    rig.boot().run(30)
    assert (rig.state / NAME).stat().st_mtime_ns == written  # nothing new: the card is not worn


def test_a_mistake_on_the_command_line_is_not_passed_over(rig):
    with pytest.raises(ConfigError, match="device.volume"):
        boot(rig.file, {"device": {"volume": 101}}, rig.state)


def test_overrides_lie_above_the_file_and_below_what_was_pushed(rig):
    config = boot(rig.file, {"wake": {"threshold": 0.4}, "device": {"volume": 5}}, rig.state).config
    assert (config.wake.threshold, config.device.volume) == (0.4, 20)


def test_a_file_that_no_longer_goes_with_what_was_pushed_does_not_stop_the_device(rig, caplog):
    rig.push({"endpointing.min_ms": 700}, 2)
    rig.run(12)
    rig.boot(FILE + "[endpointing]\nmax_ms = 300\n").poll()
    assert rig.running.endpointing.min_ms == 700 and rig.steward.problems == ("config_invalid",)
    assert "endpointing.min_ms = 700" in caplog.text


@pytest.mark.parametrize(
    "layers",
    [
        Layers(device=layer(wake={"threshold": 7})),
        Layers(device=layer(wake="loud")),
        Layers(device=layer("d/attic", wake={"threshold": 0.9})),
        Layers(group=layer("g/attic", wake={"threshold": 0.9})),
        Layers(group=layer("g/den", wake={"threshold": 7})),
        Layers(command={"wake.threshold": 7}),
        Layers(command={"wake.colour": 7}),
        Layers(device=layer(endpointing={"min_ms": 800, "max_ms": 300})),
    ],
)  # fmt: skip
def test_a_layer_that_no_longer_fits_is_left_out_with_a_warning(tmp_path, layers, caplog):
    Store(tmp_path / "state").save(State(layers=layers))
    rig = Rig(tmp_path).boot(GROUPED).poll()
    assert rig.running.wake == Config().wake and rig.running.endpointing == Config().endpointing
    assert rig.steward.problems == () and rig.report.state == "applied"
    assert "left out" in caplog.text or "does not go" in caplog.text or layers.command


def test_of_a_layer_that_fits_an_unknown_key_is_left_alone(tmp_path):
    Store(tmp_path / "state").save(
        State(layers=Layers(device=layer(wake={"threshold": 0.9, "hue": 1}, x={})))
    )
    rig = Rig(tmp_path).boot(GROUPED).poll()
    assert rig.running.wake.threshold == 0.9


def test_a_layer_that_was_left_out_comes_back_with_the_message_that_brought_it(rig):
    data = seal({"device": {"volume": 20}}, version=1, scope="d/kitchen", key=OWNER, kid="owner")
    rig.boot(FILE.replace("kitchen", "attic")).poll()
    assert rig.running.device.volume == 70
    rig.boot(FILE).poll()
    rig.steward.desired("d/kitchen", data)
    rig.poll()
    assert rig.running.device.volume == 20 and rig.report.state == "applied"


def test_a_start_that_cannot_be_counted_is_not_tried(rig):
    class ReadOnly(Disk):
        def create(self, path):
            raise OSError(30, "Read-only file system")

    rig.push({"audio.keep_s": 20.0}, 2)
    rig.run(2)
    rig.disk = ReadOnly()
    rig.boot().poll()
    assert rig.running.audio.keep_s == 10.0 and rig.running.device.volume == 20
    assert set(rig.steward.problems) == {"config_rolled_back", "state_unwritable"}
    rig.disk = None
    assert rig.boot().running.audio.keep_s == 20.0  # the card can be written again: now it is tried


def test_what_does_not_start_gives_way_to_what_did(rig):
    rig.push({"audio.keep_s": 20.0}, 2)
    rig.run(2)
    rig.file.write_text(FILE + "[wake]\nwords = ['nobody']\n")
    booted = boot(rig.file, None, rig.state)
    assert booted.config.audio.keep_s == 20.0 and booted.config.wake.words == ("nobody",)
    assert booted.abandon("no model nobody")  # first what is on trial
    assert booted.config.audio.keep_s == 10.0 and booted.config.wake.words == ("nobody",)
    assert booted.abandon("no model nobody")  # then what the file says
    assert booted.config.wake.words == ("alexa",) and booted.config.device.volume == 20
    assert booted.problems == ["config_invalid"]
    assert not booted.abandon("no sound at all")
    assert rig.boot().running.audio.keep_s == 10.0  # and it is remembered
    assert rig.poll().report.state == "rolled_back"
