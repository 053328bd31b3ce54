-- The history of queries, from the file that statement_log.py writes. Run at every start.
-- A user sees what is his own, the admin sees all, as in Redshift.

DROP VIEW IF EXISTS pg_catalog.stl_query, pg_catalog.stl_querytext, pg_catalog.svl_qlog,
    pg_catalog.sys_query_history, pg_catalog.sys_query_text, redshift_local.queries;
DROP FUNCTION IF EXISTS redshift_local.statements(), redshift_local.label_of(integer);

-- What follows the last line end is nothing, or a line that is being written.
CREATE FUNCTION redshift_local.statements() RETURNS TABLE (
    query_id bigint, transaction_id bigint, session_id integer, user_name text, database_name text,
    label text, kind text, text text, start_time timestamp, end_time timestamp, rows bigint,
    error text, cancelled boolean)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.*
    FROM unnest(trim_array(string_to_array(
             pg_read_file('redshift_statements.jsonl', true), E'\n'), 1)) AS line
    CROSS JOIN LATERAL jsonb_to_record(line::jsonb) AS s(
        query_id bigint, transaction_id bigint, session_id integer, user_name text,
        database_name text, label text, kind text, text text, start_time timestamp,
        end_time timestamp, rows bigint, error text, cancelled boolean)
    WHERE redshift_local.is_shown(s.user_name)
$$;

CREATE FUNCTION redshift_local.label_of(session integer) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(pg_read_file('redshift_labels.json', true)::jsonb ->> session::text, 'default')
$$;

-- Only queries, and no definitions or utilities: https://docs.aws.amazon.com/redshift/latest/dg/r_STL_QUERY.html
CREATE VIEW redshift_local.queries AS
SELECT * FROM redshift_local.statements()
WHERE kind IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'COPY', 'UNLOAD', 'CTAS');

CREATE VIEW pg_catalog.stl_query AS
SELECT redshift_local.user_id(user_name) AS userid, query_id AS query, label,
       transaction_id AS xid, session_id AS pid, database_name AS database,
       left(text, 4000) AS querytxt, start_time AS starttime, end_time AS endtime,
       (error IS NOT NULL)::integer AS aborted, 0 AS insert_pristine,
       0 AS concurrency_scaling_status
FROM redshift_local.queries;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_STL_QUERYTEXT.html
CREATE VIEW pg_catalog.stl_querytext AS
SELECT redshift_local.user_id(user_name) AS userid, transaction_id AS xid, session_id AS pid,
       query_id AS query, sequence, substr(text, sequence * 200 + 1, 200) AS text
FROM redshift_local.queries
CROSS JOIN LATERAL generate_series(0, (length(text) - 1) / 200) AS sequence;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVL_QLOG.html
CREATE VIEW pg_catalog.svl_qlog AS
SELECT redshift_local.user_id(user_name) AS userid, query_id AS query, transaction_id AS xid,
       session_id AS pid, start_time AS starttime, end_time AS endtime,
       redshift_local.microseconds(start_time, end_time) AS elapsed,
       (error IS NOT NULL)::integer AS aborted, label, left(text, 60) AS substring,
       NULL::integer AS source_query
FROM redshift_local.queries;

-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_HISTORY.html
CREATE VIEW pg_catalog.sys_query_history AS
SELECT redshift_local.user_id(user_name) AS user_id, query_id, label AS query_label,
       transaction_id, session_id, database_name, kind AS query_type,
       CASE WHEN cancelled THEN 'canceled' WHEN error IS NOT NULL THEN 'failed' ELSE 'success' END
           AS status,
       false AS result_cache_hit, start_time, end_time,
       redshift_local.microseconds(start_time, end_time) AS elapsed_time, 0::bigint AS queue_time,
       redshift_local.microseconds(start_time, end_time) AS execution_time,
       left(error, 512) AS error_message, rows AS returned_rows, left(text, 4000) AS query_text
FROM redshift_local.statements()
UNION ALL
-- What runs now has no number yet.
SELECT redshift_local.user_id(s.usename), NULL, redshift_local.label_of(s.pid), s.backend_xid::text::bigint, s.pid,
       s.datname::text, NULL, 'running', false, s.query_start AT TIME ZONE 'UTC', NULL,
       redshift_local.microseconds((s.query_start AT TIME ZONE 'UTC')::timestamp,
           (clock_timestamp() AT TIME ZONE 'UTC')::timestamp),
       0, NULL, NULL, NULL, left(s.query, 4000)
FROM pg_stat_activity AS s
WHERE s.backend_type = 'client backend' AND s.usename <> 'rdsdb' AND s.state = 'active'
  AND redshift_local.is_shown(s.usename);

-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_TEXT.html
CREATE VIEW pg_catalog.sys_query_text AS
SELECT redshift_local.user_id(user_name) AS user_id, query_id, transaction_id, session_id,
       start_time, sequence, substr(text, sequence * 4000 + 1, 4000) AS text
FROM redshift_local.statements()
CROSS JOIN LATERAL generate_series(0, (length(text) - 1) / 4000) AS sequence;

GRANT SELECT ON redshift_local.queries, pg_catalog.stl_query, pg_catalog.stl_querytext,
    pg_catalog.svl_qlog, pg_catalog.sys_query_history, pg_catalog.sys_query_text TO PUBLIC;
