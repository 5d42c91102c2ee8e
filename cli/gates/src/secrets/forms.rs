//! Secrets that are known by their form: a prefix, then so many characters of a kind.

use aho_corasick::AhoCorasick;

use super::placeholder::{entropy, is_placeholder};
use super::structure::{has_base62_crc, has_hex_crc, is_signed_token};
use super::{Certainty, Hit};
use Certainty::{Doubtful, Likely, Proven};

/// A form.
struct Form {
    rule: &'static str,
    prefix: &'static str,
    /// What may follow the prefix.
    letters: fn(u8) -> bool,
    /// How many of them, at the least and the most.
    length: (usize, usize),
    /// How sure it is, from what follows the prefix; `None` where it is no secret.
    weigh: fn(&str) -> Option<Certainty>,
}

/// All the forms, and the search for their prefixes.
pub(super) struct Forms {
    search: Option<AhoCorasick>,
}

impl Forms {
    pub(super) fn new() -> Self {
        Self { search: AhoCorasick::new(FORMS.iter().map(|form| form.prefix)).ok() }
    }

    /// The secrets in a line.
    pub(super) fn find(&self, line: &str) -> Vec<Hit> {
        let Some(search) = &self.search else { return Vec::new() };
        let hit = |found: aho_corasick::Match| {
            let form = FORMS.get(found.pattern().as_usize())?;
            weigh(form, line, found.start())
        };
        search.find_overlapping_iter(line).filter_map(hit).collect()
    }
}

fn weigh(form: &Form, line: &str, start: usize) -> Option<Hit> {
    let bytes = line.as_bytes();
    let boundary = start.checked_sub(1).is_none_or(|before| {
        // After an escape such as `\n` a secret may begin.
        !word(bytes[before]) || before > 0 && bytes[before - 1] == b'\\'
    });
    if !boundary {
        return None;
    }
    let from = start + form.prefix.len();
    let length = bytes[from..].iter().take_while(|byte| (form.letters)(**byte)).count();
    let body = line.get(from..from + length)?;
    // A dot or dash at the end belongs to the sentence.
    let body = body.trim_end_matches(['.', '-']);
    if body.len() < form.length.0 || body.len() > form.length.1 {
        return None;
    }
    let certainty = (form.weigh)(body)?;
    if certainty < Proven && (is_placeholder(body) || entropy(body) < 2.8) {
        return None;
    }
    Some(Hit { rule: form.rule, span: start..from + body.len(), certainty })
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
fn alnum(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}
fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}
fn hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}
fn dash(byte: u8) -> bool {
    word(byte) || byte == b'-'
}
fn dotted(byte: u8) -> bool {
    dash(byte) || byte == b'.'
}
fn path(byte: u8) -> bool {
    dash(byte) || byte == b'/'
}
fn base64(byte: u8) -> bool {
    alnum(byte) || matches!(byte, b'+' | b'/' | b'=')
}

