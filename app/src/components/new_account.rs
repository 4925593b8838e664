use leptos::prelude::*;

use super::TextField;

/// What ends a form that makes an account: its password, and the button.
#[component]
pub fn NewAccount(
    /// What is wrong with the password.
    error: Option<String>,
) -> impl IntoView {
    view! {
        <TextField
            name="password"
            label="Password"
            kind="password"
            hint="At least 12 characters. A few unrelated words work well."
            error
            autocomplete="new-password"
            minlength=12
            required=true
        />
        <button class="button primary wide" data-busy="Creating account…">
            "Create account"
        </button>
    }
}
