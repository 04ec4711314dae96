# Part of Relevé. See LICENSE file for full copyright and licensing details.
#: the database's own guard, for what does not pass by the ORM
GUARD = """
CREATE OR REPLACE FUNCTION fr_einvoice_flow_guard() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a transmitted document is kept (flow %)', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.company_id, NEW.platform_id, NEW.direction, NEW.kind, NEW.tracking_id,
        NEW.request_id, NEW.sha256, NEW.size, NEW.syntax, NEW.filename)
       IS DISTINCT FROM
       (OLD.company_id, OLD.platform_id, OLD.direction, OLD.kind, OLD.tracking_id,
        OLD.request_id, OLD.sha256, OLD.size, OLD.syntax, OLD.filename)
       OR (OLD.remote_id IS NOT NULL AND NEW.remote_id IS DISTINCT FROM OLD.remote_id)
       OR (OLD.move_id IS NOT NULL AND NEW.move_id IS DISTINCT FROM OLD.move_id)
    THEN
        RAISE EXCEPTION 'a document in the outbox does not change (flow %)', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state IS DISTINCT FROM OLD.state AND (
        OLD.state IN ('rejected', 'cancelled', 'processed')
        OR (OLD.state = 'sent' AND NEW.state NOT IN ('accepted', 'rejected'))
        OR (OLD.state = 'accepted' AND NEW.state <> 'rejected')
    ) THEN
        RAISE EXCEPTION 'flow % does not go from % back to %',
            OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""
