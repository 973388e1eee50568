#!/usr/bin/env bash
# Measures backups and restores beside the plain pipe, in the same run, and prints the ratios, good or bad.
#
#   IMAGE=simpledeploy-backup:dev scripts/bench.sh
#
#   PG_MIB=2048   size of the PostgreSQL table        ROUNDS=3   rounds; the medians are printed
#   BENCH_DIR     where the data lies (.cache/bench)  ONLY=mixed,small,postgres,provers
#   PROVE_MIB=256 least size of the dumps that the provers are measured with
set -euo pipefail
cd "$(dirname "$0")/.."

IMAGE=${IMAGE:-simpledeploy-backup:dev}
PG_MIB=${PG_MIB:-2048}
ROUNDS=${ROUNDS:-3}
PROVE_MIB=${PROVE_MIB:-256}
ONLY=${ONLY:-mixed,small,postgres,provers}
DIR=${BENCH_DIR:-$PWD/.cache/bench}
PROJECT=simpledeploy-bench
APPLIANCE=$PROJECT-backup

for tool in docker go zstd tar; do
  command -v "$tool" >/dev/null || { echo "this needs $tool" >&2; exit 1; }
done
docker image inspect "$IMAGE" >/dev/null 2>&1 || { echo "there is no image $IMAGE: make image builds it" >&2; exit 1; }

have() { docker image inspect "$1" >/dev/null 2>&1 || docker pull -q "$1" >/dev/null 2>&1; }
wanted() { [[ ,$ONLY, == *,$1,* ]]; }
say() { printf -- '-- %s\n' "$*" >&2; }
backup() { docker exec "$APPLIANCE" simpledeploy-backup "$@"; }

clean() {
  local ids
  ids=$(docker ps -aq --filter "label=com.docker.compose.project=$PROJECT")
  # shellcheck disable=SC2086 # one word for each container
  [[ -z $ids ]] || docker rm -fv $ids >/dev/null
  rm -rf "$DIR/data" "$DIR/plain" "$DIR/out"
}
trap clean EXIT
trap 'exit 130' INT TERM
clean

# service NAME STRATEGY IMAGE ARGS...: a labelled container as Compose would make it
service() {
  local name=$1 strategy=$2 image=$3
  shift 3
  docker run -d --name "$PROJECT-$name" \
    --label "com.docker.compose.project=$PROJECT" --label "com.docker.compose.service=$name" \
    --label com.docker.compose.container-number=1 --label com.docker.compose.oneoff=False \
    --label "simpledeploy.backup.strategy=$strategy" --label simpledeploy.backup.schedule=manual \
    --label simpledeploy.backup.retention=1 "${options[@]}" "$image" "$@" >/dev/null
}

# seconds COMMAND...: how long it took
seconds() {
  local begin=$EPOCHREALTIME
  "$@" >/dev/null
  awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f\n", b - a }'
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

field() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},*$/\1/p" | head -1; }

# took: seconds of a run or restore, from its JSON
took() { field duration_ms | awk '{ printf "%.2f\n", $1 / 1000 }'; }

rows=()
# result NAME OURS PLAIN GOAL
result() {
  rows+=("$(awk -v n="$1" -v o="$2" -v p="$3" -v g="$4" 'BEGIN { printf "%-34s %8.2f s %8.2f s %7.2fx   %s", n, o, p, o / p, g }')")
  say "${rows[-1]}"
}

rss() { awk -v k="$2" '$1 == k ":" { print int($2 / 1024) }' "/proc/$1/status" 2>/dev/null || true; }

# watch_memory FILE: the highest resident sizes of the appliance and of helpers, until FILE.stop appears
watch_memory() {
  local main helper pid now top=0 htop=0
  main=$(docker inspect -f '{{.State.Pid}}' "$APPLIANCE")
  echo 5 >"/proc/$main/clear_refs" 2>/dev/null || true
  while [[ ! -e $1.stop ]]; do
    now=$(rss "$main" VmHWM)
    ((${now:-0} <= top)) || top=$now
    for helper in $(docker ps -q --filter label=com.simpledeploy.backup.role=helper); do
      pid=$(docker inspect -f '{{.State.Pid}}' "$helper" 2>/dev/null || echo 0)
      now=$(rss "$pid" VmHWM)
      ((${now:-0} <= htop)) || htop=$now
    done
    sleep 0.2
  done
  echo "$top $htop" >"$1"
}