fn likely(_: &str) -> Option<Certainty> {
    Some(Likely)
}
fn doubtful(_: &str) -> Option<Certainty> {
    Some(Doubtful)
}
fn proven(_: &str) -> Option<Certainty> {
    Some(Proven)
}
fn checked(body: &str) -> Option<Certainty> {
    Some(if has_base62_crc(body) { Proven } else { Doubtful })
}
fn grafana(body: &str) -> Option<Certainty> {
    Some(if has_hex_crc("glsa_", body) { Proven } else { Doubtful })
}
/// Random letters have digits among them; words have none.
fn mixed(body: &str) -> Option<Certainty> {
    (body.bytes().any(|byte| byte.is_ascii_digit()) && body.bytes().any(|byte| byte.is_ascii_alphabetic()))
        .then_some(Likely)
}
fn access_key(body: &str) -> Option<Certainty> {
    let fine = body.bytes().all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte));
    (fine && body.bytes().any(|byte| byte.is_ascii_digit())).then_some(Likely)
}
fn openai(body: &str) -> Option<Certainty> {
    match body.contains("T3BlbkFJ") {
        true => Some(Proven),
        // Other services have taken over the prefix; words with dashes are none of theirs.
        false => mixed(body).filter(|_| body.len() >= 32).map(|_| Doubtful),
    }
}
fn anthropic(body: &str) -> Option<Certainty> {
    mixed(body).map(|_| if body.len() >= 80 { Likely } else { Doubtful })
}
fn slack(body: &str) -> Option<Certainty> {
    let parts: Vec<&str> = body.split('-').collect();
    let number = |part: &str| part.len() >= 9 && part.bytes().all(|byte| byte.is_ascii_digit());
    let ends = parts.last().is_some_and(|last| last.len() >= 20);
    match parts.len() >= 3 && ends && parts.iter().any(|part| number(part)) {
        true => Some(Likely),
        false => mixed(body).map(|_| Doubtful),
    }
}
fn webhook(body: &str) -> Option<Certainty> {
    let parts: Vec<&str> = body.split('/').collect();
    let [team, channel, key] = parts[..] else { return None };
    (team.starts_with('T') && channel.starts_with('B') && key.len() >= 20).then_some(Likely)
}
fn discord(body: &str) -> Option<Certainty> {
    let (id, key) = body.split_once('/')?;
    (id.len() >= 17 && id.bytes().all(|byte| byte.is_ascii_digit()) && key.len() >= 60).then_some(Likely)
}
fn sendgrid(body: &str) -> Option<Certainty> {
    let (id, key) = body.split_once('.')?;
    (id.len() == 22 && key.len() == 43).then_some(Proven)
}
fn gitlab(body: &str) -> Option<Certainty> {
    let plain = body.len() == 20 || body.contains('.') || body.len() > 24;
    Some(if plain { mixed(body)? } else { Doubtful })
}
fn pat(body: &str) -> Option<Certainty> {
    let (id, key) = body.split_once('_')?;
    (id.len() == 22 && key.len() == 59).then_some(Likely)
}
fn postman(body: &str) -> Option<Certainty> {
    let (id, key) = body.split_once('-')?;
    (id.len() == 24 && key.len() == 34).then_some(Likely)
}
fn token(body: &str) -> Option<Certainty> {
    is_signed_token(&format!("eyJ{body}")).then_some(Likely)
}
fn azure(body: &str) -> Option<Certainty> {
    // The emulator's key is the same for everyone.
    (body.ends_with("==")
        && !body.starts_with("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq"))
    .then_some(Likely)
}

const fn form(
    rule: &'static str,
    prefix: &'static str,
    letters: fn(u8) -> bool,
    length: (usize, usize),
    weigh: fn(&str) -> Option<Certainty>,
) -> Form {
    Form { rule, prefix, letters, length, weigh }
}

