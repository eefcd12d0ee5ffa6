"""That the microphone is closed by hand, over a restart: a file that is there, or not. Nothing is in it that could be damaged."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

NAME = "microphone-closed"


class Mark:
    """In ``folder``; None: nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self.path = None if folder is None else folder / NAME

    def read(self) -> bool:
        """Whether it was closed. A folder that cannot be read has none."""
        return self.path is not None and self.path.exists()

    def write(self, closed: bool) -> None:
        """From now on. Raises ``OSError``, and then it is as it was."""
        if self.path is None:
            return
        if closed:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        else:
            self.path.unlink(missing_ok=True)
        with contextlib.suppress(
            OSError
        ):  # some file systems know no such thing; the name is there all the same
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
