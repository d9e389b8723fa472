//! `GET /openapi.json`, for whoever writes a program that talks to this service: every route, in OpenAPI 3.1.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ContentType};

/// The document as it is checked in. It is the same for everybody and says nothing about any authority.
pub(crate) const DOCUMENT: &str = include_str!("../../openapi.json");

/// The document.
pub(crate) async fn openapi() -> HttpResponse {
    let cached = (CACHE_CONTROL, "public, max-age=300");
    HttpResponse::Ok().content_type(ContentType::json()).insert_header(cached).body(DOCUMENT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use actix_web::http::{Method, StatusCode};
    use actix_web::web::Data;
    use actix_web::{App, test};
    use proto::api::codes::{
        BatchIssueReply, BatchIssueRequest, CodeStatusReply, CodeStatusRequest, ExpireCodeReply, ExpireCodeRequest,
    };
    use proto::api::parse_body;
    use proto::api::verification::{
        API_KEY_HEADER, CertificateReply, CertificateRequest, IssueReply, IssueRequest, Refusal, UserReportReply,
        UserReportRequest, VerifyReply, VerifyRequest,
    };
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use serde_json::{Map, Value};

    use crate::app::{routes, table};
    use crate::handlers::documented_test::OPENAPI;
    use crate::handlers::fixture_test::Desk;
    use crate::phone_paths::PHONE_PATHS;

    /// Method and path of every documented route.
    fn documented() -> BTreeSet<(String, String)> {
        let paths = OPENAPI["paths"].as_object().expect("paths");
        let methods =
            |operations: &Value| operations.as_object().expect("operations").keys().cloned().collect::<Vec<_>>();
        let routes = paths.iter().flat_map(|(path, operations)| {
            methods(operations).into_iter().map(|method| (method.to_ascii_uppercase(), path.clone()))
        });
        routes.collect()
    }

    #[actix_web::test]
    async fn the_document_and_the_routes_are_the_same() {
        let mut routes = BTreeSet::new();
        for (method, path, _) in table() {
            routes.insert((method.to_string(), path.to_owned()));
            // What may be asked for may be asked for without its body.
            if method == Method::GET {
                routes.insert(("HEAD".to_owned(), path.to_owned()));
            }
        }
        assert_eq!(documented(), routes);
    }

    #[actix_web::test]
    async fn every_route_for_phones_can_be_reached_through_the_gateway() {
        let paths = OPENAPI["paths"].as_object().expect("paths").iter();
        let is_for_phones = |operations: &Value| operations["post"]["tags"][0] == "app";
        let documented: BTreeSet<&str> =
            paths.filter(|(_, operations)| is_for_phones(operations)).map(|(path, _)| path.as_str()).collect();
        assert_eq!(PHONE_PATHS.iter().copied().collect::<BTreeSet<_>>(), documented);
    }

    #[actix_web::test]
    async fn every_documented_route_answers_to_its_method_and_to_no_other() {
        let desk = Desk::open().await;
        let service = test::init_service(App::new().app_data(Data::new(desk.state.clone())).configure(routes)).await;
        let documented = documented();
        for (_, path) in &documented {
            for asked in
                [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS]
            {
                let request = test::TestRequest::with_uri(&path.replace("{authority}", "no")).method(asked.clone());
                let request = request.insert_header((API_KEY_HEADER, desk.admin.as_str()));
                let status = test::call_service(&service, request.to_request()).await.status();
                let refused = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED].contains(&status);
                let known = documented.contains(&(asked.to_string(), path.clone()));
                assert_eq!(refused, !known, "{asked} {path} answers {status}");
            }
        }
    }

    #[actix_web::test]
    async fn the_document_is_served_as_it_is_checked_in() {
        let desk = Desk::open().await;
        let (status, body) = desk.get("/openapi.json").await;
        assert_eq!((status, &body), (StatusCode::OK, &*OPENAPI));
    }

    #[actix_web::test]
    async fn only_a_test_deployment_says_that_it_may_be_loaded() {
        let mut desk = Desk::open().await;
        let (status, body) = desk.get("/test-deployment").await;
        assert_eq!((status, body), (StatusCode::OK, serde_json::json!({ "hosts": ["verification.test"] })));
        desk.state = desk.state.with_test_deployment(&[]);
        let unknown = desk.get("/no-such-path").await;
        assert_eq!((unknown.0, desk.get("/test-deployment").await), (StatusCode::NOT_FOUND, unknown));
    }

    #[actix_web::test]
    async fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(members) => {
                    found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    members.values().for_each(|member| references(member, found));
                }
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        references(&OPENAPI, &mut found);
        assert!(found.len() > 20);
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("within the document");
            assert!(OPENAPI.pointer(pointer).is_some(), "{reference}");
        }
    }

    fn properties(schema: &str) -> &'static Map<String, Value> {
        OPENAPI["components"]["schemas"][schema]["properties"].as_object().expect("a schema with properties")
    }

    /// The document names what the type writes, and nothing else. A field that is not said stands as `null`.
    fn assert_shape<T: Serialize>(schema: &str, full: &T) {
        let written = serde_json::to_value(full).expect("serialises");
        let written: BTreeSet<_> = written.as_object().expect("an object").keys().collect();
        assert_eq!(properties(schema).keys().collect::<BTreeSet<_>>(), written, "{schema}");
    }

    /// The same of a type that is read, which takes what is documented.
    fn assert_read<T: Serialize + DeserializeOwned>(schema: &str, full: &T) {
        assert_shape(schema, full);
        let nulls: Map<String, Value> = properties(schema).keys().map(|name| (name.clone(), Value::Null)).collect();
        let body = serde_json::to_vec(&nulls).expect("serialises");
        assert!(parse_body::<T>(&body).is_ok(), "{schema}");
    }

    #[actix_web::test]
    async fn every_field_is_documented() {
        // Without `..Default`: a new field has to be written here, and then into the document.
        let text = || "x".to_owned();
        assert_read(
            "IssueRequest",
            &IssueRequest {
                test_type: text(),
                symptom_date: text(),
                test_date: text(),
                tz_offset: 1,
                phone: text(),
                sms_template_label: text(),
                uuid: text(),
                external_issuer_id: text(),
                only_generate_sms: true,
                padding: text(),
            },
        );
        let report = UserReportRequest {
            symptom_date: text(),
            test_date: text(),
            tz_offset: 1,
            phone: text(),
            nonce: text(),
            padding: text(),
        };
        assert_read("UserReportRequest", &report);
        let reported = UserReportReply { expires_at: text(), expires_at_timestamp: 1, padding: text() };
        assert_shape("UserReportReply", &reported);
        let verify = VerifyRequest { code: text(), accept: vec![text()], nonce: text(), padding: text() };
        assert_read("VerifyRequest", &verify);
        let certificate = CertificateRequest { token: text(), ekeyhmac: text(), padding: text() };
        assert_read("CertificateRequest", &certificate);
        assert_shape(
            "IssueReply",
            &IssueReply {
                uuid: text(),
                code: text(),
                expires_at: text(),
                expires_at_timestamp: 1,
                long_expires_at: text(),
                long_expires_at_timestamp: 1,
                generated_sms: Some(text()),
                sms_status: Some(text()),
                padding: text(),
            },
        );
        let verified =
            VerifyReply { testtype: text(), symptom_date: text(), test_date: text(), token: text(), padding: text() };
        assert_shape("VerifyReply", &verified);
        assert_shape("CertificateReply", &CertificateReply { certificate: text(), padding: text() });
        let batch = BatchIssueRequest { codes: vec![IssueRequest::default()], padding: text() };
        assert_read("BatchIssueRequest", &batch);
        let (error, error_code_camel, error_code) = (Some(text()), Some(text()), Some(text()));
        let batch = BatchIssueReply { codes: vec![], error, error_code_camel, error_code, padding: text() };
        assert_shape("BatchIssueReply", &batch);
        assert_read("CodeStatusRequest", &CodeStatusRequest { uuid: text(), padding: text() });
        let (expires_at_timestamp, long_expires_at_timestamp) = (1, 1);
        let status =
            CodeStatusReply { claimed: true, expires_at_timestamp, long_expires_at_timestamp, padding: text() };
        assert_shape("CodeStatusReply", &status);
        assert_read("ExpireCodeRequest", &ExpireCodeRequest { uuid: text(), padding: text() });
        let expired = ExpireCodeReply { expires_at_timestamp, long_expires_at_timestamp, padding: text() };
        assert_shape("ExpireCodeReply", &expired);
        let refusal = Refusal { error: text(), error_code_camel: text(), error_code: text(), padding: text() };
        assert_shape("Refusal", &refusal);
    }
}
