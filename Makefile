# cubby: build, run, test, install. `make help` lists what there is.

VERSION := 0.1.0

# ---- what you may set ------------------------------------------------------------------------------

PREFIX ?= /usr/local
SYSCONFDIR ?= $(PREFIX)/etc/cubby
STATEDIR ?= /var/lib/cubby
CGIDIR ?= $(PREFIX)/lib/cubby/cgi-bin
SBINDIR ?= $(PREFIX)/sbin
SHAREDIR ?= $(PREFIX)/share/cubby
MANDIR ?= $(PREFIX)/share/man
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
# Empty: without units of systemd.
UNITDIR ?= $(if $(MULTICALL),,$(PREFIX)/lib/systemd/system)
DESTDIR ?=

# `fetched`: static programs from sources that the build fetches. `system`: the shared libraries
# that pkg-config finds.
DEPS ?= fetched
# `sqlite`, or `sqlite postgresql`: programs that know PostgreSQL too are linked with the C library,
# and with the libpq, that the system shares.
ENGINES ?= sqlite
ifneq ($(filter-out sqlite postgresql,$(ENGINES))$(if $(filter sqlite,$(ENGINES)),,none),)
$(error ENGINES must be "sqlite" or "sqlite postgresql", not "$(ENGINES)")
endif
POSTGRESQL := $(filter postgresql,$(ENGINES))
# `use`: the fetched libraries are built twice, the second time laid out by what ran in programs with
# the first. Empty: once. The programs must run where they are built.
PROFILE ?= $(if $(POSTGRESQL),,$(if $(filter musl-gcc gcc,$(CC)),use))
# 1: all programs are one executable under several names, which needs a fifth of the room.
MULTICALL ?=
# Empty: without the pages of documentation in HTML, which no board has room for.
DOCS ?= $(if $(MULTICALL),,yes)
# 1: programs that are at another address each time they start (static-pie). A read then takes 23 %
# longer from spawn to exit, with 8 % more instructions, and the file is 4 % larger.
PIE ?=
# Empty: programs that can't confine themselves, whatever the settings say.
SANDBOX ?= 1
# What `make run` keeps the data in: sqlite or postgresql, which it starts for itself.
ENGINE ?= sqlite
SERVER ?= $(if $(filter postgresql,$(ENGINE)),lighttpd,apache)
# `cgi`: a process for each request. `fastcgi`: processes that stay.
MODE ?= $(if $(filter busybox,$(SERVER)),cgi,$(if $(filter nginx caddy,$(SERVER))$(filter postgresql,$(ENGINE)),fastcgi,cgi))
PORT ?= 5000
DATA ?= data
WERROR ?= 1

ifeq ($(origin CC),default)
CC := $(if $(POSTGRESQL)$(filter system,$(DEPS)),gcc,musl-gcc)
endif
CFLAGS ?= -O2 -g0
LDFLAGS ?=

# ---- how it is built -------------------------------------------------------------------------------

BUILD := build
GENERATED := $(BUILD)/generated
HOST_CC ?= gcc
PKG_CONFIG ?= pkg-config
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' "$(1)" "$(2)";)

WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wformat=2 -Wvla -Wcast-qual -Wwrite-strings \
	-Wundef -Wswitch-enum -Wno-switch-enum -Wnull-dereference -Wpointer-arith \
	$(if $(filter 1,$(WERROR)),-Werror)
# The glibc wants even failures looked at that change nothing.
WARNINGS += $(if $(POSTGRESQL)$(filter system,$(DEPS)),-Wno-unused-result)
# Sizes of files, times and claims of tokens have 64 bits on every processor. The libraries are built
# with the same: sources of both refuse to compile otherwise.
WIDE := -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
WIDE_CLAIMS := -DJWT_USES_LONG_LONG=1
DEFINES := -D_GNU_SOURCE $(WIDE) $(if $(filter fetched,$(DEPS)),$(WIDE_CLAIMS)) -DCUBBY_VERSION='"$(VERSION)"' -DCUBBY_SYSCONFDIR='"$(SYSCONFDIR)"' \
	-DCUBBY_STATEDIR='"$(STATEDIR)"' $(if $(SANDBOX),,-DCUBBY_NO_SANDBOX)$(if $(POSTGRESQL), -DCUBBY_POSTGRESQL)
OWN_CFLAGS := -std=c11 -I. -I$(GENERATED) $(DEFINES) $(WARNINGS) -MMD -MP

