use std::path::PathBuf;

use crate::{NetworkError, PeerIndex};

/// Why a network does not start, or does not do what it is asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    #[error("port {port} is taken: stop what listens there, or choose another first port ({needed} ports from it on are needed)")]
    PortTaken { port: u16, needed: usize },
    #[error("{nodes} nodes need {needed} ports, and after {port} there are not as many: choose a lower first port")]
    Ports { port: u16, nodes: usize, needed: usize },
    #[error("cannot listen on 127.0.0.1, port {port}: {reason}")]
    Listen { port: u16, reason: String },
    #[error("there is no {}: build the artifacts first (`./build.sh`), or name the directory in {}", .path.display(), crate::ARTIFACTS_DIR_VARIABLE)]
    NoArtifacts { path: PathBuf },
    #[error("cannot use {} as storage: {reason}", .dir.display())]
    Storage { dir: PathBuf, reason: String },
    #[error("{} holds a network of {stored} nodes: start at least as many, or choose another directory", .dir.display())]
    FewerNodes { dir: PathBuf, stored: usize },
    #[error("there is no node number {0}")]
    NoSuchNode(usize),
    #[error("this is no resource: {0}")]
    Resource(String),
    #[error("{0} is not running")]
    NotRunning(PeerIndex),
    #[error("there are {max} nodes, and no more are possible")]
    TooManyNodes { max: usize },
    #[error("the network has stopped{}", reason(.0))]
    Stopped(Option<String>),
    #[error("{0}")]
    Network(#[from] NetworkError),
}

fn reason(why: &Option<String>) -> String {
    why.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
}
