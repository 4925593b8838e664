use latchkey_domain::{Email, Timestamp, UserId};

use crate::{Store, StoreError, Tx};

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub instance_admin: bool,
    pub created_at: Timestamp,
}

/// Adds a user. `Conflict("email")` when the email is taken.
pub async fn insert(_tx: &mut Tx, _id: UserId, _email: &Email, _password_hash: Option<&str>, _instance_admin: bool, _now: Timestamp) -> Result<(), StoreError> { todo!() }
pub async fn by_id(_store: &Store, _id: UserId) -> Result<Option<User>, StoreError> { todo!() }
/// With the password's hash, for sign-in.
pub async fn by_email(_store: &Store, _email: &str) -> Result<Option<(User, Option<String>)>, StoreError> { todo!() }
