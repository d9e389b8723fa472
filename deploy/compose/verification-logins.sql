-- The logins and the database of the verification service, for psql. Their passwords come from the files of compose.yaml's secrets.
\set owner_password `cat /run/secrets/verification-owner`
\set service_password `cat /run/secrets/verification`

ALTER ROLE pratique_verification_owner LOGIN PASSWORD :'owner_password';

SELECT 'CREATE ROLE verification_one IN ROLE pratique_verification'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'verification_one') \gexec
ALTER ROLE verification_one LOGIN PASSWORD :'service_password';

SELECT 'CREATE DATABASE codes OWNER pratique_verification_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'codes') \gexec
REVOKE CONNECT ON DATABASE codes FROM PUBLIC;
GRANT CONNECT ON DATABASE codes TO pratique_verification;
