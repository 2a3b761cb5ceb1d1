# greentrack: `make help` lists the targets, ARCHITECTURE.md tells what stands where.
# O= where things are built, V=1 shows the commands, PREFIX= and DESTDIR= for install; CC, CFLAGS and LDFLAGS are yours.

O ?= build
# An empty one would build into, and clean, the root of the file system.
ifeq ($(strip $(O)),)
$(error O= names the build folder; it must not be empty)
endif
V ?= 0
PREFIX ?= /usr/local
DESTDIR ?=
ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O2 -g

Q := $(if $(filter 1,$(V)),,@)
VERSION := 0.1.0
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-missing-field-initializers
# After the user's flags, so that these win: without them LTO, -Bsymbolic-functions or -fno-semantic-interposition lose the hooks.
HOOK_CFLAGS := -fsemantic-interposition
HOOK_LDFLAGS := -Wl,-Bno-symbolic
CFLAGS_ALL = -std=c11 -D_GNU_SOURCE -DGT_VERSION='"$(VERSION)"' -I. -I$(O)/gen $(WARN) -fPIC -fvisibility=hidden -MMD -MP $(CFLAGS) \
  $(KERNEL_CFLAGS) $(HOOK_CFLAGS)

src = $(sort $(wildcard $(1)/*.c))
obj = $(patsubst %.c,$(O)/%.o,$(1))

# The trainer is built where oneDNN is installed.
hash := \#
HAVE_DNNL := $(shell echo '$(hash)include <oneapi/dnnl/dnnl.h>' | $(CC) $(CPPFLAGS) -E -x c - >/dev/null 2>&1 && echo yes)

MODULES := core energy sqlite reports
RUNTIME_SRC := $(call src,runtime) $(call src,runtime/fast)
RUNTIME_OBJ := $(call obj,$(RUNTIME_SRC)) $(O)/gen/onnx.pb-c.o $(O)/gen/shipped.o
SHIPPED := $(sort $(wildcard models/*/*.onnx))
PLUGIN_OBJ := $(call obj,$(filter-out plugin/nop.c,$(call src,plugin)))
TRACKER_OBJ := $(call obj,$(call src,tracker))
TRAIN_OBJ := $(call obj,$(call src,runtime/train))
GTCNNCLI_OBJ := $(call obj,$(call src,runtime/cli))
TEST_SRC := $(filter-out $(if $(HAVE_DNNL),,tests/unit/train_%),$(call src,tests/unit))
TESTS := $(patsubst tests/unit/%.c,$(O)/tests/unit/%,$(TEST_SRC))
HOSTS := $(patsubst tests/host/%.c,$(O)/tests/host/%,$(call src,tests/host))
# A live powercap tree by FUSE, and a job whose true joules it knows.
RAPLSIM := $(addprefix $(O)/tests/raplsim/,raplsim libgtcnn.so.1 layered)
STUBS := $(patsubst tests/stub/%.c,$(O)/tests/stub/lib%.so,$(call src,tests/stub))

# What each module's users link with, in the order that DESIGN's include directions give.
LIBS_core := $(O)/libcore.a
LIBS_energy := $(O)/energy/light/table.o $(O)/libenergy.a $(LIBS_core)
# The sources that need a library, and the table with them, in place of the light one.
LIBS_heavy := $(O)/energy/heavy/table.o $(O)/libheavy.a $(O)/libenergy.a $(LIBS_core)
LIBS_sqlite := $(O)/libsqlite.a $(LIBS_core)
LIBS_reports := $(O)/libreports.a $(LIBS_sqlite)
LIBS_tracker := $(O)/libtracker.a $(O)/libreports.a $(O)/libsqlite.a $(LIBS_heavy)
LIBS_runtime := $(O)/libgtcnn-objects.a
LIBS_gtcnncli := $(O)/libgtcnncli.a $(LIBS_runtime)
LIBS_train := $(O)/libtrain.a $(LIBS_gtcnncli)
LIBS_plugin := $(O)/libplugin.a $(LIBS_energy)
# Not a module, but the simulator that the tests of this name use.
LIBS_layers := $(O)/tests/sim/layers/layers.o $(LIBS_energy)
EXT_core := -lm
EXT_layers := -lm
EXT_energy := -lm
EXT_heavy := -lm -ldl
EXT_sqlite := -lsqlite3 -lcrypto -lz -lm
EXT_reports := -lsqlite3 -lcrypto -ljansson -lz -lm
EXT_tracker := -lsqlite3 -ljansson -lcrypto -lz -lm
EXT_tracker += -lpfm -ldl
EXT_runtime := -lprotobuf-c -lcrypto -lz -lm -pthread
EXT_images := -ljpeg -lpng
EXT_gtcnncli := $(EXT_images) $(EXT_runtime)
EXT_train := -ldnnl -lgomp $(EXT_gtcnncli)
EXT_plugin := -pthread -lm

