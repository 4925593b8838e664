//! A typed client of Latchkey's REST API, and the signatures of requests.
//!
//! ```no_run
//! use latchkey_client::types::{NewToken, TokenQuery};
//! use latchkey_client::{Client, Error};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("https://tokens.example.com").token(std::env::var("LATCHKEY_TOKEN")?).build()?;
//!
//! let token = NewToken {
//!     name: "GitHub Actions CI".to_owned(),
//!     scopes: vec!["repos:read".to_owned()],
//!     all_repositories: true,
//!     expires_in: Some("720h".to_owned()),
//!     ..NewToken::default()
//! };
//! let created = client.tokens().create(&token).idempotency_key("deploy-42").await?;
//! println!("{}", created.secret.reveal());
//!
//! let mut tokens = client.tokens().list_all(&TokenQuery::default());
//! while let Some(token) = tokens.next().await? {
//!     println!("{} {}", token.id, token.name);
//! }
//!
//! match client.tokens().revoke(created.token.id).await {
//!     Ok(()) => {}
//!     Err(error) if error.code() == Some("not-found") => println!("it is gone already"),
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(()) }
//! ```
//!
//! A [`Signer`] signs requests to the services that Latchkey guards:
//!
//! ```
//! # let token = latchkey_client::example_token();
//! let signer = latchkey_client::Signer::new(&token)?;
//! for (name, value) in signer.headers("POST", "/api/scans/trigger/42?force=1", b"{}") {
//!     // Put each into the request, beside `Authorization: Bearer …`.
//!     assert!(name.starts_with("x-cli-") && !value.is_empty());
//! }
//! # Ok::<(), latchkey_client::SecretError>(())
//! ```

mod client;
mod error;
mod etag;
mod items;
mod operation;
pub mod request;
mod resources;
mod response;
mod signer;

pub use client::{Client, ClientBuilder};
pub use error::{ApiError, Error};
pub use etag::{ETag, Tagged};
pub use items::Items;
pub use latchkey_api_types as types;
pub use latchkey_domain::SecretError;
pub use operation::{OPERATIONS, Operation};
pub use request::Request;
pub use resources::*;
pub use signer::Signer;

/// A token of the right form that nobody has, for examples.
#[doc(hidden)]
pub fn example_token() -> String {
    latchkey_domain::Secret::generate(latchkey_domain::SecretKind::ApiToken, |bytes| bytes.fill(7)).reveal().to_owned()
}
