# shellcheck shell=bash disable=SC2034,SC2086  # names that are read elsewhere; names of units
# Users, folders, units, the configuration, the private broker, the endpoint: each put in place where it is missing or old.

MQTT_HOST='' MQTT_PORT='' MQTT_TLS='' MQTT_USER='' # of a broker that was named
CHANGED=    # something that a running service must be restarted for
OWN_BROKER= # 1 where earshot-broker is (to be) used
HAND=installed.conf # name of the drop-in that the installer writes; others are other people's

put_units() {
  local share=$OPT/share/earshot/systemd unit
  put "$SYSUSERS" 644 <"$share/sysusers.conf" || true
  put "$TMPFILES" 644 <"$share/tmpfiles.conf" || true
  if [ -z "$DESTDIR" ]; then
    systemd-sysusers "$SYSUSERS" 2>/dev/null || fail "the users of the services could not be made: $(systemd-sysusers "$SYSUSERS" 2>&1 | tail -1)"
    systemd-tmpfiles --create "$TMPFILES" 2>/dev/null || true
  fi
  mkdir -p "$ETC" "$BROKER_ETC/conf.d"
  for unit in $DEVICE $ENDPOINT ${OWN_BROKER:+$BROKER}; do
    if put "$UNITS/$unit" 644 <"$share/$unit"; then CHANGED=1; fi
  done
  if [ "$(systemd_version)" -ge 254 ] && put "$UNITS/$DEVICE.d/systemd-254.conf" 644 <"$share/systemd-254/earshot.conf"; then CHANGED=1; fi
  if ! systemd_runs; then return 0; fi
  systemctl daemon-reload
}

systemd_version() { systemctl --version | awk 'NR == 1 { print int($2) }'; }

# ------------------------------------------------------------------------------------------------------ broker

# A broker of ours where none was named: at the first installation, and where it is already. A configuration that is there
# without one knows its broker itself.
decide_broker() {
  OWN_BROKER=
  if [ -n "$BROKER_URL" ]; then
    [ ! -e "$UNITS/$BROKER" ] || LATER+=("$BROKER is there and stays on; where nothing uses it: systemctl disable --now earshot-broker")
  elif [ -e "$UNITS/$BROKER" ] || [ -e "$BROKER_ETC/conf.d/listener.conf" ] || [ ! -e "$ETC/earshot.toml" ]; then
    OWN_BROKER=1
  fi
}

put_broker() {
  [ -n "$OWN_BROKER" ] || return 0
  local share=$OPT/share/earshot/systemd
  [ -e "$BROKER_ETC/conf.d/listener.conf" ] ||
    put "$BROKER_ETC/conf.d/listener.conf" 644 < <(sed "s/^listener 1883 /listener $(broker_port) /" "$share/listener.conf")
  if put "$BROKER_ETC/mosquitto.conf" 644 <"$share/mosquitto.conf" && systemd_runs; then systemctl try-restart $BROKER; fi
}

