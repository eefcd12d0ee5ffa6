"""Room *config*: typed configuration.

Enters: a TOML file and overrides. Leaves: one frozen ``Config``, or a ``ConfigError`` that lists every problem.
Thread: none. May import: nothing of the device but errors.
"""

from device.config.load import check, load, parse
from device.config.schema import Config

__all__ = ["Config", "check", "load", "parse"]
