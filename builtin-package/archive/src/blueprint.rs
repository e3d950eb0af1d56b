//! The blueprint: which modules, in which order, make the service.

use eyre::Context;
use serde::{Deserialize, Serialize};

use crate::content_id::content_id;

/// A blueprint as nox's `dist.add_blueprint` takes it: DAG-JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blueprint {
    // DAG-JSON sorts the fields of an object, so their order here is part of the blueprint's id.
    /// The modules in the order in which they load, the facade last.
    pub dependencies: Vec<Link>,
    pub name: String,
}

/// A link to a module, by its content id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    #[serde(rename = "/")]
    pub content_id: String,
}

impl Blueprint {
    /// The service `name` made of `modules`, each the wasm of one, the facade last.
    ///
    /// # Errors
    /// When a module has no content id.
    pub fn new<'a>(name: &str, modules: impl IntoIterator<Item = &'a [u8]>) -> eyre::Result<Self> {
        let link = |wasm| content_id(wasm).map(|content_id| Link { content_id });
        Ok(Self {
            dependencies: modules.into_iter().map(link).collect::<eyre::Result<_>>()?,
            name: name.to_owned(),
        })
    }

    /// The one encoding of this blueprint.
    pub fn encode(&self) -> eyre::Result<Vec<u8>> {
        serde_json::to_vec(self).context("the blueprint cannot be written")
    }

    /// The id that nox gives this blueprint.
    pub fn id(&self) -> eyre::Result<String> {
        content_id(&self.encode()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_one_that_nox_gives() {
        let link = |id: &str| Link {
            content_id: id.to_owned(),
        };
        let blueprint = Blueprint {
            name: "trust-graph".to_owned(),
            dependencies: vec![
                link("bafybeiey4i2vtj7uu7tlvdoc2o52uuuwxa4ahcx5g4lpqzk4qtd5klniuq"),
                link("bafybeibuvzascfzi5ikyzhjxdkridgytg4z26ujtnx7xrejq7gxq54ssdm"),
            ],
        };

        let id = "bafkreifdehdwcppttfsqaju4kodgn5wgbefrarbzc72k4sore2bwpeq2fa";
        assert_eq!(blueprint.id().unwrap(), id);
    }
}
