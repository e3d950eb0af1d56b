//! Finding the closest nodes to a key beyond a node's own routing table: who is asked, and who is believed.

use registry_service::calls::{CallError, Closer};
use registry_service::domain::limits::{CLOSER_ASKED, CLOSEST_ASKED, NEIGHBOURHOOD_MAX, PEERS_MAX};
use registry_testkit::{Origins, Peer};

use crate::support::{scene, Scene};

const HEDGE_MS: u32 = 1_000;

fn peers(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| Peer::named(&format!("node {number}")).id().to_owned())
        .collect()
}

fn closer(scene: &mut Scene, lists: &[&[String]], step: u8) -> Closer {
    let origins = Origins::new(&scene.node.host, &Peer::named("a client"), 3);
    let (key_id, lists) = (scene.key_id.clone(), lists.iter().map(|list| list.to_vec()).collect());
    let closer = scene.node.call(origins, |call| {
        Ok::<_, CallError>(call.get_closer(&key_id, lists, step, HEDGE_MS)?)
    });
    closer.unwrap()
}

fn end(scene: &mut Scene, lists: &[&[String]]) -> Vec<String> {
    let origins = Origins::new(&scene.node.host, &Peer::named("a client"), 2);
    let (key_id, lists) = (scene.key_id.clone(), lists.iter().map(|list| list.to_vec()).collect());
    let ended = scene.node.call(origins, |call| {
        Ok::<_, CallError>(call.get_neighbourhood(&key_id, lists)?)
    });
    ended.unwrap()
}

/// All of them by their distance to the scene's key, this node left out, as it counts itself in everywhere.
fn by_distance(scene: &mut Scene, mut rest: Vec<String>) -> Vec<String> {
    let mut ordered = Vec::new();
    while !rest.is_empty() {
        let origins = Origins::new(&scene.node.host, &Peer::named("a client"), 2);
        let (key_id, given) = (scene.key_id.clone(), rest.clone());
        let near = scene
            .node
            .call(origins, |call| Ok(call.get_neighbourhood(&key_id, vec![given])?));
        let host = scene.node.host.id().to_owned();
        let near: Vec<String> = near.unwrap().into_iter().filter(|peer| *peer != host).collect();
        rest.retain(|peer| !near.contains(peer));
        ordered.extend(near);
    }
    ordered
}

#[test]
fn the_five_closest_that_a_node_knows_are_asked_and_three_answers_are_enough() {
    let mut scene = scene();
    let known = peers(NEIGHBOURHOOD_MAX);
    let closest = by_distance(&mut scene, known.clone());
    let first = closer(&mut scene, &[&known], 1);
    assert_eq!(first.ask, closest[..CLOSER_ASKED]);
    assert_eq!((CLOSER_ASKED, first.enough), (5, vec![3]), "its own list is the first");
}

#[test]
fn then_the_three_closest_of_all_that_were_named_are_asked_unless_they_have_been() {
    let mut scene = scene();
    let all = by_distance(&mut scene, peers(60));
    let (close, own) = all.split_at(30);
    // Each of those who were asked names others.
    let lists = [&own[..20], &close[10..], &close[2..], &close[1..20]];
    let second = closer(&mut scene, &lists, 2);
    assert_eq!(second.ask, close[1..4]);
    assert_eq!(second.enough, [5], "two more");

    let one_is_new = closer(
        &mut scene,
        &[&close[1..21], &close[..20], &close[2..20], &close[2..]],
        2,
    );
    assert_eq!((one_is_new.ask, one_is_new.enough), (vec![close[0].clone()], vec![4]));
    let none_is = closer(
        &mut scene,
        &[&close[..20], &close[..20], &close[1..20], &close[..20]],
        2,
    );
    assert_eq!((none_is.ask, none_is.enough), (vec![], vec![]));
}

#[test]
fn where_nobody_has_answered_they_are_asked_again_and_the_next_ones_with_them() {
    let mut scene = scene();
    let known = by_distance(&mut scene, peers(NEIGHBOURHOOD_MAX));
    let second = closer(&mut scene, &[&known], 2);
    assert_eq!(second.ask, known[..CLOSER_ASKED + CLOSEST_ASKED]);
    assert_eq!(second.enough, [5]);
}

#[test]
fn names_that_are_no_peers_are_not_asked_and_not_waited_for() {
    let mut scene = scene();
    let nobody: Vec<String> = (0..NEIGHBOURHOOD_MAX).map(|number| format!("0OIl {number}")).collect();
    for step in [1, 2] {
        assert_eq!(closer(&mut scene, &[&nobody], step).ask, [] as [String; 0]);
        assert_eq!(closer(&mut scene, &[], step).ask, [] as [String; 0]);
    }
    let one = [&nobody[..], &peers(1)].concat();
    let first = closer(&mut scene, &[&one], 1);
    assert_eq!((first.ask, first.enough), (peers(1), vec![1]));
}

