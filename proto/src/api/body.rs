//! Bodies of requests: bytes become a shape, or a refusal that names the field and never repeats what it said.

use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::object::Object;
use crate::error::Malformed;

/// The largest body that any route reads, in bytes.
pub const MAX_BODY: usize = 64_000;

/// Reads one JSON object, with nothing after it. The caller bounds its size; depth is bounded here, at 128.
///
/// # Errors
/// `body`, with the path of the field and what it must be. The parser's own messages quote what they refuse, be it a code or a key,
/// so none of their words is passed on but those that come from our types.
pub fn parse_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Malformed> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let Object(message) = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| Malformed::new("body", explain(error.path(), error.inner())))?;
    json.end().map_err(|_| Malformed::new("body", "must be one JSON object and nothing else"))?;
    Ok(message)
}

/// What is wrong, in words of ours.
fn explain(path: &Path, error: &serde_json::Error) -> String {
    match error.classify() {
        // What is wrong with the body as a whole has no place to begin with.
        Category::Data => explain_data(path, &error.to_string()).trim_start().to_owned(),
        Category::Eof => "ends before its JSON does".to_owned(),
        Category::Syntax | Category::Io => {
            format!("is not JSON at line {}, column {}", error.line(), error.column())
        }
    }
}

/// What is wrong with JSON that is not of the shape. `message` begins with words of serde's (`serde::de::Error`) and may go on with words
/// of the sender's.
fn explain_data(path: &Path, message: &str) -> String {
    let place = |depth| place(path, depth);
    if let Some(name) = named(message, "missing field `") {
        return format!("{}{name} is missing", within(place(0)));
    }
    if let Some(name) = named(message, "duplicate field `") {
        return format!("{}{name} stands twice", within(place(0)));
    }
    if message.starts_with("unknown field `") {
        // The last step of the path is the unknown name itself.
        return format!("{}has a field that is not known", within(place(1)));
    }
    if message.starts_with("invalid type: ") {
        return format!("{} must be {}", place(0), expected(message));
    }
    format!("{} is out of range", place(0))
}

/// The name that serde quotes right after `prefix`: one of ours, never the sender's.
fn named<'m>(message: &'m str, prefix: &str) -> Option<&'m str> {
    message.strip_prefix(prefix)?.split('`').next()
}

/// The path of a field, `temporaryExposureKeys[2].rollingPeriod`, without its last `depth` steps. Shapes that refuse unknown fields
/// are entered by known names alone, so the path has no words of the sender's either.
fn place(path: &Path, depth: usize) -> String {
    let mut place = String::new();
    for segment in path.iter().take(path.iter().len().saturating_sub(depth)) {
        match segment {
            Segment::Seq { index } => place.push_str(&format!("[{index}]")),
            Segment::Map { key } if place.is_empty() => place.push_str(key),
            Segment::Map { key } => place.push_str(&format!(".{key}")),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    place
}

/// `place` as the beginning of a sentence, which it may be without.
fn within(place: String) -> String {
    if place.is_empty() { place } else { format!("{place}: ") }
}

/// What serde's message says that it expected, its last words, in words for people who write JSON.
fn expected(message: &str) -> &'static str {
    let kind = message.rsplit_once(", expected ").map_or("", |(_, kind)| kind);
    let kinds = [
        ("i", "an integer"),
        ("u", "an integer"),
        ("a string", "a string"),
        ("a bool", "true or false"),
        ("a seq", "an array"),
    ];
    let found = kinds.into_iter().find(|(prefix, _)| kind.starts_with(prefix));
    found.map_or("an object", |(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::publish::PublishRequest;
    use crate::api::verification::{IssueRequest, VerifyRequest};

    fn refusal<T: DeserializeOwned>(body: &str) -> String {
        parse_body::<T>(body.as_bytes()).err().expect("refused").to_string()
    }

    #[test]
    fn a_refusal_names_the_field() {
        let publish = |keys: &str| refusal::<PublishRequest>(&format!(r#"{{"temporaryExposureKeys":{keys}}}"#));
        assert_eq!(
            publish(r#"[{},{"rollingPeriod":"x"}]"#),
            "body: temporaryExposureKeys[1].rollingPeriod must be an integer"
        );
        assert_eq!(publish(r#"[{"key":7}]"#), "body: temporaryExposureKeys[0].key must be a string");
        assert_eq!(publish("7"), "body: temporaryExposureKeys must be an array");
        assert_eq!(publish(r#"[{"colour":1}]"#), "body: temporaryExposureKeys[0]: has a field that is not known");
        assert_eq!(publish("[7]"), "body: temporaryExposureKeys[0] must be an object");
        assert_eq!(publish(r#"[["AA==",1,144,0]]"#), "body: temporaryExposureKeys[0] must be an object");
        assert_eq!(refusal::<PublishRequest>("[[]]"), "body: must be an object");
        assert_eq!(refusal::<PublishRequest>("{"), "body: ends before its JSON does");
        assert_eq!(refusal::<PublishRequest>("{\n!"), "body: is not JSON at line 2, column 1");
        assert_eq!(refusal::<PublishRequest>(r#"{"traveler":1}"#), "body: traveler must be true or false");
        assert_eq!(refusal::<PublishRequest>(r#"{"padding":"","padding":""}"#), "body: padding stands twice");
        assert_eq!(refusal::<IssueRequest>(r#"{"tzOffset":4294967296}"#), "body: tzOffset is out of range");
        assert_eq!(refusal::<VerifyRequest>(r#"{"extra":1}"#), "body: has a field that is not known");
    }

    #[test]
    fn a_refusal_never_repeats_what_was_sent() {
        let secret = "12345678-in-clear";
        let values = [format!("{secret:?}"), format!("[{secret:?}]"), format!("{{{secret:?}:1}}"), secret.to_owned()];
        let names = ["code", "accept", "nonce", "padding", "tzOffset", "traveler", "temporaryExposureKeys", secret];
        for value in &values {
            for name in names {
                for body in [format!("{{{name:?}:{value}}}"), format!("{{{name:?}:{value}"), value.clone()] {
                    for outcome in [
                        parse_body::<VerifyRequest>(body.as_bytes()).err(),
                        parse_body::<IssueRequest>(body.as_bytes()).err(),
                        parse_body::<PublishRequest>(body.as_bytes()).err(),
                    ] {
                        let message = outcome.map(|refusal| refusal.to_string()).unwrap_or_default();
                        assert!(!message.contains("1234") && !message.contains("clear"), "{message}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_body_is_one_object_and_nothing_else() {
        for body in ["", " ", "null", "[]", r#"["code"]"#, "{}{}", "{} x", "{", "\u{feff}{}", "{\"code\":\"a\",}"] {
            assert!(parse_body::<VerifyRequest>(body.as_bytes()).is_err(), "{body}");
        }
        assert!(parse_body::<VerifyRequest>(b"{\"code\":\"\xff\"}").is_err());
        assert!(parse_body::<VerifyRequest>(b" \n{} \n").is_ok());
        let deep = format!("{{\"code\":{}", "[".repeat(60_000));
        assert!(parse_body::<VerifyRequest>(deep.as_bytes()).is_err());
    }

    #[test]
    fn null_is_read_like_an_absent_field() {
        let body =
            br#"{"temporaryExposureKeys":[{"key":null}],"traveler":null,"symptomOnsetInterval":null,"padding":null}"#;
        let request: PublishRequest = parse_body(body).expect("all fields may be null");
        assert!(request.symptom_onset_interval.is_none() && !request.traveler && request.padding.is_empty());
        assert!(request.temporary_exposure_keys[0].key.is_empty());
    }
}
