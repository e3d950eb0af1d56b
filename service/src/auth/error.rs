use marine_rs_sdk::SecurityTetraplet;

use crate::domain::{quoted, Error};

/// What a caller failed to prove.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    #[error(
        "{argument} (item {item}) must be the untouched result of {expected}, but its tetraplet says {given}: call \
         it in the same script and pass on what it returns"
    )]
    Unproved {
        argument: &'static str,
        item: usize,
        expected: String,
        given: String,
    },
    #[error("the weight is of peer {given}, the issuer is {issuer}: pass trust-graph.get_weight of {issuer}")]
    WeightOfAnother { issuer: String, given: String },
    #[error("{function} is for the node itself: only a particle of {host} may call it, this one is of {caller}")]
    HostOnly {
        function: &'static str,
        caller: String,
        host: String,
    },
    #[error(
        "{function} is for the node ({host}) and the service's creator ({creator}) only, this particle is of {caller}"
    )]
    HostOrCreatorOnly {
        function: &'static str,
        caller: String,
        host: String,
        creator: String,
    },
    #[error(transparent)]
    Invalid(#[from] Error),
}

impl AuthError {
    pub(super) fn unproved(
        argument: &'static str,
        item: usize,
        expected: &SecurityTetraplet,
        given: Option<&SecurityTetraplet>,
    ) -> Self {
        Self::Unproved {
            argument,
            item,
            expected: describe(expected),
            given: given.map_or_else(|| "nothing".to_owned(), describe),
        }
    }
}

fn describe(tetraplet: &SecurityTetraplet) -> String {
    let SecurityTetraplet {
        peer_pk,
        service_id,
        function_name,
        lens,
    } = tetraplet;
    if service_id.is_empty() && function_name.is_empty() {
        return format!("a value of the script of {}", quoted(peer_pk));
    }
    let lens = if lens.is_empty() {
        String::new()
    } else {
        format!(" with lens {}", quoted(lens))
    };
    format!(
        "{} on {}{lens}",
        quoted(&format!("{service_id}.{function_name}")),
        quoted(peer_pk)
    )
}
