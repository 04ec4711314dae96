-- A copied database must not act on the outside world: stop every schedule of this add-on.
UPDATE ir_cron
   SET active = false
 WHERE id IN (SELECT res_id FROM ir_model_data
               WHERE model = 'ir.cron' AND module = 'fr_invoicing');
