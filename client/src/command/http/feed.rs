//! What happens, kept for a while, and read by whoever wants at his own pace.
//!
//! There is one ring of events, and a reader is no more than a place in it: a slow one costs nothing, and finds out that it has missed some.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{stream, StreamExt};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use tokio::sync::{watch, OwnedSemaphorePermit};

use devnet::live::Cost;

use super::request::{answer, Content, Response};

/// Events that are kept.
pub(super) const EVENTS_KEPT: usize = 1_024;
/// Events that a reader takes at a time.
const AT_ONCE: usize = 64;
/// A stream that has nothing to say says so.
const STILL_THERE_EVERY: Duration = Duration::from_secs(15);
/// `Last-Event-ID` of ours has no more.
const ID_LEN_MAX: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Created,
    Registered,
    Resolved,
    Replicated,
    Renewed,
    Expired,
    Deleted,
    Started,
    Stopped,
    Killed,
    Added,
    Connected,
    CutOff,
    Refused,
    Cut,
    Healed,
    Trouble,
}

/// What happened, without its id.
#[derive(Debug, Serialize)]
pub(super) struct Happened {
    pub(super) at_ms: u64,
    pub(super) kind: Kind,
    pub(super) node: Option<String>,
    pub(super) peer_id: Option<String>,
    pub(super) resources: Vec<String>,
    pub(super) cost: Option<Cost>,
    pub(super) text: Option<String>,
}

#[derive(Debug)]
pub(super) struct Feed {
    /// Tells the ids of this run of the server from those of others.
    run: u64,
    ring: Mutex<Ring>,
    /// How many events there were.
    latest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Ring {
    /// How many events there were before the oldest that is kept.
    before: u64,
    /// As they are sent.
    events: VecDeque<Bytes>,
}

impl Ring {
    fn end(&self) -> u64 {
        self.before + self.events.len() as u64
    }
}

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// How many events it knows.
    known: u64,
    /// What it knew is not what this server has.
    is_lost: bool,
}

impl Feed {
    /// `run` is another each time.
    pub(super) fn new(run: u64) -> Self {
        Self {
            run,
            ring: Mutex::default(),
            latest: watch::Sender::new(0),
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().expect("no holder panics")
    }

    pub(super) fn push(&self, happened: &Happened) {
        let mut ring = self.ring();
        let id = self.id(ring.end() + 1);
        let mut event = json!(happened);
        event["id"] = json!(id);
        if ring.events.len() == EVENTS_KEPT {
            ring.events.pop_front();
            ring.before += 1;
        }
        ring.events.push_back(frame(None, Some(&id), &event));
        self.latest.send_replace(ring.end());
    }

    fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.run)
    }

    /// The place after the event of this id.
    pub(super) fn after(&self, id: &str) -> Result<Place, String> {
        let parsed = (id.len() <= ID_LEN_MAX).then(|| id.split_once('-')).flatten();
        let parsed = parsed.and_then(|(run, number)| Some((run.parse::<u64>().ok()?, number.parse::<u64>().ok()?)));
        let (run, number) = parsed.ok_or("the last event's id is not one of this API's: leave it out")?;
        let end = self.ring().end();
        let is_lost = run != self.run || number > end;
        Ok(Place {
            known: if is_lost { end } else { number },
            is_lost,
        })
    }

    /// The place before the latest events, as many as this.
    pub(super) fn back(&self, events: u64) -> Place {
        let ring = self.ring();
        Place {
            known: ring.end().saturating_sub(events).max(ring.before),
            is_lost: false,
        }
    }

    /// What follows a place, at most so much at a time; and the new place.
    fn next(&self, place: Place) -> (Vec<Bytes>, Place) {
        let ring = self.ring();
        let mut frames = Vec::new();
        let mut known = place.known;
        if place.is_lost {
            frames.push(lagged(None, &self.id(known)));
        } else if known < ring.before {
            frames.push(lagged(Some(ring.before - known), &self.id(ring.before)));
            known = ring.before;
        }
        let from = usize::try_from(known - ring.before).unwrap_or(usize::MAX);
        let events = ring.events.iter().skip(from).take(AT_ONCE);
        let before = frames.len();
        frames.extend(events.cloned());
        let known = known + (frames.len() - before) as u64;
        (frames, Place { known, is_lost: false })
    }
}

fn lagged(missed: Option<u64>, id: &str) -> Bytes {
    frame(Some("lagged"), Some(id), &json!({"missed": missed}))
}

/// A server-sent event. JSON has no line breaks of its own.
pub(super) fn frame(name: Option<&str>, id: Option<&str>, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("events are JSON");
    let name = name.map(|name| format!("event: {name}\n")).unwrap_or_default();
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("{name}{id}data: {data}\n\n").into()
}

