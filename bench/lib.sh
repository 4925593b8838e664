# Sourced by the scripts beside it, after scripts/lib.sh: servers on the first core, requests from the second.
# shellcheck shell=bash

# shellcheck disable=SC2154 # set in scripts/lib.sh
kept=$root/target/bench # seeded databases, for a day

# With two cores or more, servers have the first one and the load generator the second.
first=() second=()
if have taskset && [ "$(getconf _NPROCESSORS_ONLN)" -ge 2 ]; then
  first=(taskset --cpu-list 0) second=(taskset --cpu-list 1)
fi

need_generator() {
  have wrk || apt_install wrk || die "the load generator wrk is missing: install it"
  have jq || apt_install jq || die "jq is missing: install it"
}

# ticks PROCESS: the processor time that it has had.
ticks() {
  local stat
  read -r -a stat <"/proc/$1/stat" && echo $((stat[13] + stat[14]))
}

# load OPERATION FILE PORT PROCESS [SECONDS]: sends the requests of a file, going on where it ended before, and counts
# the processor time of the process that answers. Leaves the measurement in $work/line.
declare -A sent
load() {
  local operation=$1 file=$2 port=$3 process=$4 length=${5:-$seconds} before after
  local connections=16
  case $operation in
    *verify) connections=64 ;; # pipelines are many
    *single) connections=1 ;;
  esac
  before=$(ticks "$process")
  LATCHKEY_BENCH_OUTPUT=$work/load.json "${second[@]}" wrk --threads 1 --connections $connections \
    --duration "${length}s" --timeout 20s --script bench/load.lua "http://127.0.0.1:$port/" -- \
    "$file" "${sent[$file]:-0}" >"$work/load.log"
  after=$(ticks "$process")
  # Those that were under way at the end were sent, too.
  sent[$file]=$((${sent[$file]:-0} + $(jq .requests "$work/load.json") + 2 * connections))
  jq --compact-output --arg engine "$engine" --argjson size "$size" --arg operation "$operation" \
    --argjson ticks $((after - before)) --argjson hertz "$(getconf CLK_TCK)" \
    '. + { kind: "http", engine: $engine, size: $size, operation: $operation, cpu: ($ticks * 1e6 / $hertz / .requests) }' \
    "$work/load.json" >"$work/line"
  [ "$(jq .errors "$work/line")" = 0 ] || die "some requests failed: $(cat "$work/line")"
}

# tell: the last measurement, for whoever watches.
tell() {
  jq --raw-output '"    \(.operation): \(.per_second | round) a second, p50 \(.p50) µs, p99 \(.p99) µs, \(.cpu | round) µs of the core each"' \
    "$work/line" >&2
}

# start_server PROGRAM URL: the program as it is shipped, on the first core. Sets server_id and server_port.
start_server() {
  local wait log
  log=$(mktemp "$work/server.XXXXXX")
  # A log that is coloured or not costs the same; its lines go to a file, as those of a service do. No credential is to be
  # refused for sending too much.
  NO_COLOR=1 LATCHKEY_FORWARD_AUTH_ORGANIZATIONS=acme LATCHKEY_API_RATE_LIMIT=0 LATCHKEY_TOKENS_PER_ORGANIZATION=0 LATCHKEY_DATABASE_URL=$2 LATCHKEY_ADDR=127.0.0.1:0 "${first[@]}" "$1" serve >/dev/null 2>"$log" &
  server_id=$!
  running[$server_id]=yes
  for wait in $(seq 300); do
    server_port=$(grep -o 'bound=127.0.0.1:[0-9]*' "$log" | cut -d: -f2) && return
    sleep 0.1
  done
  cat "$log" >&2
  die "the server does not start"
}

free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}

# stop PROCESS: and waits until it is gone.
stop() {
  kill "$1" && wait "$1" || true
  unset "running[$1]"
}

# sign_in PORT: sets cookie and bearer.
sign_in() {
  local url=http://127.0.0.1:$1 who='{"email":"reader@example.com","password":"correct horse battery"}'
  bearer=$(curl --silent --fail --json "$who" "$url/api/auth/login" | jq --raw-output .token)
  cookie=$(curl --silent --fail --output /dev/null --dump-header - --header 'sec-fetch-site: same-origin' \
    --data-urlencode email=reader@example.com --data-urlencode 'password=correct horse battery' "$url/login" |
    sed -n 's/^set-cookie: \(latchkey=[^;]*\).*/\1/Ip')
  [ -n "$cookie" ] || die "could not sign in"
}

# fingerprint FOLDER: changes when what is seeded by the sources of a folder changes.
fingerprint() {
  (cd "$1" && cat crates/store/migrations/*/*.sql bench/src/corpus.rs bench/src/random.rs bench/src/seed/*.rs) | cksum | cut -d' ' -f1
}

# seeded_sqlite TOOL SIZE FINGERPRINT: prints the path of a seeded database, which is kept for a day; copy it.
seeded_sqlite() {
  local file=$kept/$2-$3.db
  mkdir -p "$kept"
  find "$kept" -maxdepth 1 -name '*.db*' -mmin +1440 -delete
  if [ ! -f "$file" ]; then
    rm -f "$file".part*
    say "seeding SQLite with $2 tokens"
    "$1" seed --database-url "sqlite://$file.part" --size "$2" >&2
    mv "$file.part" "$file"
  fi
  echo "$file"
}

# clean_up: to be called at the end, whatever happens; stops what runs and takes $work away.
declare -A running
clean_up() {
  local process
  for process in "${!running[@]}"; do kill "$process" 2>/dev/null || true; done
  [ -z "${work:-}" ] || rm -rf "$work"
}
