//! A network on real sockets, and clients of it.

use std::time::Duration;

use devnet::live::{Network, Options};
use registry_client::{Client, KeyPair};

/// Nothing here takes longer, on a machine that has other work.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    pub(crate) network: Network,
}

impl Stage {
    pub(crate) fn start(nodes: usize) -> Self {
        let options = Options {
            nodes: Some(nodes),
            port: Some(0),
            trust_graph: false,
            ..Options::default()
        };
        let network = Network::start(options, |_| {}).expect("the network starts: ./build.sh makes what it needs");
        Self { network }
    }

    pub(crate) fn tcp(&self, node: usize) -> String {
        self.network.nodes()[node].tcp.clone()
    }

    pub(crate) fn peer_id(&self, node: usize) -> String {
        self.network.nodes()[node].peer_id.clone()
    }

    /// A client that has time, because the machine may not.
    pub(crate) async fn client(&self, node: usize) -> Client {
        self.client_of(&[node], KeyPair::generate_ed25519()).await
    }

    pub(crate) async fn client_of(&self, nodes: &[usize], key_pair: KeyPair) -> Client {
        let builder = Client::builder().key_pair(key_pair).ttl(Duration::from_secs(20));
        let builder = nodes
            .iter()
            .fold(builder, |builder, node| builder.relay(self.tcp(*node)));
        builder.connect().await.expect("the relay answers")
    }
}

/// Ends what hangs.
pub(crate) async fn within<T>(future: impl std::future::Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("this takes no minute")
}