#[test]
fn closer_nodes_that_others_name_take_the_place_of_those_that_the_node_knows() {
    let mut scene = scene();
    let all = by_distance(&mut scene, peers(80));
    let (close, far) = all.split_at(NEIGHBOURHOOD_MAX);
    let found = end(&mut scene, &[&far[..20], close, &close[..15], &close[5..]]);
    let known = found.iter().filter(|peer| close.contains(peer)).count();
    assert!(known >= NEIGHBOURHOOD_MAX - 1, "{known}");
    assert!(close[..7].iter().all(|peer| found.contains(peer)));
    // In a network that all of them know, they say the same.
    let same = end(&mut scene, &[close, close, close, close]);
    assert!(close[..19].iter().all(|peer| same.contains(peer)));
}

#[test]
fn whatever_others_invent_the_closest_in_each_list_have_their_places() {
    let mut scene = scene();
    let all = by_distance(&mut scene, peers(200));
    let (invented, honest) = all.split_at(NEIGHBOURHOOD_MAX);
    let (close, far) = honest.split_at(NEIGHBOURHOOD_MAX);
    let own = &far[..20];
    for (lists, least) in [
        (vec![own, invented], 10),
        (vec![own, invented, close], 10),
        (vec![own, invented, close, close], 6),
        (vec![own, invented, invented, close], 6),
        (vec![own, invented, invented, close, close, &close[2..]], 4),
    ] {
        let found = end(&mut scene, &lists);
        let of_others = found.iter().filter(|peer| !invented.contains(peer)).count();
        assert!(of_others >= least, "{of_others} in {} lists", lists.len());
    }
}

#[test]
fn as_many_lists_as_there_can_be_are_read_whole() {
    let mut scene = scene();
    let all = peers((1 + 2 * CLOSER_ASKED + CLOSEST_ASKED) * NEIGHBOURHOOD_MAX);
    let lists: Vec<&[String]> = all.chunks(NEIGHBOURHOOD_MAX).collect();
    let found = end(&mut scene, &lists);
    assert_eq!(found.len(), NEIGHBOURHOOD_MAX);
    for list in &lists[1..] {
        let closest = by_distance(&mut scene, list.to_vec()).swap_remove(0);
        assert!(found.contains(&closest), "{closest}");
    }
}

#[test]
fn what_the_lists_leave_goes_to_the_closest_of_all() {
    let mut scene = scene();
    let all = by_distance(&mut scene, peers(120));
    // Two that know the neighbourhood, and three that know one in three of those around it.
    let third = |first: usize| -> Vec<String> { all.iter().skip(first).step_by(3).take(20).cloned().collect() };
    let (exact, thirds) = (&all[..20], [third(0), third(1), third(2)]);
    let lists = [&all[100..], &thirds[0], &thirds[1], &thirds[2], exact, exact];
    let found = end(&mut scene, &lists);
    assert!(exact[..19].iter().all(|peer| found.contains(peer)));
}

#[test]
fn a_peer_named_again_and_again_in_one_list_takes_one_place() {
    let mut scene = scene();
    let all = by_distance(&mut scene, peers(60));
    let again = vec![all[0].clone(); 40];
    let found = end(&mut scene, &[&all[30..50], &again]);
    let host = scene.node.host.id().to_owned();
    let others = found.iter().filter(|peer| **peer != host);
    assert!(others.clone().count() >= NEIGHBOURHOOD_MAX - 1);
    assert_eq!(others.filter(|peer| **peer == all[0]).count(), 1);
}

#[test]
fn where_nobody_answers_the_node_goes_on_with_its_own_list() {
    let mut scene = scene();
    let known = by_distance(&mut scene, peers(12));
    let found = end(&mut scene, &[&known]);
    let host = scene.node.host.id().to_owned();
    assert_eq!(found.len(), 13);
    assert_eq!(
        found.into_iter().filter(|peer| *peer != host).collect::<Vec<_>>(),
        known
    );
    assert_eq!(end(&mut scene, &[]), [host]);
}

#[test]
fn lists_that_are_too_long_are_not_read() {
    let mut scene = scene();
    let all = by_distance(&mut scene, peers(40));
    let long = vec![all[..20].to_vec(); PEERS_MAX].concat();
    let found = end(&mut scene, &[&all[20..], &long]);
    assert!(found.iter().all(|peer| !all[..20].contains(peer)));
    let origins = Origins::new(&scene.node.host, &Peer::named("a client"), 2);
    let (key_id, lists) = (
        scene.key_id.clone(),
        vec![all.clone(); 2 * CLOSER_ASKED + CLOSEST_ASKED + 2],
    );
    let refused = scene.node.call(origins, |call| {
        Ok::<_, CallError>(call.get_neighbourhood(&key_id, lists)?)
    });
    assert!(refused.unwrap_err().to_string().contains("lists of peers"));
}

#[test]
fn what_is_no_key_id_has_no_neighbourhood() {
    let mut scene = scene();
    for key_id in ["", "no key", "0OIl"] {
        let origins = Origins::new(&scene.node.host, &Peer::named("a client"), 2);
        let found = scene.node.call(origins, |call| {
            let lists = || vec![peers(30)];
            assert!(call.get_neighbourhood(key_id, lists()).is_err(), "{key_id}");
            Ok::<_, CallError>(call.find_peers(key_id, lists()))
        });
        // A plan says what is wrong with it, and with what comes before.
        assert!(found.unwrap().unwrap().is_empty(), "{key_id}");
    }
}