PROGRAMS := $(patsubst cgi-bin/%.c,%,$(wildcard cgi-bin/*.c))
# What every program links: each room's sources, and what several endpoints share.
LIBRARY_SOURCES := $(filter-out common/deps/%,$(wildcard common/*/*.c)) $(wildcard cgi-bin/shared/*.c) \
	$(filter-out $(if $(POSTGRESQL),,db/engine/postgresql%),$(wildcard db/engine/*.c db/model/*.c))
# The operator's tool is none of the library, so that no program can link a piece of it.
TOOL_SOURCES := $(wildcard db/tool/*.c db/tool/commands/*.c)

# A name for compiler and flags: what was built with others is not taken for built.
slug = $(shell printf '%s' '$(1)' | cksum | cut -d' ' -f1)

# What makes it harder to take a program over: canaries on the stack; with glibc, checks of sizes too; what
# the linker fills in is filled in at once, and read-only afterwards.
PROTECTION := -fstack-protector-strong
FORTIFY := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
EARLY := -Wl,-z,noexecstack -Wl,-z,relro -Wl,-z,now

ifeq ($(DEPS),system)
PACKAGES := libjwt libcjson sqlite3 libxcrypt libcrypto fcgi
PACKAGES += $(if $(POSTGRESQL),libpq)
OBJ := $(BUILD)/obj-system-$(call slug,$(CC) $(CFLAGS) $(DEFINES) $(WARNINGS) $(PROTECTION) $(FORTIFY))
DEPS_READY := $(OBJ)/.system
# Warnings are about our own sources.
DEP_INCLUDE = $(patsubst -I%,-isystem%,$(shell $(PKG_CONFIG) --cflags $(PACKAGES))) -DCUBBY_DIGEST_OPENSSL \
	$(PROTECTION) $(FORTIFY)
DEP_LIBS = $(shell $(PKG_CONFIG) --libs $(PACKAGES)) -lm
LINK := $(EARLY)
else ifeq ($(DEPS),fetched)
POSITION := $(if $(PIE)$(POSTGRESQL),-fPIE,-fno-pie)
DEP_CFLAGS := -O2 $(WIDE) $(WIDE_CLAIMS) -ffunction-sections -fdata-sections $(POSITION) -fno-asynchronous-unwind-tables \
	$(PROTECTION) $(FORTIFY)
DEP_DIR := $(BUILD)/deps/static-$(call slug,$(CC) $(DEP_CFLAGS) $(PROFILE))
PROFILE_BUILD := $(BUILD)/deps/profile-$(call slug,$(CC) $(DEP_CFLAGS))
OBJ := $(BUILD)/obj-$(call slug,$(CC) $(CFLAGS) $(DEFINES) $(WARNINGS) $(DEP_DIR))
DEPS_READY := $(DEP_DIR)/.ready
# Beside shared libraries malloc is that of the system, which they use too.
DEP_INCLUDE := -isystem $(DEP_DIR)/include -DMBEDTLS_CONFIG_FILE='"cubby_mbedtls_config.h"' \
	$(if $(POSTGRESQL),$(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags libpq)),-DCUBBY_OWN_HEAP) \
	-ffunction-sections -fdata-sections $(POSITION) -fno-asynchronous-unwind-tables \
	$(PROTECTION) $(FORTIFY)
DEP_LIBS := -L$(DEP_DIR)/lib -ljwt -ljansson -lmbedcrypto -lcjson -lsqlite3 -lcrypt -lfcgi -lm$(if $(POSTGRESQL), -lpq)
ifeq ($(PROFILE),generate)
DEP_INCLUDE += -isystem $(XCRYPT)/include
DEP_LIBS := -L$(DEP_DIR)/lib -L$(XCRYPT)/lib $(DEP_LIBS) -lgcov
endif
# Code and constants in one piece: each further one costs a process some microseconds.
ifneq ($(POSTGRESQL),)
KIND := -pie
else ifneq ($(PIE),)
# musl-gcc knows no -static-pie, but its folder has the file that such a program starts by.
ifeq ($(CC),musl-gcc)
MUSL := $(shell sed -n 's/.*-specs "\(.*\)\/musl-gcc.specs".*/\1/p' "$$(command -v musl-gcc)")
KIND := -static -Wl,-pie,--no-dynamic-linker,-z,text -nostartfiles $(addprefix $(MUSL)/,rcrt1.o crti.o crtn.o)
else
KIND := -static-pie
endif
else
KIND := -static -no-pie
endif
LINK := $(KIND) -Wl,--gc-sections -Wl,-z,noseparate-code $(EARLY) -s
else
$(error DEPS must be "fetched" or "system")
endif
ifneq ($(filter-out use generate,$(PROFILE)),)
$(error PROFILE must be "use" or empty, not "$(PROFILE)")
endif

LIBRARY := $(OBJ)/libcubby.a
LIBRARY_OBJECTS := $(LIBRARY_SOURCES:%.c=$(OBJ)/%.o)

.PHONY: all
all: $(PROGRAMS:%=$(BUILD)/cgi-bin/%) $(BUILD)/bin/cubby $(if $(DOCS),$(BUILD)/docs/.made)

# Programs are linked with the C library too, which is the machine's: a package that replaces it may bring an
# older time than that of the programs.
LIBC := $(shell ! command -v musl-gcc >/dev/null || sh common/deps/libc.sh)
LINKED_LIBC := $(if $(LIBC),$(if $(filter musl-gcc,$(firstword $(CC))),$(shell stat -L -c '%n %s %Y' $(LIBC))))

# The results lie in one place whatever they were built with; the stamp says with what.
BUILT_WITH = $(OBJ) $(LDFLAGS) $(MULTICALL) $(LINKED_LIBC)
$(BUILD)/.flags: FORCE
	@mkdir -p $(BUILD)
	@echo '$(BUILT_WITH)' | cmp -s - $@ || echo '$(BUILT_WITH)' >$@

.PHONY: FORCE
FORCE:

# Named, so that they are no mere steps on the way: those are removed, and not missed when they are
# gone.
$(PROGRAMS:%=$(OBJ)/cgi-bin/%.o):

ifeq ($(MULTICALL),)
$(BUILD)/cgi-bin/%: $(OBJ)/cgi-bin/%.o $(LIBRARY) $(BUILD)/.flags
	$(call say,LINK,$@)mkdir -p $(@D) && \
		$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) $< $(LIBRARY) $(DEP_LIBS) -o $@
else
# The same sources; each `main` gets the name of its program, and nobody calls it.
MULTICALL_OBJECTS := $(PROGRAMS:%=$(OBJ)/multicall/cgi-bin/%.o) $(OBJ)/multicall/cgi-bin/multicall/main.o
$(OBJ)/multicall/cgi-bin/multicall/main.o: AS_PIECE = -D'CUBBY_PROGRAMS=$(foreach name,$(PROGRAMS),PROGRAM($(name)))'
$(OBJ)/multicall/cgi-bin/%.o: AS_PIECE = -Dmain=$(*F)_main -Wno-missing-prototypes
$(OBJ)/multicall/%.o: %.c $(DEPS_READY) Makefile
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(CFLAGS) $(OWN_CFLAGS) $(AS_PIECE) $(DEP_INCLUDE) -c $< -o $@
$(BUILD)/multicall: $(MULTICALL_OBJECTS) $(LIBRARY) $(BUILD)/.flags
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) $(MULTICALL_OBJECTS) $(LIBRARY) $(DEP_LIBS) -o $@
$(PROGRAMS:%=$(BUILD)/cgi-bin/%): $(BUILD)/multicall
	$(Q)mkdir -p $(@D) && ln -f $< $@
endif

$(BUILD)/bin/cubby: $(TOOL_SOURCES:%.c=$(OBJ)/%.o) $(LIBRARY) $(BUILD)/.flags
	$(call say,LINK,$@)mkdir -p $(@D) && \
		$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) $(TOOL_SOURCES:%.c=$(OBJ)/%.o) $(LIBRARY) $(DEP_LIBS) -o $@

$(LIBRARY): $(LIBRARY_OBJECTS)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $(LIBRARY_OBJECTS)

$(OBJ)/%.o: %.c $(DEPS_READY)
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(CFLAGS) $(OWN_CFLAGS) $(DEP_INCLUDE) -c $< -o $@

# Of the processor that CC compiles for.
$(GENERATED)/common/sandbox/filters.h: common/sandbox/filters.pl common/sandbox/calls $(BUILD)/.flags
	$(call say,PERL,$@)mkdir -p $(@D) && CC='$(CC)' TMPDIR=$(@D) perl $< $(word 2,$^) >$@
$(OBJ)/common/sandbox/seccomp.o: $(GENERATED)/common/sandbox/filters.h

$(GENERATED)/common/base/unicode_tables.h: common/base/unicode.pl
	$(call say,PERL,$@)mkdir -p $(@D) && perl $< >$@
$(OBJ)/common/base/unicode.o: $(GENERATED)/common/base/unicode_tables.h

