use latchkey_api_types::{Info, Readiness, Status, StatusQuery};
use serde::de::DeserializeOwned;

use crate::operation::{INFO, IS_LIVE, IS_READY, METRICS, STATUS};
use crate::response::{self, Response};
use crate::{Client, Error, Request};

/// What operators and orchestrators ask. It needs no credential.
#[derive(Clone, Copy, Debug)]
pub struct HealthClient<'a> {
    pub(crate) client: &'a Client,
}

impl HealthClient<'_> {
    /// Whether the process runs.
    pub fn live(&self) -> Request<Status> {
        Request::new(self.client, &IS_LIVE, &[], response::json)
    }

    /// Whether requests can be served; the inner error says why not.
    pub fn ready(&self) -> Request<Result<Readiness, Status>> {
        Request::new(self.client, &IS_READY, &[], ready_or_not)
    }

    /// One of both, as existing clients ask for it; the inner error says why requests can't be served.
    pub fn status(&self, readiness: bool) -> Request<Result<Status, Status>> {
        Request::new(self.client, &STATUS, &[], ready_or_not).query(&StatusQuery { readiness })
    }

    /// The version of the instance, and where people sign in.
    pub fn info(&self) -> Request<Info> {
        Request::new(self.client, &INFO, &[], response::json)
    }

    /// The counters, as OpenMetrics.
    pub fn metrics(&self) -> Request<String> {
        Request::new(self.client, &METRICS, &[], response::text)
    }
}

fn ready_or_not<T: DeserializeOwned>(response: &Response) -> Result<Result<T, Status>, Error> {
    if response.status == 503 { response.parse().map(Err) } else { response::json(response).map(Ok) }
}
