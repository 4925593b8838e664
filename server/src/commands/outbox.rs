//! Messages that wait to be delivered, or were given up.

use latchkey_domain::OutboxMessageId;
use latchkey_service::{Error, MessageState, Service};
use uuid::Uuid;

use super::{CommandError, print};
use crate::config::OutboxCommand;

/// Rows that are read at a time.
const BATCH: u32 = 100;

pub(super) async fn run(service: &Service, command: OutboxCommand) -> Result<(), CommandError> {
    match command {
        OutboxCommand::List => list(service).await,
        OutboxCommand::Retry { id } => {
            let kind = service.outbox().retry(OutboxMessageId(id)).await;
            let kind = kind.map_err(|error| about(id, error, "that is not being delivered "))?;
            print(&format!("The message {kind} is due now; a server that runs delivers it."))
        }
        OutboxCommand::Drop { id } => {
            let kind = service.outbox().delete(OutboxMessageId(id)).await;
            let kind = kind.map_err(|error| about(id, error, ""))?;
            print(&format!("Dropped the message {kind}."))
        }
    }
}

async fn list(service: &Service) -> Result<(), CommandError> {
    let mut after = OutboxMessageId(Uuid::nil());
    loop {
        let messages = service.outbox().list(after, BATCH).await?;
        for message in &messages {
            let state = match message.state {
                MessageState::Due(at) if at <= service.now() => "due now".to_owned(),
                MessageState::Due(at) => format!("due at {at}"),
                MessageState::Leased(until) => format!("being delivered, until {until} at most"),
                MessageState::Dead(since) => format!("given up since {since}"),
            };
            let error = if message.last_error.is_empty() { "" } else { "  last error: " };
            let (id, kind, attempts) = (message.id, &message.kind, message.attempts);
            print(&format!("{id}  {kind}  {state}  attempts: {attempts}{error}{}", message.last_error))?;
        }
        match messages.last() {
            Some(last) => after = last.id,
            None => return Ok(()),
        }
    }
}

/// Names the message that there is not.
fn about(id: Uuid, error: Error, which: &str) -> CommandError {
    match error {
        Error::NotFound(_) => format!("there is no message {which}with the id {id}").into(),
        error => error.into(),
    }
}
