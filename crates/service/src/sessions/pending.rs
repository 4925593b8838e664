use std::fmt;

use latchkey_store::sessions::DATA_MAX;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::{Error, FieldError};

/// A sign-in at an identity provider, from the redirect to the callback (OpenID Connect Core, section 3.1). It is the data
/// of the browser's session; see [`BrowserSession::begin_sign_in`](super::BrowserSession::begin_sign_in).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingSignIn {
    /// Comes back with the callback.
    pub state: String,
    /// Comes back in the ID token.
    pub nonce: String,
    /// The PKCE code verifier (RFC 7636, section 4.1).
    pub code_verifier: String,
    /// Path within the portal to go on to.
    pub return_path: String,
}

impl PendingSignIn {
    pub(super) const KEY: &'static str = "sign_in";

    /// Refuses what does not fit into a session.
    pub(super) fn check(&self) -> Result<(), Error> {
        // Quotes, names and what JSON escapes.
        let longest = DATA_MAX / 4;
        let all = [&self.state, &self.nonce, &self.code_verifier, &self.return_path];
        if all.into_iter().map(String::len).sum::<usize>() > longest {
            return Err(FieldError::new("return_path", "is too long").into());
        }
        Ok(())
    }

    pub(super) fn has_state(&self, state: &str) -> bool {
        self.state.as_bytes().ct_eq(state.as_bytes()).into()
    }
}

impl fmt::Debug for PendingSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingSignIn(…)")
    }
}
