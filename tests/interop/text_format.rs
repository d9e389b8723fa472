//! The text format in which `protoc --decode` prints a message.

/// A message as printed: its fields in order.
#[derive(Debug, Default)]
pub(crate) struct Message {
    fields: Vec<(String, Field)>,
}

#[derive(Debug)]
enum Field {
    Scalar(String),
    Message(Message),
}

impl Message {
    /// Reads what protoc printed.
    pub(crate) fn parse(text: &str) -> Self {
        Self::fields(&mut text.lines())
    }

    fn fields<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Self {
        let mut message = Self::default();
        while let Some(line) = lines.next().map(str::trim).filter(|line| *line != "}") {
            if let Some(name) = line.strip_suffix(" {") {
                message.fields.push((name.to_owned(), Field::Message(Self::fields(lines))));
            } else if let Some((name, value)) = line.split_once(": ") {
                message.fields.push((name.to_owned(), Field::Scalar(value.to_owned())));
            } else {
                panic!("not a line of the text format: {line}");
            }
        }
        message
    }

    /// The messages of a repeated field.
    pub(crate) fn messages(&self, name: &str) -> Vec<&Self> {
        let of = |(known, field): &'_ (String, Field)| known == name && matches!(field, Field::Message(_));
        let named = self.fields.iter().filter(|field| of(field));
        named.filter_map(|(_, field)| if let Field::Message(message) = field { Some(message) } else { None }).collect()
    }

    /// A number or an enum's name, as printed; empty if it is absent.
    pub(crate) fn scalar(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(known, _)| known == name);
        if let Some((_, Field::Scalar(value))) = found { value } else { "" }
    }

    /// A string or bytes field, without its escapes.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        unescape(self.scalar(name).trim_matches('"').as_bytes())
    }
}

/// Undoes C escapes: three octal digits, or a letter.
fn unescape(mut text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some((&first, rest)) = text.split_first() {
        let (byte, rest) = match (first, rest) {
            (b'\\', [a @ b'0'..=b'3', b, c, rest @ ..]) => ((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'), rest),
            (b'\\', [b'n', rest @ ..]) => (b'\n', rest),
            (b'\\', [b'r', rest @ ..]) => (b'\r', rest),
            (b'\\', [b't', rest @ ..]) => (b'\t', rest),
            (b'\\', [literal, rest @ ..]) => (*literal, rest),
            (byte, rest) => (byte, rest),
        };
        bytes.push(byte);
        text = rest;
    }
    bytes
}
