# Shared by the scripts: sourced, not run.
set -euo pipefail
caller=$PWD
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# absolute PATH: as the script's caller means it, from where that is.
absolute() { [[ $1 = /* ]] && echo "$1" || echo "$caller/$1"; }

# The folder of real data: $MPAD_DATA, or data/ in the checkout, or shared/data beside it; nothing if there is none.
find_data() {
  local dir
  for dir in ${MPAD_DATA:+"$(absolute "$MPAD_DATA")"} "$root/data" "$root/../shared/data"; do
    if [ -d "$dir" ]; then (cd "$dir" && pwd) && return; fi
  done
}

# configure PRESET [CMAKE-OPTION...]: configure quietly, showing the log if that fails.
configure() {
  local preset=$1 log
  shift
  log=$(mktemp)
  cmake --preset "$preset" "$@" >"$log" 2>&1 || { cat "$log"; return 1; }
  rm -f "$log"
}
