# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Triggers that refuse in the database what the models refuse in Python.

They stop an UPDATE, DELETE or TRUNCATE typed in psql as well. Whoever switches them off
is found by the verifier. Only a column of ours stands in a WHEN clause: one of Odoo's
there would keep an upgrade from changing its type.
"""

from odoo import models

from ..sealing import content
from ..sealing.guards import TRUNCATE_GUARDED, truncate_guard

FUNCTIONS = """
CREATE OR REPLACE FUNCTION fr_seal_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: sealed records are kept (CGI art. 286 I-3 bis)',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE OR REPLACE FUNCTION fr_seal_entry_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.sequence IS NOT NULL
       OR (OLD.company_id, OLD.kind, OLD.key, OLD.model, OLD.res_id, OLD.revision,
           OLD.name, OLD.sealed_at, OLD.user_id, OLD.payload, OLD.payload_sha256,
           OLD.size)
          IS DISTINCT FROM
          (NEW.company_id, NEW.kind, NEW.key, NEW.model, NEW.res_id, NEW.revision,
           NEW.name, NEW.sealed_at, NEW.user_id, NEW.payload, NEW.payload_sha256,
           NEW.size)
    THEN
        RAISE EXCEPTION 'the sealed fact % cannot be changed', OLD.name
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION fr_seal_chain_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.company_id, OLD.uuid, OLD.started_at, OLD.legacy_move_id)
       IS DISTINCT FROM (NEW.company_id, NEW.uuid, NEW.started_at, NEW.legacy_move_id)
       OR NEW.last_sequence < OLD.last_sequence
    THEN
        RAISE EXCEPTION 'the record of a chain cannot be changed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION fr_seal_key_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.company_id, OLD.fingerprint, OLD.certificate)
       IS DISTINCT FROM (NEW.company_id, NEW.fingerprint, NEW.certificate)
    THEN
        RAISE EXCEPTION 'the key % cannot be changed', OLD.name
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION fr_seal_status_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR
       (OLD.company_id, OLD.move_id, OLD.code, OLD.said_at, OLD.direction, OLD.key,
        OLD.reasons::text, OLD.amounts::text)
       IS DISTINCT FROM
       (NEW.company_id, NEW.move_id, NEW.code, NEW.said_at, NEW.direction, NEW.key,
        NEW.reasons::text, NEW.amounts::text)
    THEN
        RAISE EXCEPTION 'the status % of an invoice is kept as it was recorded',
            OLD.code USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION fr_seal_payment_guard()
    RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    document varchar;
    released boolean;
BEGIN
    IF TG_OP = 'UPDATE' AND
       (OLD.debit_move_id, OLD.credit_move_id, OLD.amount, OLD.debit_amount_currency,
        OLD.credit_amount_currency, OLD.max_date)
       IS NOT DISTINCT FROM
       (NEW.debit_move_id, NEW.credit_move_id, NEW.amount, NEW.debit_amount_currency,
        NEW.credit_amount_currency, NEW.max_date)
    THEN
        RETURN NEW;
    END IF;
    -- "released" is sealed by the software just before it deletes
    SELECT name, bool_or(revision > 1) INTO document, released FROM fr_seal_entry
     WHERE kind = 'payment' AND model = 'account.partial.reconcile'
       AND res_id = OLD.id GROUP BY name;
    IF document IS NOT NULL AND NOT (TG_OP = 'DELETE' AND released) THEN
        RAISE EXCEPTION 'the sealed payment of % cannot be changed or deleted',
            document USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION fr_seal_move_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'the sealed entry % cannot be deleted', OLD.name
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (%(move_old)s) IS DISTINCT FROM (%(move_new)s) THEN
        RAISE EXCEPTION 'the sealed entry % cannot be changed', OLD.name
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION fr_seal_line_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entry varchar;
BEGIN
    IF TG_OP = 'UPDATE' AND NOT (
        (%(line_old)s) IS DISTINCT FROM (%(line_new)s)
        OR (OLD.name IS DISTINCT FROM NEW.name
            AND OLD.display_type IS DISTINCT FROM 'payment_term')
    ) THEN
        RETURN NEW;
    END IF;
    SELECT name INTO entry FROM account_move
     WHERE id = OLD.move_id AND fr_sealed_at IS NOT NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'a line of the sealed entry % cannot be changed or deleted',
            entry USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION fr_seal_line_added() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entry varchar;
