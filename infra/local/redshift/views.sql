-- Redshift's views of tables, sessions, locks and queries over PostgreSQL's own. Run at every start.

DROP VIEW IF EXISTS pg_catalog.svv_tables, pg_catalog.svv_columns, pg_catalog.svv_redshift_columns,
    pg_catalog.svv_transactions, pg_catalog.stv_locks, pg_catalog.stv_sessions,
    pg_catalog.stv_recents, pg_catalog.stv_db_isolation_level, pg_catalog.svv_all_schemas,
    pg_catalog.svv_redshift_schemas, pg_catalog.svv_all_tables, pg_catalog.svv_redshift_tables,
    pg_catalog.svv_all_columns, pg_catalog.svv_user_info, pg_catalog.svv_user_grants,
    pg_catalog.svv_role_grants, pg_catalog.svv_schema_privileges;

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

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_REDSHIFT_SCHEMAS.html
CREATE VIEW pg_catalog.svv_redshift_schemas AS
SELECT current_database()::text AS database_name, n.nspname::text AS schema_name,
       n.nspowner::integer AS schema_owner, 'local'::text AS schema_type,
       array_to_string(n.nspacl, '~')::text AS schema_acl, NULL::text AS schema_option
FROM pg_namespace n
WHERE n.nspname <> 'redshift_local' AND n.nspname !~ '^pg_(toast|temp)'
  AND (pg_has_role(n.nspowner, 'USAGE') OR has_schema_privilege(n.oid, 'USAGE'));

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ALL_SCHEMAS.html
CREATE VIEW pg_catalog.svv_all_schemas AS
SELECT database_name, schema_name, schema_owner, schema_type, schema_acl,
       NULL::text AS source_database, schema_option
FROM pg_catalog.svv_redshift_schemas;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_REDSHIFT_TABLES.html
CREATE VIEW pg_catalog.svv_redshift_tables AS
SELECT s.database_name, s.schema_name, c.relname::text AS table_name,
       CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS table_type,
       array_to_string(c.relacl, '~')::text AS table_acl,
       obj_description(c.oid, 'pg_class') AS remarks,
       pg_get_userbyid(c.relowner)::text AS table_owner
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.svv_redshift_schemas s ON s.schema_name = n.nspname
WHERE c.relkind IN ('r', 'v')
  AND (pg_has_role(c.relowner, 'USAGE') OR has_table_privilege(c.oid, 'SELECT'));

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ALL_TABLES.html
CREATE VIEW pg_catalog.svv_all_tables AS
SELECT database_name, schema_name, table_name, table_type, table_acl, remarks
FROM pg_catalog.svv_redshift_tables;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ALL_COLUMNS.html
CREATE VIEW pg_catalog.svv_all_columns AS
SELECT table_catalog AS database_name, table_schema AS schema_name, table_name, column_name,
       ordinal_position, column_default, is_nullable, data_type, character_maximum_length,
       numeric_precision, numeric_scale, remarks
FROM pg_catalog.svv_columns;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_USER_INFO.html
CREATE VIEW pg_catalog.svv_user_info AS
SELECT u.usename::text AS user_name, u.usesysid::integer AS user_id, u.usecreatedb AS createdb,
       u.usesuper AS superuser, false AS catalog_update, 'UNLIMITED'::text AS connection_limit,
       'UNRESTRICTED'::text AS syslog_access, NULL::timestamp AS last_ddl_timestamp,
       NULL::integer AS session_timeout, NULL::text AS external_user_id
FROM pg_user u WHERE redshift_local.is_shown(u.usename);

-- In PostgreSQL a role is given to a user and to a role alike.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_USER_GRANTS.html
CREATE VIEW pg_catalog.svv_user_grants AS
SELECT u.oid::integer AS user_id, u.rolname::text AS user_name, r.oid::integer AS role_id,
       r.rolname::text AS role_name, m.admin_option
FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member JOIN pg_roles r ON r.oid = m.roleid
WHERE u.rolcanlogin AND redshift_local.is_shown(u.rolname);

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ROLE_GRANTS.html
CREATE VIEW pg_catalog.svv_role_grants AS
SELECT u.oid::integer AS role_id, u.rolname::text AS role_name, r.oid::integer AS granted_role_id,
       r.rolname::text AS granted_role_name
FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member JOIN pg_roles r ON r.oid = m.roleid
WHERE NOT u.rolcanlogin AND NOT starts_with(u.rolname, 'pg_');

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_SCHEMA_PRIVILEGES.html
CREATE VIEW pg_catalog.svv_schema_privileges AS
SELECT n.nspname::text AS namespace_name, a.privilege_type::text AS privilege_type,
       a.grantee::integer AS identity_id,
       i.name AS identity_name, i.kind AS identity_type,
       a.is_grantable AS admin_option
FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
JOIN redshift_local.identity i ON i.oid = a.grantee
WHERE n.nspname <> 'redshift_local';

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
    pg_catalog.stv_recents, pg_catalog.stv_db_isolation_level, pg_catalog.svv_all_schemas,
    pg_catalog.svv_redshift_schemas, pg_catalog.svv_all_tables, pg_catalog.svv_redshift_tables,
    pg_catalog.svv_all_columns, pg_catalog.svv_user_info, pg_catalog.svv_user_grants,
    pg_catalog.svv_role_grants, pg_catalog.svv_schema_privileges
    TO PUBLIC;
