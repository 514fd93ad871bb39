-- FlexMeasures 1.0.1's own schema, as `flexmeasures db upgrade` made it on PostgreSQL 17. Made anew with
-- pg_dump -U postgres -d flexmeasures --schema-only --no-owner --no-privileges (comments and session settings left out).
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE EXTENSION IF NOT EXISTS cube WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS earthdistance WITH SCHEMA public;
CREATE TYPE public.annotation_type AS ENUM (
    'alert',
    'holiday',
    'label',
    'feedback',
    'warning',
    'error'
);
CREATE TYPE public.ratelimitkey AS ENUM (
    'ACCOUNT_PLUS_ASSET',
    'ACCOUNT',
    'USER'
);
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.account (
    id integer NOT NULL,
    name character varying(100),
    consultancy_account_id integer,
    primary_color character varying(7),
    secondary_color character varying(7),
    logo_url character varying(255),
    attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    secrets jsonb DEFAULT '{}'::jsonb NOT NULL,
    plan_id integer
);
CREATE SEQUENCE public.account_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.account_id_seq OWNED BY public.account.id;
CREATE TABLE public.account_role (
    id integer NOT NULL,
    name character varying(80),
    description character varying(255)
);
CREATE SEQUENCE public.account_role_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.account_role_id_seq OWNED BY public.account_role.id;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.annotation (
    id integer NOT NULL,
    start timestamp with time zone NOT NULL,
    "end" timestamp with time zone NOT NULL,
    belief_time timestamp with time zone,
    source_id integer NOT NULL,
    type public.annotation_type NOT NULL,
    content character varying(1024) NOT NULL
);
CREATE SEQUENCE public.annotation_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.annotation_id_seq OWNED BY public.annotation.id;
CREATE TABLE public.annotations_accounts (
    id integer NOT NULL,
    account_id integer,
    annotation_id integer
);
CREATE SEQUENCE public.annotations_accounts_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.annotations_accounts_id_seq OWNED BY public.annotations_accounts.id;
CREATE TABLE public.annotations_assets (
    id integer NOT NULL,
    generic_asset_id integer,
    annotation_id integer
);
CREATE SEQUENCE public.annotations_assets_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.annotations_assets_id_seq OWNED BY public.annotations_assets.id;
CREATE TABLE public.annotations_sensors (
    id integer NOT NULL,
    sensor_id integer,
    annotation_id integer
);
CREATE SEQUENCE public.annotations_sensors_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.annotations_sensors_id_seq OWNED BY public.annotations_sensors.id;
CREATE TABLE public.asset (
    id integer NOT NULL,
    asset_type_name character varying(80) NOT NULL,
    name character varying(80),
    display_name character varying(80),
    capacity_in_mw double precision NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    owner_id integer,
    min_soc_in_mwh double precision,
    max_soc_in_mwh double precision,
    soc_in_mwh double precision,
    soc_datetime timestamp with time zone,
    soc_udi_event_id integer,
    unit character varying(80) DEFAULT ''::character varying NOT NULL,
    market_id integer,
    event_resolution interval DEFAULT '00:00:00'::interval NOT NULL,
    knowledge_horizon_fnc character varying(80) NOT NULL,
    knowledge_horizon_par json NOT NULL,
    timezone character varying(80) NOT NULL
);
CREATE TABLE public.asset_audit_log (
    id integer NOT NULL,
    event_datetime timestamp without time zone,
    event character varying(500),
    active_user_name character varying(255),
    active_user_id integer,
    affected_asset_id integer
);
CREATE SEQUENCE public.asset_audit_log_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.asset_audit_log_id_seq OWNED BY public.asset_audit_log.id;
CREATE SEQUENCE public.asset_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.asset_id_seq OWNED BY public.asset.id;
CREATE TABLE public.asset_type (
    name character varying(80) NOT NULL,
    is_consumer boolean NOT NULL,
    is_producer boolean NOT NULL,
    can_curtail boolean NOT NULL,
    can_shift boolean NOT NULL,
    daily_seasonality boolean NOT NULL,
    weekly_seasonality boolean NOT NULL,
    yearly_seasonality boolean NOT NULL,
    display_name character varying(80) DEFAULT ''::character varying,
    hover_label character varying(80)
);
CREATE TABLE public.audit_log (
    id integer NOT NULL,
    event_datetime timestamp without time zone,
    event character varying(500),
    active_user_id integer,
    active_user_name character varying(255),
    affected_user_id integer,
    affected_account_id integer
);
CREATE SEQUENCE public.audit_log_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.audit_log_id_seq OWNED BY public.audit_log.id;
CREATE TABLE public.data_source (
    id integer NOT NULL,
    name character varying(120) NOT NULL,
    type character varying(80),
    user_id integer,
    model character varying(80),
    version character varying(17),
    attributes jsonb DEFAULT '{}'::json NOT NULL,
    attributes_hash bytea,
    account_id integer
);
CREATE SEQUENCE public.data_source_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.data_source_id_seq OWNED BY public.data_source.id;
CREATE TABLE public.fm_user (
    id integer NOT NULL,
    email character varying(255),
    username character varying(255),
    password character varying(255),
    last_login_at timestamp without time zone,
    login_count integer,
    active boolean,
    timezone character varying(255),
    fs_uniquifier character varying(64) NOT NULL,
    account_id integer NOT NULL,
    last_seen_at timestamp without time zone,
    tf_totp_secret text,
    tf_primary_method character varying(255) DEFAULT 'email'::character varying
);
CREATE SEQUENCE public.fm_user_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.fm_user_id_seq OWNED BY public.fm_user.id;
CREATE TABLE public.generic_asset (
    id integer NOT NULL,
    name character varying(80),
    latitude double precision,
    longitude double precision,
    generic_asset_type_id integer NOT NULL,
    account_id integer,
    attributes jsonb NOT NULL,
    parent_asset_id integer,
    sensors_to_show jsonb DEFAULT '[]'::json NOT NULL,
    flex_context jsonb DEFAULT '{}'::json NOT NULL,
    flex_model jsonb DEFAULT '{}'::json NOT NULL,
    sensors_to_show_as_kpis jsonb DEFAULT '[]'::json NOT NULL,
    external_id character varying(80),
    secrets jsonb DEFAULT '{}'::jsonb NOT NULL,
    description text,
    CONSTRAINT generic_asset_self_reference_ck CHECK ((parent_asset_id <> id))
);
CREATE SEQUENCE public.generic_asset_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.generic_asset_id_seq OWNED BY public.generic_asset.id;
CREATE TABLE public.generic_asset_type (
    id integer NOT NULL,
    name character varying(80),
    description character varying(80)
);
CREATE SEQUENCE public.generic_asset_type_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.generic_asset_type_id_seq OWNED BY public.generic_asset_type.id;
CREATE TABLE public.latest_task_run (
    name character varying(80) NOT NULL,
    datetime timestamp with time zone,
    status boolean
);
CREATE TABLE public.market (
    id integer NOT NULL,
    name character varying(80),
    market_type_name character varying(80) NOT NULL,
    display_name character varying(80) DEFAULT ''::character varying,
    unit character varying(80) DEFAULT ''::character varying NOT NULL,
    event_resolution interval DEFAULT '00:00:00'::interval NOT NULL,
    knowledge_horizon_fnc character varying(80) NOT NULL,
    knowledge_horizon_par json NOT NULL,
    timezone character varying(80) NOT NULL
);
CREATE SEQUENCE public.market_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.market_id_seq OWNED BY public.market.id;
CREATE TABLE public.market_type (
    name character varying(80) NOT NULL,
    daily_seasonality boolean NOT NULL,
    weekly_seasonality boolean NOT NULL,
    yearly_seasonality boolean NOT NULL,
    display_name character varying(80) DEFAULT ''::character varying
);
CREATE TABLE public.plan (
    id integer NOT NULL,
    name character varying(80) NOT NULL,
    default_rate_limit character varying(80),
    trigger_rate_limit character varying(80),
    rate_limit_key public.ratelimitkey,
    max_users integer,
    max_assets integer,
    max_clients integer,
    legacy boolean DEFAULT false NOT NULL
);
CREATE SEQUENCE public.plan_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.plan_id_seq OWNED BY public.plan.id;
CREATE TABLE public.power (
    datetime timestamp with time zone NOT NULL,
    sensor_id integer NOT NULL,
    value double precision NOT NULL,
    horizon interval NOT NULL,
    data_source_id integer NOT NULL
);
CREATE TABLE public.price (
    datetime timestamp with time zone NOT NULL,
    sensor_id integer NOT NULL,
    value double precision NOT NULL,
    horizon interval NOT NULL,
    data_source_id integer NOT NULL
);
CREATE TABLE public.role (
    id integer NOT NULL,
    name character varying(80),
    description character varying(255)
);
CREATE SEQUENCE public.role_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.role_id_seq OWNED BY public.role.id;
CREATE TABLE public.roles_accounts (
    id integer NOT NULL,
    account_id integer,
    role_id integer
);
CREATE SEQUENCE public.roles_accounts_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.roles_accounts_id_seq OWNED BY public.roles_accounts.id;
CREATE TABLE public.roles_users (
    id integer NOT NULL,
    user_id integer,
    role_id integer
);
CREATE SEQUENCE public.roles_users_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.roles_users_id_seq OWNED BY public.roles_users.id;
CREATE TABLE public.sensor (
    id integer NOT NULL,
    name character varying(120) NOT NULL,
    unit character varying(80) NOT NULL,
    timezone character varying(80) NOT NULL,
    event_resolution interval NOT NULL,
    knowledge_horizon_fnc character varying(80) NOT NULL,
    knowledge_horizon_par json NOT NULL,
    generic_asset_id integer NOT NULL,
    attributes jsonb NOT NULL
);
CREATE SEQUENCE public.sensor_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.sensor_id_seq OWNED BY public.sensor.id;
CREATE TABLE public.timed_belief (
    event_start timestamp with time zone NOT NULL,
    belief_horizon interval NOT NULL,
    cumulative_probability double precision NOT NULL,
    event_value double precision NOT NULL,
    sensor_id integer NOT NULL,
    source_id integer NOT NULL
);
CREATE TABLE public.weather (
    sensor_id integer NOT NULL,
    datetime timestamp with time zone NOT NULL,
    value double precision NOT NULL,
    horizon interval NOT NULL,
    data_source_id integer NOT NULL
);
CREATE TABLE public.weather_sensor (
    id integer NOT NULL,
    name character varying(80),
    weather_sensor_type_name character varying(80) NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    unit character varying(80) DEFAULT ''::character varying NOT NULL,
    display_name character varying(80) DEFAULT ''::character varying,
    event_resolution interval DEFAULT '00:00:00'::interval NOT NULL,
    knowledge_horizon_fnc character varying(80) NOT NULL,
    knowledge_horizon_par json NOT NULL,
    timezone character varying(80) NOT NULL
);
CREATE SEQUENCE public.weather_sensor_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.weather_sensor_id_seq OWNED BY public.weather_sensor.id;
CREATE TABLE public.weather_sensor_type (
    name character varying(80) NOT NULL,
    display_name character varying(80) DEFAULT ''::character varying
);
ALTER TABLE ONLY public.account ALTER COLUMN id SET DEFAULT nextval('public.account_id_seq'::regclass);
ALTER TABLE ONLY public.account_role ALTER COLUMN id SET DEFAULT nextval('public.account_role_id_seq'::regclass);
ALTER TABLE ONLY public.annotation ALTER COLUMN id SET DEFAULT nextval('public.annotation_id_seq'::regclass);
ALTER TABLE ONLY public.annotations_accounts ALTER COLUMN id SET DEFAULT nextval('public.annotations_accounts_id_seq'::regclass);
ALTER TABLE ONLY public.annotations_assets ALTER COLUMN id SET DEFAULT nextval('public.annotations_assets_id_seq'::regclass);
ALTER TABLE ONLY public.annotations_sensors ALTER COLUMN id SET DEFAULT nextval('public.annotations_sensors_id_seq'::regclass);
ALTER TABLE ONLY public.asset ALTER COLUMN id SET DEFAULT nextval('public.asset_id_seq'::regclass);
ALTER TABLE ONLY public.asset_audit_log ALTER COLUMN id SET DEFAULT nextval('public.asset_audit_log_id_seq'::regclass);
ALTER TABLE ONLY public.audit_log ALTER COLUMN id SET DEFAULT nextval('public.audit_log_id_seq'::regclass);
ALTER TABLE ONLY public.data_source ALTER COLUMN id SET DEFAULT nextval('public.data_source_id_seq'::regclass);
ALTER TABLE ONLY public.fm_user ALTER COLUMN id SET DEFAULT nextval('public.fm_user_id_seq'::regclass);
ALTER TABLE ONLY public.generic_asset ALTER COLUMN id SET DEFAULT nextval('public.generic_asset_id_seq'::regclass);
ALTER TABLE ONLY public.generic_asset_type ALTER COLUMN id SET DEFAULT nextval('public.generic_asset_type_id_seq'::regclass);
ALTER TABLE ONLY public.market ALTER COLUMN id SET DEFAULT nextval('public.market_id_seq'::regclass);
ALTER TABLE ONLY public.plan ALTER COLUMN id SET DEFAULT nextval('public.plan_id_seq'::regclass);
ALTER TABLE ONLY public.role ALTER COLUMN id SET DEFAULT nextval('public.role_id_seq'::regclass);
ALTER TABLE ONLY public.roles_accounts ALTER COLUMN id SET DEFAULT nextval('public.roles_accounts_id_seq'::regclass);
ALTER TABLE ONLY public.roles_users ALTER COLUMN id SET DEFAULT nextval('public.roles_users_id_seq'::regclass);
ALTER TABLE ONLY public.sensor ALTER COLUMN id SET DEFAULT nextval('public.sensor_id_seq'::regclass);
ALTER TABLE ONLY public.weather_sensor ALTER COLUMN id SET DEFAULT nextval('public.weather_sensor_id_seq'::regclass);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_name_key UNIQUE (name);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.account_role
    ADD CONSTRAINT account_role_name_key UNIQUE (name);
