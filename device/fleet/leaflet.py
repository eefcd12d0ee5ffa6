"""What lies beside a member's certificate: the lines of its configuration, and where everything goes. Pure."""

from __future__ import annotations

from device.fleet.description import Broker, Member

_ETC = "/etc/earshot"
DROP_IN = "certificate.conf"
"""Name of the file that goes into the folder of systemd's drop-ins."""


def settings(member: Member, broker: Broker, folder: str) -> str | None:
    """``earshot.toml`` of a device, or of an operator whose commands read it from ``folder``; None for the others."""
    lines: list[str] = []
    if member.role == "device":
        lines += [
            f"# {member.name}: put these lines into {_ETC}/earshot.toml of the device.",
            "[device]",
            f'id = "{member.name}"',
        ]
        if member.group:
            lines.append(f'group = "{member.group}"')
        lines += ["", *_mqtt(broker.names[0], broker.port, member.name, _ETC, f"{member.name}.key")]
    elif member.role == "operator":
        lines += [
            f"# {member.name}: for commands like `earshot config push --config {folder}/earshot.toml ...`",
            *_mqtt(broker.names[0], broker.people_port, member.name, folder, f"{folder}/{member.name}.key"),
            f'username = "{member.name}"',
            f'password_file = "{folder}/{member.name}.password"',
        ]
    else:
        return None
    return "\n".join(lines) + "\n"


def drop_in(member: Member, broker: Broker) -> str | None:
    """How systemd hands the key over to a service that may not read it itself, and what a worker is started with; None where no
    service of ours runs."""
    name = member.name
    if member.role not in ("device", "worker"):
        return None
    text = f"[Service]\nLoadCredential={name}.key:{_ETC}/{name}.key\n"
    if member.role == "worker":
        text += f"ExecStart=\nExecStart=/opt/earshot/bin/earshot {_endpoint(member, broker, _ETC + '/')} --key-file {name}.key\n"
    return text


def words(member: Member, broker: Broker) -> str:
    """``README.txt``: what to do with the files."""
    name, host = member.name, broker.names[0]
    if member.role == "device":
        return f"""\
{name}, a device. On it, as root:

  install -d {_ETC} && install -m 644 ca.crt {name}.crt {_ETC}/ && install -m 600 {name}.key {_ETC}/
  install -D -m 644 {DROP_IN} /etc/systemd/system/earshot.service.d/{DROP_IN}
  systemctl daemon-reload

and put the lines of earshot.toml into {_ETC}/earshot.toml. The service runs as a user of its own that may not read the
key: systemd reads it and hands it over ({DROP_IN}). Then delete {name}.key here: nobody else needs it.
"""
    if member.role == "worker":
        return f"""\
{name}, a worker of pool {member.pool}. Its name at the broker is the one of its certificate:

  earshot {_endpoint(member, broker)} --key-file {name}.key

As a service it runs as a user of its own that may not read the key; systemd reads it and hands it over. As root:

  install -d {_ETC} && install -m 644 ca.crt {name}.crt {_ETC}/ && install -m 600 {name}.key {_ETC}/
  install -D -m 644 {DROP_IN} /etc/systemd/system/earshot-endpoint.service.d/{DROP_IN}
  systemctl daemon-reload && systemctl restart earshot-endpoint

{DROP_IN} has the command with these files; add --backend and what belongs to it there.
"""
    if member.role == "operator":
        return f"""\
{name}, an operator: sees everything but words, and may write configuration, commands and announcements. earshot.toml
is for the commands of earshot (`--config`). The files may be moved, then change the paths in it.
What a device takes without a signature is little; `earshot config keygen` makes the key that signs the rest.
"""
    if member.role == "homeassistant":
        return f"""\
{name}, a Home Assistant. Settings -> Devices & services -> MQTT:

  broker      {host}
  port        {broker.people_port}
  user name   {name}
  password    the line in {name}.password
  advanced    client ID {name} (it is bound to the user name; another one is refused)
              client certificate {name}.crt, private key {name}.key, broker certificate validation: custom, ca.crt
"""
    return f"""\
{name}: may change the rules of a running broker and nothing else. `earshot fleet apply` uses it from here.
"""


def _endpoint(member: Member, broker: Broker, folder: str = "") -> str:
    return (
        f"endpoint --name {member.name} --pool {member.pool} --host {broker.names[0]} --port {broker.port} "
        f"--ca-file {folder}ca.crt --cert-file {folder}{member.name}.crt"
    )


def _mqtt(host: str, port: int, name: str, folder: str, key_file: str) -> list[str]:
    return [
        "[mqtt]",
        f'host = "{host}"',
        f"port = {port}",
        "tls = true",
        f'ca_file = "{folder}/ca.crt"',
        f'cert_file = "{folder}/{name}.crt"',
        f'key_file = "{key_file}"',
    ]
