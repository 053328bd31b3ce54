-- Datashares and external schemas, of which only the catalog is here. Run at every start.

CREATE TABLE IF NOT EXISTS redshift_local.share (
    share_id integer GENERATED ALWAYS AS IDENTITY (START 100000),
    name text PRIMARY KEY,
    owner oid NOT NULL,
    is_public boolean NOT NULL,
    created timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);
-- A schema by its number, or a table or view of it: one that is made again is not in the share.
CREATE TABLE IF NOT EXISTS redshift_local.share_object (
    share text NOT NULL REFERENCES redshift_local.share ON DELETE CASCADE,
    schema oid NOT NULL,
    relation oid NOT NULL,
    PRIMARY KEY (share, schema, relation)
);
CREATE TABLE IF NOT EXISTS redshift_local.share_consumer (
    share text NOT NULL REFERENCES redshift_local.share ON DELETE CASCADE,
    kind text NOT NULL,
    id text NOT NULL,
    granted timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    PRIMARY KEY (share, kind, id)
);
CREATE TABLE IF NOT EXISTS redshift_local.external_schema (
    schema oid PRIMARY KEY,
    database text NOT NULL,
    options text NOT NULL
);

DROP VIEW IF EXISTS pg_catalog.svv_datashares, pg_catalog.svv_datashare_objects,
    pg_catalog.svv_datashare_consumers, pg_catalog.svv_external_schemas;
DROP VIEW IF EXISTS redshift_local.shares;

-- The account is the one of the laptop's AWS; the namespace is this database's own.
CREATE VIEW redshift_local.shares AS
SELECT s.*, '000000000000'::text AS producer_account,
       md5(current_database())::uuid::text AS producer_namespace
FROM redshift_local.share s WHERE redshift_local.is_shown(pg_get_userbyid(s.owner));

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_DATASHARES.html
CREATE VIEW pg_catalog.svv_datashares AS
SELECT name AS share_name, share_id, owner::bigint::integer AS share_owner,
       current_database()::text AS source_database, NULL::text AS consumer_database,
       'OUTBOUND'::text AS share_type, created AS createdate, is_public AS is_publicaccessible,
       NULL::text AS share_acl, producer_account, producer_namespace, NULL::text AS managed_by
FROM redshift_local.shares;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_DATASHARE_OBJECTS.html
CREATE VIEW pg_catalog.svv_datashare_objects AS
SELECT 'OUTBOUND'::text AS share_type, s.name AS share_name,
       CASE WHEN o.relation = 0 THEN 'schema' WHEN c.relkind = 'v' THEN 'view' ELSE 'table' END::text
           AS object_type,
       concat_ws('.', n.nspname, c.relname) AS object_name, s.producer_account,
       s.producer_namespace, CASE WHEN o.relation = 0 THEN false END AS include_new
FROM redshift_local.shares s
JOIN redshift_local.share_object o ON o.share = s.name
JOIN pg_namespace n ON n.oid = o.schema
LEFT JOIN pg_class c ON c.oid = o.relation
WHERE o.relation = 0 OR c.oid IS NOT NULL;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_DATASHARE_CONSUMERS.html
CREATE VIEW pg_catalog.svv_datashare_consumers AS
SELECT s.name AS share_name, CASE c.kind WHEN 'ACCOUNT' THEN c.id END AS consumer_account,
       CASE c.kind WHEN 'NAMESPACE' THEN c.id END AS consumer_namespace, c.granted AS share_date
FROM redshift_local.shares s JOIN redshift_local.share_consumer c ON c.share = s.name;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_EXTERNAL_SCHEMAS.html
CREATE VIEW pg_catalog.svv_external_schemas AS
SELECT e.schema AS esoid, 1::smallint AS eskind, n.nspname AS schemaname,
       n.nspowner::bigint::integer AS esowner, e.database AS databasename, e.options AS esoptions
FROM redshift_local.external_schema e JOIN pg_namespace n ON n.oid = e.schema
WHERE redshift_local.is_shown(pg_get_userbyid(n.nspowner))
   OR has_schema_privilege(session_user, n.oid, 'USAGE');

GRANT SELECT ON pg_catalog.svv_datashares, pg_catalog.svv_datashare_objects,
    pg_catalog.svv_datashare_consumers, pg_catalog.svv_external_schemas TO PUBLIC;

CREATE OR REPLACE FUNCTION redshift_local.create_share(share text, is_public boolean)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    IF NOT redshift_local.is_shown((
        SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()))
    THEN
        RAISE 'permission denied for database %', current_database() USING ERRCODE = '42501';
    END IF;
    INSERT INTO redshift_local.share (name, owner, is_public)
    SELECT share, oid, create_share.is_public FROM pg_roles WHERE rolname = session_user;
EXCEPTION WHEN unique_violation THEN
    RAISE 'datashare "%" already exists', share USING ERRCODE = '42710';
END
$body$;

