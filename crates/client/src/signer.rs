use std::time::{SystemTime, UNIX_EPOCH};

use latchkey_domain::{Secret, SecretError, SecretKind, Signature, SignedRequest, Timestamp, sha256, to_hex};

/// Signs requests with an API token, so that one that is passed on or kept can't be changed, nor sent a second time.
///
/// It is no second secret. The key is the token, which travels in the same request: who has seen the whole request, or the
/// token, can sign any other.
#[derive(Clone, Debug)]
pub struct Signer {
    secret: Secret,
}

impl Signer {
    /// From the token's text, `ci_…`.
    pub fn new(token: &str) -> Result<Self, SecretError> {
        match Secret::parse(token)? {
            secret if secret.kind() == SecretKind::ApiToken => Ok(Self { secret }),
            _ => Err(SecretError::Form),
        }
    }

    /// The headers of one request, which is good for 5 minutes, and once: `method` in capitals, `target` its path with
    /// its query as sent, `body` its bytes as sent.
    pub fn headers(&self, method: &str, target: &str, body: &[u8]) -> [(&'static str, String); 3] {
        self.sign(method, target, body, &nonce())
    }

    /// The same for a request that names the organization that it acts on, in `latchkey-organization`: of an instance
    /// with several, the signature must cover that, which it does by its nonce.
    pub fn headers_in(
        &self,
        organization: &str,
        method: &str,
        target: &str,
        body: &[u8],
    ) -> [(&'static str, String); 3] {
        self.sign(method, target, body, &format!("{}@{organization}", nonce()))
    }

    fn sign(&self, method: &str, target: &str, body: &[u8], nonce: &str) -> [(&'static str, String); 3] {
        let request = SignedRequest { method, target, body_hash: sha256(body) };
        Signature::sign(&self.secret, &request, now(), nonce).headers()
    }
}

#[expect(clippy::disallowed_methods, reason = "a client's clock is the machine's")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[expect(clippy::expect_used, reason = "without randomness there is no safe way on")]
fn nonce() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    to_hex(&bytes)
}
