"""Room *configure*: ``earshot config``, the owner's side of configuration: read it, check it, sign it, push it.

Enters: a command line. Leaves: text or JSON, and an exit code: 0 done, 1 tried and failed, 2 cannot be tried. Thread: the
caller's. May import: config, link, settings (the signed envelope, what the device keeps), disk, values, errors.
"""
