//! Calling services of peers, and of all providers of a resource.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;

use crate::client::{Client, TTL_MIN};
use crate::error::{Error, NodeError};
use crate::resource::{Answer, Provider, ResourceId};

/// How many providers are called where one is enough.
const TRIES_MAX: u32 = 3;

/// What to call on every provider.
#[derive(Debug, Clone)]
pub struct Execute {
    service_id: Option<String>,
    function: String,
    arguments: Vec<Value>,
    ack: u16,
    limit: Option<Duration>,
}

impl Execute {
    /// A function of the service that each provider registered.
    #[must_use]
    pub fn new(function: impl Into<String>, arguments: Vec<Value>) -> Self {
        Self {
            service_id: None,
            function: function.into(),
            arguments,
            ack: 1,
            limit: None,
        }
    }

    /// A service of this id, whatever each provider registered.
    #[must_use]
    pub fn service(mut self, service_id: impl Into<String>) -> Self {
        self.service_id = Some(service_id.into());
        self
    }

    /// How many nodes must have answered when the providers are looked up: 1 unless set.
    #[must_use]
    pub fn ack(mut self, ack: u16) -> Self {
        self.ack = ack;
        self
    }

    /// How long each provider has; the client's time to live unless set. 1 s to 10 min. [`Client::execute_one`] says what it is
    /// there.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// What came of a call on one provider.
#[derive(Debug)]
pub struct Execution {
    pub provider: Provider,
    pub result: Result<Value, Error>,
}

impl Client {
    /// Calls a function on every provider of a resource, all at once. A provider that is gone costs nobody else's
    /// result: each has its own time, which begins after the look-up. So the whole may take the client's time to live for the
    /// look-up and [`Execute::limit`] for the calls.
    ///
    /// ```no_run
    /// # async fn greet(client: registry_client::Client) -> Result<(), registry_client::Error> {
    /// use registry_client::Execute;
    /// use serde_json::json;
    ///
    /// let chat = client.resource_id("chat");
    /// for execution in client.execute(&chat, Execute::new("greet", vec![json!("Ada")])).await?.value {
    ///     match execution.result {
    ///         Ok(greeting) => println!("{}: {greeting}", execution.provider.peer_id),
    ///         Err(error) => eprintln!("{}: {error}", execution.provider.peer_id),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn execute(&self, id: &ResourceId, what: Execute) -> Result<Answer<Vec<Execution>>, Error> {
        let limited = what
            .limit
            .map_or_else(|| Ok(self.clone()), |limit| self.with_ttl(limit))?;
        let found = self.resolve_providers(id, what.ack).await?;
        let Some(providers) = found.value else {
            return Err(Error::NotFound { errors: found.errors });
        };
        let calls = providers.into_iter().map(|provider| async {
            let result = limited.execute_on(&provider, &what).await;
            Execution { provider, result }
        });
        Ok(Answer {
            value: join_all(calls).await,
            errors: found.errors,
        })
    }

    /// Calls a function on one provider: the first that succeeds of at most three, beginning with any of them. All ends within
    /// the client's time to live: the tries share what the look-up has left, each at most [`Execute::limit`], or else a third of
    /// the time to live. None has less than 1 s while there is as much. A provider that was too late may have done it all the
    /// same. The errors of those that failed are beside the result.
    pub async fn execute_one(&self, id: &ResourceId, what: Execute) -> Result<Answer<Execution>, Error> {
        let begun = Instant::now();
        let longest = what.limit.unwrap_or((self.ttl() / TRIES_MAX).max(TTL_MIN));
        // A limit that cannot be is refused before anybody is asked.
        self.with_ttl(longest)?;
        let found = self.resolve_providers(id, what.ack).await?;
        let mut errors = found.errors;
        let Some(mut providers) = found.value else {
            return Err(Error::NotFound { errors });
        };
        let Some(first) = rand::random::<usize>().checked_rem(providers.len()) else {
            return Err(Error::NoProviders { errors });
        };
        providers.rotate_left(first);
        providers.truncate(TRIES_MAX as usize);
        let tries = 1..=u32::try_from(providers.len()).unwrap_or(TRIES_MAX);
        for (provider, tries_left) in providers.into_iter().zip(tries.rev()) {
            let left = self.ttl().saturating_sub(begun.elapsed());
            let share = share_of(left, tries_left, longest);
            if share.is_zero() {
                errors.push(NodeError {
                    peer_id: Some(provider.peer_id),
                    text: "not called, because the time was over".to_owned(),
                });
                continue;
            }
            match self.within(share).execute_on(&provider, &what).await {
                Ok(result) => {
                    let result = Ok(result);
                    let value = Execution { provider, result };
                    return Ok(Answer { value, errors });
                }
                Err(error) => errors.push(NodeError {
                    peer_id: Some(provider.peer_id),
                    text: error.to_string(),
                }),
            }
        }
        let what = "calling one of the providers";
        Err(Error::Refused { what, errors })
    }

    async fn execute_on(&self, provider: &Provider, what: &Execute) -> Result<Value, Error> {
        let service_id = what.service_id.as_deref().or(provider.service_id.as_deref());
        let service_id = service_id.ok_or_else(|| {
            Error::argument(
                "the provider",
                &provider.peer_id,
                "registered no service: name the one to call",
            )
        })?;
        let relay = provider.relay_id.as_deref();
        self.call_service(
            &provider.peer_id,
            relay,
            service_id,
            &what.function,
            what.arguments.clone(),
        )
        .await
    }

