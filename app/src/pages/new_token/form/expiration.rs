use latchkey_domain::{Expiry, Timestamp, words};
use leptos::{either::EitherOf3, prelude::*};

use super::{State, problems::error};
use crate::pages::new_token::values::Expires;

/// Lifetimes with the day that each would end on: true without scripts, and nothing moves when another is chosen.
pub(super) fn expiration(state: State) -> impl IntoView + use<> {
    let (chosen, date) = state.initial(|values| (values.expires, values.expires_on.clone()));
    let now = state.now.get_untracked();
    let choices = Expires::ALL
        .into_iter()
        .map(|choice| {
            let result = match choice {
                Expires::Days(days) => EitherOf3::A(words::date(now.plus_days(i64::from(days)))),
                Expires::OnDate => EitherOf3::B(move || chosen_day(state)),
                Expires::Never => EitherOf3::C("Until it is revoked"),
            };
            view! {
                <label class="lifetime">
                    <input type="radio" name="expires" value=choice.value() checked=choice == chosen />
                    <span class="lifetime-title">{choice.label()}</span>
                    <span class="lifetime-date">{result}</span>
                </label>
            }
        })
        .collect_view();
    view! {
        <fieldset class="fieldset" id="expires">
            <legend>
                <h2>"Expiration"</h2>
            </legend>
            <div class="lifetimes">{choices}</div>
            <div class="field lifetime-on">
                <label class="label" for="expires_on">
                    "Last day"
                </label>
                <input
                    class="input"
                    type="date"
                    id="expires_on"
                    name="expires_on"
                    value=date
                    min=now.date()
                    max=now.plus_days(Expiry::MAX_DAYS - 1).date()
                    aria-describedby="expires_on-hint expires-error"
                    aria-invalid=move || state.invalid("expires")
                />
                <p class="hint" id="expires_on-hint">
                    "The token works until that day ends in UTC."
                </p>
            </div>
            <p class="hint lifetime-never">
                "If this token leaks, it stays usable until somebody notices and revokes it. A date ends it by itself."
            </p>
            {error(state, "expires")}
        </fieldset>
    }
}

/// The day in the date field, in words.
fn chosen_day(state: State) -> String {
    let day = state.values.with(|values| Timestamp::from_date(&values.expires_on));
    day.map_or_else(|_| "A day of your choice".to_owned(), words::date)
}
