//! One model's circuit breaker: leaves a model alone that keeps failing, or that asks for it.
//!
//! Five failures in a row open the circuit for half a minute. After that exactly one request goes
//! through, the probe: it closes the circuit if it succeeds and opens it again if it fails. Being asked
//! less often is no failure: it holds the model back until its time and changes nothing else.
//!
//! The rules are in [`State`], which is handed the time and touches nothing. [`Breaker`] shares one between
//! requests, and gives out [`Permit`]s so that a request that is dropped cannot keep the probe's place.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Failures in a row that open the circuit.
pub const FAILURES_MAX: u32 = 5;
/// Milliseconds for which it stays open.
pub const OPEN_MS: u64 = 30_000;
/// Milliseconds for which a model is held back that does not say for how long.
pub const HOLD_MS_DEFAULT: u64 = 10_000;
/// Milliseconds for which a model is held back at least that asks to be asked less often: one that says
/// zero must not be asked in a circle.
pub const HOLD_MS_MIN: u64 = 1_000;
/// Milliseconds for which a model is held back at the most, whatever it says: a day.
pub const HOLD_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// How far a clock may go back before the waits that were begun by it are over.
const CLOCK_SLACK_MS: u64 = 60_000;

/// A circuit breaker. Times are milliseconds of one clock, whichever.
#[derive(Debug, Default)]
pub struct Breaker {
    state: Mutex<State>,
}

/// Leave to ask a model once. Say how it went; to drop it is to say nothing, and frees its place.
#[derive(Debug)]
#[must_use]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    ticket: Option<Ticket>,
}

/// Why a model may not be asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Milliseconds until it may be asked; `None`: until the probe that is out has its answer.
    pub for_ms: Option<u64>,
    /// Whether the model itself asked to be asked less often.
    pub rate_limited: bool,
}

/// What is known of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    circuit: Circuit,
    /// Counts the changes of the circuit, so that an answer from before one does not count after it.
    generation: u64,
    /// Held back until then.
    hold: Option<Hold>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Circuit {
    /// All may ask; this many failed in a row.
    Closed { failures: u32 },
    /// Nobody may ask until this is over, and one may after it.
    Open(Wait),
    /// The one is out. Without an answer of it, the wait, which is over, stands again.
    Probing(Wait),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hold {
    wait: Wait,
    rate_limited: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wait {
    from_ms: i64,
    until_ms: i64,
}

/// What a request was admitted under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticket {
    generation: u64,
}

impl Breaker {
    /// Leave to ask the model at `now_ms`, or why not.
    pub fn admit(&self, now_ms: i64) -> Result<Permit<'_>, Held> {
        let ticket = self.state().admit(now_ms)?;
        Ok(Permit { breaker: self, ticket: Some(ticket) })
    }

    /// Why the model may not be asked at `now_ms`, if it may not. Takes no place.
    pub fn held(&self, now_ms: i64) -> Option<Held> {
        let mut copy = *self.state();
        copy.admit(now_ms).err()
    }

    /// A panic cannot leave the state half changed, so a poisoned one is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// The model answered.
    pub fn succeeded(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.state().succeeded(ticket);
        }
    }

    /// The model failed at `now_ms`, and may have asked to be left alone for `hold_ms`.
    pub fn failed(mut self, now_ms: i64, hold_ms: Option<u64>) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.state().failed(ticket, now_ms, hold_ms);
        }
    }

    /// The model asked, at `now_ms`, to be asked less often: not for `hold_ms`, or
    /// [`HOLD_MS_DEFAULT`].
    pub fn rate_limited(mut self, now_ms: i64, hold_ms: Option<u64>) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.state().rate_limited(ticket, now_ms, hold_ms);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.state().dropped(ticket);
        }
    }
}

