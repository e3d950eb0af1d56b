use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::error::Error;

/// Bytes of a name. A record names its service in no more.
pub const NAME_LEN_MAX: usize = 128;
/// What the names of topics begin with, so that no service has the name of a topic.
const TOPIC: &str = "topic/";

/// The name of a service, which is a procedure's URI, `energy.home.get`; or of a topic, which has subscribers.
///
/// ```
/// use registry_client::discovery::Name;
///
/// let service: Name = "energy.home.get".parse()?;
/// let topic = Name::topic("energy.prices")?;
/// assert_eq!((service.as_str(), topic.as_str()), ("energy.home.get", "topic/energy.prices"));
/// # Ok::<(), registry_client::discovery::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// 1 to 128 bytes without spaces, control characters, quotes and backslashes. `topic/` is where topics are.
    pub fn service(name: &str) -> Result<Self, Error> {
        if name.starts_with(TOPIC) {
            let reason = "is the name of a topic: write Name::topic, or name the service otherwise";
            return Err(Error::argument("the service", name, reason));
        }
        Self::checked("the service", name)
    }

    /// 1 to 122 bytes of the same.
    pub fn topic(name: &str) -> Result<Self, Error> {
        if name.is_empty() {
            return Err(Error::argument("the topic", name, "is empty: name it"));
        }
        Self::checked("the topic", &format!("{TOPIC}{name}"))
    }

    fn checked(what: &'static str, name: &str) -> Result<Self, Error> {
        if name.is_empty() {
            return Err(Error::argument(what, name, "is empty: name it like energy.home.get"));
        }
        if name.len() > NAME_LEN_MAX {
            let reason = format!("has {} bytes, and at most {NAME_LEN_MAX} are possible", name.len());
            return Err(Error::argument(what, name, reason));
        }
        let is_wrong = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '"' | '\\');
        if name.chars().any(is_wrong) {
            let reason = "has a space, quote, backslash or control character: name it like energy.home.get";
            return Err(Error::argument(what, name, reason));
        }
        Ok(Self(name.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn is_topic(&self) -> bool {
        self.0.starts_with(TOPIC)
    }
}

/// The name of a service.
impl FromStr for Name {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::service(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
