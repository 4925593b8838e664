//! Deadlines of calls: the client's, and at most that of a REST request.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tonic::Status;

/// As for REST: less than the limit of `request_limits.rs`, so that the status of gRPC comes first.
const MAX: Duration = crate::http::timeout::API_TIMEOUT;

pub(super) async fn layer(request: Request, next: Next) -> Response {
    let deadline = asked(request.headers()).map_or(MAX, |asked| asked.min(MAX));
    // `timeout` polls first: it would not see a deadline of zero.
    let answer = if deadline.is_zero() { None } else { tokio::time::timeout(deadline, next.run(request)).await.ok() };
    match answer {
        Some(response) => response,
        None => Status::deadline_exceeded("the call took too long").into_http::<Body>().into_response(),
    }
}

/// `grpc-timeout`: up to 8 digits and a unit (gRPC over HTTP/2, Requests). Anything else counts as none.
fn asked(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_ask_for() {
        let read = |text: &'static str| {
            asked(&HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), text.parse().unwrap())]))
        };
        assert_eq!(read("5S"), Some(Duration::from_secs(5)));
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        for bad in ["", "S", "5", "5s", "-5S", "123456789S", "5 S"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(asked(&HeaderMap::new()), None);
    }
}
