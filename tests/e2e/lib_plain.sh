# For tests that read what greentrack makes of a job: sets PLUGIN, the library for the job to load. Under AddressSanitizer that is the
# one of the plain build in $PLAIN, as on a user's machine; greentrack and the job are the instrumented ones. ThreadSanitizer would not
# see the plain plugin's atomic operations and take what they order for races, so there the test is skipped.
PLUGIN=$O/libgreentrack.so
case ${SANITIZER-} in
address)
    PLUGIN=${PLAIN:?the plain build, for tests under AddressSanitizer}/libgreentrack.so
    export GREENTRACK_LIB="$PLUGIN" ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0"
    ;;
thread) echo "the plugin of the plain build has its atomic operations hidden from ThreadSanitizer" && exit 77 ;;
esac
