use leptos::prelude::*;

/// A question over the page, rendered open: it works without scripts, and becomes a modal one with them.
///
/// Give the page below it the attribute `inert` while it is there. The safe way out is a link (`cancel`), which has the
/// focus; the children are the text.
#[component]
pub fn Dialog(
    title: AnyView,
    /// Where "Cancel" and Esc lead: the page without the question.
    #[prop(into)]
    cancel: String,
    /// The form with the button that does it.
    actions: AnyView,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="dialog-layer">
            <dialog class="dialog" open data-modal="" aria-labelledby="dialog-title">
                <h2 class="dialog-title" id="dialog-title">
                    {title}
                </h2>
                <div class="dialog-body">{children()}</div>
                <div class="dialog-actions">
                    <a class="button" href=cancel data-cancel="" autofocus=true>
                        "Cancel"
                    </a>
                    {actions}
                </div>
            </dialog>
        </div>
    }
}
