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

# Builds the server for debugging, with the site, as the Rust tests build it, so that nothing is compiled twice.
build_server() {
  "$root/scripts/build-site" || return 1
  say "building the server"
  (cd "$root" && cargo build --quiet --workspace --tests --bins)
}

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
