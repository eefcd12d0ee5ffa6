"""How topics are subscribed to: what of the broker's retained messages is wanted."""

from __future__ import annotations

from typing import Any


def wishes(topics: tuple[str, ...], retained: bool | frozenset[str]) -> list[tuple[str, Any]]:
    """(topic, paho's ``SubscribeOptions``) of each; ``retained``: whether what the broker keeps is wanted, or of which."""
    from paho.mqtt.subscribeoptions import SubscribeOptions

    def options(topic: str) -> SubscribeOptions:
        # requests and answers are never retained: what is, somebody has planted
        wanted = retained if isinstance(retained, bool) else topic in retained
        handling = (
            SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE if wanted else SubscribeOptions.RETAIN_DO_NOT_SEND
        )
        # as published: else what is planted while we are connected looks like any other message
        return SubscribeOptions(qos=1, retainAsPublished=not wanted, retainHandling=handling)

    return [(topic, options(topic)) for topic in topics]
