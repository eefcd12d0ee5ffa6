"""Room *orders*: what others on the broker may tell the device to do or to say, each order done at most once.

Enters: ``Cmd`` and ``Say`` as the link decoded them; what became of an announcement (``Announced``) and of a changed key; the
passing of time. Leaves: calls of ``Hands``, which the daemon gives it, and one ``OrderAck`` for each id. Thread: the ear's; no
call blocks and none raises for what an order says. May import: values, errors, config, link, skills.

    dn/cmd, dn/say ──► Orders.receive ──► Once (the same id again: the same ack again)
                            ├──► commands.parse ──► Hands: volume, mute, stop, listen ...
                            ├──► Timers (device/skills)
                            └──► Hands.announce ──► conversation ──Announced──► Orders.announced
    up/ack ◄── Orders.acks

``commands`` is the table of what there is, from which ``earshot send --help`` is made, too; ``once`` remembers ids, ``orders``
carries out, ``alarms`` lets timers ring. ``command``, ``saying`` and ``sender`` are the other side: ``earshot send`` and
``earshot say --device``. Nothing is imported here: the command line wants the table only.
"""
