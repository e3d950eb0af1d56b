//! Tells who comes and goes under a resource.
//!
//! ```sh
//! cargo run --release -p registry-client --example watch -- /ip4/127.0.0.1/tcp/9990/p2p/12D3… RESOURCE
//! ```

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use registry_client::{Change, Client, Error, KeyPair, ResourceId};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let relay = arguments.next().expect("pass the address of a relay");
    let resource: ResourceId = arguments.next().expect("pass the id of a resource").parse()?;
    let client = Client::connect(relay, KeyPair::generate_ed25519()).await?;

    let mut changes = pin!(client.watch(&resource, Duration::from_secs(2)));
    while let Some(change) = changes.next().await {
        match change {
            Ok(Change::Added(provider)) => println!("came: {} ({})", provider.peer_id, provider.value),
            Ok(Change::Changed { before, after }) => println!("{}: {} is {}", after.peer_id, before.value, after.value),
            Ok(Change::Gone(provider)) => println!("left: {}", provider.peer_id),
            Err(error) => eprintln!("{error}"),
        }
    }
    Ok(())
}
