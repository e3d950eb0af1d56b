//! Offers a service `greeter` under the resource `greeters`, until Ctrl-C.
//!
//! ```sh
//! cargo run --release -p registry-client --example greeter -- /ip4/127.0.0.1/tcp/9990/p2p/12D3…
//! ```

use registry_client::{Client, Error, KeyPair, Provide};
use serde_json::{json, Value};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let relay = std::env::args()
        .nth(1)
        .expect("pass the address of a relay: `registry up` prints some");
    let client = Client::connect(relay, KeyPair::generate_ed25519()).await?;

    client.serve("greeter", |call| async move {
        match (call.function.as_str(), call.arguments.first().and_then(Value::as_str)) {
            ("greet", Some(name)) => Ok(json!(format!("Hello, {name}!"))),
            ("greet", None) => Err("greet takes a name".to_owned()),
            (other, _) => Err(format!("greeter has no function `{other}`")),
        }
    });
    let greeters = client.create_resource("greeters").await?.value;
    let provided = client
        .provide(&greeters, Provide::new("English").service("greeter"))
        .await?;
    println!("call it:  registry call {greeters} greeter greet Ada");

    tokio::signal::ctrl_c()
        .await
        .map_err(|error| Error::Network(error.to_string()))?;
    provided.close().await
}
