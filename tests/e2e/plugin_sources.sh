#!/usr/bin/env bash
# A bare preload reads the energy source itself: totals of a replayed counter are known exactly, through its wrap, and a gap is named.
# A set-user-ID program is not steered by its caller's environment.
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
told() { "$O/greentrack" show last --format json | query "$1"; }
job() { # script seconds
    GREENTRACK_ENERGY_SOURCE="replay:$1" LD_PRELOAD="$PLUGIN" "$O/gtcnn" bench --model fashion/b0 --seconds "$2" >/dev/null || fail "job"
    "$O/greentrack" ingest >/dev/null || fail "ingest"
}

# 500001 µJ over a wrap of the package; core lies inside it and does not count; dram stands beside it.
cat >"$TMP/wrap" <<'END'
greentrack-replay 1
boundary package+dram
provenance measured
domain package-0 scale=1 wrap=262143328850
domain core parent=0
domain dram
0 262143228850 10 5
100000000 262143728851 20 1005
END
job "$TMP/wrap" 0.3
# (The run begins with its first unit, a moment before the sampler's first reading: that moment, long on a busy machine, is filled at the mean power, and the bounds know.)
got=$(told '[(.energy | (.lo_uj | num) <= 501001 and 501001 <= .uj and (.uj | num) < 2 * 501001),
    .energy.provenance, .energy.source, .energy.boundary, [.domains[] | [.name, .counted_uj, .wraps]]]')
[ "$got" = '[true,"measured","replay","package+dram",[["package-0",500001,1],["core",10,0],["dram",1000,0]]]' ] || fail "$got"

# A source that cannot be read for a while: the energy counted meanwhile is not lost, and the gap is named.
cat >"$TMP/gap" <<'END'
greentrack-replay 1
boundary package
provenance measured
domain package-0 scale=1
0 0
50000000 100000
60000000 gap
120000000 300000
END
job "$TMP/gap" 0.3
got=$(told '[.domains[0].counted_uj, any(.energy.gaps[]; .reason == "not read")]')
[ "$got" = "[300000,true]" ] || fail "gap: $got"

# A script that does not exist: the host is not disturbed, the reason is kept.
job "$TMP/absent" 0.05
"$O/greentrack" show last | grep -q "absent" || fail "the reason is not shown: $("$O/greentrack" show last)"

# Secure execution: the loader drops a library that is named by a path, and the library asks secure_getenv only.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    open=$(mktemp -d) && chmod 755 "$open" && trap 'rm -rf "$open"' EXIT # $TMP is closed to others
    cp "$(command -v cat)" "$open/cat" && chmod 4755 "$open/cat"
    got=$(cd / && setpriv --reuid=65534 --regid=65534 --clear-groups env GREENTRACK_SPOOL="$TMP/other" GREENTRACK_LOG="$TMP/log" \
        LD_PRELOAD="$PLUGIN" "$open/cat" <<<"text" 2>&1)
    case $got in *text) ;; *) fail "set-user-ID: $got" ;; esac
    [ ! -e "$TMP/other" ] && [ ! -e "$TMP/log" ] || fail "a set-user-ID program followed its caller"
fi
# A source that is never read inside a job is not loaded there: modelled, and said.
GREENTRACK_ENERGY_SOURCE=papi:rapl LD_PRELOAD="$PLUGIN" "$O/gtcnn" bench --model fashion/b0 --seconds 0.1 >/dev/null || fail "job"
"$O/greentrack" ingest >/dev/null || fail "ingest"
got=$(told '[.energy.source, (.events[] | select(.kind == "energy source").text)]')
[ "$got" = '["model","needs greentrack run: it is never read inside a job"]' ] || fail "heavy source: $got"
exit 0