PRODUCTS := $(O)/libgtcnn.so $(O)/gtcnn $(O)/libgreentrack.so $(O)/libgreentrack-nop.so $(O)/greentrack

ifeq ($(HAVE_DNNL),yes)
PRODUCTS += $(O)/gtcnn-train
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all help deps demo check check-unit check-cli check-host check-peers lint format asan tsan ubsan bench bench-tiles bench-deps accuracy fuzz install uninstall clean

## all: the libraries and the commands
all: deps $(PRODUCTS)

## help: this list
help:
	$(Q)sed -n 's/^## \([a-z-]*\): \(.*\)/  \1@\2/p' $(MAKEFILE_LIST) | awk -F@ '{ printf "%-14s %s\n", $$1, $$2 }'

deps: ; $(Q)CC='$(CC)' ./tests/packages-present

## demo: run the reference networks over real images with the plugin preloaded, print the report for b3 and its family
demo: all
	$(Q)O='$(O)' ./tests/demo

## check: every test that needs no special hardware
check: all $(TESTS) $(HOSTS) $(STUBS) $(RAPLSIM)
	$(Q)O='$(abspath $(O))' CC='$(CC)' ./tests/run $(T)

## check-peers: run exported models in ONNX Runtime where it is installed, and compare
check-peers: all
	$(Q)O='$(abspath $(O))' PEERS='$(PEERS)' ./tests/peers/run

## lint: formatting, static analysis, include directions, symbol versions, man pages
lint: all
	$(Q)O='$(abspath $(O))' ./tests/lint

## format: rewrite all sources in the house's format
format:
	$(Q)clang-format -i $$(git ls-files --cached --others --exclude-standard '*.c' '*.h')

## asan: the tests under AddressSanitizer and UndefinedBehaviorSanitizer
asan:
	$(Q)$(MAKE) all
	$(Q)SANITIZER=address PLAIN='$(abspath $(O))' $(MAKE) check O=$(O)/asan CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined'

## tsan: the tests under ThreadSanitizer
tsan:
	$(Q)SANITIZER=thread $(MAKE) check O=$(O)/tsan CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=thread'

FUZZ_SECONDS ?= 60
FUZZERS := $(notdir $(basename $(call src,tests/fuzz)))

## fuzz: each fuzz target under clang's libFuzzer (FUZZ_SECONDS=60 each)
fuzz:
	$(Q)$(MAKE) CC=clang O='$(O)/fuzz' $(addprefix '$(O)'/fuzz/tests/fuzz/,$(FUZZERS)) \
	  CFLAGS='-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined'
	$(Q)for f in $(FUZZERS); do mkdir -p '$(O)'/fuzz/corpus/$$f && '$(O)'/fuzz/tests/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) \
	  -rss_limit_mb=2000 -timeout=20 -artifact_prefix='$(O)'/fuzz/$$f- '$(O)'/fuzz/corpus/$$f || exit 1; done

## bench: speed and memory, as ratios measured side by side
bench: all $(HOSTS)
	$(Q)O='$(abspath $(O))' ./tests/bench/run

## bench-tiles: GFLOP/s of every tile that kernels are made of
bench-tiles: $(O)/tests/bench/tiles
	$(Q)$<

$(O)/tests/bench/tiles: $(O)/tests/bench/tiles.o $(LIBS_runtime)
	$(Q)$(LINK) -o $@ $^ $(EXT_runtime)

# Where `gtcnn bench --vs` finds its peers.
PEERS := $(abspath $(or $(GREENTRACK_PEERS),$(O)/peers))

## bench-deps: a Python environment with the peers of `gtcnn bench --vs` in GREENTRACK_PEERS (default: O/peers), by pip
bench-deps:
	$(Q)./contrib/peers/install '$(PEERS)'

