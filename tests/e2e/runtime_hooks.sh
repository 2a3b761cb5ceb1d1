#!/usr/bin/env bash
# Whatever the compiler and its flags, every unit and every batch passes through a symbol that a preloaded library can interpose.
# Builds libgtcnn and gtcnn each way, preloads a library that counts, and compares with units x batches. Two builds at a time.
set -u
[ -z "${SANITIZER-}" ] || { echo "builds for itself; the flags of a sanitizer are not among what it varies"; exit 77; }
cd "$(dirname "$0")/../.."
unset MAKEFLAGS MFLAGS MAKELEVEL # those of the make that runs this test
cat >"$TMP/count.c" <<'C'
#include "runtime/gtcnn.h"
#include <dlfcn.h>
#include <stdio.h>
static unsigned long units, batches;
void gtcnn_unit_execute(const struct gtcnn_unit *unit, void *context)
{
    void (*next)(const struct gtcnn_unit *, void *) = dlsym(RTLD_NEXT, "gtcnn_unit_execute");
    units++;
    next(unit, context);
}
enum gtcnn_status gtcnn_infer(struct gtcnn_model *model, const float *input, float *output, uint32_t items)
{
    enum gtcnn_status (*next)(struct gtcnn_model *, const float *, float *, uint32_t) = dlsym(RTLD_NEXT, "gtcnn_infer");
    batches++;
    return next(model, input, output, items);
}
__attribute__((destructor)) static void report(void)
{
    fprintf(stderr, "hooked %lu units in %lu batches\n", units, batches);
}
C
gcc -D_GNU_SOURCE -I. -O1 -shared -fPIC -o "$TMP/count.so" "$TMP/count.c" || exit 1
units=$("$O/gtcnn" info --model fashion/b0 --format json | grep -o '"unit": [0-9][0-9]*' | sort -u | wc -l)
batches=4
wanted="hooked $((units * batches)) units in $batches batches"

# What Debian's dpkg-buildflags gives (bookworm), spelled out: the test must not depend on dpkg-dev.
debian_c='-g -O2 -fstack-protector-strong -Wformat -Werror=format-security -Wdate-time -D_FORTIFY_SOURCE=2'
debian_ld='-Wl,-z,relro -Wl,-z,now'

# variant NAME CC CFLAGS LDFLAGS
variant() {
    local o="$TMP/$1" log="$TMP/$1.log"
    if ! make -s O="$o" CC="$2" CFLAGS="$3" LDFLAGS="$4" "$o/gtcnn" >"$log" 2>&1; then
        if [ "$2" = clang ] && grep -q "LLVMgold\|ld.lld" "$log"; then
            echo "$1: not tried, clang's LTO plugin is not installed (llvm-14-dev)"
            return 0
        fi
        echo "$1: does not build"; tail -n 5 "$log"
        return 1
    fi
    local got
    got=$(LD_PRELOAD="$TMP/count.so" "$o/gtcnn" eval --model fashion/b0 --limit $batches 2>&1 >/dev/null | tail -n 1)
    rm -rf "$o"
    [ "$got" = "$wanted" ] && echo "$1: $got" && return 0
    echo "$1: '$got', wanted '$wanted'"
    return 1
}

status=0
pair() { # two variants at a time; each reports for itself
    for job in "$@"; do wait "$job" || status=1; done
}
variant gcc-O3 gcc '-O3' '' & a=$!
variant clang-O3 clang '-O3' '' & pair $a $!
variant gcc-lto gcc '-O3 -flto' '' & a=$!
variant clang-lto clang '-O3 -flto' '' & pair $a $!
variant gcc-debian gcc "$debian_c" "$debian_ld" & a=$!
variant clang-debian clang "$debian_c" "$debian_ld" & pair $a $!
variant gcc-bsymbolic gcc '-O2 -fno-semantic-interposition' '-Wl,-Bsymbolic-functions' & a=$!
variant clang-bsymbolic clang '-O2 -fno-semantic-interposition' '-Wl,-Bsymbolic-functions' & pair $a $!
variant gcc-ubuntu gcc "$debian_c -O3 -flto=auto -ffat-lto-objects -fno-semantic-interposition" "-Wl,-Bsymbolic-functions -flto=auto $debian_ld" & a=$!
variant gcc-O0 gcc '-O0' '' & pair $a $!
exit $status
