# shellcheck shell=bash
# The Python environment: a new one beside the old one, and a link that says which is used.
#
#   /opt/earshot/env-0.4.0-20261125-101500/   whole once it has .earshot (what it was made of), proven once it has .proven
#   /opt/earshot/current  -> env-...          switched by one rename
#   /opt/earshot/previous -> env-...          the last one that was proven
#   /opt/earshot/bin      -> current/bin      what the units name; so share

# What an environment is made of: this checkout, and the extras.
source_digest() {
  (
    cd "$ROOT" || exit
    { cat setup.cfg pyproject.toml constraints.txt
      find device models systemd -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
      echo "$1"; } | sha256sum | cut -c1-16
  )
}

source_version() { sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$ROOT/device/__init__.py"; }

current() { readlink "$OPT/current" 2>/dev/null || true; }
previous() { readlink "$OPT/previous" 2>/dev/null || true; }
made_of() { sed -n 1p "$OPT/$1/.earshot" 2>/dev/null; }
version_of() { sed -n 2p "$OPT/$1/.earshot" 2>/dev/null || true; }
extras_of() { sed -n 3p "$OPT/$1/.earshot" 2>/dev/null || true; }
proven() { [ -n "$1" ] && [ -e "$OPT/$1/.proven" ]; }

# Every file of every package is there and as long as it was: a power cut may have left some without content.
undamaged() {
  [ -n "$1" ] && [ -f "$OPT/$1/.earshot" ] && "$OPT/$1/bin/python" -I - <<'PYTHON' 2>/dev/null
import sys
from importlib.metadata import distributions

for package in distributions(path=[p for p in sys.path if p.startswith(sys.prefix)]):
    for file in package.files or ():
        if file.suffix != ".pyc":
            at = file.locate()
            if not at.exists() or (file.size is not None and at.stat().st_size != file.size):
                sys.exit(f"{at} is damaged")
PYTHON
}

# Sets $ENV to an environment of this checkout: the one in use where that is it and is whole, else a new one.
ENV=
make_environment() {
  local extras=$1 want
  want=$(source_digest "$extras")
  ENV=$(current)
  if [ -n "$ENV" ] && [ "$(made_of "$ENV")" = "$want" ]; then
    undamaged "$ENV" && return 0
    say "the environment $ENV is damaged: making it anew"
  fi
  drop_half_made
  local python version
  python=$(usable_python) || fail "no Python from 3.11 to 3.13 with venv here: apt-get install python3-venv, then run this again"
  version=$(source_version)
  ENV=env-$version-$(date +%Y%m%d-%H%M%S)
  say "making $OPT/$ENV with $("$python" --version); ${OFFLINE:+from $OFFLINE, }a minute or some"
  mkdir -p "$OPT"
  fill_environment "$python" "$extras" || {
    rm -rf "${OPT:?}/$ENV"
    fail "$WHY; what was there before is as it was (details: $OPT/install.log)"
  }
  link_lgpio "$OPT/$ENV"
  put "$OPT/$ENV/.earshot" 644 < <(printf '%s\n%s\n%s\n' "$want" "$version" "$extras")
}

fill_environment() {
  local python=$1 extras=$2 log=$OPT/install.log env=$OPT/$ENV from=() trouble
  : >"$log"
  trouble=$("$python" -m venv "$env" 2>&1) || { WHY="'$python -m venv' failed: $(printf '%s' "$trouble" | grep -v '^$' | tail -1)"; return 1; }
  # built from a copy: setuptools leaves folders in the tree it builds from. Downloads wait here, too: /tmp may be small
  mkdir -p "$env/tmp/source"
  (cd "$ROOT" && cp -r device models systemd setup.cfg pyproject.toml README.md LICENSE THIRD_PARTY.md "$env/tmp/source/") ||
    { WHY="the checkout could not be copied: $(df -h "$env" | tail -1)"; return 1; }
  [ -z "$OFFLINE" ] || from=(--no-index --find-links "$OFFLINE/wheels")
  if ! { pip_into "$env" "${from[@]}" setuptools wheel &&
    pip_into "$env" "${from[@]}" --no-build-isolation "$env/tmp/source${extras:+[$extras]}"; }; then
    WHY=$(pip_reason "$log")
    WHY=${WHY/.venv needs about 700 MB/an environment takes 310 MB, and as much again while it is made}
    case $OFFLINE,$WHY in
      ?*,"pip could not install"*)
        WHY="$OFFLINE/wheels is not what this Python needs ($("$python" --version)): $(grep -m 1 -oP '^ *ERROR: \K.*' "$log" || tail -1 "$log")" ;;
    esac
    return 1
  fi
  rm -rf "$env/tmp"
  "$env/bin/earshot" --version >>"$log" 2>&1 || { WHY="what was installed does not start: $(tail -1 "$log")"; return 1; }
}

pip_into() {
  local env=$1
  shift
  TMPDIR=$env/tmp PYTHONUNBUFFERED=1 "$env/bin/python" -m pip install --no-input --progress-bar off \
    --disable-pip-version-check -c "$ROOT/constraints.txt" "$@" 2>&1 </dev/null | narrate "$OPT/install.log"
}

# Lights and buttons. lgpio has no wheel for Python 3.13, and its source does not build on a plain Debian: Raspberry Pi OS's
# python3-lgpio is linked in, it alone (with --system-site-packages every other package of the system would come along). Without
# that package (plain Debian) there is a wheel for Python 3.11.
link_lgpio() {
  local env=$1 file site system=$DESTDIR/usr/lib/python3/dist-packages
  site=$("$env/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  for file in "$system"/lgpio.py "$system"/_lgpio*.so; do
    [ ! -e "$file" ] || ln -sfn "${file#"$DESTDIR"}" "$site/"
  done
  [ -e /dev/gpiochip0 ] && [ -z "$DESTDIR" ] || return 0
  "$env/bin/python" -c 'import lgpio' 2>/dev/null ||
    { [ -z "$OFFLINE" ] && pip_into "$env" --only-binary :all: 'lgpio>=0.2.2'; } ||
    LATER+=("no lgpio for this Python, so there are no lights and no button: it comes with Raspberry Pi OS (apt install python3-lgpio)")
}

switch_to() {
  local was
  was=$(current)
  if [ "$was" != "$1" ] && proven "$was"; then point "$OPT/previous" "$was"; fi
  point "$OPT/current" "$1"
  point "$OPT/bin" current/bin
  point "$OPT/share" current/share
}

drop_half_made() {
  local env
  for env in "$OPT"/env-*/; do
    [ -f "$env/.earshot" ] || [ ! -d "$env" ] || rm -rf "$env"
  done
}

# All but the one in use and the last one before it.
drop_old() {
  local env name
  for env in "$OPT"/env-*/; do
    name=$(basename "$env")
    [ ! -d "$env" ] || [ "$name" = "$(current)" ] || [ "$name" = "$(previous)" ] || rm -rf "$env"
  done
}
