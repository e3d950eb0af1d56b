//! One look at everything that can be wrong with a resource.

use std::time::Duration;

use futures_util::future::join_all;
use registry_client::{Client, Error, Inspection, Provider, ResourceId};
use serde_json::json;

use super::resource::parse;
use crate::arguments::Common;
use crate::failure::{Failure, Outcome};
use crate::{network, output};

/// Nodes refuse what is dated further ahead.
const CLOCK_SKEW_MAX_MS: i64 = 30_000;
/// A record lives for so long after its issuer signed it.
const LIFETIME_SEC: u64 = 86_400;
/// A provider that does not answer within this time is called gone.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn run(common: &Common, resource: &str, json: bool) -> Outcome {
    let client = network::connect(common).await?;
    let id = parse(resource, client.peer_id())?;
    let findings = Findings::gather(&client, &id).await?;
    match json {
        true => findings.write(),
        false => findings.show(),
    }
    match findings.nodes.iter().any(Node::holds) {
        true => Ok(()),
        false => Err(Failure::not_found(format!(
            "none of {} nodes holds {id}",
            findings.nodes.len()
        ))),
    }
}

struct Node {
    peer_id: String,
    answer: Result<Inspection, Error>,
}

impl Node {
    fn holds(&self) -> bool {
        self.answer
            .as_ref()
            .is_ok_and(|inspection| inspection.resource.is_some())
    }
}

struct Found {
    provider: Provider,
    /// How many nodes hold this record, or a newer one.
    held_by: usize,
    /// None of the caller itself, who would be asking itself.
    answer: Option<Result<(), Error>>,
}

struct Findings {
    id: ResourceId,
    nodes: Vec<Node>,
    providers: Vec<Found>,
}

impl Findings {
    async fn gather(client: &Client, id: &ResourceId) -> Outcome<Self> {
        let neighbours = client.neighbours(id).await?;
        let inspections = neighbours.into_iter().map(|peer_id| async {
            let answer = client.inspect(&peer_id, id).await;
            Node { peer_id, answer }
        });
        let nodes = join_all(inspections).await;
        let ack = u16::try_from(nodes.len()).unwrap_or(u16::MAX);
        let providers = client.resolve_providers(id, ack).await?.value.unwrap_or_default();
        let patient = client.with_ttl(ANSWER_WITHIN)?;
        let answers = providers.into_iter().map(|provider| async {
            let held_by = nodes.iter().filter(|node| holds_record(node, &provider)).count();
            let answer = match provider.peer_id == client.peer_id() {
                true => None,
                false => Some(answers(&patient, &provider).await),
            };
            Found {
                provider,
                held_by,
                answer,
            }
        });
        let providers = join_all(answers).await;
        Ok(Self {
            id: id.clone(),
            nodes,
            providers,
        })
    }

    fn show(&self) {
        output::line(&format!("resource {}\n", self.id));
        let rows = self.nodes.iter().enumerate().map(|(place, node)| {
            let place = (place + 1).to_string();
            match &node.answer {
                Ok(i) => [
                    place,
                    node.peer_id.clone(),
                    i.resource
                        .as_ref()
                        .map_or_else(|| "-".into(), |resource| output::age(resource.timestamp_created)),
                    i.records.len().to_string(),
                    i.tombstones.len().to_string(),
                    i.records
                        .iter()
                        .map(|r| r.issued_at)
                        .max()
                        .map_or_else(|| "-".into(), output::age),
                    clock(i),
                    format!("{} ms", i.took_ms),
                ],
                Err(error) => {
                    let first = error.to_string().lines().next().unwrap_or_default().to_owned();
                    let none = String::new;
                    [
                        place,
                        node.peer_id.clone(),
                        first,
                        none(),
                        none(),
                        none(),
                        none(),
                        none(),
                    ]
                }
            }
        });
        output::table(
            &[
                "#",
                "NODE",
                "HAS IT FOR",
                "RECORDS",
                "TOMBSTONES",
                "NEWEST",
                "CLOCK",
                "ANSWERED IN",
            ],
            rows,
        );
        if !self.providers.is_empty() {
            output::line("");
            let rows = self.providers.iter().map(|found| {
                [
                    found.provider.peer_id.clone(),
                    format!("{} of {}", found.held_by, self.nodes.len()),
                    output::age(found.provider.issued_at),
                    match &found.answer {
                        None => "it is you".to_owned(),
                        Some(Ok(())) => "yes".to_owned(),
                        Some(Err(_)) => "no".to_owned(),
                    },
                ]
            });
            output::table(&["PROVIDER", "ON NODES", "AGE", "ANSWERS"], rows);
        }
        output::line("");
        let advice = self.advice();
        if advice.is_empty() {
            output::good("all is well");
        }
        for line in advice {
            output::line(&format!("* {line}"));
        }
    }

    fn write(&self) {
        for node in &self.nodes {
            match &node.answer {
                Ok(inspection) => output::json(&json!({"node": inspection})),
                Err(error) => output::json(&json!({"node": {"peer_id": node.peer_id, "error": error.to_string()}})),
            }
        }
        for found in &self.providers {
            output::json(&json!({
                "provider": found.provider,
                "held_by": found.held_by,
                "answers": found.answer.as_ref().map(Result::is_ok),
                "error": found.answer.as_ref().and_then(|answer| answer.as_ref().err()).map(ToString::to_string),
            }));
        }
        output::json(&json!({"resource_id": self.id, "advice": self.advice()}));
    }

