//! What happens to every request before and after its handler.

pub(crate) mod admission;
pub(crate) mod body;
pub(crate) mod budget;
pub(crate) mod context;
mod forwarded;
mod leftover;
pub(crate) mod limit;
pub(crate) mod limits;
pub(crate) mod same_origin;
pub(crate) mod security;
pub(crate) mod session;
pub(crate) mod source;
pub(crate) mod visitor;
