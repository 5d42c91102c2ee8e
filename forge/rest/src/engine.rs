//! What a database has to offer to be served.

use std::sync::Arc;

use async_trait::async_trait;
use forge_core::Identity;

use crate::error::RestError;
use crate::model::Model;
use crate::plan::{Outcome, Task};

/// A database that requests are carried out on.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// What it holds now. Cheap: it is kept until a migration changes it.
    async fn model(&self) -> Result<Arc<Model>, RestError>;

    /// Carries out a task in the name of `who`, in one transaction: all of it, or nothing.
    async fn run(&self, who: &Identity, context: &Context, task: &Task) -> Result<Outcome, RestError>;

    /// Carries out several tasks in one transaction: all of them, or none. The error says at which one it
    /// failed, from 0.
    async fn batch(
        &self,
        who: &Identity,
        context: &Context,
        tasks: &[Task],
    ) -> Result<Vec<Outcome>, (usize, RestError)>;

    /// Whether it answers at all.
    async fn ready(&self) -> Result<(), RestError>;
}

/// The request as functions and policies may ask for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// `request.method`
    pub method: String,
    /// `request.path`
    pub path: String,
    /// `request.headers`: names in lower case; without those that carry keys or tokens.
    pub headers: Vec<(String, String)>,
    /// `request.cookies`
    pub cookies: Vec<(String, String)>,
}
