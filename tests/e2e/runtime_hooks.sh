#!/usr/bin/env bash
# Whatever the compiler and its flags, every unit and every batch passes through a symbol that a preloaded library can interpose.
#
# The hooks are made or lost where gtcnn_infer calls gtcnn_unit_execute (infer.c, unit.c) and where the library is linked: the rest
# is built once, those anew each way, by the Makefile's own rules. A preloaded library counts, and is held against units x batches.
#
# Which way fails when a means is taken away (tried, one by one and together):
#   gcc-ubuntu                       without -fsemantic-interposition, or without -Bno-symbolic
#   gcc-bsymbolic, clang-bsymbolic   without -Bno-symbolic
#   clang-lto                        without -fsemantic-interposition and noinline; either is enough
#   clang-O3, clang-debian           without both, and with the two functions in one file; any one is enough
#   gcc-O0, gcc-O3, gcc-lto, gcc-debian  never by these: gcc -fPIC leaves calls of exported functions to the linker, which binds
#                                    them only when told to. They stand for what most people build, and for gcc's future.
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
make -s O="$TMP/base" CC=gcc CFLAGS=-O0 LDFLAGS= "$TMP/base/libgtcnn.so" >"$TMP/base.log" 2>&1 || { tail -n 5 "$TMP/base.log"; exit 1; }
units=$("$O/gtcnn" info --model fashion/b0 --format json | grep -o '"unit": [0-9][0-9]*' | sort -u | wc -l)
batches=4
wanted="hooked $((units * batches)) units in $batches batches"

# What Debian's dpkg-buildflags gives (bookworm), spelled out: the test must not depend on dpkg-dev.
debian_c='-g -O2 -fstack-protector-strong -Wformat -Werror=format-security -Wdate-time -D_FORTIFY_SOURCE=2'
debian_ld='-Wl,-z,relro -Wl,-z,now'
ubuntu_c="$debian_c -O3 -flto=auto -ffat-lto-objects -fno-semantic-interposition"
ubuntu_ld="-Wl,-Bsymbolic-functions -flto=auto $debian_ld"

# build FOLDER CC CFLAGS LDFLAGS: the folder has what no variant changes; the two sources count as new, the flags as old.
build() {
    make -s O="$1" CC="$2" CFLAGS="$3" LDFLAGS="$4" -o FORCE -o "$1/flags" -W runtime/infer.c -W runtime/unit.c "$1/libgtcnn.so"
}

# variant NAME CC CFLAGS LDFLAGS
variant() {
    local o="$TMP/$1" log="$TMP/$1.log" got
    cp -a "$TMP/base" "$o" && cp "$O/gtcnn" "$o"
    if ! build "$o" "$2" "$3" "$4" >"$log" 2>&1; then
        if [ "$2" = clang ] && grep -q "LLVMgold\|ld.lld" "$log"; then
            echo "$1: not tried, clang's LTO plugin is not installed (llvm-14-dev)"
            return 0
        fi
        echo "$1: does not build"; tail -n 5 "$log"
        return 1
    fi
    if [ "$(grep -c '^  CC ' "$log")" != 2 ]; then
        echo "$1: infer.c and unit.c were to be compiled, and no other:"; cat "$log"
        return 1
    fi
    got=$(LD_PRELOAD="$TMP/count.so" "$o/gtcnn" eval --model fashion/b0 --limit $batches 2>&1 >/dev/null | tail -n 1)
    rm -rf "$o"
    [ "$got" = "$wanted" ] && echo "$1: $got" && return 0
    echo "$1: '$got', wanted '$wanted'"
    return 1
}

status=0
variant gcc-O0 gcc '-O0' '' || status=1
for cc in gcc clang; do
    variant $cc-O3 $cc '-O3' '' || status=1
    variant $cc-lto $cc '-O3 -flto' '' || status=1
    variant $cc-debian $cc "$debian_c" "$debian_ld" || status=1
    variant $cc-bsymbolic $cc '-O2 -fno-semantic-interposition' '-Wl,-Bsymbolic-functions' || status=1
done
variant gcc-ubuntu gcc "$ubuntu_c" "$ubuntu_ld" || status=1
exit $status
