"""Where models are looked for, and which are picked."""

import logging
import shutil
from pathlib import Path

import pytest

from device.errors import ModelMissing
from device.models import available, best, find, folders, load, require, state_folder
from tests.helpers_models import MODELS


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Only folders of this test are looked into, and the checkout."""
    monkeypatch.setenv("EARSHOT_MODELS", f"{tmp_path / 'one'}:{tmp_path / 'two'}")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr("device.disk.SYSTEM_STATE", tmp_path / "system")
    return tmp_path


def a_vosk(folder: Path) -> Path:
    shutil.copytree(MODELS / "vosk-tiny-en", folder)
    (folder / "earshot.toml").unlink()
    return folder


def test_folders_come_in_the_promised_order(places: Path) -> None:
    order = folders()
    assert order[:3] == [places / "one", places / "two", places / "state" / "models"]
    assert order.index(places / "state" / "models") < [p.parts[-3:] for p in order].index(
        ("share", "earshot", "models")
    )
    assert order[-1] == MODELS


def test_the_state_folder_follows_systemd_then_root_then_the_user(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/a:/b")
    assert state_folder() == Path("/a/models")
    monkeypatch.delenv("STATE_DIRECTORY")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert state_folder() == places / "system" / "models"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert state_folder() == places / "xdg" / "earshot" / "models"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/someone")
    assert state_folder() == Path("/home/someone/.local/state/earshot/models")


def test_the_first_folder_that_has_a_model_wins(places: Path) -> None:
    second = a_vosk(places / "two" / "m")
    assert find("m") == second
    first = a_vosk(places / "one" / "m")
    assert find("m") == first
    assert [m.path for m in available("vosk")] == [first]


def test_the_tiny_models_of_the_checkout_are_found_by_name() -> None:
    assert require("vosk-tiny-en", "vosk") == MODELS / "vosk-tiny-en"
    kokoro = load(require("kokoro-tiny", "kokoro"))
    assert kokoro is not None and kokoro.test
    assert kokoro.files["model"].is_file() and kokoro.files["voices"].name == "voices-tiny.bin"


def test_test_models_are_never_picked_by_themselves(places: Path) -> None:
    assert best("vosk") is None and available() == []
    assert {m.name for m in available(include_test=True)} >= {"vosk-tiny-en", "kokoro-tiny"}
    a_vosk(places / "one" / "mine")
    picked = best("vosk")
    assert picked is not None and picked.name == "mine"


def test_plain_folders_are_recognised_without_a_marker(places: Path) -> None:
    a_vosk(places / "one" / "new-layout")
    old = places / "one" / "old-layout"
    old.mkdir()
    (old / "final.mdl").write_bytes(b"\0B")
    (old / "HCLG.fst").write_bytes(b"x")
    voice = places / "one" / "voice"
    voice.mkdir()
    (voice / "kokoro-v1.0.onnx").write_bytes(b"x")
    (voice / "voices-v1.0.bin").write_bytes(b"x")
    (places / "one" / "holiday-pictures").mkdir()
    assert {(m.name, m.kind) for m in available()} == {
        ("new-layout", "vosk"),
        ("old-layout", "vosk"),
        ("voice", "kokoro"),
    }


def test_a_missing_model_says_where_it_was_looked_for_and_how_to_get_it(places: Path) -> None:
    with pytest.raises(ModelMissing) as caught:
        require("vosk-small-en-us")
    text = str(caught.value)
    assert "earshot models fetch vosk-small-en-us" in text
    assert all(str(folder) in text for folder in folders())
    with pytest.raises(ModelMissing, match=r"the catalogue has none of that name.*kokoro"):
        require("no-such-voice", "kokoro")


def test_a_model_of_the_wrong_kind_or_with_missing_parts_is_named(places: Path) -> None:
    with pytest.raises(ModelMissing, match="it is a vosk model"):
        require("vosk-tiny-en", "kokoro")
    broken = a_vosk(places / "one" / "broken")
    (broken / "graph" / "HCLr.fst").unlink()
    with pytest.raises(ModelMissing, match=r"neither HCLG.fst nor HCLr.fst"):
        require("broken", "vosk")


def test_a_broken_marker_is_logged_once_and_hides_nothing_else(
    places: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = places / "one" / "bad"
    bad.mkdir(parents=True)
    (bad / "earshot.toml").write_text("kind = \n")
    a_vosk(places / "one" / "good")
    with caplog.at_level(logging.WARNING):
        assert [m.name for m in available()] == ["good"]
        available()
    assert len([r for r in caplog.records if "bad" in r.getMessage()]) == 1


def test_a_name_cannot_climb_out_of_the_models_folders(places: Path) -> None:
    (places / "secret").mkdir()
    (places / "one").mkdir()
    assert find("../secret") is None and find("") is None
    assert find(str(places / "secret")) == places / "secret"  # an absolute path is the owner's own choice


def test_a_folder_that_cannot_be_looked_at_hides_no_wake_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the service's is for everybody but the service; a name that is too long fails for root, too."""
    from device.cli import main
    from device.ear.wake_models import find_word

    monkeypatch.setenv("EARSHOT_MODELS", "/tmp/" + 300 * "x")
    assert find_word("alexa").word == "alexa"
    assert main(["models", "list"]) == 0 and "not ours to see" in capsys.readouterr().out
