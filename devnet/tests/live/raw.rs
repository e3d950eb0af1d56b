//! A client that speaks the wire by hand: honest, or not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fluence_keypair::KeyPair;
use futures_util::future::poll_fn;
use futures_util::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use libp2p_core::multiaddr::Multiaddr;
use libp2p_core::muxing::{StreamMuxerBox, StreamMuxerExt, SubstreamBox};
use libp2p_core::transport::{DialOpts, PortUse};
use libp2p_core::upgrade::Version;
use libp2p_core::{Endpoint, Transport};
use libp2p_identity::Keypair;
use multistream_select::{dialer_select_proto, listener_select_proto, Negotiated};
use particle::{read_particle, write_particle, Limits, Particle};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Nothing in these tests takes longer, unless the network is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) type Substream = Negotiated<SubstreamBox>;

/// One connection with a node.
pub(crate) struct Raw {
    pub(crate) key: KeyPair,
    pub(crate) peer_id: String,
    open: mpsc::Sender<oneshot::Sender<SubstreamBox>>,
    /// What the node sends.
    pub(crate) received: mpsc::Receiver<Particle>,
    reads: Arc<AtomicBool>,
    ended: tokio::task::JoinHandle<()>,
}

impl Raw {
    /// Connects to a multiaddr that ends with a peer id.
    pub(crate) async fn connect(address: &str) -> Result<Self, String> {
        Self::connect_as(KeyPair::generate_ed25519(), address).await
    }

    pub(crate) async fn connect_as(key: KeyPair, address: &str) -> Result<Self, String> {
        let secret = key.secret().unwrap();
        let muxer = timeout(PATIENCE, dial(Keypair::ed25519_from_bytes(secret).unwrap(), address)).await;
        let muxer = muxer.map_err(|_| "no connection in time".to_owned())??;
        let (open, to_open) = mpsc::channel(1);
        let reads = Arc::new(AtomicBool::new(true));
        let (received_sender, received) = mpsc::channel(4096);
        Ok(Self {
            peer_id: key.get_peer_id().to_base58(),
            key,
            open,
            received,
            reads: reads.clone(),
            ended: tokio::spawn(drive(muxer, to_open, received_sender, reads)),
        })
    }

    /// A stream on which the protocol has been agreed on.
    pub(crate) async fn stream(&self) -> Result<Substream, String> {
        let (sender, stream) = oneshot::channel();
        self.open.send(sender).await.map_err(|_| "the connection has ended")?;
        let stream = stream.await.map_err(|_| "the connection has ended")?;
        let agreed = dialer_select_proto(stream, [particle::PROTOCOL], multistream_select::Version::V1).await;
        agreed.map(|(_, stream)| stream).map_err(|e| e.to_string())
    }

    /// A particle that this client starts now, without data.
    pub(crate) fn particle(&self, script: &str, ttl: u32) -> Particle {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let id = format!("{}-{}", &self.peer_id[40..], COUNT.fetch_add(1, Ordering::Relaxed));
        Particle::signed(&self.key, id.into(), unix_ms(), ttl, script.into()).unwrap()
    }

    pub(crate) async fn send(&self, particle: &Particle) -> Result<(), String> {
        let mut stream = self.stream().await?;
        let sent = write_particle(&mut stream, particle).await;
        sent.map_err(|e| e.to_string())?;
        stream.close().await.map_err(|e| e.to_string())
    }

    /// Bytes on a stream of their own, which stays open as long as what is returned.
    pub(crate) async fn send_bytes(&self, bytes: &[u8]) -> Result<Substream, String> {
        let mut stream = self.stream().await?;
        stream.write_all(bytes).await.map_err(|e| e.to_string())?;
        stream.flush().await.map_err(|e| e.to_string())?;
        Ok(stream)
    }

