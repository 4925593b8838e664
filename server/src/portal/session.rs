//! The session cookie, by `tower-sessions`, and what has to be put right around it.

use std::convert::Infallible;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use latchkey_app::portal::Portal;
use latchkey_app::{cookies, pages};
use latchkey_service::{BrowserSession, Error, Origin, RequestSessionStore};
use tower::{Layer, ServiceExt};
use tower_sessions::cookie::SameSite;
use tower_sessions::{Session, SessionManagerLayer};

/// The cookies of a request, while `tower-sessions` sees no other than the session's.
#[derive(Clone)]
pub(super) struct AllCookies(Vec<HeaderValue>);

/// The status of an answer that `tower-sessions` must not take for an error, or would send no cookie with it.
#[derive(Clone)]
struct Answered(StatusCode);

/// Puts a [`Session`] into the request's extensions, and its cookie into the answer if it is a new one. To be laid around
/// [`hand_over`].
pub(super) async fn layer(
    State(portal): State<Portal>,
    Extension(origin): Extension<Origin>,
    mut request: Request,
    next: Next,
) -> Response {
    let site = &portal.site;
    let id = cookies::session(site, request.headers());
    let theme = cookies::theme(request.headers());
    let headers = request.headers_mut();
    let all = AllCookies(headers.get_all(COOKIE).iter().cloned().collect());
    // `tower-sessions` decodes names, so that `%5F_Host-latchkey`, which any host may set, would be `__Host-latchkey` to
    // it, and of two it takes one.
    headers.remove(COOKIE);
    if let Some(cookie) = id.and_then(|id| HeaderValue::try_from(cookies::session_pair(site, id)).ok()) {
        headers.insert(COOKIE, cookie);
    }
    let store = RequestSessionStore::new(portal.service.clone(), origin.clone());
    request.extensions_mut().insert(all);
    request.extensions_mut().insert(store.clone());
    // `Lax`, not `Strict`: a strict cookie would be missing on the way back from an identity provider.
    let sessions = SessionManagerLayer::new(store.clone())
        .with_name(cookies::session_name(site))
        .with_same_site(SameSite::Lax)
        .with_http_only(true)
        .with_secure(site.secure)
        .with_path("/")
        .with_expiry(BrowserSession::COOKIE_EXPIRY);
    let answer: Result<Response, Infallible> = sessions.layer(next).oneshot(request).await;
    let Ok(mut response) = answer;
    match response.extensions_mut().remove::<Answered>() {
        Some(Answered(status)) => *response.status_mut() = status,
        // Nobody has answered but `tower-sessions`, which could not save.
        None => {
            let error = store.take_failure().unwrap_or(Error::Unavailable);
            return pages::error_response(&portal, theme, origin.request_id(), &error);
        }
    }
    complete(&portal, response.headers_mut());
    response
}

/// Hands the session over to handlers, as a [`BrowserSession`], and the cookies back.
pub(super) async fn hand_over(
    Extension(session): Extension<Session>,
    Extension(store): Extension<RequestSessionStore>,
    Extension(AllCookies(all)): Extension<AllCookies>,
    mut request: Request,
    next: Next,
) -> Response {
    request.headers_mut().remove(COOKIE);
    for cookie in all {
        request.headers_mut().append(COOKIE, cookie);
    }
    request.extensions_mut().insert(BrowserSession::new(session, store.clone()));
    let mut response = next.run(request).await;
    let status = response.status();
    if store.is_replaced() && status.is_server_error() {
        // The session of before has ended in the database: without the new cookie, the person would be signed out.
        *response.status_mut() = StatusCode::OK;
    }
    response.extensions_mut().insert(Answered(status));
    response
}

