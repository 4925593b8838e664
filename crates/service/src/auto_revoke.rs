//! Auto-revoke: the setting, its preview, and the sweep.

use latchkey_domain::{AuditAction, InactivityThreshold, OrganizationId, SweepId, Timestamp};
use latchkey_store::organizations::Organization;
use latchkey_store::sweeps::Sweep;
use latchkey_store::tokens;
use latchkey_store::{organizations, sweeps};
use serde_json::json;
use uuid::Uuid;

use crate::authorization::Action;
use crate::outbox::{Message, SweepFinished};
use crate::recorder::{AuditEntry, system};
use crate::transaction::{Purpose, Write};
use crate::{AutoRevoke, Error, FieldError, OrganizationAccess, Origin, StateFilter, TokenDetail};

/// Sweeps begin with each full hour in UTC, the same on every replica and after every restart.
const INTERVAL_SECONDS: i64 = 3_600;
/// Tokens revoked in one transaction: a larger one would keep SQLite's other writers waiting.
const BATCH: u32 = 500;
/// Organizations read at a time.
const ORGANIZATIONS: u32 = 100;
/// Tokens that a preview names.
const PREVIEW: u32 = 50;
/// Sweeps that the page shows.
const SHOWN_SWEEPS: u32 = 10;
/// Sweeps are remembered for so long.
const KEPT_DAYS: i64 = 90;

/// An organization's setting, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoRevokeSetting {
    pub threshold: Option<InactivityThreshold>,
    pub next_sweep_at: Timestamp,
    /// Newest first, 10 at most; none for a project's token.
    pub sweeps: Vec<Sweep>,
    /// Whether this caller may change the threshold.
    pub changeable: bool,
}

/// What the next sweep would revoke with a threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// 0: auto-revoke is off.
    pub days: u16,
    /// Counted to [`COUNT_MAX`](crate::COUNT_MAX) + 1 at most.
    pub would_revoke: u32,
    /// Active tokens of the organization, counted likewise.
    pub active: u32,
    /// Longest idle first, 50 at most.
    pub tokens: Vec<TokenDetail>,
    pub next_sweep_at: Timestamp,
}

/// What one run of auto-revoke did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Organizations that have a threshold and were looked at.
    pub organizations: u32,
    /// Tokens revoked.
    pub revoked: u32,
}

/// Whether a run looks at organizations that were swept in this hour already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepKind {
    /// The hourly one, by whichever replica comes first.
    Scheduled,
    /// An operator's.
    Manual,
}

