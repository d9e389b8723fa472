#!/bin/sh
# Makes the roles and the database of one side, as superuser: roles.sh HOST PASSWORD-FILE ROLES.SQL LOGINS.SQL. Running it again changes nothing but
# passwords that were changed.
set -eu

PGPASSWORD=$(cat "$2")
export PGPASSWORD
exec psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --host="$1" --username=postgres --dbname=postgres \
    --file="$3" --file="$4"
