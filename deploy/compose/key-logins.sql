-- The logins and the database of the key server and the exporter, for psql. Each password comes from a file: of compose.yaml's secrets, or of another
-- directory, psql -v secrets=DIRECTORY. Running it again changes nothing but passwords that were changed.
\if :{?secrets}
\else
\set secrets /run/secrets
\endif
\set owner_password `cat :secrets/server-owner`
\set server_password `cat :secrets/server`
\set exporter_password `cat :secrets/exporter`
\set replication_password `cat :secrets/replication`

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
