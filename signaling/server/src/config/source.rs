//! Where settings come from: layers of text by key, merged by precedence before anything is parsed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;
use toml::de::{DeTable, DeValue};

use super::keys::{KEYS, Key, Kind};

/// How every environment variable of this program begins.
pub(super) const PREFIX: &str = "CONCLAVE_";
/// The variable that names the file; the one that is no key.
const FILE_VARIABLE: &str = "CONCLAVE_CONFIG";
/// Names less alike than this are not suggested (Jaro-Winkler, 0..=1).
const ALIKE: f64 = 0.75;

/// Settings as text, each with its source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    settings: BTreeMap<&'static str, (String, Source)>,
}

/// Where a setting was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// On the command line.
    Flag,
    /// In the environment.
    Environment,
    /// In the file, on this line.
    File {
        /// Its path.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// Nowhere.
    Default,
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {error}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path} is not TOML: {error}")]
    NotToml {
        /// Which.
        path: PathBuf,
        /// Where and why.
        error: String,
    },
    /// A key nobody knows.
    #[error("unknown {what}{}", suggestion(.nearest))]
    UnknownKey {
        /// Which, and where.
        what: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// A value that its key does not take.
    #[error("{place}: {value:?} is not {expected}")]
    BadValue {
        /// The setting, named as in its source.
        place: String,
        /// What was given.
        value: String,
        /// What it takes.
        expected: String,
    },
    /// One setting makes no sense without another.
    #[error("the setting `{key}` needs `{needs}` as well")]
    Needs {
        /// The one that is set.
        key: &'static str,
        /// The one that is not.
        needs: &'static str,
    },
}

fn suggestion(nearest: &Option<String>) -> String {
    match nearest {
        Some(name) => format!("; did you mean `{name}`?"),
        None => String::from("; `conclave config print-default` lists all keys"),
    }
}

impl Layer {
    /// Makes a setting.
    pub fn set(&mut self, key: &'static Key, value: String, source: Source) {
        self.settings.insert(key.name, (value, source));
    }

    /// The text of a setting and its source.
    pub fn setting(&self, key: &Key) -> (&str, Source) {
        match self.settings.get(key.name) {
            Some((value, source)) => (value, source.clone()),
            None => (key.default, Source::Default),
        }
    }

    /// A setting that always has a value.
    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&self, name: &'static str) -> Result<T, ConfigError> {
        let key = Key::named(name).ok_or_else(|| unknown(name))?;
        let (value, source) = self.setting(key);
        value
            .trim()
            .parse()
            .map_err(|expected: T::Err| ConfigError::BadValue {
                place: source.place(key),
                value: value.to_owned(),
                expected: expected.to_string(),
            })
    }

    /// A setting that may be empty.
    pub(super) fn parse_optional<T: FromStr<Err: fmt::Display>>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, ConfigError> {
        let key = Key::named(name).ok_or_else(|| unknown(name))?;
        if self.setting(key).0.trim().is_empty() {
            Ok(None)
        } else {
            self.parse(name).map(Some)
        }
    }
}

fn unknown(name: &str) -> ConfigError {
    ConfigError::UnknownKey {
        what: format!("key `{name}`"),
        nearest: None,
    }
}

impl Source {
    /// The setting's name as the person wrote it.
    fn place(&self, key: &Key) -> String {
        match self {
            Self::Flag => key.flag(),
            Self::Environment => key.variable(),
            Self::File { path, line } => format!("{}:{line}: {}", path.display(), key.name),
            Self::Default => format!("default of {}", key.name),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment => f.write_str("environment"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Lays `over` on `under`.
pub fn merge(under: Layer, over: Layer) -> Layer {
    let mut settings = under.settings;
    settings.extend(over.settings);
    Layer { settings }
}

/// Reads the settings among the environment's variables, and the path of the file if it names one.
///
/// # Errors
/// When a variable begins like ours and is none.
pub fn from_environment(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<(Layer, Option<PathBuf>), ConfigError> {
    let mut layer = Layer::default();
    let mut file = None;
    for (name, value) in variables {
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        if name == FILE_VARIABLE {
            file = Some(PathBuf::from(value));
            continue;
        }
        let Some(key) = KEYS.iter().find(|key| key.name.to_ascii_uppercase() == rest) else {
            return Err(ConfigError::UnknownKey {
                what: format!("environment variable `{name}`"),
                nearest: nearest(rest).map(Key::variable),
            });
        };
        layer.set(key, value, Source::Environment);
    }
    Ok((layer, file))
}

/// Reads the settings of a file.
///
/// # Errors
/// When the text is not TOML, has a key nobody knows, or a value of another type than its key takes.
pub fn from_toml(path: &Path, text: &str) -> Result<Layer, ConfigError> {
    let not_toml = |error: toml::de::Error| ConfigError::NotToml {
        path: path.to_owned(),
        error: error.to_string(),
    };
    let table = DeTable::parse(text).map_err(not_toml)?;
    let mut layer = Layer::default();
    for (name, value) in table.get_ref() {
        let line = line_of(text, name.span().start);
        let Some(key) = Key::named(name.get_ref()) else {
            return Err(ConfigError::UnknownKey {
                what: format!("key `{}` in {}:{line}", name.get_ref(), path.display()),
                nearest: nearest(name.get_ref()).map(|key| key.name.to_owned()),
            });
        };
        let source = Source::File {
            path: path.to_owned(),
            line,
        };
        let text = text_of(key, value.get_ref()).ok_or_else(|| ConfigError::BadValue {
            place: source.place(key),
            value: value.get_ref().type_str().to_owned(),
            expected: match key.kind {
                Kind::Text => String::from("a string"),
                Kind::List => String::from("a string or a list of strings"),
                Kind::Number => String::from("a whole number"),
            },
        })?;
        layer.set(key, text, source);
    }
    Ok(layer)
}

fn text_of(key: &Key, value: &DeValue<'_>) -> Option<String> {
    match (key.kind, value) {
        (Kind::Text | Kind::List, DeValue::String(text)) => Some(text.to_string()),
        (Kind::List, DeValue::Array(items)) => {
            let items: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            items.map(|items| items.join(","))
        }
        (Kind::Number, DeValue::Integer(number)) if number.radix() == 10 => Some(number.as_str().to_owned()),
        _ => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// The key most like `name`, if any is.
fn nearest(name: &str) -> Option<&'static Key> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    KEYS.iter()
        .map(|key| (strsim::jaro_winkler(&name, key.name), key))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, key)| key)
}
