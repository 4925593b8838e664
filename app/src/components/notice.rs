#[cfg(feature = "ssr")]
use leptos::prelude::*;

/// How loud a notice is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Info,
    Success,
    Warning,
    Danger,
}

#[cfg(feature = "ssr")]
impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::Info => "notice info",
            Self::Success => "notice success",
            Self::Warning => "notice warning",
            Self::Danger => "notice danger",
        }
    }

    const fn icon(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Success => "check",
            Self::Warning | Self::Danger => "warning",
        }
    }
}

/// A message in the page, with an icon. `alert` for what can't wait, `status` for what has been done.
#[cfg(feature = "ssr")]
#[component]
pub fn Notice(
    #[prop(optional)] tone: Tone,
    /// Announce it: `status` or `alert`.
    #[prop(optional)]
    role: Option<&'static str>,
    children: Children,
) -> impl IntoView {
    view! {
        <div class=tone.class() role=role>
            <super::Icon name=tone.icon() />
            <div>{children()}</div>
        </div>
    }
}