impl AutoRevoke<'_> {
    /// The organization's setting and its last sweeps.
    pub async fn get(self, access: &OrganizationAccess) -> Result<AutoRevokeSetting, Error> {
        access.allow(Action::ReadTokens)?;
        Ok(AutoRevokeSetting {
            threshold: access.organization().threshold,
            next_sweep_at: next_sweep(self.service.now()),
            sweeps: match access.principal().project() {
                // They tell how many tokens the whole organization has lost.
                Some(_) => Vec::new(),
                None => sweeps::latest(self.service.store(), access.id(), SHOWN_SWEEPS).await?,
            },
            changeable: access.allow(Action::SetAutoRevoke).is_ok(),
        })
    }

    /// Exactly what the next sweep would revoke with a threshold of `days`; of its project, for a project's token. Judged at the moment of that sweep, so that
    /// a token that becomes inactive within the hour is shown.
    pub async fn preview(self, access: &OrganizationAccess, days: i64) -> Result<Preview, Error> {
        access.allow(Action::ReadTokens)?;
        let threshold = threshold(days)?;
        self.service.flush_uses().await?;
        let now = self.service.now();
        let next_sweep_at = next_sweep(now);
        let active = self.service.tokens().state_filter(access, StateFilter::Active, now);
        let active = tokens::count(self.service.store(), &active, now).await?;
        let Some(threshold) = threshold else {
            return Ok(Preview { days: 0, would_revoke: 0, active, tokens: Vec::new(), next_sweep_at });
        };
        let cutoff = threshold.cutoff(next_sweep_at);
        let (id, project) = (access.id(), access.principal().project());
        let would_revoke = tokens::count_inactive(self.service.store(), id, project, cutoff, next_sweep_at).await?;
        let inactive = tokens::inactive(self.service.store(), id, project, cutoff, PREVIEW, next_sweep_at).await?;
        let tokens = self.service.tokens().details(access, inactive, now).await?;
        Ok(Preview { days: threshold.days(), would_revoke, active, tokens, next_sweep_at })
    }

    /// Sets the threshold, or turns auto-revoke off with 0. People only.
    pub async fn set(self, access: &OrganizationAccess, days: i64) -> Result<(), Error> {
        access.allow(Action::SetAutoRevoke)?;
        let threshold = threshold(days)?;
        let of = |threshold: Option<InactivityThreshold>| threshold.map_or(0, InactivityThreshold::days);
        let Write { mut tx, access } = self.service.begin_in(access, Action::SetAutoRevoke).await?;
        if !organizations::set_threshold(&mut tx, access.id(), threshold, self.service.now()).await? {
            return Err(Error::NotFound("organization"));
        }
        let entry = AuditEntry {
            organization: Some(access.id()),
            action: AuditAction::OrganizationAutoRevokeSet,
            target: ("organization", Some(access.id().0), access.name()),
            success: true,
            details: json!({ "days": of(threshold), "before": of(access.organization().threshold) }),
        };
        self.service.record_by(&mut tx, access.caller(), entry).await?;
        Ok(tx.commit().await?)
    }

    /// Runs auto-revoke; `None` when another replica is at it. Authorized by being the server or the operator's shell.
    pub async fn sweep(self, kind: SweepKind) -> Result<Option<SweepReport>, Error> {
        let Some(lock) = self.service.store().try_lock_sweep().await? else { return Ok(None) };
        let report = self.sweep_all(kind).await;
        lock.release().await?;
        report.map(Some)
    }

    async fn sweep_all(self, kind: SweepKind) -> Result<SweepReport, Error> {
        self.service.flush_uses().await?;
        let mut report = SweepReport::default();
        let mut after = OrganizationId(Uuid::nil());
        loop {
            let organizations = organizations::with_threshold(self.service.store(), after, ORGANIZATIONS).await?;
            let Some(last) = organizations.last() else { break };
            after = last.id;
            for organization in &organizations {
                if let Some(revoked) = self.sweep_organization(organization, kind).await? {
                    report.organizations += 1;
                    report.revoked += revoked;
                }
            }
        }
        Ok(report)
    }

    /// When the next scheduled sweep begins.
    pub fn next_sweep_at(self) -> Timestamp {
        next_sweep(self.service.now())
    }

    async fn sweep_organization(self, organization: &Organization, kind: SweepKind) -> Result<Option<u32>, Error> {
        let Some(threshold) = organization.threshold else { return Ok(None) };
        let started_at = self.service.now();
        let this_hour = next_sweep(started_at).plus_seconds(-INTERVAL_SECONDS);
        let last = sweeps::latest(self.service.store(), organization.id, 1).await?.pop();
        if kind == SweepKind::Scheduled && last.is_some_and(|last| last.started_at >= this_hour) {
            return Ok(None);
        }
        let mut sweep = Sweep {
            id: SweepId(self.service.new_id()),
            organization_id: organization.id,
            threshold_days: threshold.days(),
            started_at,
            finished_at: started_at,
            revoked: 0,
        };
        while self.sweep_batch(&mut sweep, threshold).await? == BATCH {}
        self.service.inner.counted.sweeps.add(1);
        self.service.inner.counted.swept.add(u64::from(sweep.revoked));
        Ok(Some(sweep.revoked))
    }

    /// Revokes up to a batch of tokens. What is told of the sweep is written with them: whatever ends it afterwards, no
    /// token is gone without a word.
    async fn sweep_batch(self, sweep: &mut Sweep, threshold: InactivityThreshold) -> Result<u32, Error> {
        let (now, organization) = (self.service.now(), sweep.organization_id);
        let mut tx = self.service.begin_system(Purpose::Bookkeeping).await?;
        let revoked = tokens::revoke_inactive(&mut tx, organization, threshold.cutoff(now), BATCH, now).await?;
        let entry = AuditEntry {
            organization: Some(organization),
            action: AuditAction::TokenRevoked,
            target: ("token", None, ""),
            success: true,
            details: json!({ "reason": "inactive", "days": threshold.days() }),
        };
        self.service.record_for_tokens(&mut tx, &system(), &Origin::default(), entry, &revoked).await?;
        let revoked = u32::try_from(revoked.len()).unwrap_or(u32::MAX);
        let so_far = Sweep { finished_at: now, revoked: sweep.revoked + revoked, ..sweep.clone() };
        sweeps::save(&mut tx, &so_far).await?;
        if revoked > 0 {
            let message = Message::SweepFinished(SweepFinished {
                sweep: sweep.id,
                organization,
                threshold_days: sweep.threshold_days,
                revoked,
                finished_at: now,
            });
            self.service.enqueue(&mut tx, &message).await?;
        }
        sweeps::delete_old(&mut tx, organization, sweep.started_at.plus_days(-KEPT_DAYS)).await?;
        tx.commit().await?;
        *sweep = so_far;
        Ok(revoked)
    }
}

fn threshold(days: i64) -> Result<Option<InactivityThreshold>, Error> {
    InactivityThreshold::from_setting(days).map_err(|error| FieldError::new("apiTokenMaxDaysInactive", error).into())
}

/// The next full hour.
fn next_sweep(now: Timestamp) -> Timestamp {
    let seconds = now.seconds();
    now.plus_seconds(INTERVAL_SECONDS - seconds.rem_euclid(INTERVAL_SECONDS)).whole_second()
}
