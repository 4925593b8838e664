# Sourced by the scripts beside it: where things are, and how they speak.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=$root/.tools
export PATH="$tools/bin:$PATH"

say() { printf '%s\n' "==> $*" >&2; }

die() {
  printf '%s\n' "error: $*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Installs Debian packages, where there is an apt-get that we may use; false elsewhere.
apt_install() {
  have apt-get && [ "$(id -u)" = 0 ] || return 1
  say "installing $* with apt-get"
  {
    apt-get update -qq
    # Run level 1: packages bring no service up, the tests start their own servers.
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
  } >&2
}

# install_tool COMMAND CRATE VERSION [FLAG…]: compiles a command into .tools/, unless this very version is on the PATH.
install_tool() (
  command=$1 crate=$2 version=$3
  shift 3
  [ "$("$command" --version 2>/dev/null | awk '{ print $2 }')" = "$version" ] && exit
  say "installing $crate $version into .tools/ (once, some minutes)"
  build=$tools/build.$$
  trap 'rm -rf "$build"' EXIT
  # They work for seconds and are compiled for minutes: little optimization, shared dependencies.
  CARGO_TARGET_DIR=$build CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=false \
    cargo install --quiet --root "$tools" --version "$version" "$@" "$crate"
)