/// The cookie that takes the session's away has no attributes, and browsers refuse that for `__Host-`. None of both is
/// for a log.
fn complete(portal: &Portal, headers: &mut HeaderMap) {
    let start = [cookies::session_name(&portal.site), "="].concat();
    let set: Vec<_> = headers.get_all(SET_COOKIE).iter().cloned().collect();
    if !set.iter().any(|cookie| cookie.as_bytes().starts_with(start.as_bytes())) {
        return;
    }
    headers.remove(SET_COOKIE);
    for mut cookie in set {
        if let Some(value) = cookie.as_bytes().strip_prefix(start.as_bytes()) {
            if value.starts_with(b";") {
                let Some(clear) = cookies::clear_session(&portal.site) else { continue };
                cookie = clear;
            }
            cookie.set_sensitive(true);
        }
        headers.append(SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::middleware::{from_fn, from_fn_with_state};
    use axum::response::IntoResponse;
    use axum::routing::post;
    use latchkey_app::portal::Site;
    use latchkey_domain::Catalogue;
    use latchkey_service::{Browser, Caller, PendingSignIn, Principal, Service, SessionId, SystemClock, SystemRandom};
    use latchkey_store::Store;

    use super::*;

    const EMAIL: &str = "ada@example.com";
    const PASSWORD: &str = "correct horse battery";

    /// Handlers between a commit and an answer.
    struct World {
        portal: Portal,
        router: Router,
    }

    async fn world(name: &str, secure: bool) -> World {
        let directory = std::env::temp_dir().join(format!("latchkey-session-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        let store = Store::connect(&format!("sqlite://{}", directory.join("latchkey.db").display())).await.unwrap();
        store.migrate().await.unwrap();
        let service = Service::new(store.clone(), Catalogue::built_in(), Arc::new(SystemClock), Arc::new(SystemRandom));
        service.setup().bootstrap(EMAIL, PASSWORD).await.unwrap();
        let site = Site { public_url: "https://keys.example".into(), secure, pkg_dir: "pkg".into(), version: "1" };
        let portal = Portal { service, site: Arc::new(site) };
        let router = Router::new()
            .route("/nothing", post(|| async {}))
            .route("/cookies", post(|headers: HeaderMap| async move { format!("{:?}", headers.get_all(COOKIE)) }))
            .route("/sign-in", post(sign_in))
            .route("/renew", post(renew))
            .route("/sign-out", post(sign_out))
            .route("/begin", post(begin))
            .with_state((portal.clone(), store))
            .layer(from_fn(hand_over))
            .layer(from_fn_with_state(portal.clone(), layer))
            .layer(Extension(Origin::default()));
        World { portal, router }
    }

    type Shared = State<(Portal, Store)>;

    /// The status that a handler is to answer with, after all is done.
    fn asked_for(headers: &HeaderMap) -> StatusCode {
        headers.get("status").map_or(StatusCode::OK, |status| StatusCode::from_bytes(status.as_bytes()).unwrap())
    }

    async fn sign_in(
        State((portal, _)): Shared,
        Extension(session): Extension<BrowserSession>,
        headers: HeaderMap,
    ) -> impl IntoResponse {
        let browser = Browser { session: session.id(), device: None };
        let signed_in = portal.service.sessions().sign_in(&Origin::default(), browser, EMAIL, PASSWORD).await.unwrap();
        session.replace(signed_in.session).await.unwrap();
        asked_for(&headers)
    }

    async fn renew(
        State((portal, _)): Shared,
        Extension(session): Extension<BrowserSession>,
        headers: HeaderMap,
    ) -> impl IntoResponse {
        let person = portal.service.sessions().person(session.id().unwrap()).await.unwrap().unwrap();
        let caller = Caller { principal: Principal::Session(person), origin: Origin::default() };
        let renewed = portal.service.users().set_password(&caller, "me", Some(PASSWORD), PASSWORD).await.unwrap();
        session.replace(renewed.unwrap().session).await.unwrap();
        asked_for(&headers)
    }

    async fn sign_out(Extension(session): Extension<BrowserSession>) -> impl IntoResponse {
        session.end().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
    }

    async fn begin(
        State((_, store)): Shared,
        Extension(session): Extension<BrowserSession>,
        headers: HeaderMap,
    ) -> impl IntoResponse {
        // What is the same as before would not be saved.
        let state = if headers.contains_key("close") { "another" } else { "first" }.to_owned();
        let nonce = "n".to_owned();
        let pending = PendingSignIn { state, nonce, code_verifier: "v".to_owned(), return_path: "/".to_owned() };
        session.begin_sign_in(&pending).await.unwrap();
        if headers.contains_key("close") {
            store.close().await;
        }
        asked_for(&headers)
    }

    impl World {
        async fn post(&self, path: &str, headers: &[(&str, &str)]) -> Response {
            let mut request = Request::post(path);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let Ok(response) = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await;
            response
        }

        async fn is_live(&self, pair: &str) -> bool {
            let id = SessionId::parse(pair.split_once('=').unwrap().1).unwrap();
            self.portal.service.sessions().person(id).await.unwrap().is_some()
        }
    }

    /// The cookies that an answer sets.
    fn set(response: &Response) -> Vec<&str> {
        response.headers().get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap()).collect()
    }

    /// The one that it sets, as a request sends it.
    fn pair(response: &Response) -> String {
        let set = set(response);
        assert_eq!(set.len(), 1, "{set:?}");
        set[0].split(';').next().unwrap().to_owned()
    }

    #[tokio::test]
    async fn the_cookie_is_as_narrow_as_it_can_be() {
        for (name, secure, cookie) in [("http", false, "latchkey"), ("https", true, "__Host-latchkey")] {
            let world = world(name, secure).await;
            let signed_in = world.post("/sign-in", &[]).await;
            let pair = pair(&signed_in);
            let (found, id) = pair.split_once('=').unwrap();
            assert_eq!((found, id.len()), (cookie, 22));
            let secure = if secure { "; Secure" } else { "" };
            let expected = format!("{pair}; HttpOnly; SameSite=Lax{secure}; Path=/; Max-Age=604800");
            assert_eq!(set(&signed_in), [&expected]);
            assert!(signed_in.headers()[SET_COOKIE].is_sensitive());
            // Browsers take nothing of that name without all of its attributes, not even its end.
            let signed_out = world.post("/sign-out", &[("cookie", &pair)]).await;
            assert_eq!(set(&signed_out), [&format!("{cookie}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}")]);
            assert!(!world.is_live(&pair).await);
        }
    }

    #[tokio::test]
    async fn who_does_not_sign_in_gets_no_cookie() {
        let world = world("anonymous", false).await;
        let planted = "latchkey=AAAAAAAAAAAAAAAAAAAAAA";
        for cookie in ["", planted, "latchkey=", "latchkey=lks_0", "other=1"] {
            assert_eq!(set(&world.post("/nothing", &[("cookie", cookie)]).await), [""; 0], "{cookie}");
        }
        // A planted id is not the one that somebody signs in with.
        let signed_in = world.post("/sign-in", &[("cookie", planted)]).await;
        assert_ne!(pair(&signed_in), planted);
        assert!(!world.is_live(planted).await && world.is_live(&pair(&signed_in)).await);
        // Nor is the cookie sent again with each answer.
        assert_eq!(set(&world.post("/nothing", &[("cookie", &pair(&signed_in))]).await), [""; 0]);
    }

    #[tokio::test]
    async fn an_error_after_the_commit_signs_nobody_out() {
        let world = world("error", false).await;
        let failing = ("status", "500");
        let first = world.post("/sign-in", &[failing]).await;
        assert_eq!(first.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let first = pair(&first);
        assert!(world.is_live(&first).await);
        for path in ["/sign-in", "/renew"] {
            let mut cookie = pair(&world.post("/sign-in", &[]).await);
            for status in ["500", "503", "200", "422"] {
                let answer = world.post(path, &[("cookie", &cookie), ("status", status)]).await;
                assert_eq!(answer.status().as_str(), status);
                assert!(!world.is_live(&cookie).await && world.is_live(&pair(&answer)).await, "{path} {status}");
                cookie = pair(&answer);
            }
        }
        // A sign-in that has only begun is not saved with an error: nothing is lost by that.
        assert_eq!(set(&world.post("/begin", &[failing]).await), [""; 0]);
    }

    #[tokio::test]
    async fn a_store_that_fails_gives_our_own_page() {
        let world = world("failing", false).await;
        let begun = pair(&world.post("/begin", &[]).await);
        let answer = world.post("/begin", &[("cookie", &begun), ("close", "")]).await;
        assert_eq!((answer.status(), set(&answer).len()), (StatusCode::SERVICE_UNAVAILABLE, 0));
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
        let page = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        assert!(String::from_utf8_lossy(&page).contains("<h1"), "{page:?}");
        // The layer itself asks the store for nothing, with whatever cookie.
        assert_eq!(world.post("/nothing", &[("cookie", &begun)]).await.status(), StatusCode::OK);
        // Nobody is signed out by it: no cookie is taken away.
        let answer = world.post("/sign-out", &[("cookie", &begun)]).await;
        assert_eq!((answer.status(), set(&answer).len()), (StatusCode::SERVICE_UNAVAILABLE, 0));
    }

    #[tokio::test]
    async fn only_the_cookie_itself_counts() {
        let world = world("names", true).await;
        let pair = pair(&world.post("/sign-in", &[]).await);
        let id = pair.split_once('=').unwrap().1;
        let other = "__Host-latchkey=AAAAAAAAAAAAAAAAAAAAAA";
        let signs_out = async |cookies: &str| {
            let answer = world.post("/sign-out", &[("cookie", cookies)]).await;
            assert!(answer.status().is_success());
            !world.is_live(&pair).await
        };
        // A page of a neighbouring host can set these: encoded, or beside the right one.
        for cookies in [
            format!("%5F%5FHost-latchkey={id}"),
            format!("__Host%2Dlatchkey={id}"),
            format!("latchkey={id}"),
            format!("{pair}; {other}"),
            format!("{other}; {pair}"),
        ] {
            assert!(!signs_out(&cookies).await, "{cookies}");
        }
        // Handlers see all that was sent.
        let sent = world.post("/cookies", &[("cookie", "a=1; b=2"), ("cookie", &pair)]).await;
        let seen = to_bytes(sent.into_body(), 10_000).await.unwrap();
        assert!(String::from_utf8_lossy(&seen).contains("a=1; b=2"), "{seen:?}");
        assert!(signs_out(&format!("a=1; {pair}; %5F%5FHost-latchkey=x")).await);
    }
}
