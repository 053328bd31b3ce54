-- Functions of Redshift that PostgreSQL lacks, beside those of catalog.sql. Run at every start.

-- Over all rows or, other than PostgreSQL's ordered-set aggregates, over a window.
CREATE OR REPLACE FUNCTION redshift_local.middle(collected double precision[])
RETURNS double precision LANGUAGE sql IMMUTABLE AS
$$ SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FROM unnest(collected) AS value $$;

CREATE OR REPLACE AGGREGATE pg_catalog.median(double precision) (
    sfunc = array_append, stype = double precision[], finalfunc = redshift_local.middle
);

CREATE OR REPLACE FUNCTION pg_catalog.is_valid_json(value text) RETURNS boolean
LANGUAGE sql STABLE STRICT AS $$ SELECT pg_input_is_valid(value, 'jsonb') $$;

CREATE OR REPLACE FUNCTION pg_catalog.is_valid_json_array(value text) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT AS $body$
BEGIN
    -- No single expression: the planner would read a constant that is no JSON.
    IF NOT pg_input_is_valid(value, 'jsonb') THEN
        RETURN false;
    END IF;
    RETURN jsonb_typeof(value::jsonb) = 'array';
END
$body$;

-- PostgreSQL's own take json, to which a VARCHAR is not cast by itself.
CREATE OR REPLACE FUNCTION pg_catalog.json_extract_path_text(value text, VARIADIC path text[])
RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT value::json #>> path $$;

CREATE OR REPLACE FUNCTION pg_catalog.json_extract_array_element_text(value text, place integer)
RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT CASE WHEN place >= 0 THEN value::json ->> place END $$;

CREATE OR REPLACE FUNCTION pg_catalog.json_array_length(value text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT json_array_length(value::json) $$;

CREATE OR REPLACE FUNCTION pg_catalog.json_typeof(value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT jsonb_typeof(value) $$;

CREATE OR REPLACE FUNCTION pg_catalog.is_array(value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT jsonb_typeof(value) = 'array' $$;

CREATE OR REPLACE FUNCTION pg_catalog.is_object(value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT jsonb_typeof(value) = 'object' $$;

CREATE OR REPLACE FUNCTION pg_catalog.is_scalar(value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT jsonb_typeof(value) NOT IN ('array', 'object') $$;

CREATE OR REPLACE FUNCTION pg_catalog.get_array_length(value jsonb) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT CASE WHEN jsonb_typeof(value) = 'array' THEN jsonb_array_length(value) END $$;

CREATE OR REPLACE FUNCTION pg_catalog.strtol(value text, base integer) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT AS $body$
DECLARE
    digits text := lower(ltrim(value, '+-'));
    total numeric := 0;
    digit integer;
BEGIN
    IF base = 16 AND digits LIKE '0x%' THEN
        digits := substr(digits, 3);
    END IF;
    FOR place IN 1 .. length(digits) LOOP
        digit := strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(digits, place, 1)) - 1;
        IF digit NOT BETWEEN 0 AND base - 1 THEN
            RAISE EXCEPTION 'The input % is not valid to be converted to base %', value, base;
        END IF;
        total := total * base + digit;
    END LOOP;
    RETURN CASE WHEN value LIKE '-%' THEN -total ELSE total END;
END
$body$;

CREATE OR REPLACE FUNCTION pg_catalog.last_day(at timestamp) RETURNS date
LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT (date_trunc('month', at) + interval '1 month - 1 day')::date $$;

-- From the last day of a month to the last day of another.
CREATE OR REPLACE FUNCTION pg_catalog.add_months(at timestamp, months integer) RETURNS timestamp
LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE WHEN at::date = last_day(at)
        THEN last_day(at + make_interval(months => months)) + at::time
        ELSE at + make_interval(months => months) END
$$;

CREATE OR REPLACE FUNCTION pg_catalog.next_day(at timestamp, weekday text) RETURNS date
LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT min(day)::date FROM generate_series(at::date + 1, at::date + 7, interval '1 day') AS day
    WHERE to_char(day, 'FMday') LIKE lower(weekday) || '%'
$$;

-- A text that is a JSON string is without its quotes.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_super_text(value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT value #>> '{}' $$;

-- The elements of an array with their places from 0; what is no array has none.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_elements(value jsonb)
RETURNS TABLE (element jsonb, place bigint) LANGUAGE sql IMMUTABLE AS $$
    SELECT e, n - 1
    FROM jsonb_array_elements(CASE jsonb_typeof(value) WHEN 'array' THEN value END)
        WITH ORDINALITY AS found(e, n)
$$;

-- The values of an object with their names; what is no object has none.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_attributes(value jsonb)
RETURNS TABLE (element jsonb, place varchar) LANGUAGE sql IMMUTABLE AS $$
    SELECT v, k::varchar
    FROM jsonb_each(CASE jsonb_typeof(value) WHEN 'object' THEN value END) AS found(k, v)
$$;

-- LISTAGG(DISTINCT ..): the separator is the first of the texts, and each text comes once.
CREATE OR REPLACE FUNCTION redshift_local.add_distinct(listed text[], value text, separator text)
RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN value IS NULL OR value = ANY (listed[2:]) THEN listed
                WHEN listed IS NULL THEN ARRAY[separator, value]
                ELSE listed || value END
$$;

CREATE OR REPLACE FUNCTION redshift_local.joined(listed text[]) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT array_to_string(listed[2:], listed[1]) $$;

CREATE OR REPLACE AGGREGATE pg_catalog.redshift_listagg_distinct(text, text) (
    SFUNC = redshift_local.add_distinct, STYPE = text[], FINALFUNC = redshift_local.joined
);
