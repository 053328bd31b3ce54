-- What a Redshift database has and a PostgreSQL database lacks. Run at every start, so each
-- statement may find its object already there. Views and functions go to pg_catalog, where they
-- are found before anything on the search path, as Redshift's own are.

CREATE SEQUENCE IF NOT EXISTS redshift_local.query_id;

-- Keys are declared and not enforced, so PostgreSQL has none of them.
CREATE SEQUENCE IF NOT EXISTS redshift_local.key_number MINVALUE 3000000000 START 3000000000;
CREATE TABLE IF NOT EXISTS redshift_local.table_key (
    oid oid PRIMARY KEY DEFAULT nextval('redshift_local.key_number')::oid,
    relation oid NOT NULL,
    kind "char" NOT NULL,
    name text NOT NULL,
    columns text[] NOT NULL,
    referred oid,
    -- A format: %s is the table that a foreign key refers to.
    definition text NOT NULL
);

-- Keep the attributes that the dialect wrote before the statement, and let every VARCHAR, CHAR and
-- VARBYTE of the table count bytes. PostgreSQL's bytea has no length, and keeps one that it is given.
CREATE OR REPLACE FUNCTION redshift_local.adopt_table(made oid, attributes jsonb, model oid)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET redshift.binding = 'on' AS $body$
DECLARE
    changes text;
BEGIN
    IF model IS NOT NULL THEN
        INSERT INTO redshift_local.table_attributes
        SELECT made, a.diststyle, a.distkey, a.sortkeys, a.encodings, a.sortstyle
        FROM redshift_local.table_attributes a
        WHERE a.relation = model
        ON CONFLICT DO NOTHING;
    ELSIF attributes ? 'diststyle' THEN
        INSERT INTO redshift_local.table_attributes VALUES (
            made, attributes ->> 'diststyle', attributes ->> 'distkey',
            ARRAY(SELECT jsonb_array_elements_text(attributes -> 'sortkeys')),
            attributes -> 'encodings', attributes ->> 'sortstyle'
        ) ON CONFLICT DO NOTHING;
        INSERT INTO redshift_local.table_key (relation, kind, name, columns, referred, definition)
        SELECT made, key.kind, coalesce(key.name, concat_ws('_', c.relname, key.suffix)),
               key.columns, key.referred, key.definition
        FROM jsonb_to_recordset(nullif(attributes -> 'keys', 'null')) AS key(
            kind "char", name text, suffix text, columns text[], referred oid, definition text)
        JOIN pg_class c ON c.oid = made
        WHERE NOT EXISTS (SELECT FROM redshift_local.table_key WHERE relation = made);
    ELSIF attributes ? 'encodings' THEN
        UPDATE redshift_local.table_attributes
        SET encodings = encodings || (attributes -> 'encodings') WHERE relation = made;
    ELSIF attributes ? 'layout' THEN
        PERFORM redshift_local.alter_layout(made, attributes -> 'layout');
    ELSIF attributes ? 'dropped' THEN
        PERFORM redshift_local.refuse_drop(made, attributes ->> 'dropped');
    ELSIF attributes ? 'renamed' THEN
        PERFORM redshift_local.rename_column(made, attributes ->> 'renamed', attributes ->> 'to');
    END IF;
    IF attributes ? 'encodings' THEN
        PERFORM redshift_local.check_encodings(made, attributes -> 'encodings');
    END IF;
    IF attributes ? 'varbytes' THEN
        UPDATE pg_attribute SET atttypmod = length.value::integer + 4
        FROM jsonb_each_text(attributes -> 'varbytes') AS length
        WHERE attrelid = made AND attname = length.key AND atttypid = 'bytea'::regtype;
    END IF;

    WITH wanted AS (
        SELECT format('%s_bytes_%s_%s', CASE atttypid WHEN 'bytea'::regtype THEN 'varbyte'
                      ELSE 'varchar' END, attnum, atttypmod - 4) AS name,
               format('CHECK (octet_length(%I) <= %s)', attname, atttypmod - 4) AS rule
        FROM pg_attribute
        WHERE attrelid = made AND attnum > 0 AND NOT attisdropped AND atttypmod > 4
          AND atttypid IN ('varchar'::regtype, 'bpchar'::regtype, 'bytea'::regtype)
    ), present AS (
        SELECT conname::text AS name FROM pg_constraint
        WHERE conrelid = made AND conname ~ '^(varchar|varbyte)_bytes_'
    )
    SELECT string_agg(change, ', ' ORDER BY change DESC) INTO changes FROM (
        SELECT format('DROP CONSTRAINT %I', name) FROM present
        WHERE name NOT IN (SELECT name FROM wanted)
        UNION ALL
        SELECT format('ADD CONSTRAINT %I %s', name, rule) FROM wanted
        WHERE name NOT IN (SELECT name FROM present)
    ) AS needed(change);
    IF changes IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %s %s', made::regclass, changes);
    END IF;