-include $(wildcard $(OBJ)/*/*.d $(OBJ)/*/*/*.d $(OBJ)/*/*/*/*.d)

# ---- the pages of documentation ----------------------------------------------------------------------

# A release carries them rendered.
$(BUILD)/docs/.made: README.md NEWS LICENSE www/console.css $(wildcard www/docs/*)
	$(call say,PAGES,$(@D))rm -rf $(@D) && mkdir -p $(@D) && if [ -d www/docs/html ]; then \
			cp www/docs/html/* $(@D)/; \
		else \
			sh common/deps/packages.sh --missing docs && perl www/docs/render.pl $(@D); \
		fi && touch $@

# What is made of the OpenAPI description and is committed, so that it can be read without being made; the lint
# compares.
.PHONY: packages-api api
packages-api:
	$(Q)sh common/deps/packages.sh api
api: packages-api
	$(Q)node www/docs/reference.js >$(BUILD)/reference && cp $(BUILD)/reference www/docs/reference.md
	$(Q)node www/docs/collection.js >$(BUILD)/collection && cp $(BUILD)/collection www/cubby.postman_collection.json
	$(Q)rm $(BUILD)/reference $(BUILD)/collection

# ---- the libraries ---------------------------------------------------------------------------------

# The longest first: each build is one process, and two run at a time.
LIBRARIES := sqlite libxcrypt mbedtls jansson libjwt fcgi cjson
BUILT_HERE := $(filter-out $(if $(filter generate,$(PROFILE)),libxcrypt),$(LIBRARIES))
DEP_SOURCES ?= $(BUILD)/deps/src
AMALGAMATION := $(dir $(DEP_SOURCES))amalgamation

# Before anything is compiled: what is missing, and how to install it.
CHECK_PACKAGES = sh common/deps/packages.sh --missing $(if $(wildcard common/deps/archives),release,build)

$(DEP_SOURCES)/VERSIONS: common/deps/fetch.sh
	$(Q)CC='$(CC)' $(CHECK_PACKAGES)
	$(Q)sh common/deps/fetch.sh $(@D)
	$(Q)cp $@ $(dir $(DEP_SOURCES))VERSIONS
$(BUILD)/deps/.libc: $(DEP_SOURCES)/VERSIONS $(BUILD)/.flags common/deps/libc.sh
	$(Q)cp $< $(@D)/VERSIONS
	$(Q)sh common/deps/libc.sh "$$(sh common/deps/libc.sh)" >>$(@D)/VERSIONS
	$(Q)touch $@
ifeq ($(DEPS) $(CC) $(DEP_SOURCES),fetched musl-gcc $(BUILD)/deps/src)
all: $(BUILD)/deps/.libc
endif
$(AMALGAMATION)/.amalgamation: $(DEP_SOURCES)/VERSIONS common/deps/build.sh
	$(Q)CC='$(CC)' $(CHECK_PACKAGES)
	$(Q)sh common/deps/build.sh amalgamation $(DEP_SOURCES) $(@D)
$(AMALGAMATION)/.configurable: $(DEP_SOURCES)/VERSIONS common/deps/build.sh
	$(Q)CC='$(CC)' $(CHECK_PACKAGES)
	$(Q)sh common/deps/build.sh configurable $(DEP_SOURCES) $(@D)

# Where what ran is counted.
PROFILE_DIR := $(if $(filter generate,$(PROFILE)),$(BUILD),$(PROFILE_BUILD))/counts

# $(1) directory, $(2) compiler, $(3) flags, $(4) for linking, $(5) what is done with the profile: each
# library has a stamp, `.ready` is all of them.
define dep_rules
$(1)/.%: $(DEP_SOURCES)/VERSIONS common/deps/build.sh
	$$(Q)CC='$(2)' $$(CHECK_PACKAGES)
	$$(Q)CC='$(2)' AR='$(AR)' DEP_CFLAGS='$(3)' DEP_LDFLAGS='$(4)' PROFILE_STAGE='$(5)' \
		PROFILE='$(PROFILE_DIR)' sh common/deps/build.sh $$* $(DEP_SOURCES) $(1)
$(1)/.sqlite: $(AMALGAMATION)/.amalgamation
$(1)/.libxcrypt: $(AMALGAMATION)/.configurable
$(1)/.mbedtls: $(wildcard common/deps/mbedtls_*)
$(1)/.libjwt: $(1)/.jansson $(1)/.mbedtls
$(1)/.ready: $(BUILT_HERE:%=$(1)/.%)
	$$(Q)touch $$@
endef

ifeq ($(DEPS),fetched)
$(eval $(call dep_rules,$(DEP_DIR),$(CC),$(DEP_CFLAGS),-static,$(PROFILE)))
ifeq ($(PROFILE),use)
# The first of the two builds: libraries that count what runs, programs with them, and a run. Made
# anew when a library is, not when the programs change.
$(PROFILE_BUILD)/.counted: $(DEP_SOURCES)/VERSIONS common/deps/build.sh common/deps/count.sh \
		$(wildcard common/deps/mbedtls_*) $(AMALGAMATION)/.amalgamation $(DEP_DIR)/.libxcrypt
	$(Q)rm -rf $(PROFILE_BUILD)
	$(Q)$(MAKE) --no-print-directory BUILD=$(PROFILE_BUILD) DEP_SOURCES=$(DEP_SOURCES) \
		PROFILE=generate XCRYPT=$(DEP_DIR) CFLAGS=-O1 DOCS= all
	$(call say,COUNT,what the programs run)sh common/deps/count.sh $(PROFILE_BUILD)
	$(Q)find $(PROFILE_BUILD) -mindepth 1 -maxdepth 1 ! -name counts -exec rm -rf {} +
	$(Q)touch $@
$(filter-out %/.libxcrypt,$(LIBRARIES:%=$(DEP_DIR)/.%)): $(PROFILE_BUILD)/.counted
endif
else
$(OBJ)/.system:
	@$(PKG_CONFIG) --exists $(PACKAGES) || { $(PKG_CONFIG) --print-errors --exists $(PACKAGES); \
		echo 'DEPS=system needs the development files of: $(PACKAGES)'; exit 1; }
	@$(PKG_CONFIG) --atleast-version=3.0.0 libjwt || { \
		echo "DEPS=system needs libjwt 3 or newer, here is $$($(PKG_CONFIG) --modversion libjwt)."; \
		echo 'Plain "make" fetches and builds one.'; exit 1; }
	@mkdir -p $(@D) && touch $@
endif

.PHONY: deps
deps: $(DEPS_READY)

# ---- the same sources under sanitizers, for the in-process tests -----------------------------------

SAN_CC := gcc
SAN_FLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
SAN_DEP_FLAGS := -O1 -g1 $(WIDE) $(WIDE_CLAIMS) -fno-omit-frame-pointer -fsanitize=address
SAN_DIR := $(BUILD)/deps/san
SAN_OBJ := $(BUILD)/san/obj
SAN_SOURCES := $(LIBRARY_SOURCES) $(wildcard cgi-bin/*.c) $(wildcard tests/inproc/*.c)
# The programs' own malloc stands beside that of the sanitizer, to be tested by name.
HEAP_BESIDE := -DCUBBY_OWN_HEAP $(foreach name,malloc calloc realloc free malloc_usable_size,\
	-D$(name)=heap_$(name))
WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=mmap64,--wrap=crypt_rn \
	-Wl,--wrap=monotonic_ms

$(eval $(call dep_rules,$(SAN_DIR),$(SAN_CC),$(SAN_DEP_FLAGS),,))

$(SAN_OBJ)/%.o: %.c $(SAN_DIR)/.ready Makefile
	$(call say,CC-SAN,$<)mkdir -p $(@D) && $(SAN_CC) $(SAN_FLAGS) $(OWN_CFLAGS) \
		-isystem $(SAN_DIR)/include -DMBEDTLS_CONFIG_FILE='"cubby_mbedtls_config.h"' \
		$(if $(filter $(PROGRAMS:%=cgi-bin/%.c),$<),-Dmain=$(*F)_main -Wno-missing-prototypes) \
		$(if $(filter common/base/heap.c,$<),$(HEAP_BESIDE) -Wno-missing-prototypes) -c $< -o $@

$(SAN_OBJ)/common/sandbox/seccomp.o: $(GENERATED)/common/sandbox/filters.h
$(SAN_OBJ)/common/base/unicode.o: $(GENERATED)/common/base/unicode_tables.h

$(BUILD)/san/inproc: $(SAN_SOURCES:%.c=$(SAN_OBJ)/%.o)
	$(call say,LINK,$@)$(SAN_CC) $(SAN_FLAGS) $(WRAP) $^ -L$(SAN_DIR)/lib -ljwt -ljansson \
		-lmbedcrypto -lcjson -lsqlite3 -l:libcrypt.a -lfcgi -lcmocka -lm -o $@

-include $(wildcard $(SAN_OBJ)/*/*.d $(SAN_OBJ)/*/*/*.d)

# ---- the same sources under libFuzzer -----------------------------------------------------------------

