"""The broker's own configuration for mosquitto 2.0: two listeners, both closed to who has no certificate of the fleet. Pure."""

from __future__ import annotations

from device.fleet.description import Broker

CONFIG_FILE = "earshot.conf"
RULES_FILE = "dynamic-security.json"
PLUGIN = "mosquitto_dynamic_security.so"
"""Without a path: the dynamic linker finds it where the distribution put it, whatever the architecture."""

_HEAD = """\
# Written by `earshot fleet`. Goes into /etc/mosquitto/conf.d/; the other files into {folder}/.
per_listener_settings false
allow_anonymous false
plugin {plugin}
plugin_opt_config_file {rules}

# what the broker keeps must survive its restart: configuration is retained
persistence true
persistent_client_expiration 1d
max_inflight_messages 20
max_queued_messages 200
queue_qos0_messages false
max_packet_size 262144
max_keepalive 120
set_tcp_nodelay true
"""
_LISTENER = """
# {comment}
listener {port}{address}
cafile {folder}/ca.crt
certfile {folder}/broker.crt
keyfile {folder}/broker.key
crlfile {folder}/crl.pem
tls_version tlsv1.2
require_certificate true
"""
_IDENTITY = """\
use_identity_as_username true
use_username_as_clientid true
"""


def configuration(broker: Broker, rules: str = f"/var/lib/mosquitto/{RULES_FILE}", address: str = "") -> str:
    """The text of ``CONFIG_FILE``. ``rules``: where the plugin keeps its own file, writable for mosquitto; ``address``: listen
    there only.

    A certificate alone is enough on ``broker.port``: its name becomes user name and client id, so nobody takes another's.
    mosquitto asks no plugin there who may log in, so a client id could not be bound otherwise. On ``broker.people_port`` a
    password is asked for as well, and one user may be connected more than once.
    """
    where = f" {address}" if address else ""
    parts = {"folder": broker.folder, "address": where}
    return (
        _HEAD.format(folder=broker.folder, plugin=PLUGIN, rules=rules)
        + _LISTENER.format(
            comment="devices and workers: the certificate says who it is", port=broker.port, **parts
        )
        + _IDENTITY
        + _LISTENER.format(
            comment="operators and Home Assistant: a certificate and a password",
            port=broker.people_port,
            **parts,
        )
    )
