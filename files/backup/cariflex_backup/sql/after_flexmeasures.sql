-- What one expression for a column cannot say: a belief is scaled by the account of its sensor's asset.
UPDATE timed_belief b SET event_value = b.event_value * f.factor
FROM (SELECT s.id, pg_temp.factor(a.account_id) AS factor
      FROM sensor s JOIN generic_asset a ON a.id = s.generic_asset_id WHERE pg_temp.is_load(s.unit)) f
WHERE b.sensor_id = f.id;
