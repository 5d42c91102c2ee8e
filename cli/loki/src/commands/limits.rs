//! The limits a run can be given on the command line.

use loki_ledger::event::Limits;

use crate::config::{Overrides, keys};
use crate::context::Context;
use crate::error::CommandError;

/// What the run may use up.
#[derive(clap::Args, Debug, Clone, Default)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Iterations the run may take
    #[arg(long, value_name = "N")]
    max_iterations: Option<u64>,
    /// Seconds the run may take
    #[arg(long, value_name = "N")]
    max_seconds: Option<u64>,
    /// US dollars the run may spend on models
    #[arg(long, value_name = "USD")]
    budget: Option<f64>,
}

impl LimitArgs {
    /// The limits of a new run: configuration, under these flags.
    pub(crate) fn limits(&self, context: &Context) -> Result<Limits, CommandError> {
        let mut flags = Overrides::default();
        flags.set(&keys::RUN_ITERATIONS_MAX, self.max_iterations);
        flags.set(&keys::RUN_DURATION_SECONDS_MAX, self.max_seconds);
        flags.set(&keys::RUN_BUDGET_USD_MAX, self.budget);
        let config = context.config_with(&flags)?;
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Limits {
            iterations_max: small(config.get(&keys::RUN_ITERATIONS_MAX)),
            duration_seconds_max: config.get(&keys::RUN_DURATION_SECONDS_MAX),
            budget_micro_usd_max: Some(micro_usd(config.get(&keys::RUN_BUDGET_USD_MAX))),
            output_bytes_max: config.get(&keys::RUN_OUTPUT_BYTES_MAX),
            turns_max: small(config.get(&keys::RUN_TURNS_MAX)),
            wait_seconds_max: config.get(&keys::RUN_WAIT_SECONDS_MAX),
            recoveries_max: small(config.get(&keys::RUN_RECOVERIES_MAX)),
        })
    }

    /// The limits of a run that goes on, where a flag changes any.
    pub(crate) fn widened(&self, now: &Limits) -> Option<Limits> {
        let mut limits = now.clone();
        if let Some(iterations) = self.max_iterations {
            limits.iterations_max = u32::try_from(iterations).unwrap_or(u32::MAX);
        }
        if let Some(seconds) = self.max_seconds {
            limits.duration_seconds_max = seconds;
        }
        if let Some(usd) = self.budget {
            limits.budget_micro_usd_max = Some(micro_usd(usd));
        }
        (limits != *now).then_some(limits)
    }
}

/// Millionths of a dollar. The configuration keeps amounts between 0 and 100,000 dollars.
fn micro_usd(usd: f64) -> u64 {
    (usd.clamp(0.0, 1e9) * 1e6).round() as u64
}