ALTER TABLE ONLY public.account_role
    ADD CONSTRAINT account_role_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.annotation
    ADD CONSTRAINT annotation_content_key UNIQUE (content, start, belief_time, source_id, type);
ALTER TABLE ONLY public.annotation
    ADD CONSTRAINT annotation_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.annotations_accounts
    ADD CONSTRAINT annotations_accounts_annotation_id_key UNIQUE (annotation_id, account_id);
ALTER TABLE ONLY public.annotations_accounts
    ADD CONSTRAINT annotations_accounts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.annotations_assets
    ADD CONSTRAINT annotations_assets_annotation_id_key UNIQUE (annotation_id, generic_asset_id);
ALTER TABLE ONLY public.annotations_assets
    ADD CONSTRAINT annotations_assets_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.annotations_sensors
    ADD CONSTRAINT annotations_sensors_annotation_id_key UNIQUE (annotation_id, sensor_id);
ALTER TABLE ONLY public.annotations_sensors
    ADD CONSTRAINT annotations_sensors_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.asset_audit_log
    ADD CONSTRAINT asset_audit_log_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.asset
    ADD CONSTRAINT asset_display_name_key UNIQUE (display_name);
ALTER TABLE ONLY public.asset
    ADD CONSTRAINT asset_name_key UNIQUE (name);
