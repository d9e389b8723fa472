//! Protocol Buffers on the wire, as much of it as entries need: fields one after another, without trusting a length.
//!
//! Headers and signatures go through prost. Entries come by the million and from strangers, so they are written without a message in
//! between, and counted before anything is kept of them.

use crate::error::Malformed;

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

/// Appends a base-128 varint.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a field that holds a varint.
pub(super) fn put_number(out: &mut Vec<u8>, field: u32, value: u64) {
    put_varint(out, u64::from(field << 3 | VARINT));
    put_varint(out, value);
}

/// Appends a field that holds bytes.
pub(super) fn put_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    put_length(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends the head of a field whose `length` bytes follow.
pub(super) fn put_length(out: &mut Vec<u8>, field: u32, length: usize) {
    put_varint(out, u64::from(field << 3 | BYTES));
    put_varint(out, length as u64);
}

/// A `sint32` as the varint that stands for it: small magnitudes are short.
pub(super) const fn zigzag(value: i32) -> u64 {
    (value.cast_unsigned() << 1 ^ (value >> 31).cast_unsigned()) as u64
}

/// One field of a message.
pub(super) struct Field<'a> {
    /// Its number.
    pub(super) number: u32,
    /// The whole field, its key included.
    pub(super) raw: &'a [u8],
    value: Value<'a>,
}

enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

impl<'a> Field<'a> {
    /// The bytes of a field that must hold bytes, or a message.
    pub(super) fn bytes(&self, name: &'static str) -> Result<&'a [u8], Malformed> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed::new(name, "must be bytes")),
        }
    }

    /// The value of an `int32` or an enum. Longer varints lose their upper half, as in every implementation of the format.
    pub(super) fn int32(&self, name: &'static str) -> Result<i32, Malformed> {
        match self.value {
            Value::Varint(value) => Ok(value as i32),
            _ => Err(Malformed::new(name, "must be a number")),
        }
    }

    /// The value of a `sint32`.
    pub(super) fn sint32(&self, name: &'static str) -> Result<i32, Malformed> {
        let value = self.int32(name)?.cast_unsigned();
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }
}

/// The fields of a message, in the order in which they stand. Ends after the first malformed one.
pub(super) fn fields<'a>(message: &'a [u8]) -> impl Iterator<Item = Result<Field<'a>, Malformed>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = next_field(&mut rest);
        if field.is_none() {
            rest = &[];
        }
        Some(field.ok_or_else(|| Malformed::new("export.bin", "is no well-formed message")))
    })
}

/// The next field; none if what is left is malformed, or cut short. Then `rest` is anywhere.
pub(super) fn next_field<'a>(rest: &mut &'a [u8]) -> Option<Field<'a>> {
    let whole = *rest;
    let key = u32::try_from(take_varint(rest)?).ok()?;
    let number = key >> 3;
    if number == 0 {
        return None;
    }
    let value = match key & 7 {
        VARINT => Value::Varint(take_varint(rest)?),
        FIXED64 => take(rest, 8).map(|_| Value::Fixed)?,
        FIXED32 => take(rest, 4).map(|_| Value::Fixed)?,
        BYTES => {
            let length = usize::try_from(take_varint(rest)?).ok()?;
            Value::Bytes(take(rest, length)?)
        }
        // Groups have been out of use since before this format existed.
        _ => return None,
    };
    Some(Field { number, raw: &whole[..whole.len() - rest.len()], value })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for position in 0..10 {
        let byte = take(rest, 1)?[0];
        // The tenth byte has room for one bit of the 64.
        if position == 9 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7F) << (7 * position);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prost::encoding;

    proptest! {
        #[test]
        fn varints_are_those_of_prost(value: u64) {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            put_varint(&mut ours, value);
            encoding::encode_varint(value, &mut theirs);
            prop_assert_eq!(&ours, &theirs);
            prop_assert_eq!(take_varint(&mut ours.as_slice()), Some(value));
        }

        #[test]
        fn any_bytes_are_varints_where_prost_says_so(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let theirs = encoding::decode_varint(&mut bytes.as_slice()).ok();
            prop_assert_eq!(take_varint(&mut bytes.as_slice()), theirs);
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let read: usize = fields(&bytes).filter_map(Result::ok).map(|field| field.raw.len()).sum();
            prop_assert!(read <= bytes.len());
        }

        #[test]
        fn signed_numbers_come_back(value: i32) {
            let mut message = Vec::new();
            put_number(&mut message, 6, zigzag(value));
            let field = fields(&message).next().expect("one field").expect("well-formed");
            prop_assert_eq!(field.sint32("days").expect("a number"), value);
        }
    }

    #[test]
    fn a_length_beyond_the_end_is_refused() {
        let claims_much = [0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01];
        assert!(fields(&claims_much).next().expect("a field").is_err());
        assert_eq!(fields(&claims_much).count(), 1);
    }
}
