//! What a database needs once, before its first migration. All of it may be repeated.

use super::{quote_name, quote_text};

/// The roles, schemas and functions that policies rest on, and the table in which the logical schema is
/// kept. `app_role` is who the data plane logs in as: a role that may become the others and nothing more;
/// it is created, without a password, where it does not exist.
///
/// Roles belong to the whole server: those of an earlier database are taken as they are, but a role that
/// could do more than its name says is refused (`42501`).
pub fn bootstrap(app_role: &str) -> Vec<String> {
    let mut out = vec![
        "SET LOCAL client_min_messages = warning".to_owned(),
        role("anon", "NOLOGIN", false),
        role("authenticated", "NOLOGIN", false),
        role("service_role", "NOLOGIN BYPASSRLS", true),
        login(app_role),
        format!("GRANT anon, authenticated, service_role TO {}", quote_name(app_role)),
        "CREATE SCHEMA IF NOT EXISTS loki".to_owned(),
        "CREATE SCHEMA IF NOT EXISTS auth".to_owned(),
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
    ];
    let all = format!("anon, authenticated, service_role, {}", quote_name(app_role));
    out.extend(["public", "auth", "loki"].map(|schema| format!("GRANT USAGE ON SCHEMA {schema} TO {all}")));
    out.extend(FUNCTIONS.iter().map(|sql| (*sql).to_owned()));
    out.extend(crate::auth::postgres(app_role));
    out.extend(crate::people::postgres());
    for (what, on) in [("SELECT, INSERT, UPDATE, DELETE", "TABLES"), ("USAGE, SELECT", "SEQUENCES")] {
        out.push(format!(
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {what} ON {on} TO anon, authenticated, service_role"
        ));
    }
    out.push(
        "CREATE TABLE IF NOT EXISTS loki._loki_schema (id integer PRIMARY KEY CHECK (id = 1), version integer NOT \
         NULL, json text NOT NULL, fingerprint text NOT NULL)"
            .to_owned(),
    );
    out.push("GRANT SELECT ON loki._loki_schema TO ".to_owned() + &quote_name(app_role));
    out
}

/// Makes sure that the role is there and can do no more than it should.
fn role(name: &str, options: &str, bypass: bool) -> String {
    let (text, quoted) = (quote_text(name), quote_name(name));
    let bypasses = if bypass { "" } else { " OR rolbypassrls" };
    format!(
        "DO $loki$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {text}) THEN CREATE ROLE \
         {quoted} {options}; END IF; IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {text} AND (rolsuper \
         OR rolcreaterole OR rolcreatedb OR rolreplication OR rolcanlogin OR rolname LIKE 'pg\\_%'{bypasses})) THEN \
         RAISE EXCEPTION 'the role % exists and can do more than an application''s role may', {text} USING ERRCODE = \
         '42501'; END IF; END $loki$"
    )
}

fn login(name: &str) -> String {
    let (text, quoted) = (quote_text(name), quote_name(name));
    format!(
        "DO $loki$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {text}) THEN CREATE ROLE \
         {quoted} LOGIN NOINHERIT; END IF; END $loki$"
    )
}

/// A role of the app's own: it holds what `authenticated` holds, and whoever may become that one may become
/// it.
pub(super) fn custom_role(name: &str) -> Vec<String> {
    let quoted = quote_name(name);
    vec![
        role(name, "NOLOGIN", false),
        format!("GRANT authenticated TO {quoted}"),
        format!(
            "DO $loki$ DECLARE who name; BEGIN FOR who IN SELECT m.member::regrole::text FROM \
             pg_catalog.pg_auth_members AS m JOIN pg_catalog.pg_roles AS r ON r.oid = m.member WHERE m.roleid = \
             'authenticated'::regrole AND r.rolcanlogin LOOP EXECUTE 'GRANT ' || {} || ' TO ' || who; END LOOP; END \
             $loki$",
            quote_text(&quoted)
        ),
        format!("GRANT USAGE ON SCHEMA public, auth, loki TO {quoted}"),
    ]
}

