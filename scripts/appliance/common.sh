# shellcheck shell=bash disable=SC2034  # some names are for the scripts that source this file
# Sourced by scripts/install, upgrade and uninstall: where everything goes, and how a file gets there whole.
#
# No log is kept of what has been done: each step looks at what is there, so that a run that was cut off goes on by being run
# again. What is half made has a name of its own until it is whole (NAME.new, an env-* without .earshot), and then is renamed.
#
# DESTDIR: a folder that stands for / (for tests and images; users and services are then left alone).

# shellcheck source=scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"

DESTDIR=${DESTDIR:-}
OPT=$DESTDIR/opt/earshot
ETC=$DESTDIR/etc/earshot
BROKER_ETC=$DESTDIR/etc/earshot-broker
STATE=$DESTDIR/var/lib/earshot
UNITS=$DESTDIR/etc/systemd/system
SYSUSERS=$DESTDIR/etc/sysusers.d/earshot.conf
TMPFILES=$DESTDIR/etc/tmpfiles.d/earshot.conf
CREDENTIALS=$DESTDIR/etc/credstore
DEVICE=earshot.service BROKER=earshot-broker.service ENDPOINT=earshot-endpoint.service
CREDENTIAL_NAMES=(earshot.mqtt-key earshot.mqtt-password earshot.openai)
LATER=() # what a person has still to do, told at the end

# One line, exit code 1: it was tried and failed. (die of setup.sh: 2, it cannot be tried.)
fail() { printf 'earshot: %s\n' "$*" >&2; exit 1; }
note() { printf '    %s\n' "$*" >&2; }

as_root_or_die() {
  [ -n "$DESTDIR" ] || [ "$(id -u)" -eq 0 ] || die "this needs root: sudo $0"
}

# Only one at a time; the lock ends with this process, however that ends.
only_one() {
  local lock=${DESTDIR:+$DESTDIR/}/run/lock/earshot-install.lock
  mkdir -p "$(dirname "$lock")"
  exec 7>"$lock"
  flock -n 7 || die "another installation is under way here (it holds $lock): wait until it has ended"
}

# In a terminal asked once; elsewhere, and with --yes, nobody is asked.
confirm() {
  local answer
  [ -z "${YES:-}" ] && [ -t 0 ] && [ -t 2 ] || return 0
  read -r -p "    Go on? [Y/n] " answer
  case $answer in "" | [yYjJ]*) ;; *) die "nothing was changed" ;; esac
}

# put TARGET MODE: standard input becomes TARGET, whole or not at all. Returns 1 where it was the same before.
put() {
  mkdir -p "$(dirname "$1")"
  cat >"$1.new" || fail "$1 cannot be written: $(df -h "$(dirname "$1")" | tail -1)"
  chmod "$2" "$1.new"
  if cmp -s "$1.new" "$1"; then
    rm -f "$1.new"
    return 1
  fi
  mv -f "$1.new" "$1"
}

# point LINK TARGET, atomically
point() {
  ln -sfn "$2" "$1.new"
  mv -Tf "$1.new" "$1"
}

systemd_runs() { [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]; }

shown() { systemctl show "$1" -p "$2" --value 2>/dev/null; }

told_later() {
  [ ${#LATER[@]} -gt 0 ] || return 0
  say "left to you"
  local line
  for line in "${LATER[@]}"; do note "$line"; done
}