-- Raises unless there is such a share and the client may change it.
CREATE OR REPLACE FUNCTION redshift_local.check_share(share text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    owner oid := (SELECT s.owner FROM redshift_local.share s WHERE s.name = share);
BEGIN
    IF owner IS NULL THEN
        RAISE 'datashare "%" does not exist', share USING ERRCODE = '42704';
    ELSIF NOT redshift_local.is_shown(pg_get_userbyid(owner)) THEN
        RAISE 'permission denied for datashare %', share USING ERRCODE = '42501';
    END IF;
END
$body$;

CREATE OR REPLACE FUNCTION redshift_local.drop_share(share text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    PERFORM redshift_local.check_share(share);
    DELETE FROM redshift_local.share s WHERE s.name = share;
END
$body$;

CREATE OR REPLACE FUNCTION redshift_local.change_object(
    share text, schema oid, relation oid, named text, is_added boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    PERFORM redshift_local.check_share(share);
    IF is_added THEN
        INSERT INTO redshift_local.share_object VALUES (share, schema, relation);
        RETURN;
    END IF;
    DELETE FROM redshift_local.share_object o
    WHERE o.share = change_object.share AND o.schema = change_object.schema
      AND o.relation = change_object.relation;
    IF NOT FOUND THEN
        RAISE '% is not in datashare "%"', named, share USING ERRCODE = '42704';
    END IF;
EXCEPTION WHEN unique_violation THEN
    RAISE '% is already in datashare "%"', named, share USING ERRCODE = '42710';
END
$body$;

-- These run with the rights of the client, who has to have some on what he shares.
CREATE OR REPLACE FUNCTION redshift_local.change_schema(share text, schema text, is_added boolean)
RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    IF NOT has_schema_privilege(schema, 'USAGE') THEN
        RAISE 'permission denied for schema %', schema USING ERRCODE = '42501';
    END IF;
    PERFORM redshift_local.change_object(
        share, quote_ident(schema)::regnamespace, 0, schema, is_added);
END
$body$;

-- https://docs.aws.amazon.com/redshift/latest/dg/writes-adding-datashare.html
CREATE OR REPLACE FUNCTION redshift_local.change_table(
    share text, schema text, relation text, is_added boolean) RETURNS void
LANGUAGE plpgsql AS $body$
DECLARE
    named text := format('%s.%s', schema, relation);
    found oid := format('%I.%I', schema, relation)::regclass;
    shelf oid := quote_ident(schema)::regnamespace;
BEGIN
    IF is_added AND NOT redshift_local.has_schema(share, shelf) THEN
        RAISE 'schema "%" is not in datashare "%"; add it first', schema, share
            USING ERRCODE = '55000';
    ELSIF NOT has_table_privilege(found, 'SELECT') THEN
        RAISE 'permission denied for relation %', relation USING ERRCODE = '42501';
    END IF;
    PERFORM redshift_local.change_object(share, shelf, found, named, is_added);
END
$body$;

CREATE OR REPLACE FUNCTION redshift_local.has_schema(share text, schema oid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM redshift_local.share_object o
        WHERE o.share = has_schema.share AND o.schema = has_schema.schema AND o.relation = 0)
$$;

CREATE OR REPLACE FUNCTION redshift_local.change_all_tables(
    share text, schema text, is_added boolean) RETURNS void
LANGUAGE sql AS $$
    SELECT redshift_local.change_table(share, schema, c.relname, is_added)
    FROM pg_catalog.pg_class c
    WHERE c.relnamespace = quote_ident(schema)::regnamespace AND c.relkind IN ('r', 'v')
      AND is_added = NOT EXISTS (
          SELECT FROM pg_catalog.svv_datashare_objects o
          WHERE o.share_name = share AND o.object_name = format('%s.%s', schema, c.relname))
$$;

CREATE OR REPLACE FUNCTION redshift_local.change_consumer(
    share text, kind text, id text, is_granted boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    PERFORM redshift_local.check_share(share);
    IF is_granted THEN
        INSERT INTO redshift_local.share_consumer VALUES (share, kind, id) ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM redshift_local.share_consumer c
        WHERE (c.share, c.kind, c.id)
            = (change_consumer.share, change_consumer.kind, change_consumer.id);
    END IF;
END
$body$;

CREATE OR REPLACE FUNCTION redshift_local.create_external_schema(
    schema text, database text, options text, may_exist boolean) RETURNS void
LANGUAGE plpgsql AS $body$
BEGIN
    IF may_exist AND to_regnamespace(quote_ident(schema)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE SCHEMA %I', schema);
    PERFORM redshift_local.keep_external_schema(
        quote_ident(schema)::regnamespace, database, options);
END
$body$;

CREATE OR REPLACE FUNCTION redshift_local.keep_external_schema(
    schema oid, database text, options text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO redshift_local.external_schema VALUES (schema, database, options)
    ON CONFLICT (schema) DO UPDATE SET (database, options) = (excluded.database, excluded.options)
$$;

CREATE OR REPLACE FUNCTION redshift_local.refuse_in_external_schema() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    IF EXISTS (
        SELECT FROM pg_event_trigger_ddl_commands() d JOIN pg_class c ON c.oid = d.objid
        JOIN redshift_local.external_schema e ON e.schema = c.relnamespace
        WHERE d.classid = 'pg_class'::regclass)
    THEN
        RAISE 'Operations on local objects in external schema are not enabled.'
            USING ERRCODE = '0A000';
    END IF;
END
$body$;

DROP EVENT TRIGGER IF EXISTS redshift_external_schema;
CREATE EVENT TRIGGER redshift_external_schema ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE VIEW')
    EXECUTE FUNCTION redshift_local.refuse_in_external_schema();
