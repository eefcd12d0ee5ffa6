"""The same rules for EMQX 5: terms of its ``acl.conf``, and the settings that go with them. Pure.

Not run against an EMQX here; that the terms are well formed and say the same as mosquitto's rules is tested. EMQX checks a
shared subscription by the topic behind ``$share/<group>/``, and checks rights when somebody subscribes, not when a message
is delivered.
"""

from __future__ import annotations

from device.fleet.description import Fleet
from device.fleet.rights import rights

RULES_FILE = "emqx-acl.conf"

HEAD = """\
%% Written by `earshot fleet`, for EMQX 5: authorization source "file". It needs, in emqx.conf:
%%
%%   authorization.no_match = deny
%%   authorization.deny_action = ignore
%%   mqtt.peer_cert_as_username = cn
%%   mqtt.peer_cert_as_clientid = cn
%%   listeners.ssl.default.ssl_options {
%%     cacertfile = "ca.crt", certfile = "broker.crt", keyfile = "broker.key"
%%     verify = verify_peer, fail_if_no_peer_cert = true, versions = ["tlsv1.3", "tlsv1.2"]
%%   }
%%
%% and no other listener. A certificate is user name and client id at once there, so an operator or Home Assistant is
%% connected once at a time. A revoked certificate stays good for EMQX until its own end unless it is told to fetch crl.pem
%% (enable_crl_check); without its lines below it may do nothing.
"""


def acl(fleet: Fleet) -> str:
    """The text of ``acl.conf``: the first line that fits decides, the last denies everything."""
    lines = []
    for member in fleet.members:
        mine = rights(member)
        readable = (*mine.read, *(topic for _, topic in mine.shared))
        for action, filters in (("publish", mine.write), ("subscribe", readable)):
            named = ", ".join(f'"{topic}"' for topic in filters)
            lines.append(f'{{allow, {{username, "{member.name}"}}, {action}, [{named}]}}.')
    return HEAD + "\n".join(["", *lines, "{deny, all}."]) + "\n"
