//! Several models as one provider: which of them answers a turn.
//!
//! Models stand in three [`Tier`]s, in the order in which they are asked, and the phase of a request
//! chooses the tier. Where a model fails in passing (a broken stream, an overload, a rate limit), the
//! next one is asked in the same turn, each at most once: first the rest of the tier, then the tiers
//! below, never one above. A person who asked for a cheap model does not get the bill of a dear one.
//!
//! A refusal that will not pass (a wrong key, an unknown model, an empty account, a request that is too
//! long) ends the turn at once. Another model might well answer, but the settings would stay wrong, and
//! the run would go on with a model that nobody chose for as long as nobody looks.
//!
//! A conversation stays with the model that gave its latest answer while that can be asked, before the
//! order of the tier: only that model can read what it thought, and its cache is warm. That too stays
//! within the phase's tier and those below.

mod attempts;
mod sums;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::breaker::Breaker;
use crate::{Cost, Message, Provider, ProviderError, Quote, Request, Tokens, Turn};
use attempts::Attempts;

/// Models that a tier may list.
pub const MODELS_MAX: usize = 16;

/// Gives the present time in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How capable a model has to be, the most capable first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Thinks ahead and judges.
    Planning,
    /// Writes the application.
    Development,
    /// Does what is small.
    Fast,
}

/// The models of each tier, in the order in which they are asked.
#[derive(Clone, Default)]
pub struct Tiers {
    /// May be empty: development stands in.
    pub planning: Vec<Arc<dyn Provider>>,
    /// May be empty: fast stands in.
    pub development: Vec<Arc<dyn Provider>>,
    /// Has at least one model, because nothing is below it to stand in.
    pub fast: Vec<Arc<dyn Provider>>,
}

/// Why models cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouterError {
    /// A tier without a model, and without a tier below it.
    #[error("the fast tier has no model: name one, which may be the one of another tier")]
    Empty,
    /// A tier with too many models.
    #[error("the {} tier has more than {MODELS_MAX} models", tier.as_str())]
    TooMany {
        /// The tier.
        tier: Tier,
    },
    /// An agent that changes files itself beside a model that asks for changes.
    #[error("`{agent}` changes files itself and `{model}` does not: they cannot stand in for each other")]
    Mixed {
        /// The agent.
        agent: String,
        /// The model.
        model: String,
    },
}

/// A provider that asks one of several models.
///
/// Models of one name share one circuit breaker, and at most one of them is asked in a turn.
pub struct Router {
    models: Vec<Model>,
    /// For each tier the places of the models that may answer, in order.
    routes: [Vec<usize>; 3],
    now: Clock,
}

struct Model {
    provider: Arc<dyn Provider>,
    breaker: Arc<Breaker>,
    /// The origin that its latest answer bore.
    origin: Mutex<Option<String>>,
}

impl Tier {
    /// The tier for a phase: `reason`, `review` and `plan` need planning, `act` needs development, and
    /// everything else (`reflect`, a summary, a name) is small.
    pub fn of(phase: &str) -> Self {
        match phase {
            "reason" | "review" | "plan" => Self::Planning,
            "act" => Self::Development,
            _ => Self::Fast,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Development => "development",
            Self::Fast => "fast",
        }
    }
}

impl Router {
    /// Puts models together. `now` is asked for the time whenever a model is about to be asked or has
    /// answered.
    pub fn new(tiers: Tiers, now: Clock) -> Result<Self, RouterError> {
        let Tiers { planning, development, fast } = tiers;
        let tiers = [(Tier::Planning, planning), (Tier::Development, development), (Tier::Fast, fast)];
        let mut models: Vec<Model> = Vec::new();
        let mut places: [Vec<usize>; 3] = Default::default();
        for ((tier, providers), places) in tiers.into_iter().zip(&mut places) {
            if providers.len() > MODELS_MAX {
                return Err(RouterError::TooMany { tier });
            }
            for provider in providers {
                places.push(models.len());
                let model = Model::new(provider, &models);
                models.push(model);
            }
        }
        let [_, _, fast] = &places;
        if fast.is_empty() {
            return Err(RouterError::Empty);
        }
        one_kind(&models)?;
        let [planning, development, fast] = places;
        let routes = [
            route(&models, &[&planning, &development, &fast]),
            route(&models, &[&development, &fast]),
            route(&models, &[&fast]),
        ];
        Ok(Self { models, routes, now })
    }

    /// The models that may answer for `tier`, in order.
    fn route(&self, tier: Tier) -> impl Iterator<Item = &Model> {
        let [planning, development, fast] = &self.routes;
        let route = match tier {
            Tier::Planning => planning,
            Tier::Development => development,
            Tier::Fast => fast,
        };
        route.iter().filter_map(|place| self.models.get(*place))
    }

    /// The models to ask for `request`, in order.
    fn order(&self, request: &Request) -> Vec<&Model> {
        let mut order: Vec<&Model> = self.route(Tier::of(&request.phase)).collect();
        if let Some(origin) = origin(request)
            && let Some(place) = order.iter().position(|model| model.is_origin(origin))
        {
            let model = order.remove(place);
            order.insert(0, model);
        }
        order
    }

