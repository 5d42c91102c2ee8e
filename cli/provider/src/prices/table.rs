//! The table: one line a model, with the day on which its price was read and the vendor's page it stands on.
//!
//! The pages were read through a list that is kept of them (genai-prices 0.2.3, of November 2026); the
//! prices of current models were compared with a second source. Left out on purpose: models whose price
//! is announced to change or follows the time of day, names that move from one model to another, and what
//! only one list knows.

use super::{List, Long, Price, Rates};

/// One line.
pub(super) struct Line {
    vendor: Vendor,
    /// A model's name, without the mark of a release.
    model: &'static str,
    price: Price,
    as_of: &'static str,
}

/// Who is paid.
#[derive(Clone, Copy)]
struct Vendor {
    name: &'static str,
    /// The page with its prices.
    source: &'static str,
}

impl Line {
    pub(super) fn list(&self) -> List {
        List { price: self.price, as_of: self.as_of, source: self.vendor.source }
    }

    /// With other prices for requests of more than `over` tokens of input.
    const fn beyond(mut self, over: u64, prices: [u64; 4]) -> Self {
        self.price.long = Some(Long { over, rates: rates(prices) });
        self
    }
}

/// The line whose name `model` is, or begins with: the longest, if there are several.
pub(super) fn find(vendor: &str, model: &str) -> Option<&'static Line> {
    LINES
        .iter()
        .filter(|line| line.vendor.name == vendor)
        .filter(|line| model.strip_prefix(line.model).is_some_and(is_release))
        .max_by_key(|line| line.model.len())
}

/// Whether what follows a model's name only says which release of it is meant: nothing, a date or a number of
/// three digits or more, or `latest`. Anything else (`-mini`, `-1`, `-preview`) makes it another model, which
/// may have another price.
fn is_release(rest: &str) -> bool {
    let Some(mark) = rest.strip_prefix(['-', '@']) else { return rest.is_empty() };
    let digits = mark.bytes().filter(u8::is_ascii_digit).count();
    let only_digits = mark.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    mark == "latest"
        || (only_digits && mark.starts_with(|c: char| c.is_ascii_digit()) && (3..=8).contains(&digits))
}

/// Prices: input, output, cache read, cache write. Where a vendor has no price for a cache, it is the
/// input's.
const fn line(vendor: Vendor, as_of: &'static str, model: &'static str, prices: [u64; 4]) -> Line {
    Line { vendor, model, price: Price::flat(rates(prices)), as_of }
}

const fn rates([input, output, cache_read, cache_write]: [u64; 4]) -> Rates {
    Rates { input, output, cache_read, cache_write }
}

const ANTHROPIC: Vendor =
    Vendor { name: "anthropic", source: "https://platform.claude.com/docs/en/about-claude/pricing" };
const OPENAI: Vendor = Vendor { name: "openai", source: "https://developers.openai.com/api/docs/pricing" };
const GEMINI: Vendor = Vendor { name: "gemini", source: "https://ai.google.dev/gemini-api/docs/pricing" };
const MISTRAL: Vendor = Vendor { name: "mistral", source: "https://mistral.ai/pricing/api" };
const GROQ: Vendor = Vendor { name: "groq", source: "https://groq.com/pricing" };
const TOGETHER: Vendor = Vendor { name: "together", source: "https://www.together.ai/pricing" };

