//! Admission control: how many requests of one source are in progress at once, so that one client's flood does not
//! become an outage for the others.
//!
//! Each request takes permits of two semaphores, a narrow one and a wide one around it, until it is answered. A request
//! that gets none waits in order, without using the processor, while others pass. A credential that was accepted before has
//! semaphores of its own (one for the credential, one for the organization or user that it belongs to). Everybody else is
//! unauthenticated and shares the semaphores of the address and of all unauthenticated requests: a flood of made-up
//! secrets waits for itself.
//!
//! The permit is taken when the whole body has arrived, so that a slow client holds none.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use latchkey_service::{CachedToken, Error, Origin, Principal};
use quick_cache::sync::Cache;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use uuid::Uuid;

use super::client_network::ClientNetwork;
use super::problem::Problem;

/// Permits of one credential.
const PERMITS_PER_CREDENTIAL: usize = 64;
/// Permits of all tokens of one organization, or of all credentials of one user.
const PERMITS_PER_OWNER: usize = 128;
/// Permits of unauthenticated requests from one address (IPv6: from one `/64`).
const PERMITS_PER_ADDRESS: usize = 32;
/// Permits of all unauthenticated requests.
const PERMITS_UNAUTHENTICATED: usize = 64;
/// Sign-ins in progress from one address, most of which wait for their turn at hashing.
const SIGN_INS_PER_ADDRESS: usize = 32;
/// All sign-ins in progress.
const SIGN_INS_TOTAL: usize = 128;
/// A request that waits longer is refused.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);
/// The `Retry-After` of a refusal, in seconds.
const RETRY_AFTER: u64 = 5;
/// Credentials that are remembered as accepted before.
const AUTHENTICATED_MAX: usize = 65_536;

/// Kinds of requests, by how long they keep the processor busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// A decision from memory.
    Decision,
    /// A password to hash.
    SignIn,
    /// Anything else.
    Other,
}

/// Limits the requests in progress, by their source.
pub(crate) struct Admission {
    /// Seeded at random, so that nobody outside can find two credentials with the same key.
    keys: RandomState,
    authenticated: Cache<u64, Arc<Lane>>,
    owners: KeyedSemaphores<Uuid>,
    addresses: KeyedSemaphores<(bool, Option<ClientNetwork>)>,
    unauthenticated: Arc<Semaphore>,
    sign_ins: Arc<Semaphore>,
    refused: AtomicU64,
}

/// The semaphores that a request takes permits of.
struct Lane {
    narrow: Arc<Semaphore>,
    wide: Arc<Semaphore>,
}

/// Held while a request is in progress.
pub(crate) struct Permit {
    lane: Arc<Lane>,
    weight: u32,
    /// Key of the credential, if it was not accepted before.
    key: Option<u64>,
}

// Whether the permits were acquired; a `Permit` gives them back.
impl Lane {
    fn acquire_at_once(&self, weight: u32) -> bool {
        let Ok(narrow) = self.narrow.try_acquire_many(weight) else { return false };
        let Ok(wide) = self.wide.try_acquire_many(weight) else { return false };
        [narrow, wide].into_iter().for_each(SemaphorePermit::forget);
        true
    }

    /// First the narrow one: a request that waits there holds nothing of the wide one.
    async fn acquire(&self, weight: u32) -> bool {
        let Ok(narrow) = self.narrow.acquire_many(weight).await else { return false };
        let Ok(wide) = self.wide.acquire_many(weight).await else { return false };
        [narrow, wide].into_iter().for_each(SemaphorePermit::forget);
        true
    }
}

impl Permit {
    /// Keeps the permit until the answer is sent, if its body is made meanwhile: that is part of the request's work.
    pub(crate) fn held_by(self, response: Response) -> Response {
        if response.body().size_hint().exact().is_some() {
            return response;
        }
        response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _held = &self;
                frame
            }))
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        for semaphore in [&self.lane.narrow, &self.lane.wide] {
            semaphore.add_permits(self.weight as usize);
        }
    }
}

/// In the extensions of a request that has a permit.
#[derive(Clone)]
struct Admitted {
    admission: Arc<Admission>,
    key: Option<u64>,
}

/// A semaphore for each key, kept while somebody holds it.
struct KeyedSemaphores<K> {
    permits: usize,
    semaphores: Mutex<HashMap<K, Weak<Semaphore>>>,
}

impl<K: Hash + Eq> KeyedSemaphores<K> {
    fn new(permits: usize) -> Self {
        Self { permits, semaphores: Mutex::default() }
    }

    fn of(&self, source: K) -> Arc<Semaphore> {
        let mut semaphores = self.semaphores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = semaphores.get(&source).and_then(Weak::upgrade) {
            return semaphore;
        }
        if semaphores.len() == semaphores.capacity() {
            // Drop unused semaphores before the map grows.
            semaphores.retain(|_, semaphore| semaphore.strong_count() > 0);
        }
        let semaphore = Arc::new(Semaphore::new(self.permits));
        semaphores.insert(source, Arc::downgrade(&semaphore));
        semaphore
    }
}

