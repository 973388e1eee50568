#!/bin/sh
# Starts Redis or Valkey as the official images do: data in /data, the server's own user, protected mode off.
set -e

if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then
	set -- @NAME@-server "$@"
fi
if [ "$1" = @NAME@-server ] && [ "$(id -u)" = 0 ]; then
	find . \! -user @NAME@ -exec chown @NAME@ '{}' +
	exec setpriv --reuid=@NAME@ --regid=@NAME@ --clear-groups -- "$0" "$@"
fi
if [ "$1" = @NAME@-server ]; then
	[ "$(umask)" != 0022 ] || umask 0077
	case " $* " in
	*.conf*) set -- "$@" --protected-mode no ;;
	*)
		name=$1
		shift
		set -- "$name" --protected-mode no "$@"
		;;
	esac
	# The official Valkey image takes more arguments in a variable.
	[ @NAME@ != valkey ] || set -- "$@" ${VALKEY_EXTRA_FLAGS:-}
fi
exec "$@"