    /// Asks one model, unless it is held back.
    async fn ask(
        &self,
        model: &Model,
        request: &Request,
        attempts: &mut Attempts,
    ) -> Option<Result<Turn, ProviderError>> {
        let permit = match model.breaker.admit((self.now)()) {
            Ok(permit) => permit,
            Err(held) => {
                attempts.held(model.provider.name(), held);
                return None;
            }
        };
        match model.provider.turn(request).await {
            Ok(turn) => {
                permit.succeeded();
                Some(Ok(model.signed(turn)))
            }
            Err(ProviderError::Transient { message, retry_after_ms, rate_limited, spent }) => {
                if rate_limited {
                    permit.rate_limited((self.now)(), retry_after_ms);
                } else {
                    permit.failed((self.now)(), retry_after_ms);
                }
                attempts.failed(model.provider.name(), &message, spent);
                None
            }
            Err(ProviderError::Permanent { refusal, message, spent }) => {
                let spent = attempts.spent_with(spent);
                Some(Err(ProviderError::Permanent { refusal, message, spent }))
            }
        }
    }
}

#[async_trait]
impl Provider for Router {
    /// The name of the first model that develops.
    fn name(&self) -> &str {
        self.route(Tier::Development).next().map_or("", |model| model.provider.name())
    }

    fn deterministic(&self) -> bool {
        self.models.iter().all(|model| model.provider.deterministic())
    }

    fn acts(&self) -> bool {
        self.models.iter().any(|model| model.provider.acts())
    }

    /// What the dearest of the models that may answer takes at the most; no amount if one of them names none.
    ///
    /// It covers one attempt. If a model breaks off, what it had used comes on top; a request with an
    /// allowance is not passed on to a model that could go beyond what is left of that.
    fn quote(&self, request: &Request) -> Quote {
        let free = Quote { tokens: Tokens::default(), cost: Cost::Measured { micro_usd: 0 } };
        self.route(Tier::of(&request.phase))
            .map(|model| model.provider.quote(request))
            .fold(free, sums::dearer)
    }

    async fn turn(&self, request: &Request) -> Result<Turn, ProviderError> {
        let order = self.order(request);
        let mut attempts = Attempts::default();
        for model in &order {
            let Some(request) = attempts.rest(request, model.provider.as_ref()) else { continue };
            match self.ask(model, &request, &mut attempts).await {
                Some(Ok(turn)) => return Ok(attempts.settled(turn)),
                Some(Err(permanent)) => return Err(permanent),
                None => {}
            }
        }
        let now = (self.now)();
        Err(attempts.into_error(order.iter().map(|model| model.breaker.held(now))))
    }
}

impl Model {
    fn new(provider: Arc<dyn Provider>, others: &[Self]) -> Self {
        let namesake = others.iter().find(|other| other.provider.name() == provider.name());
        let breaker = namesake.map_or_else(Arc::default, |other| Arc::clone(&other.breaker));
        Self { provider, breaker, origin: Mutex::new(None) }
    }

    /// Whether what bears `origin` comes from it: it bears its name, or the origin of its latest answer.
    fn is_origin(&self, origin: &str) -> bool {
        let latest = self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        self.provider.name() == origin || latest.as_deref() == Some(origin)
    }

    /// The answer with the model that gave it, whose origin is kept in mind.
    fn signed(&self, mut turn: Turn) -> Turn {
        if let Some(raw) = &turn.raw {
            *self.origin.lock().unwrap_or_else(PoisonError::into_inner) = Some(raw.from.clone());
        }
        if turn.model.is_empty() {
            self.provider.name().clone_into(&mut turn.model);
        }
        turn
    }
}

/// The places of `tiers` in order, the first of each name.
fn route(models: &[Model], tiers: &[&[usize]]) -> Vec<usize> {
    let name = |place: &usize| models.get(*place).map(|model| model.provider.name());
    let mut route: Vec<usize> = Vec::new();
    for place in tiers.iter().copied().flatten() {
        if !route.iter().any(|earlier| name(earlier) == name(place)) {
            route.push(*place);
        }
    }
    route
}

/// Refuses agents beside models: whoever drives them must know which of the two it has.
fn one_kind(models: &[Model]) -> Result<(), RouterError> {
    let first = |acts: bool| models.iter().find(|model| model.provider.acts() == acts);
    match (first(true), first(false)) {
        (Some(agent), Some(model)) => Err(RouterError::Mixed {
            agent: agent.provider.name().to_owned(),
            model: model.provider.name().to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Where the latest answer of a conversation comes from.
fn origin(request: &Request) -> Option<&str> {
    request.messages.iter().rev().find_map(|message| match message {
        Message::Assistant { raw, .. } => Some(raw.as_ref().map(|raw| raw.from.as_str())),
        Message::User { .. } | Message::Tool { .. } => None,
    })?
}

#[cfg(test)]
mod tests;
