//! What `openapi.json` says of a route. The fixture holds every reply of every test against it.

use std::sync::LazyLock;

use actix_web::http::{Method, StatusCode};
use serde_json::Value;

use super::openapi::DOCUMENT;

/// The document.
pub(super) static OPENAPI: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(DOCUMENT).expect("JSON"));

/// Fails unless the document says that this may be answered to this method and path, with this code if it is a refusal.
pub(super) fn assert_documented(method: &Method, path: &str, status: StatusCode, body: &Value) {
    let Some(operations) = find(path) else {
        return assert_eq!(status, StatusCode::NOT_FOUND, "{path} is not documented");
    };
    let Some(operation) = operations.get(method.as_str().to_ascii_lowercase()) else {
        return assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path} is not documented");
    };
    let response = &operation["responses"][status.as_str()];
    assert!(response.is_object(), "{method} {path} answers {status}, which is not documented");
    if let Some(code) = body.get("errorCode") {
        let schema = &response["content"]["application/json"]["schema"];
        let codes = schema.pointer("/allOf/1/properties/errorCode/enum").and_then(Value::as_array);
        let known = codes.is_some_and(|codes| codes.contains(code));
        assert!(known, "{method} {path} answers {status} {code}, which is not documented");
    }
}

/// The operations of the documented path that this one is an instance of.
fn find(path: &str) -> Option<&'static Value> {
    let matches = |template: &str| {
        let (mut wanted, mut given) = (template.split('/'), path.split('/'));
        let alike = wanted.by_ref().zip(given.by_ref()).all(|(wanted, given)| {
            let parameter = wanted.starts_with('{') && !given.is_empty() && !given.to_ascii_lowercase().contains("%2f");
            parameter || wanted == given
        });
        alike && template.split('/').count() == path.split('/').count()
    };
    let paths = OPENAPI["paths"].as_object().expect("the document has paths");
    paths.iter().find(|(template, _)| matches(template)).map(|(_, operations)| operations)
}
