//! Text with elements in it. Whatever is not an element is escaped, and what is opened is closed: the result is well-formed by construction.

/// A page, or a part of one.
#[derive(Clone, Debug, Default)]
pub(super) struct Markup {
    text: String,
}

/// Names and values of attributes.
pub(super) type Attributes<'a> = &'a [(&'a str, &'a str)];

impl Markup {
    /// An element around what `inside` adds.
    pub(super) fn element(&mut self, name: &str, attributes: Attributes<'_>, inside: impl FnOnce(&mut Self)) {
        self.open(name, attributes);
        self.text.push('>');
        inside(self);
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// An element around a text.
    pub(super) fn says(&mut self, name: &str, attributes: Attributes<'_>, text: &str) {
        self.element(name, attributes, |inside| inside.push(text));
    }

    /// An element with nothing in it.
    pub(super) fn empty(&mut self, name: &str, attributes: Attributes<'_>) {
        self.open(name, attributes);
        self.text.push_str("/>");
    }

    /// A text.
    pub(super) fn push(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\'' => self.text.push_str("&#39;"),
                // Other control characters may not stand in a document at all.
                control if control.is_control() && !matches!(control, '\n' | '\t') => self.text.push('\u{fffd}'),
                plain => self.text.push(plain),
            }
        }
    }

    /// A constant of this program that is markup already, such as its style sheet.
    pub(super) fn push_raw(&mut self, markup: &'static str) {
        self.text.push_str(markup);
    }

    /// Another part, as it is.
    pub(super) fn append(&mut self, part: &Self) {
        self.text.push_str(&part.text);
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn open(&mut self, name: &str, attributes: Attributes<'_>) {
        self.text.push('<');
        self.text.push_str(name);
        for (name, value) in attributes {
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            self.push(value);
            self.text.push('"');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_values_are_escaped() {
        let mut markup = Markup::default();
        markup.says("p", &[("title", "\"><script>")], "a < b & 'c'\u{0}");
        let expected = "<p title=\"&quot;&gt;&lt;script&gt;\">a &lt; b &amp; &#39;c&#39;\u{fffd}</p>";
        assert_eq!(markup.into_text(), expected);
    }
}
