# shellcheck shell=bash disable=SC2034  # some names are for the scripts that source this file
# Sourced by scripts/demo and scripts/test: brings this checkout to life on a bare Debian 12/13 or 64-bit Raspberry
# Pi OS. Idempotent; when nothing is missing it needs neither root nor network and takes well under a second.
#
#   setup_system PACKAGE...   Debian packages, installed only where missing, listed before; 1 and $WHY where it cannot
#   setup_python EXTRA,...    .venv with this package (editable) and its extras, at the pinned versions
#   die WHY                   one line, exit code 2

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=$ROOT/.venv
WHY= # why a function below returned 1, for a person
unset PYTHONHOME PYTHONPATH
export PATH=$PATH:/usr/sbin:/sbin # dpkg and mosquitto; a plain `su` leaves them out

# What PyAudio, the only package without wheels, is compiled with; not needed any more once it is in place.
COMPILE_PACKAGES=(python3-dev gcc libc6-dev portaudio19-dev)

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'earshot: %s\n' "$*" >&2; exit 2; }

# ---------------------------------------------------------------------------------------------- system packages

setup_system() {
  local missing=() package
  for package in "$@"; do present "$package" || missing+=("$package"); done
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

# What a package is wanted for: a machine that has the thing from elsewhere (its own Python, its own compiler) does not
# need Debian's package.
present() {
  case $1 in
    python3 | python3-venv) venv_usable || usable_python >/dev/null ;;
    python3-dev) built || python_headers ;;
    gcc) built || command -v gcc >/dev/null ;;
    libc6-dev) built || has_header stdio.h ;;
    portaudio19-dev) built || has_header portaudio.h ;;
    mosquitto | flite | pipewire | wireplumber | pipewire-pulse | dbus-daemon) command -v "$1" >/dev/null ;;
    pulseaudio-utils) command -v pactl >/dev/null ;;
    *) installed "$1" ;;
  esac
}

installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

built() { venv_usable && "$VENV/bin/python" -c 'import pyaudio' 2>/dev/null; }

has_header() { printf '#include <%s>\n' "$1" | gcc -E - >/dev/null 2>&1 || [ -e "/usr/include/$1" ]; }

python_headers() {
  local p=$VENV/bin/python
  venv_usable || p=$(usable_python) || return 1
  [ -f "$("$p" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')/Python.h" ]
}

# The first Python of 3.11-3.13 that can make virtual environments.
usable_python() {
  local p
  for p in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    command -v "$p" >/dev/null || continue
    "$p" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue
    command -v "$p"
    return 0
  done
  return 1
}

# Installs Debian packages without a service of theirs being started or left switched on. Returns 1 and sets WHY if it cannot.
install_packages() {
  if ! command -v apt-get >/dev/null; then
    WHY="these packages are missing and there is no apt-get to install them: $* (install what corresponds to them here, then run this again)"
    return 1
  fi
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      WHY="system packages are missing and there is no sudo: as root run 'apt-get install $*', then run this again"
      return 1
    fi
    as_root=(sudo)
    if ! sudo -n true 2>/dev/null && { [ ! -t 0 ] || ! { say "system packages are missing, sudo may ask for your password: $*" && sudo true; }; }; then
      WHY="system packages are missing and sudo did not let in: run 'sudo apt-get install $*', then run this again"
      return 1
    fi
  fi
  say "installing system packages: $*"
  local log failed=
  log=$(mktemp)
  # in a subshell, whose trap puts things right also when it is interrupted
  (
    units=$(enabled_units)
    policy=$(hold_services "${as_root[@]}")
    trap 'release_services "$policy" "$units" "${as_root[@]}"; trap - EXIT' EXIT
    trap 'exit 130' INT TERM HUP
    [ -n "${APT_UPDATED:-}" ] || "${as_root[@]}" apt-get update 2>&1 | narrate "$log" || true
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
      apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" 2>&1 </dev/null | narrate "$log"
  ) || failed=$?
  APT_UPDATED=1
  if [ -n "$failed" ]; then
    [ "$failed" -ne 130 ] || { rm -f "$log"; exit 130; }
    WHY="apt-get could not install $*: $(apt_reason "$log")"
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

apt_reason() {
  if grep -qE 'Temporary failure resolving|Could not resolve|Could not connect|Cannot initiate the connection|Network is unreachable|Failed to fetch' "$1"; then
    echo "the network or its server cannot be reached; check it, then run this again"
  elif grep -q 'No space left on device' "$1"; then
    echo "the disk is full; make room, then run this again"
  else
    echo "$(grep -E '^E:' "$1" | head -1) ('apt-get install' tells more)"
  fi
}

# Debian's installation scripts start no service while /usr/sbin/policy-rc.d answers 101. Prints the file to remove
# again: ours, or one that a killed run of ours left; a machine's own stays.
POLICY=/usr/sbin/policy-rc.d
hold_services() {
  if [ -e $POLICY ] && ! grep -q 'set by earshot' $POLICY; then return 0; fi
  printf '#!/bin/sh\n# set by earshot while it installs packages\nexit 101\n' | "$@" tee $POLICY >/dev/null
  "$@" chmod 755 $POLICY
  echo $POLICY
}

release_services() {
  local policy=$1 before=$2 link
  shift 2
  [ -z "$policy" ] || "$@" rm -f "$policy"
  # what is new among the units that are switched on was switched on by this installation
  comm -13 <(printf '%s\n' "$before") <(enabled_units) | while read -r link; do
    case $link in
      /etc/rc*) "$@" update-rc.d "${link##*/S??}" disable >/dev/null 2>&1 || true ;;
      *) "$@" rm -f "$link" ;;
    esac
  done
}

