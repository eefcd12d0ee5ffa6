"""One thing that is wrong with a configuration: a line for people, with the key and a code for programs."""

from __future__ import annotations

from typing import Self

Code = str
"""wrong_type, out_of_range, unknown_key, contradiction; of the meaning: model_missing, file_missing ...; of the rules: needs_signature, local_only."""


class Fault(str):
    """The line itself (it names key, value, allowed range and mend), with ``path`` (``"wake.threshold"``; of a contradiction the
    first key of it) and ``code``."""

    path: str
    code: Code

    def __new__(cls, line: str, path: str, code: Code) -> Self:
        self = super().__new__(cls, line)
        self.path, self.code = path, code
        return self
