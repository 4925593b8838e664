//! Signing in and out, and the slowing down of guesses.

use std::net::IpAddr;

use latchkey_domain::{CredentialId, Email, Password, Secret, SecretHash, SecretKind, Timestamp};
use latchkey_store::{Tx, attempts, changes, nonces, sessions, tokens::Actor, user_tokens, users, users::User};
use serde_json::json;

use crate::recorder::Happened;
use crate::{Error, Origin, Person, Principal, Refusal, Service};

/// A session ends after so long without a request.
const IDLE_SECONDS: i64 = 12 * 3_600;
/// A session ends this long after sign-in, whatever happens.
const ABSOLUTE_DAYS: i64 = 7;
/// `last_seen_at` is written at most this often.
const TOUCH_SECONDS: i64 = 5 * 60;
/// How long a user token lives.
const USER_TOKEN_SECONDS: i64 = 24 * 3_600;
/// Wrong guesses are forgotten this long after the last one.
const GUESS_WINDOW_SECONDS: i64 = 3_600;
/// Longest wait between guesses.
const GUESS_WAIT_MAX_SECONDS: i64 = 15 * 60;
/// Wrong guesses without any wait, for one account.
const FREE_GUESSES_ACCOUNT: u32 = 5;
/// The same for one address, behind which an office of people may sit.
const FREE_GUESSES_ADDRESS: u32 = 20;

/// A new session; the secret goes into the cookie and nowhere else.
#[derive(Debug)]
pub struct SignedIn {
    pub session: Secret,
    pub person: Person,
}

/// A 24-hour credential for the CLI and the API.
#[derive(Debug)]
pub struct UserToken {
    pub token: Secret,
    pub expires_at: Timestamp,
}

impl Service {
    /// Signs a person in at the browser.
    pub async fn sign_in(&self, origin: &Origin, email: &str, password: &str) -> Result<SignedIn, Error> {
        let user = self.check_password(origin, email, password).await?;
        let mut tx = self.begin_system().await?;
        let signed_in = self.open_session(&mut tx, origin, user).await?;
        tx.commit().await?;
        Ok(signed_in)
    }

    /// Signs a person in at the API: a user token for 24 hours.
    pub async fn log_in(&self, origin: &Origin, email: &str, password: &str) -> Result<UserToken, Error> {
        let user = self.check_password(origin, email, password).await?;
        let token = self.new_secret(SecretKind::UserToken);
        let now = self.now();
        let expires_at = now.plus_seconds(USER_TOKEN_SECONDS);
        let mut tx = self.begin_system().await?;
        open_account(&mut tx, &user).await?;
        let (id, from) = (CredentialId(self.new_id()), origin.address);
        let (hash, agent) = (token.hash(), origin.user_agent());
        user_tokens::insert(&mut tx, id, &hash, user.id, from, agent, now, expires_at).await?;
        self.record(&mut tx, &actor(&user), origin, on_user("user_token.created", &user, true)).await?;
        tx.commit().await?;
        Ok(UserToken { token, expires_at })
    }

    /// Who the cookie's session belongs to, while it is live. Moves its idle time on.
    pub async fn session(&self, cookie: &str) -> Result<Option<Person>, Error> {
        let Some(hash) = session_hash(cookie) else { return Ok(None) };
        let now = self.now();
        let (made_since, seen_since) = live_since(now);
        let Some(session) = sessions::live(self.store(), &hash, made_since, seen_since).await? else { return Ok(None) };
        if session.last_seen_at < now.plus_seconds(-TOUCH_SECONDS) {
            let mut tx = self.begin_system().await?;
            sessions::touch(&mut tx, &hash, now).await?;
            tx.commit().await?;
        }
        Ok(Some(Person::new(session.user, session.id)))
    }