    /// Has the node call a service and send the particle here; whether it came back.
    pub(crate) async fn ask(&mut self, node: &str, call: &str) -> Result<Particle, String> {
        let script = self.script(node, call);
        let particle = self.particle(&script, 20_000);
        self.send(&particle).await?;
        let answer = timeout(PATIENCE, self.received.recv()).await;
        let answer = answer.map_err(|_| "no answer in time")?;
        let answer = answer.ok_or("the connection has ended")?;
        assert_eq!(answer.id, particle.id);
        Ok(answer)
    }

    /// A script that has a node call a service, and goes on here.
    pub(crate) fn script(&self, node: &str, call: &str) -> String {
        let me = &self.peer_id;
        format!(r#"(seq (call "{node}" {call} x) (call "{me}" ("callbackSrv" "response") [x]))"#)
    }

    /// From now on the connection stays open, and nothing is taken from it.
    pub(crate) fn stop_reading(&self) {
        self.reads.store(false, Ordering::Relaxed);
    }

    /// Whether the node has closed the connection within the time.
    pub(crate) async fn is_cut_off_within(&mut self, time: Duration) -> bool {
        timeout(time, &mut self.ended).await.is_ok()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.ended.abort();
    }
}

pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_millis() as u64
}

async fn dial(key: Keypair, address: &str) -> Result<StreamMuxerBox, String> {
    let tcp = || libp2p_tcp::tokio::Transport::new(libp2p_tcp::Config::default());
    let mut transport = libp2p_websocket::Config::new(tcp())
        .or_transport(tcp())
        .upgrade(Version::V1)
        .authenticate(libp2p_noise::Config::new(&key).unwrap())
        .multiplex(libp2p_yamux::Config::default())
        .boxed();
    let mut address: Multiaddr = address.parse().map_err(|e| format!("{e}"))?;
    let peer = address.pop();
    let options = DialOpts {
        role: Endpoint::Dialer,
        port_use: PortUse::New,
    };
    let dialing = transport.dial(address, options).map_err(|e| e.to_string())?;
    let (found, muxer) = dialing.await.map_err(|e| e.to_string())?;
    assert!(
        peer.is_some_and(|peer| peer.to_string().ends_with(&found.to_base58())),
        "another peer answers"
    );
    Ok(muxer)
}

/// Moves a connection on, until it ends.
async fn drive(
    mut muxer: StreamMuxerBox,
    mut to_open: mpsc::Receiver<oneshot::Sender<SubstreamBox>>,
    received: mpsc::Sender<Particle>,
    reads: Arc<AtomicBool>,
) {
    let mut asked: Option<oneshot::Sender<SubstreamBox>> = None;
    poll_fn(|cx| loop {
        if !reads.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        if asked.is_none() {
            if let Poll::Ready(Some(sender)) = to_open.poll_recv(cx) {
                asked = Some(sender);
            }
        }
        if let Poll::Ready(result) = muxer.poll_unpin(cx) {
            if result.is_err() {
                return Poll::Ready(());
            }
        }
        match muxer.poll_inbound_unpin(cx) {
            Poll::Ready(Ok(stream)) => {
                tokio::spawn(take_in(stream, received.clone()));
                continue;
            }
            Poll::Ready(Err(_)) => return Poll::Ready(()),
            Poll::Pending => {}
        }
        if asked.is_some() {
            match muxer.poll_outbound_unpin(cx) {
                Poll::Ready(Ok(stream)) => {
                    let _ = asked.take().unwrap().send(stream);
                    continue;
                }
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => {}
            }
        }
        return Poll::Pending;
    })
    .await;
}

/// Takes particles in; other protocols are declined.
async fn take_in<S: AsyncRead + AsyncWrite + Unpin>(stream: S, received: mpsc::Sender<Particle>) {
    let Ok((_, mut stream)) = listener_select_proto(stream, [particle::PROTOCOL]).await else {
        return;
    };
    while let Ok(Some(particle)) = read_particle(&mut stream, &Limits::default()).await {
        if received.send(particle).await.is_err() {
            return;
        }
    }
}