# Where ours listens, or will: the first port from 1883 on that nobody has, now or after the next start of the machine.
broker_port() {
  local port=1883 has
  has=$(awk '$1 == "listener" { print $2; exit }' "$BROKER_ETC/conf.d/listener.conf" 2>/dev/null || true)
  if [ -n "$has" ]; then echo "$has"; return; fi
  if systemctl is-enabled --quiet mosquitto.service 2>/dev/null; then port=1884; fi
  while listens "$port"; do port=$((port + 1)); done
  echo "$port"
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# mqtt[s]://[USER@]HOST[:PORT] as MQTT_HOST, MQTT_PORT, MQTT_TLS, MQTT_USER; nothing for our own.
read_broker_url() {
  MQTT_HOST='' MQTT_PORT='' MQTT_TLS='' MQTT_USER=''
  [ -n "$BROKER_URL" ] || return 0
  [[ $BROKER_URL =~ ^(mqtts?)://(([^@/]+)@)?(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9_.-]+)(:([0-9]{1,5}))?/?$ ]] ||
    die "--broker $BROKER_URL: must be mqtt://HOST, mqtts://HOST:PORT or mqtts://USER@HOST"
  [ "${BASH_REMATCH[1]}" = mqtt ] || MQTT_TLS=1
  MQTT_USER=${BASH_REMATCH[3]}
  MQTT_HOST=${BASH_REMATCH[4]//[\[\]]/}
  MQTT_PORT=${BASH_REMATCH[6]:-$([ -n "$MQTT_TLS" ] && echo 8883 || echo 1883)}
  [[ $MQTT_USER =~ ^[A-Za-z0-9_.-]*$ ]] ||
    die "--broker: a user name has letters, digits, . _ and - only, and no password is written there, where others see it: it is asked for, or taken from $CREDENTIALS/earshot.mqtt-password"
}

# The password of MQTT_USER is where systemd finds it, and nobody else.
put_password() {
  local file=$CREDENTIALS/earshot.mqtt-password password=${EARSHOT_MQTT_PASSWORD:-}
  [ -n "$MQTT_USER" ] && [ ! -s "$file" ] || return 0
  if [ -z "$password" ] && [ -t 0 ] && [ -t 2 ]; then
    read -r -s -p "    password of $MQTT_USER at $MQTT_HOST: " password
    echo >&2
  fi
  if [ -z "$password" ]; then
    LATER+=("the broker's password of $MQTT_USER: write it into $file (mode 600), then systemctl restart earshot")
    return 0
  fi
  (umask 077; mkdir -p "$CREDENTIALS"; put "$file" 600 < <(printf '%s\n' "$password"))
}

# ----------------------------------------------------------------------------------------------- configuration

put_config() {
  local port given=() key=''
  [ -z "$OWN_BROKER" ] || port=$(broker_port)
  if [ -n "$MQTT_HOST" ]; then
    given=("mqtt.host=\"$MQTT_HOST\"" "mqtt.port=$MQTT_PORT")
    [ -z "$MQTT_TLS" ] || given+=("mqtt.tls=true")
    [ -z "$MQTT_USER" ] || given+=("mqtt.username=\"$MQTT_USER\"" 'mqtt.password_file="mqtt-password"')
  elif [ -n "$OWN_BROKER" ] && [ "$port" != 1883 ]; then
    given=("mqtt.port=$port")
  fi
  if [ -e "$ETC/earshot.toml" ]; then
    for key in "${given[@]}"; do
      config_has "$key" || LATER+=("$ETC/earshot.toml is yours and stays as it is; what you asked for needs in it: ${given[*]}")
      break
    done
    return 0
  fi
  local options=(--set "device.id=\"$(device_id)\"")
  for key in "${given[@]}"; do options+=(--set "$key"); done
  "$OPT/bin/earshot" config docs --toml "${options[@]}" >"$ETC/earshot.toml.new" || fail "no configuration could be written to $ETC (see above)"
  chmod 644 "$ETC/earshot.toml.new"
  mv -n "$ETC/earshot.toml.new" "$ETC/earshot.toml"
}

# Whether the configuration is in force as if SECTION.KEY=VALUE was set in it, too.
config_has() {
  local earshot=$OPT/bin/earshot
  [ "$("$earshot" config show --config "$ETC/earshot.toml" --json 2>/dev/null)" = \
    "$("$earshot" config show --config "$ETC/earshot.toml" --set "$1" --json 2>/dev/null)" ]
}

# The machine's name as a device may be called.
device_id() {
  local name
  name=$(uname -n | tr '[:upper:]' '[:lower:]' | sed 's/\..*//; s/[^a-z0-9-]/-/g' | cut -c1-32)
  # what every machine is called says nothing
  case $name in localhost | raspberrypi | "" | ? | ??) name=earshot ;; esac
  echo "$name"
}

# An old configuration that the new version refuses: told before anything is switched.
check_config() {
  [ -e "$ETC/earshot.toml" ] || return 0
  local said
  said=$("$OPT/$1/bin/earshot" config check "$ETC/earshot.toml" 2>&1) || {
    printf '%s\n' "$said" >&2
    [ "$1" = "$(current)" ] || rm -rf "${OPT:?}/$1"
    fail "this version does not take $ETC/earshot.toml (see above): put it right, then run this again; nothing was switched"
  }
}

# ---------------------------------------------------------------------------------------------------- endpoint

# Who answers: the options given, as a drop-in. Without any the unit's built-in answers, on the broker of this machine.
put_endpoint() {
  local words=() model=$MODEL port
  if [ -n "$ENDPOINT_URL" ]; then
    [ -n "$model" ] || model=$(first_model)
    if [ -z "$model" ]; then
      LATER+=("$ENDPOINT_URL does not say which models it has: run this again with --model NAME when it is up; until then answers are the built-in ones")
    else
      words+=(--backend openai --base-url "$ENDPOINT_URL" --model "$model")
      [ ! -e "$CREDENTIALS/earshot.openai" ] || words+=(--api-key-file openai)
    fi
  fi
  if [ -n "$MQTT_HOST" ]; then
    words+=(--host "$MQTT_HOST" --port "$MQTT_PORT")
    [ -z "$MQTT_TLS" ] || words+=(--tls)
    [ -z "$MQTT_USER" ] || words+=(--username "$MQTT_USER" --password-file mqtt-password)
  elif [ -n "$OWN_BROKER" ]; then
    port=$(broker_port)
    [ "$port" = 1883 ] || words+=(--port "$port")
  fi
  # of a run without options what was chosen before stays
  [ ${#words[@]} -gt 0 ] && { [ -n "$ENDPOINT_URL$BROKER_URL" ] || [ ! -e "$UNITS/$ENDPOINT.d/$HAND" ]; } || return 0
  if put "$UNITS/$ENDPOINT.d/$HAND" 644 < <(
    printf '# written by scripts/install\n[Service]\nExecStart=\nExecStart=/opt/earshot/bin/earshot endpoint%s\n' \
      "$(printf ' %s' "${words[@]//%/%%}")"
  ) && systemd_runs; then
    systemctl daemon-reload
    systemctl try-restart $ENDPOINT
  fi
}

check_endpoint_url() {
  [ -z "$ENDPOINT_URL" ] || [[ $ENDPOINT_URL =~ ^https?://[][A-Za-z0-9._~:/@%+-]+$ ]] ||
    die "--endpoint $ENDPOINT_URL: must be the http:// or https:// address of an OpenAI-compatible server, e.g. http://127.0.0.1:11434/v1"
  [ -z "$MODEL" ] || [[ $MODEL =~ ^[][A-Za-z0-9._:/@+-]+$ ]] || die "--model $MODEL: must be a name as the server has it"
}

# The first model that the server names; nothing where it cannot be asked.
first_model() {
  "$OPT/current/bin/python" - "${ENDPOINT_URL%/}/models" "$CREDENTIALS/earshot.openai" <<'PYTHON' 2>/dev/null | grep -xE '[][A-Za-z0-9._:/@+-]+' || true
import pathlib
import sys

import httpx

key = pathlib.Path(sys.argv[2])
headers = {"Authorization": "Bearer " + key.read_text().split("\n")[0].strip()} if key.exists() else {}
print(httpx.get(sys.argv[1], headers=headers, timeout=5).json()["data"][0]["id"])
PYTHON
}

# Which of the services are wanted: an endpoint where the broker is ours, or where one was asked for (then it has a drop-in).
wanted_units() {
  [ -z "$OWN_BROKER" ] || echo $BROKER
  if [ -n "$OWN_BROKER" ] || [ -n "$ENDPOINT_URL" ]; then echo $ENDPOINT; fi
  echo $DEVICE
}

# Switched on at the first installation only: who has switched one off means it. An endpoint also when it is asked for.
enable_units() {
  [ -z "$DESTDIR" ] || return 0
  local unit units=()
  if ! proven "$(current)" && ! proven "$(previous)"; then mapfile -t units < <(wanted_units)
  elif [ -n "$ENDPOINT_URL" ]; then units=("$ENDPOINT"); fi
  for unit in "${units[@]}"; do systemctl enable --quiet "$unit" || fail "systemctl enable $unit failed (see above)"; done
}
