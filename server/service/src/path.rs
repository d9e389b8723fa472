//! Paths and the routes that they belong to.

/// Whether a path is one of a route, whose path may have steps that stand for any word: `/self/{authority}/submitReport`.
pub(crate) fn is_instance(path: &str, template: &str) -> bool {
    let is_word = |step: &str| {
        !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    let alike = |(given, wanted): (&str, &str)| given == wanted || (wanted.starts_with('{') && is_word(given));
    path.split('/').count() == template.split('/').count() && path.split('/').zip(template.split('/')).all(alike)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_of_a_route_as_a_whole() {
        for (path, template) in [("/v1/publish", "/v1/publish"), ("/self/north.1/x", "/self/{authority}/x")] {
            assert!(is_instance(path, template), "{path}");
        }
        for path in
            ["", "/", "/v1/publish/", "/v1//publish", "/v1/publish?x", "/V1/publish", "/v1/publis%68", "/v1/./publish"]
        {
            assert!(!is_instance(path, "/v1/publish"), "{path}");
        }
        for path in
            ["/self//x", "/self/a/b/x", "/self/a%2fb/x", "/self/a?/x", "/self/a/x/", "/self/\u{e9}/x", "/self/a#/x"]
        {
            assert!(!is_instance(path, "/self/{authority}/x"), "{path}");
        }
    }
}
