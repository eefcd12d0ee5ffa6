"""Fetching a model: from a real HTTP server with bad habits, or from files; whole or not at all."""

import fcntl
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import threading
import tomllib
import zipfile
from pathlib import Path

import pytest

from device.models import fetch as fetch_module
from device.models import load
from device.models import lookup as lookup_module
from device.models.catalogue import catalogue
from device.models.download import FetchError, download
from device.models.fetch import fetch
from device.models.place import content_sha256
from device.models.progress import make_progress
from device.models.unpack import unpack
from tests.helpers_models import MODELS, Served, Told, http_server, sha256, vosk_tar, vosk_zip

ZIP = vosk_zip()


@pytest.fixture(autouse=True)
def nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("EARSHOT_MODELS", raising=False)
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr("device.disk.SYSTEM_STATE", tmp_path / "system")
    monkeypatch.setattr("device.models.download.PAUSE_S", 0.0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "state" / "models"


def fetch_zip(base: str, **kwargs):
    return fetch("talk", Told(), urls=[f"{base}/m.zip"], **kwargs)


def test_a_fetched_model_is_whole_pinned_and_found(root: Path) -> None:
    with http_server({"/m.zip": Served(ZIP, etag='"1"')}) as base:
        done = fetch_zip(base)
    assert done.model.path == root / "talk" and done.model.kind == "vosk" and not done.model.problem
    marker = tomllib.loads((root / "talk" / "earshot.toml").read_text())
    assert marker["sha256"]["m.zip"] == sha256(ZIP)
    assert marker["sha256"]["content"] == content_sha256(MODELS / "vosk-tiny-en")
    assert marker["pinned"].startswith("first fetch, 20") and marker["source"]["m.zip"].endswith("/m.zip")
    assert done.seen and lookup_module.best("vosk") == done.model
    assert not (root / ".fetch" / "talk").exists()


def test_what_was_fetched_can_really_be_loaded_by_libvosk(root: Path) -> None:
    vosk = pytest.importorskip("vosk")
    with http_server({"/m.zip": Served(ZIP, etag='"1"')}) as base:
        done = fetch_zip(base)
    vosk.SetLogLevel(-1)
    recogniser = vosk.KaldiRecognizer(vosk.Model(str(done.model.path)), 16000)
    recogniser.AcceptWaveform(bytes(32000))
    assert '"text" : ""' in recogniser.FinalResult()


def test_a_cut_line_is_taken_up_where_it_broke(root: Path) -> None:
    third = len(ZIP) // 3
    file = Served(ZIP, etag='"1"', cut_at=[third, third])
    with http_server({"/m.zip": file}) as base:
        told = Told()
        fetch("talk", told, urls=[f"{base}/m.zip"])
    assert [r.get("Range") for r in file.requests] == [None, f"bytes={third}-", f"bytes={2 * third}-"]
    assert all(r["If-Range"] == '"1"' for r in file.requests[1:])
    assert told.bytes == len(ZIP) and len(told.notes) >= 2


def test_a_line_that_never_carries_a_byte_ends_with_one_error_and_keeps_the_part(root: Path) -> None:
    file = Served(ZIP, etag='"1"', cut_at=[50_000] + [0] * 20)
    with http_server({"/m.zip": file}) as base:
        with pytest.raises(FetchError, match=r"broke off.*0\.1 MB are kept"):
            fetch_zip(base)
        assert (root / ".fetch" / "talk" / "m.zip.part").stat().st_size == 50_000
        assert not (root / "talk").exists()
        file.cut_at.clear()
        fetch_zip(base)
    assert file.requests[-1]["Range"] == "bytes=50000-"
    assert load(root / "talk").sha256["m.zip"] == sha256(ZIP)


def test_a_server_that_knows_no_ranges_sends_it_all_again(root: Path) -> None:
    file = Served(ZIP, etag='"1"', ranges=False, cut_at=[60_000])
    with http_server({"/m.zip": file}) as base:
        fetch_zip(base)
    assert load(root / "talk").sha256["m.zip"] == sha256(ZIP)


def test_a_file_that_changed_between_two_tries_is_never_glued_together(root: Path) -> None:
    part = root / ".fetch" / "talk" / "m.zip.part"
    file = Served(b"another file entirely" * 5000, etag='"old"', cut_at=[70_000] + [0] * 9)
    with http_server({"/m.zip": file}) as base:
        with pytest.raises(FetchError):
            fetch_zip(base)
        assert part.stat().st_size == 70_000
        file.data, file.etag = ZIP, '"new"'
        file.cut_at.clear()
        fetch_zip(base)
    assert load(root / "talk").sha256["m.zip"] == sha256(ZIP)


def test_without_a_validator_the_download_starts_anew(tmp_path: Path) -> None:
    file = Served(ZIP, cut_at=[70_000])
    with http_server({"/m.zip": file}) as base:
        download(f"{base}/m.zip", tmp_path / "p", Told())
    assert "Range" not in file.requests[1] and (tmp_path / "p").read_bytes() == ZIP


def test_a_part_longer_than_the_file_starts_anew(tmp_path: Path) -> None:
    file = Served(ZIP, etag='"1"', cut_at=[1000] + [0] * 9)
    part = tmp_path / "p"
    with http_server({"/m.zip": file}) as base:
        with pytest.raises(FetchError):
            download(f"{base}/m.zip", part, Told())
        part.write_bytes(ZIP + b"too much")
        file.cut_at.clear()
        download(f"{base}/m.zip", part, Told())
    assert part.read_bytes() == ZIP


def test_redirects_are_followed(root: Path) -> None:
    files = {"/a.zip": Served(b"", location="/m.zip"), "/m.zip": Served(ZIP, etag='"1"')}
    with http_server(files) as base:
        done = fetch("talk", Told(), urls=[f"{base}/a.zip"])
    assert done.model.sha256["a.zip"] == sha256(ZIP)


@pytest.mark.parametrize(
    ("served", "words"),
    [
        (Served(b"", status=404), r"answered 404 .*--url"),
        (Served(b"", status=503), "answered 503"),
        (Served(b"<html>log in</html>", content_type="text/html; charset=utf-8"), "web page, not a model"),
        (Served(b"<!DOCTYPE html><title>Log in</title>"), "web page, not a model"),
        (Served(ZIP[: len(ZIP) // 2]), "cut short"),
        (Served(b"PK\x05\x06" + bytes(18)), "no model that is known"),
    ],
)
def test_what_is_no_model_gives_one_clear_error_and_no_model(root: Path, served: Served, words: str) -> None:
    with http_server({"/m.zip": served}) as base, pytest.raises(FetchError, match=words):
        fetch_zip(base)
    assert not (root / "talk").exists()


def test_no_network_names_the_address_and_the_way_around(root: Path) -> None:
    with http_server({}) as base:
        pass  # the port is free again: nobody listens
    with pytest.raises(FetchError, match=r"cannot reach http://127.*m\.zip.*--from FILE") as caught:
        fetch_zip(base)
    assert "\n" not in str(caught.value)


def test_other_bytes_than_the_first_time_are_refused_with_both_hashes(root: Path) -> None:
    changed = vosk_zip(extra={"vosk-model-x/README": b"a new version"})
    file = Served(ZIP, etag='"1"')
    with http_server({"/m.zip": file}) as base:
        fetch_zip(base)
        assert fetch_zip(base).was_there
        fetch_zip(base, force=True)  # the same bytes again: fine
        file.data, file.etag = changed, '"2"'
        with pytest.raises(FetchError) as caught:
            fetch_zip(base, force=True)
        assert sha256(changed) in str(caught.value) and sha256(ZIP) in str(caught.value)
        assert "--repin" in str(caught.value)
        assert load(root / "talk").sha256["m.zip"] == sha256(ZIP)
        done = fetch_zip(base, repin=True)
    assert done.model.sha256["m.zip"] == sha256(changed)


def test_the_pin_also_holds_for_a_folder_or_another_archive_of_it(root: Path, tmp_path: Path) -> None:
    with http_server({"/m.zip": Served(ZIP, etag='"1"')}) as base:
        fetch_zip(base)
    same = fetch("talk", Told(), given=[MODELS / "vosk-tiny-en"], force=True)
    assert same.model.sha256["m.zip"] == sha256(ZIP)
    other = tmp_path / "other"
    shutil.copytree(MODELS / "vosk-tiny-en", other)
    (other / "conf" / "mfcc.conf").write_text("--changed=true\n")
    with pytest.raises(FetchError, match=r"the model's content is not .* the first fetch had"):
        fetch("talk", Told(), given=[other], force=True)
    assert content_sha256(root / "talk") == content_sha256(MODELS / "vosk-tiny-en")


def test_from_takes_a_zip_a_tar_or_a_folder_and_they_give_the_same(root: Path, tmp_path: Path) -> None:
    archive = tmp_path / "m.zip"
    archive.write_bytes(ZIP)
    packed = vosk_tar(tmp_path / "m.tar.gz")
    for name, given in (("a", archive), ("b", packed), ("c", MODELS / "vosk-tiny-en")):
        fetch(name, Told(), given=[given])
    assert len({load(root / n).sha256["content"] for n in "abc"}) == 1
    assert archive.read_bytes() == ZIP
    assert load(root / "c").test and not load(root / "a").test  # the marker of a marked model is kept


def test_a_voice_of_two_files_comes_from_two_files(root: Path, tmp_path: Path) -> None:
    names = [f.name for f in catalogue()["kokoro"].files]
    shutil.copyfile(MODELS / "kokoro-tiny" / "kokoro-tiny-timed.onnx", tmp_path / names[0])
    shutil.copyfile(MODELS / "kokoro-tiny" / "voices-tiny.bin", tmp_path / names[1])
    with pytest.raises(FetchError, match="not usable|no model"):
        fetch("kokoro", Told(), given=[tmp_path / names[0]])
    done = fetch("kokoro", Told(), given=[tmp_path / n for n in names])
    assert done.model.kind == "kokoro" and done.model.files["voices"].name == names[1]
    with http_server({f"/{n}": Served((tmp_path / n).read_bytes(), etag='"k"') for n in names}) as base:
        again = fetch("kokoro", Told(), urls=[f"{base}/{n}" for n in names], force=True)
    assert again.model.sha256 == done.model.sha256


def test_a_known_name_with_the_wrong_kind_of_model_is_refused(root: Path) -> None:
    with pytest.raises(FetchError, match="should be a kokoro model"):
        fetch("kokoro", Told(), given=[MODELS / "vosk-tiny-en"])


def evil_zip(name: str, mode: int = 0) -> bytes:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr(info, b"boo")
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        evil_zip("../escaped"),
        evil_zip("a/../../escaped"),
        evil_zip("/tmp/escaped"),
        evil_zip("c:/escaped"),
        evil_zip("a\\..\\escaped"),
        evil_zip("am/final.mdl", stat.S_IFLNK | 0o777),
        evil_zip("am/final.mdl", stat.S_IFCHR | 0o666),
    ],
)
def test_a_zip_with_path_tricks_is_refused(root: Path, tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "evil.zip"
    file.write_bytes(data)
    with pytest.raises(FetchError, match="refused"):
        fetch("evil", Told(), given=[file])
    assert not list(tmp_path.rglob("escaped")) and not (root / "evil").exists()


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [
        ("../escaped", tarfile.REGTYPE, ""),
        ("/escaped", tarfile.REGTYPE, ""),
        ("am", tarfile.SYMTYPE, "/etc"),
        ("am", tarfile.LNKTYPE, "../../escaped"),
        ("dev", tarfile.CHRTYPE, ""),
        ("pipe", tarfile.FIFOTYPE, ""),
    ],
)
def test_a_tar_with_path_tricks_is_refused(
    root: Path, tmp_path: Path, name: str, kind: bytes, link: str
) -> None:
    file = tmp_path / "evil.tar"
    with tarfile.open(file, "w") as t:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        t.addfile(info, io.BytesIO(b""))
    with pytest.raises(FetchError, match="refused"):
        fetch("evil", Told(), given=[file])
    assert not list(tmp_path.rglob("escaped"))


def test_a_zip_bomb_stops_at_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "bomb.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("big", bytes(30_000_000))
    assert file.stat().st_size < 100_000
    target = tmp_path / "out"
    target.mkdir()
    with pytest.raises(FetchError, match="allowed"):
        unpack(file, target, limit=5_000_000)
    assert sum(p.stat().st_size for p in target.rglob("*") if p.is_file()) <= 5_000_000


def test_an_archive_that_names_a_file_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "twice.zip"
    with zipfile.ZipFile(file, "w") as z:
        z.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            z.writestr("a", b"2")
    (tmp_path / "out").mkdir()
    with pytest.raises(FetchError, match="twice"):
        unpack(file, tmp_path / "out", limit=1000)


def test_too_little_space_is_said_before_the_download(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(fetch_module.shutil, "disk_usage", lambda _: usage._replace(free=20_000_000))
    name = "vosk-small-en-us"
    with http_server({"/m.zip": Served(ZIP, etag='"1"')}) as base:
        with pytest.raises(FetchError, match=r"20 MB free.*needs \d+ MB.*--to DIR"):
            fetch(name, Told(), urls=[f"{base}/m.zip"])
        assert not (root / ".fetch" / name / "m.zip.part").exists()


def test_two_fetches_of_one_model_do_not_meet(root: Path) -> None:
    (root / ".fetch").mkdir(parents=True)
    with (root / ".fetch" / "talk.lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(FetchError, match="already being fetched by process 4711"):
            fetch("talk", Told(), given=[MODELS / "vosk-tiny-en"])
    fetch("talk", Told(), given=[MODELS / "vosk-tiny-en"])  # the lock went with its holder


def test_a_failed_fetch_leaves_the_old_model_in_place(root: Path, tmp_path: Path) -> None:
    fetch("talk", Told(), given=[MODELS / "vosk-tiny-en"])
    before = content_sha256(root / "talk")
    junk = tmp_path / "junk.zip"
    junk.write_bytes(ZIP[:10_000])
    with pytest.raises(FetchError):
        fetch("talk", Told(), given=[junk], repin=True)
    assert content_sha256(root / "talk") == before and load(root / "talk").problem == ""


def test_a_power_cut_between_the_two_renames_loses_neither_model_nor_pin(root: Path) -> None:
    with http_server({"/m.zip": Served(ZIP, etag='"1"')}) as base:
        fetch_zip(base)
    aside = root / ".fetch" / "talk" / "old"
    aside.parent.mkdir(parents=True)
    (root / "talk").rename(aside)
    other = Served(vosk_zip(top="other/"), etag='"2"')
    with http_server({"/m.zip": other}) as base, pytest.raises(FetchError, match="that the first fetch had"):
        fetch_zip(base)
    assert load(root / "talk").sha256["m.zip"] == sha256(ZIP)


def test_a_folder_that_cannot_be_written_names_the_way_out(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    with pytest.raises(FetchError, match=r"cannot write into .*--to DIR"):
        fetch("talk", Told(), given=[MODELS / "vosk-tiny-en"], to=blocked)


def test_bad_names_and_bad_addresses_are_refused_by_name() -> None:
    with pytest.raises(FetchError, match="model name '../x'"):
        fetch("../x", Told(), given=[MODELS / "vosk-tiny-en"])
    with pytest.raises(FetchError, match=r"no model 'nonsense'; it has: vosk-small-en-us, kokoro"):
        fetch("nonsense", Told())
    with pytest.raises(FetchError, match="no such file"):
        fetch("talk", Told(), given=[Path("/nowhere/at/all.zip")])
    with pytest.raises(FetchError, match="is not a http"):
        fetch("talk", Told(), urls=["file:///etc/passwd"])
    with pytest.raises(FetchError, match=r"2 file\(s\)"):
        fetch("kokoro", Told(), urls=["http://127.0.0.1/x"])


def command(*args: str) -> list[str]:
    # The room's own command, without the other rooms: what is tested here is this command in a real process.
    code = (
        "import argparse, sys\n"
        "from device.errors import EarshotError\n"
        "from device.models.command import add_parser\n"
        "top = argparse.ArgumentParser(); add_parser(top.add_subparsers())\n"
        "args = top.parse_args()\n"
        "try:\n    sys.exit(args.run(args))\n"
        "except EarshotError as error:\n    sys.exit(f'error: {error}')\n"
    )
    return [sys.executable, "-c", code, "models", *args]


def test_the_command_lists_fetches_and_says_that_the_hash_is_its_own(root: Path, tmp_path: Path) -> None:
    archive = tmp_path / "m.zip"
    archive.write_bytes(ZIP)
    ask = command("fetch", "talk", "--from", str(archive))
    done = subprocess.run(ask, capture_output=True, text=True, timeout=60, check=True)
    assert f"{sha256(ZIP)}  m.zip" in done.stdout and "pinned: first fetch" in done.stdout
    listed = subprocess.run(command("list", "--json"), capture_output=True, text=True, check=True, timeout=60)
    rows = {row["name"]: row for row in json.loads(listed.stdout)["models"]}
    assert rows["talk"]["usable"] and rows["talk"]["sha256"]["m.zip"] == sha256(ZIP)
    assert rows["vosk-tiny-en"]["test"] and not rows["vosk-small-en-us"]["fetched"]
    plain = subprocess.run(command("list"), capture_output=True, text=True, check=True, timeout=60).stdout
    assert "earshot models fetch kokoro" in plain and "never picked by itself" in plain


def test_ctrl_c_keeps_what_came_and_the_next_run_goes_on(root: Path) -> None:
    file = Served(ZIP, etag='"1"', pause=threading.Event())
    with http_server({"/m.zip": file}) as base:
        child = subprocess.Popen(
            command("fetch", "talk", "--url", f"{base}/m.zip"),
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        part = root / ".fetch" / "talk" / "m.zip.part"
        wait = threading.Event()
        while child.poll() is None and not (part.exists() and part.stat().st_size > 65_536):
            wait.wait(0.02)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=30)
        assert (
            child.returncode == 130 and "run the same command again" in errors and "Traceback" not in errors
        )
        kept = part.stat().st_size
        assert 65_536 < kept < len(ZIP)
        file.pause.set()
        file.pause = None
        fetch("talk", Told(), urls=[f"{base}/m.zip"])
    assert file.requests[-1]["Range"] == f"bytes={kept}-"
    assert load(root / "talk").sha256["m.zip"] == sha256(ZIP)


def test_progress_is_plain_lines_in_a_log_and_a_bar_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for out in (io.StringIO(), Terminal()):
        progress = make_progress(out)
        progress.start("m.zip", 1_000_000, 500_000)
        for _ in range(5):
            progress.advance(100_000)
        progress.note("unpacking m.zip")
        progress.stop()
        text = out.getvalue()
        assert "m.zip" in text and "unpacking" in text
        assert ("\x1b" in text) == out.isatty()
        if not out.isatty():
            assert "going on at 0.5 MB" in text and "1.0 MB (100 %)" in text and len(text.splitlines()) == 7
