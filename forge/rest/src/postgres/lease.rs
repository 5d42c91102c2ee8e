//! A connection in the hands of one request, and that it is not handed on in a state the request left it in.

use std::ops::Deref;

use deadpool_postgres::{Object, Pool};

use super::errors;
use crate::error::RestError;

/// A connection for one request. It is closed, not handed on, unless it was found to be as it should: a request
/// that is dropped half-way leaves its role and a transaction behind.
pub(super) struct Lease {
    object: Option<Object>,
    tidy: bool,
}

/// What it is while it is held.
pub(super) struct Held<'a>(&'a Object);

impl Lease {
    /// A connection of the pool.
    pub(super) async fn from(pool: &Pool) -> Result<Lease, RestError> {
        let object = pool.get().await.map_err(|error| errors::of_pool(&error))?;
        Ok(Lease { object: Some(object), tidy: false })
    }

    /// The connection.
    pub(super) fn held(&self) -> Result<Held<'_>, RestError> {
        self.object.as_ref().map(Held).ok_or_else(errors::internal)
    }

    /// Hands it on: it is as it was when it was made.
    pub(super) fn keep(mut self) {
        self.tidy = true;
    }
}

impl Deref for Held<'_> {
    type Target = Object;

    fn deref(&self) -> &Object {
        self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(object) = self.object.take()
            && !self.tidy
        {
            drop(Object::take(object));
        }
    }
}
