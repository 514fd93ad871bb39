-- The tools of the rules, in a session of its own; the setting cariflex.key holds the key. Before the rules.
SET timezone = 'UTC';
CREATE TEMPORARY TABLE rule (tab text NOT NULL, col text NOT NULL, how text NOT NULL, PRIMARY KEY (tab, col));

-- The same text for the same value and key; without the key it tells nothing about the value.
CREATE FUNCTION pg_temp.keyed(kind text, value text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT encode(sha256(convert_to(current_setting('cariflex.key'), 'UTF8') || sha256(convert_to(
    current_setting('cariflex.key') || E'\n' || kind || E'\n' || value, 'UTF8'))), 'hex')
$$;

CREATE FUNCTION pg_temp.named(kind text, value text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT kind || '-' || left(pg_temp.keyed(kind, value), 12)
$$;

-- From 0.5 to 1.5, by the account; public assets share one.
CREATE FUNCTION pg_temp.factor(account_id int) RETURNS float LANGUAGE sql STABLE AS $$
  SELECT 0.5 + ('x' || left(pg_temp.keyed('amplitude', coalesce(account_id::text, '')), 8))::bit(32)::bigint
               / 4294967296.0
$$;

-- Prices, weather, shares and signals are the same for everybody; anything else is somebody's load.
CREATE FUNCTION pg_temp.is_load(unit text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT unit NOT LIKE '%/%' AND unit NOT IN ('%', '°C', 'degC', 'K', '°', 'dimensionless', 's', 'min', 'h')
$$;

-- A flex-context or flex-model with its quantities scaled. A text that is no quantity, share, price or time goes.
CREATE FUNCTION pg_temp.scaled(value jsonb, factor float, field text DEFAULT '') RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  content text := value #>> '{}';
  parts text[];
BEGIN
  CASE jsonb_typeof(value)
    WHEN 'object' THEN
      RETURN (SELECT coalesce(jsonb_object_agg(e.key, e.made) FILTER (WHERE e.made IS NOT NULL), '{}')
              FROM (SELECT p.key, pg_temp.scaled(p.value, factor, p.key) AS made
                    FROM jsonb_each(value) p WHERE p.key ~ '^[a-z][a-z-]*$') e);
    WHEN 'array' THEN
      RETURN (SELECT coalesce(jsonb_agg(e.made ORDER BY e.n) FILTER (WHERE e.made IS NOT NULL), '[]')
              FROM (SELECT p.n, pg_temp.scaled(p.value, factor, field) AS made
                    FROM jsonb_array_elements(value) WITH ORDINALITY p(value, n)) e);
    WHEN 'number' THEN
      -- Ids and shares stay.
      IF field IN ('sensor', 'asset') OR abs(content::float) <= 1 THEN RETURN value; END IF;
      RETURN to_jsonb(round((content::float * factor)::numeric, 3));
    WHEN 'string' THEN
      parts := regexp_match(content, '^\s*([-+]?\d+\.?\d*(?:[eE][-+]?\d+)?)\s*([kMG]?(?:Wh?|VAh?|varh?))\s*$');
      IF parts IS NOT NULL THEN
        RETURN to_jsonb(round((parts[1]::float * factor)::numeric, 3) || ' ' || parts[2]);
      END IF;
      IF content ~ '^\s*[-+]?\d+\.?\d*\s*(%|[A-Z]{3}/[kMG]?Wh?)\s*$'
         OR content ~ '^P(\d+[YMWD])*(T(\d+[HMS])+)?$'
         OR content ~ '^\d{4}-\d\d-\d\dT[\d:.]+(Z|[-+]\d\d:?\d\d)$' THEN
        RETURN value;
      END IF;
      RETURN NULL;
    ELSE
      RETURN value;
  END CASE;
END $$;
