//! Staying registered.

use std::time::{Duration, SystemTime};

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::client::Client;
use crate::error::{Error, NodeError};
use crate::resource::{ResourceId, ResourceName};
use crate::transport::Link;

/// A record lives for 24 hours: three renewals fit.
const RENEW_EVERY: Duration = Duration::from_secs(8 * 3_600);
/// The rest after a registration that failed: doubled each time.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(300);

/// What is registered, and how.
#[derive(Debug, Clone)]
pub struct Provide {
    value: String,
    service_id: Option<String>,
    lease: Option<Duration>,
    renew_every: Option<Duration>,
}

impl Provide {
    /// With this value, which is any text of at most 4,096 bytes.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            service_id: None,
            lease: None,
            renew_every: None,
        }
    }

    /// The service that the client offers.
    #[must_use]
    pub fn service(mut self, service_id: impl Into<String>) -> Self {
        self.service_id = Some(service_id.into());
        self
    }

    /// Registers for this time only, a minute to 24 hours: if the client is gone, so is the registration when its lease
    /// ends.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// How often the registration is made anew: a third of its lease unless set, or of the 24 hours after which nodes drop a
    /// record.
    #[must_use]
    pub fn renew_every(mut self, renew_every: Duration) -> Self {
        self.renew_every = Some(renew_every);
        self
    }

    fn renewal(&self) -> Duration {
        let of_lease = self.lease.map(|lease| lease / 3);
        self.renew_every.or(of_lease).unwrap_or(RENEW_EVERY).max(RETRY_MIN)
    }

    /// The longest rest after a failure: a lease is not lost by waiting.
    fn retry_max(&self) -> Duration {
        RETRY_MAX.min(self.renewal())
    }
}

/// How a registration stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProvidedState {
    /// The relay under which others find the client.
    pub relay: String,
    pub registered_at: SystemTime,
    /// How often it was registered so far.
    pub registrations: u64,
    /// What single nodes said of the last one that succeeded.
    pub errors: Vec<NodeError>,
    /// Why the latest attempt failed; none if it succeeded.
    pub failure: Option<Error>,
}

/// Keeps the client registered as a provider of a resource: renews the registration, and registers anew when the client
/// moves to another relay. [`Provided::close`] voids it. Dropped without that, it stops renewing, and nodes drop the
/// record when its lease ends: 24 hours after the last renewal, unless set.
#[derive(Debug)]
pub struct Provided {
    client: Client,
    id: ResourceId,
    state: watch::Receiver<ProvidedState>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Client {
    /// Registers the client as a provider and keeps it registered.
    ///
    /// ```no_run
    /// # async fn offer(client: registry_client::Client) -> Result<(), registry_client::Error> {
    /// use registry_client::Provide;
    ///
    /// client.serve("echo", |call| async move { Ok(call.arguments[0].clone()) });
    /// let id = client.create_resource("echo").await?.value;
    /// let provided = client.provide(&id, Provide::new("from Rust").service("echo")).await?;
    /// // … for as long as it is needed, then:
    /// provided.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn provide(&self, name: impl Into<ResourceName>, what: Provide) -> Result<Provided, Error> {
        let name = name.into();
        let id = name.id();
        let first = self.register(&name, &what, 0).await?;
        let (to_state, state) = watch::channel(first);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(keep(self.clone(), name, what, to_state, stopped));
        Ok(Provided {
            client: self.clone(),
            id,
            state,
            stop: Some(stop),
            task,
        })
    }

    async fn register(&self, name: &ResourceName, what: &Provide, before: u64) -> Result<ProvidedState, Error> {
        let relay = self.relay().unwrap_or_default();
        let service_id = what.service_id.as_deref();
        let answer = match what.lease {
            Some(lease) => self.register_provider_for(name, &what.value, service_id, lease).await?,
            None => self.register_provider(name, &what.value, service_id).await?,
        };
        Ok(ProvidedState {
            relay,
            registered_at: SystemTime::now(),
            registrations: before + 1,
            errors: answer.errors,
            failure: None,
        })
    }
}

/// Registers whenever it is due, until told to stop.
async fn keep(
    client: Client,
    name: ResourceName,
    what: Provide,
    state: watch::Sender<ProvidedState>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut link = client.link();
    let mut due = Instant::now() + what.renewal();
    let mut retry = RETRY_MIN;
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            () = tokio::time::sleep_until(due) => {}
            changed = link.changed() => {
                let now = link.borrow_and_update().clone();
                match (changed, now) {
                    (Err(_), _) => return,
                    (Ok(()), Link::Up { relay, .. }) if *relay != *state.borrow().relay => {}
                    _ => continue,
                }
            }
        }
        let before = state.borrow().registrations;
        let registered = tokio::select! {
            _ = &mut stopped => return,
            registered = client.register(&name, &what, before) => registered,
        };
        match registered {
            Ok(now) => {
                state.send_replace(now);
                due = Instant::now() + what.renewal();
                retry = RETRY_MIN;
            }
            Err(error) => {
                tracing::warn!(resource = %name.id(), %error, "registering failed");
                state.send_modify(|state| state.failure = Some(error));
                due = Instant::now() + retry;
                retry = (retry * 2).min(what.retry_max());
            }
        }
    }
}

impl Provided {
    #[must_use]
    pub fn resource_id(&self) -> &ResourceId {
        &self.id
    }

    /// How it stands now.
    #[must_use]
    pub fn state(&self) -> ProvidedState {
        self.state.borrow().clone()
    }

    /// How it stands after the next registration or failure.
    pub async fn changed(&mut self) -> Result<ProvidedState, Error> {
        self.state.changed().await.map_err(|_| Error::Closed)?;
        Ok(self.state.borrow_and_update().clone())
    }

    /// Stops renewing and voids the registration.
    pub async fn close(mut self) -> Result<(), Error> {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        // What it was about to register must not come after the end.
        let _ = (&mut self.task).await;
        self.client.unregister(&self.id, self.client.peer_id()).await?;
        Ok(())
    }
}

impl Drop for Provided {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_renewed_at_a_third_of_it_unless_the_time_is_set() {
        let seconds = Duration::from_secs;
        let unset = Provide::new("v");
        let leased = |lease| unset.clone().lease(seconds(lease));
        let set = |what: Provide, every| what.renew_every(Duration::from_millis(every));
        for (what, renewal) in [
            (unset.clone(), seconds(8 * 3_600)),
            (leased(60), seconds(20)),
            (leased(86_400), seconds(8 * 3_600)),
            (set(unset.clone(), 90_000), seconds(90)),
            (set(leased(60), 5_000), seconds(5)),
            // Nothing is renewed all the time.
            (set(leased(60), 0), seconds(1)),
        ] {
            assert_eq!(what.renewal(), renewal, "{what:?}");
        }
    }

    #[test]
    fn the_rest_after_a_failure_is_never_longer_than_the_time_between_renewals() {
        let minute = Duration::from_secs(60);
        let unset = Provide::new("v");
        assert_eq!(unset.retry_max(), 5 * minute);
        assert_eq!(unset.clone().lease(minute).retry_max(), minute / 3);
        assert_eq!(unset.clone().lease(1_440 * minute).retry_max(), 5 * minute);
        assert_eq!(unset.renew_every(minute).retry_max(), minute);
    }
}
