//! The Marine services of a node.

use std::collections::BTreeMap;
use std::path::Path;

use marine_host::{CallParameters, MarineHost, ParticleParameters, Service, ServiceSpec};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::NetworkError;
use crate::particle::Particle;
use crate::service::{ServiceCall, ServiceResult};

struct Deployed {
    /// Unique in the network, unlike the alias.
    id: String,
    spec: ServiceSpec,
    creator: String,
    /// `None` until the first call of a lazy service, and after the node was killed.
    running: Option<Service>,
    lazy: bool,
}

#[derive(Default)]
pub(crate) struct NodeServices {
    by_alias: BTreeMap<String, Deployed>,
}

impl NodeServices {
    /// Puts a service under an alias, in place of an earlier one. The node itself counts as its creator, as with
    /// nox's own services.
    pub(crate) fn deploy(&mut self, alias: &str, spec: ServiceSpec, creator: &str, lazy: bool) {
        let deployed = Deployed {
            id: service_id(alias, creator),
            spec,
            creator: creator.to_owned(),
            running: None,
            lazy,
        };
        self.by_alias.insert(alias.to_owned(), deployed);
    }

    /// Starts every service that is not to wait for its first call.
    pub(crate) fn start_all(&mut self, host: &MarineHost) -> Result<(), NetworkError> {
        for deployed in self.by_alias.values_mut().filter(|d| !d.lazy) {
            deployed.start(host)?;
        }
        Ok(())
    }

    /// Starts every service that is not running yet.
    pub(crate) fn start_waiting(&mut self, host: &MarineHost) -> Result<(), NetworkError> {
        for deployed in self.by_alias.values_mut() {
            deployed.start(host)?;
        }
        Ok(())
    }

    /// Drops what is running, as a crash does: no service is told.
    pub(crate) fn stop_all(&mut self) {
        for deployed in self.by_alias.values_mut() {
            deployed.running = None;
        }
    }

    pub(crate) fn aliases(&self) -> Vec<String> {
        self.by_alias.keys().cloned().collect()
    }

    /// Id and creator of a service, which may be named by alias or id.
    pub(crate) fn identity(&self, name: &str) -> Option<(&str, &str)> {
        let deployed = self.by_alias.get(self.alias(name)?)?;
        Some((&deployed.id, &deployed.creator))
    }

    fn alias<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        if self.by_alias.contains_key(name) {
            return Some(name);
        }
        let by_id = self.by_alias.iter().find(|(_, d)| d.id == name);
        by_id.map(|(alias, _)| alias.as_str())
    }

    /// The linear memory of the services that are running.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let running = self.by_alias.values().filter_map(|d| d.running.as_ref());
        running.map(Service::memory_bytes).sum()
    }

    /// The running service, started now if it is not yet.
    pub(crate) fn running(&mut self, name: &str, host: &MarineHost) -> Option<Result<&mut Service, NetworkError>> {
        let alias = self.alias(name)?.to_owned();
        let deployed = self.by_alias.get_mut(&alias)?;
        Some(deployed.start(host))
    }

    /// Answers a script's call. A service that does not start or a call that fails is an error of the script, as on a
    /// real node.
    pub(crate) fn call(&mut self, host: &MarineHost, call: &ServiceCall, particle: &Particle) -> Option<ServiceResult> {
        let alias = self.alias(&call.service)?.to_owned();
        let deployed = self.by_alias.get_mut(&alias)?;
        let (id, creator) = (deployed.id.clone(), deployed.creator.clone());
        let service = match deployed.start(host) {
            Ok(service) => service,
            Err(error) => return Some(ServiceResult::error(error)),
        };
        let arguments = Value::Array(call.args.clone());
        let parameters = call_parameters(call, particle, id, creator);
        let result = service.call(&call.function, arguments, parameters);
        Some(ServiceResult::from(result))
    }
}

impl Deployed {
    fn start(&mut self, host: &MarineHost) -> Result<&mut Service, NetworkError> {
        match &mut self.running {
            Some(service) => Ok(service),
            none => Ok(none.insert(host.start(self.spec.clone())?)),
        }
    }
}

fn call_parameters(call: &ServiceCall, particle: &Particle, service_id: String, creator: String) -> CallParameters {
    CallParameters {
        particle: ParticleParameters {
            id: particle.id.to_string(),
            init_peer_id: particle.init_peer_id.to_string(),
            timestamp: particle.timestamp,
            ttl: particle.ttl,
            script: particle.script.to_string(),
            signature: particle.signature.to_vec(),
            token: String::new(),
        },
        service_id,
        service_creator_peer_id: creator,
        host_id: call.peer_id.clone(),
        worker_id: call.peer_id.clone(),
        tetraplets: call.tetraplets.clone(),
    }
}

/// An id in the form of a UUID: a function of alias and node.
fn service_id(alias: &str, node_id: &str) -> String {
    let digest = hex::encode(Sha256::digest(format!("{alias}/{node_id}")));
    let part = |from: usize, to: usize| &digest[from..to];
    format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

/// What a node forgets when it restarts: the contents of its services' `/tmp`.
pub(crate) fn wipe_tmp(node_dir: &Path) -> std::io::Result<()> {
    let services = match std::fs::read_dir(node_dir) {
        Ok(services) => services,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    for service in services {
        let tmp = service?.path().join("tmp");
        if tmp.is_dir() {
            std::fs::remove_dir_all(tmp)?;
        }
    }
    Ok(())
}
