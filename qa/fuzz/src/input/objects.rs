//! Signed objects, genuine as long as nobody touches them. Each is signed once a thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;

use registry_service::domain::data::{Key, Record, RecordMetadata, Tombstone};
use registry_service::domain::{signing, KeyId};
use registry_testkit::Peer;

use super::{cast, Source, LABELS, NOW};

/// Objects of each kind that a thread keeps.
const KEPT_MAX: usize = 8_192;
/// Which of the cast is whom.
type Who = usize;

type KeyRecipe = (Who, usize, u64, usize);
type MetadataRecipe = (Who, Who, usize, u64, usize);
type RecordRecipe = (MetadataRecipe, u64);
type TombstoneRecipe = (Who, Who, usize, u64, usize);

#[derive(Debug, Default)]
struct Signed {
    keys: HashMap<KeyRecipe, Key>,
    metadata: HashMap<MetadataRecipe, RecordMetadata>,
    records: HashMap<RecordRecipe, Record>,
    tombstones: HashMap<TombstoneRecipe, Tombstone>,
}

thread_local! {
    static SIGNED: RefCell<Signed> = RefCell::default();
}

fn kept<R: Hash + Eq + Copy, T: Clone>(
    of: impl Fn(&mut Signed) -> &mut HashMap<R, T>,
    recipe: R,
    sign: impl FnOnce() -> T,
) -> T {
    if let Some(kept) = SIGNED.with_borrow_mut(|signed| of(signed).get(&recipe).cloned()) {
        return kept;
    }
    let made = sign();
    SIGNED.with_borrow_mut(|signed| {
        let kept = of(signed);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(recipe, made.clone());
    });
    made
}

/// Shapes of keys, signed as they are; only the first few are within the limits.
const KEY_SHAPES: [fn(&mut Key); 8] = [
    |_| {},
    |key| {
        key.challenge = vec![1, 2, 3];
        key.challenge_type = "puzzle".into();
    },
    |key| key.label = "l".repeat(512),
    |key| key.challenge = vec![9; 1_024],
    |key| key.challenge_type = "t".repeat(64),
    |key| key.label = "l".repeat(513),
    |key| key.challenge = vec![9; 1_025],
    |key| key.challenge_type = "t".repeat(65),
];

/// Shapes of metadata, signed as they are.
const METADATA_SHAPES: [fn(&mut RecordMetadata); 14] = [
    |_| {},
    |metadata| metadata.relay_id = vec![cast().peers[3].id().to_owned()],
    |metadata| metadata.service_id = vec!["service".into()],
    |metadata| metadata.value = "another value".into(),
    |metadata| metadata.value = "v".repeat(4_096),
    |metadata| metadata.solution = vec![5; 1_024],
    |metadata| metadata.service_id = vec!["s".repeat(128)],
    |metadata| metadata.value = "v".repeat(4_097),
    |metadata| metadata.solution = vec![5; 1_025],
    |metadata| metadata.service_id = vec!["s".repeat(129)],
    |metadata| metadata.service_id = vec!["one".into(), "two".into()],
    |metadata| metadata.relay_id = vec![cast().peers[3].id().to_owned(), cast().peers[4].id().to_owned()],
    |metadata| metadata.relay_id = vec!["no peer".into()],
    |metadata| metadata.relay_id = vec![String::new()],
];

const SOLUTIONS: [usize; 4] = [0, 1, 1_024, 1_025];

/// Where objects come from.
#[derive(Debug)]
pub struct Objects;

impl Objects {
    /// One of the ids of the cast's keys; the first is that of the key that is registered from the beginning.
    pub fn key_id(which: usize) -> String {
        let peers = &cast().peers;
        match which {
            0..=2 => KeyId::of(LABELS[which], cast().owner().id()).to_string(),
            3 => KeyId::of(LABELS[0], peers[5].id()).to_string(),
            _ => KeyId::of("never registered", "by nobody").to_string(),
        }
    }

    pub fn some_key_id(source: &mut Source<'_>) -> String {
        match source.below(16) {
            0..=8 => Self::key_id(0),
            9..=13 => Self::key_id(source.below(5)),
            14 => cast().owner().id().to_owned(),
            _ => source.hostile_text(),
        }
    }