ACCURACY := $(O)/tests/accuracy

## accuracy: what the attribution of layers gets wrong, simulated: the table that README.md quotes
accuracy: $(ACCURACY)
	$(Q)$(ACCURACY) $(O)/accuracy.txt

## clean: remove what was built
clean:
	$(Q)rm -rf '$(O)'

## install: commands, libraries, headers and man pages below DESTDIR and PREFIX
install: all
	$(Q)install -d $(foreach d,bin lib/greentrack include share/man/man1 share/man/man7 share/bash-completion/completions,'$(DESTDIR)$(PREFIX)/$(d)')
	$(Q)install -m 755 $(O)/greentrack $(O)/gtcnn $(if $(HAVE_DNNL),$(O)/gtcnn-train) '$(DESTDIR)$(PREFIX)/bin'
	$(Q)install -m 644 $(O)/libgtcnn.so.1 '$(DESTDIR)$(PREFIX)/lib'
	$(Q)ln -sf libgtcnn.so.1 '$(DESTDIR)$(PREFIX)/lib/libgtcnn.so'
	$(Q)install -m 644 $(O)/libgreentrack.so $(O)/libgreentrack-nop.so '$(DESTDIR)$(PREFIX)/lib/greentrack'
	$(Q)install -m 644 runtime/gtcnn.h plugin/greentrack.h '$(DESTDIR)$(PREFIX)/include'
	$(Q)install -m 644 $(MAN1) '$(DESTDIR)$(PREFIX)/share/man/man1'
	$(Q)install -m 644 $(MAN7) '$(DESTDIR)$(PREFIX)/share/man/man7'
	$(Q)install -m 644 $(O)/completion/greentrack '$(DESTDIR)$(PREFIX)/share/bash-completion/completions/greentrack'

## uninstall: remove what install put there
uninstall:
	$(Q)rm -f $(foreach f,bin/greentrack bin/gtcnn lib/libgtcnn.so lib/libgtcnn.so.1 lib/greentrack/libgreentrack.so \
	  lib/greentrack/libgreentrack-nop.so include/gtcnn.h include/greentrack.h share/bash-completion/completions/greentrack \
	  bin/gtcnn-train $(addprefix share/man/man1/,$(notdir $(MAN1))) $(addprefix share/man/man7/,$(notdir $(MAN7))),'$(DESTDIR)$(PREFIX)/$(f)')
	$(Q)rmdir '$(DESTDIR)$(PREFIX)/lib/greentrack' 2>/dev/null || true

# --- objects ---------------------------------------------------------------------------------------------------------------------

# Rewritten when the compiler or its flags differ from the last time: then everything is built anew.
$(O)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(CC) $(CFLAGS) $(LDFLAGS))' >$@.new; if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
FORCE:
.PHONY: FORCE

$(O)/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo '  CC      $<')
	$(Q)$(CC) $(CFLAGS_ALL) -c -o $@ $<

# The reference kernels are plain C: it is the compiler that makes them vector code.
$(O)/runtime/kernels_%.o: CFLAGS += -O3
# The others are written for one instruction set each; whatever CFLAGS are, they need these.
$(O)/runtime/fast/%.o: KERNEL_CFLAGS = -O3 -ffp-contract=off $(KERNEL_ISA)
ifneq (,$(findstring x86_64,$(shell $(CC) -dumpmachine)))
$(O)/runtime/fast/avx512.o: KERNEL_ISA = -mavx512f -mavx512dq -mfma
$(O)/runtime/fast/avx512_bf16.o: KERNEL_ISA = -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx512bf16 -mfma
$(O)/runtime/fast/avx2.o: KERNEL_ISA = -mavx2 -mfma
endif

$(O)/gen/onnx.pb-c.c: /usr/include/onnx/onnx.proto
	@mkdir -p $(@D)
	$(Q)protoc-c --c_out=$(@D) -I/usr/include/onnx onnx.proto

$(O)/gen/onnx.pb-c.h: $(O)/gen/onnx.pb-c.c ;

$(O)/gen/onnx.pb-c.o: $(O)/gen/onnx.pb-c.c $(O)/flags
	$(Q)$(CC) $(CFLAGS_ALL) -Wno-error -c -o $@ $<