BEGIN
    SELECT m.name INTO entry
      FROM fr_seal_added a JOIN account_move m ON m.id = a.move_id
     WHERE m.fr_sealed_at IS NOT NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'no line can be added to the sealed entry %', entry
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION fr_seal_file_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND
       (OLD.checksum, OLD.file_size, OLD.res_model, OLD.res_id, OLD.type)
       IS NOT DISTINCT FROM
       (NEW.checksum, NEW.file_size, NEW.res_model, NEW.res_id, NEW.type)
       AND (OLD.res_field IS NOT DISTINCT FROM NEW.res_field
            -- a file that no platform took steps aside for the one made again
            OR (NEW.res_field IS NULL AND OLD.res_model = 'account.move' AND EXISTS (
                SELECT FROM account_move
                 WHERE id = OLD.res_id AND fr_facturx_state = 'none')))
    THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT FROM fr_archive_entry
                WHERE CASE WHEN OLD.res_model = 'fr.archive.entry'
                           THEN id = OLD.res_id AND OLD.res_field = 'content'
                           ELSE source_attachment_id = OLD.id END
                  AND retention_until >= CURRENT_DATE)
    THEN
        RAISE EXCEPTION 'the archived file % cannot be changed or deleted', OLD.name
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION fr_seal_archive_guard()
    RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.company_id, OLD.kind, OLD.model, OLD.res_id, OLD.name, OLD.sha256, OLD.size,
        OLD.mimetype, OLD.archived_at)
       IS DISTINCT FROM
       (NEW.company_id, NEW.kind, NEW.model, NEW.res_id, NEW.name, NEW.sha256, NEW.size,
        NEW.mimetype, NEW.archived_at)
       OR NEW.retention_until < OLD.retention_until
       OR (OLD.retention_until >= CURRENT_DATE
           AND OLD.destroyed_at IS DISTINCT FROM NEW.destroyed_at)
    THEN
        RAISE EXCEPTION 'the archived document % is kept as it is until %',
            OLD.name, OLD.retention_until
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""

