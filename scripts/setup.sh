#!/usr/bin/env bash
# Installs what a target of the Makefile needs, or names exactly what is missing.
#
#   scripts/setup.sh build    what compiling and the demo need
#   scripts/setup.sh test     and what the integration tests need (Java, Kafka's jars,
#                             further servers of Redis's kind)
#
# Run again, it finds everything in place and changes nothing. On Debian as root
# (or with a sudo that asks no password) missing packages are installed;
# everywhere else the script ends with the command that would install them.
set -euo pipefail

readonly RUST_MINIMUM=1.89
readonly JAVA_MINIMUM=17

cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup: %s\n' "$*" >&2; }

die() {
  say "$*"
  exit 1
}

has_header() {
  # The compiler decides: headers live in different places on each distribution.
  printf '#include <%s>\nint main(void) { return 0; }\n' "$1" \
    | cc -x c -fsyntax-only - >/dev/null 2>&1
}

has_libclang() {
  [ -n "${LIBCLANG_PATH:-}" ] && return 0
  local found
  for found in /usr/lib/llvm-*/lib/libclang*.so* /usr/lib*/libclang*.so* /usr/lib/*/libclang*.so*; do
    # Clang's C++ library has a like name, and is there without the C one that bindgen loads.
    [[ -e "$found" && "$found" != *libclang-cpp* ]] && return 0
  done
  return 1
}

has_java() {
  local version
  version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1) || return 1
  [ -n "$version" ] && [ "$version" -ge "$JAVA_MINIMUM" ]
}

# Prints the Debian packages that `$1` (build or test) still needs, one a line.
missing_packages() {
  { command -v cc && command -v c++ && command -v make; } >/dev/null || echo build-essential
  command -v pkg-config >/dev/null || echo pkg-config
  has_header openssl/ssl.h || echo libssl-dev
  has_header zlib.h || echo zlib1g-dev
  has_libclang || echo libclang-dev
  { command -v redis-server && command -v redis-cli; } >/dev/null || echo redis-server
  if [ "$1" = test ]; then
    has_java || echo default-jre-headless
    command -v mvn >/dev/null || echo maven
    python3 -m pip --version >/dev/null 2>&1 || echo python3-pip
    # The examples' READMEs ask a web API with it.
    command -v curl >/dev/null || echo curl
    # The tests start and signal servers with these programs, not with shell built-ins.
    type -P setpriv >/dev/null || echo util-linux
    type -P kill >/dev/null || echo procps
  fi
}

install_packages() {
  local as_root=()
  if ! command -v apt-get >/dev/null; then
    die "missing (by their Debian names): $*; install them with your package manager"
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
      as_root=(sudo)
    else
      die "missing packages; run: sudo apt-get install -y --no-install-recommends $*"
    fi
  fi
  say "installing $*"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "$@"
}

# The status page is tested in a real browser; where none can be had, that test says that it is
# skipped, and nothing else lacks it.
want_browser() {
  command -v chromedriver >/dev/null && return
  (install_packages chromium-driver) \
    || say "no chromium-driver: the test of the status page in a browser is skipped"
}

check_rust() {
  local version
  { command -v cargo && command -v rustc; } >/dev/null \
    || die "Rust $RUST_MINIMUM or newer is missing; install it from https://rustup.rs"
  version=$(rustc --version | cut -d ' ' -f 2)
  if [ "$(printf '%s\n%s\n' "$RUST_MINIMUM" "$version" | sort -V | head -n 1)" != "$RUST_MINIMUM" ]; then
    die "rustc is $version, $RUST_MINIMUM or newer is needed; run: rustup update stable"
  fi
}

main() {
  local purpose="${1:-}" missing
  case "$purpose" in
    build | test) ;;
    *) die "usage: scripts/setup.sh build|test" ;;
  esac

  mapfile -t missing < <(missing_packages "$purpose")
  if [ "${#missing[@]}" -gt 0 ]; then
    install_packages "${missing[@]}"
    # A package may be there and still not bring what is needed (a Java too old, say).
    mapfile -t missing < <(missing_packages "$purpose")
    [ "${#missing[@]}" -eq 0 ] || die "still missing after the installation: ${missing[*]}"
  fi
  check_rust
  if [ "$purpose" = test ]; then
    want_browser
    tests/kafka/setup.sh
    tests/servers/setup.sh
  fi
}

main "$@"
