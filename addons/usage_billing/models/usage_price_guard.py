from odoo import api, models
from odoo.tools import SQL

from .. import price_terms

#: transaction setting that lets an upgrade fill a new column of frozen prices
UNLOCK = "usage_billing.unlock_prices"

#: refuses to insert, change or delete prices of a version that is approved
GUARD_FUNCTION = """
CREATE OR REPLACE FUNCTION usage_price_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    record_before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    record_after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    parent text := TG_ARGV[0];
    frozen text[] := TG_ARGV[1]::text[];
    version bigint;
    version_state text;
    term text;
    is_changed boolean := TG_OP <> 'UPDATE';
BEGIN
    IF current_setting('usage_billing.unlock_prices', true) = 'on' THEN
        RETURN COALESCE(NEW, OLD);
    END IF;
    IF TG_OP = 'UPDATE' THEN
        FOREACH term IN ARRAY frozen LOOP
            is_changed := is_changed
                OR record_before -> term IS DISTINCT FROM record_after -> term;
        END LOOP;
    END IF;
    IF NOT is_changed THEN
        RETURN COALESCE(NEW, OLD);
    END IF;
    version := (COALESCE(record_before, record_after) ->> parent)::bigint;
    IF parent = 'charge_id' THEN
        SELECT version_id INTO version FROM usage_charge WHERE id = version;
    END IF;
    SELECT state INTO version_state FROM usage_plan_version WHERE id = version;
    IF version_state IN ('approved', 'scheduled', 'active', 'retired') THEN
        RAISE EXCEPTION 'the prices of an approved version cannot change (%, %)',
            TG_TABLE_NAME, COALESCE(record_before, record_after) ->> 'id'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;
"""

#: refuses to move or delete an approved version, and to reopen one that billed
VERSION_FUNCTION = """
CREATE OR REPLACE FUNCTION usage_version_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state NOT IN ('approved', 'scheduled', 'active', 'retired') THEN
        RETURN COALESCE(NEW, OLD);
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an approved version of prices cannot be deleted (%)', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.valid_from IS DISTINCT FROM OLD.valid_from
       OR NEW.plan_id IS DISTINCT FROM OLD.plan_id THEN
        RAISE EXCEPTION 'an approved version of prices cannot move (%)', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state IN ('draft', 'simulated') AND EXISTS (
        SELECT FROM usage_rated_line
         WHERE version_id = OLD.id AND state IN ('rated', 'approved', 'posted')
    ) THEN
        RAISE EXCEPTION 'prices that were billed cannot be reopened (%)', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""


def _install_guard(model, parent):
    """Put the trigger on a table of prices; made again at each upgrade, because the
    list of frozen columns may have grown."""
    columns = "{" + ",".join(price_terms.frozen_columns(model)) + "}"
    table = SQL.identifier(model._table)
    model.env.cr.execute(GUARD_FUNCTION)
    model.env.cr.execute(SQL("DROP TRIGGER IF EXISTS usage_price_guard ON %s", table))
    model.env.cr.execute(
        SQL(
            "CREATE TRIGGER usage_price_guard BEFORE INSERT OR UPDATE OR DELETE ON %s"
            " FOR EACH ROW EXECUTE FUNCTION usage_price_guard(%s, %s)",
            table,
            parent,
            columns,
        )
    )


class _Unlocked:
    """Lets the set-up of a new column write into frozen rows of this transaction."""

    def __init__(self, cr):
        self.cr = cr

    def __enter__(self):
        self.cr.execute(SQL("SELECT set_config(%s, 'on', true)", UNLOCK))

    def __exit__(self, *error):
        if error[0] is None:
            self.cr.execute(SQL("SELECT set_config(%s, 'off', true)", UNLOCK))


class UsageCharge(models.Model):
    """Approved prices are frozen by the database too, not only by the screens."""

    _inherit = "usage.charge"

    def _touches_price(self, vals):
        """Whether these values change a term; translating its words does not."""
        return any(
            name != "sequence"
            and self._fields[name].store
            and not (
                self._fields[name].translate
                and all(charge[name] == value for charge in self)
            )
            for name, value in vals.items()
        )

    def init(self):
        super().init()
        _install_guard(self, "version_id")

    @api.model_create_multi
    def create(self, vals_list):
        versions = {vals.get("version_id") for vals in vals_list} - {None, False}
        self.env["usage.plan.version"].browse(versions)._check_editable()
        return super().create(vals_list)

    def _init_column(self, column_name):
        with _Unlocked(self.env.cr):
            return super()._init_column(column_name)


class UsageChargeTier(models.Model):
    _inherit = "usage.charge.tier"

    def init(self):
        super().init()
        _install_guard(self, "charge_id")

    @api.model_create_multi
    def create(self, vals_list):
        charges = {vals.get("charge_id") for vals in vals_list} - {None, False}
        self.env["usage.charge"].browse(charges).version_id._check_editable()
        return super().create(vals_list)

    def _init_column(self, column_name):
        with _Unlocked(self.env.cr):
            return super()._init_column(column_name)


class UsagePlanVersion(models.Model):
    _inherit = "usage.plan.version"

    def init(self):
        super().init()
        self.env.cr.execute(VERSION_FUNCTION)
        self.env.cr.execute(
            """DROP TRIGGER IF EXISTS usage_version_guard ON usage_plan_version;
               CREATE TRIGGER usage_version_guard BEFORE UPDATE OR DELETE
                   ON usage_plan_version
                   FOR EACH ROW EXECUTE FUNCTION usage_version_guard()"""
        )
