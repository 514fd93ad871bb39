-- The tables of FlexMeasures 1.0.1 that flexmeasures_sensors reads and writes, with their constraints.
CREATE TABLE account (
    id serial PRIMARY KEY,
    name varchar(100) CONSTRAINT account_name_key UNIQUE,
    attributes jsonb NOT NULL DEFAULT '{}'::jsonb
);
CREATE TABLE fm_user (
    id serial PRIMARY KEY,
    email varchar(255) UNIQUE,
    username varchar(255) UNIQUE,
    account_id integer NOT NULL REFERENCES account (id)
);
CREATE TABLE generic_asset_type (
    id serial CONSTRAINT generic_asset_type_pkey PRIMARY KEY,
    name varchar(80) CONSTRAINT generic_asset_type_name_key UNIQUE,
    description varchar(80)
);
CREATE TABLE generic_asset (
    id serial CONSTRAINT generic_asset_pkey PRIMARY KEY,
    name varchar(80),
    latitude double precision,
    longitude double precision,
    generic_asset_type_id integer NOT NULL REFERENCES generic_asset_type (id),
    account_id integer REFERENCES account (id) ON DELETE CASCADE,
    attributes jsonb NOT NULL,
    parent_asset_id integer REFERENCES generic_asset (id) ON DELETE CASCADE,
    sensors_to_show jsonb NOT NULL DEFAULT '[]'::json,
    flex_context jsonb NOT NULL DEFAULT '{}'::json,
    flex_model jsonb NOT NULL DEFAULT '{}'::json,
    sensors_to_show_as_kpis jsonb NOT NULL DEFAULT '[]'::json,
    external_id varchar(80),
    secrets jsonb NOT NULL DEFAULT '{}'::jsonb,
    description text,
    CONSTRAINT generic_asset_account_id_external_id_key UNIQUE (account_id, external_id),
    CONSTRAINT generic_asset_self_reference_ck CHECK (parent_asset_id <> id)
);
CREATE UNIQUE INDEX generic_asset_name_parent_asset_id_key
    ON generic_asset (name, parent_asset_id) WHERE parent_asset_id IS NOT NULL;
CREATE UNIQUE INDEX generic_asset_public_root_name_key
    ON generic_asset (name) WHERE parent_asset_id IS NULL AND account_id IS NULL;
CREATE UNIQUE INDEX generic_asset_root_account_id_name_key
    ON generic_asset (account_id, name) WHERE parent_asset_id IS NULL AND account_id IS NOT NULL;
CREATE TABLE sensor (
    id serial CONSTRAINT sensor_pkey PRIMARY KEY,
    name varchar(120) NOT NULL,
    unit varchar(80) NOT NULL,
    timezone varchar(80) NOT NULL,
    event_resolution interval NOT NULL,
    knowledge_horizon_fnc varchar(80) NOT NULL,
    knowledge_horizon_par json NOT NULL,
    generic_asset_id integer NOT NULL REFERENCES generic_asset (id) ON DELETE CASCADE,
    attributes jsonb NOT NULL,
    CONSTRAINT sensor_name_generic_asset_id_key UNIQUE (name, generic_asset_id)
);
CREATE TABLE data_source (
    id serial CONSTRAINT data_sources_pkey PRIMARY KEY,
    name varchar(120) NOT NULL,
    type varchar(80),
    user_id integer CONSTRAINT data_source_user_id_key UNIQUE,
    model varchar(80),
    version varchar(17),
    attributes jsonb NOT NULL DEFAULT '{}'::json,
    attributes_hash bytea,
    account_id integer,
    CONSTRAINT data_source_name_key UNIQUE (name, user_id, account_id, model, version, attributes_hash)
);
CREATE TABLE timed_belief (
    event_start timestamptz NOT NULL,
    belief_horizon interval NOT NULL,
    cumulative_probability double precision NOT NULL,
    event_value double precision NOT NULL,
    sensor_id integer NOT NULL REFERENCES sensor (id) ON DELETE CASCADE,
    source_id integer NOT NULL REFERENCES data_source (id),
    PRIMARY KEY (event_start, belief_horizon, cumulative_probability, sensor_id, source_id)
);
CREATE INDEX timed_belief_search_session_singleevent_idx ON timed_belief (sensor_id, event_start);
-- A database as the flexmeasures role leaves it.
INSERT INTO account (name) VALUES ('Other'), ('Cariflex');
INSERT INTO fm_user (email, username, account_id) VALUES ('openadr@cariflex.internal', 'OpenADR VTN', 2);
INSERT INTO generic_asset_type (name, description) VALUES ('solar', 'solar panel(s)'), ('battery', NULL);
