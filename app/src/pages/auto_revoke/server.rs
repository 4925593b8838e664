//! What the page calls while the number of days is being chosen.

use leptos::{prelude::*, server_fn::codec::Json};

use super::outlook::Outlook;
use crate::answers::Answer;

/// What the next sweep would revoke with a threshold of `days`.
#[server(prefix = "/_fn", endpoint = "preview_auto_revoke", input = Json)]
pub async fn preview_auto_revoke(organization: String, days: u16) -> Answer<Outlook> {
    Ok(answer::preview(&organization, days).await)
}

#[cfg(feature = "ssr")]
pub(super) mod answer {
    use latchkey_domain::Timestamp;
    use latchkey_service::{Preview, TokenDetail};

    use super::super::outlook::{Idle, Outlook};
    use crate::{
        answers::Failure,
        server_fns::{caller, failure},
    };

    pub(super) async fn preview(organization: &str, days: u16) -> Result<Outlook, Failure> {
        let (portal, caller) = caller()?;
        let preview = portal.service.preview_auto_revoke(&caller, organization, days.into()).await;
        preview.map(|preview| outlook(preview, portal.service.now())).map_err(|error| failure(&caller, &error))
    }

    /// A preview as the page shows it.
    pub(in super::super) fn outlook(preview: Preview, now: Timestamp) -> Outlook {
        Outlook {
            days: preview.days,
            now,
            next_sweep_at: preview.next_sweep_at,
            would_revoke: preview.would_revoke,
            active: preview.active,
            tokens: preview.tokens.into_iter().map(idle).collect(),
        }
    }

    fn idle(detail: TokenDetail) -> Idle {
        let token = detail.token;
        Idle {
            name: token.name,
            owner: if token.project_name.is_empty() { token.organization_name } else { token.project_name },
            created_at: token.created_at,
            last_used_at: token.last_use.map(|last| last.at),
        }
    }
}
