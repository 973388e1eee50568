#!/bin/bash
# Starts MariaDB or MySQL as the official images do, as far as the same variables and the same folder are concerned.
set -eo pipefail

# pick PREFIXED... sets $value from the first variable that is given, by value or by file.
pick() {
	local name file
	value=
	for name in "$@"; do
		file="${name}_FILE"
		if [ "${!name:-}" ] && [ "${!file:-}" ]; then
			echo >&2 "error: both $name and $file are set"
			exit 1
		fi
		if [ "${!name:-}" ]; then
			value=${!name}
		elif [ "${!file:-}" ]; then
			value=$(<"${!file}")
		fi
		[ -z "$value" ] || return 0
	done
}

server=@SERVER@
client=@CLIENT@
names() { [ "$server" = mariadbd ] && echo "MARIADB_$1"; echo "MYSQL_$1"; }

if [ "${1#-}" != "$1" ]; then
	set -- "$server" "$@"
fi
if [ "$1" != "$server" ]; then
	exec "$@"
fi

data=/var/lib/mysql
socket=/var/run/mysqld/mysqld.sock
if [ "$(id -u)" = 0 ]; then
	mkdir -p "$data" /var/run/mysqld
	chown -R mysql:mysql "$data" /var/run/mysqld
	exec setpriv --reuid=mysql --regid=mysql --init-groups -- "$BASH_SOURCE" "$@"
fi

fixed=(--datadir="$data" --socket="$socket" --pid-file="${socket%.sock}.pid")

# text writes a value as SQL reads it.
text() {
	local v=${1//\\/\\\\}
	printf "'%s'" "${v//\'/\'\'}"
}

if [ ! -d "$data/mysql" ]; then
	pick $(names ROOT_PASSWORD)
	password=$value
	if [ -z "$password" ] && [ -z "${MYSQL_ALLOW_EMPTY_PASSWORD:-}${MARIADB_ALLOW_EMPTY_ROOT_PASSWORD:-}" ]; then
		echo >&2 'error: database is uninitialized and password option is not specified: set MYSQL_ROOT_PASSWORD'
		exit 1
	fi
	if [ "$server" = mariadbd ]; then
		mariadb-install-db --datadir="$data" --auth-root-authentication-method=normal --skip-test-db >/dev/null
	else
		mysqld --no-defaults --initialize-insecure --datadir="$data"
	fi
	# The first server listens on a socket only, so that nobody takes the start scripts for the finished service.
	"$@" "${fixed[@]}" --skip-networking &
	pid=$!
	for i in $(seq 600); do
		if $client --no-defaults -uroot -S "$socket" -e 'SELECT 1' >/dev/null 2>&1; then break; fi
		kill -0 $pid
		sleep 0.1
	done
	pick $(names DATABASE); database=$value
	pick $(names USER); user=$value
	pick $(names PASSWORD); userpass=$value
	{
		[ "$server" = mysqld ] || echo "DELETE FROM mysql.global_priv WHERE user = '' OR user = 'root' AND host <> 'localhost'; FLUSH PRIVILEGES;"
		[ -z "$database" ] || echo "CREATE DATABASE IF NOT EXISTS \`$database\`;"
		if [ -n "$user" ]; then
			echo "CREATE USER $(text "$user")@'%' IDENTIFIED BY $(text "$userpass");"
			[ -z "$database" ] || echo "GRANT ALL ON \`${database//_/\\_}\`.* TO $(text "$user")@'%';"
		fi
		host=${MYSQL_ROOT_HOST:-${MARIADB_ROOT_HOST:-%}}
		if [ "$host" != localhost ]; then
			echo "CREATE USER 'root'@$(text "$host") IDENTIFIED BY $(text "$password");"
			echo "GRANT ALL ON *.* TO 'root'@$(text "$host") WITH GRANT OPTION;"
		fi
		echo "FLUSH PRIVILEGES;"
		echo "ALTER USER 'root'@'localhost' IDENTIFIED BY $(text "$password");"
	} | $client --no-defaults -uroot -S "$socket" mysql
	export MYSQL_PWD=$password
	run() { $client --no-defaults -uroot -S "$socket" ${database:+"$database"}; }
	for f in /docker-entrypoint-initdb.d/*; do
		case "$f" in
		*.sh) if [ -x "$f" ]; then "$f"; else . "$f"; fi ;;
		*.sql) run < "$f" ;;
		*.sql.gz) gunzip -c "$f" | run ;;
		esac
	done
	unset MYSQL_PWD
	kill $pid
	wait $pid
	echo 'init process done. Ready for start up.'
fi
exec "$@" "${fixed[@]}"
