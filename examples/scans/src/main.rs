//! `LATCHKEY_URL=http://127.0.0.1:3000 LATCHKEY_TOKEN=ci_… cargo run -p latchkey-example-scans`, then
//! `curl -H "Authorization: Bearer ci_…" http://127.0.0.1:9000/api/scans/dashboard`

use std::error::Error;

use latchkey_example_scans::app;
use latchkey_verify::Verifier;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let verifier = Verifier::new(&std::env::var("LATCHKEY_URL")?, std::env::var("LATCHKEY_TOKEN")?)?;
    // Needed with an instance token; one of an organization asks about no other anyhow.
    let verifier = match std::env::var("LATCHKEY_ORGANIZATION") {
        Ok(organization) => verifier.organization(organization),
        Err(_) => verifier,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:9000").await?;
    axum::serve(listener, app(&verifier)).await?;
    Ok(())
}
