-- A copied database must not act on the outside world: stop every schedule of this add-on.
UPDATE ir_cron
   SET active = false
 WHERE id IN (SELECT res_id FROM ir_model_data
               WHERE model = 'ir.cron' AND module = 'fr_invoicing');

-- A copy must not sign as the company: its private keys go, the certificates stay.
UPDATE fr_seal_key SET private_key = NULL WHERE private_key IS NOT NULL;
-- It forgets how to sign in at platforms, so that nothing leaves twice.
UPDATE fr_platform
   SET active = false, client_secret = NULL, token = NULL, token_expires_at = 0;
