//! Freshness tokens as text, and a client's deadline as its header says it.
//!
//! Owns the two small grammars. It must not know what is done with them.

use super::errors::{Failure, Reason};
use super::refs::quote;
use crate::id::{History, Lsn};
use std::time::Duration;
use tonic::metadata::MetadataMap;

/// A position of the source that an answer must know all changes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// The timeline that the position counts on; `None` for the current history.
    pub(crate) timeline: Option<u32>,
    /// The position.
    pub(crate) lsn: Lsn,
}

impl Token {
    /// Reads `0/16B3748` or `1/0/16B3748`.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let read = || {
            if text.bytes().filter(|&byte| byte == b'/').count() < 2 {
                return Some(Token { timeline: None, lsn: text.parse().ok()? });
            }
            let (timeline, lsn) = text.split_once('/')?;
            if !timeline.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            Some(Token { timeline: Some(timeline.parse().ok()?), lsn: lsn.parse().ok()? })
        };
        read().ok_or_else(|| {
            let quoted = quote(text);
            Failure::new(Reason::TokenMalformed, format!("`{quoted}` is not a freshness token"))
                .with("token", quoted)
        })
    }

    /// The token of a position in a history, as answers carry it.
    pub(crate) fn text(history: History, lsn: Lsn) -> String {
        format!("{}/{lsn}", history.timeline)
    }
}

/// How long the client gives the call: the `grpc-timeout` header, which is at most eight digits and
/// a unit. <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>
pub(crate) fn client_timeout(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let digits = text.get(..text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match text.as_bytes().last()? {
        b'H' => Some(Duration::from_secs(value * 3_600)),
        b'M' => Some(Duration::from_secs(value * 60)),
        b'S' => Some(Duration::from_secs(value)),
        b'm' => Some(Duration::from_millis(value)),
        b'u' => Some(Duration::from_micros(value)),
        b'n' => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_nothing_else() {
        let token = |timeline, lsn| Ok(Token { timeline, lsn: Lsn(lsn) });
        assert_eq!(Token::parse("0/16B3748"), token(None, 0x16B_3748));
        assert_eq!(Token::parse("1/0/16B3748"), token(Some(1), 0x16B_3748));
        assert_eq!(Token::parse("4294967295/A/B"), token(Some(u32::MAX), 0xA_0000_000B));
        for text in
            ["", "/", "//", "0", "1/2/3/4", "+1/0/1", "/0/1", "x/0/1", "4294967296/0/1", "0/1 "]
        {
            let failure = Token::parse(text).unwrap_err();
            assert_eq!(failure.reason, Reason::TokenMalformed, "{text}");
        }
    }

    #[test]
    fn the_token_of_an_answer_can_be_sent_back() {
        let history = History { system_id: 9, timeline: 3 };
        let text = Token::text(history, Lsn(0x1_0000_0002));
        assert_eq!(text, "3/1/2");
        assert_eq!(Token::parse(&text), Ok(Token { timeline: Some(3), lsn: Lsn(0x1_0000_0002) }));
    }

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        let read = |text: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().unwrap());
            client_timeout(&metadata)
        };
        assert_eq!(read("2H"), Some(Duration::from_secs(7_200)));
        assert_eq!(read("3M"), Some(Duration::from_secs(180)));
        assert_eq!(read("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(read("150m"), Some(Duration::from_millis(150)));
        assert_eq!(read("150u"), Some(Duration::from_micros(150)));
        assert_eq!(read("150n"), Some(Duration::from_nanos(150)));
        for wrong in ["", "S", "1", "+1S", "123456789S", "1x"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(client_timeout(&MetadataMap::new()), None);
    }
}