    /// What is wrong, and what to do.
    fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        let answered = self.nodes.iter().filter(|node| node.answer.is_ok()).count();
        let holding = self.nodes.iter().filter(|node| node.holds()).count();
        let silent: Vec<&str> = self
            .nodes
            .iter()
            .filter(|n| n.answer.is_err())
            .map(|n| output::short(&n.peer_id))
            .collect();
        if !silent.is_empty() {
            advice.push(format!(
                "{} of {} nodes do not answer (…{}): others stand in for them; tell their operators",
                silent.len(),
                self.nodes.len(),
                silent.join(", …")
            ));
        }
        if holding == 0 {
            advice.push("no node holds the resource: its owner has not created it, or nobody used it for 24 h: registry create LABEL".to_owned());
        } else if holding * 2 < answered {
            advice.push(format!(
                "{holding} of {answered} nodes hold the resource: the others are given it within an hour; register again to have it at once"
            ));
        }
        for node in &self.nodes {
            let Ok(inspection) = &node.answer else {
                continue;
            };
            if is_off(inspection) {
                advice.push(format!(
                    "the clock of …{} is {}: it refuses or hides fresh records; set that clock (or this machine's)",
                    output::short(&node.peer_id),
                    clock(inspection)
                ));
            }
        }
        if holding > 0 && self.providers.is_empty() {
            advice.push("the resource has no providers: registry provide".to_owned());
        }
        let now = output::unix_now_sec();
        for Found { provider, answer, .. } in &self.providers {
            let left = (provider.issued_at + LIFETIME_SEC).saturating_sub(now);
            if let Some(Err(_)) = answer {
                advice.push(format!(
                    "the provider {} does not answer: if it is gone, its record ends within {}, or when its issuer calls registry unregister",
                    provider.peer_id,
                    output::duration(Duration::from_secs(left))
                ));
            }
        }
        advice
    }
}

fn holds_record(node: &Node, provider: &Provider) -> bool {
    let is_of = |inspection: &Inspection| {
        inspection.records.iter().any(|record| {
            record.issuer == provider.issuer
                && record.peer_id == provider.peer_id
                && record.service_id == provider.service_id
                && record.issued_at >= provider.issued_at
        })
    };
    node.answer.as_ref().is_ok_and(is_of)
}

/// Every peer has a clock and shows it.
async fn answers(client: &Client, provider: &Provider) -> Result<(), Error> {
    let relay = provider.relay_id.as_deref();
    let asked = client.call_service(&provider.peer_id, relay, "peer", "timestamp_sec", Vec::new());
    asked.await.map(drop)
}

/// The answer may have taken all of its time on one way.
fn is_off(inspection: &Inspection) -> bool {
    let uncertain = i64::try_from(inspection.took_ms / 2).unwrap_or(i64::MAX);
    inspection.clock_ahead_ms.abs().saturating_sub(uncertain) > CLOCK_SKEW_MAX_MS
}

fn clock(inspection: &Inspection) -> String {
    let off = inspection.clock_ahead_ms;
    let text = output::duration(Duration::from_millis(off.unsigned_abs()));
    match (off.unsigned_abs() > inspection.took_ms + 1_000, off > 0) {
        (false, _) => "right".to_owned(),
        (true, true) => format!("{text} fast"),
        (true, false) => format!("{text} slow"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node that holds the resource and answers in 200 ms.
    fn node(name: &str, clock_ahead_ms: i64) -> Node {
        let peer_id = format!("12D3KooW{name}");
        let now = output::unix_now_sec();
        let inspection = json!({
            "peer_id": peer_id, "took_ms": 200, "clock_ahead_ms": clock_ahead_ms, "is_partial": false, "records": [], "tombstones": [],
            "resource": {"id": "id", "label": "chat", "owner_peer_id": "owner", "timestamp_created": now},
        });
        Node {
            peer_id,
            answer: Ok(serde_json::from_value(inspection).unwrap()),
        }
    }

    fn clocks_that_are_off(nodes: Vec<Node>) -> Vec<String> {
        let findings = Findings {
            id: ResourceId::open("chat"),
            nodes,
            providers: Vec::new(),
        };
        let mut advice = findings.advice();
        advice.retain(|line| line.contains("clock"));
        advice
    }

    #[test]
    fn whose_clock_is_off_is_named_and_how_far() {
        let nodes = vec![
            node("00000000", 0),
            node("FastFast", 90_000),
            node("SlowSlow", -600_000),
        ];
        let off = "it refuses or hides fresh records; set that clock (or this machine's)";
        assert_eq!(
            clocks_that_are_off(nodes),
            [
                format!("the clock of …FastFast is 90 s fast: {off}"),
                format!("the clock of …SlowSlow is 10 min slow: {off}"),
            ]
        );
    }

    #[test]
    fn a_clock_is_off_beyond_what_nodes_take_and_the_way_of_the_answer_explains() {
        // 30 s, and half of the 200 ms.
        let within = vec![node("a", 30_100), node("b", -30_100)];
        assert_eq!(clocks_that_are_off(within), [""; 0]);
        let beyond = vec![node("a", 30_101), node("b", -30_101)];
        assert_eq!(clocks_that_are_off(beyond).len(), 2);
    }
}
