//! What the pages need from the server around them.

use std::sync::Arc;

use latchkey_service::{Caller, Origin, Person, Principal, Service};

/// State of the page handlers. Cheap to clone.
#[derive(Clone)]
pub struct Portal {
    pub service: Service,
    pub site: Arc<Site>,
}

/// Facts about this deployment that pages show or depend on.
#[derive(Clone, Debug)]
pub struct Site {
    /// What browsers and clients use, without a slash at the end.
    pub public_url: String,
    /// The public URL is https: cookies are `Secure` and named `__Host-…`.
    pub secure: bool,
    /// Folder of the built assets under `/`, such as `pkg/3f2a…`; its name changes with its content.
    pub pkg_dir: String,
    pub version: &'static str,
}

/// Who looks at a page, put into the request's extensions by the server's session layer.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// `None` before signing in.
    pub person: Option<Person>,
    pub origin: Origin,
    /// Chosen by the theme toggle; `None` follows the system.
    pub theme: Option<Theme>,
}

impl Visitor {
    /// The caller to hand to use cases, once signed in.
    pub fn caller(&self) -> Option<Caller> {
        let person = self.person.clone()?;
        Some(Caller { principal: Principal::Session(person), origin: self.origin.clone() })
    }
}

/// A colour scheme that somebody chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

impl Theme {
    /// The word in the cookie, the form and `<html data-theme>`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads [`Theme::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Light, Self::Dark].into_iter().find(|theme| theme.as_str() == text)
    }
}
