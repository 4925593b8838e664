//! What audit events tell of.

use std::fmt;

macro_rules! actions {
    ($($action:ident = $word:literal,)*) => {
        /// An action that is recorded as an audit event. The words are part of the API and of what is stored: they never
        /// change, and an event of an action that a release does not know stays readable as text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum AuditAction {
            $(#[doc = concat!("`", $word, "`")] $action,)*
        }

        impl AuditAction {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$action),*];

            /// As it is stored, sent and filtered by: the kind of the target, and what was done to it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$action => $word,)*
                }
            }
        }
    };
}

actions! {
    InstanceSetUp = "instance.set_up",
    InvitationAccepted = "invitation.accepted",
    InvitationCreated = "invitation.created",
    InvitationRevoked = "invitation.revoked",
    MemberLeft = "member.left",
    MemberRemoved = "member.removed",
    MemberRoleChanged = "member.role_changed",
    OrganizationAutoRevokeSet = "organization.auto_revoke_set",
    OrganizationCreated = "organization.created",
    OrganizationDeleted = "organization.deleted",
    OrganizationNameFreed = "organization.name_freed",
    OutboxMessageDropped = "outbox.message_dropped",
    OutboxMessageRetried = "outbox.message_retried",
    ProjectCreated = "project.created",
    ProjectDeleted = "project.deleted",
    RepositoryCreated = "repository.created",
    RepositoryDeleted = "repository.deleted",
    SessionCreated = "session.created",
    SessionEnded = "session.ended",
    SessionRefused = "session.refused",
    SessionRenewed = "session.renewed",
    TokenAnswerRepeated = "token.answer_repeated",
    TokenCreated = "token.created",
    TokenNarrowed = "token.narrowed",
    TokenOverlapEnded = "token.overlap_ended",
    TokenRevoked = "token.revoked",
    TokenRotated = "token.rotated",
    TokenUpdated = "token.updated",
    TokenWidened = "token.widened",
    UserCreated = "user.created",
    UserCurrentOrganizationSet = "user.current_organization_set",
    UserLocked = "user.locked",
    UserPasswordSet = "user.password_set",
    UserSignedOut = "user.signed_out",
    UserUnlocked = "user.unlocked",
    UserTokenCreated = "user_token.created",
    UserTokenEnded = "user_token.ended",
}

impl AuditAction {
    /// The action of a word; `None` for one that this release does not know.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == word)
    }
}

impl fmt::Display for AuditAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique_and_stable() {
        let words: Vec<_> = AuditAction::ALL.iter().map(|action| action.as_str()).collect();
        // Whoever changes a word breaks filters and what was stored: add to this list only.
        let stable = [
            "instance.set_up",
            "invitation.accepted",
            "invitation.created",
            "invitation.revoked",
            "member.left",
            "member.removed",
            "member.role_changed",
            "organization.auto_revoke_set",
            "organization.created",
            "organization.deleted",
            "organization.name_freed",
            "outbox.message_dropped",
            "outbox.message_retried",
            "project.created",
            "project.deleted",
            "repository.created",
            "repository.deleted",
            "session.created",
            "session.ended",
            "session.refused",
            "session.renewed",
            "token.answer_repeated",
            "token.created",
            "token.narrowed",
            "token.overlap_ended",
            "token.revoked",
            "token.rotated",
            "token.updated",
            "token.widened",
            "user.created",
            "user.current_organization_set",
            "user.locked",
            "user.password_set",
            "user.signed_out",
            "user.unlocked",
            "user_token.created",
            "user_token.ended",
        ];
        assert_eq!(words, stable);
        for action in AuditAction::ALL {
            assert_eq!(AuditAction::from_word(action.as_str()), Some(*action));
            assert!(
                action.as_str().split_once('.').is_some_and(|(target, done)| !target.is_empty() && !done.is_empty())
            );
        }
        assert_eq!(AuditAction::from_word("token.exploded"), None);
    }
}
