-- How rows are spread and sorted, which Redshift keeps of every table and PostgreSQL of none: kept here,
-- changed by ALTER TABLE, shown by the catalog. Run at every start, before the other scripts.

SET allow_system_table_mods = on;

CREATE SCHEMA IF NOT EXISTS redshift_local;
GRANT CREATE ON SCHEMA public TO PUBLIC;

CREATE TABLE IF NOT EXISTS redshift_local.table_attributes (
    relation oid PRIMARY KEY,
    diststyle text NOT NULL,
    distkey text,
    sortkeys text[] NOT NULL,
    encodings jsonb NOT NULL
);
ALTER TABLE redshift_local.table_attributes
    ADD COLUMN IF NOT EXISTS sortstyle text NOT NULL DEFAULT 'compound';

-- The encodings that a type may have, as far as the manual says it:
-- https://docs.aws.amazon.com/redshift/latest/dg/c_Compression_encodings.html
CREATE OR REPLACE FUNCTION redshift_local.takes_encoding(kind oid, encoding text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT encoding IN ('raw', 'none') OR encoding = ANY (string_to_array(CASE
        WHEN kind = 'int2'::regtype THEN 'az64 bytedict delta lzo mostly8 runlength zstd'
        WHEN kind = 'int4'::regtype
            THEN 'az64 bytedict delta delta32k lzo mostly8 mostly16 runlength zstd'
        WHEN kind IN ('int8'::regtype, 'numeric'::regtype)
            THEN 'az64 bytedict delta delta32k lzo mostly8 mostly16 mostly32 runlength zstd'
        WHEN kind IN ('float4'::regtype, 'float8'::regtype) THEN 'bytedict runlength zstd'
        WHEN kind = 'bool'::regtype THEN 'runlength zstd'
        WHEN kind = 'bpchar'::regtype THEN 'bytedict lzo runlength zstd'
        WHEN kind = 'varchar'::regtype THEN 'bytedict lzo runlength text255 text32k zstd'
        WHEN kind IN ('date'::regtype, 'timestamp'::regtype)
            THEN 'az64 bytedict delta delta32k lzo runlength zstd'
        WHEN kind = 'timestamptz'::regtype THEN 'az64 bytedict lzo runlength zstd'
        WHEN kind = 'jsonb'::regtype THEN 'lzo zstd'
        ELSE encoding END, ' '))
$$;

CREATE OR REPLACE FUNCTION redshift_local.check_encodings(altered oid, named jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    wrong text;
BEGIN
    SELECT attname INTO wrong FROM pg_attribute JOIN jsonb_each_text(named) ON attname = key
    WHERE attrelid = altered AND NOT redshift_local.takes_encoding(atttypid, value);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'invalid encoding type specified for column "%"', wrong
            USING ERRCODE = '0A000';
    END IF;
END
$body$;

-- What ALTER TABLE changes of the layout, and what it refuses:
-- https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
CREATE OR REPLACE FUNCTION redshift_local.alter_layout(altered oid, layout jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    found redshift_local.table_attributes;
    named text[] := ARRAY(SELECT jsonb_array_elements_text(layout -> 'sortkeys'));
    encoded jsonb := coalesce(layout -> 'encodings', '{}');
    wrong text;
BEGIN
    INSERT INTO redshift_local.table_attributes (relation, diststyle, sortstyle, sortkeys, encodings)
    VALUES (altered, 'AUTO(ALL)', 'auto', '{}', '{}') ON CONFLICT DO NOTHING;
    SELECT * INTO found FROM redshift_local.table_attributes WHERE relation = altered;
    SELECT name INTO wrong
    FROM unnest(named || (layout ->> 'distkey') || ARRAY(SELECT jsonb_object_keys(encoded))) AS name
    WHERE name IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = altered AND attname = name AND attnum > 0 AND NOT attisdropped);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'column "%" does not exist', wrong USING ERRCODE = '42703';
    END IF;
    SELECT attname INTO wrong FROM pg_attribute
    WHERE attrelid = altered AND attname = ANY (named || (layout ->> 'distkey'))
      AND atttypid = 'jsonb'::regtype;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'column "%" of type super cannot be a DISTKEY or a SORTKEY', wrong
            USING ERRCODE = '0A000';
    END IF;
    IF layout ->> 'diststyle' IN ('KEY', 'EVEN', 'ALL') AND found.sortstyle = 'interleaved' THEN
        RAISE EXCEPTION 'ALTER DISTSTYLE is not supported for tables with interleaved sort keys'
            USING ERRCODE = '0A000';
    END IF;
    IF encoded <> '{}' AND found.sortstyle = 'interleaved' THEN
        RAISE EXCEPTION 'ALTER COLUMN ENCODE is not supported for tables with interleaved sort keys'
            USING ERRCODE = '0A000';
    END IF;
    SELECT attname INTO wrong FROM pg_attribute JOIN jsonb_each_text(encoded) ON attname = key
    WHERE attrelid = altered
      AND replace(redshift_local.encoding_of(attname, atttypid, found), 'none', 'raw')
          = replace(value, 'none', 'raw');
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'column "%" has this encoding already', wrong USING ERRCODE = '0A000';
    END IF;
    PERFORM redshift_local.check_encodings(altered, encoded);
    IF layout ->> 'diststyle' IN ('EVEN', 'ALL')
        AND (SELECT relpersistence = 't' FROM pg_class WHERE oid = altered) THEN
        RAISE EXCEPTION 'ALTER DISTSTYLE % is not supported for temporary tables',
            layout ->> 'diststyle' USING ERRCODE = '0A000';
    END IF;
    UPDATE redshift_local.table_attributes
    SET diststyle = coalesce(layout ->> 'diststyle', diststyle),
        distkey = CASE WHEN layout ? 'diststyle' THEN layout ->> 'distkey' ELSE distkey END,
        sortstyle = coalesce(layout ->> 'sortstyle', sortstyle),
        -- AUTO leaves the sort key that it finds.
        sortkeys = CASE WHEN layout ? 'sortkeys' THEN named ELSE sortkeys END,
        encodings = CASE WHEN layout ? 'chosen_encodings' THEN '{}' ELSE encodings END || (
            SELECT coalesce(jsonb_object_agg(name, 'none'), '{}') FROM unnest(named) AS name
            WHERE name <> ALL (sortkeys)) || encoded
    WHERE relation = altered;
END
$body$;

-- A column by which rows are spread or sorted is not dropped.
CREATE OR REPLACE FUNCTION redshift_local.refuse_drop(altered oid, dropped text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    what text;
BEGIN
    SELECT CASE WHEN dropped = distkey THEN 'distkey' ELSE 'sortkey' END INTO what
    FROM redshift_local.table_attributes
    WHERE relation = altered AND dropped = ANY (sortkeys || distkey);
    IF what IS NOT NULL THEN
        RAISE EXCEPTION 'cannot drop % column "%"', what, dropped USING ERRCODE = '0A000';
    END IF;
END
$body$;

-- A column that is renamed stays a key, with its encoding.
CREATE OR REPLACE FUNCTION redshift_local.rename_column(altered oid, old text, new text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE redshift_local.table_attributes
    SET distkey = CASE WHEN distkey = old THEN new ELSE distkey END,
        sortkeys = array_replace(sortkeys, old, new),
        encodings = CASE WHEN encodings ? old
            THEN encodings - old || jsonb_build_object(new, encodings -> old) ELSE encodings END
    WHERE relation = altered
$$;

-- The keys by which the rows of a table are spread and sorted, which only the server itself may read.
CREATE OR REPLACE FUNCTION redshift_local.keys_of(relation oid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(min(concat_ws(' ', a.diststyle, a.distkey, a.sortstyle, a.sortkeys)), '')
    FROM redshift_local.table_attributes a WHERE a.relation = keys_of.relation
$$;

-- The place of a column in the sort key. Of an interleaved one every other place is negative:
-- https://docs.aws.amazon.com/redshift/latest/dg/r_PG_TABLE_DEF.html
CREATE OR REPLACE FUNCTION redshift_local.sortkey_place(
    column_name name, attributes redshift_local.table_attributes)
RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT coalesce(place * CASE WHEN attributes.sortstyle = 'interleaved' AND place % 2 = 1
                            THEN -1 ELSE 1 END, 0)
    FROM array_position(attributes.sortkeys, column_name::text) AS place
$$;

-- The encoding that a column was given, or the one that Redshift chooses.
CREATE OR REPLACE FUNCTION redshift_local.encoding_of(
    column_name name, kind oid, attributes redshift_local.table_attributes)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(attributes.encodings ->> column_name, CASE
        WHEN column_name = ANY (attributes.sortkeys)
            OR kind IN ('bool'::regtype, 'float4'::regtype, 'float8'::regtype) THEN 'none'
        WHEN kind IN ('varchar'::regtype, 'bpchar'::regtype, 'bytea'::regtype) THEN 'lzo'
        WHEN kind = 'jsonb'::regtype THEN 'zstd' ELSE 'az64' END)
$$;