enabled_units() {
  { find /etc/systemd/system /etc/systemd/user -type l 2>/dev/null
    find /etc/rc[2-5S].d -name 'S*' 2>/dev/null; } | LC_ALL=C sort
}

# ------------------------------------------------------------------------------------------------------- Python

# Whether .venv can be built on: its Python runs and is the one that its packages are for (an upgrade of the system may
# have brought another), and no installation into it was cut off half way.
venv_usable() { [ ! -e "$VENV/.installing" ] && "$VENV/bin/python" -c 'import pip' 2>/dev/null; }

setup_python() {
  local extras=$1 want
  want=$(cat "$ROOT/setup.cfg" "$ROOT/pyproject.toml" "$ROOT/constraints.txt" | sha256sum | cut -c1-16)
  ! up_to_date "$want" "$extras" || return 0
  [ -w "$ROOT" ] || die "$ROOT cannot be written to, .venv is made there: copy the checkout to a folder of yours and run it there"
  [ ! -e "$VENV" ] || [ -w "$VENV" ] || die "$VENV belongs to $(stat -c %U "$VENV"): remove it as that user, then run this again"
  exec 8<"$ROOT"
  flock -n 8 || { say "waiting for another set-up in this checkout"; flock 8; }
  if ! up_to_date "$want" "$extras"; then
    make_venv
    relocate
    install_python "$extras"
    printf '%s\n%s\n%s\n' "$want" "$ROOT" "$extras" >"$VENV/.earshot"
  fi
  exec 8<&-
}