ALTER TABLE ONLY public.asset
    ADD CONSTRAINT asset_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.asset_type
    ADD CONSTRAINT asset_type_display_name_key UNIQUE (display_name);
ALTER TABLE ONLY public.asset_type
    ADD CONSTRAINT asset_type_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.roles_users
    ADD CONSTRAINT bvp_roles_users_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.data_source
    ADD CONSTRAINT data_source_name_key UNIQUE (name, user_id, account_id, model, version, attributes_hash);
ALTER TABLE ONLY public.data_source
    ADD CONSTRAINT data_source_user_id_key UNIQUE (user_id);
ALTER TABLE ONLY public.data_source
    ADD CONSTRAINT data_sources_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.fm_user
    ADD CONSTRAINT fm_user_email_key UNIQUE (email);
ALTER TABLE ONLY public.fm_user
    ADD CONSTRAINT fm_user_fs_uniquifier_key UNIQUE (fs_uniquifier);
ALTER TABLE ONLY public.fm_user
    ADD CONSTRAINT fm_user_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.fm_user
    ADD CONSTRAINT fm_user_username_key UNIQUE (username);
ALTER TABLE ONLY public.generic_asset
    ADD CONSTRAINT generic_asset_account_id_external_id_key UNIQUE (account_id, external_id);
