-- The VTN's database: nothing that it could send, and nobody to send it to. An event without VENs would be for
-- every VEN, so events go too; the VTN makes test's own from test's configuration.
INSERT INTO rule (tab, col, how) VALUES
  ('delivery', '*', 'empty'),
  ('event', '*', 'empty'),
  ('nonce', '*', 'empty'),
  ('opt', '*', 'empty'),
  ('opt_schedule', '*', 'empty'),
  ('program_day', '*', 'empty'),
  ('program_profile', '*', 'empty'),
  ('report_offer', '*', 'empty'),
  ('report_request', '*', 'empty'),
  ('report_value', '*', 'empty'),
  ('ven', '*', 'empty'),
  ('ven_contact', '*', 'empty'),
  ('schema_version', 'version', 'keep'),
  ('schema_version', 'name', 'keep'),
  ('schema_version', 'applied_at', 'keep');
