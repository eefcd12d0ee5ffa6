"""paho's client, which also tells why a connect failed: its ``on_connect_fail`` does not say."""

from __future__ import annotations

from typing import Any

import paho.mqtt.client as paho


class TellingClient(paho.Client):
    """``failure``: what ended the last try to connect; None when it went well."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.failure: Exception | None = None

    def reconnect(self) -> Any:
        """As paho's, which calls it for every connect; raises nothing but ``OSError``: anything else ends its thread."""
        self.failure = None
        try:
            return super().reconnect()
        except OSError as exc:
            self.failure = exc
            raise
        except Exception as exc:  # a host that is no name, files of credentials, a property that has no room
            self.failure = exc
            raise OSError(str(exc)) from exc
