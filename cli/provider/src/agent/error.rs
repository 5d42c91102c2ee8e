//! What can be wrong with an agent.

/// Why an agent cannot be used as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgentError {
    /// A name that is none.
    #[error("`{agent}` has no model of that name: 1 to 200 printable bytes, and no `-` in front")]
    Model {
        /// The agent.
        agent: &'static str,
    },
    /// It does not say what it costs, and the price of its tokens is not known.
    #[error("`{agent}` does not say what it costs, and no price is known for {}", model.as_deref().unwrap_or("a model that is not named"))]
    NoPrice {
        /// The agent.
        agent: &'static str,
        /// The model, where one is named.
        model: Option<String>,
    },
    /// An address that is none.
    #[error(
        "the base URL for `{agent}` is not one: `http(s)://host[:port][/path]`, without a user, a query or quotes"
    )]
    BaseUrl {
        /// The agent.
        agent: &'static str,
    },
}

/// Why an agent's program did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Something failed that may go well another time.
    #[error("failed to run the agent")]
    Failed {
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It cannot be run here.
    #[error("the agent cannot be run here")]
    Refused {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