    /// Ends the session of a cookie, if there is one.
    pub async fn sign_out(&self, origin: &Origin, cookie: &str) -> Result<(), Error> {
        let Some(hash) = session_hash(cookie) else { return Ok(()) };
        let (made_since, seen_since) = live_since(self.now());
        let session = sessions::live(self.store(), &hash, made_since, seen_since).await?;
        let mut tx = self.begin_system().await?;
        sessions::delete(&mut tx, &hash).await?;
        if let Some(session) = session {
            let user = &session.user;
            self.record(&mut tx, &actor(user), origin, on_user("session.ended", user, true)).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Forgets nonces whose time is over. Called every minute: with signed requests they come by the thousand.
    pub async fn forget_nonces(&self) -> Result<(), Error> {
        const BATCH: u32 = 5_000;
        loop {
            let mut tx = self.begin_system().await?;
            let removed = nonces::delete_expired(&mut tx, self.now(), BATCH).await?;
            tx.commit().await?;
            if removed < u64::from(BATCH) {
                return Ok(());
            }
        }
    }

    /// Removes sessions, user tokens, counted guesses and idempotency keys that are over. Called hourly.
    pub async fn tidy(&self) -> Result<(), Error> {
        const BATCH: u32 = 1_000;
        let now = self.now();
        let (made_since, seen_since) = live_since(now);
        loop {
            let mut tx = self.begin_system().await?;
            let removed = [
                sessions::delete_dead(&mut tx, made_since, seen_since, BATCH).await?,
                user_tokens::delete_expired(&mut tx, now.plus_days(-1), BATCH).await?,
                attempts::delete_old(&mut tx, now.plus_seconds(-GUESS_WINDOW_SECONDS), BATCH).await?,
                changes::delete_old(&mut tx, BATCH).await?,
                self.forget_keys(&mut tx, BATCH).await?,
            ];
            tx.commit().await?;
            if removed.iter().all(|count| *count < u64::from(BATCH)) {
                return Ok(());
            }
        }
    }

    pub(crate) async fn open_session(&self, tx: &mut Tx, origin: &Origin, user: User) -> Result<SignedIn, Error> {
        open_account(tx, &user).await?;
        let (id, session) = (CredentialId(self.new_id()), self.new_secret(SecretKind::Session));
        sessions::insert(tx, id, &session.hash(), user.id, origin.address, origin.user_agent(), self.now()).await?;
        self.record(tx, &actor(&user), origin, on_user("session.created", &user, true)).await?;
        Ok(SignedIn { session, person: Person::new(user, id) })
    }

    pub(crate) fn new_secret(&self, kind: SecretKind) -> Secret {
        Secret::generate(kind, |bytes| self.inner.random.fill(bytes))
    }

    /// The user of an email and password. The answer and its time are the same for an unknown email and a wrong
    /// password.
    pub(crate) async fn check_password(&self, origin: &Origin, email: &str, password: &str) -> Result<User, Error> {
        let email = Email::new(email).map_err(|_| Refusal::Password)?;
        let password = Password::presented(password).map_err(|_| Refusal::Password)?;
        let account = guess_key("account", email.as_str());
        let address = origin.address.map(|address| guess_key("address", &network_of(address)));
        self.count_guess(&account, address.as_ref()).await?;

        let (user, hash) = users::by_email(self.store(), email.as_str()).await?.unzip();
        let right = self.inner.passwords.verify(password, hash.flatten()).await?;

        let mut tx = self.begin_system().await?;
        match user {
            Some(user) if right => {
                attempts::clear(&mut tx, &account).await?;
                tx.commit().await?;
                Ok(user)
            }
            user => {
                let now = self.now();
                if let Some(address) = &address {
                    attempts::add(&mut tx, address, window(now), now).await?;
                }
                if let Some(user) = &user {
                    let nobody = Actor { kind: "system", id: None, name: "anonymous".to_owned() };
                    self.record(&mut tx, &nobody, origin, on_user("session.refused", user, false)).await?;
                }
                tx.commit().await?;
                Err(Refusal::Password.into())
            }
        }
    }

    /// Counts the guess before the password is looked at, so that a hundred at once are a hundred.
    async fn count_guess(&self, account: &[u8; 32], address: Option<&[u8; 32]>) -> Result<(), Error> {
        let now = self.now();
        let mut tx = self.begin_system().await?;
        let of_account = attempts::get(&mut tx, account, window(now)).await?;
        let of_address = match address {
            Some(address) => attempts::get(&mut tx, address, window(now)).await?,
            None => None,
        };
        let waits = [(of_account, FREE_GUESSES_ACCOUNT), (of_address, FREE_GUESSES_ADDRESS)];
        let until = waits.iter().filter_map(|(attempts, free)| {
            attempts.map(|attempts| attempts.last_at.plus_seconds(wait_after(attempts.failures, *free)))
        });
        if let Some(until) = until.max()
            && until > now
        {
            let retry_after = u64::try_from(until.seconds() - now.seconds()).unwrap_or(0).max(1);
            return Err(Error::TooManyAttempts { retry_after });
        }
        attempts::add(&mut tx, account, window(now), now).await?;
        Ok(tx.commit().await?)
    }
}

impl Principal {
    /// Whether this is a person in a browser.
    pub fn is_session(&self) -> bool {
        matches!(self, Self::Session(_))
    }
}

/// Seconds to wait after so many failures: 5, 10, 20 … beyond the free ones, up to a quarter of an hour.
fn wait_after(failures: u32, free: u32) -> i64 {
    match failures.checked_sub(free) {
        None => 0,
        Some(beyond) => 5_i64.saturating_mul(1 << beyond.min(20)).min(GUESS_WAIT_MAX_SECONDS),
    }
}

fn window(now: Timestamp) -> Timestamp {
    now.plus_seconds(-GUESS_WINDOW_SECONDS)
}

pub(crate) fn live_since(now: Timestamp) -> (Timestamp, Timestamp) {
    (now.plus_days(-ABSOLUTE_DAYS), now.plus_seconds(-IDLE_SECONDS))
}

fn session_hash(cookie: &str) -> Option<SecretHash> {
    Secret::parse(cookie).ok().filter(|secret| secret.kind() == SecretKind::Session).map(|secret| secret.hash())
}

/// Keys are hashed, so that the table does not say whose accounts are under attack.
fn guess_key(kind: &str, of: &str) -> [u8; 32] {
    latchkey_domain::sha256(format!("{kind}:{of}").as_bytes())
}

/// An IPv6 customer has a /64 to guess from: all of it counts as one address.
fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}

/// Refuses an account that is locked, which it can't become before the transaction ends.
async fn open_account(tx: &mut Tx, user: &User) -> Result<(), Error> {
    match users::hold(tx, user.id).await? {
        Some(User { locked_at: None, .. }) => Ok(()),
        Some(_) => Err(Refusal::Locked.into()),
        None => Err(Refusal::Password.into()),
    }
}

pub(crate) fn actor(user: &User) -> Actor {
    Actor { kind: "user", id: Some(user.id.0), name: user.email.clone() }
}

pub(crate) fn on_user<'a>(action: &'static str, user: &'a User, success: bool) -> Happened<'a> {
    Happened { organization: None, action, target: ("user", Some(user.id.0), &user.email), success, details: json!({}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_quarter_of_an_hour() {
        let waits: Vec<_> = (3..15).map(|failures| wait_after(failures, 5)).collect();
        assert_eq!(waits, [0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        assert_eq!(network_of("2001:db8::1".parse().unwrap()), network_of("2001:db8::ffff:1".parse().unwrap()));
        assert_eq!(network_of("::ffff:192.0.2.1".parse().unwrap()), "192.0.2.1");
    }
}