TRIGGERS = {
    ("fr_seal_entry", "fr_seal_entry_guard"): "BEFORE UPDATE ON {table} FOR EACH ROW"
    " EXECUTE FUNCTION fr_seal_entry_guard()",
    ("fr_seal_entry", "fr_seal_entry_keep"): "BEFORE DELETE ON {table} FOR EACH ROW"
    " EXECUTE FUNCTION fr_seal_refuse()",
    ("fr_seal_chain", "fr_seal_chain_guard"): "BEFORE UPDATE ON {table} FOR EACH ROW"
    " EXECUTE FUNCTION fr_seal_chain_guard()",
    ("fr_seal_chain", "fr_seal_chain_keep"): "BEFORE DELETE ON {table} FOR EACH ROW"
    " EXECUTE FUNCTION fr_seal_refuse()",
    ("fr_archive_entry", "fr_archive_entry_guard"): "BEFORE UPDATE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION fr_seal_archive_guard()",
    ("fr_archive_entry", "fr_archive_entry_keep"): "BEFORE DELETE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION fr_seal_refuse()",
    ("account_move", "fr_seal_move_guard"): "BEFORE UPDATE OR DELETE ON {table}"
    " FOR EACH ROW WHEN (OLD.fr_sealed_at IS NOT NULL)"
    " EXECUTE FUNCTION fr_seal_move_guard()",
    ("account_move_line", "fr_seal_line_guard"): "BEFORE UPDATE OR DELETE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION fr_seal_line_guard()",
    ("account_move_line", "fr_seal_line_added"): "AFTER INSERT ON {table}"
    " REFERENCING NEW TABLE AS fr_seal_added FOR EACH STATEMENT"
    " EXECUTE FUNCTION fr_seal_line_added()",
    ("ir_attachment", "fr_seal_file_guard"): "BEFORE UPDATE OR DELETE ON {table}"
    " FOR EACH ROW WHEN (OLD.res_model IN ('account.move', 'fr.archive.entry'))"
    " EXECUTE FUNCTION fr_seal_file_guard()",
    ("fr_seal_anchor", "fr_seal_anchor_keep"): "BEFORE UPDATE OR DELETE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION fr_seal_refuse()",
    ("fr_seal_closing", "fr_seal_closing_keep"): "BEFORE UPDATE OR DELETE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION fr_seal_refuse()",
    ("fr_seal_key", "fr_seal_key_guard"): "BEFORE UPDATE ON {table} FOR EACH ROW"
    " EXECUTE FUNCTION fr_seal_key_guard()",
    ("account_partial_reconcile", "fr_seal_payment_guard"): "BEFORE UPDATE OR DELETE"
    " ON {table} FOR EACH ROW EXECUTE FUNCTION fr_seal_payment_guard()",
    ("fr_einvoice_status", "fr_seal_status_guard"): "BEFORE UPDATE OR DELETE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION fr_seal_status_guard()",
    ("fr_seal_key", "fr_seal_key_keep"): "BEFORE DELETE ON {table} FOR EACH ROW"
    " EXECUTE FUNCTION fr_seal_refuse()",
    **{
        (table, truncate_guard(table)): "BEFORE TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION fr_seal_refuse()"
        for table in TRUNCATE_GUARDED
    },
}


class FrSealGuard(models.AbstractModel):
    """Puts the triggers on the tables at each installation and upgrade."""

    _name = "fr.seal.guard"
    _description = "Guards of Sealed Tables"

    def init(self):
        result = super().init()
        # when every table of this add-on has its columns
        self.pool.post_init(self._install)
        return result

    def _install(self):
        """Make functions and triggers anew: the list of columns may have grown."""
        reader = content.Reader(self.env.cr)

        def row(table, prefix, names):
            types = reader.types(table)
            return ", ".join(f"{prefix}.{name}" for name in names if name in types)

        move = ("fr_sealed_at", *content.MOVE_FROZEN)
        line = [name for name in content.LINE_FROZEN if name != "name"]
        functions = FUNCTIONS
        for key, text in {
            "%(move_old)s": row("account_move", "OLD", move),
            "%(move_new)s": row("account_move", "NEW", move),
            "%(line_old)s": row("account_move_line", "OLD", line),
            "%(line_new)s": row("account_move_line", "NEW", line),
        }.items():
            functions = functions.replace(key, text)
        self.env.cr.execute(functions)
        for (table, name), definition in TRIGGERS.items():
            # names from this file: pylint: disable-next=sql-injection
            self.env.cr.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
            # names from this file: pylint: disable-next=sql-injection
            self.env.cr.execute(
                f"CREATE TRIGGER {name} {definition.format(table=table)}"
            )

    def _remove(self):
        """Leave no trace in tables of others (uninstallation)."""
        names = (
            "fr_seal_refuse",
            "fr_seal_entry_guard",
            "fr_seal_chain_guard",
            "fr_seal_key_guard",
            "fr_seal_status_guard",
            "fr_seal_payment_guard",
            "fr_seal_move_guard",
            "fr_seal_line_guard",
            "fr_seal_line_added",
            "fr_seal_file_guard",
            "fr_seal_archive_guard",
        )
        # names from this file: pylint: disable-next=sql-injection
        self.env.cr.execute(f"DROP FUNCTION IF EXISTS {', '.join(names)} CASCADE")