# Each tests/fuzz/target_NAME.c is a program: one for each place where bytes come in from outside.
FUZZ_CC := clang
FUZZ_FLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=undefined
FUZZ_DEP_FLAGS := -O1 -g1 $(WIDE) $(WIDE_CLAIMS) -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address
FUZZ_DIR := $(BUILD)/deps/fuzz
FUZZ := $(BUILD)/fuzz
FUZZ_OBJ := $(FUZZ)/obj
FUZZ_TARGETS := $(patsubst tests/fuzz/target_%.c,%,$(wildcard tests/fuzz/target_*.c))
FUZZ_PROGRAMS := $(FUZZ_TARGETS:%=$(FUZZ)/%)
# In the place of two files stand others: an arena whose pieces the sanitizer can tell apart, and no
# allocations that are made to fail.
FUZZ_SOURCES := $(filter-out common/base/arena.c common/base/heap.c,$(LIBRARY_SOURCES)) \
	$(filter-out db/tool/commands/cubby.c,$(TOOL_SOURCES)) $(wildcard cgi-bin/*.c) \
	$(addprefix tests/inproc/,tape.c world.c forge.c faults.c) \
	$(filter-out tests/fuzz/target_%,$(wildcard tests/fuzz/*.c))

$(eval $(call dep_rules,$(FUZZ_DIR),$(FUZZ_CC),$(FUZZ_DEP_FLAGS),,))

$(FUZZ_OBJ)/%.o: %.c $(FUZZ_DIR)/.ready Makefile
	$(call say,FUZZ,$<)mkdir -p $(@D) && $(FUZZ_CC) $(FUZZ_FLAGS) $(OWN_CFLAGS) \
		-isystem $(FUZZ_DIR)/include -DMBEDTLS_CONFIG_FILE='"cubby_mbedtls_config.h"' $(FUZZ_INCLUDE) \
		$(if $(filter $(PROGRAMS:%=cgi-bin/%.c),$<),-Dmain=$(*F)_main -Wno-missing-prototypes) -c $< -o $@

$(FUZZ)/libcubby.a: $(FUZZ_SOURCES:%.c=$(FUZZ_OBJ)/%.o)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $^

$(FUZZ_PROGRAMS): $(FUZZ)/%: $(FUZZ_OBJ)/tests/fuzz/target_%.o $(FUZZ)/libcubby.a
	$(call say,LINK,$@)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer $(filter %.o,$^) $(filter %.a,$^) \
		-L$(FUZZ_DIR)/lib -ljwt -ljansson -lmbedcrypto -lcjson -lsqlite3 -lfcgi -l:libcrypt.a -lcmocka -lm \
		$(FUZZ_LIBS) -o $@

# What names a PostgreSQL is read by libpq too, and by the settings of a build that knows it.
FUZZ_POSTGRESQL := $(FUZZ_OBJ)/postgresql/config.o
$(FUZZ_POSTGRESQL): common/settings/config.c $(FUZZ_DIR)/.ready Makefile
	$(call say,FUZZ,$<)mkdir -p $(@D) && $(FUZZ_CC) $(FUZZ_FLAGS) $(OWN_CFLAGS) -DCUBBY_POSTGRESQL \
		-isystem $(FUZZ_DIR)/include -c $< -o $@
$(FUZZ)/database: $(FUZZ_POSTGRESQL)
$(FUZZ)/database: FUZZ_LIBS = $(shell $(PKG_CONFIG) --libs libpq)
$(FUZZ_OBJ)/tests/fuzz/target_database.o: FUZZ_INCLUDE = $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags libpq))

$(FUZZ_TARGETS:%=$(FUZZ_OBJ)/tests/fuzz/target_%.o):
$(FUZZ_OBJ)/common/sandbox/seccomp.o: $(GENERATED)/common/sandbox/filters.h
$(FUZZ_OBJ)/common/base/unicode.o: $(GENERATED)/common/base/unicode_tables.h

# Looks for inputs that break something: TARGET, or all of them, for TIME seconds each.
TIME ?= 60
TARGET ?=
.PHONY: fuzz fuzz-programs fuzz-coverage
fuzz-programs: $(FUZZ_PROGRAMS)
fuzz: packages-test
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 fuzz-programs
	$(Q)bash tests/fuzz/run.sh fuzz '$(TIME)' $(TARGET)

# What of the sources all inputs together reach, those in build/fuzz/corpus included.
fuzz-coverage: packages-test
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 FUZZ=$(FUZZ)-coverage fuzz-programs \
		FUZZ_FLAGS='-O1 -g -fprofile-instr-generate -fcoverage-mapping -fsanitize=address'
	$(Q)bash tests/fuzz/run.sh coverage

-include $(wildcard $(FUZZ_OBJ)/*/*.d $(FUZZ_OBJ)/*/*/*.d)

# ---- for boards --------------------------------------------------------------------------------------

ARCH ?=
HOST ?=
# Those that make test tries: a 32-bit little-endian processor, and a 32-bit big-endian one.
BOARDS_TESTED := armhf mips

.PHONY: board boards-tested packages-boards
packages-boards: packages-test
	$(Q)for arch in $(BOARDS_TESTED); do sh common/deps/board.sh --packages $$arch || exit 1; done
board:
	$(Q)$(ONE_BUILD) env MAKE='$(MAKE)' VERSION='$(VERSION)' HOST='$(HOST)' $(if $(HOST),CC='$(CC)' AR='$(AR)') \
		sh common/deps/board.sh $(ARCH)
boards-tested: $(AMALGAMATION)/.amalgamation $(AMALGAMATION)/.configurable
	$(Q)for arch in $(BOARDS_TESTED); do \
		env MAKE='$(MAKE)' VERSION='$(VERSION)' sh common/deps/board.sh $$arch && \
		sh common/deps/busybox.sh $$arch board || exit 1; done

# ---- running and testing ---------------------------------------------------------------------------

.PHONY: packages-build packages-run packages-test
packages-build:
	$(Q)sh common/deps/packages.sh $(if $(filter fetched,$(DEPS)),build) $(if $(POSTGRESQL),postgresql)
packages-run: packages-build
	$(Q)sh common/deps/packages.sh run-$(SERVER)$(if $(filter fastcgi,$(MODE)),-fastcgi) \
		$(if $(filter postgresql,$(ENGINE)),postgresql run-postgresql)
packages-test: packages-build
	$(Q)sh common/deps/packages.sh test

ifneq ($(filter run packages-run,$(MAKECMDGOALS)),)
ifeq ($(filter $(ENGINE),sqlite postgresql),)
$(error ENGINE must be sqlite or postgresql, not "$(ENGINE)")
endif
ifeq ($(filter $(SERVER),apache busybox lighttpd nginx caddy),)
$(error SERVER must be apache, busybox, lighttpd, nginx or caddy, not "$(SERVER)")
endif
ifeq ($(filter $(SERVER)-$(MODE),apache-cgi busybox-cgi lighttpd-cgi apache-fastcgi lighttpd-fastcgi nginx-fastcgi caddy-fastcgi),)
$(error MODE must be cgi or fastcgi, with SERVER=busybox cgi, with SERVER=nginx and SERVER=caddy fastcgi, not "$(MODE)")
endif
endif

# `make run` beside `make test` in one checkout: one builds, the other waits.
ONE_BUILD = mkdir -p $(BUILD) && $(if $(shell command -v flock),flock $(BUILD)/.one-build)

# The programs that know both engines lie in a folder of their own, beside those of the ordinary build.
BOTH := $(BUILD)/postgresql
.PHONY: both-engines
both-engines: $(AMALGAMATION)/.amalgamation $(AMALGAMATION)/.configurable
	$(Q)$(MAKE) --no-print-directory BUILD=$(BOTH) DEP_SOURCES=$(DEP_SOURCES) CC=gcc PROFILE= \
		ENGINES='sqlite postgresql' DOCS= all

