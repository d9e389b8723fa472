-- The logins and the database of the key server and the exporter, for psql. Their passwords come from the files of compose.yaml's secrets.
\set owner_password `cat /run/secrets/server-owner`
\set server_password `cat /run/secrets/server`
\set exporter_password `cat /run/secrets/exporter`
\set replication_password `cat /run/secrets/replication`

ALTER ROLE pratique_keys_owner LOGIN PASSWORD :'owner_password';

SELECT 'CREATE ROLE server_one IN ROLE pratique_server'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'server_one') \gexec
ALTER ROLE server_one LOGIN PASSWORD :'server_password';

SELECT 'CREATE ROLE exporter_one IN ROLE pratique_exporter'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'exporter_one') \gexec
ALTER ROLE exporter_one LOGIN PASSWORD :'exporter_password';

-- The read replica.
SELECT 'CREATE ROLE replication_one'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'replication_one') \gexec
ALTER ROLE replication_one LOGIN REPLICATION PASSWORD :'replication_password';

SELECT 'CREATE DATABASE keys OWNER pratique_keys_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'keys') \gexec
REVOKE CONNECT ON DATABASE keys FROM PUBLIC;
GRANT CONNECT ON DATABASE keys TO pratique_server, pratique_exporter;
