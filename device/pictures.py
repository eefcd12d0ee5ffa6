"""Pictures in files: whether one can be drawn is said before the work, not after it. Matplotlib is imported by who draws."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from device.errors import EarshotError

FORMATS = (".png", ".svg", ".pdf")


def require_matplotlib() -> None:
    """Raises ``EarshotError`` where it is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        raise EarshotError("the picture needs matplotlib, which is missing: pip install 'earshot[plot]'")


def require(path: Path) -> None:
    """Raises ``EarshotError`` where ``--plot path`` cannot become a picture."""
    if path.suffix.lower() not in FORMATS:
        raise EarshotError(f"--plot {str(path)!r}: the name must end in {', '.join(FORMATS)}")
    if not path.parent.is_dir():
        raise EarshotError(
            f"--plot {str(path)!r}: there is no folder {str(path.parent)!r}; make it, or name another file"
        )
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise EarshotError(f"--plot {str(path)!r}: no file can be written there; name another one")
    require_matplotlib()


def save(figure: Any, path: Path, **options: Any) -> None:
    """Write matplotlib's ``figure``; ``options`` are those of ``savefig``. Raises ``EarshotError`` where it cannot be."""
    try:
        figure.savefig(path, **options)
    except OSError as exc:
        raise EarshotError(f"the picture {str(path)!r} cannot be written: {exc.strerror or exc}") from exc
