-- Puts `thinned`, made of thinned.sql, in the place of what is there; prints how many beliefs went and came.
WITH gone AS (
  DELETE FROM timed_belief b
  WHERE b.sensor_id = :sensor AND b.event_start >= :'start' AND b.event_start < :'end' AND NOT EXISTS (
    SELECT FROM thinned t
    WHERE (t.event_start, t.belief_horizon, t.cumulative_probability, t.source_id, t.event_value)
        = (b.event_start, b.belief_horizon, b.cumulative_probability, b.source_id, b.event_value))
  RETURNING 1
)
SELECT 'gone', count(*) FROM gone;
WITH made AS (
  INSERT INTO timed_belief
    (event_start, belief_horizon, cumulative_probability, event_value, sensor_id, source_id)
  SELECT event_start, belief_horizon, cumulative_probability, event_value, :sensor, source_id FROM thinned
  ON CONFLICT DO NOTHING
  RETURNING 1
)
SELECT 'made', count(*) FROM made;
COMMIT;
