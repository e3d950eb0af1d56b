//! Connections, within limits.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

use crate::failure::{Failure, Outcome};
use crate::output;

/// More wait until one of these is closed.
const CONNECTIONS_MAX: usize = 256;
/// How long the head of a request may take, the rest between two requests included.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);
/// A reader that takes nothing for this long is cut off.
const WRITE_TIME_MAX: Duration = Duration::from_secs(30);
/// Bytes of the head, and of what is read at a time.
const HEAD_LEN_MAX: usize = 16 << 10;

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
pub(super) async fn serve(listener: TcpListener, app: Router) -> Infallible {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let place = places.clone().acquire_owned().await.expect("nobody closes it");
        match listener.accept().await {
            Ok((stream, _)) => {
                let app = app.clone();
                connections.spawn(async move {
                    answer(stream, app).await;
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

async fn answer(stream: TcpStream, app: Router) {
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIME_MAX));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(HEAD_LEN_MAX)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(app));
    // Whoever broke it off knows.
    let _ = connection.await;
}