# .venv/.earshot says what is in place: the pinned versions, where the checkout was, the extras.
up_to_date() {
  local has_want has_root has_extras extra
  venv_usable && [ -f "$VENV/.earshot" ] || return 1
  { read -r has_want && read -r has_root && read -r has_extras; } <"$VENV/.earshot" || return 1
  [ "$has_want" = "$1" ] && [ "$has_root" = "$ROOT" ] || return 1
  for extra in ${2//,/ }; do
    [[ ,$has_extras, == *,$extra,* ]] || return 1
  done
}

make_venv() {
  ! venv_usable || return 0
  local python
  python=$(usable_python) || die "no Python from 3.11 to 3.13 with venv here ($(python3 --version 2>&1 || true)): it comes with Debian 12 and 13 (python3, python3-venv); if you have one elsewhere, set PYTHON=/path/to/python3"
  if [ -e "$VENV" ]; then say "making .venv anew with $("$python" --version): what is there was cut off or is for another Python"
  else say "making .venv with $("$python" --version)"; fi
  rm -rf "$VENV"
  mkdir "$VENV" && touch "$VENV/.installing"
  local trouble
  trouble=$("$python" -m venv "$VENV" 2>&1) ||
    die "'$python -m venv .venv' failed: $(printf '%s' "$trouble" | grep -v '^$' | tail -1)"
  rm "$VENV/.installing"
}

# The checkout was moved or copied: the programs in .venv/bin carry its old place.
relocate() {
  local was=
  [ ! -f "$VENV/.earshot" ] || was=$(sed -n 2p "$VENV/.earshot")
  if [ -z "$was" ] || [ "$was" = "$ROOT" ]; then return 0; fi
  say "this checkout was at $was before: adapting .venv"
  find "$VENV/bin" -type f -exec grep -lIF "$was/.venv" {} + | while read -r file; do
    sed -i "s|$was/.venv|$VENV|g" "$file"
  done
}

install_python() {
  say "installing Python packages into .venv (about 200 MB to download; a minute or some, on a Raspberry Pi more)"
  local log=$VENV/install.log failed=
  : >"$log"
  touch "$VENV/.installing"
  # downloads wait in TMPDIR: /tmp may be a small one in memory
  local tmp=$VENV/tmp
  mkdir -p "$tmp"
  { pip -c "$ROOT/constraints.txt" setuptools wheel &&
    pip --no-build-isolation -c "$ROOT/constraints.txt" -e "${ROOT}[$1]"; } || failed=1
  rm -rf "$tmp"
  if [ -n "$failed" ]; then
    # up to here pip had only downloaded: .venv is as it was
    grep -q '^Installing collected packages.*ai-edge-litert' "$log" || rm -f "$VENV/.installing"
    die "$(pip_reason "$log") (details: .venv/install.log)"
  fi
  rm -f "$VENV/.installing"
}

pip() {
  TMPDIR=$VENV/tmp PYTHONUNBUFFERED=1 "$VENV/bin/python" -m pip install --no-input --progress-bar off \
    --disable-pip-version-check "$@" 2>&1 </dev/null | narrate "$VENV/install.log"
}

pip_reason() {
  if grep -q 'No space left on device' "$1"; then
    echo "the disk is full; .venv needs about 700 MB: make room, then run this again"
  elif grep -qE 'portaudio\.h|Python\.h|command .*(gcc|cc).* failed|unable to execute' "$1"; then
    echo "PyAudio could not be compiled: install gcc, libc6-dev, python3-dev and portaudio19-dev, then run this again"
  elif grep -q 'CERTIFICATE_VERIFY_FAILED' "$1"; then
    echo "the package server's certificate is not accepted here: check the clock ($(date +%F)) and the network, then run this again"
  elif grep -qE 'NewConnectionError|NameResolutionError|Temporary failure in name|Network is unreachable|Connection ?(Error|refused|reset)|Read timed out|ConnectTimeout|Retrying \(' "$1"; then
    echo "the Python packages could not be downloaded: check the network, then run this again"
  else
    echo "pip could not install the Python packages: $(grep -E '^ *(ERROR|error):?' "$1" | tail -1)"
  fi
}

# ----------------------------------------------------------------------------------------------------- progress

# Copies what a long command says into a log and shows that something happens: in a terminal the newest line and the
# seconds, elsewhere a line every 15 s.
narrate() {
  local log=$1 line='' next began=$SECONDS shown=$SECONDS width=80 live=
  if [ -t 2 ]; then
    live=1
    width=$({ stty size <&2 | cut -d' ' -f2; } 2>/dev/null) || true
    [ "${width:-0}" -gt 20 ] || width=80
  fi
  while true; do
    if IFS= read -r -t 1 next; then
      printf '%s\n' "$next" >>"$log"
      [ -z "${next// /}" ] || line=${next#"${next%%[! ]*}"}
    elif [ $? -le 128 ]; then
      break # the end; more than 128 is a pause
    fi
    if [ -n "$live" ]; then
      printf '\r\033[K    %3d s  %s' $((SECONDS - began)) "${line:0:width-12}" >&2
    elif [ $((SECONDS - shown)) -ge 15 ]; then
      shown=$SECONDS
      printf '    %3d s  %s\n' $((SECONDS - began)) "${line:0:100}" >&2
    fi
  done
  [ -z "$live" ] || printf '\r\033[K' >&2
}