plain_pack() { tar -C "$1" -c . | zstd -q -3 -T0 -f -o "$DIR/plain/$2.tar.zst"; }
plain_unpack() { rm -rf "$DIR/out"; mkdir "$DIR/out"; zstd -q -dc "$DIR/plain/$1.tar.zst" | tar -C "$DIR/out" -x; }
# shellcheck disable=SC2317 # called by seconds
plain_dump() { docker exec "$PROJECT-pg" pg_dump -U postgres --clean --if-exists --create bench | zstd -q -3 -T0 -f -o "$DIR/plain/pg.sql.zst"; }
# shellcheck disable=SC2317 # called by seconds
plain_load() { zstd -q -dc "$DIR/plain/pg.sql.zst" | docker exec -i "$PROJECT-pg" psql -U postgres -q -d template1 -v ON_ERROR_STOP=1; }

# compare NAME SERVICE PACK UNPACK GOAL-BACKUP GOAL-RESTORE
compare() {
  local name=$1 service=$2 pack=$3 unpack=$4
  local ours=() plain=() back=() plainback=() i
  for ((i = 1; i <= ROUNDS; i++)); do
    say "$name, round $i of $ROUNDS"
    sync
    # shellcheck disable=SC2086 # words of a command
    plain+=("$(seconds $pack)")
    sync
    ours+=("$(backup run "$PROJECT/$service" --json | took)")
    sync
    # shellcheck disable=SC2086 # words of a command
    plainback+=("$(seconds $unpack)")
    sync
    back+=("$(backup restore "$PROJECT/$service" --no-safety --json | took)")
  done
  result "$name: backup" "$(printf '%s\n' "${ours[@]}" | median)" "$(printf '%s\n' "${plain[@]}" | median)" "$5"
  result "$name: restore" "$(printf '%s\n' "${back[@]}" | median)" "$(printf '%s\n' "${plainback[@]}" | median)" "$6"
}

