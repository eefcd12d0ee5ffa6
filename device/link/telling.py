"""paho's client, which also tells why a connect failed (its ``on_connect_fail`` does not say), and waits where it may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho


class TellingClient(paho.Client):
    """``wait`` is called before each try to connect; it may take its time, and raise ``OSError`` to have none.

    Not in ``on_pre_connect``: by then paho has set its keep-alive running, and hangs up on every broker that answers later
    than that.
    """

    def __init__(self, *args: Any, wait: Callable[[], None], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.failure: Exception | None = None
        """What ended the last try to connect; None when it went well."""
        self._wait_for_it = wait

    def reconnect(self) -> Any:
        """As paho's, which calls it for every connect; raises nothing but ``OSError``: anything else ends its thread."""
        self.failure = None
        try:
            self._wait_for_it()
            return super().reconnect()
        except OSError as exc:
            self.failure = exc
            raise
        except Exception as exc:  # a host that is no name, files of credentials, a property that has no room
            self.failure = exc
            raise OSError(str(exc)) from exc