ALTER TABLE ONLY public.generic_asset
    ADD CONSTRAINT generic_asset_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.generic_asset_type
    ADD CONSTRAINT generic_asset_type_name_key UNIQUE (name);
ALTER TABLE ONLY public.generic_asset_type
    ADD CONSTRAINT generic_asset_type_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.latest_task_run
    ADD CONSTRAINT latest_task_run_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.market
    ADD CONSTRAINT market_display_name_key UNIQUE (display_name);
ALTER TABLE ONLY public.market
    ADD CONSTRAINT market_name_key UNIQUE (name);
ALTER TABLE ONLY public.market
    ADD CONSTRAINT market_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.market_type
    ADD CONSTRAINT market_type_display_name_key UNIQUE (display_name);
ALTER TABLE ONLY public.market_type
    ADD CONSTRAINT market_type_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_name_key UNIQUE (name);
ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.power
    ADD CONSTRAINT power_pkey PRIMARY KEY (datetime, sensor_id, horizon, data_source_id);
ALTER TABLE ONLY public.price
    ADD CONSTRAINT price_pkey PRIMARY KEY (datetime, sensor_id, horizon, data_source_id);
ALTER TABLE ONLY public.role
    ADD CONSTRAINT role_name_key UNIQUE (name);
ALTER TABLE ONLY public.role
    ADD CONSTRAINT role_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.roles_accounts
    ADD CONSTRAINT roles_accounts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.roles_accounts
    ADD CONSTRAINT roles_accounts_role_id_key UNIQUE (role_id, account_id);
