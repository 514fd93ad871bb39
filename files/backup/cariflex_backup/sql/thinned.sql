-- `result`: what the beliefs of :sensor between :start and :end become, in steps of :bucket_s seconds (0: nothing).
-- Begins the statements of survey.sql and thin.sql.
WITH belief AS (
  SELECT b.event_start, b.belief_horizon, b.source_id, d.type IS NOT DISTINCT FROM 'scheduler' AS planned,
         count(*) AS rows, bool_and(b.cumulative_probability = 0.5) AS plain, max(b.event_value) AS value
  FROM timed_belief b JOIN data_source d ON d.id = b.source_id
  WHERE b.sensor_id = :sensor AND b.event_start >= :'start' AND b.event_start < :'end'
  GROUP BY 1, 2, 3, 4
), newest AS (
  SELECT DISTINCT ON (planned, event_start) *,
         date_bin(make_interval(secs => greatest(:bucket_s, 1)), event_start, '2000-01-01Z') AS bucket
  FROM belief WHERE :bucket_s > 0 ORDER BY planned, event_start, belief_horizon, source_id DESC
), step AS (
  SELECT planned, bucket, min(event_start) AS first, avg(value) AS mean, min(source_id) AS source_id,
         bucket - max(event_start - belief_horizon) AS belief_horizon,
         :resolution_s > 0 AND count(*) > 1 AND count(DISTINCT source_id) = 1 AND bool_and(plain) AS averaged
  FROM newest GROUP BY 1, 2
), result AS (
  SELECT bucket AS event_start, belief_horizon, 0.5::float AS cumulative_probability, mean AS event_value,
         source_id
  FROM step WHERE averaged
  UNION ALL
  SELECT b.event_start, b.belief_horizon, b.cumulative_probability, b.event_value, b.source_id
  FROM newest n JOIN step s USING (planned, bucket) JOIN timed_belief b
    ON b.sensor_id = :sensor AND b.event_start = n.event_start AND b.belief_horizon = n.belief_horizon
    AND b.source_id = n.source_id
  WHERE NOT s.averaged AND (:resolution_s > 0 OR n.event_start = s.first)
)
