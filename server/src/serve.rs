//! Serving, from the first log line to the last write.

use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use latchkey_service::Service;
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::config::Config;
use crate::connections::limiter::ConnectionLimiter;
use crate::http::admission::Admission;
use crate::http::body_budget::BodyBudget;
use crate::http::context::RequestContext;
use crate::http::rate_limit::RateLimiter;
use crate::metrics::{Counted, Metrics};
use crate::state::{ServerState, Shared, Site};
use crate::{assets, connections, open_files, router, worker};

/// How long requests in flight may take after the signal to stop.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) async fn run(config: Config, service: Service, demo: bool) -> Result<(), Box<dyn Error>> {
    let Some(pkg_dir) = assets::pkg_dir() else {
        return Err("the site is not built into this program; run `make site`, then build it again".into());
    };
    let shutdown_signal = shutdown_signal()?;
    let listener = TcpListener::bind(config.server.addr)
        .await
        .map_err(|error| format!("can't listen on {}: {error}", config.server.addr))?;
    let bound = listener.local_addr()?;
    let public_url = config.server.public_url(bound);
    first_account(&config, &service, &public_url, demo).await?;

    let (stop, stopping) = watch::channel(false);
    let trusted_proxies = config.server.trusted_proxies.map(Arc::new);
    let limits =
        open_files::connection_limits(config.limits.max_connections, config.limits.max_connections_per_address);
    tracing::debug!(total = limits.total, per_address = limits.per_address, "limits of connections");
    let limiter = ConnectionLimiter::new(limits, trusted_proxies.clone());
    let (admission, body_budget) = (Admission::new(), BodyBudget::new());
    let metrics = Metrics::new(Counted {
        service: service.clone(),
        connections: limiter.clone(),
        body_budget: body_budget.clone(),
        admission: admission.clone(),
    });
    let state = ServerState::from(Shared {
        site: Site { public_url, pkg_dir, version: env!("CARGO_PKG_VERSION") },
        routes: config.routes,
        pin: config.verification.forward_auth_organizations,
        context: RequestContext { service: service.clone(), trusted_proxies },
        admission,
        body_budget,
        rate_limiter: RateLimiter::new(config.limits.api_rate_limit, config.limits.organization_rate_limit()),
        metrics,
        service: service.clone(),
    });
    let routes = router::router(state, config.server.cors_origins.unwrap_or_default(), stopping.clone()).await?;

    let workers = worker::start(service.clone(), stopping.clone());
    tracing::info!(%bound, version = env!("CARGO_PKG_VERSION"), "listening");

    let server = tokio::spawn(connections::serve(listener, Arc::new(routes), limiter, stopping));
    shutdown_signal.await;
    tracing::info!("stopping: finishing requests");
    stop.send_replace(true);
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, server).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
    workers.await?;
    service.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Whoever starts a new instance gets a way in.
async fn first_account(config: &Config, service: &Service, public_url: &str, demo: bool) -> Result<(), Box<dyn Error>> {
    if demo && config.accounts.bootstrap_admin()?.is_some() {
        return Err("--demo makes its own first account: leave LATCHKEY_BOOTSTRAP_ADMIN_EMAIL and _PASSWORD out".into());
    }
    if let Some(admin) = config.accounts.bootstrap_admin()?
        && service.setup().bootstrap(admin.email, admin.password).await?
    {
        tracing::info!("created the instance admin and the organization default");
    }
    if demo && let Some(login) = service.setup().fill_demo().await? {
        let text = format!("Demo: {public_url}/login  email {}  password {}\n", login.email, login.password.reveal());
        io::stdout().write_all(text.as_bytes())?;
    }
    if let Some(link) = service.setup().new_link().await? {
        // The one secret that the log carries, and of no use once somebody has used it: the specification asks for it.
        tracing::info!("set up this instance at {public_url}/setup?link={}", link.reveal());
    }
    Ok(())
}

/// Resolves at Ctrl-C or SIGTERM. They are heard from the call on: one that came with nobody listening would end the
/// process with everything in its hands.
#[cfg(unix)]
fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
