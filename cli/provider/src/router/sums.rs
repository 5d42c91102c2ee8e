//! Adds and compares what turns use.

use crate::{Cost, Quote, Tokens};

/// What both used. An estimate in a sum makes it an estimate; an unknown cost makes it unknown.
pub(super) fn both((tokens, cost): (Tokens, Cost), (more, dearer): (Tokens, Cost)) -> (Tokens, Cost) {
    (each(tokens, more, u64::saturating_add), together(cost, dearer, u64::saturating_add))
}

/// What covers either of two.
pub(super) fn dearer(one: Quote, other: Quote) -> Quote {
    Quote { tokens: each(one.tokens, other.tokens, u64::max), cost: together(one.cost, other.cost, u64::max) }
}

/// The amount, where one is known.
pub(super) fn micro_usd(cost: Cost) -> Option<u64> {
    match cost {
        Cost::Measured { micro_usd } | Cost::Estimated { micro_usd } => Some(micro_usd),
        Cost::Unknown => None,
    }
}

fn each(one: Tokens, other: Tokens, join: fn(u64, u64) -> u64) -> Tokens {
    Tokens {
        input: join(one.input, other.input),
        output: join(one.output, other.output),
        cache_read: join(one.cache_read, other.cache_read),
        cache_write: join(one.cache_write, other.cache_write),
    }
}

fn together(one: Cost, other: Cost, join: fn(u64, u64) -> u64) -> Cost {
    match (one, other) {
        (Cost::Unknown, _) | (_, Cost::Unknown) => Cost::Unknown,
        (Cost::Measured { micro_usd: one }, Cost::Measured { micro_usd: other }) => {
            Cost::Measured { micro_usd: join(one, other) }
        }
        (
            Cost::Measured { micro_usd: one } | Cost::Estimated { micro_usd: one },
            Cost::Measured { micro_usd: other } | Cost::Estimated { micro_usd: other },
        ) => Cost::Estimated { micro_usd: join(one, other) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(micro_usd: u64) -> Cost {
        Cost::Measured { micro_usd }
    }

    fn estimated(micro_usd: u64) -> Cost {
        Cost::Estimated { micro_usd }
    }

    #[test]
    fn a_sum_is_as_sure_as_the_least_sure_of_its_parts() {
        let cases = [
            (measured(1), measured(2), measured(3), measured(2)),
            (measured(1), estimated(2), estimated(3), estimated(2)),
            (estimated(2), measured(1), estimated(3), estimated(2)),
            (estimated(1), estimated(2), estimated(3), estimated(2)),
            (Cost::Unknown, measured(2), Cost::Unknown, Cost::Unknown),
            (estimated(1), Cost::Unknown, Cost::Unknown, Cost::Unknown),
            (measured(u64::MAX), measured(2), measured(u64::MAX), measured(u64::MAX)),
        ];
        let tokens = Tokens { input: 1, output: 2, cache_read: 3, cache_write: 4 };
        for (one, other, sum, most) in cases {
            let twice = Tokens { input: 2, output: 4, cache_read: 6, cache_write: 8 };
            assert_eq!(both((tokens, one), (tokens, other)), (twice, sum));
            let quote = |cost| Quote { tokens, cost };
            assert_eq!(dearer(quote(one), quote(other)), quote(most));
        }
    }

    #[test]
    fn a_quote_covers_either_in_every_kind_of_token() {
        let one = Tokens { input: 9, output: 1, cache_read: 9, cache_write: 1 };
        let other = Tokens { input: 1, output: 9, cache_read: 1, cache_write: 9 };
        let most =
            dearer(Quote { tokens: one, cost: measured(1) }, Quote { tokens: other, cost: measured(1) });
        assert_eq!(most.tokens, Tokens { input: 9, output: 9, cache_read: 9, cache_write: 9 });
    }
}
