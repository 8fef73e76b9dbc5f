//! Numbers, texts and keys as bytes, and back.
//!
//! Owns their spelling: small numbers take one byte, seven bits in each byte with more to come. It
//! must not know what they are part of.

use crate::id::{Key, KeySpace, SourceKey};
use std::sync::Arc;

/// Bytes that are not what they should be, in words.
pub(super) type Malformed = &'static str;

pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = (number & 0x7f).to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// As a number whose lowest bit is the sign, so that small ones stay small.
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(bytes);
}

const INT: u64 = 0;
const UUID: u64 = 1;
const TEXT: u64 = 2;
const KEY_FORMS: u64 = 3;

fn form(key: &Key) -> u64 {
    match key {
        Key::Int(_) => INT,
        Key::Uuid(_) => UUID,
        Key::Text(_) => TEXT,
    }
}

/// A key after its form. Integers as the distance from the one `before`.
fn put_value(out: &mut Vec<u8>, key: &Key, before: &mut i64) {
    match key {
        Key::Int(key) => {
            put_signed(out, key.wrapping_sub(*before));
            *before = *key;
        }
        Key::Uuid(bytes) => out.extend_from_slice(bytes),
        Key::Text(text) => put_bytes(out, text.as_bytes()),
    }
}

pub(super) fn put_key(out: &mut Vec<u8>, key: &Key, before: &mut i64) {
    put_number(out, form(key));
    put_value(out, key, before);
}

pub(super) fn put_source_key(out: &mut Vec<u8>, key: &SourceKey, before: &mut i64) {
    put_number(out, u64::from(key.space.0) * KEY_FORMS + form(&key.key));
    put_value(out, &key.key, before);
}

/// Reads fields one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Fields(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.0.split_first().ok_or("it ends within a field")?;
        self.0 = rest;
        Ok(*first)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("it ends within a field")?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("a number has more than 64 bits")
    }

    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Malformed> {
        T::try_from(self.number()?).map_err(|_| "a number is too large")
    }

    pub(super) fn signed(&mut self) -> Result<i64, Malformed> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.small()?;
        str::from_utf8(self.take(length)?).map_err(|_| "a text is not UTF-8")
    }

    fn value(&mut self, form: u64, before: &mut i64) -> Result<Key, Malformed> {
        match form {
            INT => {
                *before = before.wrapping_add(self.signed()?);
                Ok(Key::Int(*before))
            }
            UUID => {
                let bytes = self.take(16)?.try_into().map_err(|_| "a uuid has 16 bytes")?;
                Ok(Key::Uuid(bytes))
            }
            TEXT => Ok(Key::Text(Arc::from(self.text()?))),
            _ => Err("a kind of key that is not known"),
        }
    }

    pub(super) fn key(&mut self, before: &mut i64) -> Result<Key, Malformed> {
        let form = self.number()?;
        self.value(form, before)
    }

    pub(super) fn source_key(&mut self, before: &mut i64) -> Result<SourceKey, Malformed> {
        let head = self.number()?;
        let space = u16::try_from(head / KEY_FORMS).map_err(|_| "a key space is too large")?;
        Ok(SourceKey { space: KeySpace(space), key: self.value(head % KEY_FORMS, before)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_keys_come_back() {
        let mut out = Vec::new();
        let numbers = [0, 1, 127, 128, 16_383, 16_384, u64::MAX];
        let signed = [0, -1, 63, -64, 64, i64::MIN, i64::MAX];
        let keys = [Key::Int(-5), Key::Int(i64::MIN), Key::Uuid([7; 16]), Key::Text("é".into())];
        numbers.iter().for_each(|number| put_number(&mut out, *number));
        signed.iter().for_each(|number| put_signed(&mut out, *number));
        let mut before = 0;
        for key in &keys {
            put_key(&mut out, key, &mut before);
            let key = SourceKey { space: KeySpace(u16::MAX), key: key.clone() };
            put_source_key(&mut out, &key, &mut before);
        }
        let mut fields = Fields::new(&out);
        assert_eq!(numbers.map(|_| fields.number().unwrap()), numbers);
        assert_eq!(signed.map(|_| fields.signed().unwrap()), signed);
        let mut before = 0;
        for key in keys {
            assert_eq!(fields.key(&mut before).as_ref(), Ok(&key));
            let key = SourceKey { space: KeySpace(u16::MAX), key };
            assert_eq!(fields.source_key(&mut before), Ok(key));
        }
        assert!(fields.is_empty());
        assert!(fields.byte().is_err());
    }

    #[test]
    fn what_cannot_be_is_said() {
        for bytes in [&[0x80; 10][..], &[0x80], &[0xff; 11], &[]] {
            assert!(Fields::new(bytes).number().is_err(), "{bytes:?}");
        }
        assert!(Fields::new(&[2, 0xff, 0xff]).text().is_err());
        assert!(Fields::new(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1]).text().is_err());
        assert!(Fields::new(&[0x80, 0x80, 0x10]).small::<u16>().is_err());
        assert!(Fields::new(&[3]).key(&mut 0).is_err());
    }
}