# The trained models, inside the library.
$(O)/gen/shipped.c: runtime/embed $(SHIPPED)
	@mkdir -p $(@D)
	$(Q)./runtime/embed $(SHIPPED) >$@

$(O)/gen/shipped.o: $(O)/gen/shipped.c $(O)/flags
	$(Q)$(CC) $(CFLAGS_ALL) -c -o $@ $<

$(filter $(O)/runtime/onnx%,$(RUNTIME_OBJ)) $(addsuffix .o,$(filter $(O)/tests/unit/runtime_onnx% $(O)/tests/unit/gtcnncli_imageset,$(TESTS))): | $(O)/gen/onnx.pb-c.c

define static_library
$(O)/lib$(1).a: $$(call obj,$$(call src,$(1)))
	$$(Q)rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach m,$(MODULES),$(eval $(call static_library,$(m))))

$(O)/libheavy.a: $(filter-out %/table.o,$(call obj,$(call src,energy/heavy)))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# The tracker without its main(), for tests.
$(O)/libtracker.a: $(filter-out $(O)/tracker/main.o,$(TRACKER_OBJ))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/libgtcnn-objects.a: $(RUNTIME_OBJ)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# The gtcnn command without its main(), for tests.
$(O)/libgtcnncli.a: $(filter-out $(O)/runtime/cli/main.o,$(GTCNNCLI_OBJ))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/libplugin.a: $(PLUGIN_OBJ)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# The trainer without its main(), for tests.
$(O)/libtrain.a: $(filter-out $(O)/runtime/train/main.o,$(TRAIN_OBJ))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# --- products --------------------------------------------------------------------------------------------------------------------

LINK = $(CC) $(CFLAGS) $(LDFLAGS)

$(O)/libgtcnn.so: $(RUNTIME_OBJ)
	$(Q)$(LINK) $(HOOK_CFLAGS) -shared -Wl,-soname,libgtcnn.so.1 $(HOOK_LDFLAGS) -Wl,-z,defs,-z,now -o $(O)/libgtcnn.so.1 $^ $(EXT_runtime)
	$(Q)ln -sf libgtcnn.so.1 $@

# escape.o is in the library too, but hidden there.
$(O)/gtcnn: $(GTCNNCLI_OBJ) $(O)/runtime/escape.o $(O)/libgtcnn.so
	$(Q)$(LINK) -Wl,-rpath,'$$ORIGIN:$$ORIGIN/../lib' -o $@ $(filter %.o,$^) -L$(O) -lgtcnn -lcrypto $(EXT_images) -lz -lm -pthread

$(O)/gtcnn-train: $(O)/runtime/train/main.o $(LIBS_train)
	$(Q)$(LINK) -o $@ $^ $(EXT_train)

# The man page: prose, with commands and options from the tables that also feed --help.
MAN1 += $(O)/man/gtcnn.1
MAN7 += man/greentrack-report-json.7
all: $(O)/man/gtcnn.1
$(O)/man/gtcnn.1: man/gtcnn.1.in $(O)/gtcnn
	@mkdir -p $(@D)
	$(Q)$(O)/gtcnn help --man >$@.tables && sed -e '/^@TABLES@$$/{r $@.tables' -e 'd}' $< >$@ && rm -f $@.tables

# libc alone: no -lm, and what is not needed is not named.
PLUGIN_LDFLAGS := -shared -Wl,-z,defs,-z,nodelete,-z,now -Wl,--exclude-libs,ALL -Wl,--as-needed

$(O)/libgreentrack.so: $(PLUGIN_OBJ) $(LIBS_energy)
	$(Q)$(LINK) $(PLUGIN_LDFLAGS) -Wl,-soname,libgreentrack.so -o $@ $^ -pthread

$(O)/libgreentrack-nop.so: $(O)/plugin/nop.o
	$(Q)$(LINK) $(PLUGIN_LDFLAGS) -Wl,-soname,libgreentrack-nop.so -o $@ $^

# With file capabilities (`setcap`, for perf events) the loader does without $ORIGIN: it then finds the library below PREFIX.
$(O)/greentrack: $(O)/tracker/main.o $(LIBS_tracker) $(O)/libgtcnn.so
	$(Q)$(LINK) -Wl,-rpath,'$$ORIGIN:$$ORIGIN/../lib:$(PREFIX)/lib' -o $@ $(filter %.o %.a,$^) -L$(O) -lgtcnn $(EXT_tracker) -pthread