/// The forms. A prefix that begins another has bodies that the other's do not fit.
const FORMS: [Form; 72] = [
    form("aws-access-key", "AKIA", alnum, (16, 16), access_key),
    form("aws-access-key", "ASIA", alnum, (16, 16), access_key),
    form("github-token", "ghp_", alnum, (36, 36), checked),
    form("github-token", "gho_", alnum, (36, 36), checked),
    form("github-token", "ghu_", alnum, (36, 36), checked),
    form("github-token", "ghs_", alnum, (36, 36), checked),
    form("github-token", "ghr_", alnum, (36, 76), checked),
    form("github-token", "github_pat_", word, (82, 82), pat),
    form("gitlab-token", "glpat-", dotted, (20, 320), gitlab),
    form("gitlab-token", "gldt-", dash, (20, 64), mixed),
    form("gitlab-token", "glrt-", dotted, (20, 320), mixed),
    form("gitlab-token", "glptt-", dash, (40, 40), mixed),
    form("gitlab-token", "glcbt-", dash, (20, 64), mixed),
    form("slack-token", "xoxb-", dash, (20, 200), slack),
    form("slack-token", "xoxp-", dash, (20, 200), slack),
    form("slack-token", "xoxa-", dash, (20, 200), slack),
    form("slack-token", "xoxr-", dash, (20, 200), slack),
    form("slack-token", "xoxs-", dash, (20, 200), slack),
    form("slack-token", "xoxe-", dash, (20, 250), slack),
    form("slack-token", "xapp-", dash, (40, 200), slack),
    form("slack-webhook", "hooks.slack.com/services/", path, (30, 80), webhook),
    form("discord-webhook", "discord.com/api/webhooks/", path, (78, 120), discord),
    form("discord-webhook", "discordapp.com/api/webhooks/", path, (78, 120), discord),
    form("stripe-key", "sk_live_", alnum, (20, 250), mixed),
    form("stripe-key", "rk_live_", alnum, (20, 250), mixed),
    form("stripe-key", "sk_test_", alnum, (24, 250), doubtful),
    form("stripe-webhook-secret", "whsec_", base64, (32, 64), mixed),
    form("openai-key", "sk-proj-", dash, (40, 250), openai),
    form("openai-key", "sk-svcacct-", dash, (40, 250), openai),
    form("openai-key", "sk-admin-", dash, (40, 250), openai),
    form("openai-key", "sk-", alnum, (32, 64), openai),
    form("openrouter-key", "sk-or-v1-", hex, (64, 64), likely),
    form("anthropic-key", "sk-ant-api03-", dash, (20, 120), anthropic),
    form("anthropic-key", "sk-ant-admin01-", dash, (20, 120), anthropic),
    form("anthropic-key", "sk-ant-oat01-", dash, (20, 120), anthropic),
    form("google-api-key", "AIza", dash, (35, 35), likely),
    form("google-client-secret", "GOCSPX-", dash, (28, 28), likely),
    form("npm-token", "npm_", alnum, (36, 36), checked),
    form("pypi-token", "pypi-AgEIcHlwaS5vcmc", dash, (50, 1000), proven),
    form("pypi-token", "pypi-AgENdGVzdC5weXBpLm9yZw", dash, (50, 1000), likely),
    form("sendgrid-key", "SG.", dotted, (66, 66), sendgrid),
    form("twilio-key", "SK", alnum, (32, 32), |body| body.bytes().all(hex).then_some(Likely)),
    form("huggingface-token", "hf_", alnum, (34, 37), |body| mixed(body).or(Some(Doubtful))),
    form("digitalocean-token", "dop_v1_", hex, (64, 64), proven),
    form("digitalocean-token", "doo_v1_", hex, (64, 64), proven),
    form("shopify-token", "shpat_", hex, (32, 32), likely),
    form("shopify-token", "shpss_", hex, (32, 32), likely),
    form("supabase-token", "sbp_", hex, (40, 40), likely),
    form("supabase-key", "sb_secret_", dash, (22, 60), mixed),
    form("linear-key", "lin_api_", alnum, (40, 40), mixed),
    form("vault-token", "hvs.", dash, (24, 200), mixed),
    form("docker-token", "dckr_pat_", dash, (27, 27), mixed),
    form("age-key", "AGE-SECRET-KEY-1", upper, (58, 58), proven),
    form("databricks-token", "dapi", hex, (32, 32), likely),
    form("figma-token", "figd_", dash, (40, 44), mixed),
    form("groq-key", "gsk_", alnum, (52, 52), mixed),
    form("xai-key", "xai-", alnum, (80, 80), mixed),
    form("perplexity-key", "pplx-", alnum, (48, 56), mixed),
    form("replicate-token", "r8_", alnum, (37, 40), mixed),
    form("postman-key", "PMAK-", dash, (59, 59), postman),
    form("grafana-token", "glsa_", word, (41, 41), grafana),
    form("rubygems-key", "rubygems_", hex, (48, 48), likely),
    form("atlassian-token", "ATATT3", |byte| dash(byte) || byte == b'=', (150, 250), likely),
    form("mailgun-key", "key-", alnum, (32, 32), |body| body.bytes().all(hex).then_some(Likely)),
    form("notion-token", "ntn_", alnum, (46, 46), mixed),
    form("sentry-token", "sntrys_", base64, (80, 300), likely),
    form("sentry-token", "sntryu_", hex, (64, 64), likely),
    form("newrelic-key", "NRAK-", upper, (27, 27), likely),
    form("doppler-token", "dp.pt.", alnum, (43, 43), mixed),
    form("mapbox-token", "sk.eyJ", dotted, (60, 200), likely),
    form("azure-storage-key", "AccountKey=", base64, (86, 88), azure),
    form("signed-token", "eyJ", dotted, (60, 8000), token),
];
