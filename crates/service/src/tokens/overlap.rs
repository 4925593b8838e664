//! After a rotation with an overlap, two secrets of a token work: until the new one is first used, or until the end of
//! the overlap, whichever comes first.

use latchkey_domain::{AuditAction, SecretHash, Timestamp};
use latchkey_store::tokens;
use serde_json::json;

use crate::recorder::{AuditEntry, system};
use crate::token_cache::CachedToken;
use crate::transaction::Purpose;
use crate::{AuthenticationError, Error, Origin, Service};

impl CachedToken {
    /// Refuses a secret that was rotated out, once its time is over. One of the token's own conditions, as revocation
    /// is: whoever looks at those looks at this.
    pub(crate) fn check_retired(&self, now: Timestamp) -> Result<(), AuthenticationError> {
        if self.retired_until.is_some_and(|until| until <= now) { Err(AuthenticationError::Rotated) } else { Ok(()) }
    }
}

impl Service {
    /// The new secret is used: ends the overlap before the request goes on, so that from then on no replica accepts the
    /// old one. To be called when nothing can refuse the request's credential any more, a wrong signature included.
    pub(crate) async fn end_overlap(
        &self,
        token: &CachedToken,
        presented: &SecretHash,
        origin: &Origin,
    ) -> Result<(), Error> {
        let Some(until) = token.overlap_until.filter(|_| token.retired_until.is_none()) else { return Ok(()) };
        let now = self.now();
        if until <= now {
            return Ok(());
        }
        // In a box: few requests need its room.
        Box::pin(self.write_end_of_overlap(token, presented, origin, now)).await
    }

    async fn write_end_of_overlap(
        &self,
        token: &CachedToken,
        presented: &SecretHash,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut tx = self.begin_system(Purpose::Request).await?;
        if tokens::end_overlap(&mut tx, token.id, presented, now).await? {
            let happened = AuditEntry {
                organization: token.level.organization(),
                action: AuditAction::TokenOverlapEnded,
                target: ("token", Some(token.id.0), &token.name),
                success: true,
                details: json!({ "because": "the new secret was used" }),
            };
            self.record(&mut tx, &system(), origin, happened).await?;
        }
        Ok(tx.commit().await?)
    }
}
