-- The days with something to do: seconds since 1970, beliefs now, beliefs then.
SELECT extract(epoch FROM day)::bigint, before, after
FROM (SELECT date_trunc('day', event_start) AS day, sum(rows) AS before FROM belief GROUP BY 1) b
LEFT JOIN (SELECT date_trunc('day', event_start) AS day, count(*) AS after FROM result GROUP BY 1) r USING (day)
WHERE before IS DISTINCT FROM after
ORDER BY 1;
