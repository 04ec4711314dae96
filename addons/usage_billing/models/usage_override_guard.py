from odoo import models

from .usage_price_guard import CHANGES, EVERY_WRITE, install_guard

#: refuses to change what an approved exception says; it may only end
OVERRIDE_FUNCTION = """
CREATE OR REPLACE FUNCTION usage_override_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    may_change text[] := ARRAY['state', 'date_to', 'approved_by_id', 'approved_at',
                               'message_main_attachment_id', 'write_uid', 'write_date'];
BEGIN
    IF OLD.state = 'draft'
       OR current_setting('usage_billing.unlock_prices', true) = 'on' THEN
        RETURN COALESCE(NEW, OLD);
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an approved price exception cannot be deleted (%)', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state = 'draft'
       OR to_jsonb(NEW) - may_change IS DISTINCT FROM to_jsonb(OLD) - may_change
       OR (NEW.date_to IS DISTINCT FROM OLD.date_to AND NEW.state <> 'ended') THEN
        RAISE EXCEPTION 'an approved price exception cannot change (%)', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION usage_override_tier_guard()
RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('usage_billing.unlock_prices', true) IS DISTINCT FROM 'on'
       AND EXISTS (
        SELECT FROM usage_override
         WHERE state <> 'draft'
           AND id IN (CASE WHEN TG_OP <> 'INSERT' THEN OLD.override_id END,
                      CASE WHEN TG_OP <> 'DELETE' THEN NEW.override_id END)
    ) THEN
        RAISE EXCEPTION 'the tiers of an approved price exception cannot change'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;
"""


class UsageOverride(models.Model):
    """Frozen by the database too, whoever writes and by whatever means."""

    _name = "usage.override"
    _inherit = ["usage.override", "usage.frozen.row"]

    def init(self):
        result = super().init()
        install_guard(self, OVERRIDE_FUNCTION, "usage_override_guard", CHANGES)
        return result


class UsageOverrideTier(models.Model):
    _name = "usage.override.tier"
    _inherit = ["usage.override.tier", "usage.frozen.row"]

    def init(self):
        result = super().init()
        name = "usage_override_tier_guard"
        install_guard(self, OVERRIDE_FUNCTION, name, EVERY_WRITE)
        return result
