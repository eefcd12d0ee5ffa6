"""Room *config*: typed configuration, and the words of a language.

Enters: layers of tables, from a TOML or JSON file, from overrides, or pushed. Leaves: one frozen ``Config``, or a
``ConfigError`` that lists every problem; what each key is (``keys``), as a page (``reference``) and as a JSON Schema; the
``Words`` of a language. Thread: none. May import: nothing of the device but errors.
"""

from device.config.checking import check
from device.config.load import load, parse
from device.config.schema import Config
from device.config.words import Words, load_words

__all__ = ["Config", "Words", "check", "load", "load_words", "parse"]
