//! What a database holds and may do, as its catalog tells it.

use deadpool_postgres::GenericClient;
use tokio_postgres::Client;

use super::{PgError, server};
use crate::ddl::postgres::Features;
use crate::schema::Schema;
use crate::tables::postgres as sql;

/// The logical schema and its fingerprint; those of an empty one where nothing is stored.
pub(super) async fn stored(client: &impl GenericClient) -> Result<Option<(Schema, String)>, PgError> {
    let failed = server("read the stored schema");
    let there = client.query_one(sql::IS_PREPARED, &[]).await.map_err(&failed)?;
    if !there.get::<_, bool>(0) {
        return Ok(None);
    }
    let Some(row) = client.query_opt(sql::STORED_SCHEMA, &[]).await.map_err(&failed)? else {
        let schema = Schema::default();
        let fingerprint = crate::tables::schema::fingerprint(&schema.to_json());
        return Ok(Some((schema, fingerprint)));
    };
    let (version, json): (i32, String) = (row.get(0), row.get(1));
    // What cannot be read is treated as what was not made by us: nothing is changed.
    if u32::try_from(version) != Ok(crate::schema::VERSION) {
        return Ok(None);
    }
    let fingerprint = crate::tables::schema::fingerprint(&json);
    Ok(serde_json::from_str(&json).ok().map(|schema| (schema, fingerprint)))
}

/// Everything in `public`, as text that does not depend on its history.
pub(super) async fn contents(client: &impl GenericClient) -> Result<String, PgError> {
    let row = client.query_one(sql::CATALOG, &[]).await.map_err(server("read the catalog"))?;
    Ok(row.get::<_, Option<String>>(0).unwrap_or_default())
}

pub(super) async fn features(client: &Client) -> Result<Features, PgError> {
    let row = client.query_one(sql::FEATURES, &[]).await.map_err(server("read the server's version"))?;
    let version: i32 = row.get(0);
    Ok(Features { version: u32::try_from(version).unwrap_or_default(), vector: row.get(1) })
}

/// Who is connected, and what it could do that policies do not see.
pub(super) async fn power(client: &Client) -> Result<(String, Option<&'static str>), PgError> {
    let row = client.query_one(sql::POWER, &[]).await.map_err(server("read the role's rights"))?;
    let power = [
        (row.get(1), "is a superuser"),
        (row.get(2), "bypasses row-level security"),
        (row.get(3), "owns tables of the application"),
    ];
    Ok((row.get(0), power.into_iter().find_map(|(has, power): (bool, _)| has.then_some(power))))
}
