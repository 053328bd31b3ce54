-- "You can't update, insert into, or delete from a view", where PostgreSQL lets one that is simple.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
-- Run at every start.

-- PostgreSQL asks it while it plans the statement.
CREATE OR REPLACE FUNCTION redshift_local.refuse_change(change text) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $body$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('cannot %s a view', change);
END
$body$;

CREATE OR REPLACE FUNCTION redshift_local.after_view_ddl() RETURNS event_trigger
LANGUAGE plpgsql AS $body$
DECLARE
    made record;
    change record;
BEGIN
    FOR made IN SELECT objid::regclass AS view FROM pg_event_trigger_ddl_commands() AS d
        WHERE d.object_type = 'view' AND d.schema_name NOT IN ('pg_catalog', 'redshift_local')
          AND NOT EXISTS (SELECT FROM pg_rewrite WHERE ev_class = d.objid AND ev_type <> '1')
    LOOP
        FOR change IN VALUES ('INSERT', 'insert into'), ('UPDATE', 'update'), ('DELETE', 'delete from')
        LOOP
            EXECUTE format('CREATE OR REPLACE RULE %I AS ON %s TO %s DO INSTEAD'
                ' SELECT redshift_local.refuse_change(%L)',
                'no_' || lower(change.column1), change.column1, made.view, change.column2);
        END LOOP;
    END LOOP;
END
$body$;

DROP EVENT TRIGGER IF EXISTS redshift_after_view_ddl;
CREATE EVENT TRIGGER redshift_after_view_ddl ON ddl_command_end
    WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION redshift_local.after_view_ddl();
