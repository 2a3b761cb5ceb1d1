#!/usr/bin/env bash
# A trace of a later version: records and keys that are not known are skipped, the others count.
set -u
. "$(dirname "$0")/preload.sh"
. "$(dirname "$0")/lib_query.sh"
mkdir -p -m 700 "$GREENTRACK_SPOOL"
calls=$("$HOST/future" "$GREENTRACK_SPOOL") || fail "not written"
"$O/greentrack" ingest >"$TMP/counts" 2>&1 || fail "ingest: $(cat "$TMP/counts")"
grep -q "^traces rejected *0$" "$TMP/counts" && grep -q "^runs stored *1$" "$TMP/counts" || fail "$(cat "$TMP/counts")"
got=$("$O/greentrack" show last --all --format json | query '[.layers[] | [.name, .calls]]')
[ "$got" = "[[\"the unit\",$calls]]" ] || fail "$got"
[ "$(traces)" = 0 ] || fail "the trace is still in the spool"
exit 0
