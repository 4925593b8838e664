# Sourced by the scripts beside it: where things are, and how they speak.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=$root/.tools
export PATH="$tools/bin:$PATH"

say() { printf '%s\n' "==> $*" >&2; }

# step WHAT EXPECTED COMMAND…: runs a command, and says before how long it takes on two cores, and after how long it took.
step() {
  local what=$1 expected=$2 started=$SECONDS
  shift 2
  say "$what ($expected)"
  "$@" || return
  say "$what: done in $((SECONDS - started)) s"
}

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

# Installs the Python packages of scripts/requirements/NAME.txt into .tools/NAME/, unless that is done already.
python_tools() {
  local list=$root/scripts/requirements/$1.txt venv=$tools/$1
  if cmp -s "$list" "$venv/requirements.txt"; then return; fi
  python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv || die "Python 3 with venv is missing: install it"
  say "installing the Python packages of scripts/requirements/$1.txt into .tools/ (once)"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$list" >&2
  cp "$list" "$venv/requirements.txt"
}

# install_tool COMMAND CRATE VERSION [FLAG…]: compiles a command into .tools/, unless this very version is on the PATH.
install_tool() (
  command=$1 crate=$2 version=$3
  shift 3
  [ "$("$command" --version 2>/dev/null | awk '{ print $2 }')" = "$version" ] && exit
  build=$tools/build.$$
  trap 'rm -rf "$build"' EXIT
  # They work for seconds and are compiled for minutes: no optimization, but where a script asks for it.
  export CARGO_TARGET_DIR=$build CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off
  export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 CARGO_PROFILE_RELEASE_DEBUG=false
  step "installing $crate $version into .tools/" "once, 2 minutes" \
    cargo install --root "$tools" --version "$version" "$@" "$crate"
)
