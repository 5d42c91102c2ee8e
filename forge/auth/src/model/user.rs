//! A user.

use loki_store::Timestamp;
use serde_json::{Map, Value, json};

use super::{Factor, Identity, wire_time};

/// A user with their identities and factors. `Debug` does not show the password's hash.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Their identifier.
    pub id: String,
    /// The role in tokens.
    pub role: String,
    /// Their address, in lower case.
    pub email: Option<String>,
    /// Their number.
    pub phone: Option<String>,
    /// The hash of their password, if they have one.
    pub password: Option<String>,
    /// When the address was confirmed.
    pub email_confirmed_at: Option<Timestamp>,
    /// When the number was confirmed.
    pub phone_confirmed_at: Option<Timestamp>,
    /// When they were invited.
    pub invited_at: Option<Timestamp>,
    /// When a mail to confirm the address was sent.
    pub confirmation_sent_at: Option<Timestamp>,
    /// When a mail to recover the account was sent.
    pub recovery_sent_at: Option<Timestamp>,
    /// When a code to prove that it is them was sent.
    pub reauthentication_sent_at: Option<Timestamp>,
    /// The address that is to take the other one's place.
    pub email_change: Option<String>,
    /// When mails about that were sent.
    pub email_change_sent_at: Option<Timestamp>,
    /// Which of the two addresses has agreed: 0 neither, 1 the old one, 2 the new one.
    pub email_change_accepted: i64,
    /// When they signed in last.
    pub last_sign_in_at: Option<Timestamp>,
    /// What the application knows of them: an object, which users cannot change.
    pub app_metadata: Value,
    /// What they say of themselves: an object.
    pub user_metadata: Value,
    /// Whether nobody knows who it is.
    pub is_anonymous: bool,
    /// Until when they may not sign in.
    pub banned_until: Option<Timestamp>,
    /// When they were removed, with their row left in place.
    pub deleted_at: Option<Timestamp>,
    /// When they came.
    pub created_at: Timestamp,
    /// When something about them changed last.
    pub updated_at: Timestamp,
    /// How they can sign in.
    pub identities: Vec<Identity>,
    /// Their second factors.
    pub factors: Vec<Factor>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
    }
}

impl User {
    /// Somebody of whom nothing is known yet.
    pub(crate) fn new(id: String, now: Timestamp) -> User {
        User {
            id,
            role: "authenticated".to_owned(),
            email: None,
            phone: None,
            password: None,
            email_confirmed_at: None,
            phone_confirmed_at: None,
            invited_at: None,
            confirmation_sent_at: None,
            recovery_sent_at: None,
            reauthentication_sent_at: None,
            email_change: None,
            email_change_sent_at: None,
            email_change_accepted: 0,
            last_sign_in_at: None,
            app_metadata: json!({}),
            user_metadata: json!({}),
            is_anonymous: false,
            banned_until: None,
            deleted_at: None,
            created_at: now,
            updated_at: now,
            identities: Vec::new(),
            factors: Vec::new(),
        }
    }

    /// Whether the address or the number was confirmed.
    pub fn is_confirmed(&self) -> bool {
        self.email_confirmed_at.is_some() || self.phone_confirmed_at.is_some()
    }

    /// Whether they may not sign in now.
    pub fn is_banned(&self, now: Timestamp) -> bool {
        self.deleted_at.is_some() || self.banned_until.is_some_and(|until| until > now)
    }

    /// Whether they have a factor that was verified.
    pub fn has_verified_factor(&self) -> bool {
        self.factors.iter().any(|factor| factor.verified)
    }

    /// The same with `app_metadata` saying by which providers they sign in.
    #[must_use]
    pub(crate) fn with_providers(mut self) -> User {
        let mut providers: Vec<&str> = Vec::new();
        for identity in &self.identities {
            if !providers.contains(&identity.provider.as_str()) {
                providers.push(&identity.provider);
            }
        }
        let providers: Vec<Value> = providers.into_iter().map(Value::from).collect();
        if let Value::Object(metadata) = &mut self.app_metadata {
            match providers.first() {
                Some(first) => {
                    metadata.entry("provider").or_insert_with(|| first.clone());
                    metadata.insert("providers".to_owned(), Value::Array(providers));
                }
                None => {
                    metadata.remove("provider");
                    metadata.remove("providers");
                }
            }
        }
        self
    }

    /// The roles of the application that they have: `app_metadata.roles`, and `app_metadata.role`.
    pub fn roles(&self) -> Vec<&str> {
        let list = self.app_metadata.get("roles").and_then(Value::as_array);
        let list = list.into_iter().flatten().filter_map(Value::as_str);
        list.chain(self.app_metadata.get("role").and_then(Value::as_str)).collect()
    }

    /// As answers have it.
    pub fn wire(&self) -> Value {
        let mut out = Map::new();
        let confirmed = match (self.email_confirmed_at, self.phone_confirmed_at) {
            (Some(email), Some(phone)) => Some(email.min(phone)),
            (email, phone) => email.or(phone),
        };
        let mut put = |name: &str, value: Value| {
            out.insert(name.to_owned(), value);
        };
        put("id", self.id.as_str().into());
        put("aud", "authenticated".into());
        put("role", self.role.as_str().into());
        put("email", self.email.as_deref().unwrap_or_default().into());
        put("phone", self.phone.as_deref().unwrap_or_default().into());
        for (name, time) in [
            ("email_confirmed_at", self.email_confirmed_at),
            ("phone_confirmed_at", self.phone_confirmed_at),
            ("confirmed_at", confirmed),
            ("invited_at", self.invited_at),
            ("confirmation_sent_at", self.confirmation_sent_at),
            ("recovery_sent_at", self.recovery_sent_at),
            ("reauthentication_sent_at", self.reauthentication_sent_at),
            ("email_change_sent_at", self.email_change_sent_at),
            ("last_sign_in_at", self.last_sign_in_at),
            ("banned_until", self.banned_until),
            ("deleted_at", self.deleted_at),
        ] {
            if time.is_some() {
                put(name, wire_time(time));
            }
        }
        if let Some(email) = &self.email_change {
            put("new_email", email.as_str().into());
        }
        put("app_metadata", self.app_metadata.clone());
        put("user_metadata", self.user_metadata.clone());
        put("identities", self.identities.iter().map(Identity::wire).collect());
        if !self.factors.is_empty() {
            put("factors", self.factors.iter().map(Factor::wire).collect());
        }
        put("created_at", wire_time(Some(self.created_at)));
        put("updated_at", wire_time(Some(self.updated_at)));
        put("is_anonymous", self.is_anonymous.into());
        Value::Object(out)
    }
}
