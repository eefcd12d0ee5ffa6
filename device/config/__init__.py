"""Room *config*: typed, layered configuration.

Enters: TOML files and overrides. Leaves: one frozen ``Config``. Thread: none. May import: nothing of the device
but errors.
"""

from device.config.schema import Config

__all__ = ["Config"]
