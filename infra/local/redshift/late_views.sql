-- Views WITH NO SCHEMA BINDING, which go by the names of their tables and not by the tables.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
--
-- PostgreSQL binds every view. So before a statement changes a relation, the late-binding views on it
-- are unbound: they keep their columns and raise an error when they are read. Behind the statement they
-- are bound again from their text, if that can be. Both belong to the statement's transaction. A view is
-- locked before its table, as readers lock them. Run at every start.

CREATE EXTENSION IF NOT EXISTS dblink WITH SCHEMA redshift_local;

CREATE SEQUENCE IF NOT EXISTS redshift_local.late_view_number;
CREATE TABLE IF NOT EXISTS redshift_local.late_view (
    relation oid PRIMARY KEY,
    number bigint NOT NULL DEFAULT nextval('redshift_local.late_view_number'),
    -- What comes behind the name in PostgreSQL's CREATE VIEW.
    definition text NOT NULL,
    -- The statement of the client, which pg_get_viewdef shows.
    written text NOT NULL,
    -- The relations that the definition names, as regclass shows them.
    names text[] NOT NULL
);
DELETE FROM redshift_local.late_view WHERE relation NOT IN (SELECT oid FROM pg_class);

-- Every late-binding view, of transactions as well that were committed after the snapshot of this one.
-- A sequence has no snapshot: it tells whether there are any.
CREATE OR REPLACE FUNCTION redshift_local.late_views() RETURNS SETOF redshift_local.late_view
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    last bigint := (SELECT last_value FROM redshift_local.late_view_number WHERE is_called);
    folder text := CASE WHEN pg_stat_file('/proc/self/cwd', true) IS NULL
                        THEN current_setting('data_directory') ELSE '/proc/self/cwd' END;
