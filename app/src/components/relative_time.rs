use latchkey_domain::{Timestamp, words};
use leptos::prelude::*;

/// "3 days ago", with the exact time as a tooltip: in UTC from the server, in the reader's zone once scripts run.
#[component]
pub fn RelativeTime(now: Timestamp, at: Timestamp) -> impl IntoView {
    view! {
        <time datetime=at.whole_second().to_string() title=words::date_time(at)>
            {words::relative(now, at)}
        </time>
    }
}
