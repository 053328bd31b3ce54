-- The catalog with the columns that Redshift adds to PostgreSQL's, for clients that read it to know
-- tables: drivers, SQLAlchemy, BI tools. leader.py puts these in the place of PostgreSQL's own.
-- Run at every start.

DROP VIEW IF EXISTS redshift_local.catalog_depend, redshift_local.catalog_attribute, redshift_local.catalog_attrdef,
    redshift_local.catalog_class, redshift_local.catalog_constraint,
    redshift_local.catalog_namespace, pg_catalog.pg_attribute_info,
    pg_catalog.svv_external_tables, pg_catalog.svv_external_columns;

CREATE OR REPLACE FUNCTION redshift_local.encodings() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY['none', 'raw', 'bytedict', 'delta', 'delta32k', 'lzo', 'mostly8', 'mostly16',
                 'mostly32', 'runlength', 'text255', 'text32k', 'zstd', 'az64']
$$;

CREATE OR REPLACE FUNCTION pg_catalog.format_encoding(code integer) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT (redshift_local.encodings())[code + 1] $$;

CREATE VIEW redshift_local.catalog_namespace AS
SELECT * FROM pg_namespace WHERE nspname <> 'redshift_local';

CREATE VIEW redshift_local.catalog_class AS
SELECT c.*, CASE a.diststyle WHEN 'EVEN' THEN 0 WHEN 'KEY' THEN 1 WHEN 'ALL' THEN 8 ELSE 9 END
           AS reldiststyle
FROM pg_class c LEFT JOIN redshift_local.table_attributes a ON a.relation = c.oid;

CREATE VIEW redshift_local.catalog_attribute AS
SELECT f.*, coalesce(f.attname = a.distkey, false) AS attisdistkey,
       redshift_local.sortkey_place(f.attname, a) AS attsortkeyord,
       array_position(redshift_local.encodings(),
                      redshift_local.encoding_of(f.attname, f.atttypid, a)) - 1 AS attencodingtype
FROM pg_attribute f LEFT JOIN redshift_local.table_attributes a ON a.relation = f.attrelid
-- The columns of a late-binding view are told by pg_get_late_binding_view_cols().
WHERE f.attrelid NOT IN (SELECT relation FROM redshift_local.late_view);

-- With the grants on single columns, for every user to see:
-- https://docs.aws.amazon.com/redshift/latest/dg/r_PG_ATTRIBUTE_INFO.html
CREATE VIEW pg_catalog.pg_attribute_info AS
SELECT f.attrelid, f.attname, f.atttypid, f.attnum, f.attnotnull, f.attisdropped, f.attacl
FROM pg_attribute f;

CREATE VIEW redshift_local.catalog_attrdef AS
SELECT d.*, pg_get_expr(d.adbin, d.adrelid) AS adsrc FROM pg_attrdef d;

-- The keys that are declared and not enforced; the checks that count bytes are none of Redshift's.
CREATE VIEW redshift_local.catalog_constraint AS
SELECT c.oid, c.conname, c.connamespace, c.contype, c.conrelid, c.confrelid, c.conkey, c.confkey
FROM pg_constraint c
WHERE c.conname !~ '^(varchar|varbyte)_bytes_'
UNION ALL
SELECT k.oid, k.name::name, r.relnamespace, k.kind, k.relation, k.referred,
       ARRAY(SELECT f.attnum FROM unnest(k.columns) WITH ORDINALITY AS n(name, place)
             JOIN pg_attribute f ON f.attrelid = k.relation AND f.attname = n.name ORDER BY place),
       NULL::smallint[]
FROM redshift_local.table_key k JOIN pg_class r ON r.oid = k.relation;

CREATE OR REPLACE FUNCTION redshift_local.key_of(wanted oid) RETURNS redshift_local.table_key
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$ SELECT * FROM redshift_local.table_key WHERE oid = wanted $$;

-- Runs on the search path of the client, which tells whether a table is named with its schema.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_constraint_text(key oid, pretty boolean DEFAULT false)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(format(k.definition, k.referred::regclass), pg_get_constraintdef(key, pretty))
    FROM redshift_local.key_of(key) AS k
$$;

-- The tables of external schemas lie in a catalog of Glue, which is not read.
CREATE VIEW pg_catalog.svv_external_tables AS
SELECT ''::text AS schemaname, ''::text AS tablename, ''::text AS location WHERE false;

CREATE VIEW pg_catalog.svv_external_columns AS
SELECT ''::text AS schemaname, ''::text AS tablename, ''::text AS columnname,
       ''::text AS external_type, 0 AS columnnum, 0 AS part_key WHERE false;

-- A late-binding view depends on nothing.
CREATE VIEW redshift_local.catalog_depend AS
SELECT d.* FROM pg_depend d
WHERE NOT (d.classid = 'pg_rewrite'::regclass AND EXISTS (
    SELECT FROM pg_rewrite r JOIN redshift_local.late_view l ON l.relation = r.ev_class
    WHERE r.oid = d.objid));

GRANT SELECT ON redshift_local.catalog_depend, redshift_local.catalog_attribute, redshift_local.catalog_attrdef,
    redshift_local.catalog_class, redshift_local.catalog_constraint,
    redshift_local.catalog_namespace, pg_catalog.pg_attribute_info,
    pg_catalog.svv_external_tables, pg_catalog.svv_external_columns TO PUBLIC;
