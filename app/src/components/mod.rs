//! The pieces that pages are made of.
//!
//! | component | what it is |
//! |---|---|
//! | [`Frame`] | a signed-in page: navigation, top bar, `<main>`; takes a [`LayoutContext`](crate::page_request::LayoutContext), a title, and the [`NavPage`] that it is in the navigation |
//! | [`SignedOutFrame`] | a page before signing in: one card |
//! | [`TextField`], [`Field`], [`FieldError`], [`described_by`] | label, hint, control and error of a field; `Field` wraps any control |
//! | [`TextArea`] | the only `<textarea>`: it escapes its value |
//! | [`Problems`], [`ErrorSummary`] | what is wrong with a form, beside the fields and on top; `Problems: From<Vec<FieldError>>` |
//! | [`Notice`], [`Tone`] | a message in the page |
//! | [`Dialog`] | a question over the page, open from the server (`data-modal` makes it modal once scripts run) |
//! | [`RelativeTime`] | a relative time with its exact one |
//! | [`Icon`] | `arrow-left arrow-right ban book check chevron chevrons clock close copy dots down download folder globe info key menu monitor moon plus search shield sign-out sliders sun up user warning` |
//!
//! Classes (see `style/`): `.page-header` (with `h1`, `.page-lead`, `.page-actions`), `.narrow` (one column, 680px),
//! `.stack` (children 16px apart), `.row` (in a line, wraps), `.card`, `.button` (+ `.primary` `.danger` `.ghost`
//! `.small` `.icon-only`), `.input` (text fields, selects, text areas), `.label`, `.hint`, `.error`, `.field`,
//! `.fieldset` (with `legend`), `.choice` (label around a checkbox or radio with a title and `.hint`), `.chip` (+
//! `.chip-remove`), `.segments` (radio buttons as one row), `.switch` (a checkbox), `.notice` (+ tone), `.table`,
//! `.mono`, `.muted`, `.ellipsis`, `.visually-hidden`, `.menu` with `.menu-list` and `.menu-item`, `.status` (+ `.active`
//! `.soon` `.expired` `.revoked`), `.empty`, `.code` (a block of code with its copy button).
//!
//! Behaviours by attribute, from the island `Enhance` on every page: `data-copy="text"` on a button copies and says
//! "Copied" (`data-copy-from="id"` copies the value or text of another element; the button's words are in a `<span>` if
//! there is an icon too; it keeps `data-copied` from then on); `data-busy="Saving…"` on a submit
//! button is what it says while the form is on its way; `time` ticks; `dialog[data-modal][open]`
//! becomes modal, and its `a[data-cancel]` is followed on Esc; `details.menu` closes on Esc and on a click elsewhere;
//! `#announce` is the one live region (see `islands::announce`).

mod dialog;
mod field;
#[cfg(feature = "ssr")]
mod frame;
mod icon;
#[cfg(feature = "ssr")]
mod navigation;
#[cfg(feature = "ssr")]
mod new_account;
mod notice;
mod relative_time;
#[cfg(feature = "ssr")]
mod signed_out_frame;
mod text_area;

pub use dialog::Dialog;
pub use field::{ErrorSummary, Field, FieldError, Problems, TextField, described_by, sentence};
#[cfg(feature = "ssr")]
pub use frame::{Frame, ThemeMenu};
#[cfg(feature = "ssr")]
pub use icon::Icon;
pub use icon::{Glyph, Wordmark};
#[cfg(feature = "ssr")]
pub use navigation::NavPage;
#[cfg(feature = "ssr")]
pub use new_account::NewAccount;
#[cfg(feature = "ssr")]
pub use notice::Notice;
pub use notice::Tone;
pub use relative_time::RelativeTime;
#[cfg(feature = "ssr")]
pub use signed_out_frame::SignedOutFrame;
pub use text_area::TextArea;
