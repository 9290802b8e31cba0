-- A database in which transactions get into each other's way, as they do on a busy distributed one: every transaction is
-- serialisable unless it says otherwise, one in five fails with 40001 at its first write, and of those that write the journal one
-- more in five at COMMIT. To be run by an administrator in an empty database, before a store is made in it.
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database());
END $$;

CREATE SCHEMA contention;
-- A sequence keeps what a transaction that is undone has counted.
CREATE SEQUENCE contention.failures;

CREATE FUNCTION contention.hinder() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF current_setting('transaction_isolation') <> 'serializable' THEN
        RAISE EXCEPTION 'a write is not serialisable here';
    END IF;
    -- Each transaction has a number of its own, and another one when it is tried again.
    IF pg_current_xact_id()::text::bigint % 5 = TG_ARGV[0]::bigint THEN
        PERFORM nextval('contention.failures');
        RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END $$;

-- Every table that is made from now on: at the statement; and for the journal, whose transactions write one row, at COMMIT too.
CREATE FUNCTION contention.attach() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE command_tag = 'CREATE TABLE' LOOP
        EXECUTE format(
            'CREATE TRIGGER contention AFTER INSERT OR UPDATE OR DELETE ON %s
             FOR EACH STATEMENT EXECUTE FUNCTION contention.hinder(0)', made.object_identity);
        IF made.object_identity LIKE '%.journal' THEN
            EXECUTE format(
                'CREATE CONSTRAINT TRIGGER contention_at_commit AFTER INSERT ON %s
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION contention.hinder(2)', made.object_identity);
        END IF;
    END LOOP;
END $$;
CREATE EVENT TRIGGER contention ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION contention.attach();
