#!/bin/sh
# A hot standby of the database at a host: standby.sh HOST. It copies the database when it has none yet, and follows it from then on.
set -eu

password=$(cat /run/secrets/replication)
primary="host=$1 user=replication_one password=$password application_name=replica"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    pg_basebackup --pgdata="$PGDATA" --wal-method=stream --checkpoint=fast --dbname="$primary"
fi
touch "$PGDATA/standby.signal"
chmod 700 "$PGDATA"
# Feedback keeps the database from removing rows that a long read here still needs.
exec postgres -c "primary_conninfo=$primary" -c hot_standby_feedback=on
