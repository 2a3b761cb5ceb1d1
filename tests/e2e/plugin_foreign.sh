#!/usr/bin/env bash
# Foreign programs, here shells and their pipelines (plugin_foreign_*.sh have others): nothing changes, and nothing is left behind.
set -u
. "$(dirname "$0")/preload.sh"
plain
same ls -la /usr
same sh -c 'seq 1 5000 | sort -rn | head -3; (exit 3); echo $?; ulimit -n; cat /etc/hostname | tr a-z A-Z | wc -c'
same bash -c 'for i in 1 2 3; do (sleep 0.0$i; echo $i; exit $i) & done; wait; echo done; false'
same sh -c 'kill -TERM $$'
no_layers

# LD_PRELOAD ls costs at most 0.2 ms.
for attempt in 1 2 3; do # a busy machine gets three chances; a slow constructor fails all
    us=$("$HOST/startcost" "$O/libgreentrack.so" ls /) || fail "startcost"
    [ "$us" -le 200 ] && break
done
[ "$us" -le 200 ] || fail "preloading ls costs $us us"
echo "preloading ls costs $us us"
exit 0