/// Who asks, and conversions that give null where Postgres' own raise an error. Regular expressions are
/// told the collation, so that their ranges are those of ASCII.
const FUNCTIONS: [&str; 12] = [
    "CREATE OR REPLACE FUNCTION loki.try_uuid(v text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT \
     CASE WHEN v COLLATE \"C\" ~ '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$' THEN \
     v::uuid END $$",
    "CREATE OR REPLACE FUNCTION loki.try_bigint(v text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ \
     SELECT CASE WHEN length(v) < 19 AND v COLLATE \"C\" ~ '^-?[0-9]+$' THEN v::bigint END $$",
    "CREATE OR REPLACE FUNCTION loki.try_double(v text) RETURNS double precision LANGUAGE plpgsql IMMUTABLE PARALLEL \
     SAFE AS $$ BEGIN IF v COLLATE \"C\" ~ '^[ \\t\\n\\r]*-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?[ \\t\\n\\r]*$' \
     THEN RETURN v::double precision; END IF; RETURN NULL; EXCEPTION WHEN numeric_value_out_of_range THEN IF v ~ \
     '[eE]-' THEN RETURN 0; ELSIF v ~ '^\\s*-' THEN RETURN '-Infinity'; END IF; RETURN 'Infinity'; END $$",
    "CREATE OR REPLACE FUNCTION loki.try_boolean(v text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ \
     SELECT CASE WHEN lower(v COLLATE \"C\") IN ('t', 'true', 'yes', 'y', 'on', '1') THEN true WHEN lower(v COLLATE \
     \"C\") IN ('f', 'false', 'no', 'n', 'off', '0') THEN false END $$",
    "CREATE OR REPLACE FUNCTION loki.try_date(v text) RETURNS date LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ \
     BEGIN IF v COLLATE \"C\" ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN RETURN v::date; END IF; RETURN NULL; EXCEPTION \
     WHEN datetime_field_overflow OR invalid_datetime_format THEN RETURN NULL; END $$",
    "CREATE OR REPLACE FUNCTION loki.try_timestamptz(v text) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE PARALLEL \
     SAFE SET TimeZone = 'UTC' AS $$ BEGIN IF v COLLATE \"C\" ~ ('^[0-9]{4}-[0-9]{2}-[0-9]{2}([T \
     ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])?)?$') THEN RETURN \
     v::timestamptz; END IF; RETURN NULL; EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN \
     RETURN NULL; END $$",
    "CREATE OR REPLACE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT \
     nullif(current_setting('request.jwt.claims', true), '')::jsonb $$",
    "CREATE OR REPLACE FUNCTION loki.subject() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT \
     coalesce(loki.try_uuid(btrim(s, E' \\t\\n\\r'))::text, s) FROM (SELECT \
     coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''), auth.jwt() ->> 'sub') AS s) AS t $$",
    "CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT \
     loki.try_uuid(loki.subject()) $$",
    "CREATE OR REPLACE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT \
     coalesce(nullif(current_setting('request.jwt.claim.role', true), ''), auth.jwt() ->> 'role', current_user::text) $$",
    "CREATE OR REPLACE FUNCTION auth.email() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT auth.jwt() \
     ->> 'email' $$",
    "CREATE OR REPLACE FUNCTION auth.can(resource text, access text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS \
     $$ SELECT EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(auth.jwt() -> 'grants') WHEN 'array' THEN \
     auth.jwt() -> 'grants' ELSE '[]' END) AS held CROSS JOIN unnest(CASE access WHEN 'read' THEN ARRAY['read', 'write', \
     'control', '*'] WHEN 'write' THEN ARRAY['write', 'control', '*'] WHEN 'control' THEN ARRAY['control', '*'] WHEN '*' \
     THEN ARRAY['*'] END) AS word WHERE held IN (to_jsonb('*:' || word), to_jsonb(resource || ':' || word))) $$",
];
