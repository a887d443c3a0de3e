# openclaw-bridge: `make` lists the targets.

CARGO ?= cargo
target = $(or $(CARGO_TARGET_DIR),target)
DESTDIR ?=
prefix ?= /usr/local
bindir = $(prefix)/bin
unitdir = $(prefix)/lib/systemd/system
docdir = $(prefix)/share/doc/openclaw-bridge
mandir = $(prefix)/share/man
sysusersdir = $(prefix)/lib/sysusers.d
bashdir = $(prefix)/share/bash-completion/completions
zshdir = $(prefix)/share/zsh/site-functions
fishdir = $(prefix)/share/fish/vendor_completions.d
completions = bash:$(bashdir)/openclaw-bridge zsh:$(zshdir)/_openclaw-bridge \
	fish:$(fishdir)/openclaw-bridge.fish
# What is installed, and one of the same version that this machine can run.
program = $(target)/release/openclaw-bridge
runnable = $(program)
# Exists where systemd runs.
systemd ?= /run/systemd/system
units = openclaw-bridge.service openclaw-bridge-node.service
man_pages = man1/openclaw-bridge.1 man5/openclaw-bridge.json5.5 man7/openclaw-bridge-protocol.7

# Panics name files. Those of the machine that builds are nobody's business, and would make another
# program of the same source elsewhere. RUSTFLAGS is divided at spaces, so not where a path has one.
cargo_home = $(or $(CARGO_HOME),$(HOME)/.cargo)
remap = $(if $(word 3,$(cargo_home) $(CURDIR)),,--remap-path-prefix=$(cargo_home)/registry/src=crates \
	--remap-path-prefix=$(CURDIR)=.)
# What `--version` adds, if this directory is a repository. It can be given, too: make build commit="..."
git = GIT_CEILING_DIRECTORIES="$(abspath $(CURDIR)/..)" git
commit = $(shell $(git) describe --always --dirty --abbrev=7 --exclude='*' 2>/dev/null && $(git) log -1 --format=%cs 2>/dev/null)
build_release = OPENCLAW_BRIDGE_COMMIT="$(commit)" RUSTFLAGS="$(strip $(RUSTFLAGS) $(remap))" $(CARGO)

packaging = OPENCLAW_BRIDGE_COMMIT="$(commit)" SOURCE_DATE_EPOCH=$(or $(SOURCE_DATE_EPOCH),$(shell $(git) log -1 --format=%ct 2>/dev/null)) \
	etc/packaging/package.sh

fuzz_targets = router wire params files mdns approvals transcript media canvas

.DEFAULT_GOAL := help
.PHONY: help build run test check screenshots netns arm service upstream demo bench fuzz soak doc fmt install deb cross \
	musl release uninstall clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the program (target/release/openclaw-bridge)
	$(build_release) build --release

run: build ## Build and run the bridge with its defaults; Ctrl-C stops it
	$(target)/release/openclaw-bridge serve

test: ## Run the whole test suite
	$(CARGO) test

check: ## Format, lints, docs and tests: what has to be green before a commit
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --document-private-items
	$(CARGO) clippy --no-default-features --lib -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --no-default-features --lib
	$(CARGO) test
	@bash tests/dependencies.sh
	@bash tests/packages.sh
	@if command -v systemd-analyze >/dev/null; then bash tests/units.sh; fi

screenshots: ## Write pictures of every A2UI component on a phone to target/screenshots (needs chromium)
	SCREENSHOTS=1 $(CARGO) test --test browser look

netns: build ## Discovery against avahi and python-zeroconf in network namespaces (as root, Linux)
	@bash tests/netns/mdns.sh $(target)/release/openclaw-bridge

upstream: build ## Old nodes in real OpenClaw gateways, from npm (1.4 GB, 15 minutes; VERSIONS="2026.9.6")
	@python3 tests/upstream/run.py $(target)/release/openclaw-bridge $(target)/upstream $(VERSIONS)

arm: ## Run the tests for arm64 and armhf on this machine, with qemu
	@bash tests/arm.sh

service: build ## Install and use the service on Debian machines with systemd, in namespaces (as root, Linux)
	@bash tests/service/run.sh $(target)/release/openclaw-bridge $(CLAIMS)

demo: build ## Play it end to end: bridge, node, approval, call, invoke
	@bash tests/demo.sh $(target)/release/openclaw-bridge

bench: ## Measure against a raw echo and a bare loop, in one run; CHECK=1 fails where a bound is missed
	$(build_release) bench --bench bridge -- $(if $(CHECK),--check) $(BENCH)

fuzz: ## Fuzz whatever takes bytes from others, SECONDS=60 for each target (FUZZ="wire router")
	@command -v cargo-fuzz >/dev/null || { echo "first: cargo install cargo-fuzz" >&2; exit 1; }
	@cd tests/fuzz && for name in $(or $(FUZZ),$(fuzz_targets)); do \
		mkdir -p target/corpus/$$name && $(CARGO) fuzz run --fuzz-dir . -s none $$name \
			target/corpus/$$name corpus/$$name -- -max_total_time=$(or $(SECONDS),60) \
			-max_len=4096 -rss_limit_mb=1000 -verbosity=0 -print_final_stats=1 || exit 1; done