    /// Calls a function of a service on one peer: a node, or a client behind its relay.
    pub async fn call_service(
        &self,
        peer_id: &str,
        relay_id: Option<&str>,
        service_id: &str,
        function: &str,
        arguments: Vec<Value>,
    ) -> Result<Value, Error> {
        let names = [
            ("the peer id", peer_id),
            ("the relay", relay_id.unwrap_or("-")),
            ("the service", service_id),
            ("the function", function),
        ];
        for (what, name) in names {
            if name.is_empty() || name.contains(['"', '\\']) || name.chars().any(char::is_control) {
                return Err(Error::argument(
                    what,
                    name,
                    "is empty or has quotes or control characters",
                ));
            }
        }
        let way: Vec<&str> = match relay_id {
            _ if peer_id == self.peer_id() => Vec::new(),
            Some(relay) if self.relay().as_deref() != Some(relay) => vec![relay],
            _ => Vec::new(),
        };
        let is_own = peer_id == self.peer_id();
        let to = Callee {
            peer_id,
            is_own,
            is_client: relay_id.is_some(),
        };
        let air = call_script(to, &way, (service_id, function), arguments.len());
        let names = (0..arguments.len()).map(|index| format!("a{index}"));
        let data: BTreeMap<String, Value> = names.zip(arguments).collect();
        let results = self.run_air(air, data).await?;
        Ok(results.into_iter().next().unwrap_or(Value::Null))
    }
}

/// How long a try has of what is left for it and those after it.
fn share_of(left: Duration, tries_left: u32, longest: Duration) -> Duration {
    (left / tries_left).max(TTL_MIN).min(longest).min(left)
}

/// Who is called.
struct Callee<'a> {
    peer_id: &'a str,
    is_own: bool,
    /// Behind a relay.
    is_client: bool,
}

/// One call on a peer, through the client's relay and the peer's own, and the way back. The relay of a client that is not
/// there says so, where nobody else would.
fn call_script(to: Callee<'_>, way: &[&str], call: (&str, &str), arguments: usize) -> String {
    let Callee {
        peer_id,
        is_own,
        is_client,
    } = to;
    let (service_id, function) = call;
    let hop = |peer: &str| format!("(new $s (new #c (canon {peer} $s #c)))");
    let sequence = |steps: Vec<String>| steps.into_iter().reduce(|first, then| format!("(seq {first}{then})"));
    let hops = |peers: &mut dyn Iterator<Item = String>| sequence(peers.map(|peer| hop(&peer)).collect());

    let quoted = way.iter().map(|peer| format!("\"{peer}\""));
    let relays: Vec<String> = std::iter::once("relay".to_owned()).chain(quoted).collect();
    let relays = if is_own { Vec::new() } else { relays };
    let there = hops(&mut relays.iter().cloned());
    let back = hops(&mut relays.iter().rev().cloned());

    let mut list = String::new();
    for index in 0..arguments {
        let _ = write!(list, "{}a{index}", if index == 0 { "" } else { " " });
    }
    let call = format!("(call \"{peer_id}\" (\"{service_id}\" \"{function}\") [{list}] result)");
    let call = match relays.last().filter(|_| is_client) {
        // A relay that cannot say it is taken to have the client.
        Some(relay) => format!(
            "(seq (seq (xor (call {relay} (\"peer\" \"is_connected\") [\"{peer_id}\"] there)(ap true there))\
             (xor (match there true (null))(fail 1 \"{peer_id} is not connected to its relay\"))){call})"
        ),
        None => call,
    };
    let failed = sequence(back.iter().cloned().chain(["(fail :error:)".to_owned()]).collect()).unwrap_or_default();
    let caught = format!("(xor {call}{failed})");

    let input = |name: &str, variable: &str| format!("(call %init_peer_id% (\"getDataSrv\" \"{name}\") [] {variable})");
    let mut steps = vec![input("-relay-", "relay")];
    steps.extend((0..arguments).map(|index| input(&format!("a{index}"), &format!("a{index}"))));
    steps.extend(there);
    steps.push(caught);
    steps.extend(back);
    steps.push("(call %init_peer_id% (\"callbackSrv\" \"response\") [result])".to_owned());
    let all = sequence(steps).unwrap_or_default();
    format!("(xor {all}(call %init_peer_id% (\"errorHandlingSrv\" \"error\") [:error: 0]))")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_share_what_is_left_and_none_has_less_than_a_second_while_there_is_one() {
        let ms = Duration::from_millis;
        let share = |left, tries_left| share_of(ms(left), tries_left, ms(2_333));
        // All of 7 s is left, or nearly; then what hangs takes its share.
        assert_eq!([share(7_000, 3), share(6_600, 3)], [ms(2_333), ms(2_200)]);
        assert_eq!([share(4_400, 2), share(2_200, 1)], [ms(2_200), ms(2_200)]);
        // A try that failed at once leaves its time to the others.
        assert_eq!(share(6_500, 2), ms(2_333));
        assert_eq!(
            [share(1_800, 3), share(800, 2), share(0, 1)],
            [ms(1_000), ms(800), ms(0)]
        );
        assert_eq!(share_of(ms(7_000), 3, ms(1_500)), ms(1_500));
    }
}