mkdir -p "$DIR/data" "$DIR/plain"
base=${APP_IMAGE:-busybox:1.37} postgres=${POSTGRES_IMAGE:-postgres:17} mysql=${MYSQL_IMAGE:-mariadb:11.8} redis=${REDIS_IMAGE:-redis:8.0}
have "$base" || base=debian:bookworm-slim
missing=()
have "$base" || missing+=(base)
! { wanted postgres || wanted provers; } || have "$postgres" || missing+=(postgres)
! wanted provers || have "$mysql" || missing+=(mysql)
! wanted provers || have "$redis" || missing+=(redis)
if ((${#missing[@]})); then
  say "no registry gives all of $base, $postgres, $mysql, $redis: building images of that name from Debian's packages"
  go run ./internal/enginetest/cmd/testimages "${missing[@]}" >/dev/null
fi

for set in mixed small; do
  wanted $set || { [[ $set == small ]] && wanted provers; } || continue
  say "making the data set $set"
  go run ./internal/bench $set "$DIR/data/$set"
  options=(-v "$DIR/data/$set:/srv/data" --label simpledeploy.backup.paths=/srv/data)
  service $set volume "$base" sh -c 'trap "exit 0" TERM; while :; do sleep 1; done'
done

if wanted postgres || wanted provers; then
  wanted postgres || PG_MIB=$PROVE_MIB
  options=(-e POSTGRES_PASSWORD=bench -e POSTGRES_DB=bench -v "$DIR/data/pg:/var/lib/postgresql/data" --shm-size 256m)
  service pg postgres "$postgres"
  until docker exec "$PROJECT-pg" pg_isready -q -h 127.0.0.1 -U postgres -d bench; do sleep 1; done
  say "filling PostgreSQL with $PG_MIB MiB"
  docker exec "$PROJECT-pg" psql -U postgres -qd bench -c 'create table events (id bigint, person int, token text, line text)'
  go run ./internal/bench sql "$PG_MIB" | docker exec -i "$PROJECT-pg" psql -U postgres -qd bench -c 'copy events from stdin'
  docker exec "$PROJECT-pg" psql -U postgres -qd bench -c 'alter table events add primary key (id)' -c checkpoint
fi

if wanted provers; then
  options=(-e MYSQL_ROOT_PASSWORD=bench -v "$DIR/data/my:/var/lib/mysql")
  service my mysql "$mysql" --innodb-flush-log-at-trx-commit=0
  sql() { docker exec -i -e MYSQL_PWD=bench "$PROJECT-my" mariadb -uroot -h 127.0.0.1 --local-infile=1 -e "$1"; }
  until sql 'select 1' </dev/null >/dev/null 2>&1; do sleep 1; done
  say "filling MariaDB with $PROVE_MIB MiB"
  sql 'create database bench; create table bench.events (id bigint primary key, person int, token text, line text)' </dev/null
  go run ./internal/bench sql "$PROVE_MIB" | sql "load data local infile '/dev/stdin' into table bench.events"
  options=(-v "$DIR/data/redis:/data")
  service redis redis "$redis" redis-server --save ''
  until docker exec "$PROJECT-redis" redis-cli ping >/dev/null 2>&1; do sleep 0.5; done
  say "filling Redis with $PROVE_MIB MiB, most of it tiny"
  docker exec "$PROJECT-redis" redis-cli eval "
    for i = 1, ARGV[1] * 7000 do redis.call('SET', 'session:' .. i, redis.sha1hex(i) .. redis.sha1hex(-i), 'EX', 8640000) end
    for i = 1, ARGV[1] * 2500 do redis.call('HSET', 'user:' .. i, 'name', 'user ' .. i, 'mail', i .. '@example.org', 'token', redis.sha1hex(i)) end
    for i = 1, ARGV[1] * 1200 do redis.call('ZADD', 'ranks:' .. i % 50, i / 7, redis.sha1hex(i)) end" 0 "$PROVE_MIB" >/dev/null
fi

say "starting the appliance"
docker run -d --name "$APPLIANCE" --label "com.docker.compose.project=$PROJECT" \
  -v /var/run/docker.sock:/var/run/docker.sock -v "$DIR/data/appliance:/data" \
  -e SIMPLEDEPLOY_PROJECTS=$PROJECT -e SIMPLEDEPLOY_LABEL_PREFIX=simpledeploy "$IMAGE" >/dev/null
until backup healthcheck >/dev/null 2>&1; do sleep 0.5; done
sleep 5
idle=$(rss "$(docker inspect -f '{{.State.Pid}}' "$APPLIANCE")" VmRSS)

watch_memory "$DIR/plain/memory" &
watcher=$!
if wanted mixed; then
  compare "volume, 1 GiB mixed" mixed "plain_pack $DIR/data/mixed mixed" "plain_unpack mixed" "<= 0.95" "<= 1.00"
fi
if wanted small; then
  compare "volume, 50,000 files of 4 KiB" small "plain_pack $DIR/data/small small" "plain_unpack small" "<= 1.00" "-"
fi
if wanted postgres; then
  compare "postgres, $PG_MIB MiB" pg plain_dump plain_load "<= 1.05" "<= 1.05"
fi
proofs=()
# proof SERVICE STRATEGY: what the strategy's prover adds to the stream of that service's real dump
proof() {
  say "proving the dump of $1"
  backup run "$PROJECT/$1" --json >/dev/null
  backup restore "$PROJECT/$1" --stdout >"$DIR/plain/dump"
  proofs+=("$(go run -tags lean ./internal/bench prove "$2" "$DIR/plain/dump")")
  say "${proofs[-1]}"
}
if wanted provers; then
  proof pg postgres
  proof my mysql
  proof redis redis
  proof small volume
  ! wanted mixed || proof mixed volume
fi
touch "$DIR/plain/memory.stop"
wait "$watcher"
read -r peak helper <"$DIR/plain/memory"

if ((${#rows[@]})); then
  printf '\n%-34s %10s %10s %8s   %s\n' "measure (median of $ROUNDS)" ours plain ratio goal
  printf '%s\n' "${rows[@]}"
fi
if ((${#proofs[@]})); then
  printf '\n%-34s %10s %10s %8s %8s %14s\n' "prover beside the stream" with without wall cpu "alone"
  printf '%s\n' "${proofs[@]}" | awk '{ printf "%-34s %8.2f s %8.2f s %7.2fx %7.2fx %8d MiB/s   <= 1.10\n", $1 ", " $2 " MiB", $4, $3, $5, $6, $7 }'
fi
printf '\nidle memory of the appliance       %6d MiB\n' "${idle:-0}"
printf 'peak memory, appliance + helper    %6d MiB, %d over idle   goal: <= 96 over idle\n' $((peak + helper)) $((peak + helper - ${idle:-0}))
printf 'image, compressed                  %6d MB   goal: <= 30\n' $(($(docker save "$IMAGE" | gzip -6 | wc -c) / 1000000))
