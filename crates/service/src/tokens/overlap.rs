//! After a rotation with an overlap, two secrets of a token work: until the new one is first used, or until the end of
//! the overlap, whichever comes first.

use latchkey_domain::SecretHash;
use latchkey_store::tokens;
use serde_json::json;

use crate::known::KnownToken;
use crate::recorder::{Happened, system};
use crate::{Error, Origin, Refusal, Service};

impl Service {
    /// Refuses a secret that was rotated out. An accepted use of the new one ends the overlap before its request goes
    /// on: from then on, no replica accepts the old one.
    pub(crate) async fn settle_overlap(
        &self,
        token: &KnownToken,
        presented: &SecretHash,
        origin: &Origin,
    ) -> Result<(), Error> {
        let now = self.now();
        match (token.retired_until, token.overlap_until) {
            (Some(until), _) => {
                if until > now {
                    Ok(())
                } else {
                    Err(Refusal::Rotated.into())
                }
            }
            (None, Some(until)) if until > now => {
                let mut tx = self.store().begin().await?;
                if tokens::end_overlap(&mut tx, token.id, presented, now).await? {
                    let happened = Happened {
                        organization: token.level.organization(),
                        action: "token.overlap_ended",
                        target: ("token", Some(token.id.0), &token.name),
                        success: true,
                        details: json!({ "because": "the new secret was used" }),
                    };
                    self.record(&mut tx, &system(), origin, happened).await?;
                }
                Ok(tx.commit().await?)
            }
            (None, _) => Ok(()),
        }
    }
}
