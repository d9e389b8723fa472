#!/bin/sh
# Keeps one throw-away PostgreSQL cluster: makes it, says where it is, and removes it when standard input ends. Whoever holds the other end
# of that pipe need not do anything to end the cluster: the kernel closes the pipe even of a process that was killed.
#
# Arguments: the directory with the binaries, further lines for postgresql.conf, and for a standby, how to reach the cluster that it follows. Its
# first line of output is the cluster's directory; if the cluster does not start, the output is what PostgreSQL said.
set -eu
binaries=$1
settings=$2
primary=${3:-}

directory=$(mktemp -d "${TMPDIR:-/tmp}/pratique-XXXXXX" 2>/dev/null || mktemp -d /tmp/pratique-XXXXXX)
trap 'rm -rf "$directory"' EXIT
# A keyboard's interrupt goes to the whole session; the pipe says when it is time.
trap '' INT HUP TERM

quietly() {
    "$@" >>"$directory/log" 2>&1 </dev/null || {
        cat "$directory/log"
        exit 1
    }
}

if [ -n "$primary" ]; then
    # A client, so it may stand apart: where a link to the server leads, or in PATH.
    backup=$binaries/pg_basebackup
    [ -x "$backup" ] || backup=$(dirname "$(readlink -f "$binaries/initdb")")/pg_basebackup
    [ -x "$backup" ] || backup=pg_basebackup
    quietly "$backup" --pgdata="$directory/data" --dbname="$primary" --write-recovery-conf --checkpoint=fast --no-sync
else
    quietly "$binaries/initdb" --pgdata="$directory/data" --username=postgres --auth-local=trust --auth-host=scram-sha-256 \
        --encoding=UTF8 --no-locale --no-sync
fi
printf "unix_socket_directories = '%s'\n%s\n" "$directory" "$settings" >>"$directory/data/postgresql.conf"
quietly "$binaries/pg_ctl" --pgdata="$directory/data" --log="$directory/log" --wait start

echo "$directory"
read -r _ || true

# Nothing is worth writing down any more.
"$binaries/pg_ctl" --pgdata="$directory/data" --mode=immediate --silent stop >/dev/null 2>&1 || true
