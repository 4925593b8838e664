//! What an operator does from the server's shell, when nobody else can. Authorized by having that shell; recorded like
//! everything else, and as immediate.

use latchkey_domain::{AuditAction, CredentialId, Password, RevocationReason, TokenId};
use latchkey_store::tokens::{self, Filter, Position, Revocation, Sort, SortKey};
use latchkey_store::{Tx, credentials, users, users::User};
use serde_json::json;
use uuid::Uuid;

use super::UNKNOWN;
use crate::recorder::{AuditEntry, operator};
use crate::transaction::{Purpose, retry_on_deadlock};
use crate::{Error, FieldError, Operator, Origin};

/// What [`Service::end_by_operator`] has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// An API token of this name, of whatever level.
    ApiToken(String),
    /// A session or user token of the user with this email.
    Credential(String),
    /// It has ended before, or there is no such thing.
    Nothing,
}

impl Operator<'_> {
    /// Ends the API token, session or user token of an id. When this has returned, no replica accepts it.
    pub async fn end(self, id: Uuid) -> Result<Ended, Error> {
        retry_on_deadlock(|| self.end_whatever(id)).await
    }

    async fn end_whatever(self, id: Uuid) -> Result<Ended, Error> {
        let mut tx = self.service.begin_system(Purpose::Containment).await?;
        let revocation = Revocation { at: self.service.now(), by: operator(), reason: RevocationReason::Manual };
        if let Some(token) = tokens::revoke(&mut tx, TokenId(id), &revocation).await? {
            let entry = AuditEntry {
                organization: token.level.organization(),
                action: AuditAction::TokenRevoked,
                target: ("token", Some(id), &token.name),
                success: true,
                details: json!({ "reason": RevocationReason::Manual }),
            };
            self.service.record(&mut tx, &operator(), &Origin::default(), entry).await?;
            tx.commit().await?;
            return Ok(Ended::ApiToken(token.name));
        }
        drop(tx);
        let Some(owner) = credentials::owner(self.service.store(), CredentialId(id)).await? else {
            return Ok(Ended::Nothing);
        };
        let mut tx = self.service.begin_system(Purpose::Containment).await?;
        let user = users::lock(&mut tx, owner).await?.ok_or(UNKNOWN)?;
        match self
            .service
            .credentials()
            .end_one(&mut tx, &operator(), &Origin::default(), &user, CredentialId(id))
            .await
        {
            Ok(()) => tx.commit().await?,
            Err(Error::NotFound(_)) => return Ok(Ended::Nothing),
            Err(error) => return Err(error),
        }
        Ok(Ended::Credential(user.email))
    }

    /// Locks the account of an email, or opens it again.
    pub async fn set_locked(self, email: &str, locked: bool) -> Result<User, Error> {
        retry_on_deadlock(|| async move {
            let (mut tx, user) = self.begin_on_email(email).await?;
            let user = self.service.users().lock_user(&mut tx, &operator(), &Origin::default(), user, locked).await?;
            tx.commit().await?;
            Ok(user)
        })
        .await
    }

    /// Ends all that the account of an email is signed in with; returns how many.
    pub async fn sign_out(self, email: &str) -> Result<u64, Error> {
        retry_on_deadlock(|| async move {
            let (mut tx, user) = self.begin_on_email(email).await?;
            let ended =
                self.service.credentials().end_all_of(&mut tx, &operator(), &Origin::default(), &user, None).await?;
            tx.commit().await?;
            Ok(ended)
        })
        .await
    }

    /// Sets the password of the account of an email, which ends all that it is signed in with.
    pub async fn set_password(self, email: &str, password: &str) -> Result<(), Error> {
        let password = Password::chosen(password).map_err(|error| FieldError::new("password", error))?;
        let hash = self.service.inner.passwords.hash(password, self.service.inner.random.as_ref()).await?;
        let (mut tx, user) = self.begin_on_email(email).await?;
        self.service.users().replace_password(&mut tx, &operator(), &Origin::default(), &user, &hash, None).await?;
        Ok(tx.commit().await?)
    }

    /// The tokens of the instance itself, newest first, in whatever state.
    pub async fn list_instance_tokens(self, after: Option<Position>, limit: u32) -> Result<tokens::Page, Error> {
        let filter = Filter {
            organization: None,
            state: None,
            level: None,
            project: None,
            scope: None,
            repository: None,
            creator: None,
            terms: None,
            expires_before: None,
            idle_before: None,
        };
        let newest = Sort { key: SortKey::Created, descending: true };
        Ok(tokens::list(self.service.store(), &filter, newest, after.as_ref(), limit, self.service.now()).await?)
    }

    /// All accounts, by email, after an email.
    pub async fn list_users(self, after: &str, limit: u32) -> Result<Vec<User>, Error> {
        Ok(users::list(self.service.store(), after, limit).await?)
    }

    async fn begin_on_email(self, email: &str) -> Result<(Tx, User), Error> {
        let found = users::by_email(self.service.store(), &email.trim().to_lowercase()).await?;
        let (user, _) = found.ok_or(UNKNOWN)?;
        let mut tx = self.service.begin_system(Purpose::Containment).await?;
        let user = users::lock(&mut tx, user.id).await?.ok_or(UNKNOWN)?;
        Ok((tx, user))
    }
}
