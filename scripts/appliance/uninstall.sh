# shellcheck shell=bash disable=SC2086  # names of units
# Taking away: what the installer made, by name, and nothing that is not its own.

folder=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=scripts/appliance/common.sh
source "$folder/common.sh"

uninstall() {
  local purge='' dry_run='' unit path YES=''
  while [ $# -gt 0 ]; do
    case $1 in
      --purge) purge=1 ;;
      --dry-run) dry_run=1 ;;
      --yes) YES=1 ;;
      -h | --help) usage; exit 0 ;;
      *) die "$1 is no option of uninstall (see $0 --help)" ;;
    esac
    shift
  done
  local units=("$UNITS/$DEVICE" "$UNITS/$ENDPOINT" "$UNITS/$BROKER" "$UNITS/$DEVICE.d/systemd-254.conf" "$UNITS/$ENDPOINT.d/installed.conf")
  local files=("$SYSUSERS" "$TMPFILES" "$OPT/current" "$OPT/previous" "$OPT/bin" "$OPT/share" "$OPT/install.log") folders=("$OPT"/env-*/)
  local owned=("$ETC" "$STATE" "$BROKER_ETC" "${STATE}-broker" "$DESTDIR/var/cache/earshot" "${CREDENTIAL_NAMES[@]/#/$CREDENTIALS/}"
    "$UNITS/$DEVICE.d" "$UNITS/$ENDPOINT.d" "$UNITS/$BROKER.d")
  say "taking away"
  for path in "${units[@]}" "${files[@]}" "${folders[@]}"; do there "$path" && note "$path"; done
  for path in "${owned[@]}"; do
    if there "$path"; then if [ -n "$purge" ]; then note "$path (--purge)"; else note "kept: $path"; fi; fi
  done
  if [ -n "$dry_run" ]; then note "nothing was changed (--dry-run)"; return 0; fi
  as_root_or_die
  only_one
  confirm

  for unit in $DEVICE $ENDPOINT $BROKER; do
    if systemd_runs && [ -e "$UNITS/$unit" ]; then systemctl disable --quiet --now "$unit" || fail "$unit does not stop: systemctl status $unit"; fi
    rm -f "$UNITS/multi-user.target.wants/$unit"
  done
  rm -f "${units[@]}" "${files[@]}"
  for path in "${folders[@]}"; do [ ! -d "$path" ] || rm -rf --one-file-system "$path"; done
  # what others have put there stays
  rmdir "$OPT" "$UNITS/$DEVICE.d" "$UNITS/$ENDPOINT.d" 2>/dev/null || true
  if systemd_runs; then
    systemctl daemon-reload
    systemctl reset-failed $DEVICE $ENDPOINT $BROKER 2>/dev/null || true
  fi
  # links are removed, never what they point to; another file system mounted below stays
  [ -z "$purge" ] || rm -rf --one-file-system "${owned[@]}"
  if [ -z "$DESTDIR" ]; then
    for unit in earshot earshot-broker; do
      ! getent passwd $unit >/dev/null || userdel $unit || fail "the user $unit is left: $(userdel $unit 2>&1 | tail -1)"
    done
  fi
  [ ! -e "$OPT" ] || note "left in $OPT, it is not earshot's: $(find "$OPT" -mindepth 1 -maxdepth 1 -printf '%f ')"
  say "earshot is gone${purge:+, with settings and state}"
}

there() { [ -e "$1" ] || [ -L "$1" ]; }