impl RequestKind {
    fn of(method: &Method, path: &str) -> Self {
        match path {
            "/api/verify" | "/oauth/introspect" => Self::Decision,
            "/login" | "/setup" | "/join" | "/api/auth/login" if method == Method::POST => Self::SignIn,
            _ => Self::Other,
        }
    }

    /// Permits that it takes.
    const fn weight(self) -> u32 {
        match self {
            Self::Decision | Self::SignIn => 1,
            Self::Other => 4,
        }
    }
}

impl Admission {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            keys: RandomState::new(),
            authenticated: Cache::new(AUTHENTICATED_MAX),
            owners: KeyedSemaphores::new(PERMITS_PER_OWNER),
            addresses: KeyedSemaphores::new(PERMITS_PER_ADDRESS.max(SIGN_INS_PER_ADDRESS)),
            unauthenticated: Arc::new(Semaphore::new(PERMITS_UNAUTHENTICATED)),
            sign_ins: Arc::new(Semaphore::new(SIGN_INS_TOTAL)),
            refused: AtomicU64::new(0),
        })
    }

    /// Waits for a permit. The request is in progress until it is dropped.
    pub(crate) async fn acquire(
        &self,
        headers: &HeaderMap,
        address: Option<IpAddr>,
        kind: RequestKind,
    ) -> Result<Permit, Error> {
        let presented = self.key(headers);
        let known = presented.filter(|_| kind != RequestKind::SignIn).and_then(|key| self.authenticated.get(&key));
        let key = presented.filter(|_| known.is_none());
        let lane = known.unwrap_or_else(|| Arc::new(self.for_unauthenticated(address, kind)));
        let weight = kind.weight();
        if lane.acquire_at_once(weight)
            || Box::pin(timeout(QUEUE_TIMEOUT, lane.acquire(weight))).await.unwrap_or_default()
        {
            return Ok(Permit { lane, weight, key });
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(Error::TooManyAtOnce { of: "requests", retry_after: RETRY_AFTER })
    }

    /// A token was accepted: from now on it has semaphores of its own. They stay when it is refused later.
    pub(crate) fn mark_authenticated(&self, permit: &Permit, token: &CachedToken) {
        if let Some(key) = permit.key {
            self.accept(key, owner(token));
        }
    }

    /// The number of requests that waited too long.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn accept(&self, key: u64, owner: Uuid) {
        let lane = Lane { narrow: Arc::new(Semaphore::new(PERMITS_PER_CREDENTIAL)), wide: self.owners.of(owner) };
        self.authenticated.insert(key, Arc::new(lane));
    }

    /// A key of the credential headers; `None` if there is none.
    fn key(&self, headers: &HeaderMap) -> Option<u64> {
        let mut hasher = self.keys.build_hasher();
        let mut presented = false;
        for name in [header::AUTHORIZATION, header::COOKIE] {
            for value in headers.get_all(name) {
                hasher.write(value.as_bytes());
                presented = true;
            }
        }
        presented.then(|| hasher.finish())
    }

    fn for_unauthenticated(&self, address: Option<IpAddr>, kind: RequestKind) -> Lane {
        let signs_in = kind == RequestKind::SignIn;
        let wide = if signs_in { &self.sign_ins } else { &self.unauthenticated };
        Lane { narrow: self.addresses.of((signs_in, address.map(ClientNetwork::of))), wide: wide.clone() }
    }
}

/// Notes that the credential of a request was accepted, if the request went through [`admit`].
pub(crate) fn mark_authenticated(extensions: &Extensions, principal: &Principal) {
    if let Some(Admitted { admission, key: Some(key) }) = extensions.get() {
        let owner = match principal {
            Principal::Session(person) | Principal::UserToken(person) => person.id.0,
            Principal::ApiToken(token) => owner(token),
        };
        admission.accept(*key, owner);
    }
}

/// The owner whose tokens share a semaphore: the organization; each instance token is its own.
fn owner(token: &CachedToken) -> Uuid {
    token.level.organization().map_or(token.id.0, |organization| organization.0)
}

