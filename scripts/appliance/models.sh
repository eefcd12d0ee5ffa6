# shellcheck shell=bash disable=SC2034,SC2086  # names that are read elsewhere; names of units
# Models for people: from the prepared folder, or from the network; without either the device knows commands only.

MODELS=(vosk-small-en-us)

put_models() {
  local name given
  if [ -n "$OFFLINE" ]; then
    MODELS=()
    for given in "$OFFLINE"/models/*/; do [ ! -d "$given" ] || MODELS+=("$(basename "$given")"); done
    [ ${#MODELS[@]} -gt 0 ] || LATER+=("no models in $OFFLINE/models, so it understands commands only; with network: $OPT/bin/earshot models fetch vosk-small-en-us --to $STATE/models")
  fi
  if [ -z "$DESTDIR" ]; then install -d -m 700 -o earshot -g earshot "$STATE"; else mkdir -p "$STATE"; fi
  for name in "${MODELS[@]}"; do
    [ ! -f "$STATE/models/$name/earshot.toml" ] || continue
    say "model $name"
    if fetch_model "$name"; then CHANGED=1
    else LATER+=("model $name could not be brought here ($(tail -1 "$OPT/install.log")); with network: $OPT/bin/earshot models fetch $name --to $STATE/models && chown -R earshot: $STATE/models && systemctl restart earshot"); fi
  done
  [ ! -d "$STATE/models" ] || [ -n "$DESTDIR" ] || chown -hR earshot:earshot "$STATE/models"
}

fetch_model() {
  local from=()
  [ -z "$OFFLINE" ] || from=(--from "$OFFLINE/models/$1")
  "$OPT/bin/earshot" models fetch "$1" --to "$STATE/models" "${from[@]}" 2>&1 </dev/null | narrate "$OPT/install.log"
}

# prepare DIR: the wheels and models that --offline DIR takes, for machines with this processor and this Python.
prepare() {
  local dir work
  mkdir -p "$1/wheels" "$1/models" || die "--prepare: $1 cannot be made"
  dir=$(cd "$1" && pwd)
  work=$dir/.work
  OPT=$work OFFLINE=''
  setup_system python3 python3-venv "${COMPILE_PACKAGES[@]}" || die "$WHY"
  ENV="env"
  rm -rf "$work"
  mkdir -p "$work"
  fill_environment "$(usable_python)" "$EXTRAS" || fail "$WHY (details: $work/install.log)"
  say "packing the wheels into $dir/wheels"
  # the package itself is built from the checkout on each machine
  "$work/env/bin/python" -m pip freeze --all --exclude earshot --exclude pip >"$work/wanted"
  "$work/env/bin/python" -m pip wheel --no-deps --progress-bar off --disable-pip-version-check -w "$dir/wheels" -r "$work/wanted" \
    2>&1 </dev/null | narrate "$work/install.log" || fail "$(pip_reason "$work/install.log")"
  local name
  for name in "${MODELS[@]}"; do
    say "model $name"
    "$work/env/bin/earshot" models fetch "$name" --to "$dir/models" ||
      LATER+=("model $name is not in $dir/models (see above): without it devices understand commands only; run this again when it can be fetched")
  done
  rm -rf "$work" "$dir/models/.fetch"
  told_later
  say "$dir is ready: copy it beside the checkout on the device, then scripts/install --offline $(basename "$dir")"
}
