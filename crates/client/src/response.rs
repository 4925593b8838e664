use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::{ETag, Error, Tagged};

/// A whole response.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// May hold a secret.
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// Reads a response into what a call returns.
pub(crate) type Decode<T> = fn(&Response) -> Result<T, Error>;

impl Response {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header that may be missing.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body, whatever the status.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let media_type = self.headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        if !media_type.starts_with(b"application/json") {
            return Err(Error::unexpected(self, "the body is not JSON"));
        }
        // Not serde's text, which may quote the body.
        serde_json::from_slice(&self.body).map_err(|error| {
            let detail = format!("the JSON is of another form, at line {} column {}", error.line(), error.column());
            Error::unexpected(self, detail)
        })
    }

    fn success(&self) -> Result<&Self, Error> {
        if self.is_success() { Ok(self) } else { Err(Error::of(self)) }
    }
}

pub(crate) fn json<T: DeserializeOwned>(response: &Response) -> Result<T, Error> {
    response.success()?.parse()
}

pub(crate) fn tagged<T: DeserializeOwned>(response: &Response) -> Result<Tagged<T>, Error> {
    Ok(Tagged { value: json(response)?, etag: response.header(ETAG.as_str()).map(|tag| ETag(tag.to_owned())) })
}

/// `None` for 304: what the client has is still so.
pub(crate) fn tagged_if_changed<T: DeserializeOwned>(response: &Response) -> Result<Option<Tagged<T>>, Error> {
    if response.status == 304 { Ok(None) } else { tagged(response).map(Some) }
}

pub(crate) fn nothing(response: &Response) -> Result<(), Error> {
    response.success().map(drop)
}

pub(crate) fn text(response: &Response) -> Result<String, Error> {
    String::from_utf8(response.success()?.body.to_vec())
        .map_err(|_| Error::unexpected(response, "the body is not UTF-8"))
}