/// Lets a request of an API go on when there is a permit for it.
pub(crate) async fn layer(State(admission): State<Arc<Admission>>, mut request: Request, next: Next) -> Response {
    match admit(&admission, &mut request).await {
        Ok(permit) => permit.held_by(next.run(request).await),
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Waits for a permit of a request whose [`Origin`] is known. [`mark_authenticated`] works on the request from then on.
pub(crate) async fn admit(admission: &Arc<Admission>, request: &mut Request) -> Result<Permit, Error> {
    let address = request.extensions().get::<Origin>().and_then(|origin| origin.address);
    let kind = RequestKind::of(request.method(), request.uri().path());
    let permit = admission.acquire(request.headers(), address, kind).await?;
    request.extensions_mut().insert(Admitted { admission: admission.clone(), key: permit.key });
    Ok(permit)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use axum::http::HeaderValue;

    use super::*;

    fn bearer(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(text).unwrap())])
    }

    fn accept(admission: &Admission, permit: &Permit, owner: u128) {
        admission.accept(permit.key.unwrap(), Uuid::from_u128(owner));
    }

    /// A permit, if there is one at once.
    async fn at_once(admission: &Admission, text: &str, address: u8, kind: RequestKind) -> Option<Permit> {
        let headers = bearer(text);
        let mut entering = pin!(admission.acquire(&headers, Some([192, 0, 2, address].into()), kind));
        poll_fn(|context| match entering.as_mut().poll(context) {
            Poll::Ready(permit) => Poll::Ready(permit.ok()),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    #[tokio::test]
    async fn what_is_sent_piece_by_piece_keeps_its_place() {
        let admission = Admission::new();
        for whole in [true, false] {
            let permit = at_once(&admission, "known", 1, RequestKind::Other).await.unwrap();
            let lane = permit.lane.clone();
            let under_way = lane.narrow.available_permits();
            let body = if whole {
                Body::from("whole")
            } else {
                Body::from_stream(futures::stream::iter([Ok::<_, std::convert::Infallible>("a piece")]))
            };
            let response = permit.held_by(Response::new(body));
            assert_eq!(lane.narrow.available_permits() > under_way, whole);
            drop(response);
            assert!(lane.narrow.available_permits() > under_way);
        }
    }

    #[tokio::test]
    async fn strangers_wait_for_each_other_and_nobody_else_for_them() {
        let admission = Admission::new();
        let known = at_once(&admission, "known", 1, RequestKind::Decision).await.unwrap();
        accept(&admission, &known, 1);
        drop(known);
        let mut flood = Vec::new();
        for number in 0.. {
            match at_once(&admission, &format!("made up {number}"), 1, RequestKind::Decision).await {
                Some(permit) => flood.push(permit),
                None => break,
            }
        }
        assert_eq!(flood.len(), PERMITS_PER_ADDRESS);
        assert!(at_once(&admission, "another", 1, RequestKind::Other).await.is_none());
        assert!(at_once(&admission, "known", 1, RequestKind::Other).await.is_some());
        assert!(at_once(&admission, "another", 2, RequestKind::Other).await.is_some(), "of another address");
        assert!(at_once(&admission, "a sign-in", 1, RequestKind::SignIn).await.is_some(), "has semaphores of its own");
        // Many addresses fill what all unauthenticated have together.
        for address in 2..=200 {
            flood.extend(at_once(&admission, "made up", address, RequestKind::Decision).await);
        }
        assert_eq!(flood.len(), PERMITS_UNAUTHENTICATED);
        assert!(at_once(&admission, "known", 1, RequestKind::Other).await.is_some());
        drop(flood);
        assert!(at_once(&admission, "another", 1, RequestKind::Other).await.is_some());
    }

    #[tokio::test]
    async fn a_credential_waits_for_itself_and_all_of_an_owner_for_each_other() {
        let admission = Admission::new();
        for (name, owner) in [("a", 1), ("b", 1), ("c", 1), ("d", 2)] {
            let permit = at_once(&admission, name, 1, RequestKind::Decision).await.unwrap();
            accept(&admission, &permit, owner);
        }
        let mut held = Vec::new();
        for _ in 0..PERMITS_PER_CREDENTIAL / 4 {
            held.push(at_once(&admission, "a", 1, RequestKind::Other).await.unwrap());
        }
        assert!(at_once(&admission, "a", 1, RequestKind::Decision).await.is_none());
        for _ in 0..PERMITS_PER_CREDENTIAL {
            held.push(at_once(&admission, "b", 1, RequestKind::Decision).await.unwrap());
        }
        assert!(at_once(&admission, "c", 1, RequestKind::Decision).await.is_none(), "their owner has no more");
        assert!(at_once(&admission, "d", 1, RequestKind::Decision).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told_to_come_back() {
        let admission = Admission::new();
        let mut held = Vec::new();
        while let Some(permit) = at_once(&admission, "made up", 1, RequestKind::Decision).await {
            held.push(permit);
        }
        let refused = admission.acquire(&bearer("another"), Some([192, 0, 2, 1].into()), RequestKind::Decision).await;
        assert!(matches!(refused, Err(Error::TooManyAtOnce { retry_after: RETRY_AFTER, .. })));
    }

    #[test]
    fn lanes_that_are_empty_are_forgotten() {
        let semaphores = KeyedSemaphores::new(1);
        let kept = semaphores.of(0);
        for source in 1..10_000 {
            semaphores.of(source);
        }
        assert!(semaphores.semaphores.lock().unwrap().capacity() < 100);
        assert!(Arc::ptr_eq(&kept, &semaphores.of(0)), "what is held is still the same");
    }
}
