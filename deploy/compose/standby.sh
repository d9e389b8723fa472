#!/bin/sh
# A hot standby of the database at a host: standby.sh HOST COMMAND..., where the command is how the database itself is started, so that both have the same
# settings. It copies the database when it has none yet, and follows it from then on. One that was away for longer than the database keeps its log
# (wal_keep_size) never catches up; its log says that a segment has been removed. Remove what it has in $PGDATA, then, and start it: it copies again.
set -eu

host=$1
shift
[ $# -gt 0 ] || set -- postgres
PGPASSWORD=$(cat /run/secrets/replication)
export PGPASSWORD
primary="host=$host user=replication_one application_name=replica"

# The manifest comes last: without it a copy was broken off, and must not be started.
if [ -e "$PGDATA/backup_label" ] && [ ! -e "$PGDATA/backup_manifest" ] || [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    find "$PGDATA" -mindepth 1 -delete
    pg_basebackup --pgdata="$PGDATA" --wal-method=stream --checkpoint=fast --dbname="$primary"
fi
# The label goes when a copy is started for the first time, and this file when a standby is promoted.
[ ! -e "$PGDATA/backup_label" ] || touch "$PGDATA/standby.signal"
if [ ! -e "$PGDATA/standby.signal" ]; then
    echo "standby.sh: this database was promoted, and must not follow $host any more" >&2
    exit 1
fi
chmod 700 "$PGDATA"
# Feedback keeps the database from removing rows that a long read here still needs.
exec "$@" -c "primary_conninfo=$primary" -c hot_standby_feedback=on
