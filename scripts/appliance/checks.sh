# shellcheck shell=bash
# What this machine must be, found before anything is changed; and which Debian packages are wanted.

ROOM_MB=800 # one environment is 310 MB; downloads and what pip unpacks come on top
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
  printf '%s\n' "${wanted[@]}"
}

missing_packages() {
  local package
  wanted_packages | while read -r package; do present "$package" || echo "$package"; done
}

setup_packages() {
  local missing
  # a run that was killed while it installed packages left this, and no service would be started by any package any more
  ! grep -qs 'set by earshot' $POLICY || rm -f $POLICY
  mapfile -t missing < <(missing_packages)
  # an installation of packages that was cut off leaves apt unable to do anything else
  if [ -n "$(dpkg --audit 2>/dev/null)" ]; then
    say "finishing an installation of packages that was cut off"
    DEBIAN_FRONTEND=noninteractive dpkg --configure -a >/dev/null 2>&1 </dev/null || true
  fi
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}" || fail "$WHY"
  # for lights and buttons only, and Raspberry Pi OS has it, plain Debian has not: nothing fails for want of it
  if ! present python3-lgpio && apt-cache show python3-lgpio >/dev/null 2>&1; then
    install_packages python3-lgpio || LATER+=("lights and buttons need python3-lgpio: $WHY")
  fi
}
