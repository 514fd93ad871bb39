-- What the VTN must not lose. Times are timestamptz; durations are whole seconds.
CREATE TABLE ven (
    ven_id text PRIMARY KEY,
    ven_name text NOT NULL UNIQUE,
    registration_id text NOT NULL UNIQUE,
    -- config: named in the inventory; operator: added with vtnctl.
    origin text NOT NULL CHECK (origin IN ('config', 'operator')),
    -- SHA-256 of the certificate, lower-case hex; NULL: plain HTTP on the internal network only.
    fingerprint text UNIQUE CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    registered boolean NOT NULL DEFAULT false,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Apart from ven, because it changes with every poll.
CREATE TABLE ven_contact (
    ven_id text PRIMARY KEY REFERENCES ven ON DELETE CASCADE,
    last_poll timestamptz NOT NULL
);

-- Every modification; the newest of an event is the one on offer.
CREATE TABLE event (
    event_id text NOT NULL,
    modification integer NOT NULL CHECK (modification >= 0),
    created_at timestamptz NOT NULL,
    market_context text NOT NULL,
    priority integer NOT NULL CHECK (priority >= 0),
    cancelled boolean NOT NULL,
    test boolean NOT NULL,
    -- Empty: every VEN, every resource.
    ven_ids text[] NOT NULL,
    resource_ids text[] NOT NULL,
    signals jsonb NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
    PRIMARY KEY (event_id, modification)
);
CREATE INDEX event_by_end ON event (ends_at);

CREATE VIEW newest_event AS
SELECT DISTINCT ON (event_id) * FROM event ORDER BY event_id, modification DESC;

CREATE TABLE delivery (
    ven_id text NOT NULL REFERENCES ven ON DELETE CASCADE,
    event_id text NOT NULL,
    modification integer NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    times integer NOT NULL,
    PRIMARY KEY (ven_id, event_id, modification),
    FOREIGN KEY (event_id, modification) REFERENCES event ON DELETE CASCADE
);

CREATE TABLE opt (
    ven_id text NOT NULL REFERENCES ven ON DELETE CASCADE,
    event_id text NOT NULL,
    modification integer NOT NULL,
    opt text NOT NULL CHECK (opt IN ('optIn', 'optOut')),
    code integer NOT NULL,
    description text NOT NULL,
    answered_at timestamptz NOT NULL,
    PRIMARY KEY (ven_id, event_id, modification),
    FOREIGN KEY (event_id, modification) REFERENCES event ON DELETE CASCADE
);
CREATE INDEX opt_by_event ON opt (event_id, modification);

-- EiOpt: times in which a VEN takes part or does not.
CREATE TABLE opt_schedule (
    ven_id text NOT NULL REFERENCES ven ON DELETE CASCADE,
    opt_id text NOT NULL,
    opt text NOT NULL CHECK (opt IN ('optIn', 'optOut')),
    reason text NOT NULL,
    market_context text,
    event_id text,
    modification integer,
    resource_ids text[] NOT NULL,
    -- [{"start": ISO 8601, "duration_s": n}]; duration 0 is open-ended.
    availability jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    cancelled_at timestamptz,
    PRIMARY KEY (ven_id, opt_id)
);

-- EiReport: what a VEN can report, what we asked for, what came.
CREATE TABLE report_offer (
    ven_id text NOT NULL REFERENCES ven ON DELETE CASCADE,
    specifier_id text NOT NULL,
    report_name text NOT NULL,
    -- [{"r_id", "report_type", "reading_type", "resource_id", "unit", "min_period_s", "max_period_s"}]
    descriptions jsonb NOT NULL,
    offered_at timestamptz NOT NULL,
    PRIMARY KEY (ven_id, specifier_id)
);

CREATE TABLE report_request (
    request_id text PRIMARY KEY,
    ven_id text NOT NULL,
    specifier_id text NOT NULL,
    r_ids text[] NOT NULL,
    granularity_s integer NOT NULL,
    report_back_s integer NOT NULL,
    created_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    UNIQUE (ven_id, specifier_id),
    FOREIGN KEY (ven_id, specifier_id) REFERENCES report_offer ON DELETE CASCADE
);

CREATE TABLE report_value (
    request_id text NOT NULL REFERENCES report_request ON DELETE CASCADE,
    r_id text NOT NULL,
    start timestamptz NOT NULL,
    duration_s integer NOT NULL,
    value double precision NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (request_id, r_id, start)
);
CREATE INDEX report_value_by_start ON report_value (start);

-- Replay protection of signed messages, for as long as their timestamp would pass.
CREATE TABLE nonce (
    fingerprint text NOT NULL,
    nonce text NOT NULL,
    signed_at timestamptz NOT NULL,
    PRIMARY KEY (fingerprint, nonce)
);

-- A day's program in place of the configured profile.
CREATE TABLE program_day (
    day date PRIMARY KEY,
    content jsonb NOT NULL,
    loaded_at timestamptz NOT NULL
);
