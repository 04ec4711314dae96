from odoo import api, models
from odoo.tools import SQL

from .. import price_terms

#: transaction setting that lets an upgrade fill a new column of frozen prices
UNLOCK = "usage_billing.unlock_prices"

#: refuses to insert, change or delete prices of a version that is approved
GUARD_FUNCTION = """
CREATE OR REPLACE FUNCTION usage_price_version(place text, item jsonb)
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    charge bigint := (item ->> 'charge_id')::bigint;
    price bigint := (item ->> 'price_id')::bigint;
BEGIN
    IF place = 'usage_charge' THEN
        RETURN (item ->> 'version_id')::bigint;
    ELSIF place = 'usage_charge_tier_limit' THEN
        SELECT charge_id, price_id INTO charge, price
          FROM usage_charge_tier WHERE id = (item ->> 'tier_id')::bigint;
    END IF;
    IF charge IS NULL AND price IS NOT NULL THEN
        SELECT charge_id INTO charge FROM usage_charge_price WHERE id = price;
    END IF;
    RETURN (SELECT version_id FROM usage_charge WHERE id = charge);
END $$;

CREATE OR REPLACE FUNCTION usage_price_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    record_before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    record_after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    frozen text[] := TG_ARGV[0]::text[];
    item jsonb;
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
    FOREACH item IN ARRAY ARRAY[record_before, record_after] LOOP
        IF EXISTS (
            SELECT FROM usage_plan_version
             WHERE id = usage_price_version(TG_TABLE_NAME, item)
               AND state IN ('approved', 'scheduled', 'active', 'retired')
        ) THEN
            RAISE EXCEPTION 'the prices of an approved version cannot change (%, %)',
                TG_TABLE_NAME, item ->> 'id'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END LOOP;
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


EVERY_WRITE = SQL("INSERT OR UPDATE OR DELETE")
CHANGES = SQL("UPDATE OR DELETE")


def install_guard(model, functions, name, events, *arguments):
    """Put a trigger on the table of a model, of the name of its function.

    Made again at each upgrade: what it guards may have grown.

    :param str functions: statements that create the function
    :param SQL events: EVERY_WRITE, or CHANGES of rows that are there
    :param arguments: texts that the function is called with
    """
    table, trigger = SQL.identifier(model._table), SQL.identifier(name)
    model.env.cr.execute(functions)
    model.env.cr.execute(SQL("DROP TRIGGER IF EXISTS %s ON %s", trigger, table))
    model.env.cr.execute(
        SQL(
            "CREATE TRIGGER %s BEFORE %s ON %s FOR EACH ROW EXECUTE FUNCTION %s(%s)",
            trigger,
            events,
            table,
            trigger,
            SQL(", ").join(SQL("%s", argument) for argument in arguments),
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


class UsageFrozenRow(models.AbstractModel):
    """Rows that the database freezes; an upgrade may still fill a new column."""

    _name = "usage.frozen.row"
    _description = "Usage Frozen Row"

    def _init_column(self, column_name):
        with _Unlocked(self.env.cr):
            return super()._init_column(column_name)


class UsagePriceRow(models.AbstractModel):
    """Mixed into every table of prices: frozen by the database too."""

    _name = "usage.price.row"
    _inherit = "usage.frozen.row"
    _description = "Usage Price Row"

    def init(self):
        result = super().init()
        if not self._abstract:
            columns = "{" + ",".join(price_terms.frozen_columns(self)) + "}"
            name = "usage_price_guard"
            install_guard(self, GUARD_FUNCTION, name, EVERY_WRITE, columns)
        return result


class UsageCharge(models.Model):
    _name = "usage.charge"
    _inherit = ["usage.charge", "usage.price.row"]

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

    @api.model_create_multi
    def create(self, vals_list):
        versions = {vals.get("version_id") for vals in vals_list} - {None, False}
        self.env["usage.plan.version"].browse(versions)._check_editable()
        return super().create(vals_list)


class UsageChargePrice(models.Model):
    _name = "usage.charge.price"
    _inherit = ["usage.charge.price", "usage.price.row"]

    @api.model_create_multi
    def create(self, vals_list):
        charges = {vals.get("charge_id") for vals in vals_list} - {None, False}
        self.env["usage.charge"].browse(charges).version_id._check_editable()
        return super().create(vals_list)


class UsageChargeTier(models.Model):
    _name = "usage.charge.tier"
    _inherit = ["usage.charge.tier", "usage.price.row"]

    @api.model_create_multi
    def create(self, vals_list):
        charges = {vals.get("charge_id") for vals in vals_list} - {None, False}
        prices = {vals.get("price_id") for vals in vals_list} - {None, False}
        self.env["usage.charge"].browse(charges).version_id._check_editable()
        prices = self.env["usage.charge.price"].browse(prices)
        prices.charge_id.version_id._check_editable()
        return super().create(vals_list)


class UsageChargeTierLimit(models.Model):
    _name = "usage.charge.tier.limit"
    _inherit = ["usage.charge.tier.limit", "usage.price.row"]

    @api.model_create_multi
    def create(self, vals_list):
        tiers = {vals.get("tier_id") for vals in vals_list} - {None, False}
        tiers = self.env["usage.charge.tier"].browse(tiers)
        tiers._get_versions()._check_editable()
        return super().create(vals_list)


class UsagePlanVersion(models.Model):
    _inherit = "usage.plan.version"

    def init(self):
        result = super().init()
        install_guard(self, VERSION_FUNCTION, "usage_version_guard", CHANGES)
        return result
