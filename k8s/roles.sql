-- Who may do what in the database, once for each environment, as its administrator, before the first migration:
-- psql --set ON_ERROR_STOP=1 --file k8s/roles.sql "… dbname=pacs"
-- and then k8s/secrets.sh set-database-passwords. Roles are made here and not by gcloud, which would make each
-- of them an administrator.
--
-- pacs_owner migrates. The portal comes as pacs_1 or pacs_2, which have the same rights, so that a password
-- can be changed while the other one is in use.

CREATE ROLE pacs_owner LOGIN;
CREATE ROLE pacs NOLOGIN;
CREATE ROLE pacs_1 LOGIN IN ROLE pacs;
CREATE ROLE pacs_2 LOGIN IN ROLE pacs;

GRANT pacs_owner TO CURRENT_USER;
GRANT CREATE ON DATABASE pacs TO pacs_owner;  -- for extensions
ALTER SCHEMA public OWNER TO pacs_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO pacs;
ALTER DEFAULT PRIVILEGES FOR ROLE pacs_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO pacs;
ALTER DEFAULT PRIVILEGES FOR ROLE pacs_owner IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO pacs;

-- A pooler hands on no settings of a session; those of a role it cannot lose.
ALTER ROLE pacs_1 SET timezone = 'UTC';
ALTER ROLE pacs_2 SET timezone = 'UTC';
ALTER ROLE pacs_1 SET statement_timeout = '60s';
ALTER ROLE pacs_2 SET statement_timeout = '60s';
ALTER ROLE pacs_1 SET lock_timeout = '10s';
ALTER ROLE pacs_2 SET lock_timeout = '10s';
ALTER ROLE pacs_1 SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE pacs_2 SET idle_in_transaction_session_timeout = '60s';