MAN1 += $(O)/man/greentrack.1
all: $(O)/man/greentrack.1 $(O)/completion/greentrack
$(O)/man/greentrack.1: man/greentrack.1.in $(O)/greentrack
	@mkdir -p $(@D)
	$(Q)$(O)/greentrack help --man >$@.tables && sed -e '/^@TABLES@$$/{r $@.tables' -e 'd}' $< >$@ && rm -f $@.tables

$(O)/completion/greentrack: $(O)/greentrack
	@mkdir -p $(@D)
	$(Q)$(O)/greentrack help --completion bash >$@

# --- tests -----------------------------------------------------------------------------------------------------------------------

# tests/unit/<module>_<what>.c links the module that its name begins with, and tests/sim where it exists.
module_of = $(firstword $(subst _, ,$(notdir $(1))))
SIM_OBJ := $(call obj,$(call src,tests/sim))

define unit_test
$(O)/tests/unit/$(1): $(O)/tests/unit/$(1).o $(SIM_OBJ) $(LIBS_$(call module_of,$(1)))
	$$(Q)$$(LINK) -o $$@ $$(filter %.o %.a,$$^) $$(EXTRA_$(call module_of,$(1))) -lcmocka $(EXT_$(call module_of,$(1))) -pthread
endef
$(foreach t,$(notdir $(basename $(TEST_SRC))),$(eval $(call unit_test,$(t))))

$(filter $(O)/tests/unit/tracker_%,$(TESTS)): $(O)/libgtcnn.so
EXTRA_tracker = -L$(O) -lgtcnn -Wl,-rpath,$(abspath $(O))

# The simulator of layered jobs, for the table and for its test.
$(ACCURACY): $(O)/tests/sim/layers/table.o $(LIBS_layers)
	$(Q)$(LINK) -o $@ $^ -lm

$(O)/tests/fuzz/%: $(O)/tests/fuzz/%.o $(SIM_OBJ) $(O)/libgtcnncli.a $(O)/libgtcnn-objects.a $(LIBS_heavy)
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $^ $(EXT_gtcnncli)

$(O)/tests/host/%: tests/host/%.c $(O)/libgtcnn.so $(LIBS_core) $(O)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $< $(LDFLAGS) $(LIBS_core) -L$(O) -lgtcnn -Wl,-rpath,$(abspath $(O)) -ldl -pthread $(EXT_host_$(notdir $@))

# Libraries of others, as tests want them: loaded by name, and visible.
$(O)/tests/stub/lib%.so: tests/stub/%.c $(O)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -fvisibility=default -Wno-missing-prototypes -shared -o $@ $< $(LDFLAGS)

EXT_host_mkimage := $(EXT_images)

# Without libgtcnn: its units are those of the library that is preloaded.
$(O)/tests/host/hookcost: tests/host/hookcost.c $(O)/tests/stub/libidle.so
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $< $(LDFLAGS) -ldl

$(O)/tests/raplsim/raplsim: $(call obj,$(addprefix tests/raplsim/,raplsim.c machine.c power.c))
	$(Q)$(LINK) -o $@ $^ -lfuse3 -pthread

# The names of the real one, so that its hooks find them; the library calls itself through them.
$(O)/tests/raplsim/libgtcnn.so.1: $(call obj,$(addprefix tests/raplsim/,runtime.c power.c))
	$(Q)$(LINK) $(HOOK_CFLAGS) -shared -Wl,-soname,libgtcnn.so.1 $(HOOK_LDFLAGS) -o $@ $^ -lm

$(O)/tests/raplsim/layered: $(call obj,$(addprefix tests/raplsim/,layered.c power.c)) $(O)/tests/raplsim/libgtcnn.so.1
	$(Q)$(LINK) -Wl,-rpath,'$$ORIGIN' -o $@ $^ -pthread

$(O)/tests/raplsim/raplsim.o: CFLAGS += $(shell pkg-config --cflags fuse3)

## check-unit: the unit tests of one module (M=core)
check-unit: $(filter $(O)/tests/unit/$(M)_%,$(TESTS))
	$(Q)for t in $^; do $$t || exit 1; done

-include $(shell find $(O) -name '*.d' 2>/dev/null)