    pub fn peer(source: &mut Source<'_>) -> &'static Peer {
        &cast().peers[Self::who(source)]
    }

    fn who(source: &mut Source<'_>) -> Who {
        match source.below(8) {
            0..=6 => 2 + source.below(3),
            _ => source.below(cast().peers.len()),
        }
    }

    /// A time that an honest object could carry.
    fn signed_time(source: &mut Source<'_>) -> u64 {
        match source.below(16) {
            0..=9 => NOW,
            10..=14 => source.near_time(),
            _ => source.absurd_time(),
        }
    }

    /// The key that is registered from the beginning.
    pub fn first_key() -> Key {
        Self::signed_key((1, 0, NOW, 0))
    }

    fn signed_key((owner, label, created, shape): KeyRecipe) -> Key {
        let sign = || {
            let peer = &cast().peers[owner];
            let mut key = Key {
                label: LABELS[label].to_owned(),
                owner_peer_id: peer.id().to_owned(),
                timestamp_created: created,
                ..Key::default()
            };
            KEY_SHAPES[shape](&mut key);
            key.id = KeyId::of(&key.label, &key.owner_peer_id).to_string();
            key.signature = peer.sign(&signing::key_bytes(&key));
            key
        };
        kept(|signed| &mut signed.keys, (owner, label, created, shape), sign)
    }

    fn signed_metadata(recipe: MetadataRecipe) -> RecordMetadata {
        let (issuer, provider, key, issued, shape) = recipe;
        let sign = || {
            let mut metadata = RecordMetadata {
                key_id: Self::key_id(key),
                peer_id: cast().peers[provider].id().to_owned(),
                timestamp_issued: issued,
                value: "value".to_owned(),
                ..RecordMetadata::default()
            };
            METADATA_SHAPES[shape](&mut metadata);
            cast().peers[issuer].issue(metadata)
        };
        kept(|signed| &mut signed.metadata, recipe, sign)
    }

    fn signed_record(recipe: RecordRecipe) -> Record {
        let ((_, provider, ..), created) = recipe;
        let sign = || cast().peers[provider].record(Self::signed_metadata(recipe.0), created);
        kept(|signed| &mut signed.records, recipe, sign)
    }

    fn signed_tombstone(recipe: TombstoneRecipe) -> Tombstone {
        let (issuer, provider, key, issued, solution) = recipe;
        let sign = || {
            let peer = &cast().peers[issuer];
            let mut tombstone = Tombstone {
                key_id: Self::key_id(key),
                issued_by: peer.id().to_owned(),
                peer_id: cast().peers[provider].id().to_owned(),
                timestamp_issued: issued,
                solution: vec![3; SOLUTIONS[solution]],
                issuer_signature: Vec::new(),
            };
            tombstone.issuer_signature = peer.sign(&signing::tombstone_bytes(&tombstone));
            tombstone
        };
        kept(|signed| &mut signed.tombstones, recipe, sign)
    }

    fn shape(source: &mut Source<'_>, shapes: usize) -> usize {
        match source.below(4) {
            0..=2 => 0,
            _ => source.below(shapes),
        }
    }

    fn key_recipe(source: &mut Source<'_>) -> KeyRecipe {
        let owner = match source.below(8) {
            0..=6 => 1,
            _ => source.below(cast().peers.len()),
        };
        let label = Self::shape(source, LABELS.len());
        (
            owner,
            label,
            Self::signed_time(source),
            Self::shape(source, KEY_SHAPES.len()),
        )
    }

    /// Genuine, whatever its sizes and times.
    pub fn genuine_key(source: &mut Source<'_>) -> Key {
        Self::signed_key(Self::key_recipe(source))
    }

    fn metadata_recipe(source: &mut Source<'_>) -> MetadataRecipe {
        let provider = Self::who(source);
        let issuer = match source.below(2) {
            0 => provider,
            _ => Self::who(source),
        };
        let key = match source.below(8) {
            0..=6 => 0,
            _ => source.below(5),
        };
        (
            issuer,
            provider,
            key,
            Self::signed_time(source),
            Self::shape(source, METADATA_SHAPES.len()),
        )
    }

    pub fn genuine_metadata(source: &mut Source<'_>) -> RecordMetadata {
        Self::signed_metadata(Self::metadata_recipe(source))
    }

    pub fn genuine_record(source: &mut Source<'_>) -> Record {
        let metadata = Self::metadata_recipe(source);
        let created = match source.below(4) {
            0..=1 => metadata.3,
            _ => Self::signed_time(source),
        };
        Self::signed_record((metadata, created))
    }

    /// Issued for this very host.
    pub fn host_metadata(source: &mut Source<'_>) -> RecordMetadata {
        let (issuer, _, key, issued, shape) = Self::metadata_recipe(source);
        Self::signed_metadata((issuer, 0, key, issued, shape))
    }

    /// As `put_host_record` returns it on the provider.
    pub fn unsigned_record(source: &mut Source<'_>) -> Record {
        let metadata = Self::genuine_metadata(source);
        Record {
            timestamp_created: metadata.timestamp_issued,
            metadata,
            signature: Vec::new(),
        }
    }

    pub fn genuine_tombstone(source: &mut Source<'_>) -> Tombstone {
        let (issuer, provider, key, issued, _) = Self::metadata_recipe(source);
        let solution = Self::shape(source, SOLUTIONS.len());
        Self::signed_tombstone((issuer, provider, key, issued, solution))
    }

    /// A key as somebody sends it: genuine mostly.
    pub fn key(source: &mut Source<'_>) -> Key {
        let mut key = Self::genuine_key(source);
        if touched(source) {
            damage::key(source, &mut key);
        }
        key
    }

    pub fn metadata(source: &mut Source<'_>) -> RecordMetadata {
        let mut metadata = match source.below(2) {
            0 => Self::host_metadata(source),
            _ => Self::genuine_metadata(source),
        };
        if touched(source) {
            damage::metadata(source, &mut metadata);
        }
        metadata
    }

    pub fn record(source: &mut Source<'_>) -> Record {
        let mut record = match source.below(16) {
            0..=13 => Self::genuine_record(source),
            14 => Self::unsigned_record(source),
            _ => Record::default(),
        };
        if touched(source) {
            damage::record(source, &mut record);
        }
        record
    }

    pub fn tombstone(source: &mut Source<'_>) -> Tombstone {
        let mut tombstone = Self::genuine_tombstone(source);
        if touched(source) {
            damage::tombstone(source, &mut tombstone);
        }
        tombstone
    }
}

fn touched(source: &mut Source<'_>) -> bool {
    source.below(3) == 2
}

/// What strangers do to objects underway.
pub mod damage {
    use super::*;

