//! What is asked of a Postgres database's catalog, and the history of its migrations.

/// Whether the database was prepared for migrations.
pub(crate) const IS_PREPARED: &str = "SELECT to_regclass('loki._loki_schema') IS NOT NULL AND to_regclass('loki._loki_migrations') IS NOT NULL";

pub(crate) const STORED_SCHEMA: &str = "SELECT version, json FROM loki._loki_schema WHERE id = 1";

/// Major version; whether pgvector is there.
pub(crate) const FEATURES: &str = "SELECT current_setting('server_version_num')::integer / 10000, EXISTS (SELECT FROM \
                                   pg_catalog.pg_extension WHERE extname = 'vector')";

/// Who is connected; whether it is a superuser, bypasses policies, or owns a table that it would.
pub(crate) const POWER: &str = "SELECT r.rolname::text, r.rolsuper, r.rolbypassrls, EXISTS (SELECT FROM \
                                pg_catalog.pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN \
                                ('r', 'p') AND pg_has_role(r.oid, c.relowner, 'USAGE')) FROM pg_catalog.pg_roles AS r \
                                WHERE r.rolname = current_user";

/// The history. An entry is written in the transaction that applies its migration, and stays when it is
/// undone, so that no version is used twice.
pub(crate) const CREATE_HISTORY: &str = "CREATE TABLE IF NOT EXISTS loki._loki_migrations (version integer PRIMARY KEY, name text NOT NULL, migration text \
     NOT NULL, subject_hash text NOT NULL, up text NOT NULL, down text NOT NULL, down_losses text NOT NULL, \
     schema_before text NOT NULL, approved_by text NOT NULL, applied_at text NOT NULL, undone_by text); CREATE UNIQUE \
     INDEX IF NOT EXISTS _loki_migrations_name ON loki._loki_migrations (name) WHERE undone_by IS NULL";

pub(crate) const BY_NAME: &str = "SELECT version, migration, subject_hash FROM loki._loki_migrations WHERE name = $1 AND undone_by IS NULL";

/// What holds, newest first.
pub(crate) const HOLDING: &str = "SELECT version, up, down, down_losses, schema_before FROM loki._loki_migrations WHERE \
                                  undone_by IS NULL ORDER BY version DESC";

pub(crate) const INSERT: &str = "INSERT INTO loki._loki_migrations (version, name, migration, subject_hash, up, down, down_losses, schema_before, \
     approved_by, applied_at) SELECT coalesce(max(version), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8, $9 FROM \
     loki._loki_migrations RETURNING version";

/// Marks what is above a version as undone, and says the newest one that holds.
pub(crate) const UNDO_ABOVE: &str = "WITH undone AS (UPDATE loki._loki_migrations SET undone_by = $2 WHERE version > $1 AND undone_by IS NULL) SELECT \
     coalesce(max(version), 0) FROM loki._loki_migrations WHERE version <= $1 AND undone_by IS NULL";

/// One migration at a time in a database.
pub(crate) const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtext('loki migrations'))";

/// The index that a statement left half-made, if it did.
pub(crate) const INVALID_INDICES: &str = "SELECT c.relname::text FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class \
                                          AS c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace \
                                          AND NOT i.indisvalid";

/// Everything that a database holds in `public`, line by line, in an order and under names that do not
/// depend on its history.
pub(crate) const CATALOG: &str = "SELECT string_agg(line, E'\\n' ORDER BY line COLLATE \"C\") FROM (
    SELECT format('column %s.%s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid)) AS line
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT format('table %s %s %s', relname, relkind, relrowsecurity) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
    UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT format('policy %s %s %s %s %s %s %s', tablename, policyname, permissive, roles, cmd, qual, with_check)
    FROM pg_policies WHERE schemaname = 'public'
    UNION ALL SELECT format('type %s %s %s', t.typname, e.enumlabel,
        rank() OVER (PARTITION BY t.oid ORDER BY e.enumsortorder))
    FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid WHERE t.typnamespace = 'public'::regnamespace
    UNION ALL SELECT format('privilege %s %s %s', c.relname, x.grantee::regrole, x.privilege_type)
    FROM pg_class c, aclexplode(c.relacl) x WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
    UNION ALL SELECT format('privilege %s.%s %s %s', c.relname, a.attname, x.grantee::regrole, x.privilege_type)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) x
    WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT format('trigger %s %s', tgrelid::regclass, pg_get_triggerdef(oid)) FROM pg_trigger
    WHERE NOT tgisinternal
    UNION ALL SELECT format('function %s', pg_get_functiondef(p.oid)) FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.prokind <> 'a' AND NOT EXISTS (SELECT FROM pg_depend d
        WHERE d.objid = p.oid AND d.deptype = 'e')
    UNION ALL SELECT format('view %s %s', viewname, definition) FROM pg_views WHERE schemaname = 'public'
) AS lines";

pub(crate) const NOTIFY: &str = "NOTIFY pgrst, 'reload schema'";
