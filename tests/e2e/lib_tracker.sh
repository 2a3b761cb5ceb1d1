# For tests of the greentrack command: under a sanitizer, foreign programs cannot load the plugin as it was built, so they get an
# empty library instead; greentrack itself is what is being tested.
if [ -n "${SANITIZER-}" ]; then
    : | "${CC:-cc}" -shared -fPIC -x c -o "$TMP/nothing.so" - || exit 1
    export GREENTRACK_LIB="$TMP/nothing.so" ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0"
fi
