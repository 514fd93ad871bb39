-- A report may be asked for by the VTN's own plan (once) and by operators; a VEN is told until it confirms.
ALTER TABLE report_request
    DROP CONSTRAINT report_request_ven_id_specifier_id_key,
    ADD COLUMN origin text NOT NULL DEFAULT 'plan' CHECK (origin IN ('plan', 'operator')),
    ADD COLUMN cancelled_at timestamptz,
    ADD COLUMN cancel_confirmed_at timestamptz,
    -- The VEN's words where it will not send it.
    ADD COLUMN refused text;
CREATE UNIQUE INDEX report_request_of_plan ON report_request (ven_id, specifier_id)
    WHERE origin = 'plan' AND cancelled_at IS NULL;
