//! Reads the prices a person gives.

use super::{Price, Rates};

/// Bytes that a list of prices may have.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Bytes that a model's name may have.
const NAME_BYTES_MAX: usize = 200;
/// US dollars that a million tokens may cost.
const DOLLARS_MAX: u64 = 1_000_000;
/// Digits after the point: a millionth of a dollar is the smallest price.
const DECIMALS_MAX: usize = 6;
const MICRO: u64 = 1_000_000;

/// Why a list of prices cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// The list is too long.
    #[error("the list of prices has more than {TEXT_BYTES_MAX} bytes")]
    TooLong,
    /// An entry is not `MODEL=INPUT/OUTPUT[/CACHE READ[/CACHE WRITE]]`.
    #[error("`{entry}` is no price: write MODEL=INPUT/OUTPUT[/CACHE-READ[/CACHE-WRITE]]")]
    Shape {
        /// The entry.
        entry: String,
    },
    /// An amount is not a plain decimal number, or out of bounds.
    #[error(
        "`{amount}`, for `{model}`, is no amount of US dollars: a number up to {DOLLARS_MAX} with at most \
         {DECIMALS_MAX} decimals"
    )]
    Amount {
        /// The model.
        model: String,
        /// The amount.
        amount: String,
    },
    /// A model has two prices.
    #[error("`{model}` has two prices")]
    Twice {
        /// The model.
        model: String,
    },
}

/// Reads a list such as `my-model=1.5/6/0.15/1.9, other=0/0`: models and what a million of their tokens
/// cost in US dollars, as input, output, cache read and cache write. Cache prices that are left out are the
/// input price. An empty text is an empty list.
pub fn parse(text: &str) -> Result<Vec<(String, Price)>, PriceError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(PriceError::TooLong);
    }
    let mut prices: Vec<(String, Price)> = Vec::new();
    if text.trim().is_empty() {
        return Ok(prices);
    }
    for entry in text.split(',') {
        let (model, price) = one(entry.trim())?;
        if prices.iter().any(|(known, _)| *known == model) {
            return Err(PriceError::Twice { model });
        }
        prices.push((model, price));
    }
    Ok(prices)
}

fn one(entry: &str) -> Result<(String, Price), PriceError> {
    let shape = || PriceError::Shape { entry: entry.to_owned() };
    let (model, amounts) = entry.rsplit_once('=').ok_or_else(shape)?;
    let model = model.trim();
    let unfit = |c: char| c.is_whitespace() || c.is_control();
    if model.is_empty() || model.len() > NAME_BYTES_MAX || model.contains(unfit) {
        return Err(shape());
    }
    let amounts: Vec<u64> =
        amounts.split('/').map(|amount| micro_usd(model, amount.trim())).collect::<Result<_, _>>()?;
    let (input, output, cache_read, cache_write) = match amounts[..] {
        [input, output] => (input, output, input, input),
        [input, output, read] => (input, output, read, input),
        [input, output, read, write] => (input, output, read, write),
        _ => return Err(shape()),
    };
    Ok((model.to_owned(), Price::flat(Rates { input, output, cache_read, cache_write })))
}

/// An amount of dollars in millionths, exactly.
fn micro_usd(model: &str, amount: &str) -> Result<u64, PriceError> {
    let wrong = || PriceError::Amount { model: model.to_owned(), amount: amount.to_owned() };
    let (whole, decimals) = amount.split_once('.').unwrap_or((amount, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > DECIMALS_MAX {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_too_large| wrong())?;
    let millionths: u64 = format!("{decimals:0<DECIMALS_MAX$}").parse().map_err(|_too_large| wrong())?;
    let micro = whole.checked_mul(MICRO).and_then(|micro| micro.checked_add(millionths)).ok_or_else(wrong)?;
    if micro > DOLLARS_MAX * MICRO {
        return Err(wrong());
    }
    Ok(micro)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Price {
        Price::flat(Rates { input, output, cache_read, cache_write })
    }

    #[test]
    fn reads_prices_to_the_last_digit() {
        let cases = [
            ("", vec![]),
            ("  ", vec![]),
            ("m=0/0", vec![("m", rates(0, 0, 0, 0))]),
            ("m=1.5/6", vec![("m", rates(1_500_000, 6_000_000, 1_500_000, 1_500_000))]),
            ("m=1.5/6/0.15", vec![("m", rates(1_500_000, 6_000_000, 150_000, 1_500_000))]),
            (
                "my-model=1.5/6/0.15/1.9, other=0.1/0.000001",
                vec![
                    ("my-model", rates(1_500_000, 6_000_000, 150_000, 1_900_000)),
                    ("other", rates(100_000, 1, 100_000, 100_000)),
                ],
            ),
            ("a/b:c=d = 1 / 2", vec![("a/b:c=d", rates(1_000_000, 2_000_000, 1_000_000, 1_000_000))]),
            ("m=1000000/0", vec![("m", rates(1_000_000_000_000, 0, 1_000_000_000_000, 1_000_000_000_000))]),
        ];
        for (text, prices) in cases {
            let prices: Vec<_> = prices.into_iter().map(|(model, price)| (model.to_owned(), price)).collect();
            assert_eq!(parse(text), Ok(prices), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_price() {
        let shapes =
            ["m", "m=", "=1/2", "m=1", "m=1/2/3/4/5", "m=1/2,", ",m=1/2", "my model=1/2", "m\u{7}=1/2"];
        let shapes = shapes.map(str::to_owned).into_iter().chain([format!("{}=1/2", "m".repeat(201))]);
        for text in shapes {
            let refused = parse(&text);
            let empty = matches!(&refused, Err(PriceError::Amount { amount, .. }) if amount.is_empty());
            assert!(matches!(refused, Err(PriceError::Shape { .. })) || empty, "{text}: {refused:?}");
        }
        let amounts = [
            "-1",
            "+1",
            "1e3",
            ".5",
            "5.",
            "1.0000001",
            "1000000.000001",
            "1000001",
            "NaN",
            "$1",
            "1,5",
            "0x1",
            "99999999999999999999",
            "",
        ];
        for amount in amounts {
            let refused = parse(&format!("m={amount}/1"));
            assert!(
                matches!(refused, Err(PriceError::Amount { .. } | PriceError::Shape { .. })),
                "{refused:?}"
            );
        }
        assert_eq!(parse("m=1/2, m=1/2"), Err(PriceError::Twice { model: "m".into() }));
        assert_eq!(parse(&" ".repeat(TEXT_BYTES_MAX + 1)), Err(PriceError::TooLong));
    }
}
