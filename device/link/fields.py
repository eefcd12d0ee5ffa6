"""What the fields of messages are made of: text and numbers within bounds."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

# \Z and not $, which also matches before a final newline; a worker's name becomes part of a topic.
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
TurnId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,64}\Z")]
Count = Annotated[int, Meta(ge=0, le=2**31)]
Code = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=8192)]
