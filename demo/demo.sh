#!/usr/bin/env bash
# Live records from Kafka arriving in Redis streams and hashes: what `make demo` runs.
# Needs the build (make build) and redis-server; neither Java nor Docker.
set -euo pipefail

usage() {
  cat <<'END'
Usage: demo/demo.sh [--seconds N]

Starts an embedded broker, a redis-server with the module on a free port and a generator of
airport temperature measurements; declares a subscription with two routes; shows the streams
filling. Ctrl-C ends it; no process and no file is left behind.

Environment:
  KAFKA=host:port    use this broker instead of the embedded one
  DEMO_TOPIC=name    topic to write to and read from there (default redis-kafka-demo;
                     made with 3 partitions if it is missing, and left there)
  DEMO_SECONDS=n     end after n seconds, as --seconds; exit code 0 only if records arrived
  DEMO_RATE=n        records a second (default 1000)
END
}

die() {
  printf 'demo: %s\n' "$*" >&2
  exit 1
}

kafka=${KAFKA:-}
seconds=${DEMO_SECONDS:-}
rate=${DEMO_RATE:-1000}
while [ $# -gt 0 ]; do
  case $1 in
    --seconds)
      [ $# -ge 2 ] || die "--seconds needs a number"
      seconds=$2
      shift 2
      ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && die "unknown option '$1'" ;;
  esac
done
[[ $seconds =~ ^([1-9][0-9]*)?$ ]] || die "the seconds are a whole number, not '$seconds'"

unset REDISCLI_AUTH
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly program=target/release/redis-kafka module=$PWD/target/release/libredis_kafka.so
for command in redis-server redis-cli; do
  command -v "$command" >/dev/null || die "$command is missing; run make setup"
done
for file in "$program" "$module"; do
  [ -f "$file" ] || die "${file#"$PWD"/} is missing; run make setup and make build"
done

# --- Processes and files, and how they go away -----------------------------------------------

directory=$(mktemp -d "${TMPDIR:-/tmp}/redis-kafka-demo.XXXXXX")
broker_pid='' redis_pid='' generator_pid='' port='' stopping='' subscribed=''

# Runs a command in the background, in a process group of its own, so that the terminal's
# Ctrl-C reaches this script alone and the processes end in order. Sets `started`.
start() {
  local log=$1
  shift
  set -m
  "$@" </dev/null >"$log" 2>&1 &
  started=$!
  set +m
}

alive() { [ -n "$1" ] && kill -0 "$1" 2>/dev/null; }

# Asks a process to end; after 10 s it is killed.
end() {
  local pid=$1 deadline=$((SECONDS + 10))
  alive "$pid" || return 0
  kill -TERM "$pid" 2>/dev/null || true
  while alive "$pid" && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.05 || true; done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

cleanup() {
  trap '' INT TERM HUP
  end "$generator_pid"
  # On a broker of the user's, the consumer group is ours to remove.
  if [ -n "$subscribed" ] && [ -n "$kafka" ] && alive "$redis_pid"; then
    cli KAFKA.UNSUBSCRIBE sensors >/dev/null 2>&1 || true
  fi
  end "$redis_pid"
  end "$broker_pid"
  rm -rf "$directory"
}
trap cleanup EXIT
trap 'stopping=yes' INT TERM HUP

# Ends here when Ctrl-C came while things were still starting.
go_on() { [ -z "$stopping" ] || exit 0; }

# Says what a process of ours logged last, and gives up.
failed() {
  local what=$1 log=$2
  go_on
  printf 'demo: %s' "$what" >&2
  if [ -s "$log" ]; then
    printf '; its last lines:\n' >&2
    tail -n 8 "$log" | sed 's/^/  /' >&2
  else
    printf '\n' >&2
  fi
  exit 1
}

# Waits at most 10 s until a command succeeds, as long as the process lives.
until_ready() {
  local pid=$1 deadline=$((SECONDS + 10))
  shift
  until "$@" >/dev/null 2>&1; do
    alive "$pid" && [ "$SECONDS" -lt "$deadline" ] && [ -z "$stopping" ] || return 1
    sleep 0.05 || true
  done
}

cli() { redis-cli -h 127.0.0.1 -p "$port" "$@"; }

# --- Start -------------------------------------------------------------------------------------

start_broker() {
  if [ -n "$kafka" ]; then
    brokers=$kafka topic=${DEMO_TOPIC:-redis-kafka-demo} create=(--create 3) where=$kafka
    return
  fi
  start "$directory/broker.log" "$program" broker --topic measurements:3 --listen-file "$directory/broker"
  broker_pid=$started
  until_ready "$broker_pid" test -s "$directory/broker" \
    || failed "the embedded broker did not start" "$directory/broker.log"
  brokers=$(<"$directory/broker") topic=measurements create=()
  where="$brokers (embedded)"
}

pong() { [ "$(cli PING)" = PONG ]; }

start_redis() {
  local log=$directory/redis.log
  for port in $(seq 6390 6439); do
    # Somebody who answers there has the port.
    if (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then continue; fi
    start "$log" redis-server --port "$port" --bind 127.0.0.1 --dir "$directory" \
      --save '' --appendonly yes --appendfsync everysec \
      --loadmodule "$module" PROPAGATE units
    redis_pid=$started
    if until_ready "$redis_pid" pong; then return; fi
    grep -q 'Address already in use' "$log" || break
  done
  failed "redis-server with the module did not start" "$log"
}

# Sends a command to Redis and shows it; anything but an OK ends the demo.
declare_in_redis() {
  local reply
  reply=$(cli "$@" 2>&1) || true
  printf '  %s\n' "$(quoted "$@")"
  case $reply in
    OK) ;;
    OK*) printf '  -> %s\n' "$reply" ;;
    *) go_on && die "Redis answered: $reply" ;;
  esac
  go_on
}

