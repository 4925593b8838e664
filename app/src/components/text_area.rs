use leptos::prelude::*;

/// A text of several lines.
///
/// The only place that writes a `<textarea>`: Leptos 0.8 doesn't escape its children, so a value could close the
/// element and go on as markup. The line break in front is dropped by the parser of HTML, and keeps one that the value
/// itself starts with (HTML standard, section 13.1.2.5).
#[component]
pub fn TextArea(
    /// Also its id.
    name: &'static str,
    #[prop(into)] value: String,
    #[prop(default = 3)] rows: u8,
    #[prop(default = 500)] maxlength: u16,
    #[prop(optional_no_strip)] described_by: Option<String>,
    #[prop(optional)] invalid: bool,
) -> impl IntoView {
    view! {
        <textarea
            class="input"
            id=name
            name=name
            rows=rows.to_string()
            maxlength=maxlength.to_string()
            aria-describedby=described_by
            aria-invalid=invalid.then_some("true")
            inner_html=escaped(&value)
        />
    }
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 16);
    html.push('\n');
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_leave_the_text_area() {
        let view = view! { <TextArea name="description" value="\na</textarea><script>alert(1)</script>&amp;" /> };
        let html = view.to_html();
        let body = "\n\na&lt;/textarea&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;</textarea>";
        assert!(html.ends_with(body), "{html}");
        assert_eq!(html.matches("</textarea>").count(), 1);
    }

    #[test]
    fn leptos_escapes_texts_and_attributes() {
        let name = "<b>\"'&".to_owned();
        let html = view! { <p title=name.clone() data-copy=name.clone()>{name.clone()}</p> }.to_html();
        assert_eq!(
            html,
            "<p title=\"&lt;b&gt;&quot;'&amp;\" data-copy=\"&lt;b&gt;&quot;'&amp;\">&lt;b&gt;\"'&amp;</p>"
        );
    }
}