/// A reader of the feed.
struct Reader<F> {
    feed: F,
    place: Place,
    latest: watch::Receiver<u64>,
    /// The network, as it is sent; read where that is wanted.
    network: Option<watch::Receiver<Bytes>>,
    is_first: bool,
    _place: OwnedSemaphorePermit,
}

/// Answers with everything that follows `place`, for as long as it is read.
pub(super) fn stream<F>(
    feed: F,
    place: Place,
    network: Option<watch::Receiver<Bytes>>,
    permit: OwnedSemaphorePermit,
) -> Response
where
    F: std::ops::Deref<Target = Feed> + Send + 'static,
{
    let reader = Reader {
        latest: feed.latest.subscribe(),
        feed,
        place,
        network,
        is_first: true,
        _place: permit,
    };
    let events = stream::unfold(reader, |mut reader| async move {
        let bytes = reader.next().await;
        Some((bytes, reader))
    });
    answer(StatusCode::OK, "text/event-stream", Content::Stream(events.boxed()))
}

impl<F: std::ops::Deref<Target = Feed>> Reader<F> {
    async fn next(&mut self) -> Bytes {
        if std::mem::take(&mut self.is_first) {
            let id = self.feed.id(self.place.known);
            let mut frames = vec![frame(Some("hello"), Some(&id), &json!({"id": id}))];
            frames.extend(self.network.as_mut().map(|network| network.borrow_and_update().clone()));
            return frames.concat().into();
        }
        loop {
            self.latest.borrow_and_update();
            let (frames, place) = self.feed.next(self.place);
            self.place = place;
            if !frames.is_empty() {
                return frames.concat().into();
            }
            let (latest, network) = (&mut self.latest, &mut self.network);
            let network = async {
                if let Some(network) = network {
                    if network.changed().await.is_ok() {
                        return network.borrow_and_update().clone();
                    }
                }
                std::future::pending().await
            };
            tokio::select! {
                changed = latest.changed() => if changed.is_err() {
                    std::future::pending::<()>().await;
                },
                bytes = network => return bytes,
                () = tokio::time::sleep(STILL_THERE_EVERY) => return Bytes::from_static(b": \n\n"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(events: u64) -> Feed {
        let feed = Feed::new(7);
        for at_ms in 1..=events {
            feed.push(&happened(at_ms));
        }
        feed
    }

    fn happened(at_ms: u64) -> Happened {
        Happened {
            at_ms,
            kind: Kind::Cut,
            node: None,
            peer_id: None,
            resources: Vec::new(),
            cost: None,
            text: None,
        }
    }

    /// Everything from a place on, as text.
    fn read(feed: &Feed, mut place: Place) -> String {
        let mut text = String::new();
        loop {
            let (frames, next) = feed.next(place);
            if frames.is_empty() {
                return text;
            }
            assert!(frames.len() <= AT_ONCE + 1);
            text.push_str(&String::from_utf8(frames.concat()).unwrap());
            place = next;
        }
    }

    #[test]
    fn who_comes_back_misses_nothing_that_is_kept() {
        let feed = feed(200);
        let text = read(&feed, feed.after("7-150").unwrap());
        assert!(text.starts_with("id: 7-151\ndata: {"), "{text}");
        assert_eq!(text.matches("data: ").count(), 50);
        assert!(!text.contains("lagged"));
        assert_eq!(read(&feed, feed.after("7-200").unwrap()), "");
        assert_eq!(read(&feed, feed.back(3)).matches("data: ").count(), 3);
        assert_eq!(read(&feed, feed.back(9_999)).matches("data: ").count(), 200);
    }

    #[test]
    fn who_is_too_slow_is_told_how_much_it_missed_and_reads_on_from_the_oldest() {
        let feed = feed(10);
        let place = feed.back(5);
        for at_ms in 0..EVENTS_KEPT as u64 + 20 {
            feed.push(&happened(at_ms));
        }
        let text = read(&feed, place);
        assert!(
            text.starts_with("event: lagged\nid: 7-30\ndata: {\"missed\":25}\n\nid: 7-31\n"),
            "{}",
            &text[..200]
        );
        assert_eq!(text.matches("data: ").count(), EVENTS_KEPT + 1);
        assert_eq!(feed.ring().events.len(), EVENTS_KEPT);
    }

    #[test]
    fn an_id_of_another_run_or_of_the_future_is_told_to_look_anew() {
        let feed = feed(3);
        for id in ["6-2", "7-4"] {
            let text = read(&feed, feed.after(id).unwrap());
            assert_eq!(text, "event: lagged\nid: 7-3\ndata: {\"missed\":null}\n\n");
        }
        for id in ["", "7", "7-", "x-1", "7-1-1", &"1".repeat(65)] {
            assert!(feed.after(id).is_err(), "{id}");
        }
    }
}