# What the system suite asks of programs that are at another address each time.
PIE_TESTED := bin/cubby $(addprefix cgi-bin/,register token data)
.PHONY: position-independent
position-independent: $(AMALGAMATION)/.amalgamation $(AMALGAMATION)/.configurable
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/pie DEP_SOURCES=$(DEP_SOURCES) PROFILE= PIE=1 $(PIE_TESTED:%=$(BUILD)/pie/%)

.PHONY: run
run: RUN_BUILD = $(if $(filter postgresql,$(ENGINE)),$(BOTH),$(BUILD))
run: packages-run
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 all $(if $(filter postgresql,$(ENGINE)),both-engines)
	$(Q)SERVER=$(SERVER) MODE=$(MODE) ENGINE=$(ENGINE) PORT=$(PORT) HOST='$(HOST)' DATA='$(DATA)' PROGRAMS=$(RUN_BUILD)/cgi-bin \
		TOOL=$(RUN_BUILD)/bin/cubby WWW=www DOCUMENTATION=$(if $(DOCS),$(BUILD)/docs) exec sh cgi-bin/server/run.sh

# What runs the Postman collection, drives a browser and judges what it shows, and what judges the OpenAPI
# description. Kept until distclean, so that tests work offline afterwards.
NPM_TOOLS := 'newman@>=6.2 <7' 'puppeteer-core@>=24 <25' 'axe-core@>=4.10 <5' \
	'@stoplight/spectral-cli@>=6.11 <7' '@redocly/openapi-core@>=1.34 <2' 'typescript@>=5.4 <6'
NPM_READY := $(BUILD)/npm/ready-4
$(NPM_READY):
	$(call say,NPM,newman puppeteer-core axe-core spectral redocly typescript)mkdir -p $(BUILD)/npm && \
		for try in 1 2 3; do \
			timeout 300 npm install --prefix $(BUILD)/npm --no-audit --no-fund --loglevel=error \
				--fetch-timeout=60000 --fetch-retries=1 $(NPM_TOOLS) \
				>$(BUILD)/npm/log 2>&1 && break; \
			[ $$try != 3 ] || { cat $(BUILD)/npm/log; rm -rf $(BUILD)/npm; exit 1; }; \
		done && touch $@

space := $(empty) $(empty)

# What Debian's packages of web servers bring, below a folder for each: tests deploy into copies.
DEBIAN_SERVERS := apache2 libapache2-mod-fcgid lighttpd nginx nginx-common fcgiwrap libfcgi0ldbl civetweb libcivetweb1 caddy
DEBIAN_FILES := $(BUILD)/debian/.$(subst $(space),+,$(DEBIAN_SERVERS))
$(DEBIAN_FILES):
	$(call say,APT,$(DEBIAN_SERVERS))rm -rf $(@D) && mkdir -p $(@D) && cd $(@D) && \
		apt-get download -q $(DEBIAN_SERVERS) >log 2>&1 || { cat log; exit 1; } && \
		for name in $(DEBIAN_SERVERS); do \
			mkdir $$name && dpkg --fsys-tarfile $${name}_*.deb | tar -C $$name -xf - || exit 1; \
		done && touch $(@F)

# Boards are built one after another beside the rest, for which there is a third place: each waits for downloads
# and for steps that one processor does. What all of it wants is installed before.
#
# With ONLY another suite, the programs for boards and for fuzzing are not made, nor what cubby is compared with.
ONLY ?=
WITH_FUZZ := $(if $(ONLY),$(findstring $(ONLY),fuzz),yes)
WITH_BOARDS := $(if $(ONLY),$(findstring board,$(ONLY)),yes)
WITH_SYSTEM := $(if $(ONLY),$(findstring system,$(ONLY)),yes)

