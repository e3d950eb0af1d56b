//! A picture of the ring of peers: where each lies in the key space, who is close to a key, and who holds what.

use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::TAU;
use std::fmt::Write;

use crate::kademlia::Point;
use crate::network::Network;
use crate::peer::PeerIndex;

const SIZE: f64 = 800.0;
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

    let near: BTreeSet<_> = picture.neighbourhood.iter().copied().collect();
    if let Some(key) = picture.key {
        let (x, y) = position(key, RADIUS * 0.55);
        for index in &picture.neighbourhood {
            let (to_x, to_y) = position(network.peers()[index.0].point(), RADIUS);
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
        let (x, y) = position(peer.point(), RADIUS);
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
            line(label(peer.point(), &text));
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

/// The key space runs clockwise from the top.
fn position(point: Point, radius: f64) -> (f64, f64) {
    let angle = point.fraction() * TAU;
    (CENTRE + radius * angle.sin(), CENTRE - radius * angle.cos())
}

/// A label outside the ring, turned so that labels of close peers do not overlap.
fn label(point: Point, text: &str) -> String {
    let (x, y) = position(point, RADIUS + 16.0);
    let degrees = point.fraction() * 360.0 - 90.0;
    let (turn, anchor) = if point.fraction() < 0.5 {
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
        for i in 0..50u32 {
            let (x, y) = position(Point::of(&i.to_le_bytes()), RADIUS);
            let distance = ((x - CENTRE).powi(2) + (y - CENTRE).powi(2)).sqrt();
            assert!((distance - RADIUS).abs() < 1e-6);
        }
    }
}