ALTER TABLE ONLY public.roles_users
    ADD CONSTRAINT roles_users_role_id_key UNIQUE (role_id, user_id);
ALTER TABLE ONLY public.sensor
    ADD CONSTRAINT sensor_name_generic_asset_id_key UNIQUE (name, generic_asset_id);
ALTER TABLE ONLY public.sensor
    ADD CONSTRAINT sensor_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.timed_belief
    ADD CONSTRAINT timed_belief_pkey PRIMARY KEY (event_start, belief_horizon, cumulative_probability, sensor_id, source_id);
ALTER TABLE ONLY public.weather
    ADD CONSTRAINT weather_pkey PRIMARY KEY (datetime, sensor_id, horizon, data_source_id);
ALTER TABLE ONLY public.weather_sensor
    ADD CONSTRAINT weather_sensor_name_key UNIQUE (name);
ALTER TABLE ONLY public.weather_sensor
    ADD CONSTRAINT weather_sensor_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.weather_sensor_type
    ADD CONSTRAINT weather_sensor_type_display_name_key UNIQUE (display_name);
ALTER TABLE ONLY public.weather_sensor
    ADD CONSTRAINT weather_sensor_type_name_latitude_longitude_key UNIQUE (weather_sensor_type_name, latitude, longitude);
ALTER TABLE ONLY public.weather_sensor_type
    ADD CONSTRAINT weather_sensor_type_pkey PRIMARY KEY (name);
