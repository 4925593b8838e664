//! How much of one source is under way at once, so that nobody's flood is another's outage.
//!
//! Each request takes places in two lanes, a narrow one and a wide one around it, until it is answered. What finds none
//! waits in its order, without taking the processor, while others pass. Whose credential has been accepted before has
//! lanes of its own (the credential; the organization or user that it belongs to). Everybody else is a stranger: so a
//! flood of made-up secrets waits for itself.
//!
//! The place is taken when the body has come whole, so that a slow client holds none.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use latchkey_service::{CachedToken, Error, Origin, Principal};
use quick_cache::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use uuid::Uuid;

use super::problem::Problem;
use super::source::Source;

/// Places of one credential.
const OF_CREDENTIAL: usize = 64;
/// Places of all tokens of one organization, or of all that one user is signed in with.
const OF_OWNER: usize = 128;
/// Places of the strangers of one address (IPv6: of one `/64`).
const OF_ADDRESS: usize = 32;
/// Places of all strangers.
const OF_STRANGERS: usize = 64;
/// Sign-ins of one address, most of which wait for their turn at hashing.
const SIGN_INS_OF_ADDRESS: usize = 32;
/// All sign-ins.
const SIGN_INS: usize = 128;
/// Whoever waits for longer is refused.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);
/// What they are told, in seconds.
const RETRY_AFTER: u64 = 5;
/// Credentials to recognize.
const RECOGNIZED: usize = 65_536;

/// What a request asks for, by how long it keeps the processor busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// A decision from memory.
    Decision,
    /// A password to hash.
    SignIn,
    /// Anything else.
    Other,
}

/// The lanes of all sources.
pub(crate) struct Admission {
    /// Nobody outside can find two credentials with one key.
    keys: RandomState,
    recognized: Cache<u64, Arc<[Arc<Semaphore>; 2]>>,
    owners: Lanes<Uuid>,
    addresses: Lanes<(bool, Option<Source>)>,
    strangers: Arc<Semaphore>,
    sign_ins: Arc<Semaphore>,
    refused: AtomicU64,
}

/// Held while a request is under way.
pub(crate) struct Place {
    #[expect(dead_code, reason = "held for what dropping it does")]
    held: [OwnedSemaphorePermit; 2],
    /// What to recognize the credential by, if it is accepted and was not before.
    key: Option<u64>,
}

/// In the extensions of a request that has a place.
#[derive(Clone)]
struct Arrival {
    admission: Arc<Admission>,
    key: Option<u64>,
}

/// Lanes that are there while somebody is in them.
struct Lanes<K> {
    places: usize,
    lanes: Mutex<HashMap<K, Weak<Semaphore>>>,
}

impl<K: Hash + Eq> Lanes<K> {
    fn new(places: usize) -> Self {
        Self { places, lanes: Mutex::default() }
    }

    fn of(&self, source: K) -> Arc<Semaphore> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(&source).and_then(Weak::upgrade) {
            return lane;
        }
        if lanes.len() == lanes.capacity() {
            // Before it grows: those that are empty go.
            lanes.retain(|_, lane| lane.strong_count() > 0);
        }
        let lane = Arc::new(Semaphore::new(self.places));
        lanes.insert(source, Arc::downgrade(&lane));
        lane
    }
}

impl Work {
    fn of(method: &Method, path: &str) -> Self {
        match path {
            "/api/verify" | "/oauth/introspect" => Self::Decision,
            "/login" | "/setup" | "/join" | "/api/auth/login" if method == Method::POST => Self::SignIn,
            _ => Self::Other,
        }
    }