END
$body$;

-- Runs with the rights and the search path of the client, on which the model of a LIKE is found.
CREATE OR REPLACE FUNCTION redshift_local.after_table_ddl() RETURNS event_trigger
LANGUAGE plpgsql AS $body$
DECLARE
    attributes jsonb := (regexp_match(
        current_query(), '^(?:/\*touches:.*?\*/ )?/\*redshift:(.*?)\*/'))[1]::jsonb;
BEGIN
    attributes := attributes || jsonb_build_object('keys', (
        SELECT jsonb_agg(key || jsonb_build_object('referred', to_regclass(key ->> 'referred')::oid))
        FROM jsonb_array_elements(attributes -> 'keys') AS key));
    PERFORM redshift_local.adopt_table(
        made.oid, attributes, to_regclass(attributes ->> 'like')::oid
    )
    FROM (
        SELECT DISTINCT c.oid
        FROM pg_event_trigger_ddl_commands() d JOIN pg_class c ON c.oid = d.objid
        WHERE d.classid = 'pg_class'::regclass AND c.relkind = 'r'
    ) AS made;
END
$body$;

DROP EVENT TRIGGER IF EXISTS redshift_after_table_ddl;
CREATE EVENT TRIGGER redshift_after_table_ddl ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
    EXECUTE FUNCTION redshift_local.after_table_ddl();

