#!/bin/sh
# Lets the read replica in, when the database is made.
set -eu

echo 'host replication replication_one all scram-sha-256' >>"$PGDATA/pg_hba.conf"
