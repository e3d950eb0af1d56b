//! The module manifest: who wrote the module, its version, and when its source was committed.
//!
//! The SDK's `module_manifest!` macro would put the wall clock into the module, and no two builds would be alike; so
//! the section is written here. Its layout is the SDK's: five UTF-8 fields, each behind its length as u64 LE.

use crate::package::Package;

/// What a Marine host shows about a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub authors: String,
    pub version: String,
    pub description: String,
    pub repository: String,
    /// RFC 3339, in UTC.
    pub build_time: String,
}

impl Manifest {
    /// The manifest of `package`, built from a source of the age `build_time` (RFC 3339).
    pub fn new(package: Package, build_time: String) -> Self {
        Self {
            authors: package.authors.join(", "),
            version: package.version,
            description: package.description.unwrap_or_default(),
            repository: package.repository.unwrap_or_default(),
            build_time,
        }
    }

    /// The content of the custom section.
    pub fn encode(&self) -> Vec<u8> {
        let fields = [
            &self.authors,
            &self.version,
            &self.description,
            &self.repository,
            &self.build_time,
        ];
        let mut bytes = Vec::new();
        for field in fields {
            bytes.extend_from_slice(&(field.len() as u64).to_le_bytes());
            bytes.extend_from_slice(field.as_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use marine_module_info_parser::manifest::ModuleManifest;

    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            authors: "A, B".into(),
            version: "1.2.3".into(),
            description: "größer than ASCII".into(),
            repository: String::new(),
            build_time: "2024-02-29T12:00:00Z".into(),
        }
    }

    #[test]
    fn the_sdk_reads_back_what_was_encoded() {
        let read = ModuleManifest::try_from(manifest().encode().as_slice()).unwrap();

        assert_eq!(read.authors, "A, B");
        assert_eq!(read.version.to_string(), "1.2.3");
        assert_eq!(read.description, "größer than ASCII");
        assert_eq!(read.repository, "");
        assert_eq!(read.build_time.to_rfc3339(), "2024-02-29T12:00:00+00:00");
    }

    #[test]
    fn lengths_are_eight_bytes_little_endian() {
        assert_eq!(&manifest().encode()[..12], b"\x04\0\0\0\0\0\0\0A, B");
    }
}