soak: ## Play nodes, operators and faults against the daemon for SECONDS=300, from SEED=1
	SOAK_SECONDS=$(or $(SECONDS),300) SOAK_SEED=$(or $(SEED),1) \
		$(CARGO) test --test e2e soak -- --nocapture

doc: ## Build the library's documentation
	$(CARGO) doc --no-deps

fmt: ## Format the code
	$(CARGO) fmt

install: ## Install what `make build` built: program, units, account, manual pages, examples; enables nothing
	@test -x $(program) || { echo "run 'make build' first" >&2; exit 1; }
	install -D -m 755 $(program) $(DESTDIR)$(bindir)/openclaw-bridge
	for to in $(completions); do \
		script=$$($(runnable) completions $${to%%:*}) && printf '%s\n' "$$script" | \
		install -D -m 644 /dev/stdin $(DESTDIR)$${to#*:} || exit 1; done
	for page in $(man_pages); do \
		install -D -m 644 etc/man/$${page#*/} $(DESTDIR)$(mandir)/$$page || exit 1; done
	install -D -m 644 README.md $(DESTDIR)$(docdir)/README.md
	install -D -m 644 etc/raspberry-pi.md $(DESTDIR)$(docdir)/raspberry-pi.md
	sed -i 's|/usr/local/share|$(prefix)/share|' $(DESTDIR)$(docdir)/README.md
	install -D -m 644 etc/bridge.json5 $(DESTDIR)$(docdir)/bridge.json5
	install -D -m 644 etc/bridge-lan.json5 $(DESTDIR)$(docdir)/bridge-lan.json5
	install -d -m 755 $(DESTDIR)$(docdir)/agents $(DESTDIR)$(docdir)/a2ui $(DESTDIR)$(unitdir)
	install -m 644 etc/a2ui/* $(DESTDIR)$(docdir)/a2ui
	install -m 644 etc/agents/README.md $(DESTDIR)$(docdir)/agents
	install -D -m 644 etc/coredns/Corefile $(DESTDIR)$(docdir)/coredns/Corefile
	install -m 755 etc/agents/*.sh $(DESTDIR)$(docdir)/agents
	install -D -m 644 etc/examples/lamp.c $(DESTDIR)$(docdir)/examples/lamp.c
	for unit in $(units); do \
		install -m 644 etc/$$unit $(DESTDIR)$(unitdir)/$$unit && \
		sed -i 's|/usr/local/bin|$(bindir)|' $(DESTDIR)$(unitdir)/$$unit || exit 1; done
	install -D -m 644 etc/openclaw-bridge.sysusers $(DESTDIR)$(sysusersdir)/openclaw-bridge.conf
	@# A service that runs without the account has one of this name meanwhile: it does not count.
	@if [ -z "$(DESTDIR)" ] && [ -d "$(systemd)" ]; then SYSTEMD_NSS_DYNAMIC_BYPASS=1 \
		systemd-sysusers $(sysusersdir)/openclaw-bridge.conf || :; systemctl daemon-reload || :; fi
	@[ -n "$(DESTDIR)" ] || echo "installed; next: sudo openclaw-bridge setup"

deb: ## Build Debian packages in target/packages: ARCH=amd64 (this machine's by default), arm64, armhf or all
	$(packaging) deb $(if $(filter all,$(ARCH)),amd64 arm64 armhf,$(or $(ARCH),$(shell dpkg --print-architecture)))

cross: ## Build for x86_64, arm64 and armhf with glibc 2.28 or newer, to unpack in /usr/local
	$(packaging) tar x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf

musl: ## Build static programs for x86_64 and arm64, which run on every Linux and in an empty container
	$(packaging) tar x86_64-unknown-linux-musl aarch64-unknown-linux-musl

release: ## Build all packages, with checksums; the same commit gives the same bytes
	$(packaging) release
	@bash tests/packages.sh $(target)/packages

uninstall: ## Stop the services and remove what install installed; state and configuration stay
	@if [ -z "$(DESTDIR)" ] && [ -d "$(systemd)" ]; then for unit in $(units); do \
		[ ! -e $(unitdir)/$$unit ] || systemctl disable --now $$unit || :; done; fi
	rm -f $(DESTDIR)$(bindir)/openclaw-bridge $(units:%=$(DESTDIR)$(unitdir)/%)
	rm -f $(man_pages:%=$(DESTDIR)$(mandir)/%) $(DESTDIR)$(sysusersdir)/openclaw-bridge.conf
	for to in $(completions); do rm -f $(DESTDIR)$${to#*:} || exit 1; done
	rm -rf $(DESTDIR)$(docdir)
	@if [ -z "$(DESTDIR)" ] && [ -d "$(systemd)" ]; then systemctl daemon-reload || :; fi

clean: ## Remove what was built
	$(CARGO) clean