impl State {
    fn admit(&mut self, now_ms: i64) -> Result<Ticket, Held> {
        let open_ms = match self.circuit {
            Circuit::Closed { .. } => 0,
            Circuit::Open(wait) => wait.left_ms(now_ms),
            Circuit::Probing(_) => return Err(Held { for_ms: None, rate_limited: false }),
        };
        let hold_ms = self.hold.map_or(0, |hold| hold.wait.left_ms(now_ms));
        if open_ms > 0 || hold_ms > 0 {
            let rate_limited = hold_ms >= open_ms && self.hold.is_some_and(|hold| hold.rate_limited);
            return Err(Held { for_ms: Some(open_ms.max(hold_ms)), rate_limited });
        }
        self.hold = None;
        if let Circuit::Open(wait) = self.circuit {
            self.turn_to(Circuit::Probing(wait));
        }
        Ok(Ticket { generation: self.generation })
    }

    fn succeeded(&mut self, ticket: Ticket) {
        if self.is_current(ticket) {
            match self.circuit {
                Circuit::Closed { .. } => self.circuit = Circuit::Closed { failures: 0 },
                Circuit::Open(_) | Circuit::Probing(_) => self.turn_to(Circuit::default()),
            }
        }
    }

    fn failed(&mut self, ticket: Ticket, now_ms: i64, hold_ms: Option<u64>) {
        if let Some(hold_ms) = hold_ms {
            self.hold(now_ms, hold_ms, false);
        }
        if !self.is_current(ticket) {
            return;
        }
        match self.circuit {
            Circuit::Closed { failures } if failures + 1 < FAILURES_MAX => {
                self.circuit = Circuit::Closed { failures: failures + 1 };
            }
            Circuit::Closed { .. } | Circuit::Open(_) | Circuit::Probing(_) => {
                self.turn_to(Circuit::Open(Wait::new(now_ms, OPEN_MS)));
            }
        }
    }

    fn rate_limited(&mut self, ticket: Ticket, now_ms: i64, hold_ms: Option<u64>) {
        self.hold(now_ms, hold_ms.unwrap_or(HOLD_MS_DEFAULT).max(HOLD_MS_MIN), true);
        self.dropped(ticket);
    }

    fn dropped(&mut self, ticket: Ticket) {
        if let (true, Circuit::Probing(wait)) = (self.is_current(ticket), self.circuit) {
            self.turn_to(Circuit::Open(wait));
        }
    }

    /// The longer of two times counts.
    fn hold(&mut self, now_ms: i64, hold_ms: u64, rate_limited: bool) {
        let wait = Wait::new(now_ms, hold_ms.min(HOLD_MS_MAX));
        if self.hold.is_none_or(|hold| hold.wait.left_ms(now_ms) <= wait.left_ms(now_ms)) {
            self.hold = Some(Hold { wait, rate_limited });
        }
    }

    fn is_current(&self, ticket: Ticket) -> bool {
        self.generation == ticket.generation
    }

    fn turn_to(&mut self, circuit: Circuit) {
        self.circuit = circuit;
        self.generation = self.generation.wrapping_add(1);
    }
}

impl Default for Circuit {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Wait {
    fn new(now_ms: i64, wait_ms: u64) -> Self {
        Self { from_ms: now_ms, until_ms: now_ms.saturating_add_unsigned(wait_ms) }
    }