CREATE UNIQUE INDEX generic_asset_name_parent_asset_id_key ON public.generic_asset USING btree (name, parent_asset_id) WHERE (parent_asset_id IS NOT NULL);
CREATE UNIQUE INDEX generic_asset_public_root_name_key ON public.generic_asset USING btree (name) WHERE ((parent_asset_id IS NULL) AND (account_id IS NULL));
CREATE UNIQUE INDEX generic_asset_root_account_id_name_key ON public.generic_asset USING btree (account_id, name) WHERE ((parent_asset_id IS NULL) AND (account_id IS NOT NULL));
CREATE INDEX timed_belief_event_start_idx ON public.timed_belief USING btree (event_start);
CREATE INDEX timed_belief_search_session_idx ON public.timed_belief USING btree (event_start, sensor_id, source_id) INCLUDE (belief_horizon);
CREATE INDEX timed_belief_search_session_singleevent_idx ON public.timed_belief USING btree (sensor_id, event_start);
CREATE INDEX timed_belief_sensor_id_idx ON public.timed_belief USING btree (sensor_id);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_consultancy_account_id_account_fkey FOREIGN KEY (consultancy_account_id) REFERENCES public.account(id);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_plan_id_plan_fkey FOREIGN KEY (plan_id) REFERENCES public.plan(id);
ALTER TABLE ONLY public.annotation
    ADD CONSTRAINT annotation_source_id_data_source_fkey FOREIGN KEY (source_id) REFERENCES public.data_source(id);
