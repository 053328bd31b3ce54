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

-- https://docs.aws.amazon.com/redshift/latest/dg/r_MONTHS_BETWEEN_function.html
CREATE OR REPLACE FUNCTION pg_catalog.months_between(later timestamp, earlier timestamp)
RETURNS double precision LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT 12 * (extract(year FROM later) - extract(year FROM earlier))
        + extract(month FROM later) - extract(month FROM earlier)
        + CASE WHEN extract(day FROM later) = extract(day FROM earlier)
                 OR (later::date = last_day(later) AND earlier::date = last_day(earlier)) THEN 0
          ELSE (extract(epoch FROM later - date_trunc('month', later))
              - extract(epoch FROM earlier - date_trunc('month', earlier))) / (31 * 86400) END
$$;

-- FNV-1a of 64 bits. https://docs.aws.amazon.com/redshift/latest/dg/r_FNV_HASH.html
CREATE OR REPLACE FUNCTION redshift_local.fnv(value bytea, seed bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT AS $body$
DECLARE
    hash numeric := CASE WHEN seed < 0 THEN seed + 2::numeric ^ 64 ELSE seed END;
    low integer;
BEGIN
    FOR place IN 0 .. length(value) - 1 LOOP
        low := mod(hash, 256);
        hash := mod((hash - low + (low # get_byte(value, place))) * 1099511628211, 2::numeric ^ 64);
    END LOOP;
    RETURN CASE WHEN hash < 2::numeric ^ 63 THEN hash ELSE hash - 2::numeric ^ 64 END;
END
$body$;

CREATE OR REPLACE FUNCTION pg_catalog.fnv_hash(
    value text, seed bigint DEFAULT -3750763034362895579)
RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT redshift_local.fnv(convert_to(value, 'UTF8'), seed) $$;
CREATE OR REPLACE FUNCTION pg_catalog.fnv_hash(
    value smallint, seed bigint DEFAULT -3750763034362895579)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_local.fnv(reverse(int2send(value)), seed) $$;
CREATE OR REPLACE FUNCTION pg_catalog.fnv_hash(
    value integer, seed bigint DEFAULT -3750763034362895579)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_local.fnv(reverse(int4send(value)), seed) $$;
CREATE OR REPLACE FUNCTION pg_catalog.fnv_hash(
    value bigint, seed bigint DEFAULT -3750763034362895579)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_local.fnv(reverse(int8send(value)), seed) $$;

-- FIPS 180-4, 6.1.2, as PostgreSQL itself has no SHA-1 for users. Words of 32 bits are in bigints.
CREATE OR REPLACE FUNCTION redshift_local.sha1_of(value bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT AS $body$
DECLARE
    word CONSTANT bigint := 4294967295;
    padded bytea := value || '\x80'::bytea
        || decode(repeat('00', (119 - length(value) % 64) % 64), 'hex')
        || int8send(length(value) * 8::bigint);
    hash bigint[] := ARRAY[1732584193, 4023233417, 2562383102, 271733878, 3285377520];
    schedule bigint[];
    a bigint; b bigint; c bigint; d bigint; e bigint;
    mixed bigint;
BEGIN
    FOR block IN 0 .. length(padded) / 64 - 1 LOOP
        FOR t IN 0 .. 15 LOOP
            schedule[t] := ('x' || encode(substr(padded, block * 64 + t * 4 + 1, 4), 'hex'))::bit(32)::bigint;
        END LOOP;
        FOR t IN 16 .. 79 LOOP
            mixed := schedule[t - 3] # schedule[t - 8] # schedule[t - 14] # schedule[t - 16];
            schedule[t] := ((mixed << 1) | (mixed >> 31)) & word;
        END LOOP;
        a := hash[1]; b := hash[2]; c := hash[3]; d := hash[4]; e := hash[5];
        FOR t IN 0 .. 79 LOOP
            mixed := CASE t / 20
                WHEN 0 THEN ((b & c) | (~b & d)) + 1518500249
                WHEN 1 THEN (b # c # d) + 1859775393
                WHEN 2 THEN ((b & c) | (b & d) | (c & d)) + 2400959708
                ELSE (b # c # d) + 3395469782 END;
            mixed := (mixed + (((a << 5) | (a >> 27)) & word) + e + schedule[t]) & word;
            e := d; d := c; c := ((b << 30) | (b >> 2)) & word; b := a; a := mixed;
        END LOOP;
        hash := ARRAY[(hash[1] + a) & word, (hash[2] + b) & word, (hash[3] + c) & word,
                      (hash[4] + d) & word, (hash[5] + e) & word];
    END LOOP;
    RETURN (SELECT string_agg(substr(int8send(part), 5), '' ORDER BY place)
            FROM unnest(hash) WITH ORDINALITY AS parts (part, place));
END
$body$;

-- https://docs.aws.amazon.com/redshift/latest/dg/SHA1.html; the others are its synonyms.
CREATE OR REPLACE FUNCTION pg_catalog.sha1(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT encode(redshift_local.sha1_of(convert_to(value, 'UTF8')), 'hex') $$;
CREATE OR REPLACE FUNCTION pg_catalog.sha(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT pg_catalog.sha1(value) $$;
CREATE OR REPLACE FUNCTION pg_catalog.func_sha1(value text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT pg_catalog.sha1(value) $$;

-- Of a decimal its digits. https://docs.aws.amazon.com/redshift/latest/dg/r_CHECKSUM.html
CREATE OR REPLACE FUNCTION pg_catalog.checksum(value numeric) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT (value * 10::numeric ^ scale(value))::integer $$;

CREATE OR REPLACE FUNCTION pg_catalog.date_part_year(at date) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT extract(year FROM at)::integer $$;

CREATE OR REPLACE FUNCTION pg_catalog.date_cmp(one date, other date) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT (one > other)::integer - (one < other)::integer $$;

CREATE OR REPLACE FUNCTION pg_catalog.timestamp_cmp(one timestamp, other timestamp) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT (one > other)::integer - (one < other)::integer $$;

CREATE OR REPLACE FUNCTION pg_catalog.interval_cmp(one interval, other interval) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT (one > other)::integer - (one < other)::integer $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/Array_Functions.html
CREATE OR REPLACE FUNCTION pg_catalog.array_concat(one jsonb, other jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT CASE WHEN is_array(one) AND is_array(other) THEN one || other END $$;

CREATE OR REPLACE FUNCTION pg_catalog.subarray(value jsonb, place integer, length integer)
RETURNS jsonb LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT coalesce(jsonb_agg(e.element ORDER BY e.number), '[]')
    FROM jsonb_array_elements(CASE WHEN is_array(value) THEN value END)
         WITH ORDINALITY AS e(element, number)
    WHERE e.number > place AND e.number <= place + length
$$;

CREATE OR REPLACE FUNCTION pg_catalog.split_to_array(value text, delimiter text DEFAULT ',')
RETURNS jsonb LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT to_jsonb(string_to_array(value, delimiter)) $$;

-- The sample has the type; no single expression, of which the planner would read a constant.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_try_cast(value text, sample anyelement)
RETURNS anyelement LANGUAGE plpgsql STABLE AS $body$
BEGIN
    IF pg_input_is_valid(value, pg_typeof(sample)::text) THEN
        RETURN value;
    END IF;
    RETURN NULL;
END
$body$;

-- AVG of whole numbers is a whole number: https://docs.aws.amazon.com/redshift/latest/dg/r_AVG.html
-- The second argument tells of which type the values are.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_average(mean numeric, sample bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT trunc(mean)::bigint $$;
CREATE OR REPLACE FUNCTION pg_catalog.redshift_average(mean numeric, sample integer) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT trunc(mean)::bigint $$;
CREATE OR REPLACE FUNCTION pg_catalog.redshift_average(mean numeric, sample smallint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT trunc(mean)::bigint $$;
CREATE OR REPLACE FUNCTION pg_catalog.redshift_average(mean numeric, sample numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$ SELECT mean $$;
CREATE OR REPLACE FUNCTION pg_catalog.redshift_average(
    mean double precision, sample double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE AS $$ SELECT mean $$;

-- The first and the last value of a window that is not null.
CREATE OR REPLACE FUNCTION redshift_local.older(kept anyelement, value anyelement) RETURNS anyelement
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT kept $$;
CREATE OR REPLACE FUNCTION redshift_local.newer(kept anyelement, value anyelement) RETURNS anyelement
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT value $$;
CREATE OR REPLACE AGGREGATE pg_catalog.redshift_first_known(anyelement) (
    sfunc = redshift_local.older, stype = anyelement);
CREATE OR REPLACE AGGREGATE pg_catalog.redshift_last_known(anyelement) (
    sfunc = redshift_local.newer, stype = anyelement);
