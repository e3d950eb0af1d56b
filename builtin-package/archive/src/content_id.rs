//! Content ids of files: by these nox knows modules and blueprints.
//!
//! The id is a CIDv1 as IPFS gives it with its default chunks and raw leaves: a file of one chunk is named by its own
//! sha256, a longer one by that of the dag-pb node which lists its chunks.

use data_encoding::BASE32_NOPAD;
use eyre::ensure;
use sha2::{Digest, Sha256};

/// IPFS's default.
const CHUNK_LEN: usize = 262_144;
/// One dag-pb node lists at most so many chunks; a longer file has a tree of nodes on IPFS, but not in nox.
const CHUNKS_MAX: usize = 174;

const CID_VERSION: u8 = 1;
const RAW: u8 = 0x55;
const DAG_PB: u8 = 0x70;
const SHA2_256: u8 = 0x12;
const SHA2_256_LEN: u8 = 32;
/// Multibase's letter for lower-case base32.
const BASE32_LOWER: char = 'b';

/// The id of a file with these bytes.
///
/// # Errors
/// When the file is empty or longer than what one node of the format lists, 45,613,056 bytes.
pub fn content_id(bytes: &[u8]) -> eyre::Result<String> {
    let len_max = CHUNK_LEN * CHUNKS_MAX;
    ensure!(!bytes.is_empty(), "an empty file is no module");
    ensure!(
        bytes.len() <= len_max,
        "the file has {} bytes, the most that one content id covers is {len_max}",
        bytes.len(),
    );
    let chunks: Vec<&[u8]> = bytes.chunks(CHUNK_LEN).collect();
    let id = match chunks.as_slice() {
        [only] => cid(RAW, only),
        chunks => cid(DAG_PB, &file_node(bytes.len(), chunks)),
    };
    Ok(format!("{BASE32_LOWER}{}", BASE32_NOPAD.encode(&id).to_lowercase()))
}

fn cid(codec: u8, block: &[u8]) -> Vec<u8> {
    let mut id = vec![CID_VERSION, codec, SHA2_256, SHA2_256_LEN];
    id.extend(Sha256::digest(block));
    id
}

/// A dag-pb node: links to the chunks, then what the whole file is.
fn file_node(file_len: usize, chunks: &[&[u8]]) -> Vec<u8> {
    const LINKS: u64 = 2;
    const DATA: u64 = 1;
    let mut node = Vec::new();
    for chunk in chunks {
        put_bytes(&mut node, LINKS, &link(chunk));
    }
    put_bytes(&mut node, DATA, &unixfs_file(file_len, chunks));
    node
}

fn link(chunk: &[u8]) -> Vec<u8> {
    const HASH: u64 = 1;
    const NAME: u64 = 2;
    const TOTAL_LEN: u64 = 3;
    let mut link = Vec::new();
    put_bytes(&mut link, HASH, &cid(RAW, chunk));
    // Written even though it is empty: without it the hash is another.
    put_bytes(&mut link, NAME, b"");
    put_number(&mut link, TOTAL_LEN, chunk.len() as u64);
    link
}

fn unixfs_file(file_len: usize, chunks: &[&[u8]]) -> Vec<u8> {
    const TYPE: u64 = 1;
    const FILE: u64 = 2;
    const FILE_LEN: u64 = 3;
    const CHUNK_LENS: u64 = 4;
    let mut data = Vec::new();
    put_number(&mut data, TYPE, FILE);
    put_number(&mut data, FILE_LEN, file_len as u64);
    for chunk in chunks {
        put_number(&mut data, CHUNK_LENS, chunk.len() as u64);
    }
    data
}

/// A protobuf field of the wire type "length-delimited".
fn put_bytes(message: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(message, field << 3 | 2);
    put_varint(message, bytes.len() as u64);
    message.extend(bytes);
}

/// A protobuf field of the wire type "varint".
fn put_number(message: &mut Vec<u8>, field: u64, number: u64) {
    put_varint(message, field << 3);
    put_varint(message, number);
}

fn put_varint(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push(number as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i % 251) as u8).collect()
    }

    /// What `ipfs-unixfs-importer` 15 gives with CID version 1 and raw leaves.
    #[test]
    fn ids_are_those_of_ipfs() {
        let known = [
            (1, "bafkreidogqfzz75tpkmjzjke425xqcrmpcib2p5tg44hnbirumdbpl5adu"),
            (1_000, "bafkreicojquuwmy7piqjti3zx3buxh47ya64i2vumxmzr5gwqpnfgsd6nu"),
            (262_144, "bafkreibruh455iawsviqslif5c7uurdcfdemh22mtnytyzvnzn75kpejxy"),
            (262_145, "bafybeiexg2oqkfnj56l7fcmawswqbijt5shq4b5rg6a546uwpkqqzwjioi"),
            (524_288, "bafybeihjlsmgtdumwxouubhh32wpo5k73zuptoz5bcxxcx3tflxmhyct2a"),
            (600_000, "bafybeicp64het67shnhxiyl3sg5mylxqop6pnqsqpfecb6pmni2ghoxzom"),
        ];
        for (len, id) in known {
            assert_eq!(content_id(&pattern(len)).unwrap(), id, "{len} bytes");
        }
    }

    #[test]
    fn a_file_without_bytes_or_with_too_many_has_no_id() {
        let error = content_id(b"").unwrap_err().to_string();
        assert!(error.contains("empty"), "{error}");

        let too_long = vec![0; CHUNK_LEN * CHUNKS_MAX + 1];
        let error = content_id(&too_long).unwrap_err().to_string();
        assert!(
            error.contains("45613057 bytes") && error.contains("45613056"),
            "{error}"
        );
        assert!(content_id(&too_long[1..]).is_ok());
    }
}
