//! What stands in the envelope: requests and replies in Binary HTTP (RFC 9292), of known length.

use std::io::Cursor;

use bhttp::{ControlData, Message, Mode, StatusCode};

use crate::error::Malformed;

/// A request as it reaches a route. Names of headers are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InnerRequest {
    /// `POST`, for instance.
    pub method: String,
    /// From the slash on.
    pub path: String,
    /// In the order in which they were sent.
    pub headers: Vec<(String, Vec<u8>)>,
    /// All of it.
    pub body: Vec<u8>,
}

/// A reply as a route gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InnerReply {
    /// 200 to 599.
    pub status: u16,
    /// In the order in which they were sent.
    pub headers: Vec<(String, Vec<u8>)>,
    /// All of it.
    pub body: Vec<u8>,
}

impl InnerRequest {
    /// Writes the request for a service that answers to `authority`, and fills it up with zeros to a multiple of `size` bytes (RFC 9292,
    /// section 3.8).
    pub fn encode(&self, authority: &str, size: usize) -> Vec<u8> {
        let Self { method, path, headers, body } = self;
        let [method, scheme, authority, path] = [method, "https", authority, path].map(|text| text.as_bytes().to_vec());
        let message = Message::request(method, scheme, authority, path);
        let mut bytes = write(message, headers, body);
        bytes.resize(bytes.len().next_multiple_of(size.max(1)), 0);
        bytes
    }

    /// Reads a request. To whom it is addressed says nothing that the envelope does not.
    ///
    /// # Errors
    /// `message/bhttp`, and why.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let message = read(bytes)?;
        let ControlData::Request { method, path, .. } = message.control() else {
            return Err(refused("must be a request"));
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| refused("must be text up to its body"));
        let (method, path) = (text(method)?, text(path)?);
        if method.is_empty() || !path.starts_with('/') {
            return Err(refused("must have a method and a path"));
        }
        Ok(Self { method, path, headers: headers(&message)?, body: message.content().to_vec() })
    }

    /// The first value of a header; its name in lower case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        header(&self.headers, name)
    }
}

impl InnerReply {
    /// Writes the reply and fills it up with zeros to exactly `size` bytes; none if it is longer, or has a status that no reply has.
    pub fn encode(&self, size: usize) -> Option<Vec<u8>> {
        let message =
            Message::response(StatusCode::try_from(self.status).ok().filter(|status| !status.informational())?);
        let mut bytes = write(message, &self.headers, &self.body);
        (bytes.len() <= size).then(|| {
            bytes.resize(size, 0);
            bytes
        })
    }

    /// Reads a reply.
    ///
    /// # Errors
    /// `message/bhttp`, and why.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let message = read(bytes)?;
        let status = message.control().status().ok_or_else(|| refused("must be a reply"))?;
        Ok(Self { status: status.code(), headers: headers(&message)?, body: message.content().to_vec() })
    }

    /// The first value of a header; its name in lower case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        header(&self.headers, name)
    }
}

fn write(mut message: Message, headers: &[(String, Vec<u8>)], body: &[u8]) -> Vec<u8> {
    for (name, value) in headers {
        message.put_header(name.as_str(), value.as_slice());
    }
    message.write_content(body);
    let mut bytes = Vec::with_capacity(body.len() + 256);
    message.write_bhttp(Mode::KnownLength, &mut bytes).expect("a vector takes all that is written to it");
    bytes
}

/// Either form of a message, with nothing behind it but zeros.
fn read(bytes: &[u8]) -> Result<Message, Malformed> {
    let mut cursor = Cursor::new(bytes);
    // Its errors may repeat what it read.
    let message = Message::read_bhttp(&mut cursor).map_err(|_| refused("must be Binary HTTP"))?;
    let read = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
    let padding = bytes.get(read..).unwrap_or_default();
    if padding.iter().any(|byte| *byte != 0) {
        return Err(refused("must end with its padding, which is zeros"));
    }
    Ok(message)
}

