//! The queries of the catalogs. Each gives one JSON text; `$1` are the exposed schemas.

/// Tables and views of all schemas but the system's, since views of an exposed one may be over others.
pub(super) const RELATIONS: &str = "\
SELECT coalesce(json_agg(json_build_object(
  'oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
  'exposed', n.nspname = ANY($1::text[]),
  'writable', (pg_catalog.pg_relation_is_updatable(c.oid, true) & 28) = 28,
  'comment', pg_catalog.obj_description(c.oid, 'pg_class'),
  'columns', (SELECT coalesce(json_agg(json_build_object(
      'number', a.attnum, 'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
      'nullable', NOT a.attnotnull AND NOT (t.typtype = 'd' AND t.typnotnull),
      'has_default', a.atthasdef OR a.attidentity <> '' OR (t.typtype = 'd' AND t.typdefault IS NOT NULL),
      'default', CASE
        WHEN a.attidentity <> '' THEN (SELECT format('nextval(%L::regclass)', s.objid::regclass::text)
          FROM pg_catalog.pg_depend AS s WHERE s.refclassid = 'pg_class'::regclass AND s.refobjid = c.oid
          AND s.refobjsubid = a.attnum AND s.deptype = 'i' AND s.classid = 'pg_class'::regclass LIMIT 1)
        WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
      'values', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum AS e
        WHERE e.enumtypid = t.oid),
      'comment', pg_catalog.col_description(c.oid, a.attnum)) ORDER BY a.attnum), '[]')
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'keys', (SELECT coalesce(json_agg(json_build_object('primary', i.indisprimary, 'columns',
      (SELECT json_agg(a.attname ORDER BY k.at) FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, at)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number
        WHERE k.at <= i.indnkeyatts)) ORDER BY i.indexrelid), '[]')
    FROM pg_catalog.pg_index AS i
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL)
) ORDER BY n.nspname, c.relname), '[]')::text
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition
AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'";

/// Foreign keys.
pub(super) const KEYS: &str = "\
SELECT coalesce(json_agg(json_build_object('name', k.conname, 'from', k.conrelid::int8, 'to', k.confrelid::int8,
  'columns', (SELECT json_agg(a.attname ORDER BY n.at) FROM unnest(k.conkey) WITH ORDINALITY AS n(number, at)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = n.number),
  'to_columns', (SELECT json_agg(a.attname ORDER BY n.at) FROM unnest(k.confkey) WITH ORDINALITY AS n(number, at)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = n.number)
) ORDER BY k.conname, k.oid), '[]')::text
FROM pg_catalog.pg_constraint AS k WHERE k.contype = 'f' AND k.conparentid = 0";

/// What views are made of.
pub(super) const RULES: &str = "\
SELECT coalesce(json_agg(json_build_object('oid', c.oid::int8, 'tree', r.ev_action::text)), '[]')::text
FROM pg_catalog.pg_rewrite AS r
JOIN pg_catalog.pg_class AS c ON c.oid = r.ev_class
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE r.rulename = '_RETURN' AND c.relkind IN ('v', 'm')
AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'";

/// Functions of the exposed schemas.
pub(super) const FUNCTIONS: &str = "\
SELECT coalesce(json_agg(json_build_object(
  'schema', n.nspname, 'name', p.proname, 'volatility', p.provolatile, 'set', p.proretset,
  'one_row', p.proretset AND p.prorows = 1, 'inputs', p.pronargs, 'defaults', p.pronargdefaults,
  'comment', pg_catalog.obj_description(p.oid, 'pg_proc'),
  'type', pg_catalog.format_type(p.prorettype, NULL),
  'values', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum AS e
    WHERE e.enumtypid = p.prorettype),
  'relation', CASE WHEN rc.relkind <> 'c' THEN json_build_array(rn.nspname, rc.relname) END,
  'fields', CASE WHEN rc.oid IS NOT NULL THEN (SELECT json_agg(json_build_object('name', a.attname, 'type',
      pg_catalog.format_type(a.atttypid, a.atttypmod), 'values', (SELECT json_agg(e.enumlabel ORDER BY
      e.enumsortorder) FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = a.atttypid)) ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = rc.oid AND a.attnum > 0 AND NOT a.attisdropped) END,
  'arguments', (SELECT coalesce(json_agg(json_build_object(
      'name', coalesce(p.proargnames[a.at], ''), 'mode', coalesce(p.proargmodes[a.at], 'i'),
      'type', pg_catalog.format_type(a.type, NULL),
      'values', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum AS e
        WHERE e.enumtypid = a.type),
      'relation', CASE WHEN ac.relkind <> 'c' THEN json_build_array(an.nspname, ac.relname) END) ORDER BY a.at), '[]')
    FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY AS a(type, at)
    JOIN pg_catalog.pg_type AS t ON t.oid = a.type
    LEFT JOIN pg_catalog.pg_class AS ac ON ac.oid = t.typrelid AND t.typtype = 'c'
    LEFT JOIN pg_catalog.pg_namespace AS an ON an.oid = ac.relnamespace)
) ORDER BY n.nspname, p.proname, p.oid), '[]')::text
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_type AS rt ON rt.oid = p.prorettype
LEFT JOIN pg_catalog.pg_class AS rc ON rc.oid = rt.typrelid AND rt.typtype = 'c'
LEFT JOIN pg_catalog.pg_namespace AS rn ON rn.oid = rc.relnamespace
WHERE n.nspname = ANY($1::text[]) AND p.prokind = 'f'
AND p.prorettype NOT IN ('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype)";