    /// Places that it takes.
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
            recognized: Cache::new(RECOGNIZED),
            owners: Lanes::new(OF_OWNER),
            addresses: Lanes::new(OF_ADDRESS.max(SIGN_INS_OF_ADDRESS)),
            strangers: Arc::new(Semaphore::new(OF_STRANGERS)),
            sign_ins: Arc::new(Semaphore::new(SIGN_INS)),
            refused: AtomicU64::new(0),
        })
    }

    /// Waits for a place. Until it is dropped, the request is under way.
    pub(crate) async fn enter(&self, headers: &HeaderMap, address: Option<IpAddr>, work: Work) -> Result<Place, Error> {
        let shown = self.key(headers);
        let known = shown.filter(|_| work != Work::SignIn).and_then(|key| self.recognized.get(&key));
        let key = shown.filter(|_| known.is_none());
        let [narrow, wide] = known.map_or_else(|| self.of_stranger(address, work), |lanes| (*lanes).clone());
        let weight = work.weight();
        if let Ok(narrow) = narrow.clone().try_acquire_many_owned(weight)
            && let Ok(wide) = wide.clone().try_acquire_many_owned(weight)
        {
            return Ok(Place { held: [narrow, wide], key });
        }
        let wait = async {
            // First the narrow one: who waits there takes nothing from the others in the wide one.
            let narrow = narrow.acquire_many_owned(weight).await.ok()?;
            let wide = wide.acquire_many_owned(weight).await.ok()?;
            Some([narrow, wide])
        };
        match timeout(QUEUE_TIMEOUT, wait).await {
            Ok(Some(held)) => Ok(Place { held, key }),
            _ => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(Error::TooManyAtOnce { of: "requests", retry_after: RETRY_AFTER })
            }
        }
    }

    /// A token was accepted: from now on it has lanes of its own. They stay when it is refused later, so that it has them
    /// to itself then, too.
    pub(crate) fn recognize(&self, place: &Place, token: &CachedToken) {
        if let Some(key) = place.key {
            self.accept(key, owner(token));
        }
    }

    /// Requests that have waited too long.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn accept(&self, key: u64, owner: Uuid) {
        let lanes = [Arc::new(Semaphore::new(OF_CREDENTIAL)), self.owners.of(owner)];
        self.recognized.insert(key, Arc::new(lanes));
    }

    /// Of what a request shows of itself; `None` if that is nothing.
    fn key(&self, headers: &HeaderMap) -> Option<u64> {
        let mut hasher = self.keys.build_hasher();
        let mut shown = false;
        for name in [header::AUTHORIZATION, header::COOKIE] {
            for value in headers.get_all(name) {
                hasher.write(value.as_bytes());
                shown = true;
            }
        }
        shown.then(|| hasher.finish())
    }

    fn of_stranger(&self, address: Option<IpAddr>, work: Work) -> [Arc<Semaphore>; 2] {
        let signs_in = work == Work::SignIn;
        let wide = if signs_in { &self.sign_ins } else { &self.strangers };
        [self.addresses.of((signs_in, address.map(Source::of))), wide.clone()]
    }
}

/// Notes that the credential of a request was accepted, where a [`layer`] is around.
pub(crate) fn recognize(extensions: &Extensions, principal: &Principal) {
    if let Some(Arrival { admission, key: Some(key) }) = extensions.get() {
        let owner = match principal {
            Principal::Session(person) | Principal::UserToken(person) => person.id.0,
            Principal::ApiToken(token) => owner(token),
        };
        admission.accept(*key, owner);
    }
}

/// Whose tokens wait for each other: the organization's, or of the instance each for itself.
fn owner(token: &CachedToken) -> Uuid {
    token.level.organization().map_or(token.id.0, |organization| organization.0)
}

