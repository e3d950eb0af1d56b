//! Connections, within limits.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::guard::Guard;
use super::routes::App;
use super::wire::{Connection, End};
use crate::failure::{Failure, Outcome};
use crate::output;

/// More wait until one of these is closed.
const CONNECTIONS_MAX: usize = 256;

/// `way_out` is what to say where the port is taken.
pub(crate) fn bind(address: SocketAddr, way_out: &str) -> Outcome<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address);
    let listener = listener.and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    listener.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            Failure::failed(format!("port {} of {} is taken", address.port(), address.ip())).hint(way_out)
        }
        _ => Failure::failed(format!("cannot listen on {address}: {error}")),
    })
}

/// Answers until it is dropped, and with it every connection.
pub(super) async fn serve(listener: TcpListener, app: App, guard: Guard) -> Infallible {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let shared = Arc::new((app, guard));
    let mut connections = JoinSet::new();
    loop {
        let place = places.clone().acquire_owned().await.expect("nobody closes it");
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = shared.clone();
                connections.spawn(async move {
                    let (app, guard) = &*shared;
                    answer(stream, app, guard).await;
                    drop(place);
                });
            }
            Err(error) => {
                output::warning(&format!("a connection is lost: {error}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Answers one request after the other, until either side has enough.
async fn answer(stream: TcpStream, app: &App, guard: &Guard) {
    let _ = stream.set_nodelay(true);
    let mut connection = Connection::new(stream);
    loop {
        let (response, method, stays) = match connection.receive().await {
            Ok(received) => {
                let method = received.request.method.clone();
                (guard.answer(app, received.request).await, method, received.stays)
            }
            Err(End::Refused(error)) => (guard.refuse(error), Method::GET, false),
            Err(End::Gone) => return,
        };
        match connection.send(response, &method, stays).await {
            Ok(true) => {}
            Ok(false) => return connection.close().await,
            Err(_) => return,
        }
    }
}