    /// Milliseconds that are left of it. None if the clock was set back, which would make it endless.
    fn left_ms(self, now_ms: i64) -> u64 {
        if now_ms.saturating_add_unsigned(CLOCK_SLACK_MS) < self.from_ms {
            return 0;
        }
        u64::try_from(self.until_ms.saturating_sub(now_ms)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What happens to a state, and what `admit` must say.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Admitted,
        Refused(Option<u64>, bool),
        Succeeds,
        Fails,
        FailsFor(u64),
        Limited(Option<u64>),
        Dropped,
        Later(i64),
    }
    use Step::{Admitted, Dropped, Fails, FailsFor, Later, Limited, Refused, Succeeds};

    /// Plays steps; an answer is the one to the latest admitted request.
    fn play(steps: &[Step]) {
        let (mut state, mut now, mut ticket) = (State::default(), 1_000_000, None);
        for (place, step) in steps.iter().enumerate() {
            let asked = |ticket: Option<Ticket>| ticket.expect("nothing was admitted");
            match *step {
                Admitted => {
                    ticket = Some(state.admit(now).unwrap_or_else(|held| panic!("{place}: {held:?}")))
                }
                Refused(for_ms, rate_limited) => {
                    assert_eq!(
                        state.admit(now),
                        Err(Held { for_ms, rate_limited }),
                        "step {place} of {steps:?}"
                    );
                }
                Succeeds => state.succeeded(asked(ticket)),
                Fails => state.failed(asked(ticket), now, None),
                FailsFor(hold) => state.failed(asked(ticket), now, Some(hold)),
                Limited(hold) => state.rate_limited(asked(ticket), now, hold),
                Dropped => state.dropped(asked(ticket)),
                Later(ms) => now += ms,
            }
        }
    }

    fn failing(times: usize) -> Vec<Step> {
        [Admitted, Fails].repeat(times)
    }

    #[test]
    fn opens_after_five_failures_in_a_row_and_lets_one_probe_through() {
        let four = failing(4);
        let cases: Vec<Vec<Step>> = vec![
            vec![Admitted],
            vec![Admitted, Fails, Fails, Fails, Fails, Fails, Refused(Some(30_000), false)],
            vec![Admitted, Succeeds, Admitted, Fails, Succeeds, Admitted],
            vec![Admitted, Dropped, Admitted, Fails, Refused(Some(30_000), false)],
        ];
        for case in cases {
            play(&[four.clone(), case].concat());
        }
        let five = failing(5);
        let cases: Vec<Vec<Step>> = vec![
            vec![Refused(Some(30_000), false), Later(29_999), Refused(Some(1), false), Later(1), Admitted],
            vec![Later(30_000), Admitted, Refused(None, false), Later(90_000), Refused(None, false)],
            vec![Later(30_000), Admitted, Succeeds, Admitted, Admitted, Fails, Admitted],
            vec![Later(30_000), Admitted, Fails, Refused(Some(30_000), false), Later(30_000), Admitted],
            vec![Later(30_000), Admitted, Dropped, Admitted, Refused(None, false)],
            vec![Later(30_000), Admitted, Dropped, Fails, Succeeds, Admitted, Refused(None, false)],
            vec![Later(-61_000), Admitted, Refused(None, false)],
        ];
        for case in cases {
            play(&[five.clone(), case].concat());
        }
    }

    #[test]
    fn holds_back_who_asks_for_it_and_counts_no_failure() {
        let limited = |times| {
            [Admitted, Limited(Some(0)), Refused(Some(HOLD_MS_MIN), true), Later(1_000)].repeat(times)
        };
        play(&[limited(9), vec![Admitted]].concat());
        play(&[failing(4), limited(9), vec![Admitted, Fails, Refused(Some(30_000), false)]].concat());
        play(&[Admitted, Limited(Some(5_000)), Refused(Some(5_000), true), Later(5_000), Admitted, Admitted]);
        play(&[Admitted, Limited(None), Refused(Some(HOLD_MS_DEFAULT), true)]);
        play(&[Admitted, Limited(Some(u64::MAX)), Refused(Some(HOLD_MS_MAX), true)]);
        play(&[Admitted, Limited(Some(9_000)), Limited(Some(5_000)), Refused(Some(9_000), true)]);
        play(&[Admitted, Limited(Some(5_000)), Succeeds, Refused(Some(5_000), true)]);
        play(&[Admitted, FailsFor(5_000), Refused(Some(5_000), false), Later(5_000), Admitted]);
        let probe =
            vec![Later(30_000), Admitted, Limited(Some(5_000)), Refused(Some(5_000), true), Later(5_000)];
        play(&[failing(5), probe, vec![Admitted, Refused(None, false)]].concat());
        let open = vec![Admitted, Limited(Some(60_000)), Fails, Refused(Some(60_000), true)];
        play(&[failing(4), open].concat());
        let open = vec![Admitted, Limited(Some(5_000)), Fails, Refused(Some(30_000), false)];
        play(&[failing(4), open].concat());
    }

    #[test]
    fn a_permit_that_is_dropped_frees_the_probes_place() {
        let breaker = Breaker::default();
        for _ in 0..FAILURES_MAX {
            breaker.admit(0).unwrap().failed(0, None);
        }
        assert_eq!(breaker.admit(0).unwrap_err().for_ms, Some(OPEN_MS));
        let probe = breaker.admit(30_000).unwrap();
        assert_eq!(breaker.admit(30_000).unwrap_err(), Held { for_ms: None, rate_limited: false });
        assert_eq!(breaker.held(30_000), Some(Held { for_ms: None, rate_limited: false }));
        drop(probe);
        assert_eq!((breaker.held(30_000), breaker.held(30_000)), (None, None));
        breaker.admit(30_000).unwrap().succeeded();
        let both = (breaker.admit(30_000), breaker.admit(30_000));
        assert!(both.0.is_ok() && both.1.is_ok());
    }

    #[test]
    fn answers_from_before_a_change_do_not_count_after_it() {
        let breaker = Breaker::default();
        let (late_success, late_failure) = (breaker.admit(0).unwrap(), breaker.admit(0).unwrap());
        for _ in 0..FAILURES_MAX {
            breaker.admit(0).unwrap().failed(0, None);
        }
        late_success.succeeded();
        assert_eq!(breaker.admit(0).unwrap_err().for_ms, Some(OPEN_MS));
        let probe = breaker.admit(30_000).unwrap();
        late_failure.failed(30_000, None);
        probe.succeeded();
        assert!(breaker.admit(30_000).is_ok());
    }

    fn steps() -> impl Strategy<Value = Vec<(u8, usize, u64)>> {
        proptest::collection::vec((0_u8..6, 0_usize..8, 0_u64..40_000), 0..80)
    }

    proptest! {
        /// Whatever happens: a circuit that is not closed has at most one request out; a refusal that names a
        /// time means it to the millisecond; and nothing is refused for ever.
        #[test]
        fn at_most_one_probe_and_no_dead_end(steps in steps()) {
            let (mut state, mut now) = (State::default(), 0_i64);
            let mut out: Vec<Ticket> = Vec::new();
            for (what, which, ms) in steps {
                let ticket = out.get(which % out.len().max(1)).copied();
                match (what, ticket) {
                    (0 | 1, _) => out.extend(state.admit(now).ok()),
                    (2, _) => now += i64::try_from(ms).unwrap(),
                    (3, Some(ticket)) => state.failed(ticket, now, None),
                    (4, Some(ticket)) => state.rate_limited(ticket, now, Some(ms)),
                    (5, Some(ticket)) if ms % 2 == 0 => state.succeeded(ticket),
                    (5, Some(ticket)) => state.dropped(ticket),
                    _ => {}
                }
                if what > 2 && ticket.is_some() {
                    out.remove(which % out.len());
                }
                let current = out.iter().filter(|ticket| state.is_current(**ticket)).count();
                match state.circuit {
                    Circuit::Closed { failures } => prop_assert!(failures < FAILURES_MAX),
                    Circuit::Open(_) => prop_assert_eq!(current, 0),
                    Circuit::Probing(_) => prop_assert_eq!(current, 1),
                }
                let mut tried = state;
                match tried.admit(now) {
                    Err(Held { for_ms: Some(ms), .. }) => {
                        let end = now + i64::try_from(ms).unwrap();
                        prop_assert!(ms > 0 && tried.admit(end - 1).is_err() && tried.admit(end).is_ok());
                    }
                    Err(Held { for_ms: None, .. }) => prop_assert_eq!(current, 1),
                    Ok(_) => {}
                }
            }
            out.into_iter().for_each(|ticket| state.dropped(ticket));
            prop_assert!(state.admit(now + 40_000).is_ok());
        }
    }
}
