-- A copied database must not act on the outside world: stop every schedule of the suite.
UPDATE ir_cron
   SET active = false
 WHERE id IN (SELECT res_id FROM ir_model_data
               WHERE model = 'ir.cron' AND module = 'usage_billing');

-- ... not put its months where the original has its archives,
DELETE FROM ir_config_parameter
 WHERE key = 'usage_billing.archive_folder';

-- ... and not write into the ClickHouse of the original: its events stay readable there
-- only; the copy says so until it is given a ClickHouse of its own.
DELETE FROM ir_config_parameter
 WHERE key IN ('usage_billing.clickhouse_url', 'usage_billing.clickhouse_password');
