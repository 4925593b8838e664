use latchkey_domain::{OrganizationId, SweepId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A message to the outside. It is stored as JSON and may be read by another release: a kind keeps its form, and what
/// needs another form is another version of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data")]
pub enum Message {
    /// A sweep has revoked tokens of an organization. One that revokes many sends a message for each batch, written in the
    /// transaction of that batch.
    #[serde(rename = "sweep.finished.v1")]
    SweepFinished(SweepFinished),
}

/// See [`Message::SweepFinished`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SweepFinished {
    pub sweep: SweepId,
    pub organization: OrganizationId,
    /// The organization's threshold then, in days.
    pub threshold_days: u16,
    /// How many tokens this message tells of, at least 1.
    pub revoked: u32,
    pub finished_at: Timestamp,
}

impl Message {
    /// The kind, with its version.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SweepFinished(_) => "sweep.finished.v1",
        }
    }

    pub(super) fn encode(&self) -> String {
        json!(self).to_string()
    }

    /// `None` for what another release has written and this one doesn't know.
    pub(super) fn decode(payload: &str) -> Option<Self> {
        serde_json::from_str(payload).ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_stored_keeps_its_form() {
        let message = Message::SweepFinished(SweepFinished {
            sweep: SweepId(Uuid::from_u128(1)),
            organization: OrganizationId(Uuid::from_u128(2)),
            threshold_days: 90,
            revoked: 3,
            finished_at: Timestamp::from_micros(1_800_000_000_000_000),
        });
        let stored = r#"{"kind":"sweep.finished.v1","data":{"sweep":"00000000-0000-0000-0000-000000000001","organization":"00000000-0000-0000-0000-000000000002","thresholdDays":90,"revoked":3,"finishedAt":"2027-01-15T08:00:00Z"}}"#;
        let json: Value = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&message.encode()).unwrap(), json);
        assert_eq!(Message::decode(stored), Some(message.clone()));
        assert_eq!(json["kind"], message.kind());
        assert_eq!(Message::decode(r#"{"kind":"of.tomorrow.v1","data":{}}"#), None);
    }
}