ALTER TABLE ONLY public.annotations_accounts
    ADD CONSTRAINT annotations_accounts_account_id_account_fkey FOREIGN KEY (account_id) REFERENCES public.account(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.annotations_accounts
    ADD CONSTRAINT annotations_accounts_annotation_id_annotation_fkey FOREIGN KEY (annotation_id) REFERENCES public.annotation(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.annotations_assets
    ADD CONSTRAINT annotations_assets_annotation_id_annotation_fkey FOREIGN KEY (annotation_id) REFERENCES public.annotation(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.annotations_assets
    ADD CONSTRAINT annotations_assets_generic_asset_id_generic_asset_fkey FOREIGN KEY (generic_asset_id) REFERENCES public.generic_asset(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.annotations_sensors
    ADD CONSTRAINT annotations_sensors_annotation_id_annotation_fkey FOREIGN KEY (annotation_id) REFERENCES public.annotation(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.annotations_sensors
    ADD CONSTRAINT annotations_sensors_sensor_id_sensor_fkey FOREIGN KEY (sensor_id) REFERENCES public.sensor(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.asset
    ADD CONSTRAINT asset_asset_type_name_asset_type_fkey FOREIGN KEY (asset_type_name) REFERENCES public.asset_type(name);
ALTER TABLE ONLY public.asset_audit_log
    ADD CONSTRAINT asset_audit_log_active_user_id_fm_user_fkey FOREIGN KEY (active_user_id) REFERENCES public.fm_user(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.asset_audit_log
    ADD CONSTRAINT asset_audit_log_affected_asset_id_generic_asset_fkey FOREIGN KEY (affected_asset_id) REFERENCES public.generic_asset(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.asset
    ADD CONSTRAINT asset_id_sensor_fkey FOREIGN KEY (id) REFERENCES public.sensor(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.asset
    ADD CONSTRAINT asset_market_id_market_fkey FOREIGN KEY (market_id) REFERENCES public.market(id);
ALTER TABLE ONLY public.asset
    ADD CONSTRAINT asset_owner_id_bvp_users_fkey FOREIGN KEY (owner_id) REFERENCES public.fm_user(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.roles_users
    ADD CONSTRAINT bvp_roles_users_role_id_bvp_roles_fkey FOREIGN KEY (role_id) REFERENCES public.role(id);
ALTER TABLE ONLY public.roles_users
    ADD CONSTRAINT bvp_roles_users_user_id_bvp_users_fkey FOREIGN KEY (user_id) REFERENCES public.fm_user(id);
ALTER TABLE ONLY public.fm_user
    ADD CONSTRAINT fm_user_account_id_account_fkey FOREIGN KEY (account_id) REFERENCES public.account(id);
ALTER TABLE ONLY public.generic_asset
    ADD CONSTRAINT generic_asset_account_id_account_fkey FOREIGN KEY (account_id) REFERENCES public.account(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.generic_asset
    ADD CONSTRAINT generic_asset_generic_asset_type_id_generic_asset_type_fkey FOREIGN KEY (generic_asset_type_id) REFERENCES public.generic_asset_type(id);
ALTER TABLE ONLY public.generic_asset
    ADD CONSTRAINT generic_asset_parent_asset_id_generic_asset_fkey FOREIGN KEY (parent_asset_id) REFERENCES public.generic_asset(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.market
    ADD CONSTRAINT market_id_sensor_fkey FOREIGN KEY (id) REFERENCES public.sensor(id);
ALTER TABLE ONLY public.market
    ADD CONSTRAINT market_market_type_name_market_type_fkey FOREIGN KEY (market_type_name) REFERENCES public.market_type(name);
ALTER TABLE ONLY public.power
    ADD CONSTRAINT power_data_source_data_sources_fkey FOREIGN KEY (data_source_id) REFERENCES public.data_source(id);
ALTER TABLE ONLY public.power
    ADD CONSTRAINT power_sensor_id_sensor_fkey FOREIGN KEY (sensor_id) REFERENCES public.sensor(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.price
    ADD CONSTRAINT price_data_source_data_sources_fkey FOREIGN KEY (data_source_id) REFERENCES public.data_source(id);
ALTER TABLE ONLY public.price
    ADD CONSTRAINT price_sensor_id_sensor_fkey FOREIGN KEY (sensor_id) REFERENCES public.sensor(id);
ALTER TABLE ONLY public.roles_accounts
    ADD CONSTRAINT roles_accounts_account_id_account_fkey FOREIGN KEY (account_id) REFERENCES public.account(id);
ALTER TABLE ONLY public.roles_accounts
    ADD CONSTRAINT roles_accounts_role_id_account_role_fkey FOREIGN KEY (role_id) REFERENCES public.account_role(id);
ALTER TABLE ONLY public.sensor
    ADD CONSTRAINT sensor_generic_asset_id_generic_asset_fkey FOREIGN KEY (generic_asset_id) REFERENCES public.generic_asset(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.timed_belief
    ADD CONSTRAINT timed_belief_sensor_id_sensor_fkey FOREIGN KEY (sensor_id) REFERENCES public.sensor(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.timed_belief
    ADD CONSTRAINT timed_belief_source_id_data_source_fkey FOREIGN KEY (source_id) REFERENCES public.data_source(id);
ALTER TABLE ONLY public.weather
    ADD CONSTRAINT weather_data_source_data_sources_fkey FOREIGN KEY (data_source_id) REFERENCES public.data_source(id);
ALTER TABLE ONLY public.weather
    ADD CONSTRAINT weather_sensor_id_sensor_fkey FOREIGN KEY (sensor_id) REFERENCES public.sensor(id);
ALTER TABLE ONLY public.weather_sensor
    ADD CONSTRAINT weather_sensor_id_sensor_fkey FOREIGN KEY (id) REFERENCES public.sensor(id);
ALTER TABLE ONLY public.weather_sensor
    ADD CONSTRAINT weather_sensor_weather_sensor_type_name_weather_sensor__1390 FOREIGN KEY (weather_sensor_type_name) REFERENCES public.weather_sensor_type(name);
