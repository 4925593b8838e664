//! Commands with which an operator ends credentials. They call use cases, so each holds on every replica at once and is
//! in the audit log.

use std::io::{self, BufRead};

use latchkey_domain::TokenState;
use latchkey_service::{Ended, Error, Service};
use uuid::Uuid;

use super::{CommandError, print};

/// Rows of one read.
const PAGE_SIZE: u32 = 100;

pub(super) async fn revoke(service: &Service, id: Uuid) -> Result<(), CommandError> {
    match service.operator().end(id).await? {
        Ended::ApiToken(name) => print(&format!("Revoked the API token {name}.")),
        Ended::Credential(email) => print(&format!("Ended the session or user token of {email}.")),
        Ended::Nothing => Err(format!("nothing that is alive has the id {id}").into()),
    }
}

pub(super) async fn tokens(service: &Service) -> Result<(), CommandError> {
    let mut after = None;
    loop {
        let page = service.operator().list_instance_tokens(after, PAGE_SIZE).await?;
        for token in &page.tokens {
            let ended = token.revocation.as_ref().map(|revocation| revocation.at);
            let state = match TokenState::at(service.now(), token.expires_at, ended) {
                TokenState::Active => "active",
                TokenState::Expired => "expired",
                TokenState::Revoked => "revoked",
            };
            print(&format!("{}  {state:<8}{}", token.id, token.name))?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

pub(super) async fn users(service: &Service) -> Result<(), CommandError> {
    let mut after = String::new();
    loop {
        let users = service.operator().list_users(&after, PAGE_SIZE).await?;
        for user in &users {
            let role = if user.instance_admin { "  instance admin" } else { "" };
            let locked = if user.locked_at.is_some() { "  locked" } else { "" };
            print(&format!("{}  {}{role}{locked}", user.id, user.email))?;
        }
        match users.last() {
            Some(last) => after.clone_from(&last.email),
            None => return Ok(()),
        }
    }
}

/// An error that names the account, if there is no such account.
fn account_error(email: &str, error: Error) -> CommandError {
    match error {
        Error::NotFound(_) => format!("there is no account with the email {email}").into(),
        error => error.into(),
    }
}

pub(super) async fn lock(service: &Service, email: &str, locked: bool) -> Result<(), CommandError> {
    let user = service.operator().set_locked(email, locked).await.map_err(|error| account_error(email, error))?;
    print(&format!("The account {} is {}.", user.email, if locked { "locked" } else { "open" }))
}

pub(super) async fn sign_out(service: &Service, email: &str) -> Result<(), CommandError> {
    let ended = service.operator().sign_out(email).await.map_err(|error| account_error(email, error))?;
    print(&format!("Ended {ended} sessions and user tokens."))
}

pub(super) async fn set_password(service: &Service, email: &str) -> Result<(), CommandError> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let set = service.operator().set_password(email, line.trim_end_matches(['\r', '\n'])).await;
    set.map_err(|error| account_error(email, error))?;
    print("The password is set; whatever the account was signed in with has ended.")
}
