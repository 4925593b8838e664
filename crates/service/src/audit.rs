//! Reading audit events.

use latchkey_domain::{OrganizationId, Timestamp};
use latchkey_store::audit::{self, Filter, RecordedEvent};
use uuid::Uuid;

use crate::authorization::Action;
use crate::page::{Page, check_limit};
use crate::{Audit, Caller, Error, FieldError, OrganizationAccess, cursor};

/// Longest action, in characters.
const ACTION_MAX: usize = 100;

/// Which events to list; everything as it was sent.
#[derive(Clone, Debug, Default)]
pub struct ListEvents {
    /// Such as `token.created`.
    pub action: Option<String>,
    /// The id of a user or token.
    pub actor: Option<String>,
    /// The id of what was acted on.
    pub target: Option<String>,
    /// `success` or `failure`.
    pub outcome: Option<String>,
    /// At this moment of RFC 3339 or later.
    pub from: Option<String>,
    /// Before this moment of RFC 3339.
    pub to: Option<String>,
    /// From an earlier page.
    pub cursor: Option<String>,
    /// 1 to 100.
    pub limit: u32,
}

impl Audit<'_> {
    /// What happened in an organization, newest first. A page may have fewer events than its limit and still go on:
    /// a rare combination is looked for in a bounded number of events at a time.
    pub async fn list(self, access: &OrganizationAccess, list: &ListEvents) -> Result<Page<RecordedEvent>, Error> {
        access.allow(Action::ReadAudit)?;
        self.find(Some(access.id()), list).await
    }

    /// What happened in no organization: sign-ins, set-up, organizations that came and went.
    pub async fn list_of_instance(self, caller: &Caller, list: &ListEvents) -> Result<Page<RecordedEvent>, Error> {
        caller.may_read_instance()?;
        self.find(None, list).await
    }

    async fn find(self, organization: Option<OrganizationId>, list: &ListEvents) -> Result<Page<RecordedEvent>, Error> {
        check_limit(list.limit)?;
        let filter = filter(organization, list)?;
        let before = list.cursor.as_deref().map(cursor::decode_event).transpose()?;
        let page = audit::list(self.service.store(), &filter, before, list.limit).await?;
        Ok(Page { items: page.events, next: page.next.map(cursor::encode_event) })
    }
}

/// Every filter that is wrong, at once.
fn filter(organization: Option<OrganizationId>, list: &ListEvents) -> Result<Filter, Error> {
    let mut errors = Vec::new();
    let action = list.action.clone();
    if action.as_ref().is_some_and(|action| action.chars().count() > ACTION_MAX) {
        errors.push(FieldError::new("action", format!("must have at most {ACTION_MAX} characters")));
    }
    let mut id = |field, text: &Option<String>| {
        let parsed = text.as_deref().map(str::parse::<Uuid>).transpose();
        parsed.unwrap_or_else(|_| {
            errors.push(FieldError::new(field, "must be an id"));
            None
        })
    };
    let (actor, target) = (id("actor", &list.actor), id("target", &list.target));
    let outcome = match list.outcome.as_deref() {
        None => None,
        Some("success") => Some("success"),
        Some("failure") => Some("failure"),
        Some(_) => {
            errors.push(FieldError::new("outcome", "must be success or failure"));
            None
        }
    };
    let mut moment = |field, text: &Option<String>| {
        let parsed = text.as_deref().map(str::parse::<Timestamp>).transpose();
        parsed.unwrap_or_else(|error| {
            errors.push(FieldError::new(field, format!("is {error}")));
            None
        })
    };
    let (from, to) = (moment("from", &list.from), moment("to", &list.to));
    if errors.is_empty() {
        Ok(Filter { organization, action, actor, target, outcome, from, to })
    } else {
        Err(Error::Invalid(errors))
    }
}