fn headers(message: &Message) -> Result<Vec<(String, Vec<u8>)>, Malformed> {
    let fields = message.header().fields().iter();
    let named = fields.map(|field| {
        let name = std::str::from_utf8(field.name()).ok().filter(|name| is_name(name));
        let name = name.ok_or_else(|| refused("must have headers with names in lower case"))?;
        Ok((name.to_owned(), field.value().to_vec()))
    });
    named.collect()
}

fn header<'m>(headers: &'m [(String, Vec<u8>)], name: &str) -> Option<&'m [u8]> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
}

/// RFC 9292, section 3.6: as in HTTP/2, without upper case and without pseudo-headers.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase() && byte != b':')
}

fn refused(reason: &'static str) -> Malformed {
    Malformed::new("message/bhttp", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> InnerRequest {
        let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
        InnerRequest { method: "POST".to_owned(), path: "/v1/publish".to_owned(), headers, body: b"{}".to_vec() }
    }

    fn reply() -> InnerReply {
        InnerReply {
            status: 200,
            headers: vec![("cache-control".to_owned(), b"no-store".to_vec())],
            body: b"{}".to_vec(),
        }
    }

    #[test]
    fn a_request_fills_whole_units_and_is_read_without_them() {
        for (body, total) in [(0, 16_384), (16_000, 16_384), (16_384, 32_768)] {
            let request = InnerRequest { body: vec![b'x'; body], ..request() };
            let bytes = request.encode("keys.example", 16_384);
            assert_eq!(bytes.len(), total);
            assert_eq!(InnerRequest::decode(&bytes), Ok(request));
        }
    }

    #[test]
    fn a_reply_has_the_size_that_it_must_have_or_is_none() {
        let bytes = reply().encode(4_576).expect("fits");
        assert_eq!(bytes.len(), 4_576);
        assert_eq!(InnerReply::decode(&bytes), Ok(reply()));
        assert_eq!(InnerReply { body: vec![0; 4_576], ..reply() }.encode(4_576), None);
        for status in [0, 99, 100, 103, 199, 600, 65_535] {
            assert_eq!(InnerReply { status, ..reply() }.encode(4_576), None, "{status}");
        }
    }

    #[test]
    fn padding_is_zeros() {
        for at in [0, 700, 15_000] {
            let mut bytes = request().encode("", 16_384);
            let length = request().encode("", 1).len();
            let at = bytes.len() - 1 - at;
            assert!(at > length);
            bytes[at] = 1;
            assert!(InnerRequest::decode(&bytes).is_err());
        }
    }

    #[test]
    fn what_is_no_request_is_refused_and_not_repeated() {
        let whole = request().encode("", 1);
        for cut in 0..whole.len() {
            if let Err(refusal) = InnerRequest::decode(&whole[..cut]) {
                assert_eq!(refusal.field, "message/bhttp");
                continue;
            }
            // A message may leave out what is empty at its end (RFC 9292, section 3.8), so some cuts are shorter requests.
            assert!(cut > 20, "{cut}");
        }
        assert!(InnerRequest::decode(&reply().encode(100).expect("fits")).is_err());
        assert!(InnerReply::decode(&whole).is_err());
        for (method, path) in [("", "/"), ("POST", ""), ("POST", "v1/publish"), ("POST", "*")] {
            let bytes = InnerRequest { method: method.to_owned(), path: path.to_owned(), ..request() }.encode("", 1);
            assert!(InnerRequest::decode(&bytes).is_err(), "{method} {path}");
        }
        for name in ["", "Content-Type", ":path", "content type", "\u{e9}"] {
            let headers = vec![(name.to_owned(), vec![])];
            let refused = InnerRequest::decode(&InnerRequest { headers, ..request() }.encode("", 1)).is_err();
            // A name without a letter is read as the end of the section.
            assert!(refused, "{name:?}");
        }
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        let bytes = hex::decode("00034745540568747470730b6578616d706c652e636f6d012f").expect("hexadecimal");
        let request = InnerRequest::decode(&bytes).expect("read");
        assert_eq!((request.method.as_str(), request.path.as_str(), request.headers.len()), ("GET", "/", 0));
        assert_eq!(InnerReply::decode(&[0x01, 0x40, 0xc8]).map(|reply| reply.status), Ok(200));
    }
}
