//! Column values: what the wire carries, and what it means.
//!
//! Owns the decoding of single values by column type. One decoder serves the copy and the stream,
//! for both carry PostgreSQL's binary send format; `pgoutput` falls back to text for a type that
//! has none. It must not know tables or messages.

use crate::id::Key;
use std::borrow::Cow;
use std::sync::Arc;

/// One column of a row as the wire carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// A value kept out of line that an update did not touch: not sent.
    Unchanged,
    /// The type's text format.
    Text(&'a [u8]),
    /// The type's binary format.
    Binary(&'a [u8]),
}

/// The types of columns that can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnType {
    /// `int2`
    Int2,
    /// `int4`
    Int4,
    /// `int8`
    Int8,
    /// `uuid`
    Uuid,
    /// `text`, `varchar`, `name`, enums
    Text,
    /// `char(n)`, whose trailing spaces mean nothing
    PaddedText,
    /// `citext`, whose case means nothing in a key
    CaselessText,
    /// `bool`
    Bool,
    /// Anything else: only whether it is NULL can be told.
    Other,
}

/// The kinds of [`Key`]: types of one family hold comparable keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Int,
    Uuid,
    Text,
}

/// A value that is not what its column's type promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueError {
    #[error("its value was not sent because it is stored out of line and did not change")]
    Unchanged,
    #[error("its value is not of the column's type")]
    Malformed,
    #[error("its value is not UTF-8")]
    NotUtf8,
}

impl ColumnType {
    /// The type with a built-in [object identifier](https://www.postgresql.org/docs/current/catalog-pg-type.html).
    pub(crate) fn of_oid(oid: u32) -> Option<Self> {
        match oid {
            16 => Some(ColumnType::Bool),
            19 | 25 | 1043 => Some(ColumnType::Text),
            20 => Some(ColumnType::Int8),
            21 => Some(ColumnType::Int2),
            23 => Some(ColumnType::Int4),
            1042 => Some(ColumnType::PaddedText),
            2950 => Some(ColumnType::Uuid),
            _ => None,
        }
    }

    /// What keys of this type compare with; none if it cannot be a key.
    pub(crate) fn family(self) -> Option<Family> {
        match self {
            ColumnType::Int2 | ColumnType::Int4 | ColumnType::Int8 => Some(Family::Int),
            ColumnType::Uuid => Some(Family::Uuid),
            ColumnType::Text | ColumnType::PaddedText | ColumnType::CaselessText => {
                Some(Family::Text)
            }
            ColumnType::Bool | ColumnType::Other => None,
        }
    }

    /// Reads a key; none for NULL.
    pub(crate) fn key(self, cell: Cell<'_>) -> Result<Option<Key>, ValueError> {
        let Some(family) = self.family() else {
            return Err(ValueError::Malformed);
        };
        let key = match (family, cell) {
            (_, Cell::Null) => return Ok(None),
            (_, Cell::Unchanged) => return Err(ValueError::Unchanged),
            (Family::Int, Cell::Binary(bytes)) => Key::Int(self.binary_int(bytes)?),
            (Family::Int, Cell::Text(bytes)) => {
                Key::Int(utf8(bytes)?.parse().map_err(|_| ValueError::Malformed)?)
            }
            (Family::Uuid, Cell::Binary(bytes)) => {
                Key::Uuid(bytes.try_into().map_err(|_| ValueError::Malformed)?)
            }
            (Family::Uuid, Cell::Text(bytes)) => Key::Uuid(text_uuid(utf8(bytes)?)?),
            (Family::Text, Cell::Binary(bytes) | Cell::Text(bytes)) => {
                Key::Text(self.canonical(utf8(bytes)?).into())
            }
        };
        Ok(Some(key))
    }

    /// A value that a column of this type is compared with, as its keys are; none if no key of
    /// this type can equal it.
    pub(crate) fn literal(self, value: &Key) -> Option<Key> {
        match (self.family()?, value) {
            (Family::Int, Key::Int(_)) => Some(value.clone()),
            (Family::Uuid, Key::Text(text)) => text_uuid(text).ok().map(Key::Uuid),
            (Family::Text, Key::Text(text)) => Some(Key::Text(self.canonical(text).into())),
            (Family::Int | Family::Uuid | Family::Text, _) => None,
        }
    }

    /// Reads a text for people; none for NULL.
    pub(crate) fn text(self, cell: Cell<'_>) -> Result<Option<Arc<str>>, ValueError> {
        match (self.family(), cell) {
            (_, Cell::Null) => Ok(None),
            (_, Cell::Unchanged) => Err(ValueError::Unchanged),
            (Some(Family::Text), Cell::Text(bytes) | Cell::Binary(bytes)) => {
                let text = utf8(bytes)?;
                let text =
                    if self == ColumnType::PaddedText { text.trim_end_matches(' ') } else { text };
                Ok(Some(text.into()))
            }
            (_, Cell::Text(_) | Cell::Binary(_)) => Err(ValueError::Malformed),
        }
    }

    /// Reads a boolean; none for NULL.
    pub(crate) fn boolean(self, cell: Cell<'_>) -> Result<Option<bool>, ValueError> {
        match (self, cell) {
            (_, Cell::Null) => Ok(None),
            (_, Cell::Unchanged) => Err(ValueError::Unchanged),
            (ColumnType::Bool, Cell::Binary([0]) | Cell::Text(b"f")) => Ok(Some(false)),
            (ColumnType::Bool, Cell::Binary([1]) | Cell::Text(b"t")) => Ok(Some(true)),
            (_, Cell::Text(_) | Cell::Binary(_)) => Err(ValueError::Malformed),
        }
    }

