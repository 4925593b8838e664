//! Markup written straight into a string, for what a page has fifty of: views cost ten times as much.

use std::fmt::Write;

/// A piece of a page. Only literals go in as they are: what comes from outside can't be [`Markup::raw`].
#[derive(Debug, Default)]
pub(crate) struct Markup(String);

impl Markup {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// Our own markup.
    pub(crate) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text, or the value of an attribute in double quotes.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        let mut rest = text;
        while let Some(at) = rest.find(['&', '<', '>', '"']) {
            let (plain, special) = rest.split_at(at);
            self.0.push_str(plain);
            self.0.push_str(match special.as_bytes().first() {
                Some(b'&') => "&amp;",
                Some(b'<') => "&lt;",
                Some(b'>') => "&gt;",
                _ => "&quot;",
            });
            rest = special.get(1..).unwrap_or_default();
        }
        self.0.push_str(rest);
        self
    }

    pub(crate) fn number(&mut self, number: impl Into<u64>) -> &mut Self {
        let _ = write!(self.0, "{}", number.into());
        self
    }

    /// For `inner_html`.
    pub(crate) fn into_html(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let mut markup = Markup::default();
        markup.raw("<p title=\"").text("\" onclick=\"").raw("\">").text("<b>ü & 'x'</b>").raw("</p>");
        assert_eq!(markup.into_html(), "<p title=\"&quot; onclick=&quot;\">&lt;b&gt;ü &amp; 'x'&lt;/b&gt;</p>");
    }
}
