//! Signing in with a password: at the browser, and for the CLI and the API.

mod device;
mod guesses;

use latchkey_domain::{AuditAction, CredentialId, Email, Password, Secret, SecretKind, Timestamp, UserId};
use latchkey_store::{attempts, tokens::Actor, user_tokens, users, users::User};
use serde_json::json;

pub use device::Device;
pub(crate) use guesses::{Buckets, Key, source_of, window};

use crate::passwords::Source;
use crate::recorder::AuditEntry;
use crate::sessions::{actor, on_user, open_account};
use crate::transaction::Purpose;
use crate::{Authentication, AuthenticationError, Error, Origin, Person, Service, SessionId, Sessions};

/// How long a user token lives.
const USER_TOKEN_SECONDS: i64 = 24 * 3_600;
/// A network from which nobody has signed in for so long is a stranger's to the account.
pub(crate) const REMEMBERED_DAYS: i64 = 90;

/// What a browser brings along that signs in, sets up or joins.
#[derive(Clone, Copy, Default)]
pub struct Browser<'a> {
    /// Of the session that it has now, whoever that belongs to; the new one takes its place.
    pub session: Option<SessionId>,
    /// The cookie that says that it has signed in before ([`Device`]), as it was sent.
    pub device: Option<&'a str>,
}

/// A new session.
#[derive(Debug)]
pub struct SignedIn {
    /// For the cookie and nowhere else; see [`BrowserSession::replace`](crate::BrowserSession::replace).
    pub session: SessionId,
    pub person: Person,
    /// For another cookie, by which the browser is known when it signs in again.
    pub device: Device,
}

/// A 24-hour credential for the CLI and the API.
#[derive(Debug)]
pub struct UserToken {
    pub token: Secret,
    pub expires_at: Timestamp,
}

impl Sessions<'_> {
    /// Signs a person in at the browser; the session that it had ends.
    pub async fn sign_in(
        self,
        origin: &Origin,
        browser: Browser<'_>,
        email: &str,
        password: &str,
    ) -> Result<SignedIn, Error> {
        let (user, hash) = self.service.prove(origin, browser, email, password).await?;
        let mut tx = self.service.begin_system(Purpose::Request).await?;
        let signed_in = self.service.open_session(&mut tx, origin, browser, user, &hash).await?;
        tx.commit().await?;
        Ok(signed_in)
    }
}

impl Authentication<'_> {
    /// Signs a person in at the API: a user token for 24 hours.
    pub async fn log_in(self, origin: &Origin, email: &str, password: &str) -> Result<UserToken, Error> {
        let (user, password_hash) = self.service.prove(origin, Browser::default(), email, password).await?;
        let token = self.service.new_secret(SecretKind::UserToken);
        let now = self.service.now();
        let expires_at = now.plus_seconds(USER_TOKEN_SECONDS);
        let mut tx = self.service.begin_system(Purpose::Request).await?;
        open_account(&mut tx, &user, &password_hash).await?;
        let (id, from) = (CredentialId(self.service.new_id()), origin.address);
        let (hash, agent) = (token.hash(), origin.user_agent());
        user_tokens::insert(&mut tx, id, &hash, user.id, from, agent, now, expires_at).await?;
        self.service
            .record(&mut tx, &actor(&user), origin, on_user(AuditAction::UserTokenCreated, &user, true))
            .await?;
        tx.commit().await?;
        Ok(UserToken { token, expires_at })
    }
}

impl Service {
    /// The user of an email and password. The answer and its time are the same for an unknown email and a wrong
    /// password.
    pub(crate) async fn check_password(&self, origin: &Origin, email: &str, password: &str) -> Result<User, Error> {
        self.prove(origin, Browser::default(), email, password).await.map(|(user, _)| user)
    }

    /// The same with the password's hash, and for a browser that may be known.
    ///
    /// There are three ways through. A browser that has signed in to the account before has a bucket of guesses of its
    /// own. Everybody else has one for the account and their network, and shares others. When those are used up by
    /// somebody else's guesses, who has signed in from the same network lately goes on with their own bucket; nobody is
    /// told whether they are among these, so that everybody's password is hashed and answered alike.
    async fn prove(
        &self,
        origin: &Origin,
        browser: Browser<'_>,
        email: &str,
        password: &str,
    ) -> Result<(User, String), Error> {
        let email = Email::new(email).map_err(|_| AuthenticationError::Password)?;
        let password = Password::presented(password).map_err(|_| AuthenticationError::Password)?;
        let (user, hash) = users::by_email(self.store(), email.as_str()).await?.unzip();
        let account = user.clone().zip(hash.flatten());
        let (id, of_hash) = account.as_ref().map_or((UserId(uuid::Uuid::nil()), ""), |(user, hash)| (user.id, hash));
        let device = browser.device.and_then(|cookie| self.known_device(cookie, id, of_hash));

        let (address, network) = (origin.address, source_of(origin.address));
        let buckets = device.map_or_else(|| Buckets::of_stranger(address, &email), |id| Buckets::of_device(&id));
        let passwords = &self.inner.passwords;
        // Before anything is written: who finds no room costs nothing.
        let room = passwords.enter(device.map_or(Source::Network(network), Source::Device))?;
        let guess = self.count_guess(buckets).await?;
        let here = guesses::account_at(address, &email);
        let (room, known) = match guess.wait {
            Some(_) if device.is_none() => {
                drop(room);
                (passwords.enter(Source::Beyond(network)), self.signs_in_from(&here).await?)
            }
            _ => (Ok(room), true),
        };
        let account = account.filter(|_| known);
        let hash = account.as_ref().map(|(_, hash)| hash.clone());
        let right = match async { passwords.verify_in(room?, password, hash).await }.await {
            Ok(right) => right,
            Err(error) => {
                self.give_back(&guess).await?;
                return Err(guess.wait.map_or(error, |retry_after| Error::TooManyAttempts { retry_after }));
            }
        };
        match (account, guess.wait) {
            (Some(account), _) if right => {
                let mut tx = self.begin_system(Purpose::Bookkeeping).await?;
                self.forgive(&mut tx, &guess).await?;
                if address.is_some() {
                    attempts::record_network(&mut tx, &here, self.now()).await?;
                }
                tx.commit().await?;
                Ok(account)
            }
            (_, Some(retry_after)) => Err(Error::TooManyAttempts { retry_after }),
            (_, None) => {
                self.record_refusal(origin, user).await?;
                Err(AuthenticationError::Password.into())
            }
        }
    }

    async fn signs_in_from(&self, here: &Key) -> Result<bool, Error> {
        Ok(attempts::is_known_network(self.store(), here, self.now().plus_days(-REMEMBERED_DAYS)).await?)
    }

    /// For an unknown email too, or the time that it takes would tell. What was typed is not kept: it may be a password.
    async fn record_refusal(&self, origin: &Origin, user: Option<User>) -> Result<(), Error> {
        let nobody = Actor { kind: "system", id: None, name: "anonymous".to_owned() };
        let unknown = AuditEntry {
            organization: None,
            action: AuditAction::SessionRefused,
            target: ("user", None, "unknown email"),
            success: false,
            details: json!({}),
        };
        let mut tx = self.begin_system(Purpose::Bookkeeping).await?;
        let happened = user.as_ref().map_or(unknown, |user| on_user(AuditAction::SessionRefused, user, false));
        self.record(&mut tx, &nobody, origin, happened).await?;
        Ok(tx.commit().await?)
    }
}
