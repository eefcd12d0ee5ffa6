"""Room *endpoint*: answers turns; a process of its own, on the device or on a server.

Enters: ``open`` and control messages from any device of the pool. Leaves: ``ack``, ``delta``, ``end``, ``err``.
Thread: one asyncio loop; paho's network thread hands messages over to it. May import: config, and of the link its
messages, topics and broker client. No sound, no models: it runs where only Python does.

    $share/<pool>/.../turn/<pool> ─► Worker ─► Backend.stream() ─► Batcher ─► delta, delta ... end ─► d/<dev>/dn/turn
    d/+/up/ctl/<worker> ───────────►   │       (builtin, openai)
                                       └─ cancel: the task is cancelled, and with it the HTTP stream
"""
