//! A service that everybody finds by its name, `energy.home.get`, and a process that calls it. Beside `registry up`:
//!
//! ```sh
//! cargo run --release -p registry-client --example energy -- offer attic /ip4/127.0.0.1/tcp/9990/p2p/12D3…
//! cargo run --release -p registry-client --example energy -- offer cellar /ip4/127.0.0.1/tcp/9991/p2p/12D3…
//! cargo run --release -p registry-client --example energy -- ask /ip4/127.0.0.1/tcp/9992/p2p/12D3…
//! ```
//!
//! End one of the two that offer, however you like: the third goes on with the other.

use std::time::Duration;

use registry_client::discovery::{Arguments, Discovery, Handler, Metadata, Name, OpenNames};
use registry_client::{Client, KeyPair};
use serde_json::json;

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    run(std::env::args().skip(1).collect()).await
}

pub(crate) async fn run(arguments: Vec<String>) -> Result<(), Error> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["offer", meter, relay] => offer(meter, relay).await,
        ["ask", relay] => ask(relay).await,
        _ => Err("pass `offer METER RELAY` or `ask RELAY`: `registry up` prints addresses of relays".into()),
    }
}

/// Until Ctrl-C.
async fn offer(meter: &str, relay: &str) -> Result<(), Error> {
    let discovery = connect(relay).await?;
    let reading = json!({"meter": meter, "watts": 230});
    let handler = Handler::new(move |_| {
        let reading = reading.clone();
        async move { Ok(reading) }
    });
    let metadata = Metadata::from_iter([("unit".to_owned(), json!("W"))]);
    let advertiser = discovery.advertise(&energy()?, handler, metadata).await?;
    println!("{meter} is offered on {} nodes", advertiser.state().published.nodes);
    tokio::signal::ctrl_c().await?;
    Ok(advertiser.stop().await?)
}

/// Once a second, until nobody answers.
async fn ask(relay: &str) -> Result<(), Error> {
    let discovery = connect(relay).await?;
    loop {
        println!("{}", discovery.call(&energy()?, Arguments::new()).await?);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn connect(relay: &str) -> Result<Discovery<OpenNames>, Error> {
    let client = Client::connect(relay, KeyPair::generate_ed25519()).await?;
    Ok(Discovery::new(OpenNames::new(client)))
}

fn energy() -> Result<Name, Error> {
    Ok("energy.home.get".parse()?)
}
