#!/usr/bin/env bash
# The whole way once: a million rows and a volume are backed up by schedule, lost, restored by one command each, and
# compared. Takes everything down again, also when something fails.
#
#   IMAGE=simpledeploy-backup:dev scripts/demo.sh
set -euo pipefail
cd "$(dirname "$0")/.."

IMAGE=${IMAGE:-simpledeploy-backup:dev}
PROJECT=simpledeploy-demo
ROWS=${ROWS:-1000000}
started=$SECONDS

if docker compose version >/dev/null 2>&1; then
  compose=(docker compose)
elif command -v docker-compose >/dev/null; then
  compose=(docker-compose)
else
  echo "this needs Compose: neither 'docker compose' nor docker-compose is here" >&2
  exit 1
fi
compose+=(-f compose.example.yaml -p "$PROJECT")

say() { printf '\n== %3ds  %s\n' $((SECONDS - started)) "$*"; }

fail() {
  echo "demo: $*" >&2
  "${compose[@]}" logs --tail=40 backup >&2 || true
  exit 1
}

# have IMAGE: it is here, or a registry gives it.
have() { docker image inspect "$1" >/dev/null 2>&1 || docker pull -q "$1" >/dev/null 2>&1; }

on() { # on SERVICE COMMAND...: run it inside the service
  local service=$1
  shift
  "${compose[@]}" exec -T "$service" "$@"
}

sql() { on db psql -U postgres -d shop -v ON_ERROR_STOP=1 -qAtc "$1"; }

backup() { on backup simpledeploy-backup "$@"; }

# await SECONDS WHAT COMMAND...: until it succeeds
await() {
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < until)) || fail "waited in vain for $what"
    sleep 1
  done
}

down() { "${compose[@]}" down -v --remove-orphans >/dev/null 2>&1 || true; }

# What a table holds: how many rows, and a sum over the hashes of all of them.
rows_digest() {
  sql "select count(*) || ' rows, checksum ' || sum(('x' || substr(md5(o::text), 1, 15))::bit(60)::bigint) from orders o"
  sql "select count(*) || ' rows, checksum ' || sum(('x' || substr(md5(c::text), 1, 15))::bit(60)::bigint) from customers c"
}

# What a volume holds: content, modes, owners, times and links of everything in it.
files_digest() {
  # shellcheck disable=SC2016 # for the shell inside the container
  on app sh -c 'cd /srv/files && { find . -type f | sort | xargs sha256sum; find . | sort | while read -r f; do
    stat -c "%n %f %u %g %h" "$f"; [ -d "$f" ] || stat -c "%Y" "$f"; [ ! -L "$f" ] || readlink "$f"; done; } | sha256sum; find . -type f | wc -l'
}

# scheduled SERVICE: the id of the newest backup that the schedule made
scheduled() {
  backup history "$PROJECT/$1" --state succeeded | awk '$4 == "schedule" && !found { print $1; found = 1 } END { exit !found }'
}

idle() { [[ $(backup history "$PROJECT" --state running | wc -l) == 1 && $(backup history "$PROJECT" --state queued | wc -l) == 1 ]]; }

# show SERVICE: the record of its newest backup, the object, and its manifest
show() {
  local id key container
  id=$(scheduled "$1")
  say "the record of $1"
  backup history --run "$id"
  key=$(backup history --run "$id" --json | sed -n 's/^ *"key": "\(.*\)",*$/\1/p' | head -1)
  container=$("${compose[@]}" ps -q backup)
  say "what lies on the target"
  docker cp "$container:/data/backups/$(dirname "$key")" - | tar -tv | grep -F "$id"
  say "its manifest"
  docker cp "$container:/data/backups/$key.manifest.json" - | tar -xO
}

say "images"
docker image inspect "$IMAGE" >/dev/null 2>&1 || { echo "there is no image $IMAGE: make image builds it" >&2; exit 1; }
export BACKUP_IMAGE=$IMAGE POSTGRES_IMAGE=${POSTGRES_IMAGE:-postgres:17} APP_IMAGE=${APP_IMAGE:-busybox:1.37}
if ! have "$POSTGRES_IMAGE"; then
  echo "no registry answers: building the test images"
  go run ./internal/enginetest/cmd/testimages base postgres
fi
have "$APP_IMAGE" || export APP_IMAGE=debian:bookworm-slim

export BACKUP_SCHEDULE="* * * * *"
started=$SECONDS
trap down EXIT
trap 'exit 130' INT TERM
down

say "the database and the application come up"
"${compose[@]}" up -d db app
await 60 "the database" on db pg_isready -q -h 127.0.0.1 -U postgres -d shop

say "$ROWS rows and a volume full of files"
sql "create table customers (id int primary key, name text not null);
     insert into customers select i, 'customer ' || md5(i::text) from generate_series(1, $ROWS / 100) i;
     create table orders (id bigint primary key, customer int not null references customers, at timestamptz, note text);
     insert into orders select i, 1 + i % ($ROWS / 100), timestamptz '2026-01-01' + i * interval '1 second', md5(i::text) || E'\\t\\\\' from generate_series(1, $ROWS) i;
     create index on orders (customer);"
# shellcheck disable=SC2016 # for the shell inside the container
on app sh -c 'cd /srv/files && mkdir -p photos/2026 cache && i=0 && while [ $i -lt 200 ]; do head -c 50000 /dev/urandom >photos/2026/$i.jpg; i=$((i+1)); done
  echo hello >readme && ln readme hardlink && ln -s photos/2026/0.jpg newest && chmod 0640 readme && chown 1000:1000 photos && echo x >cache/skipped'
before_rows=$(rows_digest)
on app rm -rf /srv/files/cache
before_files=$(files_digest)
echo "$before_rows"
echo "$before_files files"

say "the appliance comes up, and nobody tells it to back up"
"${compose[@]}" up -d backup
await 30 "the appliance" backup healthcheck
backup plan
backup detect
await 150 "the scheduled backup of the database" scheduled db
await 60 "the scheduled backup of the volume" scheduled app
backup pause 1h
await 60 "the runs under way to end" idle
backup history "$PROJECT"
show db
show app

say "the tables are dropped and the files are gone"
sql "drop table orders, customers"
on app sh -c 'rm -rf /srv/files/* && echo wrong >/srv/files/wrong'

say "one command each"
backup restore "$PROJECT/db" --yes
backup restore "$PROJECT/app" --yes

say "what is there now"
after_rows=$(rows_digest)
after_files=$(files_digest)
echo "$after_rows"
echo "$after_files files"
[[ $after_rows == "$before_rows" ]] || fail "the rows differ"
[[ $after_files == "$before_files" ]] || fail "the files differ"

say "all rows and all files are back; taking all down"
down
trap - EXIT
say "done"
