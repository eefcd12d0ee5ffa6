# Sourced by scripts/demo and scripts/test: brings this checkout to life on a bare Debian 12/13 or 64-bit Raspberry
# Pi OS. Idempotent; when nothing is missing it needs neither root nor network and takes well under a second.
#
#   setup_system PACKAGE...   Debian packages, installed only where missing, listed before
#   setup_python EXTRA...     .venv with this package (editable) and its extras, at the pinned versions

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=$ROOT/.venv

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'earshot: %s\n' "$*" >&2; exit 2; }

installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

# What a package is wanted for: a machine that has the thing from elsewhere (its own Python, its own compiler) does not
# need Debian's package.
present() {
  case $1 in
    python3-venv) [ -x "$VENV/bin/python" ] || usable_python >/dev/null ;;
    python3-dev) python_headers ;;
    gcc) command -v gcc >/dev/null ;;
    mosquitto) command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] ;;
    flite | pipewire | wireplumber | pipewire-pulse) command -v "$1" >/dev/null ;;
    *) installed "$1" ;;
  esac
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

python_headers() {
  # only PyAudio is compiled: with it in place no headers are needed
  [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -c 'import pyaudio' 2>/dev/null && return 0
  local p
  p=$(usable_python) || return 1
  [ -f "$("$p" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')/Python.h" ]
}

setup_system() {
  local missing=() package
  for package in "$@"; do present "$package" || missing+=("$package"); done
  [ ${#missing[@]} -eq 0 ] && return 0
  install_packages "${missing[@]}"
}

install_packages() {
  command -v apt-get >/dev/null ||
    die "these system packages are missing and there is no apt-get to install them: $* (install their equivalents, then run this again)"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      die "system packages are missing and there is no sudo: as root run 'apt-get install $*', then run this again"
    as_root=(sudo)
    [ -t 0 ] || sudo -n true 2>/dev/null ||
      die "system packages are missing and sudo wants a password: run 'sudo apt-get install $*', then run this again"
  fi
  say "installing system packages: $*"
  local log services_before
  log=$(mktemp)
  services_before=$(enabled_units)
  # no service may be started by the installation: an answer of 101 tells Debian's scripts so
  local policy=/usr/sbin/policy-rc.d made_policy=
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null && "${as_root[@]}" chmod 755 $policy && made_policy=1
  fi
  local failed=
  "${as_root[@]}" apt-get update -qq >"$log" 2>&1 || true
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >>"$log" 2>&1 || failed=1
  [ -n "$made_policy" ] && "${as_root[@]}" rm -f $policy
  if [ -n "$failed" ]; then
    local why
    why=$(grep -E '^(E|Err|W):' "$log" | head -1)
    rm -f "$log"
    die "apt-get could not install $*: ${why:-see apt-get install $*} (is there a network? 'apt-get install $*' tells more)"
  fi
  rm -f "$log"
  disable_new_units "$services_before" "${as_root[@]}"
}

# Units that are switched on, one a line: what is new after an installation was switched on by it.
enabled_units() { find /etc/systemd/system /etc/systemd/user -type l 2>/dev/null | sort; }

disable_new_units() {
  local before=$1 link
  shift
  comm -13 <(printf '%s\n' "$before") <(enabled_units) | while read -r link; do
    "$@" rm -f "$link"
  done
}

setup_python() {
  local extras=$1 stamp want python
  stamp=$VENV/.earshot-$(printf '%s' "$extras" | tr , -)
  want=$(cat "$ROOT/setup.cfg" "$ROOT/pyproject.toml" "$ROOT/constraints.txt" | sha256sum | cut -c1-16)-$ROOT
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && "$VENV/bin/python" -c '' 2>/dev/null; then
    return 0
  fi
  if ! "$VENV/bin/python" -c '' 2>/dev/null; then
    python=$(usable_python) || die "no Python from 3.11 to 3.13 with venv: install python3 and python3-venv (or set PYTHON=/path/to/python3)"
    say "making .venv with $("$python" --version)"
    rm -rf "$VENV"
    "$python" -m venv "$VENV" || die "'$python -m venv .venv' failed: install python3-venv, then run this again"
  fi
  say "installing Python packages into .venv (about 400 MB, some minutes on a Pi)"
  local log
  log=$(mktemp)
  if ! { "$VENV/bin/python" -m pip install -q --disable-pip-version-check -c "$ROOT/constraints.txt" setuptools wheel &&
    "$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-build-isolation -c "$ROOT/constraints.txt" -e "$ROOT[$extras]"; } >"$log" 2>&1; then
    local why
    if grep -qE 'portaudio.h|Python.h|gcc.*No such file|command .?(gcc|cc|aarch64-linux-gnu-gcc).? failed|unable to execute' "$log"; then
      why="PyAudio could not be compiled: install gcc, python3-dev and portaudio19-dev, then run this again"
    elif grep -qiE 'NewConnectionError|Temporary failure in name|Network is unreachable|ConnectionError|Read timed out|No matching distribution' "$log"; then
      why="the Python packages could not be downloaded: check the network, then run this again"
    else
      why=$(grep -E '^ *(ERROR|error):?' "$log" | head -1)
    fi
    cp "$log" "$VENV/install.log" 2>/dev/null
    rm -f "$log"
    die "${why:-pip failed} (details: .venv/install.log)"
  fi
  rm -f "$log"
  printf '%s' "$want" >"$stamp"
}
