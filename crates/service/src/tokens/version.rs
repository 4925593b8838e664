//! The version of a token, for those who change only what they have seen (RFC 9110, section 13.1.1).

use latchkey_domain::{RepositoryId, sha256};
use latchkey_store::tokens::Token;

use super::TokenDetail;
use crate::{Error, PreconditionError};

impl TokenDetail {
    /// Another one after each edit, rotation and revocation; the same after a use.
    pub fn version(&self) -> String {
        let listed: Vec<_> = self.repositories.iter().map(|(id, _)| *id).collect();
        version(&self.token, &listed)
    }
}

/// Refuses a request that was made for another version.
pub(super) fn check_version(expected: &[String], token: &Token, listed: &[RepositoryId]) -> Result<(), Error> {
    let now = version(token, listed);
    if expected.contains(&now) { Ok(()) } else { Err(PreconditionError::Changed.into()) }
}

fn version(token: &Token, listed: &[RepositoryId]) -> String {
    let mut listed = listed.to_vec();
    listed.sort_unstable();
    // `Debug` writes texts with quotes and escapes, so that no two states look the same. A version is of no use to
    // another release: after an update, whoever has an old one reads again.
    let state = format!(
        "{:?}",
        (
            (token.id, &token.name, &token.description, &token.prefix, &token.scopes),
            (token.all_repositories, listed, token.require_signing, &token.allowed_networks),
            (token.expires_at, token.overlap_until, token.revocation.as_ref().map(|revocation| revocation.at)),
        )
    );
    sha256(state.as_bytes()).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
