-- Redshift's views of tables, sessions, locks and queries over PostgreSQL's own. Run at every start.

DROP VIEW IF EXISTS pg_catalog.svv_tables, pg_catalog.svv_columns, pg_catalog.svv_redshift_columns,
    pg_catalog.svv_transactions, pg_catalog.stv_locks, pg_catalog.stv_sessions,
    pg_catalog.stv_recents, pg_catalog.stv_db_isolation_level;

CREATE VIEW pg_catalog.svv_tables AS
SELECT table_catalog::text, table_schema::text, table_name::text, table_type::text,
       NULL::text AS remarks
FROM information_schema.tables WHERE table_schema <> 'redshift_local';

CREATE VIEW pg_catalog.svv_columns AS
SELECT table_catalog::text, table_schema::text, table_name::text, column_name::text,
       ordinal_position::integer, column_default::text, is_nullable::text,
       CASE data_type WHEN 'jsonb' THEN 'super' WHEN 'bytea' THEN 'binary varying'
            ELSE data_type END::text AS data_type,
       character_maximum_length::integer, numeric_precision::integer, numeric_scale::integer,
       NULL::text AS remarks
FROM information_schema.columns WHERE table_schema <> 'redshift_local';

CREATE VIEW pg_catalog.svv_redshift_columns AS
SELECT current_database()::text AS database_name, n.nspname::text AS schema_name,
       c.relname::text AS table_name, f.attname::text AS column_name,
       f.attnum::integer AS ordinal_position,
       redshift_format_type(f.atttypid, f.atttypmod) AS data_type,
       pg_get_expr(d.adbin, d.adrelid) AS column_default,
       CASE WHEN f.attnotnull THEN 'NO' ELSE 'YES' END AS is_nullable,
       coalesce(a.encodings ->> f.attname, '') AS encoding,
       coalesce(f.attname = a.distkey, false) AS distkey,
       redshift_local.sortkey_place(f.attname, a) AS sortkey,
       NULL::text AS remarks
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute f ON f.attrelid = c.oid AND f.attnum > 0 AND NOT f.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = f.attrelid AND d.adnum = f.attnum
LEFT JOIN redshift_local.table_attributes a ON a.relation = c.oid
WHERE c.relkind IN ('r', 'v')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'redshift_local')
  AND n.nspname !~ '^pg_(toast|temp)';

-- Of transactions, sessions and queries a user sees only his own, unless he is a superuser.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TRANSACTIONS.html
CREATE VIEW pg_catalog.svv_transactions AS
SELECT r.rolname::text AS txn_owner, d.datname::text AS txn_db, s.backend_xid::text::bigint AS xid,
       l.pid, s.xact_start AT TIME ZONE 'UTC' AS txn_start, l.mode AS lock_mode,
       l.locktype AS lockable_object_type, l.relation, l.granted
FROM pg_locks l
JOIN pg_stat_activity s ON s.pid = l.pid
JOIN pg_roles r ON r.oid = s.usesysid
JOIN pg_database d ON d.oid = s.datid
WHERE s.backend_type = 'client backend' AND s.usename <> 'rdsdb'
  AND redshift_local.is_shown(s.usename);

-- https://docs.aws.amazon.com/redshift/latest/dg/r_STV_LOCKS.html, for superusers only
CREATE VIEW pg_catalog.stv_locks AS
SELECT l.relation::bigint AS table_id, NULL::timestamp AS last_commit,
       s.query_start AT TIME ZONE 'UTC' AS last_update, s.backend_xid::text::bigint AS lock_owner,
       l.pid::bigint AS lock_owner_pid, s.xact_start AT TIME ZONE 'UTC' AS lock_owner_start_ts,
       NULL::timestamp AS lock_owner_end_ts,
       CASE WHEN l.granted THEN 'Holding write lock' ELSE 'Waiting for write lock' END::text
           AS lock_status
FROM pg_locks l
JOIN pg_stat_activity s ON s.pid = l.pid
JOIN pg_class c ON c.oid = l.relation AND c.relkind = 'r'
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_database
    WHERE datname = current_database()) AND n.nspname NOT IN ('pg_catalog', 'redshift_local')
  AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
  AND (SELECT rolsuper FROM pg_roles WHERE rolname = session_user);

CREATE VIEW pg_catalog.stv_sessions AS
SELECT s.backend_start AT TIME ZONE 'UTC' AS starttime, s.pid AS process,
       s.usename::text AS user_name, s.datname::text AS db_name
FROM pg_stat_activity s
WHERE s.backend_type = 'client backend' AND s.usename <> 'rdsdb'
  AND redshift_local.is_shown(s.usename);

CREATE VIEW pg_catalog.stv_recents AS
SELECT s.usesysid::bigint AS userid,
       CASE s.state WHEN 'active' THEN 'Running' ELSE 'Done' END AS status,
       s.query_start AT TIME ZONE 'UTC' AS starttime, s.usename::text AS user_name,
       s.datname::text AS db_name, left(s.query, 600) AS query, s.pid
FROM pg_stat_activity s
WHERE s.backend_type = 'client backend' AND s.usename <> 'rdsdb' AND s.query <> ''
  AND redshift_local.is_shown(s.usename);

CREATE VIEW pg_catalog.stv_db_isolation_level AS
SELECT current_database()::text AS db_name,
       CASE current_setting('default_transaction_isolation') WHEN 'serializable'
            THEN 'Serializable' ELSE 'Snapshot Isolation' END AS isolation_level;

GRANT SELECT ON pg_catalog.svv_tables, pg_catalog.svv_columns, pg_catalog.svv_redshift_columns,
    pg_catalog.svv_transactions, pg_catalog.stv_locks, pg_catalog.stv_sessions,
    pg_catalog.stv_recents, pg_catalog.stv_db_isolation_level
    TO PUBLIC;
