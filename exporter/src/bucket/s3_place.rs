//! Where a bucket of an S3-compatible object store is, as its URL says it.

use std::str::FromStr;

use proto::Malformed;
use reqwest::Url;

use super::ObjectPath;

/// `s3://BUCKET[/PREFIX][?NAME=VALUE&...]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Place {
    /// The bucket, as the store knows it.
    pub bucket: String,
    /// What stands before every path, without a slash at the end; none for the bucket's root.
    pub prefix: Option<ObjectPath>,
    /// `endpoint`: the store's URL. Default: Amazon's for the region.
    pub endpoint: Option<Url>,
    /// `region`. Default: what the environment or the machine says.
    pub region: Option<String>,
    /// `path-style`: whether the bucket stands in the path rather than in the name of the host. Default: if there is an endpoint.
    pub path_style: bool,
    /// `sse`: how the store encrypts what it keeps, `AES256`, `aws:kms` or `aws:kms:dsse`. Default: as the bucket is set.
    pub sse: Option<String>,
    /// `sse-key`: the id of the key, with `aws:kms` or `aws:kms:dsse`.
    pub sse_key: Option<String>,
    /// `storage-class`, for instance `STANDARD_IA`. Default: as the bucket is set.
    pub storage_class: Option<String>,
    /// `unconditional`: whether a store is taken that cannot write on a condition. One exporter alone may write to it then.
    pub unconditional: bool,
}

impl FromStr for S3Place {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let refuse = |why: &'static str| Malformed::new("bucket", why);
        let url = Url::parse(text).map_err(|_| refuse("must be a URL: s3://BUCKET/PREFIX"))?;
        let bucket = url.host_str().filter(|host| is_bucket(host)).ok_or_else(|| {
            refuse("after s3:// must stand a bucket: 3 to 63 characters of a to z, 0 to 9, . and -, letter or digit first and last")
        })?;
        if url.port().is_some() || !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(refuse("credentials come from the environment, and the host from endpoint=, not from the URL"));
        }
        let prefix = match url.path().trim_matches('/') {
            "" => None,
            path => Some(
                path.parse()
                    .map_err(|_| refuse("the prefix must be segments of A to Z, a to z, 0 to 9, ., _ and -"))?,
            ),
        };
        let mut place = Self {
            bucket: bucket.to_owned(),
            prefix,
            endpoint: None,
            region: None,
            path_style: false,
            sse: None,
            sse_key: None,
            storage_class: None,
            unconditional: false,
        };
        let mut path_style = None;
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "endpoint" => place.endpoint = Some(endpoint(&value)?),
                "region" => place.region = Some(word(&value)?),
                "path-style" => path_style = Some(truth(&value)?),
                "sse" if ["AES256", "aws:kms", "aws:kms:dsse"].contains(&value.as_ref()) => {
                    place.sse = Some(value.into_owned());
                }
                "sse" => return Err(refuse("sse must be AES256, aws:kms or aws:kms:dsse")),
                "sse-key" => place.sse_key = Some(value.into_owned()),
                "storage-class" => place.storage_class = Some(word(&value)?),
                "unconditional" => place.unconditional = truth(&value)?,
                _ => {
                    return Err(refuse(
                        "knows endpoint, region, path-style, sse, sse-key, storage-class and unconditional",
                    ));
                }
            }
        }
        if place.sse_key.is_some() && !place.sse.as_deref().is_some_and(|sse| sse.starts_with("aws:kms")) {
            return Err(refuse("sse-key needs sse=aws:kms or sse=aws:kms:dsse"));
        }
        place.path_style = path_style.unwrap_or(place.endpoint.is_some());
        Ok(place)
    }
}

/// The rules that Amazon has for names, as far as they keep a name from meaning something else.
fn is_bucket(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.bytes().all(|b| plain(b) || matches!(b, b'.' | b'-'))
        && name.bytes().next().is_some_and(plain)
        && name.bytes().last().is_some_and(plain)
}

/// The store's URL. Without TLS as well: requests are signed, objects are public and signed themselves, and stores of one's own often stand in the
/// next rack.
fn endpoint(text: &str) -> Result<Url, Malformed> {
    let refuse = |why: &'static str| Malformed::new("bucket", why);
    let url = Url::parse(text).map_err(|_| refuse("endpoint must be a URL: https://HOST"))?;
    match (url.scheme(), url.host_str()) {
        ("https" | "http", Some(_)) => Ok(url),
        _ => Err(refuse("endpoint must be a URL: https://HOST")),
    }
}

fn word(text: &str) -> Result<String, Malformed> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !text.is_empty() && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err(Malformed::new("bucket", "region and storage-class are words of A to Z, a to z, 0 to 9, - and _"))
    }
}

fn truth(text: &str) -> Result<bool, Malformed> {
    text.parse().map_err(|_| Malformed::new("bucket", "path-style and unconditional are true or false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_bucket_and_what_else_the_store_needs_to_hear() {
        let bare: S3Place = "s3://pratique-no".parse().expect("a place");
        assert_eq!((bare.bucket.as_str(), bare.prefix.is_none(), bare.path_style), ("pratique-no", true, false));
        let full: S3Place = "s3://keys/v1/live/?endpoint=http://127.0.0.1:9000&region=eu-north-1&sse=aws:kms&sse-key=k&storage-class=STANDARD_IA&unconditional=true"
            .parse()
            .expect("a place");
        assert_eq!(full.prefix.map(|prefix| prefix.to_string()).as_deref(), Some("v1/live"));
        assert_eq!(full.endpoint.map(|url| url.to_string()).as_deref(), Some("http://127.0.0.1:9000/"));
        assert!(
            full.path_style && full.unconditional,
            "an endpoint of one's own rarely has a host name for each bucket"
        );
        assert_eq!((full.sse.as_deref(), full.sse_key.as_deref()), (Some("aws:kms"), Some("k")));
        assert_eq!((full.region.as_deref(), full.storage_class.as_deref()), (Some("eu-north-1"), Some("STANDARD_IA")));
        let hosted: S3Place = "s3://keys?endpoint=https://s3.example&path-style=false".parse().expect("a place");
        assert!(!hosted.path_style);
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in [
            "s3://",
            "s3:keys",
            "s3://ab",
            "s3://Keys_of",
            "s3://-ab",
            "s3://keys:80",
            "s3://me:secret@keys",
            "s3://keys#x",
            "s3://keys/a//b",
            "s3://keys/.hidden",
            "s3://keys/a%20b",
            "s3://keys?endpoint=",
            "s3://keys?endpoint=ftp://x",
            "s3://keys?endpoint=127.0.0.1",
            "s3://keys?region=a b",
            "s3://keys?path-style=yes",
            "s3://keys?sse=rot13",
            "s3://keys?sse=AES256&sse-key=k",
            "s3://keys?sse-key=k",
            "s3://keys?acl=public-read",
        ] {
            assert_eq!(text.parse::<S3Place>().expect_err(text).field, "bucket");
        }
    }
}
