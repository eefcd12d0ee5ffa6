# shellcheck shell=bash
# What this machine must be, found before anything is changed; and which Debian packages are wanted.

ROOM_MB=1200 # for one environment, and what pip unpacks meanwhile
STATE_MB=150 # for the model of the recogniser

check_machine() {
  local bits name
  bits=$(dpkg --print-architecture 2>/dev/null) || die "this is no Debian or Raspberry Pi OS (there is no dpkg): see docs/systemd.md for how to do it by hand"
  case $bits in
    amd64 | arm64) ;;
    *) die "this system is of $bits, and what earshot is built on is only there for 64 bits: write the 64-bit Raspberry Pi OS to the card (a 64-bit kernel alone does not do)" ;;
  esac
  name=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null) || true
  case $name in
    bookworm | trixie) ;;
    *) note "not tried on ${name:-this release}: Debian 12 (bookworm) and 13 (trixie) are; going on" ;;
  esac
  command -v systemctl >/dev/null || die "there is no systemd here, by which earshot is run: start '.venv/bin/earshot run' by what is there instead"
  [ ! -e "$OPT/pyvenv.cfg" ] || die "an environment that was made by hand is in $OPT: move it away (mv $OPT $OPT.by-hand), then run this again; configuration and state stay"
}

check_room() {
  local free
  free=$(free_mb "$OPT")
  [ "$free" -ge $ROOM_MB ] || die "$free MB are free at $OPT and $ROOM_MB MB are needed: make room, then run this again (nothing was changed)"
  free=$(free_mb "$STATE")
  [ "$free" -ge $STATE_MB ] || die "$free MB are free at $STATE and $STATE_MB MB are needed: make room, then run this again (nothing was changed)"
}

# [MB] free where PATH is, or is going to be.
free_mb() {
  local path=$1
  while [ ! -e "$path" ]; do path=$(dirname "$path"); done
  df -Pm "$path" | awk 'NR == 2 { print $4 }'
}

# The packages that are wanted, present or not. With prepared wheels nothing is compiled.
wanted_packages() {
  local wanted=(python3 python3-venv)
  if [ -n "$OFFLINE" ] && compgen -G "$OFFLINE/wheels/[Pp]y[Aa]udio-*.whl" >/dev/null; then wanted+=(libportaudio2)
  else wanted+=("${COMPILE_PACKAGES[@]}"); fi
  [ -z "$OWN_BROKER" ] || wanted+=(mosquitto)
  # for lights and buttons; Debian and Raspberry Pi OS have it, PyPI has it for Python 3.11 only
  if apt-cache show python3-lgpio >/dev/null 2>&1; then wanted+=(python3-lgpio); fi
  printf '%s\n' "${wanted[@]}"
}

missing_packages() {
  local package
  wanted_packages | while read -r package; do present "$package" || echo "$package"; done
}

setup_packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -gt 0 ] || return 0
  # an installation of packages that was cut off leaves apt unable to do anything else
  [ -z "$(dpkg --audit 2>/dev/null)" ] || { say "finishing an installation of packages that was cut off"; DEBIAN_FRONTEND=noninteractive dpkg --configure -a >/dev/null 2>&1 </dev/null || true; }
  # a list of packages that has never been fetched does not name python3-lgpio
  install_packages "${missing[@]}" || fail "$WHY"
  present python3-lgpio || ! apt-cache show python3-lgpio >/dev/null 2>&1 || install_packages python3-lgpio || LATER+=("lights and buttons need python3-lgpio: $WHY")
}