    /// The width must be the type's own, so that a column whose type changed under us is noticed.
    fn binary_int(self, bytes: &[u8]) -> Result<i64, ValueError> {
        let value = match self {
            ColumnType::Int2 => bytes.try_into().ok().map(i16::from_be_bytes).map(i64::from),
            ColumnType::Int4 => bytes.try_into().ok().map(i32::from_be_bytes).map(i64::from),
            _ => bytes.try_into().ok().map(i64::from_be_bytes),
        };
        value.ok_or(ValueError::Malformed)
    }

    /// One spelling for all texts that the type calls equal.
    fn canonical(self, text: &str) -> Cow<'_, str> {
        match self {
            ColumnType::PaddedText => Cow::Borrowed(text.trim_end_matches(' ')),
            ColumnType::CaselessText => Cow::Owned(text.to_lowercase()),
            _ => Cow::Borrowed(text),
        }
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, ValueError> {
    str::from_utf8(bytes).map_err(|_| ValueError::NotUtf8)
}

fn text_uuid(text: &str) -> Result<[u8; 16], ValueError> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(ValueError::Malformed);
    }
    let value = u128::from_str_radix(&digits, 16).map_err(|_| ValueError::Malformed)?;
    Ok(value.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_each_width_in_both_formats() {
        let cases: [(ColumnType, &[u8], i64); 3] = [
            (ColumnType::Int2, &[0xff, 0xfe], -2),
            (ColumnType::Int4, &[0, 0, 1, 0], 256),
            (ColumnType::Int8, &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], i64::MAX),
        ];
        for (ty, bytes, value) in cases {
            assert_eq!(ty.key(Cell::Binary(bytes)), Ok(Some(Key::Int(value))));
            let text = value.to_string();
            assert_eq!(ty.key(Cell::Text(text.as_bytes())), Ok(Some(Key::Int(value))));
            assert_eq!(ty.key(Cell::Null), Ok(None));
            assert_eq!(ty.key(Cell::Unchanged), Err(ValueError::Unchanged));
            assert_eq!(ty.key(Cell::Binary(&[1, 2, 3])), Err(ValueError::Malformed));
        }
        // The width of another integer type is not this type's value.
        assert_eq!(ColumnType::Int4.key(Cell::Binary(&[0; 8])), Err(ValueError::Malformed));
    }

    #[test]
    fn uuids_in_both_formats() {
        let bytes: [u8; 16] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let text = b"00010203-0405-0607-0809-0a0b0c0d0e0f";
        assert_eq!(ColumnType::Uuid.key(Cell::Binary(&bytes)), Ok(Some(Key::Uuid(bytes))));
        assert_eq!(ColumnType::Uuid.key(Cell::Text(text)), Ok(Some(Key::Uuid(bytes))));
        assert_eq!(ColumnType::Uuid.key(Cell::Text(b"+1")), Err(ValueError::Malformed));
    }

    #[test]
    fn texts_that_their_type_calls_equal_are_one_key() {
        let key = |ty: ColumnType, text: &str| ty.key(Cell::Binary(text.as_bytes()));
        assert_eq!(key(ColumnType::PaddedText, "a  "), key(ColumnType::PaddedText, "a"));
        assert_eq!(key(ColumnType::CaselessText, "Ann"), key(ColumnType::CaselessText, "aNN"));
        assert_ne!(key(ColumnType::Text, "Ann"), key(ColumnType::Text, "aNN"));
        assert_eq!(ColumnType::CaselessText.text(Cell::Text(b"Ann")), Ok(Some("Ann".into())));
        assert_eq!(ColumnType::Text.key(Cell::Binary(&[0xff])), Err(ValueError::NotUtf8));
    }

    #[test]
    fn literals_are_compared_as_keys_are() {
        let (int, text) = (Key::Int(7), |text: &str| Key::Text(text.into()));
        assert_eq!(ColumnType::Int2.literal(&int), Some(int.clone()));
        assert_eq!(ColumnType::Int4.literal(&text("7")), None);
        assert_eq!(ColumnType::Text.literal(&int), None);
        assert_eq!(ColumnType::CaselessText.literal(&text("Active")), Some(text("active")));
        assert_eq!(ColumnType::PaddedText.literal(&text("a ")), Some(text("a")));
        let uuid = text("00010203-0405-0607-0809-0a0b0c0d0e0f");
        let bytes = std::array::from_fn(|at| u8::try_from(at).unwrap());
        assert_eq!(ColumnType::Uuid.literal(&uuid), Some(Key::Uuid(bytes)));
        assert_eq!(ColumnType::Uuid.literal(&text("nobody")), None);
        assert_eq!(ColumnType::Bool.literal(&int), None);
    }

    #[test]
    fn booleans_in_both_formats() {
        for (cell, value) in [
            (Cell::Binary(&[1]), Ok(Some(true))),
            (Cell::Binary(&[0]), Ok(Some(false))),
            (Cell::Text(b"t"), Ok(Some(true))),
            (Cell::Text(b"f"), Ok(Some(false))),
            (Cell::Null, Ok(None)),
            (Cell::Binary(&[2]), Err(ValueError::Malformed)),
            (Cell::Binary(&[]), Err(ValueError::Malformed)),
        ] {
            assert_eq!(ColumnType::Bool.boolean(cell), value);
        }
        assert_eq!(ColumnType::Bool.key(Cell::Binary(&[1])), Err(ValueError::Malformed));
        assert_eq!(ColumnType::Int2.boolean(Cell::Binary(&[1])), Err(ValueError::Malformed));
    }
}