/// Lets requests of an API go on when there is a place for them.
pub(crate) async fn layer(State(admission): State<Arc<Admission>>, mut request: Request, next: Next) -> Response {
    match admit(&admission, &mut request).await {
        Ok(_place) => next.run(request).await,
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Waits for a place of a request whose [`Origin`] is known; its credential can be [recognized](recognize) from now on.
pub(crate) async fn admit(admission: &Arc<Admission>, request: &mut Request) -> Result<Place, Error> {
    let address = request.extensions().get::<Origin>().and_then(|origin| origin.address);
    let work = Work::of(request.method(), request.uri().path());
    let place = admission.enter(request.headers(), address, work).await?;
    request.extensions_mut().insert(Arrival { admission: admission.clone(), key: place.key });
    Ok(place)
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

    fn accept(admission: &Admission, place: &Place, owner: u128) {
        admission.accept(place.key.unwrap(), Uuid::from_u128(owner));
    }

    /// A place, if there is one at once.
    async fn at_once(admission: &Admission, text: &str, address: u8, work: Work) -> Option<Place> {
        let headers = bearer(text);
        let mut entering = pin!(admission.enter(&headers, Some([192, 0, 2, address].into()), work));
        poll_fn(|context| match entering.as_mut().poll(context) {
            Poll::Ready(place) => Poll::Ready(place.ok()),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    #[tokio::test]
    async fn strangers_wait_for_each_other_and_nobody_else_for_them() {
        let admission = Admission::new();
        let known = at_once(&admission, "known", 1, Work::Decision).await.unwrap();
        accept(&admission, &known, 1);
        drop(known);
        let mut flood = Vec::new();
        for number in 0.. {
            match at_once(&admission, &format!("made up {number}"), 1, Work::Decision).await {
                Some(place) => flood.push(place),
                None => break,
            }
        }
        assert_eq!(flood.len(), OF_ADDRESS);
        assert!(at_once(&admission, "another", 1, Work::Other).await.is_none());
        assert!(at_once(&admission, "known", 1, Work::Other).await.is_some());
        assert!(at_once(&admission, "another", 2, Work::Other).await.is_some(), "of another address");
        assert!(at_once(&admission, "a sign-in", 1, Work::SignIn).await.is_some(), "has lanes of its own");
        // Many addresses fill what all strangers have together.
        for address in 2..=200 {
            flood.extend(at_once(&admission, "made up", address, Work::Decision).await);
        }
        assert_eq!(flood.len(), OF_STRANGERS);
        assert!(at_once(&admission, "known", 1, Work::Other).await.is_some());
        drop(flood);
        assert!(at_once(&admission, "another", 1, Work::Other).await.is_some());
    }

    #[tokio::test]
    async fn a_credential_waits_for_itself_and_all_of_an_owner_for_each_other() {
        let admission = Admission::new();
        for (name, owner) in [("a", 1), ("b", 1), ("c", 1), ("d", 2)] {
            let place = at_once(&admission, name, 1, Work::Decision).await.unwrap();
            accept(&admission, &place, owner);
        }
        let mut held = Vec::new();
        for _ in 0..OF_CREDENTIAL / 4 {
            held.push(at_once(&admission, "a", 1, Work::Other).await.unwrap());
        }
        assert!(at_once(&admission, "a", 1, Work::Decision).await.is_none());
        for _ in 0..OF_CREDENTIAL {
            held.push(at_once(&admission, "b", 1, Work::Decision).await.unwrap());
        }
        assert!(at_once(&admission, "c", 1, Work::Decision).await.is_none(), "their owner has no more");
        assert!(at_once(&admission, "d", 1, Work::Decision).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told_to_come_back() {
        let admission = Admission::new();
        let mut held = Vec::new();
        while let Some(place) = at_once(&admission, "made up", 1, Work::Decision).await {
            held.push(place);
        }
        let refused = admission.enter(&bearer("another"), Some([192, 0, 2, 1].into()), Work::Decision).await;
        assert!(matches!(refused, Err(Error::TooManyAtOnce { retry_after: RETRY_AFTER, .. })));
    }

    #[test]
    fn lanes_that_are_empty_are_forgotten() {
        let lanes = Lanes::new(1);
        let kept = lanes.of(0);
        for source in 1..10_000 {
            lanes.of(source);
        }
        assert!(lanes.lanes.lock().unwrap().capacity() < 100);
        assert!(Arc::ptr_eq(&kept, &lanes.of(0)), "what is held is still the same");
    }
}
