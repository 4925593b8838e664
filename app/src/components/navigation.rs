//! The navigation of people who are signed in: one table, from which the sidebar, the trail in the top bar and
//! `aria-current` come.

use crate::{page_request::LayoutContext, paths};

/// A page of the portal, as the navigation knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NavPage {
    Tokens,
    NewToken,
    AutoRevoke,
}

/// A row of [`NAVIGATION`].
pub(super) struct NavEntry {
    pub(super) page: NavPage,
    pub(super) label: &'static str,
    /// Of its link in the sidebar; a page without one is reached from its parent.
    pub(super) icon: Option<&'static str>,
    /// The page above it in the trail.
    pub(super) parent: Option<NavPage>,
    /// Its address in an organization.
    pub(super) path: fn(organization: &str) -> String,
    /// Whether the reader sees its link in the sidebar. The page itself decides whether they may read it.
    pub(super) visible: fn(&LayoutContext) -> bool,
}

/// Every page, in the order of the sidebar.
static NAVIGATION: &[NavEntry] = &[
    NavEntry {
        page: NavPage::Tokens,
        label: "API tokens",
        icon: Some("key"),
        parent: None,
        path: paths::tokens,
        visible: in_organization,
    },
    NavEntry {
        page: NavPage::NewToken,
        label: "New token",
        icon: None,
        parent: Some(NavPage::Tokens),
        path: paths::new_token,
        visible: in_organization,
    },
    NavEntry {
        page: NavPage::AutoRevoke,
        label: "Auto-revoke",
        icon: None,
        parent: Some(NavPage::Tokens),
        path: paths::auto_revoke,
        visible: in_organization,
    },
];

/// Everybody who is at a page of an organization.
fn in_organization(layout: &LayoutContext) -> bool {
    layout.organization.is_some()
}

impl NavPage {
    fn entry(self) -> Option<&'static NavEntry> {
        NAVIGATION.iter().find(|entry| entry.page == self)
    }

    /// The pages above this one, outermost first.
    pub(super) fn ancestors(self) -> Vec<&'static NavEntry> {
        let parent = |page: NavPage| page.entry()?.parent?.entry();
        let mut ancestors: Vec<_> = std::iter::successors(parent(self), |entry| parent(entry.page)).collect();
        ancestors.reverse();
        ancestors
    }
}

/// A link of the sidebar.
pub(super) struct SidebarLink {
    pub(super) label: &'static str,
    pub(super) icon: &'static str,
    pub(super) path: fn(organization: &str) -> String,
    /// Leads to the page that is shown, or to one above it.
    pub(super) is_current: bool,
}

/// What the reader of a page sees in the sidebar.
pub(super) fn sidebar(layout: &LayoutContext, current: Option<NavPage>) -> impl Iterator<Item = SidebarLink> {
    let above = current.map(NavPage::ancestors).unwrap_or_default();
    NAVIGATION.iter().filter(|entry| (entry.visible)(layout)).filter_map(move |entry| {
        let is_current = current == Some(entry.page) || above.iter().any(|ancestor| ancestor.page == entry.page);
        Some(SidebarLink { label: entry.label, icon: entry.icon?, path: entry.path, is_current })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_one_entry_and_a_parent_in_the_sidebar() {
        for entry in NAVIGATION {
            assert_eq!(NAVIGATION.iter().filter(|other| other.page == entry.page).count(), 1, "{:?}", entry.page);
            let outermost = entry.page.ancestors().first().map_or(entry.page, |ancestor| ancestor.page);
            assert!(outermost.entry().unwrap().icon.is_some(), "{:?} is reached from nowhere", entry.page);
        }
    }
}