-- The lock that Redshift's COPY holds on its table; a plain LOCK would ask for more rights.
CREATE OR REPLACE FUNCTION redshift_local.lock_for_load(relation oid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    IF has_table_privilege(session_user, relation, 'INSERT') THEN
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', relation::regclass);
    END IF;
END
$body$;
GRANT USAGE ON SCHEMA redshift_local TO PUBLIC;

-- Moves all rows, with the client's rights. Columns are matched by name.
CREATE OR REPLACE FUNCTION redshift_local.append_table(target regclass, source regclass, extra text)
RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    shared text;
    different text;
    only_source text;
    only_target text;
BEGIN
    IF (SELECT relpersistence FROM pg_class WHERE oid = target) <> 'p' THEN
        RAISE EXCEPTION 'ALTER TABLE APPEND: target table % must be permanent', target;
    END IF;
    IF redshift_local.keys_of(target) <> redshift_local.keys_of(source) THEN
        RAISE EXCEPTION
            'ALTER TABLE APPEND: % and % must have the same distribution and sort keys',
            target, source;
    END IF;
    SELECT string_agg(quote_ident(attname), ', ') FILTER (WHERE columns = 2),
           min(attname) FILTER (WHERE columns = 2 AND types = 2),
           min(attname) FILTER (WHERE columns = 1 AND relation = source),
           min(attname) FILTER (WHERE columns = 1 AND relation = target)
    INTO shared, different, only_source, only_target
    FROM (
        SELECT attname::text, count(*) AS columns, min(attrelid)::regclass AS relation,
               count(DISTINCT (atttypid, atttypmod, attnotnull)) AS types
        FROM pg_attribute
        WHERE attrelid IN (target, source) AND attnum > 0 AND NOT attisdropped
        GROUP BY attname
    ) AS found;
    IF different IS NOT NULL THEN
        RAISE EXCEPTION 'ALTER TABLE APPEND: column "%" differs between % and %',
            different, target, source;
    ELSIF only_source IS NOT NULL AND extra IS DISTINCT FROM 'IGNOREEXTRA' THEN
        RAISE EXCEPTION 'ALTER TABLE APPEND: column "%" is missing from %', only_source, target
            USING HINT = 'Use IGNOREEXTRA to leave it out.';
    ELSIF only_target IS NOT NULL AND extra IS DISTINCT FROM 'FILLTARGET' THEN
        RAISE EXCEPTION 'ALTER TABLE APPEND: column "%" is missing from %', only_target, source
            USING HINT = 'Use FILLTARGET to fill it with its default.';
    END IF;
    EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM %3$s', target, shared, source);
    EXECUTE format('DELETE FROM %s', source);
END
$body$;

CREATE OR REPLACE FUNCTION redshift_local.count_rows(relation oid) RETURNS numeric
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    found numeric;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s', relation::regclass) INTO found;
    RETURN found;
END
$body$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_last_copy_count() RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT coalesce(nullif(current_setting('redshift.last_copy_count', true), ''), '0')::bigint $$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_last_copy_id() RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT coalesce(nullif(current_setting('redshift.last_copy_id', true), ''), '-1')::bigint $$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_last_query_id() RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT coalesce(nullif(current_setting('redshift.last_query_id', true), ''), '-1')::bigint $$;

-- Both are worked out for each row of an INSERT, and a zone or a unit by name is looked up each time.
CREATE OR REPLACE FUNCTION pg_catalog.getdate() RETURNS timestamp LANGUAGE sql STABLE AS
$$ SELECT date_bin('1 second', statement_timestamp() AT TIME ZONE INTERVAL '0', TIMESTAMP 'epoch') $$;

CREATE OR REPLACE FUNCTION pg_catalog.sysdate() RETURNS timestamp LANGUAGE sql STABLE AS
$$ SELECT transaction_timestamp() AT TIME ZONE INTERVAL '0' $$;

-- A number of jsonb has all its digits, so what is exact in Redshift is exact here.
CREATE OR REPLACE FUNCTION pg_catalog.json_parse(value text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT AS $body$
BEGIN
    IF octet_length(value) > 65535 THEN
        RAISE EXCEPTION 'JSON_PARSE() error: String value exceeds the max size of 65535 bytes';
    END IF;
    RETURN value::jsonb;
END
$body$;

CREATE OR REPLACE FUNCTION pg_catalog.from_hex(value text) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT decode(value, 'hex') $$;

CREATE OR REPLACE FUNCTION pg_catalog.to_hex(value bytea) RETURNS text
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT encode(value, 'hex') $$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_format_type(kind oid, modifier integer) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE kind WHEN 'jsonb'::regtype THEN 'super'
        WHEN 'bytea'::regtype
            THEN 'binary varying' || coalesce('(' || nullif(modifier, -1) - 4 || ')', '')
        ELSE format_type(kind, modifier) END
$$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_json_serialize(value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT value::text $$;

CREATE OR REPLACE FUNCTION pg_catalog.sha2(value text, bits integer) RETURNS text
LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT encode(CASE bits
        WHEN 0 THEN sha256(value::bytea) WHEN 224 THEN sha224(value::bytea)
        WHEN 256 THEN sha256(value::bytea) WHEN 384 THEN sha384(value::bytea)
        WHEN 512 THEN sha512(value::bytea) END, 'hex')
$$;

CREATE OR REPLACE FUNCTION pg_catalog.convert_timezone(source text, target text, at timestamp)
RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT at AT TIME ZONE source AT TIME ZONE target $$;

CREATE OR REPLACE FUNCTION pg_catalog.convert_timezone(target text, at timestamp)
RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT at AT TIME ZONE 'UTC' AT TIME ZONE target $$;

CREATE OR REPLACE FUNCTION pg_catalog.dateadd(part text, amount bigint, at timestamp)
RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT at + CASE part
        WHEN 'quarter' THEN make_interval(months => 3 * amount::integer)
        ELSE (amount || ' ' || part)::interval END
$$;

CREATE OR REPLACE FUNCTION pg_catalog.len(value text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT length(value) $$;

CREATE OR REPLACE FUNCTION pg_catalog.charindex(part text, value text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT strpos(value, part) $$;

CREATE OR REPLACE FUNCTION pg_catalog.trunc(at timestamp) RETURNS date
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT at::date $$;

-- Redshift counts the borders crossed, not the time elapsed.
CREATE OR REPLACE FUNCTION pg_catalog.datediff(part text, since timestamp, until timestamp)
RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE part
        WHEN 'year' THEN extract(year FROM until) - extract(year FROM since)
        WHEN 'quarter' THEN 4 * (extract(year FROM until) - extract(year FROM since))
            + extract(quarter FROM until) - extract(quarter FROM since)
        WHEN 'month' THEN 12 * (extract(year FROM until) - extract(year FROM since))
            + extract(month FROM until) - extract(month FROM since)
        WHEN 'microsecond' THEN extract(epoch FROM until - since) * 1000000
        ELSE extract(epoch FROM date_trunc(part, until) - date_trunc(part, since)) / CASE part
            WHEN 'week' THEN 604800 WHEN 'day' THEN 86400 WHEN 'hour' THEN 3600
            WHEN 'minute' THEN 60 WHEN 'second' THEN 1 WHEN 'millisecond' THEN 0.001 END
        END::bigint
$$;

DROP VIEW IF EXISTS pg_catalog.svv_table_info, pg_catalog.pg_table_def, pg_catalog.svv_roles,
    pg_catalog.svv_relation_privileges, pg_catalog.svv_column_privileges,
    pg_catalog.svv_rls_relation, pg_catalog.svv_attached_masking_policy;

-- Who may hold a grant. In PostgreSQL a user is a role that may log in.
CREATE OR REPLACE VIEW redshift_local.identity AS
SELECT 0::oid AS oid, 'public' AS name, 'public' AS kind
UNION ALL
SELECT oid, rolname::text, CASE WHEN rolcanlogin THEN 'user' ELSE 'role' END FROM pg_roles;

-- PostgreSQL's own roles begin with pg_.
CREATE VIEW pg_catalog.svv_roles AS
SELECT oid::integer AS role_id, rolname::text AS role_name, current_user::text AS role_owner,
       NULL::text AS external_id
FROM pg_roles WHERE NOT rolcanlogin AND NOT starts_with(rolname, 'pg_');

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_RELATION_PRIVILEGES.html
CREATE VIEW pg_catalog.svv_relation_privileges AS
SELECT n.nspname::text AS namespace_name, c.relname::text AS relation_name,
       a.privilege_type::text AS privilege_type, a.grantee::integer AS identity_id,
       i.name AS identity_name, i.kind AS identity_type,
       a.is_grantable AS admin_option
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL aclexplode(c.relacl) AS a
JOIN redshift_local.identity i ON i.oid = a.grantee
WHERE c.relkind IN ('r', 'v');

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_COLUMN_PRIVILEGES.html
CREATE VIEW pg_catalog.svv_column_privileges AS
SELECT n.nspname::text AS namespace_name, c.relname::text AS relation_name,
       f.attname::text AS column_name, a.privilege_type::text AS privilege_type,
       a.grantee::integer AS identity_id,
       i.name AS identity_name, i.kind AS identity_type
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute f ON f.attrelid = c.oid AND f.attnum > 0 AND NOT f.attisdropped
CROSS JOIN LATERAL aclexplode(f.attacl) AS a
JOIN redshift_local.identity i ON i.oid = a.grantee
WHERE c.relkind IN ('r', 'v');

-- Superusers see all rows, others those of their own tables.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_RLS_RELATION.html
CREATE VIEW pg_catalog.svv_rls_relation AS
SELECT current_database()::text AS datname, n.nspname::text AS relschema,
       c.relname::text AS relname, CASE c.relkind WHEN 'r' THEN 'table' ELSE 'view' END AS relkind,
       c.relrowsecurity AS is_rls_on, false AS is_rls_datashare_on
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relrowsecurity AND (pg_has_role(c.relowner, 'USAGE')
    OR (SELECT rolsuper FROM pg_roles WHERE rolname = session_user));

-- There are no masking policies.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ATTACHED_MASKING_POLICY.html
CREATE VIEW pg_catalog.svv_attached_masking_policy AS
SELECT ''::text AS policy_name, ''::text AS schema_name, ''::text AS table_name,
       ''::text AS grantee, ''::text AS grantee_type WHERE false;

-- As in Redshift, a table without rows is not listed, and only superusers may look.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLE_INFO.html
CREATE VIEW pg_catalog.svv_table_info AS
SELECT current_database()::text AS database, n.nspname::text AS schema, c.oid AS table_id,
       c.relname::text AS table,
       CASE WHEN a.diststyle = 'KEY' THEN format('KEY(%s)', a.distkey)
            ELSE coalesce(a.diststyle, 'AUTO(ALL)') END AS diststyle,
       CASE WHEN a.sortstyle = 'interleaved' THEN 'INTERLEAVED'
            WHEN a.sortstyle = 'none' THEN ''
            WHEN a.sortstyle = 'compound' AND a.sortkeys <> '{}' THEN a.sortkeys[1]
            WHEN a.sortkeys <> '{}' THEN format('AUTO(SORTKEY(%s))', a.sortkeys[1])
            ELSE 'AUTO(SORTKEY)' END AS sortkey1,
       coalesce(cardinality(a.sortkeys), 0) AS sortkey_num, r.rows AS tbl_rows,
       coalesce(f.widest, 0) AS max_varchar,
       -- Blocks of 1 MB, and what a table on one slice without statistics of its own would show.
       ceil(pg_total_relation_size(c.oid) / 1048576.0)::bigint AS size,
       'Y'::text AS encoded, 0::bigint AS empty, 0::numeric AS unsorted, 0::numeric AS stats_off,
       NULL::numeric AS pct_used, NULL::numeric AS skew_sortkey1, NULL::numeric AS skew_rows,
       r.rows AS estimated_visible_rows
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN redshift_local.table_attributes a ON a.relation = c.oid
CROSS JOIN LATERAL redshift_local.count_rows(c.oid) AS r(rows)
CROSS JOIN LATERAL (
    SELECT max(atttypmod - 4) AS widest FROM pg_attribute
    WHERE attrelid = c.oid AND NOT attisdropped AND atttypid = 'varchar'::regtype
) AS f
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND r.rows > 0
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'redshift_local');

-- As in Redshift, only tables in schemas on the search path are listed.
CREATE VIEW pg_catalog.pg_table_def AS
SELECT n.nspname::text AS schemaname, c.relname::text AS tablename, f.attname::text AS column,
       redshift_format_type(f.atttypid, f.atttypmod) AS type,
       redshift_local.encoding_of(f.attname, f.atttypid, a) AS encoding,
       coalesce(f.attname = a.distkey, false) AS distkey,
       redshift_local.sortkey_place(f.attname, a) AS sortkey,
       f.attnotnull AS notnull
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute f ON f.attrelid = c.oid AND f.attnum > 0 AND NOT f.attisdropped
LEFT JOIN redshift_local.table_attributes a ON a.relation = c.oid
WHERE c.relkind = 'r' AND n.nspname = ANY (current_schemas(true))
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY n.nspname, c.relname, f.attnum;

GRANT SELECT ON pg_catalog.pg_table_def, pg_catalog.svv_roles, pg_catalog.svv_relation_privileges,
    pg_catalog.svv_column_privileges, pg_catalog.svv_rls_relation,
    pg_catalog.svv_attached_masking_policy TO PUBLIC;