    pub fn key(source: &mut Source<'_>, key: &mut Key) {
        match source.below(7) {
            0 => bytes(source, &mut key.signature),
            1 => number(source, &mut key.timestamp_created),
            2 => id(source, &mut key.id),
            3 => text(source, &mut key.label),
            4 => id(source, &mut key.owner_peer_id),
            5 => bytes(source, &mut key.challenge),
            _ => text(source, &mut key.challenge_type),
        }
    }

    pub fn metadata(source: &mut Source<'_>, metadata: &mut RecordMetadata) {
        match source.below(9) {
            0 => bytes(source, &mut metadata.issuer_signature),
            1 => number(source, &mut metadata.timestamp_issued),
            2 => id(source, &mut metadata.key_id),
            3 => id(source, &mut metadata.issued_by),
            4 => id(source, &mut metadata.peer_id),
            5 => bytes(source, &mut metadata.solution),
            6 => text(source, &mut metadata.value),
            7 => list(source, &mut metadata.relay_id),
            _ => list(source, &mut metadata.service_id),
        }
    }

    pub fn record(source: &mut Source<'_>, record: &mut Record) {
        match source.below(5) {
            0 => bytes(source, &mut record.signature),
            1 => number(source, &mut record.timestamp_created),
            2 => record.signature.clear(),
            _ => metadata(source, &mut record.metadata),
        }
    }

    pub fn tombstone(source: &mut Source<'_>, tombstone: &mut Tombstone) {
        match source.below(6) {
            0 => bytes(source, &mut tombstone.issuer_signature),
            1 => number(source, &mut tombstone.timestamp_issued),
            2 => id(source, &mut tombstone.key_id),
            3 => id(source, &mut tombstone.issued_by),
            4 => id(source, &mut tombstone.peer_id),
            _ => bytes(source, &mut tombstone.solution),
        }
    }

    fn number(source: &mut Source<'_>, number: &mut u64) {
        match source.below(4) {
            0 => *number ^= 1 << source.below(64),
            1 => *number = source.near_time(),
            2 => *number = source.absurd_time(),
            _ => *number = source.number(),
        }
    }

    /// Another id, or none at all.
    fn id(source: &mut Source<'_>, id: &mut String) {
        match source.below(4) {
            0 => *id = Objects::peer(source).id().to_owned(),
            1 => *id = Objects::key_id(source.below(5)),
            _ => text(source, id),
        }
    }

    fn text(source: &mut Source<'_>, text: &mut String) {
        match source.below(4) {
            0 | 1 if !text.is_empty() => {
                let mut bytes = std::mem::take(text).into_bytes();
                flip(source, &mut bytes);
                *text = String::from_utf8_lossy(&bytes).into_owned();
            }
            2 => {
                text.pop();
            }
            _ => *text = source.hostile_text(),
        }
    }

    fn list(source: &mut Source<'_>, list: &mut Vec<String>) {
        match source.below(3) {
            0 => list.push(Objects::peer(source).id().to_owned()),
            1 => list.clear(),
            _ => *list = vec![source.hostile_text(); source.count(4)],
        }
    }

    fn bytes(source: &mut Source<'_>, bytes: &mut Vec<u8>) {
        match source.below(8) {
            0..=3 if !bytes.is_empty() => flip(source, bytes),
            4 => {
                bytes.pop();
            }
            5 => bytes.push(source.below(256) as u8),
            // The signature of something else.
            6 => *bytes = Objects::genuine_record(source).signature,
            _ => *bytes = source.hostile_bytes(),
        }
    }

    fn flip(source: &mut Source<'_>, bytes: &mut [u8]) {
        let at = source.below(bytes.len());
        bytes[at] ^= 1 << source.below(8);
    }
}
