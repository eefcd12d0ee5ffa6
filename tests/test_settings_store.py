"""What is remembered survives: whole, or as it was before, whenever the process or the power ends."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from helpers_settings import FILE, Rig

from device.disk import Disk, state_folder
from device.settings.state import Layer, Layers, Mark, Marks, State
from device.settings.store import NAME, StateDamaged, StateUnwritable, Store, encode

OLD = State(layers=Layers(command={"wake.threshold": 0.5}))
NEW = State(
    layers=Layers(
        device=Layer(scope="d/a", version=3, signed=True, digest="ab", config={"mqtt": {"host": "x"}})
    ),
    marks={"d/a": Marks(signed=Mark(version=3, digest="ab", bad=(2,)))},
)


def test_what_was_saved_is_loaded_and_only_its_owner_may_read_it(tmp_path):
    store = Store(tmp_path / "a" / "b")
    assert store.load() is None
    store.save(OLD)
    store.save(NEW)
    assert Store(tmp_path / "a" / "b").load() == NEW
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert os.listdir(store.path.parent) == [NAME]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_saves_in_the_folder_of_the_service_the_service_can_read(tmp_path):
    os.chown(tmp_path, 4711, 4712)
    store = Store(tmp_path)
    store.save(OLD)
    assert (store.path.stat().st_uid, store.path.stat().st_gid) == (4711, 4712)


def test_killed_at_any_system_call_a_device_boots_with_the_old_or_the_new_configuration_whole():
    program = Path(__file__).with_name("helpers_crash.py")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, env=environment, timeout=110, check=False
    )
    points = [json.loads(line) for line in done.stdout.splitlines()]
    assert [point for point in points if point["wrong"]] == []
    assert done.returncode == 0 and len(points) > 110, done.stderr[-2000:]


class PowerCut(Disk):
    """A disk that forgets what was not synced: after every call, all that ``config.json`` may hold if the power fails now."""

    def __init__(self, before: bytes | None) -> None:
        self.lasting, self.pending = before, []
        self.written = b""
        self.synced = self.folder_open = False
        self.images: list[bytes | None] = []

    def _note(self) -> None:
        self.images.append(self.lasting)
        for content, synced in self.pending:
            self.images += [content] if synced else [content, content[: len(content) // 2], b""]

    def folder(self, path):
        self._note()

    def create(self, path):
        self.written, self.synced = b"", False
        self._note()
        return 7

    def write(self, handle, data):
        taken = data[: max(1, len(data) // 3)]  # a short write, as a full card makes
        self.written += taken
        self._note()
        return len(taken)

    def sync(self, handle):
        if handle == 7:
            self.synced = True
        elif self.pending:
            self.lasting, self.pending = self.pending[-1][0], []
        self._note()

    def close(self, handle):
        self._note()

    def rename(self, old, new):
        self.pending.append((self.written, self.synced))
        self._note()

    def open_folder(self, path):
        return 8


@pytest.mark.parametrize("before", [None, encode(OLD)])
def test_a_power_cut_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path, before):
    disk = PowerCut(before)
    Store(tmp_path, disk).save(NEW)
    assert disk.lasting == encode(NEW) and not disk.pending
    assert len(disk.images) > 8 and set(disk.images) == {before, encode(NEW)}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "damaged"),
        (encode(NEW)[:-20], "damaged"),
        (os.urandom(500), "damaged"),
        (b"[" * 100_000, "damaged"),
        (encode(NEW).replace(b'"version":3', b'"version":4'), "checksum"),
        (encode(NEW).replace(b'"format":1', b'"format":2'), "a newer earshot"),
        (encode(NEW).replace(b'"format":1', b'"format":0'), "an older earshot"),
        (b'{"format":1,"sha256":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","state":[]}', "damaged"),
        (b" " * (5 * 1024 * 1024), "more than"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_put_aside_and_the_device_boots_with_its_own(tmp_path, data, why, caplog):
    store = Store(tmp_path / "state")
    store.save(NEW)
    store.path.write_bytes(data)
    with pytest.raises(StateDamaged, match=why):
        store.load()
    rig = Rig(tmp_path).boot(FILE).poll()
    assert rig.steward.problems == ("state_damaged",) and why in caplog.text
    assert store.path.with_name("config.json.bad").read_bytes() == data
    assert rig.push({"device.volume": 20}, 1).state == "applied"
    assert rig.boot().steward.problems == () and rig.running.device.volume == 20


def test_every_byte_of_the_file_that_is_changed_is_noticed_or_means_the_same(tmp_path):
    store, whole = Store(tmp_path), encode(NEW)
    for place in range(len(whole)):
        store.path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            assert store.load() == NEW
        except StateDamaged:
            continue


def test_a_full_card_leaves_the_file_of_before_and_no_half_one(tmp_path):
    class Full(Disk):
        def write(self, handle, data):
            if len(data) < 20:
                raise OSError(28, "No space left on device")
            return super().write(handle, data[:20])

    Store(tmp_path).save(OLD)
    with pytest.raises(StateUnwritable, match="No space left"):
        Store(tmp_path, Full()).save(NEW)
    assert Store(tmp_path).load() == OLD and os.listdir(tmp_path) == [NAME]


def test_a_link_in_place_of_the_temporary_file_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f".{NAME}.new").symlink_to(victim)
    with pytest.raises(StateUnwritable):
        Store(tmp_path).save(NEW)
    assert victim.read_text() == "precious"
    Store(tmp_path).save(NEW)  # and is gone the next time


def test_the_state_lies_where_systemd_says_else_in_the_users_own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("STATE_DIRECTORY", "/run/one:/run/two")
    assert state_folder() == Path("/run/one")
    monkeypatch.delenv("STATE_DIRECTORY")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_folder() == tmp_path / ".local/state/earshot"
    monkeypatch.setenv("XDG_STATE_HOME", "/srv/state")
    assert state_folder() == Path("/srv/state/earshot")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert state_folder() == Path("/var/lib/earshot")
