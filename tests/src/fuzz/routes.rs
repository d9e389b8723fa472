//! Which target sends bodies to which route. A test holds this list against the services' own, so that no new route is forgotten.

/// A route that takes a body, and the target that feeds it.
pub struct FuzzedRoute {
    /// `server` or `verification`: whose `src/app.rs` names the route.
    pub service: &'static str,
    /// The handler, as it is named there.
    pub handler: &'static str,
    /// The path to which the target posts.
    pub path: &'static str,
    /// The target's name.
    pub target: &'static str,
}

/// Every route of both services that takes a body.
pub const ROUTES: &[FuzzedRoute] = &[
    route("server", "publish::publish", "/v1/publish", "publish"),
    route("server", "reports::reports", "/v1/reports", "reports"),
    route("server", "tcnreport::tcnreport", "/tcnreport/0.4.0", "tcnreport"),
    route("server", "submit_report::submit_report", "/submitReport", "submit_report"),
    route("server", "stats::stats", "/v1/stats", "stats"),
    route("server", "challenge::challenge", "/v1/challenge", "challenge"),
    // The door takes what is sealed before it comes to this handler.
    route("server", "unknown_path", "/ohttp", "envelope"),
    route("verification", "user_report::user_report", "/api/user-report", "verification"),
    route("verification", "verify::verify", "/api/verify", "verification"),
    route("verification", "certificate::certificate", "/api/certificate", "verification"),
    route("verification", "issue::issue", "/api/issue", "verification"),
    route("verification", "batch_issue::batch_issue", "/api/batch-issue", "verification"),
    route("verification", "check_code_status::check_code_status", "/api/checkcodestatus", "verification"),
    route("verification", "expire_code::expire_code", "/api/expirecode", "verification"),
    route("verification", "unknown_path", "/ohttp", "envelope"),
];

const fn route(service: &'static str, handler: &'static str, path: &'static str, target: &'static str) -> FuzzedRoute {
    FuzzedRoute { service, handler, path, target }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::fuzz::services::posted;
    use crate::fuzz::{Corpus, by_name, corpus_directory};

    /// The handlers behind methods that have a body, as a service's list of routes names them.
    fn handlers(service: &str) -> BTreeSet<String> {
        let file = format!("{}/../{service}/src/app.rs", env!("CARGO_MANIFEST_DIR"));
        let source: String = std::fs::read_to_string(file).expect("the list of routes");
        let source: String = source.split_whitespace().collect();
        let mut found = BTreeSet::new();
        for method in ["post", "put", "patch", "delete"] {
            for call in [format!(".{method}("), format!("web::{method}().to(")] {
                for rest in source.split(&call).skip(1) {
                    let name = rest.split(['<', ')']).next().expect("a split has a first part");
                    found.insert(name.trim_end_matches(':').to_owned());
                }
            }
        }
        found
    }

    #[test]
    fn every_route_that_takes_a_body_is_fuzzed() {
        for service in ["server", "verification"] {
            let listed: BTreeSet<String> =
                ROUTES.iter().filter(|r| r.service == service).map(|r| r.handler.to_owned()).collect();
            assert_eq!(handlers(service), listed, "the handlers of {service} and those that are fuzzed");
        }
    }

    #[test]
    fn each_target_posts_to_the_routes_that_it_is_listed_for() {
        for route in ROUTES {
            let target = by_name(route.target).unwrap_or_else(|| panic!("there is no target {}", route.target));
            let corpus = Corpus::read(&corpus_directory(), target).expect("every target has a corpus");
            (target.run)(&corpus.inputs[0].1);
            assert!(posted(route.service, route.path), "{} does not post to {}", route.target, route.path);
        }
    }
}
