# For tests that read what the commands print as JSON or CSV, and what a store holds.
#
# query FILTER <JSON: what jq makes of it, a value a line. Where jq is lenient the filter can be strict: `key("k")` fails where there
# is no such key (.k would be null), `num` where there is no number (null would count as 0 in a sum and be less than any number).
# `given` is whether a value is there and says something.
query() {
    jq -rc "def key(\$k): if has(\$k) then .[\$k] else error(\"no key \" + \$k) end;
        def num: if type == \"number\" then . + 0 else error(\"no number: \" + tojson) end;
        def given: . != null and . != \"\" and . != 0 and . != false;
        $1"
}
# sql STATEMENTS [STORE]: the rows, columns by |; the store is that of GREENTRACK_STORE. Fails at the first statement that fails.
sql() { sqlite3 -init /dev/null -batch -bail "${2-$GREENTRACK_STORE}" "$1"; }
# csv_query SELECT <CSV: the same of a table named csv, whose columns are those of the first line.
csv_query() { sqlite3 -init /dev/null -batch -bail :memory: '.import --csv /dev/stdin csv' "$1"; }
