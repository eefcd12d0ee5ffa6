"""The wheel holds everything that the package needs outside its checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GENERATED = ("__pycache__",)


def files_below(folder: Path) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in folder.rglob("*")
        if path.is_file() and not any(part in GENERATED for part in path.parts)
    }


def test_the_wheel_holds_all_code_data_models_and_units(tmp_path: Path) -> None:
    # built from a copy: setuptools leaves folders in the tree it builds from
    source = tmp_path / "source"
    source.mkdir()
    for name in ("device", "models", "systemd"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns(*GENERATED))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY.md"):
        shutil.copy(ROOT / name, source / name)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "-w", str(tmp_path), str(source)], check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("earshot-*.whl")
    held = {name.split(".data/data/share/earshot/")[-1] for name in zipfile.ZipFile(wheel).namelist()}
    wanted = files_below(ROOT / "device") | files_below(ROOT / "models") | files_below(ROOT / "systemd")
    assert wanted - held == set()
