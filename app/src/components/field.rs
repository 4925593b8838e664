use leptos::{either::Either, prelude::*};

/// What is wrong with a form: field names with messages, as use cases return them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<(&'static str, String)>);

impl Problems {
    pub fn new(problems: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self(problems.into_iter().collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn push(&mut self, field: &'static str, message: impl Into<String>) {
        self.0.push((field, message.into()));
    }

    /// What is wrong with a field, as a sentence.
    pub fn of(&self, field: &str) -> Option<String> {
        self.0.iter().find(|(wrong, _)| *wrong == field).map(|(_, message)| sentence(message))
    }

    /// Every field with its message, as they are.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(field, message)| (*field, message.as_str()))
    }
}

#[cfg(feature = "ssr")]
impl From<Vec<latchkey_service::FieldError>> for Problems {
    fn from(errors: Vec<latchkey_service::FieldError>) -> Self {
        Self::new(errors.into_iter().map(|error| (error.field, error.message)))
    }
}

/// A capital letter in front, a full stop behind.
pub fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let mut sentence = rest.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    sentence.push_str(rest.as_str());
    if !sentence.ends_with(['.', '?', ':']) {
        sentence.push('.');
    }
    sentence
}

/// Ids for `aria-describedby`: those of a field's hint and error, where they exist.
pub fn described_by(name: &str, hint: bool, error: bool) -> Option<String> {
    match (hint, error) {
        (true, true) => Some([name, "-hint ", name, "-error"].concat()),
        (true, false) => Some([name, "-hint"].concat()),
        (false, true) => Some([name, "-error"].concat()),
        (false, false) => None,
    }
}

/// Label, hint, control and error of one field. The control inside has `id=name`, and [`described_by`] where there is
/// a hint or an error.
#[component]
pub fn Field(
    name: &'static str,
    #[prop(into)] label: String,
    /// Under the label.
    #[prop(optional, into)]
    hint: Option<String>,
    /// A sentence, from [`Problems::of`].
    #[prop(optional_no_strip)]
    error: Option<String>,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="field">
            <label class="label" for=name>
                {label}
            </label>
            {hint.map(|hint| view! { <p class="hint" id=[name, "-hint"].concat()>{hint}</p> })}
            {children()}
            <FieldError name error />
        </div>
    }
}

/// What is wrong, beside the field.
#[component]
pub fn FieldError(name: &'static str, error: Option<String>) -> impl IntoView {
    error.map(|error| view! { <p class="error" id=[name, "-error"].concat()>{error}</p> })
}

/// A field of one line.
#[component]
pub fn TextField(
    /// Also its id.
    name: &'static str,
    #[prop(into)] label: String,
    #[prop(optional, into)] value: String,
    #[prop(default = "text")] kind: &'static str,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional_no_strip)] error: Option<String>,
    /// What a password manager or browser may fill in.
    #[prop(default = "off")]
    autocomplete: &'static str,
    #[prop(optional, into)] placeholder: Option<String>,
    #[prop(optional)] maxlength: Option<u16>,
    #[prop(optional)] minlength: Option<u16>,
    #[prop(optional)] required: bool,
    #[prop(optional)] autofocus: bool,
    /// For names and ids: no capital letters, corrections or wavy lines.
    #[prop(optional)]
    verbatim: bool,
) -> impl IntoView {
    let description = described_by(name, hint.is_some(), error.is_some());
    let invalid = error.is_some().then_some("true");
    view! {
        <Field name label hint=hint.unwrap_or_default() error>
            <input
                class="input"
                type=kind
                id=name
                name=name
                value=value
                autocomplete=autocomplete
                placeholder=placeholder
                maxlength=maxlength.map(|max| max.to_string())
                minlength=minlength.map(|min| min.to_string())
                required=required
                autofocus=autofocus
                autocapitalize=verbatim.then_some("none")
                spellcheck=verbatim.then_some("false")
                aria-describedby=description
                aria-invalid=invalid
            />
        </Field>
    }
}

/// Stands on top of a form that came back: how many things are wrong, each with a link to its field. Takes the focus.
#[component]
pub fn ErrorSummary(
    problems: Problems,
    /// Names of the fields as their labels say them; what is missing stands without a link.
    labels: &'static [(&'static str, &'static str)],
) -> impl IntoView {
    if problems.is_empty() {
        return Either::Left(());
    }
    let title = match problems.0.len() {
        1 => None,
        many => Some([&many.to_string(), " things need another look"].concat()),
    };
    let title = title.map(|title| view! { <p class="notice-title">{title}</p> });
    let items = problems
        .0
        .into_iter()
        .map(|(field, message)| match labels.iter().find(|(name, _)| *name == field) {
            Some((name, label)) => {
                let text = [*label, ": ", &message].concat();
                Either::Left(view! { <li><a href=["#", name].concat()>{text}</a></li> })
            }
            None => Either::Right(view! { <li>{sentence(&message)}</li> }),
        })
        .collect_view();
    Either::Right(view! {
        <div class="notice danger summary" role="alert" tabindex="-1" autofocus=true>
            <div>
                {title}
                <ul>{items}</ul>
            </div>
        </div>
    })
}
