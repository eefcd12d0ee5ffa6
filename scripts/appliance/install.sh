# shellcheck shell=bash
# The order of the steps; scripts/install and scripts/upgrade differ in their options only.

ENDPOINT_URL='' MODEL='' BROKER_URL='' OFFLINE='' EXTRAS='' YES='' DRY_RUN='' PREPARE=''
PROVE_S=60

folder=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=scripts/appliance/common.sh
source "$folder/common.sh"
# shellcheck source=scripts/appliance/checks.sh
source "$folder/checks.sh"
# shellcheck source=scripts/appliance/environment.sh
source "$folder/environment.sh"
# shellcheck source=scripts/appliance/services.sh
source "$folder/services.sh"
# shellcheck source=scripts/appliance/models.sh
source "$folder/models.sh"
# shellcheck source=scripts/appliance/prove.sh
source "$folder/prove.sh"
# an environment is built by what the system has, whatever a checkout's .venv has
VENV=/nonexistent

options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}"; continue ;;
      --endpoint | --model | --broker | --offline | --extras | --prove-s | --prepare)
        [ $# -ge 2 ] && [ -n "$2" ] || die "$1 needs a value (see $0 --help)" ;;
    esac
    case $1 in
      --endpoint) ENDPOINT_URL=$2; shift ;;
      --model) MODEL=$2; shift ;;
      --broker) BROKER_URL=$2; shift ;;
      --offline) OFFLINE=$2; shift ;;
      --extras) EXTRAS=$2; shift ;;
      --prove-s) PROVE_S=$2; shift ;;
      --prepare) PREPARE=$2; shift ;;
      --yes) YES=1 ;;
      --dry-run) DRY_RUN=1 ;;
      -h | --help) usage; exit 0 ;;
      *) die "$1 is no option of $(basename "$0") (see $0 --help)" ;;
    esac
    shift
  done
  [[ $PROVE_S =~ ^[0-9]{1,4}$ ]] || die "--prove-s $PROVE_S: must be a whole number of seconds up to 9999"
  [[ $EXTRAS =~ ^[a-z,]*$ ]] || die "--extras $EXTRAS: must be names of setup.cfg, as kokoro,turn"
  check_endpoint_url
  read_broker_url
  [ -z "$OFFLINE" ] || [ -d "$OFFLINE/wheels" ] || die "--offline $OFFLINE: there is no folder wheels in it; make it where there is network: scripts/install --prepare DIR"
  [ -z "$OFFLINE" ] || OFFLINE=$(cd "$OFFLINE" && pwd)
}

# What is going to be done, before anything is.
plan() {
  local missing have=''
  have=$(current)
  missing=$(missing_packages | paste -sd ' ')
  say "earshot $(source_version) ${have:+(in place: $(version_of "$have")) }on $(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release), $(uname -m)"
  note "packages     ${missing:-all there}"
  note "environment  $OPT${OFFLINE:+, from $OFFLINE}${EXTRAS:+, with $EXTRAS}"
  note "services     $(wanted_units | paste -sd ' ') in $UNITS; users earshot${OWN_BROKER:+, earshot-broker}"
  if [ -e "$ETC/earshot.toml" ]; then note "settings     $ETC/earshot.toml stays as it is"
  else note "settings     $ETC/earshot.toml, every key commented out"; fi
  if [ -n "$OWN_BROKER" ]; then note "broker       one of its own at 127.0.0.1:$(broker_port), for this machine only"
  else note "broker       ${BROKER_URL:-as configured}"; fi
  note "endpoint     ${ENDPOINT_URL:-${OWN_BROKER:+built-in answers, until there is another (--endpoint URL)}}"
  note "models       $(if [ -n "$OFFLINE" ]; then cd "$OFFLINE/models" 2>/dev/null && paste -sd ' ' < <(ls); else echo "${MODELS[*]}"; fi)"
}

install_all() {
  [ -z "$PREPARE" ] || { prepare "$PREPARE"; return 0; }
  check_machine
  decide_broker
  [ -n "$EXTRAS" ] || EXTRAS=$(extras_of "$(current)")
  if [ -n "$DRY_RUN" ]; then plan; note "nothing was changed (--dry-run)"; return 0; fi
  as_root_or_die
  only_one
  umask 022
  [ "$(made_of "$(current)")" = "$(source_digest "$EXTRAS")" ] || check_room
  plan
  confirm
  look_at_service
  setup_packages
  make_environment "$EXTRAS"
  check_config "$ENV"
  [ "$ENV" = "$(current)" ] || CHANGED=1
  switch_to "$ENV"
  say "users, units, settings"
  put_units
  put_broker
  put_password
  put_config
  put_endpoint
  put_models
  enable_units
  start_services
  drop_old
  say "earshot $(version_of "$(current)") is in place"
  told_later
  doctor
}

# The verdict is told and decides nothing: a missing sound card is no failure of the installation.
doctor() {
  systemd_runs || return 0
  say "earshot doctor"
  "$OPT/bin/earshot" doctor >&2 || note "what it found does not undo the installation; afterwards: sudo $OPT/bin/earshot doctor"
}