# The words as one types them in redis-cli.
quoted() {
  local word line=''
  for word in "$@"; do
    [[ $word == *%* ]] && word="\"$word\""
    line+="${line:+ }$word"
  done
  printf '%s' "$line"
}

# --- What is shown -----------------------------------------------------------------------------

readonly sample_stream=urn:sensor:VIE:4 sample_hash=sensor:VIE:4
applied=0 before=0 lag='?' state='' list='' streams=0 hashes=0 length=0 newest='' latest='' per_second=0

field() { sed -n "s/^$1:\([0-9]*\).*/\1/p" <<<"$2"; }

# Reads the state of things from Redis; fails when it cannot.
observe() {
  local info
  info=$(cli INFO kafka) && list=$(cli KAFKA.LIST) || return 1
  before=$applied
  applied=$(field kafka_records_applied "${info//$'\r'/}")
  applied=${applied:-0}
  state=$(grep -o 'state=[a-z]*' <<<"$list" | head -n 1) || true
  lag=$(grep -o 'lag=[0-9?]*' <<<"$list" | head -n 1) || true
  state=${state#state=} lag=${lag#lag=}
  streams=$(cli --scan --pattern 'urn:sensor:*' | wc -l) || return 1
  hashes=$(cli --scan --pattern 'sensor:*' | wc -l) || return 1
  length=$(cli XLEN "$sample_stream") || return 1
  newest=$(cli XREVRANGE "$sample_stream" + - COUNT 1 | paste -sd ' ') || return 1
  latest=$(cli HGET "$sample_hash" temperature) || return 1
}

# Prints a screenful; on a terminal over the one before.
shown=0
show() {
  local lines=() line width
  lines+=("Kafka   $where, topic $topic")
  lines+=("Redis   127.0.0.1:$port, subscription sensors: ${state:-?}")
  lines+=("")
  lines+=("$(printf '%9d records applied   %6d/s   lag %s   %d streams, %d hashes' "$applied" "$per_second" "$lag" "$streams" "$hashes")")
  lines+=("          $sample_stream has $length entries; the newest:")
  lines+=("          ${newest:-(none yet)}")
  lines+=("          $sample_hash, the last value: temperature ${latest:-(none yet)}")
  [ "$state" = running ] || lines+=("          $list")
  lines+=("")
  lines+=("Look for yourself:  redis-cli -p $port XREVRANGE $sample_stream + - COUNT 3")
  lines+=("                    redis-cli -p $port HGETALL $sample_hash")
  lines+=("                    redis-cli -p $port KAFKA.LIST")
  lines+=("Ctrl-C ends it and leaves nothing behind.")
  width=$(tput cols 2>/dev/null) || width=80
  [ "$shown" -eq 0 ] || printf '\e[%dA' "$shown"
  # A longer line would wrap, and the next screen begin in the wrong place.
  for line in "${lines[@]}"; do printf '\e[K%s\n' "${line:0:width}"; done
  printf '\e[J'
  shown=${#lines[@]}
}

show_line() {
  printf '%d records applied, %d/s, lag %s, %d streams, %d hashes, %s: %s\n' \
    "$applied" "$per_second" "$lag" "$streams" "$hashes" "$sample_stream" "${newest:-(none yet)}"
}

# --- The demo ----------------------------------------------------------------------------------

start_broker
# One record first: it makes the topic, and says at once when the broker is not there.
generate=("$program" generate --brokers "$brokers" --topic "$topic" --schema measurements)
"${generate[@]}" --count 1 --quiet "${create[@]}" || die "no record reached Kafka on $where"
go_on
start_redis
go_on

printf 'Declared in Redis (redis-cli -p %d):\n' "$port"
declare_in_redis KAFKA.SUBSCRIBE sensors TOPIC "$topic" BROKERS "$brokers"
subscribed=yes
declare_in_redis KAFKA.ROUTE history FROM sensors TO STREAM 'urn:sensor:%{airport}:%{id}' MAXLEN '~' 1000
declare_in_redis KAFKA.ROUTE latest FROM sensors TO HASH 'sensor:%{airport}:%{id}'
printf '\n'

start "$directory/generator.log" "${generate[@]}" --rate "$rate"
generator_pid=$started

begin=${EPOCHREALTIME/[.,]/} last=$begin
while [ -z "$stopping" ]; do
  sleep 1 || true
  [ -z "$stopping" ] || break
  alive "$redis_pid" || failed "redis-server ended" "$directory/redis.log"
  alive "$generator_pid" || failed "the generator ended" "$directory/generator.log"
  [ -n "$kafka" ] || alive "$broker_pid" || failed "the embedded broker ended" "$directory/broker.log"
  if ! observe; then
    [ -z "$stopping" ] || break
    failed "Redis did not answer" "$directory/redis.log"
  fi
  now=${EPOCHREALTIME/[.,]/}
  per_second=$(((applied - before) * 1000000 / (now - last + 1)))
  last=$now
  if [ -t 1 ]; then show; else show_line; fi
  [ -z "$seconds" ] || [ $(((now - begin) / 1000000)) -lt "$seconds" ] || stopping=yes
done

summary=$(printf 'demo: %d records applied in %d s, %d streams, %d hashes, lag %s' \
  "$applied" $(((${EPOCHREALTIME/[.,]/} - begin) / 1000000)) "$streams" "$hashes" "$lag")
[ -z "$kafka" ] || summary+="; topic $topic stays on $kafka"
printf '\n%s\n' "$summary"
[ "$applied" -gt 0 ] || [ -z "$seconds" ] || die "no records arrived: ${list:-the demo ended before it looked}"