BEGIN
    IF last IS NULL THEN
        RETURN;
    ELSIF last = (SELECT max(number) FROM redshift_local.late_view) THEN
        RETURN QUERY SELECT * FROM redshift_local.late_view;
    ELSE
        RETURN QUERY SELECT DISTINCT ON (relation) * FROM (
            SELECT * FROM redshift_local.late_view
            UNION ALL
            SELECT * FROM redshift_local.dblink(
                format('host=%s user=%s options=''-c default_transaction_isolation=repeatable\\ read'''
                       ' dbname=''%s''', folder, current_user,
                       replace(replace(current_database(), '\', '\\'), '''', '\''')),
                'SELECT * FROM redshift_local.late_view'
            ) AS committed(relation oid, number bigint, definition text, written text,
                           names text[])
        ) AS known
        ORDER BY relation, number DESC;
    END IF;
END
$body$;

-- Stands in the WHERE of an unbound view. PostgreSQL asks it while it plans the query.
CREATE OR REPLACE FUNCTION redshift_local.unbound(code text, message text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $body$
BEGIN
    RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message;
END
$body$;

-- PostgreSQL takes no columns from a view, and changes none of their types.
CREATE OR REPLACE FUNCTION redshift_local.replace_view(view oid, definition text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $body$
BEGIN
    EXECUTE format('CREATE OR REPLACE VIEW %s %s', redshift_local.name_of(view), definition);
EXCEPTION WHEN invalid_table_definition THEN
    -- One statement: between two, PostgreSQL would look for the columns that are gone.
    WITH gone AS (DELETE FROM pg_attribute WHERE attrelid = view AND attnum > 0)
    UPDATE pg_class SET relnatts = 0 WHERE oid = view;
    EXECUTE format('CREATE OR REPLACE VIEW %s %s', redshift_local.name_of(view), definition);
END
$body$;

CREATE OR REPLACE FUNCTION redshift_local.name_of(relation oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT relation::regclass::text $$;

REVOKE EXECUTE ON FUNCTION redshift_local.replace_view FROM PUBLIC;

-- Of a relation that is gone there is no privilege, whatever the snapshot shows of it.
CREATE OR REPLACE FUNCTION redshift_local.is_there(relation oid) RETURNS boolean
LANGUAGE sql STABLE AS $$ SELECT has_table_privilege(relation, 'SELECT') IS NOT NULL $$;

CREATE OR REPLACE FUNCTION redshift_local.show_error(view oid, code text, message text)
RETURNS void LANGUAGE sql AS $$
    SELECT redshift_local.replace_view(view, format(
        'AS SELECT (NULL::%s).* WHERE redshift_local.unbound(%L, %L)',
        redshift_local.name_of(view), code, message))
$$;

-- The views that stand on a relation: late-binding ones by its name, and others, which fall with it in
-- a DROP … CASCADE.
CREATE OR REPLACE FUNCTION redshift_local.views_on(touched oid)
RETURNS TABLE (view oid, is_late boolean)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH late AS MATERIALIZED (SELECT relation, names FROM redshift_local.late_views())
    SELECT relation, true FROM late WHERE redshift_local.name_of(touched) = ANY (names)
    UNION ALL
    SELECT DISTINCT r.ev_class, false
    FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid = touched AND r.ev_class <> touched
      AND r.ev_class NOT IN (SELECT relation FROM late)
$$;

-- The late-binding views that were unbound, the outermost first.
CREATE OR REPLACE FUNCTION redshift_local.unbind(touched oid, seen oid[] DEFAULT '{}') RETURNS oid[]
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET redshift.binding = 'on' AS $body$
DECLARE
    found record;
    unbound oid[] := '{}';
BEGIN
    FOR found IN SELECT * FROM redshift_local.views_on(touched) WHERE view <> ALL (seen || touched)
    LOOP
        unbound := unbound || redshift_local.unbind(found.view, seen || touched);
        IF found.is_late AND redshift_local.is_there(found.view) THEN
            PERFORM redshift_local.show_error(found.view, 'XX000', 'the view is being bound');
            unbound := unbound || found.view;
        END IF;
    END LOOP;
    RETURN unbound;
END
$body$;

CREATE OR REPLACE FUNCTION redshift_local.bind(view oid, seen oid[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET redshift.binding = 'on' AS $body$
DECLARE
    late redshift_local.late_view := (SELECT l FROM redshift_local.late_views() l WHERE relation = view);
BEGIN
    IF late IS NULL OR view = ANY (seen) OR NOT redshift_local.is_there(view) THEN
        RETURN;
    END IF;
    PERFORM redshift_local.unbind(view, seen);
    BEGIN
        PERFORM redshift_local.replace_view(view, late.definition);
    EXCEPTION WHEN syntax_error_or_access_rule_violation OR invalid_schema_name
        OR feature_not_supported THEN
        PERFORM redshift_local.show_error(view, SQLSTATE, SQLERRM);
    END;
    PERFORM redshift_local.bind_on(view, seen || view);
END
$body$;

-- Bind the late-binding views that name a relation.
CREATE OR REPLACE FUNCTION redshift_local.bind_on(touched oid, seen oid[] DEFAULT '{}') RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT redshift_local.bind(view, seen) FROM redshift_local.views_on(touched) WHERE is_late
$$;

-- Carries out CREATE VIEW … WITH NO SCHEMA BINDING with the rights of the client. The columns are those
-- that the query names.
CREATE OR REPLACE FUNCTION redshift_local.create_late_view(
    name text[], replaces boolean, columns text[], definition text, written text, schemas text[],
    tables text[])
RETURNS void LANGUAGE plpgsql SET redshift.binding = 'on' AS $body$
DECLARE
    target text := (SELECT string_agg(quote_ident(part), '.') FROM unnest(
        CASE cardinality(name) WHEN 1 THEN current_schema() || name ELSE name END) AS part);
    missing text := (SELECT min(s) FROM unnest(schemas) AS s
                     WHERE to_regnamespace(quote_ident(s)) IS NULL);
BEGIN
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '3F000', MESSAGE = format('schema "%s" does not exist', missing);
    ELSIF NOT replaces OR to_regclass(target) IS NULL THEN
        EXECUTE format('CREATE VIEW %s AS SELECT %s WHERE false', target, (
            SELECT string_agg(format('NULL::varchar AS %I', c), ', ') FROM unnest(columns) AS c));
    END IF;
    PERFORM redshift_local.adopt_late_view(
        target::regclass, definition, written,
        ARRAY(SELECT format('%I.%I', s, t) FROM unnest(schemas, tables) AS named(s, t)));
END
$body$;

CREATE OR REPLACE FUNCTION redshift_local.adopt_late_view(
    view oid, definition text, written text, names text[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    found pg_class := (SELECT c FROM pg_class c WHERE oid = view);
BEGIN
    IF found.relkind <> 'v' THEN
        RAISE EXCEPTION USING ERRCODE = '42809', MESSAGE = format('"%s" is not a view', found.relname);
    ELSIF NOT pg_has_role(session_user, found.relowner, 'USAGE') THEN
        RAISE EXCEPTION USING ERRCODE = '42501',
            MESSAGE = format('must be owner of view %s', found.relname);
    ELSIF EXISTS (SELECT FROM redshift_local.views_on(view) AS o WHERE NOT o.is_late) THEN
        RAISE EXCEPTION USING ERRCODE = '2BP01', MESSAGE = format(
            'cannot replace view %s because other objects depend on it', view::regclass);
    END IF;
    DELETE FROM redshift_local.late_view WHERE relation = view;
    INSERT INTO redshift_local.late_view (relation, definition, written, names)
    VALUES (view, definition, written, names);
    PERFORM redshift_local.bind(view);
END
$body$;

-- The relations that a statement changes, as the dialect says before it. Of a statement of a procedure it
-- says nothing: there it is every relation under a late-binding view.
CREATE OR REPLACE FUNCTION redshift_local.touched() RETURNS SETOF oid LANGUAGE plpgsql AS $body$
DECLARE
    told jsonb := (regexp_match(current_query(), '^/\*touches:(.*?)\*/'))[1]::jsonb;
BEGIN
    IF told IS NULL THEN
        RETURN QUERY SELECT DISTINCT to_regclass(name)::oid
        FROM redshift_local.late_views(), unnest(names) AS name;
    ELSE
        RETURN QUERY SELECT to_regclass(name)::oid
        FROM jsonb_array_elements_text(told -> 'relations') AS name;
        RETURN QUERY SELECT c.oid FROM jsonb_array_elements_text(told -> 'schemas') AS name
        JOIN pg_class c ON c.relnamespace = to_regnamespace(name);
    END IF;
END
$body$;

CREATE OR REPLACE FUNCTION redshift_local.before_ddl() RETURNS event_trigger
LANGUAGE plpgsql AS $body$
DECLARE
    unbound oid[] := '{}';
    relation oid;
BEGIN
    IF current_setting('redshift.binding', true) = 'on'
        OR NOT EXISTS (SELECT FROM redshift_local.late_views()) THEN
        RETURN;
    END IF;
    FOR relation IN SELECT t FROM redshift_local.touched() AS t WHERE t IS NOT NULL LOOP
        unbound := unbound || redshift_local.unbind(relation);
    END LOOP;
    PERFORM set_config('redshift.unbound', unbound::text, true);
END
$body$;

CREATE OR REPLACE FUNCTION redshift_local.after_ddl() RETURNS event_trigger
LANGUAGE plpgsql AS $body$
DECLARE
    unbound oid[] := nullif(current_setting('redshift.unbound', true), '');
    changed oid[];
    relation oid;
BEGIN
    IF current_setting('redshift.binding', true) = 'on'
        OR NOT EXISTS (SELECT FROM redshift_local.late_views()) THEN
        RETURN;
    END IF;
    changed := ARRAY(
        SELECT DISTINCT c.oid
        FROM pg_event_trigger_ddl_commands() AS d
        JOIN pg_class c ON (d.classid = 'pg_class'::regclass AND c.oid = d.objid)
            OR (d.classid = 'pg_namespace'::regclass AND c.relnamespace = d.objid)
        WHERE c.relkind IN ('r', 'v') AND c.relpersistence = 'p');
    FOREACH relation IN ARRAY coalesce(unbound, '{}') LOOP
        PERFORM redshift_local.bind(relation);
    END LOOP;
    FOREACH relation IN ARRAY changed LOOP
        PERFORM redshift_local.bind_on(relation);
    END LOOP;
    PERFORM set_config('redshift.unbound', '', true);
    PERFORM redshift_local.refuse_bound_views(changed);
END
$body$;

-- A view that binds cannot stand on one that does not.
CREATE OR REPLACE FUNCTION redshift_local.refuse_bound_views(made oid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    late text[] := ARRAY(SELECT redshift_local.name_of(l.relation)
        FROM redshift_local.late_views() l CROSS JOIN LATERAL redshift_local.views_on(l.relation) o
        WHERE o.view = ANY (made) AND NOT o.is_late);
BEGIN
    IF late <> '{}' THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format(
            'a view on the late-binding view %s must be created WITH NO SCHEMA BINDING', late[1]);
    END IF;
END
$body$;

CREATE OR REPLACE FUNCTION redshift_local.forget_late_views(views oid[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$ DELETE FROM redshift_local.late_view WHERE relation = ANY (views) $$;

CREATE OR REPLACE FUNCTION redshift_local.after_drop() RETURNS event_trigger
LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM redshift_local.forget_late_views(ARRAY(
        SELECT objid FROM pg_event_trigger_dropped_objects() WHERE object_type = 'view'));
END
$body$;

DROP EVENT TRIGGER IF EXISTS redshift_before_ddl;
CREATE EVENT TRIGGER redshift_before_ddl ON ddl_command_start
    WHEN TAG IN ('DROP TABLE', 'DROP VIEW', 'DROP SCHEMA', 'ALTER TABLE', 'ALTER VIEW',
                 'ALTER SCHEMA', 'CREATE VIEW')
    EXECUTE FUNCTION redshift_local.before_ddl();
DROP EVENT TRIGGER IF EXISTS redshift_after_ddl;
CREATE EVENT TRIGGER redshift_after_ddl ON ddl_command_end
    WHEN TAG IN ('DROP TABLE', 'DROP VIEW', 'DROP SCHEMA', 'ALTER TABLE', 'ALTER VIEW',
                 'ALTER SCHEMA', 'CREATE VIEW', 'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO')
    EXECUTE FUNCTION redshift_local.after_ddl();
DROP EVENT TRIGGER IF EXISTS redshift_after_drop;
CREATE EVENT TRIGGER redshift_after_drop ON sql_drop
    WHEN TAG IN ('DROP VIEW', 'DROP TABLE', 'DROP SCHEMA')
    EXECUTE FUNCTION redshift_local.after_drop();

-- https://docs.aws.amazon.com/redshift/latest/dg/PG_GET_LATE_BINDING_VIEW_COLS.html
CREATE OR REPLACE FUNCTION pg_catalog.pg_get_late_binding_view_cols() RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT n.nspname, c.relname, f.attname,
           redshift_format_type(f.atttypid, f.atttypmod)::varchar, f.attnum::integer
    FROM redshift_local.late_view l
    JOIN pg_class c ON c.oid = l.relation
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute f ON f.attrelid = c.oid AND f.attnum > 0
    WHERE NOT EXISTS (
        SELECT FROM pg_rewrite r JOIN pg_depend d ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass
        WHERE r.ev_class = c.oid AND d.refobjid = 'redshift_local.unbound'::regproc)
    ORDER BY n.nspname, c.relname, f.attnum
$$;

-- Of a late-binding view Redshift shows the whole statement.
-- https://github.com/awslabs/amazon-redshift-utils/issues/340
CREATE OR REPLACE FUNCTION redshift_local.late_view_text(view oid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$ SELECT written FROM redshift_local.late_view WHERE relation = view $$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_view_text(view oid, pretty boolean DEFAULT false)
RETURNS text LANGUAGE sql STABLE AS
$$ SELECT coalesce(redshift_local.late_view_text(view), pg_get_viewdef(view, pretty)) $$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_view_text(view text, pretty boolean DEFAULT false)
RETURNS text LANGUAGE sql STABLE AS $$ SELECT redshift_view_text(view::regclass::oid, pretty) $$;
