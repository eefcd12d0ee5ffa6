"""Room *config*: typed configuration, and the words of a language.

Enters: a TOML file and overrides. Leaves: one frozen ``Config``, or a ``ConfigError`` that lists every problem; the
``Words`` of a language. Thread: none. May import: nothing of the device but errors.
"""

from device.config.checking import check
from device.config.load import load, parse
from device.config.schema import Config
from device.config.words import Words, load_words

__all__ = ["Config", "Words", "check", "load", "load_words", "parse"]
