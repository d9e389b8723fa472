-- The roles of Pratique on a PostgreSQL cluster. A superuser runs this once, before the first `migrate`; running it again changes nothing.
--
-- Databases belong to the owners: `server migrate`, `server authority add`, `verification migrate` and the other commands of operators log in
-- as these. The services log in as members of the roles below, which the migrations give exactly what each needs:
--
--     CREATE ROLE server_one LOGIN PASSWORD '...' IN ROLE pratique_server;
--     CREATE ROLE exporter_one LOGIN PASSWORD '...' IN ROLE pratique_exporter;
--     CREATE DATABASE keys OWNER pratique_keys_owner;
--
-- Nobody else has business in the databases:
--
--     REVOKE CONNECT ON DATABASE keys FROM PUBLIC;
--     GRANT CONNECT ON DATABASE keys TO pratique_server, pratique_exporter;

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['pratique_keys_owner', 'pratique_server', 'pratique_exporter',
                                'pratique_verification_owner', 'pratique_verification'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        END IF;
    END LOOP;
END
$$;
