-- What COPY and UNLOAD leave behind, and the system views that show it. Run at every start after
-- catalog.sql. A user sees what is his own, the admin sees all, as in Redshift.

CREATE TABLE IF NOT EXISTS redshift_local.copy_run (
    query_id bigint PRIMARY KEY,
    session_id integer NOT NULL,
    user_name text NOT NULL,
    database_name text NOT NULL,
    table_id integer NOT NULL,
    table_name text NOT NULL,
    data_source text NOT NULL,
    file_format text NOT NULL,
    loaded_rows bigint NOT NULL,
    status text NOT NULL,
    start_time timestamp NOT NULL,
    end_time timestamp NOT NULL
);

CREATE TABLE IF NOT EXISTS redshift_local.copy_file (
    query_id bigint NOT NULL REFERENCES redshift_local.copy_run,
    file_name text NOT NULL,
    size_bytes bigint NOT NULL,
    records bigint NOT NULL,
    rows bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS redshift_local.copy_fault (
    query_id bigint NOT NULL REFERENCES redshift_local.copy_run,
    file_name text NOT NULL,
    line_number bigint NOT NULL,
    column_name text NOT NULL,
    column_type text NOT NULL,
    column_length text NOT NULL,
    raw_line text NOT NULL,
    raw_value text NOT NULL,
    error_code integer NOT NULL,
    error_message text NOT NULL
);

CREATE TABLE IF NOT EXISTS redshift_local.unload_run (
    query_id bigint PRIMARY KEY,
    session_id integer NOT NULL,
    user_name text NOT NULL,
    database_name text NOT NULL,
    location text NOT NULL,
    file_format text NOT NULL,
    compression text NOT NULL,
    status text NOT NULL,
    error_message text,
    start_time timestamp NOT NULL,
    end_time timestamp NOT NULL
);

CREATE TABLE IF NOT EXISTS redshift_local.unload_file (
    query_id bigint NOT NULL REFERENCES redshift_local.unload_run,
    file_name text NOT NULL,
    size_bytes bigint NOT NULL,
    rows bigint NOT NULL
);

-- The same rows, as the transaction writes them that loads: it alone sees them before its end, and
-- its snapshot hides the ones above. They are of no use when it is over.
CREATE TABLE IF NOT EXISTS redshift_local.own_copy_run (LIKE redshift_local.copy_run);
CREATE TABLE IF NOT EXISTS redshift_local.own_copy_file (LIKE redshift_local.copy_file);
CREATE TABLE IF NOT EXISTS redshift_local.own_copy_fault (LIKE redshift_local.copy_fault);
CREATE TABLE IF NOT EXISTS redshift_local.own_unload_run (LIKE redshift_local.unload_run);
CREATE TABLE IF NOT EXISTS redshift_local.own_unload_file (LIKE redshift_local.unload_file);
TRUNCATE redshift_local.own_copy_run, redshift_local.own_copy_file, redshift_local.own_copy_fault,
    redshift_local.own_unload_run, redshift_local.own_unload_file;
GRANT INSERT ON redshift_local.own_copy_run, redshift_local.own_copy_file,
    redshift_local.own_copy_fault, redshift_local.own_unload_run, redshift_local.own_unload_file
    TO PUBLIC;

CREATE INDEX IF NOT EXISTS copy_file_query ON redshift_local.copy_file (query_id);
CREATE INDEX IF NOT EXISTS copy_fault_query ON redshift_local.copy_fault (query_id);
CREATE INDEX IF NOT EXISTS unload_file_query ON redshift_local.unload_file (query_id);

CREATE OR REPLACE FUNCTION redshift_local.is_shown(owner text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT owner = session_user OR (SELECT rolsuper FROM pg_roles WHERE rolname = session_user)
$$;

CREATE OR REPLACE FUNCTION redshift_local.user_id(name text) RETURNS integer
LANGUAGE sql STABLE AS $$ SELECT oid::integer FROM pg_roles WHERE rolname = name $$;

CREATE OR REPLACE FUNCTION redshift_local.microseconds(since timestamp, until timestamp)
RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT (extract(epoch FROM until - since) * 1000000)::bigint $$;

DROP VIEW IF EXISTS pg_catalog.sys_load_history, pg_catalog.sys_load_detail,
    pg_catalog.sys_load_error_detail, pg_catalog.stl_load_errors, pg_catalog.stl_load_commits,
    pg_catalog.sys_unload_history, pg_catalog.sys_unload_detail;

CREATE OR REPLACE VIEW redshift_local.copy_runs AS
    TABLE redshift_local.copy_run UNION TABLE redshift_local.own_copy_run;
CREATE OR REPLACE VIEW redshift_local.copy_files AS
    TABLE redshift_local.copy_file UNION TABLE redshift_local.own_copy_file;
CREATE OR REPLACE VIEW redshift_local.copy_faults AS
    TABLE redshift_local.copy_fault UNION TABLE redshift_local.own_copy_fault;
CREATE OR REPLACE VIEW redshift_local.unload_runs AS
    TABLE redshift_local.unload_run UNION TABLE redshift_local.own_unload_run;
CREATE OR REPLACE VIEW redshift_local.unload_files AS
    TABLE redshift_local.unload_file UNION TABLE redshift_local.own_unload_file;

-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_HISTORY.html
CREATE VIEW pg_catalog.sys_load_history AS
SELECT redshift_local.user_id(r.user_name) AS user_id, r.query_id, r.query_id AS transaction_id,
       r.session_id, r.database_name, r.status, r.table_name, r.start_time, r.end_time,
       redshift_local.microseconds(r.start_time, r.end_time) AS duration, r.data_source,
       r.file_format, r.loaded_rows, f.size_bytes AS loaded_bytes, f.files AS source_file_count,
       f.size_bytes AS source_file_bytes, f.files AS file_count_scanned,
       f.size_bytes AS file_bytes_scanned, e.faults AS error_count,
       0::bigint AS copy_job_id
FROM redshift_local.copy_runs r
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS files, coalesce(sum(size_bytes), 0)::bigint AS size_bytes
    FROM redshift_local.copy_files WHERE query_id = r.query_id) f
CROSS JOIN LATERAL (
    SELECT count(*) AS faults FROM redshift_local.copy_faults WHERE query_id = r.query_id) e
WHERE redshift_local.is_shown(r.user_name);

-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_DETAIL.html
CREATE VIEW pg_catalog.sys_load_detail AS
SELECT redshift_local.user_id(r.user_name) AS user_id, r.query_id, f.file_name,
       f.size_bytes AS bytes_scanned, f.records::integer AS lines_scanned, 1 AS splits_scanned,
       r.end_time AS record_time, r.start_time, r.end_time
FROM redshift_local.copy_files f JOIN redshift_local.copy_runs r USING (query_id)
WHERE redshift_local.is_shown(r.user_name);

-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_ERROR_DETAIL.html
CREATE VIEW pg_catalog.sys_load_error_detail AS
SELECT redshift_local.user_id(r.user_name) AS user_id, r.query_id, r.query_id AS transaction_id,
       r.session_id, r.database_name, r.table_id, r.start_time, e.file_name, e.line_number,
       e.column_name, e.column_type, e.column_length, 0 AS position, e.error_code,
       left(e.error_message, 512) AS error_message
FROM redshift_local.copy_faults e JOIN redshift_local.copy_runs r USING (query_id)
WHERE redshift_local.is_shown(r.user_name);

-- https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_ERRORS.html
CREATE VIEW pg_catalog.stl_load_errors AS
SELECT redshift_local.user_id(r.user_name) AS userid, 0 AS slice,
       r.table_id AS tbl, r.start_time AS starttime,
       r.session_id AS session, r.query_id AS query, e.file_name AS filename, e.line_number,
       e.column_name AS colname, e.column_type AS type, e.column_length AS col_length,
       0 AS position, left(e.raw_line, 1024) AS raw_line,
       left(e.raw_value, 1024) AS raw_field_value, e.error_code AS err_code,
       left(e.error_message, 100) AS err_reason,
       0 AS is_partial, 0::bigint AS start_offset, 0::bigint AS copy_job_id
FROM redshift_local.copy_faults e JOIN redshift_local.copy_runs r USING (query_id)
WHERE redshift_local.is_shown(r.user_name);

-- https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_COMMITS.html
CREATE VIEW pg_catalog.stl_load_commits AS
SELECT redshift_local.user_id(r.user_name) AS userid, r.query_id AS query, 0 AS slice,
       ''::text AS name, f.file_name AS filename, 0 AS byte_offset,
       f.records::integer AS lines_scanned, (f.records - f.rows)::integer AS errors,
       r.end_time AS curtime, 1 AS status,
       CASE r.file_format WHEN 'json' THEN 'JSON' WHEN 'parquet' THEN 'Parquet' ELSE 'Text' END
           AS file_format,
       0 AS is_partial, 0::bigint AS start_offset, 0::bigint AS copy_job_id
FROM redshift_local.copy_files f JOIN redshift_local.copy_runs r USING (query_id)
WHERE r.status = 'completed' AND redshift_local.is_shown(r.user_name);

-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_UNLOAD_HISTORY.html
CREATE VIEW pg_catalog.sys_unload_history AS
SELECT redshift_local.user_id(r.user_name) AS user_id, r.query_id, r.query_id AS transaction_id,
       r.session_id, r.database_name, r.status, r.start_time, r.end_time,
       redshift_local.microseconds(r.start_time, r.end_time) AS duration, r.file_format,
       r.compression AS compression_type, r.location AS unloaded_location,
       f.rows AS unloaded_rows, f.files AS unloaded_files_count,
       f.size_bytes AS unloaded_files_size, r.error_message
FROM redshift_local.unload_runs r
CROSS JOIN LATERAL (
    SELECT count(*) AS files, coalesce(sum(rows), 0)::bigint AS rows,
           coalesce(sum(size_bytes), 0)::bigint AS size_bytes
    FROM redshift_local.unload_files WHERE query_id = r.query_id) f
WHERE redshift_local.is_shown(r.user_name);

-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_UNLOAD_DETAIL.html
CREATE VIEW pg_catalog.sys_unload_detail AS
SELECT redshift_local.user_id(r.user_name) AS user_id, r.query_id, r.session_id,
       r.query_id AS transaction_id, f.file_name, r.start_time, r.end_time, f.rows AS line_count,
       f.size_bytes AS transfer_size, r.file_format
FROM redshift_local.unload_files f JOIN redshift_local.unload_runs r USING (query_id)
WHERE redshift_local.is_shown(r.user_name);

GRANT SELECT ON pg_catalog.sys_load_history, pg_catalog.sys_load_detail,
    pg_catalog.sys_load_error_detail, pg_catalog.stl_load_errors, pg_catalog.stl_load_commits,
    pg_catalog.sys_unload_history, pg_catalog.sys_unload_detail TO PUBLIC;
