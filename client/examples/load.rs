//! Many clients of one relay, many calls: how long they take, and what becomes of this process's memory.
//!
//! ```sh
//! cargo run --release -p registry-client --example load -- /ip4/127.0.0.1/tcp/9990/p2p/12D3… 200 10000
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use registry_client::{Client, Error, KeyPair};

/// Calls under way at a time, over all clients.
const AT_ONCE: usize = 8;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let relay = arguments.next().expect("pass the address of a relay");
    let mut number = |default| {
        arguments
            .next()
            .map_or(default, |text| text.parse().expect("pass numbers"))
    };
    let (clients, calls): (usize, usize) = (number(200), number(10_000));

    let began = Instant::now();
    let connect = |_| {
        let builder = Client::builder().relay(&relay).key_pair(KeyPair::generate_ed25519());
        builder.ttl(Duration::from_secs(30)).connect()
    };
    let clients: Vec<Client> = join_all((0..clients).map(connect))
        .await
        .into_iter()
        .collect::<Result<_, _>>()?;
    println!(
        "{} clients connected in {:?}, {} MiB",
        clients.len(),
        began.elapsed(),
        resident_mib()
    );

    let resource = clients[0].create_resource("load").await?.value;
    clients[0].register_provider(&resource, "one", None).await?;
    let clients = Arc::new(clients);
    let next = Arc::new(AtomicUsize::new(0));
    let mut took = Vec::new();
    for quarter in 1..=4 {
        let workers = (0..AT_ONCE).map(|_| {
            let (clients, next, resource) = (clients.clone(), next.clone(), resource.clone());
            tokio::spawn(async move {
                let mut took = Vec::new();
                while next.fetch_add(1, Ordering::Relaxed) < calls / 4 * quarter {
                    let client = &clients[rand::random::<usize>() % clients.len()];
                    let began = Instant::now();
                    let found = client.resolve_providers(&resource, 1).await?;
                    assert_eq!(found.value.map(|providers| providers.len()), Some(1));
                    took.push(began.elapsed());
                }
                Ok::<_, Error>(took)
            })
        });
        for worker in join_all(workers).await {
            took.extend(worker.expect("no worker panics")?);
        }
        next.store(calls / 4 * quarter, Ordering::Relaxed);
        println!("{} calls, {:?}, {} MiB", took.len(), began.elapsed(), resident_mib());
    }
    took.sort();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    println!(
        "a call: {:?} at the median, {:?} at 99 %, {:?} at most",
        at(50),
        at(99),
        at(100)
    );
    Ok(())
}

/// Of this process, where the system tells.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1_024
}
