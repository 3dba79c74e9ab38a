#!/bin/sh
# PSS of a node at rest, one line per process, by `processes` mode: sh bench/node/memory.sh [PROGRAM]
# PSS shares what several processes map (the binary of Node) among all that map it, so other Node processes on the machine make
# the figure smaller than it is: the script says how many there are. Needs no Node of its own.
set -eu
program=${1:-$(dirname -- "$(readlink -f -- "$0")")/../../catalyst}
others=$(pgrep -c -x 'node|MainThread' || true)
echo "  other Node processes on this machine: ${others:-0}"

# Children of children, the process itself first.
tree() { echo "$1"; for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do tree "$child"; done; }

for mode in one split; do
  folder=$(mktemp -d)
  "$program" run --data-dir "$folder/node" --ingress-listen 127.0.0.1:0 --processes "$mode" >"$folder/log" 2>&1 &
  pid=$!
  trap 'kill -TERM $pid 2>/dev/null; wait $pid 2>/dev/null; rm -rf "$folder"' EXIT INT TERM
  i=0
  until grep -q ' serves at ' "$folder/log"; do
    i=$((i + 1)); [ "$i" -lt 600 ] || { cat "$folder/log"; exit 1; }
    sleep 0.1
  done
  sleep "${SETTLE:-15}" # what the start left behind is collected in the meantime
  total=0
  for each in $(tree $pid); do
    kb=$(awk '/^Pss:/ {print $2}' "/proc/$each/smaps_rollup" 2>/dev/null) || continue
    name=$(tr '\0' ' ' <"/proc/$each/cmdline" | sed -n 's/.*--role \([a-z]*\).*/\1/p; s/.*envoy -c.*/envoy/p')
    [ "$each" != "$pid" ] || [ "$mode" = one ] || name=supervisor
    echo "  $mode ${name:-node}: $((kb / 1024)) MB"
    [ "$name" = envoy ] || total=$((total + kb))
  done
  echo "  $mode, our processes: $((total / 1024)) MB PSS (target: one, bundled < 80)"
  kill -TERM $pid; wait $pid || true
  rm -rf "$folder"; trap - EXIT INT TERM
done
