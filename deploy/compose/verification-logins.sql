-- The logins and the database of the verification service, for psql. Each password comes from a file: of compose.yaml's secrets, or of another directory,
-- psql -v secrets=DIRECTORY. Running it again changes nothing but passwords that were changed.
\if :{?secrets}
\else
\set secrets /run/secrets
\endif
\set owner_password `cat :secrets/verification-owner`
\set service_password `cat :secrets/verification`

ALTER ROLE pratique_verification_owner LOGIN PASSWORD :'owner_password';

SELECT 'CREATE ROLE verification_one IN ROLE pratique_verification'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'verification_one') \gexec
ALTER ROLE verification_one LOGIN PASSWORD :'service_password';

SELECT 'CREATE DATABASE codes OWNER pratique_verification_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'codes') \gexec
REVOKE CONNECT ON DATABASE codes FROM PUBLIC;
GRANT CONNECT ON DATABASE codes TO pratique_verification;
