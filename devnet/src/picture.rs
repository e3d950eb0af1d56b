//! A picture of the ring of peers: where each lies in the key space, who is close to a key, and who holds what.

use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::TAU;
use std::fmt::Write;

use crate::kademlia::Point;
use crate::network::Network;
use crate::peer::PeerIndex;

const SIZE: f64 = 940.0;
const CENTRE: f64 = SIZE / 2.0;
const RADIUS: f64 = 270.0;
/// Beyond this many nodes their labels would overlap.
const LABELLED_NODES_MAX: usize = 60;

/// What to draw beside the nodes themselves.
#[derive(Debug, Clone, Default)]
pub struct Picture {
    pub title: String,
    /// The key, drawn inside the ring.
    pub key: Option<Point>,
    /// Its neighbourhood, closest first.
    pub neighbourhood: Vec<PeerIndex>,
    /// For each node that holds records, what to write beside it.
    pub holders: BTreeMap<PeerIndex, String>,
}

/// Draws the ring as SVG.
#[must_use]
pub fn draw(network: &Network, picture: &Picture) -> String {
    let nodes = network.nodes();
    let mut svg = String::new();
    let mut line = |text: String| {
        svg.push_str(&text);
        svg.push('\n');
    };
    line(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {SIZE} {SIZE}\" font-family=\"sans-serif\" font-size=\"12\">"
    ));
    line("<style>.node{fill:#ffffff;stroke:#445566;stroke-width:1.5} .near{fill:#ffd166} .holds{fill:#06a77d} .dead{fill:#dddddd;stroke-dasharray:2} .ring{fill:none;stroke:#ccd5dd} .link{stroke:#ffd166} text{fill:#223344}</style>".to_owned());
    line("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>".to_owned());
    line(format!(
        "<circle class=\"ring\" cx=\"{CENTRE}\" cy=\"{CENTRE}\" r=\"{RADIUS}\"/>"
    ));
    line(format!(
        "<text x=\"20\" y=\"30\" font-size=\"18\">{}</text>",
        escape(&picture.title)
    ));
    line(legend());

    let fractions = spread(nodes.iter().map(|node| network.peers()[node.0].point().fraction()));
    let place: BTreeMap<_, _> = nodes.iter().copied().zip(fractions).collect();
    let near: BTreeSet<_> = picture.neighbourhood.iter().copied().collect();
    if let Some(key) = picture.key {
        let (x, y) = position(key.fraction(), RADIUS * 0.55);
        for index in &picture.neighbourhood {
            let (to_x, to_y) = position(place[index], RADIUS);
            line(format!(
                "<line class=\"link\" x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{to_x:.1}\" y2=\"{to_y:.1}\"/>"
            ));
        }
        line(format!(
            "<path d=\"M{x:.1} {:.1} l9 9 l-9 9 l-9 -9 z\" fill=\"#ef476f\"><title>key</title></path>",
            y - 9.0
        ));
    }
    for index in &nodes {
        let peer = &network.peers()[index.0];
        let (x, y) = position(place[index], RADIUS);
        let holds = picture.holders.get(index);
        let class = match (peer.is_alive(), holds, near.contains(index)) {
            (false, _, _) => "node dead",
            (true, Some(_), _) => "node holds",
            (true, None, true) => "node near",
            (true, None, false) => "node",
        };
        line(format!(
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"9\"><title>{}</title></circle>",
            escape(peer.id())
        ));
        if nodes.len() <= LABELLED_NODES_MAX || holds.is_some() {
            let text = match holds {
                Some(what) => format!("{} …{}: {what}", index.0, peer.short_id()),
                None => format!("{} …{}", index.0, peer.short_id()),
            };
            line(label(place[index], &text));
        }
    }
    line("</svg>".to_owned());
    svg
}

fn legend() -> String {
    let mut text = String::new();
    let entries = [
        ("node near", "neighbourhood"),
        ("node holds", "holds records"),
        ("node dead", "dead"),
    ];
    for (row, (class, meaning)) in entries.iter().enumerate() {
        let y = SIZE - 60.0 + 20.0 * row as f64;
        let _ = write!(
            text,
            "<circle class=\"{class}\" cx=\"30\" cy=\"{y}\" r=\"7\"/><text x=\"45\" y=\"{}\">{meaning}</text>",
            y + 4.0
        );
    }
    text
}

/// Peers' places on the ring, in turns: where they lie in the key space, but moved apart so far that circles and labels
/// do not overlap. The order stays.
fn spread(fractions: impl Iterator<Item = f64>) -> Vec<f64> {
    const GAP_MAX: f64 = 0.012;
    const ROUNDS: usize = 500;
    let mut place: Vec<f64> = fractions.collect();
    let mut order: Vec<usize> = (0..place.len()).collect();
    order.sort_by(|a, b| place[*a].total_cmp(&place[*b]));
    let gap = GAP_MAX.min(0.95 / place.len().max(1) as f64);
    for _ in 0..ROUNDS {
        for i in 0..order.len() {
            let next = (i + 1) % order.len();
            let turn = if next == 0 { 1.0 } else { 0.0 };
            let (a, b) = (order[i], order[next]);
            let missing = gap - (place[b] + turn - place[a]);
            if a != b && missing > 0.0 {
                place[a] -= missing / 2.0;
                place[b] += missing / 2.0;
            }
        }
    }
    place
}

/// The key space runs clockwise from the top.
fn position(fraction: f64, radius: f64) -> (f64, f64) {
    let angle = fraction * TAU;
    (CENTRE + radius * angle.sin(), CENTRE - radius * angle.cos())
}

/// A label outside the ring, along its radius and never upside down.
fn label(fraction: f64, text: &str) -> String {
    let (x, y) = position(fraction, RADIUS + 16.0);
    let degrees = fraction * 360.0 - 90.0;
    let (turn, anchor) = if fraction.rem_euclid(1.0) < 0.5 {
        (degrees, "start")
    } else {
        (degrees + 180.0, "end")
    };
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" dominant-baseline=\"middle\" transform=\"rotate({turn:.1} {x:.1} {y:.1})\">{}</text>",
        escape(text)
    )
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        assert_eq!(escape("a<b> & \"c\""), "a&lt;b&gt; &amp; &quot;c&quot;");
    }

    #[test]
    fn every_position_is_on_the_ring() {
        for i in 0..50 {
            let (x, y) = position(f64::from(i) / 50.0, RADIUS);
            let distance = ((x - CENTRE).powi(2) + (y - CENTRE).powi(2)).sqrt();
            assert!((distance - RADIUS).abs() < 1e-6);
        }
    }

    #[test]
    fn peers_that_lie_close_together_are_moved_apart_in_their_order() {
        let clustered = [0.999, 0.5, 0.5001, 0.5002, 0.0001];
        let place = spread(clustered.into_iter());
        let gap = |from: usize, to: usize| (place[to] - place[from]).rem_euclid(1.0);
        for (from, to) in [(1, 2), (2, 3), (0, 4)] {
            let gap = gap(from, to);
            assert!((0.0115..0.1).contains(&gap), "{from} to {to}: {gap}");
        }
        let many = spread((0..400).map(|i| f64::from(i) / 100_000.0));
        assert!(many.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
