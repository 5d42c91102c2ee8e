//! What tokens cost: the list prices of the known models, and prices that a person gives.
//!
//! Money is whole micro-dollars, a price is micro-dollars for a million tokens: both exact, no floating
//! point. A model that is not in the table has no price, and nothing is guessed in its place.

mod parse;
mod table;

use crate::Tokens;

pub use parse::{PriceError, parse};

/// What a million tokens cost, in millionths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// What they cost as a rule.
    pub rates: Rates,
    /// What they cost in a request whose input is long, for models where that makes a difference.
    pub long: Option<Long>,
}

/// Prices of the four kinds of tokens, in millionths of a US dollar for a million of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Input that was not cached.
    pub input: u64,
    /// Output.
    pub output: u64,
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a cache, for as long as caches live by default.
    pub cache_write: u64,
}

/// Prices for requests with a long input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Long {
    /// They hold where the input, cached or not, has more tokens than these.
    pub over: u64,
    /// For the whole request.
    pub rates: Rates,
}

/// The list price of a model, and how it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List {
    /// The price.
    pub price: Price,
    /// The day on which it was read, as `YYYY-MM-DD`.
    pub as_of: &'static str,
    /// The page it stands on.
    pub source: &'static str,
}

/// The list price of a model, where one is known.
///
/// `vendor` is who is paid (`anthropic`, `openai`, `gemini`, `mistral`, `groq`, `together`); `model` is
/// its name there. A release finds its model (`claude-opus-4-1-20250805`, `gpt-5-2025-08-07`,
/// `claude-3-5-haiku-latest`); another model finds nothing: `gpt-4` is no price for `gpt-4.1`, nor
/// `claude-opus-4` for `claude-opus-4-9`.
pub fn price(vendor: &str, model: &str) -> Option<Price> {
    list(vendor, model).map(|list| list.price)
}

/// As [`price`], with the day and the page.
pub fn list(vendor: &str, model: &str) -> Option<List> {
    table::find(vendor, model).map(table::Line::list)
}

impl Price {
    /// The same price for every request, in millionths of a US dollar for a million tokens.
    pub const fn flat(rates: Rates) -> Self {
        Self { rates, long: None }
    }

    /// What the tokens of one request cost, in millionths of a US dollar: rounded up, and no more than
    /// `u64::MAX`.
    pub fn of(&self, tokens: &Tokens) -> u64 {
        let input = tokens.input.saturating_add(tokens.cache_read).saturating_add(tokens.cache_write);
        let rates = match self.long {
            Some(long) if input > long.over => long.rates,
            _ => self.rates,
        };
        rates.of(tokens)
    }
}

impl Rates {
    fn of(&self, tokens: &Tokens) -> u64 {
        let sum = [
            (tokens.input, self.input),
            (tokens.output, self.output),
            (tokens.cache_read, self.cache_read),
            (tokens.cache_write, self.cache_write),
        ]
        .into_iter()
        .fold(0_u128, |sum, (count, rate)| sum.saturating_add(u128::from(count) * u128::from(rate)));
        u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Rates =
        Rates { input: 3_000_000, output: 15_000_000, cache_read: 300_000, cache_write: 3_750_000 };

    fn tokens(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Tokens {
        Tokens { input, output, cache_read, cache_write }
    }

    #[test]
    fn every_kind_of_token_has_its_price_and_a_part_of_a_millionth_counts_whole() {
        let price = Price::flat(RATES);
        let cases = [
            (tokens(0, 0, 0, 0), 0),
            (tokens(1_000_000, 0, 0, 0), 3_000_000),
            (tokens(0, 1_000_000, 0, 0), 15_000_000),
            (tokens(0, 0, 1_000_000, 0), 300_000),
            (tokens(0, 0, 0, 1_000_000), 3_750_000),
            (tokens(1, 1, 1, 1), 23), // 3 + 15 + 0.3 + 3.75 = 22.05
            (tokens(0, 0, 1, 0), 1),
            (tokens(u64::MAX, u64::MAX, u64::MAX, u64::MAX), u64::MAX),
        ];
        for (tokens, cost) in cases {
            assert_eq!(price.of(&tokens), cost, "{tokens:?}");
        }
        let dearest =
            Rates { input: u64::MAX, output: u64::MAX, cache_read: u64::MAX, cache_write: u64::MAX };
        assert_eq!(Price::flat(dearest).of(&tokens(u64::MAX, u64::MAX, u64::MAX, u64::MAX)), u64::MAX);
    }

    #[test]
    fn a_long_input_is_charged_as_such_cached_or_not() {
        let dear = Rates { input: 6_000_000, ..RATES };
        let price = Price { rates: RATES, long: Some(Long { over: 200_000, rates: dear }) };
        assert_eq!(price.of(&tokens(200_000, 0, 0, 0)), 600_000);
        assert_eq!(price.of(&tokens(200_001, 0, 0, 0)), 1_200_006);
        assert_eq!(price.of(&tokens(100_000, 0, 100_001, 0)), 630_001);
        assert_eq!(price.of(&tokens(0, 900_000, 0, 0)), 13_500_000);
    }

    #[test]
    fn a_list_price_says_when_and_where_it_was_read() {
        let list = list("anthropic", "claude-opus-4-1").unwrap();
        assert_eq!(list.price.of(&tokens(1_000, 1_000, 1_000, 1_000)), 15_000 + 75_000 + 1_500 + 18_750);
        assert_eq!((list.as_of.len(), list.source.starts_with("https://")), (10, true));
        assert_eq!(price("anthropic", "no-such-model"), None);
    }
}
