# shellcheck shell=bash disable=SC2086  # names of units
# Starting what was put in place; a new environment is kept only when it has run for a while.

# Whether the device lives through PROVE_S: ready, active all the time as one process, and not deaf where it was not before. Sets WHY.
prove() {
  local heard=$1 pid began=$SECONDS state now
  about_to_start
  if ! systemctl restart $DEVICE 2>/dev/null; then
    WHY="it does not start: $(ended)"
    return 1
  fi
  pid=$(shown $DEVICE MainPID)
  while [ $((SECONDS - began)) -lt "$PROVE_S" ]; do
    sleep 1
    state=$(shown $DEVICE ActiveState) now=$(shown $DEVICE MainPID)
    if [ "$state" != active ] || [ "$now" != "$pid" ]; then
      WHY="it ended after $((SECONDS - began)) s: $(ended)"
      return 1
    fi
  done
  if [ -n "$heard" ] && [[ $(shown $DEVICE StatusText) == *"hears nothing"* ]]; then
    WHY="it hears nothing, and the version before did: $(shown $DEVICE StatusText)"
    return 1
  fi
}

# Why the device ended, or did not start: its exit code, and the last that it said since about_to_start.
STARTED=0 OLD_PID=0
about_to_start() { STARTED=$(date +%s) OLD_PID=$(shown $DEVICE MainPID); }

ended() {
  local code said
  code=$(shown $DEVICE ExecMainStatus)
  said=$(journalctl "_SYSTEMD_UNIT=$DEVICE" -o short -q --no-pager --since "@$STARTED" 2>/dev/null |
    grep -vF "[$OLD_PID]: " | tail -1 | sed 's/^[^]]*\]: //') || true
  echo "exit code $code, ${said:-nothing in the journal}"
}

# What the device does before anything is changed: RAN where it is to run, HEARD where it runs and hears.
RAN='' HEARD=''
look_at_service() {
  systemd_runs || return 0
  if systemctl is-enabled --quiet $DEVICE 2>/dev/null; then RAN=1; fi
  if systemctl is-active --quiet $DEVICE 2>/dev/null; then
    RAN=1
    [[ $(shown $DEVICE StatusText) == *"hears nothing"* ]] || HEARD=1
  fi
}

# The services run by what is in place now. An environment that follows another has to prove itself, or the other comes back.
start_services() {
  local now before unit
  now=$(current) before=$(previous)
  if ! systemd_runs; then
    LATER+=("systemd does not run here: the services start with the machine")
    : >"$OPT/$now/.proven"
    return 0
  fi
  for unit in $(wanted_units); do
    if [ "$unit" != $DEVICE ] && systemctl is-enabled --quiet "$unit"; then systemctl start "$unit" || LATER+=("$unit does not start: journalctl -u $unit"); fi
  done
  if ! proven "$now" && proven "$before" && [ "$before" != "$now" ]; then
    say "version $(version_of "$now") has to run for $PROVE_S s"
    prove "$HEARD" || go_back "$now" "$before"
    : >"$OPT/$now/.proven"
    [ -n "$RAN" ] || systemctl stop $DEVICE # it was stopped by somebody, and stays so
    systemctl try-restart $ENDPOINT
    return 0
  fi
  systemctl is-enabled --quiet $DEVICE || { LATER+=("$DEVICE is switched off: systemctl enable --now earshot"); return 0; }
  if [ -n "$CHANGED" ] || ! systemctl is-active --quiet $DEVICE; then
    say "starting"
    about_to_start
    systemctl restart $DEVICE 2>/dev/null || fail "$DEVICE does not start: $(ended). See journalctl -u earshot and docs/systemd.md"
    systemctl try-restart $ENDPOINT
  fi
  : >"$OPT/$now/.proven"
}

go_back() {
  local bad=$1 good=$2 why=$WHY version
  version=$(version_of "$bad")
  say "version $version did not prove itself: going back to $(version_of "$good")"
  point "$OPT/current" "$good"
  put_units
  put_broker
  rm -rf "${OPT:?}/$bad"
  if [ -n "$RAN" ]; then
    about_to_start
    systemctl restart $DEVICE 2>/dev/null || fail "version $version: $why; and the one before does not start either: $(ended)"
  else
    systemctl stop $DEVICE
  fi
  fail "version $version is not used: $why. What was there before runs again (journalctl -u earshot has more)"
}
