//! What sign-in lacks: values that only a person has, and what cannot be had.

use std::net::SocketAddr;

use loki_blueprint::signin::{steps, unavailable};
use serde_json::json;

use crate::app::serving::auth_settings::{callback, served_at};
use crate::app::serving::values::Values;
use crate::config::{Config, keys};

/// What is known of the values that sign-in needs of a person.
pub(in crate::app) struct SignIn {
    values: Values,
    /// Where providers send people back.
    callback: String,
}

impl SignIn {
    /// By the settings, and these values.
    pub(in crate::app) fn new(config: &Config, values: Values) -> SignIn {
        let listens = config.get(&keys::FORGE_LISTEN);
        let served = listens.parse::<SocketAddr>().map_or(listens, |address| served_at(config, address));
        SignIn { values, callback: callback(config, &served) }
    }

    /// Why a declared way of signing in is not there, and what to do about it. `needs`: the value that it refers
    /// to; without one it cannot be had at all. `None` where nothing is missing.
    pub(super) fn gap(&self, provider: &str, needs: Option<&str>) -> Option<String> {
        let Some(name) = needs else { return unavailable(provider, &json!({ "method": "none" })) };
        match self.values.get(name) {
            Ok(Some(_)) => None,
            Ok(None) => Some(steps(provider, name, &self.callback)),
            Err(error) => Some(format!("the value {name} cannot be used: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_set_is_no_gap_and_what_is_not_says_what_to_do() {
        let set = BTreeMap::from([("GOOGLE_CLIENT_ID".to_owned(), "x".to_owned())]);
        let signin = SignIn::new(&Config::defaults(), Values::new(set, Path::new("/nonexistent")));
        assert_eq!(signin.gap("google", Some("GOOGLE_CLIENT_ID")), None);
        let gap = signin.gap("google", Some("GOOGLE_CLIENT_SECRET")).unwrap();
        for part in
            ["GOOGLE_CLIENT_SECRET", "http://127.0.0.1:54321/auth/v1/callback", "console.cloud.google.com"]
        {
            assert!(gap.contains(part), "{part}: {gap}");
        }
        assert!(signin.gap("google", Some("../x")).unwrap().contains("cannot be used"));
        assert!(signin.gap("phone", None).unwrap().contains("text message"));
    }
}