static LINES: &[Line] = &[
    line(ANTHROPIC, "2026-11-30", "claude-3-haiku", [250_000, 1_250_000, 30_000, 300_000]),
    line(ANTHROPIC, "2026-11-30", "claude-3-opus", [15_000_000, 75_000_000, 1_500_000, 18_750_000]),
    line(ANTHROPIC, "2026-11-30", "claude-3-5-haiku", [800_000, 4_000_000, 80_000, 1_000_000]),
    line(ANTHROPIC, "2026-11-30", "claude-3-5-sonnet", [3_000_000, 15_000_000, 300_000, 3_750_000]),
    line(ANTHROPIC, "2026-11-30", "claude-3-7-sonnet", [3_000_000, 15_000_000, 300_000, 3_750_000]),
    line(ANTHROPIC, "2026-11-30", "claude-opus-4", [15_000_000, 75_000_000, 1_500_000, 18_750_000]),
    line(ANTHROPIC, "2026-11-30", "claude-opus-4-0", [15_000_000, 75_000_000, 1_500_000, 18_750_000]),
    line(ANTHROPIC, "2026-11-30", "claude-opus-4-1", [15_000_000, 75_000_000, 1_500_000, 18_750_000]),
    line(ANTHROPIC, "2026-11-30", "claude-opus-4-5", [5_000_000, 25_000_000, 500_000, 6_250_000]),
    line(ANTHROPIC, "2026-11-30", "claude-opus-4-6", [5_000_000, 25_000_000, 500_000, 6_250_000]),
    line(ANTHROPIC, "2026-11-30", "claude-opus-4-7", [5_000_000, 25_000_000, 500_000, 6_250_000]),
    line(ANTHROPIC, "2026-11-30", "claude-opus-4-8", [5_000_000, 25_000_000, 500_000, 6_250_000]),
    line(ANTHROPIC, "2026-11-30", "claude-opus-5", [5_000_000, 25_000_000, 500_000, 6_250_000]),
    line(ANTHROPIC, "2026-11-30", "claude-opus-5-5", [4_000_000, 20_000_000, 200_000, 5_000_000]),
    line(ANTHROPIC, "2026-11-30", "claude-sonnet-4", [3_000_000, 15_000_000, 300_000, 3_750_000]),
    line(ANTHROPIC, "2026-11-30", "claude-sonnet-4-0", [3_000_000, 15_000_000, 300_000, 3_750_000]),
    line(ANTHROPIC, "2026-11-30", "claude-sonnet-4-5", [3_000_000, 15_000_000, 300_000, 3_750_000]),
    line(ANTHROPIC, "2026-11-30", "claude-sonnet-4-6", [3_000_000, 15_000_000, 300_000, 3_750_000]),
    line(ANTHROPIC, "2026-11-30", "claude-sonnet-5", [2_000_000, 10_000_000, 200_000, 2_500_000]),
    line(ANTHROPIC, "2026-11-30", "claude-sonnet-5-5", [2_000_000, 10_000_000, 100_000, 2_500_000]),
    line(ANTHROPIC, "2026-11-30", "claude-haiku-4-5", [1_000_000, 5_000_000, 100_000, 1_250_000]),
    line(ANTHROPIC, "2026-11-30", "claude-haiku-5-5", [100_000, 500_000, 10_000, 125_000])
        .beyond(100_000, [500_000, 2_500_000, 50_000, 625_000]),
    line(ANTHROPIC, "2026-11-30", "claude-fable-5", [10_000_000, 50_000_000, 1_000_000, 12_500_000]),
    line(ANTHROPIC, "2026-11-30", "claude-fable-5-1", [10_000_000, 50_000_000, 250_000, 12_500_000]),
    line(ANTHROPIC, "2026-11-30", "claude-fable-5-2", [8_000_000, 40_000_000, 200_000, 10_000_000]),
    line(OPENAI, "2026-11-30", "gpt-4o", [2_500_000, 10_000_000, 1_250_000, 2_500_000]),
    line(OPENAI, "2026-11-30", "gpt-4o-2024-05-13", [5_000_000, 15_000_000, 5_000_000, 5_000_000]),
    line(OPENAI, "2026-11-30", "gpt-4o-mini", [150_000, 600_000, 75_000, 150_000]),
    line(OPENAI, "2026-11-30", "gpt-4.1", [2_000_000, 8_000_000, 500_000, 2_000_000]),
    line(OPENAI, "2026-11-30", "gpt-4.1-mini", [400_000, 1_600_000, 100_000, 400_000]),
    line(OPENAI, "2026-11-30", "gpt-4.1-nano", [100_000, 400_000, 25_000, 100_000]),
    line(OPENAI, "2026-11-30", "gpt-5", [1_250_000, 10_000_000, 125_000, 1_250_000]),
    line(OPENAI, "2026-11-30", "gpt-5-chat", [1_250_000, 10_000_000, 125_000, 1_250_000]),
    line(OPENAI, "2026-11-30", "gpt-5-codex", [1_250_000, 10_000_000, 125_000, 1_250_000]),
    line(OPENAI, "2026-11-30", "gpt-5-mini", [250_000, 2_000_000, 25_000, 250_000]),
    line(OPENAI, "2026-11-30", "gpt-5-nano", [50_000, 400_000, 5_000, 50_000]),
    line(OPENAI, "2026-11-30", "gpt-5-pro", [15_000_000, 120_000_000, 15_000_000, 15_000_000]),
    line(OPENAI, "2026-11-30", "gpt-5.1", [1_250_000, 10_000_000, 125_000, 1_250_000]),
    line(OPENAI, "2026-11-30", "gpt-5.1-chat", [1_250_000, 10_000_000, 125_000, 1_250_000]),
    line(OPENAI, "2026-11-30", "gpt-5.1-codex", [1_250_000, 10_000_000, 125_000, 1_250_000]),
    line(OPENAI, "2026-11-30", "gpt-5.1-codex-max", [1_250_000, 10_000_000, 125_000, 1_250_000]),
    line(OPENAI, "2026-11-30", "gpt-5.1-codex-mini", [250_000, 2_000_000, 25_000, 250_000]),
    line(OPENAI, "2026-11-30", "gpt-5.2", [1_750_000, 14_000_000, 175_000, 1_750_000]),
    line(OPENAI, "2026-11-30", "gpt-5.2-codex", [1_750_000, 14_000_000, 175_000, 1_750_000]),
    line(OPENAI, "2026-11-30", "gpt-5.2-chat", [1_750_000, 14_000_000, 175_000, 1_750_000]),
    line(OPENAI, "2026-11-30", "gpt-5.2-pro", [21_000_000, 168_000_000, 21_000_000, 21_000_000]),
    line(OPENAI, "2026-11-30", "gpt-5.3-codex", [1_750_000, 14_000_000, 175_000, 1_750_000]),
    line(OPENAI, "2026-11-30", "gpt-5.4", [2_500_000, 15_000_000, 250_000, 2_500_000])
        .beyond(272_000, [5_000_000, 22_500_000, 500_000, 5_000_000]),
    line(OPENAI, "2026-11-30", "gpt-5.4-mini", [750_000, 4_500_000, 75_000, 750_000]),
    line(OPENAI, "2026-11-30", "gpt-5.4-nano", [200_000, 1_250_000, 20_000, 200_000]),
    line(OPENAI, "2026-11-30", "gpt-5.4-pro", [30_000_000, 180_000_000, 30_000_000, 30_000_000])
        .beyond(272_000, [60_000_000, 270_000_000, 60_000_000, 60_000_000]),
    line(OPENAI, "2026-11-30", "gpt-5.5", [5_000_000, 30_000_000, 500_000, 5_000_000])
        .beyond(272_000, [10_000_000, 45_000_000, 1_000_000, 10_000_000]),
    line(OPENAI, "2026-11-30", "gpt-5.5-pro", [30_000_000, 180_000_000, 30_000_000, 30_000_000])
        .beyond(272_000, [60_000_000, 270_000_000, 60_000_000, 60_000_000]),
    line(OPENAI, "2026-11-30", "gpt-5.6-luna", [200_000, 1_200_000, 20_000, 250_000])
        .beyond(272_000, [400_000, 1_800_000, 40_000, 500_000]),
    line(OPENAI, "2026-11-30", "gpt-5.6-sol", [4_000_000, 20_000_000, 400_000, 5_000_000])
        .beyond(272_000, [8_000_000, 30_000_000, 800_000, 10_000_000]),
    line(OPENAI, "2026-11-30", "gpt-5.6-terra", [2_000_000, 12_000_000, 200_000, 2_500_000])
        .beyond(272_000, [4_000_000, 18_000_000, 400_000, 5_000_000]),
    line(OPENAI, "2026-11-30", "gpt-6-luna", [100_000, 500_000, 10_000, 125_000])
        .beyond(272_000, [200_000, 750_000, 20_000, 250_000]),
    line(OPENAI, "2026-11-30", "gpt-6-sol", [2_000_000, 10_000_000, 200_000, 2_500_000])
        .beyond(272_000, [4_000_000, 15_000_000, 400_000, 5_000_000]),
    line(OPENAI, "2026-11-30", "gpt-6-astra", [10_000_000, 50_000_000, 1_000_000, 12_500_000])
        .beyond(272_000, [20_000_000, 75_000_000, 2_000_000, 25_000_000]),
    line(OPENAI, "2026-11-30", "gpt-6.1-sol", [2_000_000, 10_000_000, 100_000, 2_500_000])
        .beyond(272_000, [4_000_000, 15_000_000, 200_000, 5_000_000]),
    line(OPENAI, "2026-11-30", "gpt-6.1-terra", [1_000_000, 5_000_000, 50_000, 1_250_000])
        .beyond(272_000, [2_000_000, 7_500_000, 100_000, 2_500_000]),
    line(OPENAI, "2026-11-30", "o1", [15_000_000, 60_000_000, 7_500_000, 15_000_000]),
    line(OPENAI, "2026-11-30", "o1-pro", [150_000_000, 600_000_000, 150_000_000, 150_000_000]),
    line(OPENAI, "2026-11-30", "o3", [2_000_000, 8_000_000, 500_000, 2_000_000]),
    line(OPENAI, "2026-11-30", "o3-mini", [1_100_000, 4_400_000, 550_000, 1_100_000]),
    line(OPENAI, "2026-11-30", "o3-pro", [20_000_000, 80_000_000, 20_000_000, 20_000_000]),
    line(OPENAI, "2026-11-30", "o4-mini", [1_100_000, 4_400_000, 275_000, 1_100_000]),
    line(OPENAI, "2026-11-30", "codex-mini", [1_500_000, 6_000_000, 375_000, 1_500_000]),
    line(GEMINI, "2026-11-30", "gemini-2.0-flash", [100_000, 400_000, 25_000, 100_000]),
    line(GEMINI, "2026-11-30", "gemini-2.0-flash-lite", [75_000, 300_000, 75_000, 75_000]),
    line(GEMINI, "2026-11-30", "gemini-2.5-pro", [1_250_000, 10_000_000, 125_000, 1_250_000])
        .beyond(200_000, [2_500_000, 15_000_000, 250_000, 2_500_000]),
    line(GEMINI, "2026-11-30", "gemini-2.5-flash", [300_000, 2_500_000, 30_000, 300_000]),
    line(GEMINI, "2026-11-30", "gemini-2.5-flash-lite", [100_000, 400_000, 10_000, 100_000]),
    line(GEMINI, "2026-11-30", "gemini-3-pro-preview", [2_000_000, 12_000_000, 200_000, 2_000_000])
        .beyond(200_000, [4_000_000, 18_000_000, 400_000, 4_000_000]),
    line(GEMINI, "2026-11-30", "gemini-3-flash-preview", [500_000, 3_000_000, 50_000, 500_000]),
    line(GEMINI, "2026-11-30", "gemini-3.1-pro-preview", [2_000_000, 12_000_000, 200_000, 2_000_000])
        .beyond(200_000, [4_000_000, 18_000_000, 400_000, 4_000_000]),
    line(GEMINI, "2026-11-30", "gemini-3.1-flash-lite", [250_000, 1_500_000, 25_000, 250_000]),
    line(GEMINI, "2026-11-30", "gemini-3.5-flash", [1_500_000, 9_000_000, 150_000, 1_500_000]),
    line(MISTRAL, "2026-11-30", "mistral-large-2512", [500_000, 1_500_000, 50_000, 500_000]),
    line(MISTRAL, "2026-11-30", "codestral-2508", [300_000, 900_000, 30_000, 300_000]),
    line(MISTRAL, "2026-11-30", "devstral-2512", [400_000, 2_000_000, 40_000, 400_000]),
    line(GROQ, "2026-11-30", "llama-3.1-8b-instant", [50_000, 80_000, 50_000, 50_000]),
    line(GROQ, "2026-11-30", "llama-3.3-70b-versatile", [590_000, 790_000, 590_000, 590_000]),
    line(
        GROQ,
        "2026-11-30",
        "meta-llama/llama-4-scout-17b-16e-instruct",
        [110_000, 340_000, 110_000, 110_000],
    ),
    line(
        GROQ,
        "2026-11-30",
        "meta-llama/llama-4-maverick-17b-128e-instruct",
        [200_000, 600_000, 200_000, 200_000],
    ),
    line(GROQ, "2026-11-30", "openai/gpt-oss-120b", [150_000, 600_000, 75_000, 150_000]),
    line(GROQ, "2026-11-30", "openai/gpt-oss-20b", [75_000, 300_000, 37_500, 75_000]),
    line(GROQ, "2026-11-30", "qwen/qwen3-32b", [290_000, 590_000, 290_000, 290_000]),
    line(
        TOGETHER,
        "2026-11-30",
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        [880_000, 880_000, 880_000, 880_000],
    ),
    line(TOGETHER, "2026-11-30", "openai/gpt-oss-120b", [150_000, 600_000, 150_000, 150_000]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_dated_sourced_and_plausible() {
        for line in LINES {
            let Rates { input, output, cache_read, cache_write } = line.price.rates;
            assert!(line.as_of.len() == 10 && line.as_of.starts_with("20"), "{}", line.model);
            assert!(line.vendor.source.starts_with("https://"), "{}", line.model);
            assert!(0 < cache_read && cache_read <= input, "{}", line.model);
            assert!(input <= cache_write && cache_write <= 2 * input, "{}", line.model);
            assert!(input <= output && output <= 10 * input, "{}", line.model);
            if let Some(long) = line.price.long {
                assert!(long.rates.input > input && long.rates.output > output, "{}", line.model);
            }
            let found = find(line.vendor.name, line.model).unwrap();
            assert!(std::ptr::eq(found, line), "{} is there twice", line.model);
        }
    }

    #[test]
    fn a_release_is_its_model_and_nothing_else_is() {
        let cases = [
            ("anthropic", "claude-opus-4-1", Some("claude-opus-4-1")),
            ("anthropic", "claude-opus-4-1-20250805", Some("claude-opus-4-1")),
            ("anthropic", "claude-opus-4-20250514", Some("claude-opus-4")),
            ("anthropic", "claude-opus-4-5@20251101", Some("claude-opus-4-5")),
            ("anthropic", "claude-3-5-haiku-latest", Some("claude-3-5-haiku")),
            ("anthropic", "claude-opus-4-99", None),
            ("anthropic", "claude-opus-4-1x", None),
            ("anthropic", "claude-opus", None),
            ("anthropic", "", None),
            ("anthropic", "gpt-5", None),
            ("openai", "gpt-5-2025-08-07", Some("gpt-5")),
            ("openai", "gpt-5-mini-2025-08-07", Some("gpt-5-mini")),
            ("openai", "gpt-5.9", None),
            ("openai", "gpt-5-giant", None),
            ("openai", "gpt-5-", None),
            ("openai", "gpt-5---20250807", None),
            ("openai", "gpt-5-latest-mini", None),
            ("openai", "gpt-4o-2024-05-13", Some("gpt-4o-2024-05-13")),
            ("openai", "gpt-4o-2024-11-20", Some("gpt-4o")),
            ("openai", "gpt-4", None),
            ("gemini", "gemini-2.5-flash-001", Some("gemini-2.5-flash")),
            ("nobody", "gpt-5", None),
        ];
        for (vendor, model, line) in cases {
            assert_eq!(find(vendor, model).map(|line| line.model), line, "{vendor} {model}");
        }
    }
}