.PHONY: test
test: packages-test $(if $(WITH_BOARDS),packages-boards)
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory $(if $(WITH_BOARDS),-j3 boards-tested,-j2) all $(BUILD)/test-tools/load \
		$(BUILD)/test-tools/store_alone $(BUILD)/test-tools/no_shared_maps $(BUILD)/test-tools/steps $(STATEMENTS) $(TEST_CURL) both-engines $(FORBIDDEN) $(NPM_READY) $(DEBIAN_FILES) $(if $(wildcard tests/inproc/*.c),$(BUILD)/san/inproc) \
		$(if $(WITH_FUZZ),fuzz-programs) $(if $(WITH_SYSTEM),peers-programs PEERS_FLAGS=-O0 position-independent)
	$(Q)BOARDS='$(if $(WITH_BOARDS),$(BOARDS_TESTED))' bash tests/run.sh

# In a folder of its own, which the PATH of the tests begins with. As the libraries, it stays until distclean.
TEST_CURL := $(BUILD)/deps/curl/curl
$(TEST_CURL): common/deps/curl.sh common/deps/apt.sh
	$(Q)sh $< $@

$(BUILD)/test-tools/load: tests/soak/load.c
$(BUILD)/test-tools/no_shared_maps: tests/system/no_shared_maps.c
$(BUILD)/test-tools/steps: tests/bench/steps.c
$(BUILD)/test-tools/load $(BUILD)/test-tools/no_shared_maps $(BUILD)/test-tools/steps:
	$(call say,CC,$<)mkdir -p $(@D) && $(HOST_CC) -O2 -std=c11 -D_GNU_SOURCE $(WARNINGS) $< -o $@

# A program that links the database and of HTTP only the lists of addresses that a setting may be:
# objects by their rooms, not the library.
STORE_SOURCES := $(filter $(addsuffix /%.c,common/base common/json common/identity common/settings \
	db/engine db/model),$(LIBRARY_SOURCES)) common/http/address.c
$(BUILD)/test-tools/store_alone: tests/system/store_alone.c $(STORE_SOURCES:%.c=$(OBJ)/%.o) $(BUILD)/.flags
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) $(CFLAGS) $(OWN_CFLAGS) -MF $@.d $(DEP_INCLUDE) $(LINK) \
		$(LDFLAGS) $< $(STORE_SOURCES:%.c=$(OBJ)/%.o) $(DEP_LIBS) -o $@

# Needs no library: the texts alone.
STATEMENTS := $(BUILD)/test-tools/statements
$(STATEMENTS): tests/system/statements.c $(addprefix $(OBJ)/,db/engine/statements.o db/tool/statements.o) $(BUILD)/.flags
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) $(CFLAGS) $(OWN_CFLAGS) -MF $@.d $(LINK) $(LDFLAGS) \
		$(filter %.c %.o,$^) -o $@

# A program that tries what none may. It answers to a second name too.
FORBIDDEN := $(BUILD)/test-tools/forbidden
$(FORBIDDEN): tests/system/forbidden.c $(LIBRARY) $(BUILD)/.flags
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) $(CFLAGS) $(OWN_CFLAGS) -MF $@.d $(DEP_INCLUDE) $(LINK) \
		$(LDFLAGS) $< $(LIBRARY) $(DEP_LIBS) -o $@ && ln -f $@ $@-reader

# The same for all processors that `make board` knows, and for compilers with flags behind their
# names: this takes a while, and shows how far it is.
BOARDS_KNOWN = $(shell sh common/deps/board.sh --list)
.PHONY: test-boards
test-boards: packages-test
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 all
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory boards-tested BOARDS_TESTED='$(BOARDS_KNOWN)'
	$(Q)$(MAKE) --no-print-directory board HOST=tuned CC='arm-linux-gnueabihf-gcc -mtune=cortex-a7' AR=arm-linux-gnueabihf-ar
	$(Q)$(MAKE) --no-print-directory board HOST=clang CC='clang --target=arm-linux-gnueabihf' AR=arm-linux-gnueabihf-ar
	$(Q)for name in tuned clang; do sh common/deps/busybox.sh $$name board || exit 1; done
	$(Q)ONLY=board BOARDS='$(BOARDS_KNOWN) tuned clang' bash tests/run.sh

# PostgreSQL beyond one server: two web servers, a pooler in between, and two servers of which the leading one is
# killed again and again (KILLS=10).
.PHONY: packages-test-cluster test-cluster
packages-test-cluster: packages-test
	$(Q)sh common/deps/packages.sh test-cluster
test-cluster: packages-test-cluster
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 all both-engines
	$(Q)BATS_TEST_TIMEOUT=$${BATS_TEST_TIMEOUT:-14400} bats --tap --timing $(if $(FILTER),--filter '$(FILTER)') tests/cluster

# What takes long: minutes of writers, killed ones among them.
.PHONY: soak
soak: packages-test
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 all $(BUILD)/test-tools/load
	$(Q)bash tests/soak/run.sh

# A million requests in one process that stays (REQUESTS=, FOLDER=): is its memory the same?
.PHONY: soak-loop
soak-loop: packages-test
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 all
	$(Q)bash tests/soak/loop.sh

.PHONY: lint
lint: packages-test
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 all
	$(Q)ONLY=lint bash tests/run.sh

# ---- measuring ------------------------------------------------------------------------------------

BENCH := $(BUILD)/bench

.PHONY: packages-bench
packages-bench: packages-build
	$(Q)sh common/deps/packages.sh bench
.PHONY: packages-bench-peers
packages-bench-peers: packages-build
	$(Q)sh common/deps/packages.sh bench-peers
.PHONY: packages-bench-postgresql
packages-bench-postgresql: packages-build
	$(Q)sh common/deps/packages.sh bench-postgresql

$(BENCH)/%: tests/bench/%.c $(LIBRARY) $(BUILD)/.flags
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(CFLAGS) $(OWN_CFLAGS) -MF $(BENCH)/$*.d $(DEP_INCLUDE) \
		$(LINK) $(LDFLAGS) $< $(if $(filter bare empty_fcgi,$*),$(DEP_LIBS) $(LIBRARY)) -o $@
$(BENCH)/empty $(BENCH)/bare:
$(BENCH)/cgi-bin/%: $(BENCH)/%
	$(Q)mkdir -p $(@D) && cp $< $@

.PHONY: bench-programs
bench-programs: all $(BENCH)/once $(BENCH)/cgi-bin/empty $(BENCH)/cgi-bin/bare

# What cubby is compared with, of versions that the Node.js 18 of Debian 12 runs. better-sqlite3 is built
# from its source, with the headers that lie beside node: no binary is downloaded. Tests measure nothing, so for
# them it is compiled without optimizing, unless it lies ready.
PEERS_FLAGS :=
PEERS_NPM := 'fastify@>=4.29 <5' '@fastify/jwt@>=8 <9' 'better-sqlite3@>=11 <12'
PEERS_FOLDER := $(BUILD)/bench-npm
PEERS_READY := $(or $(if $(PEERS_FLAGS),$(wildcard $(PEERS_FOLDER)/ready-1)),$(PEERS_FOLDER)/ready-1$(PEERS_FLAGS))
$(PEERS_READY):
	$(call say,NPM,fastify @fastify/jwt better-sqlite3)rm -rf $(PEERS_FOLDER) && mkdir -p $(PEERS_FOLDER) && \
		nodedir=$$(dirname "$$(dirname "$$(readlink -f "$$(command -v node)")")") && \
		for try in 1 2 3; do \
			timeout 600 env npm_config_build_from_source=true npm_config_nodedir="$$nodedir" \
				CFLAGS='$(PEERS_FLAGS)' CXXFLAGS='$(PEERS_FLAGS)' \
				npm install --prefix $(PEERS_FOLDER) --no-audit --no-fund --loglevel=error \
				--fetch-timeout=60000 --fetch-retries=1 $(PEERS_NPM) >$(PEERS_FOLDER)/log 2>&1 && break; \
			[ $$try != 3 ] || { cat $(PEERS_FOLDER)/log; rm -rf $(PEERS_FOLDER); exit 1; }; \
		done && touch $@

.PHONY: peers-programs
peers-programs: all $(BENCH)/empty_fcgi $(PEERS_READY)

.PHONY: bench bench-alone bench-peers bench-postgresql bench-instructions bench-large bench-board bench-flushes bench-sandbox
bench: bench-alone
	$(Q)$(MAKE) --no-print-directory bench-peers
bench-alone: packages-bench
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 bench-programs
	$(Q)bash tests/bench/run.sh
bench-peers: packages-bench-peers
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 peers-programs
	$(Q)bash tests/bench/peers.sh
bench-postgresql: packages-bench-postgresql
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 all both-engines
	$(Q)bash tests/bench/postgresql.sh
bench-instructions: packages-bench
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 all $(BUILD)/test-tools/steps
	$(Q)bash tests/bench/instructions.sh $(if $(RENEW),renew)
bench-large: packages-bench
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 bench-programs
	$(Q)bash tests/bench/large.sh
bench-board: packages-bench
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 all $(BENCH)/once
	$(Q)bash tests/bench/board.sh
bench-sandbox: packages-bench
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 all $(BENCH)/once
	$(Q)bash tests/bench/sandbox.sh
bench-flushes: packages-test
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 all $(BUILD)/test-tools/load
	$(Q)bash tests/bench/flushes.sh

# ---- installing ------------------------------------------------------------------------------------

empty :=
MARKS := -e '/^@WHO_ELSE@/{r cgi-bin/server/who_else.sh' -e 'd;}' \
	-e '/^@MISSING_DISK@/{r cgi-bin/server/missing_disk.sh' -e 'd;}' \
	-e 's|@CGIDIR@|$(CGIDIR)|g' -e 's|@SHAREDIR@|$(SHAREDIR)|g' -e 's|@SBINDIR@|$(SBINDIR)|g' \
	-e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' -e 's|@STATEDIR@|$(STATEDIR)|g' -e 's/@PROGRAMS@/$(subst $(space),|,$(PROGRAMS))/g'
# The pages name the folders of an installation without settings of its own.
MOVED := -e 's|/usr/local/lib/cubby/cgi-bin|$(CGIDIR)|g' -e 's|/usr/local/sbin|$(SBINDIR)|g' \
	-e 's|/usr/local/share/cubby|$(SHAREDIR)|g' -e 's|/usr/local/etc/cubby|$(SYSCONFDIR)|g' -e 's|/var/lib/cubby|$(STATEDIR)|g'
SNIPPETS := $(patsubst %.in,%,$(notdir $(wildcard cgi-bin/server/cubby.*.in)))
PAGES := $(notdir $(wildcard www/*.*))
ERRORS := $(notdir $(wildcard www/errors/*.json))
# How many processes of each program stay: NAME=NUMBER, of those with more than one.
PROCESSES := $(shell sed -n 's/^PROCESSES_\([a-z]*\)=.*:-\([0-9]*\)}$$/\1=\2/p' cgi-bin/server/cubby-loop.in)
UNITS := cubby.target $(foreach name,$(PROGRAMS),cubby-$(name).socket cubby-$(name)@.service)
D := $(DESTDIR)

.PHONY: install
install: all
	$(Q)install -d '$(D)$(CGIDIR)' '$(D)$(SBINDIR)' '$(D)$(SYSCONFDIR)' '$(D)$(SHAREDIR)/www/errors' \
		'$(D)$(MANDIR)/man8' '$(D)$(BASHCOMPDIR)'
ifeq ($(MULTICALL),)
	$(Q)install -m 755 $(PROGRAMS:%=$(BUILD)/cgi-bin/%) '$(D)$(CGIDIR)'
else
	$(Q)install -m 755 $(BUILD)/multicall '$(D)$(CGIDIR)/$(firstword $(PROGRAMS))'
	$(Q)for name in $(wordlist 2,99,$(PROGRAMS)); do \
		ln -f '$(D)$(CGIDIR)/$(firstword $(PROGRAMS))' '$(D)$(CGIDIR)'/$$name || exit 1; done
endif
	$(Q)install -m 755 $(BUILD)/bin/cubby '$(D)$(SBINDIR)'
	$(Q)install -m 644 $(PAGES:%=www/%) '$(D)$(SHAREDIR)/www'
	$(Q)install -m 644 $(ERRORS:%=www/errors/%) '$(D)$(SHAREDIR)/www/errors'
ifneq ($(DOCS),)
	$(Q)install -d '$(D)$(SHAREDIR)/www/docs'
	$(Q)umask 022 && for file in $(BUILD)/docs/*; do \
		sed $(MOVED) "$$file" >'$(D)$(SHAREDIR)/www/docs/'"$${file##*/}" || exit 1; done
else
	$(Q)sed -i '/href="docs\//d' '$(D)$(SHAREDIR)/www/index.html'
	$(Q)for file in $(filter %.json,$(PAGES)); do \
		sed 's/^ *//' "www/$$file" | tr -d '\n' >'$(D)$(SHAREDIR)/www/'"$$file" || exit 1; done # no indentation
endif
	$(Q)install -m 644 db/tool/cubby.bash '$(D)$(BASHCOMPDIR)/cubby'
	$(Q)umask 022 && sed $(MARKS) db/tool/cubby.8.in >'$(D)$(MANDIR)/man8/cubby.8'
	$(Q)umask 022 && sed $(MARKS) common/settings/cubby.conf.sample >'$(D)$(SYSCONFDIR)/cubby.conf.sample'
	$(Q)umask 022 && for name in $(SNIPPETS); do \
		awk -v programs='$(PROGRAMS)' -f cgi-bin/server/each.awk "cgi-bin/server/$$name.in" | \
			sed $(MARKS) >'$(D)$(SHAREDIR)'/"$$name" || exit 1; done
ifneq ($(UNITDIR),)
	$(Q)install -d '$(D)$(UNITDIR)'
	$(Q)umask 022 && awk -v programs='$(PROGRAMS)' -v processes='$(PROCESSES)' -f cgi-bin/server/each.awk \
		cgi-bin/server/systemd/cubby.target.in >'$(D)$(UNITDIR)/cubby.target'
	$(Q)umask 022 && for name in $(PROGRAMS); do for kind in .socket @.service; do \
		sed $(MARKS) -e "s|@PROGRAM@|$$name|g" "cgi-bin/server/systemd/program$$kind.in" \
			>'$(D)$(UNITDIR)'/"cubby-$$name$$kind" || exit 1; done; done
endif
	$(Q)for name in cubby-httpd cubby-loop; do \
		sed $(MARKS) "cgi-bin/server/$$name.in" >'$(D)$(SBINDIR)'/"$$name" && \
			chmod 755 '$(D)$(SBINDIR)'/"$$name" || exit 1; done
	$(call say,DONE,installed under $(D)$(PREFIX); next: cubby init)

# What an archive for boards has beside that: the script that sets a board up, and what it starts cubby by.
.PHONY: install-board
install-board: install
	$(Q)sed $(MARKS) common/packages/cubby-setup.in >'$(D)$(SBINDIR)/cubby-setup'
	$(Q)chmod 755 '$(D)$(SBINDIR)/cubby-setup'
	$(Q)install -d '$(D)$(SHAREDIR)/board'
	$(Q)install -m 644 common/packages/board.conf common/packages/cubby.init common/packages/cubby.service \
		'$(D)$(SHAREDIR)/board'
	$(Q)install -m 644 common/packages/openwrt/files/cubby.init '$(D)$(SHAREDIR)/board/openwrt.init'

# Settings and data stay.
.PHONY: uninstall
uninstall:
	$(Q)rm -f $(PROGRAMS:%='$(D)$(CGIDIR)/%') '$(D)$(SBINDIR)/cubby' '$(D)$(SBINDIR)/cubby-httpd' \
		'$(D)$(SBINDIR)/cubby-loop' '$(D)$(SYSCONFDIR)/cubby.conf.sample' '$(D)$(MANDIR)/man8/cubby.8' '$(D)$(BASHCOMPDIR)/cubby'
	$(Q)rm -rf '$(D)$(SHAREDIR)' $(if $(UNITDIR),$(UNITS:%='$(D)$(UNITDIR)/%'))
	$(Q)rmdir -p --ignore-fail-on-non-empty '$(D)$(CGIDIR)' '$(D)$(SYSCONFDIR)' \
		'$(D)$(MANDIR)/man8' '$(D)$(BASHCOMPDIR)' $(if $(UNITDIR),'$(D)$(UNITDIR)') 2>/dev/null || true
	$(call say,DONE,uninstalled; $(SYSCONFDIR)/cubby.conf and $(STATEDIR) are left as they are)

# ---- releases and packages -------------------------------------------------------------------------

SITE ?=
MAINTAINER ?= cubby maintainers <cubby@example.org>

.PHONY: packages-dist dist
packages-dist:
	$(Q)sh common/deps/packages.sh dist
dist: packages-dist $(DEP_SOURCES)/VERSIONS
	$(Q)SITE='$(SITE)' MAINTAINER='$(MAINTAINER)' sh common/packages/dist.sh $(VERSION) $(DEP_SOURCES) $(BUILD)/dist

# The package of this machine's processor is made with the libraries that lie ready; another's with a
# compiler for it, in a folder of its own.
DEB_NATIVE = $(shell dpkg --print-architecture)
DEB_ARCH = $(or $(ARCH),$(DEB_NATIVE))
DEB = $(BUILD)/deb/$(DEB_ARCH)
CROSS_armhf := arm-linux-gnueabihf
CROSS_arm64 := aarch64-linux-gnu
CROSS_amd64 := x86_64-linux-gnu
DEB_WITH = $(if $(filter $(DEB_NATIVE),$(DEB_ARCH)),DEP_DIR=$(DEP_DIR) PROFILE_BUILD=$(PROFILE_BUILD),\
	CC=$(CROSS_$(DEB_ARCH))-gcc AR=$(CROSS_$(DEB_ARCH))-ar)

.PHONY: packages-deb deb
packages-deb: packages-build
	$(if $(CROSS_$(DEB_ARCH)),,$(error ARCH must be armhf, arm64 or amd64, not "$(DEB_ARCH)"))
	$(Q)sh common/deps/packages.sh deb $(if $(filter $(DEB_NATIVE),$(DEB_ARCH)),,board-$(DEB_ARCH):$(CROSS_$(DEB_ARCH)))
deb: packages-deb $(DEP_SOURCES)/VERSIONS $(if $(filter $(DEB_NATIVE),$(DEB_ARCH)),$(DEPS_READY))
	$(Q)rm -rf $(DEB)/root
	$(Q)$(MAKE) --no-print-directory BUILD=$(DEB) DEP_SOURCES=$(DEP_SOURCES) $(DEB_WITH) PREFIX=/usr \
		SYSCONFDIR=/etc/cubby STATEDIR=/var/lib/cubby UNITDIR=/lib/systemd/system DESTDIR=$(DEB)/root install
	$(Q)MAINTAINER='$(MAINTAINER)' sh common/packages/deb.sh $(VERSION) $(DEB_ARCH) $(DEP_SOURCES) $(DEB)/root \
		$(BUILD)/deb

# The packages in a bare Debian, where they are installed and asked; as root.
.PHONY: packages-test-packages test-packages
packages-test-packages: packages-test
	$(Q)sh common/deps/packages.sh deb test-packages
test-packages: packages-test-packages
	$(Q)$(ONE_BUILD) $(MAKE) --no-print-directory -j2 all
	$(Q)for arch in amd64 armhf arm64; do \
		$(MAKE) --no-print-directory -j2 deb ARCH=$$arch || exit 1; done
	$(Q)bats tests/packages

.PHONY: clean distclean
clean:
	$(Q)rm -rf $(BUILD)/obj-* $(BUILD)/san $(BUILD)/docs $(BUILD)/cgi-bin $(BUILD)/bin $(BUILD)/generated $(BUILD)/test $(BUILD)/.flags \
		$(BUILD)/test-tools $(BUILD)/bench $(BUILD)/dist $(wildcard $(BUILD)/board/*.tar.gz $(BUILD)/deb/*.deb) \
		$(FUZZ)-coverage $(filter-out %/corpus %/executions,$(wildcard $(FUZZ)/*)) \
		$(filter-out %/deps,$(wildcard $(addprefix $(BUILD)/,board/*/* board/*/.flags deb/*/* deb/*/.flags)))
distclean:
	$(Q)rm -rf $(BUILD)

.PHONY: help
help:
	@echo 'make                 static programs in build/cgi-bin, the tool in build/bin/cubby'
	@echo 'make run             install what is missing, build, serve on http://127.0.0.1:5000'
	@echo '    SERVER=apache|busybox|lighttpd|nginx|caddy  MODE=cgi|fastcgi  PORT=5000  DATA=data  HOST=127.0.0.1'
	@echo '    ENGINE=sqlite|postgresql'
	@echo 'make test            everything that can be checked; ends with "N passed, N failed"'
	@echo '    ONLY=...    only suites whose name has this in it (http, system, inproc, fuzz, ...)'
	@echo '    SERVER=...  only that server     FILTER=...  only tests whose name fits'
	@echo 'make lint            the checks of the sources alone; FIX=1 lets clang-format rewrite'
	@echo 'make api             writes the reference and the Postman collection anew from www/openapi.json'
	@echo 'make fuzz            looks for inputs that break something; what it finds, make test replays'
	@echo '    TIME=60  seconds for each place where bytes come in     TARGET=  only that place'
	@echo 'make fuzz-coverage   what of each source file the inputs reach'
	@echo 'make test-cluster    PostgreSQL with two web servers, with a pooler, and with a copy that takes over'
	@echo '    KILLS=10    FILTER=...'
	@echo 'make soak            many writers for minutes, some of them killed: is anything lost?'
	@echo 'make soak-loop       a million requests to one process that stays: is its memory the same?'
	@echo '    REQUESTS=1000000'
	@echo 'make position-independent  programs of PIE=1, below build/pie, as the tests look at them'
	@echo 'make bench           both of these (a quarter of an hour)'
	@echo 'make bench-alone     what it costs, alone and under each server (some minutes)'
	@echo '    SERVERS="..."  ROUNDS=5  SECONDS_EACH=1'
	@echo 'make bench-peers     the same read and update by cubby, Flask and Fastify (some minutes)'
	@echo '    ROUNDS=5  SECONDS_EACH=1  CONNECTIONS="1 4 16"  JOURNALS="rollback wal"  WORKERS=2'
	@echo 'make bench-postgresql  the same by cubby over SQLite and over PostgreSQL, and by Flask over PostgreSQL'
	@echo '    ROUNDS=3  SECONDS_EACH=3  CONNECTIONS=16  WORKERS=  THREADS=8  PROCESSES=8  USERS=100'
	@echo 'make bench-large     a read and an update among 10,000,000 items (some minutes, 1 GB of disk)'
	@echo '    ITEMS=10000000  USERS=100000  KEEP=FOLDER  ROUNDS=5'
	@echo 'make bench-flushes   flushes for an update by processes that stay, with 1, 4 and 16 clients'
	@echo 'make bench-board     memory with the settings of a board, and what an update writes to its medium'
	@echo '    UPDATES=200'
	@echo 'make bench-sandbox   what a read costs with sandbox = off, on and all, by turns (a minute)'
	@echo '    ROUNDS=200'
	@echo 'make bench-instructions   instructions per call; RENEW=1 writes the budgets'
	@echo 'make board ARCH=...  an archive for a board of that processor in build/board; alone: which there are'
	@echo '    HOST=NAME CC=... AR=...  with any other compiler'
	@echo 'make boards-tested   the archives that make test tries under emulation'
	@echo 'make test-boards     tries those of all processors (half an hour)'
	@echo 'make install         DESTDIR= PREFIX=/usr/local SYSCONFDIR= STATEDIR=/var/lib/cubby CGIDIR='
	@echo '    SBINDIR= SHAREDIR= MANDIR= BASHCOMPDIR= UNITDIR='
	@echo 'make install-board   the same, with what sets a board up'
	@echo 'make uninstall       the same names; settings and data stay'
	@echo 'make dist            the release in build/dist: builds without network; recipes for packages'
	@echo '    SITE=        where the recipes fetch it from; empty: it lies beside them'
	@echo '    MAINTAINER=  whom recipes and packages name'
	@echo 'make deb             a Debian package in build/deb; ARCH=armhf or arm64 for another processor'
	@echo 'make test-packages   installs them in a bare Debian 12, those of other processors under qemu (root)'
	@echo 'make clean           what was built, but for the libraries'
	@echo 'make distclean       all of build/'
	@echo
	@echo 'Parts of these:'
	@echo 'make all             the same as make alone'
	@echo 'make deps            the libraries only'
	@echo 'make packages-build packages-run packages-test packages-bench packages-bench-peers packages-bench-postgresql'
	@echo 'make packages-boards packages-dist packages-deb packages-test-packages packages-test-cluster packages-api'
	@echo '                     only installs the Debian packages that building, running, ... want'
	@echo 'make both-engines    programs that know PostgreSQL too, in build/postgresql'
	@echo 'make fuzz-programs   builds what make fuzz runs'
	@echo 'make bench-programs  builds what make bench measures; make peers-programs what it is compared with'
	@echo 'make help            this text'
	@echo
	@echo 'CC=, AR=, CFLAGS=, LDFLAGS=   as usual'
	@echo 'HOST_CC=             the compiler for tools that run while building, gcc unless given'
	@echo 'DOCS=                without the pages of documentation in HTML, as with MULTICALL=1'
	@echo 'ENGINES="sqlite postgresql"   programs that know PostgreSQL too, with shared libraries'
	@echo 'MULTICALL=1          all programs as one executable under several names'
	@echo 'PIE=1                programs that are at another address each time they start; a quarter slower'
	@echo 'SANDBOX=             programs that cannot confine themselves, whatever the settings say'
	@echo 'PROFILE=             builds the libraries once, without a run that shows what in them is used'
	@echo 'PKG_CONFIG=          the pkg-config that finds them, for DEPS=system with a cross compiler'
	@echo 'DEPS=system          shared libraries found by pkg-config instead of fetched ones'
	@echo 'DEP_SOURCES=         a folder with the libraries'"'"' sources, fetched before'
	@echo 'V=1                  show the commands     WERROR=0  warnings are no errors'
