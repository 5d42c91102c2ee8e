//! What a setting may hold.

use std::fmt;

/// A type a setting can have.
pub(crate) trait Setting: Clone + fmt::Debug {
    /// Reads it from a configuration file; none where the type is another.
    fn from_toml(value: &toml::Value) -> Option<Self>;
    /// Reads it from a variable or the command line.
    fn from_text(text: &str) -> Option<Self>;
    /// Its form in a configuration file.
    fn to_toml(&self) -> toml::Value;
    /// What the type is called in messages.
    const EXPECTED: &'static str;
}

/// One setting: its name, its type, its default and what it takes.
pub(crate) struct Key<T: 'static> {
    name: &'static str,
    about: &'static str,
    default: fn() -> T,
    check: fn(&T) -> Result<(), String>,
}

impl<T: Setting> Key<T> {
    /// A setting that takes what `check` accepts.
    pub(super) const fn new(
        name: &'static str,
        about: &'static str,
        default: fn() -> T,
        check: fn(&T) -> Result<(), String>,
    ) -> Key<T> {
        Key { name, about, default, check }
    }

    /// The built-in value.
    pub(crate) fn default_value(&self) -> T {
        (self.default)()
    }

    fn checked(&self, value: Option<T>, shown: &dyn fmt::Display) -> Result<toml::Value, String> {
        let value = value.ok_or_else(|| format!("expected {}, found `{shown}`", T::EXPECTED))?;
        (self.check)(&value)?;
        Ok(value.to_toml())
    }
}

/// A key of any type.
pub(crate) trait AnyKey: Sync {
    /// Its dotted name.
    fn name(&self) -> &'static str;
    /// What it does, in one line.
    fn about(&self) -> &'static str;
    /// The built-in value.
    fn default_toml(&self) -> toml::Value;
    /// The value in its proper form, or why it is refused.
    fn check(&self, value: &toml::Value) -> Result<toml::Value, String>;
    /// The value that `text` stands for, or why it is refused.
    fn parse(&self, text: &str) -> Result<toml::Value, String>;
}

impl<T: Setting> AnyKey for Key<T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn default_toml(&self) -> toml::Value {
        self.default_value().to_toml()
    }

    fn check(&self, value: &toml::Value) -> Result<toml::Value, String> {
        self.checked(T::from_toml(value), value)
    }

    fn parse(&self, text: &str) -> Result<toml::Value, String> {
        self.checked(T::from_text(text), &text)
    }
}

impl<T> Key<T> {
    /// The dotted name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

impl Setting for u64 {
    const EXPECTED: &'static str = "a whole number";

    fn from_toml(value: &toml::Value) -> Option<u64> {
        u64::try_from(value.as_integer()?).ok()
    }

    fn from_text(text: &str) -> Option<u64> {
        text.trim().parse().ok().filter(|number| i64::try_from(*number).is_ok())
    }

    fn to_toml(&self) -> toml::Value {
        toml::Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl Setting for f64 {
    const EXPECTED: &'static str = "a number";

    fn from_toml(value: &toml::Value) -> Option<f64> {
        let whole = |number: i64| i32::try_from(number).ok().map(f64::from);
        value.as_float().or_else(|| whole(value.as_integer()?)).filter(|number| number.is_finite())
    }

    fn from_text(text: &str) -> Option<f64> {
        text.trim().parse().ok().filter(|number: &f64| number.is_finite())
    }

    fn to_toml(&self) -> toml::Value {
        toml::Value::Float(*self)
    }
}

impl Setting for String {
    const EXPECTED: &'static str = "text";

    fn from_toml(value: &toml::Value) -> Option<String> {
        value.as_str().map(str::to_owned)
    }

    fn from_text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn to_toml(&self) -> toml::Value {
        toml::Value::String(self.clone())
    }
}

impl Setting for bool {
    const EXPECTED: &'static str = "`true` or `false`";

    fn from_toml(value: &toml::Value) -> Option<bool> {
        value.as_bool()
    }

    fn from_text(text: &str) -> Option<bool> {
        text.trim().parse().ok()
    }

    fn to_toml(&self) -> toml::Value {
        toml::Value::Boolean(*self)
    }
}
