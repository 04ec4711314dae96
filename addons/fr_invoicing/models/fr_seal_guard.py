# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Triggers that refuse in the database what the models refuse in Python.

They stop an UPDATE, DELETE or TRUNCATE typed in psql as well. Whoever switches them off
is found by the verifier. Only a column of ours stands in a WHEN clause: one of Odoo's
there would keep an upgrade from changing its type.
"""

from odoo import models

from ..sealing import content
from ..sealing.guards import TRUNCATE_GUARDED, truncate_guard
from .fr_seal_entry import COLUMNS

#: what nobody changes, by the name its test has in FUNCTIONS; the columns of the ledger
#: are those that ``sealing.content`` freezes
FROZEN = {
    "entry": COLUMNS,
    "chain": ("company_id", "uuid", "started_at", "legacy_move_id"),
    "key": ("company_id", "fingerprint", "certificate"),
    "status": (
        "company_id",
        "move_id",
        "code",
        "said_at",
        "direction",
        "key",
        "reasons::text",
        "amounts::text",
    ),
    "partial": content.PARTIAL,
    "file": ("checksum", "file_size", "res_model", "res_id", "type"),
    "archive": (
        "company_id",
        "kind",
        "model",
        "res_id",
        "name",
        "sha256",
        "size",
        "mimetype",
        "archived_at",
    ),
}

FUNCTIONS = """
CREATE OR REPLACE FUNCTION fr_seal_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: sealed records are kept (CGI art. 286 I-3 bis)',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE OR REPLACE FUNCTION fr_seal_entry_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.sequence IS NOT NULL OR %(entry_changed)s THEN
        RAISE EXCEPTION 'the sealed fact % cannot be changed', OLD.name
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION fr_seal_chain_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF %(chain_changed)s OR NEW.last_sequence < OLD.last_sequence THEN
        RAISE EXCEPTION 'the record of a chain cannot be changed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION fr_seal_key_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF %(key_changed)s THEN
        RAISE EXCEPTION 'the key % cannot be changed', OLD.name
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION fr_seal_status_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR %(status_changed)s THEN
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
    IF TG_OP = 'UPDATE' AND NOT (%(partial_changed)s) THEN
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
    IF %(move_changed)s THEN
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
        %(line_changed)s
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
    IF TG_OP = 'UPDATE' AND NOT (%(file_changed)s)
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
    IF %(archive_changed)s
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

        def there(table, names):
            types = reader.types(table)
            return [name for name in names if name in types]

        move = ("fr_sealed_at", *content.MOVE_FROZEN)
        line = [name for name in content.LINE_FROZEN if name != "name"]
        functions = FUNCTIONS
        for key, names in {
            **FROZEN,
            "move": there("account_move", move),
            "line": there("account_move_line", line),
        }.items():
            functions = functions.replace(f"%({key}_changed)s", _changed(names))
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


def _changed(names):
    """Write the SQL that is true when one of these columns changes."""
    old, new = (", ".join(f"{row}.{name}" for name in names) for row in ("OLD", "NEW"))
    return f"({old}) IS DISTINCT FROM ({new})"
