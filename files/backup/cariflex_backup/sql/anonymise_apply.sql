-- Checks that the rules name every table and column, no more and no fewer, and carries them out. After the rules.
DO $$
DECLARE
  mistakes text;
  statement text;
BEGIN
  SELECT string_agg(sentence, E'\n' ORDER BY sentence) INTO mistakes FROM (
    SELECT format('column %s.%s.%s: has no rule', n.nspname, c.relname, a.attname) AS sentence
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind IN ('r', 'p', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM rule WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
                      AND tab = c.relname AND (col = a.attname OR (col = '*' AND how = 'empty')))
    UNION ALL
    SELECT format('rule of %s.%s: there is no such column', tab, col) FROM rule
    WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('public.' || quote_ident(tab))
                      AND (a.attname = col OR col = '*') AND a.attnum > 0 AND NOT a.attisdropped)
    UNION ALL
    SELECT format('large object %s: has no rule', oid) FROM pg_largeobject_metadata
  ) found;
  IF mistakes IS NOT NULL THEN
    RAISE EXCEPTION '%', mistakes;
  END IF;
  SELECT 'TRUNCATE ' || string_agg(quote_ident(tab), ', ') INTO statement FROM rule WHERE how = 'empty';
  EXECUTE statement;
  FOR statement IN
    SELECT format('UPDATE %I SET %s', tab, string_agg(format('%I = %s', col, how), ', ')) FROM rule
    WHERE how NOT IN ('keep', 'empty', 'below') GROUP BY tab ORDER BY tab
  LOOP
    EXECUTE statement;
  END LOOP;
END $$;
