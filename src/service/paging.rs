//! Page tokens: where a list goes on, and in which version.
//!
//! Owns the token's bytes. A token names the process, the copy, the version, the request and the
//! position; it is not a secret and grants nothing, its checksum only tells a damaged one from one
//! that is out of place. It must not know how lists are made.

use super::errors::{Failure, Reason};
use super::limits;
use crate::graph::{MemberCursor, Snapshot};
use crate::id::{MemberId, TeamId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Buf, BufMut};

/// The layout of the bytes; a later layout takes another number.
const LAYOUT: u8 = 2;
/// Layout, instance, copy, sequence, request, place and checksum.
const TOKEN_BYTES: usize = 1 + 8 + 8 + 8 + 8 + (4 + 1 + 4 + 4) + 8;

/// A position in one of the lists of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which list, from 0.
    pub(crate) list: u32,
    /// Where in it.
    pub(crate) from: MemberCursor,
}

impl Place {
    /// A place in the only list of a request.
    pub(crate) const fn one(from: MemberCursor) -> Self {
        Place { list: 0, from }
    }
}

/// A position in a list, and the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageToken {
    /// The process that made it.
    pub(crate) instance: u64,
    /// The copy that the version descends from.
    pub(crate) copy: u64,
    /// The version's number within the copy.
    pub(crate) sequence: u64,
    /// [`digest`] of the request.
    pub(crate) request: u64,
    /// Where the next page begins.
    pub(crate) place: Place,
}

impl PageToken {
    /// The token for the page after one that `snapshot` answered.
    pub(crate) fn after(instance: u64, snapshot: &Snapshot, request: u64, place: Place) -> Self {
        let (copy, sequence) = (snapshot.copy(), snapshot.sequence());
        PageToken { instance, copy, sequence, request, place }
    }

    /// As text.
    pub(crate) fn encode(self) -> String {
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.put_u8(LAYOUT);
        for number in [self.instance, self.copy, self.sequence, self.request] {
            bytes.put_u64(number);
        }
        let (tag, team, from) = match self.place.from {
            MemberCursor::Teams { from } => (0, from.0, 0),
            MemberCursor::People { team, from } => (1, team.0, from.0),
            MemberCursor::Alone { from } => (2, 0, from.0),
        };
        bytes.put_u32(self.place.list);
        bytes.put_u8(tag);
        bytes.put_u32(team);
        bytes.put_u32(from);
        bytes.put_u64(digest(&bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token, and sees that it is this process's and this request's.
    pub(crate) fn decode(text: &str, instance: u64, request: u64) -> Result<Self, Failure> {
        if text.len() > limits::PAGE_TOKEN_BYTES.count() {
            return Err(malformed());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed())?;
        let token = Self::read(&bytes).ok_or_else(malformed)?;
        if token.request != request {
            return Err(Failure::new(
                Reason::PageTokenMismatch,
                "the page token belongs to another request",
            ));
        }
        if token.instance != instance {
            return Err(expired("another process than this one began the list"));
        }
        Ok(token)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (content, mut checksum) = bytes.split_at_checked(TOKEN_BYTES - 8)?;
        if checksum.try_get_u64().ok()? != digest(content) || checksum.has_remaining() {
            return None;
        }
        let mut content = content;
        if content.try_get_u8().ok()? != LAYOUT {
            return None;
        }
        let mut number = || content.try_get_u64().ok();
        let (instance, copy, sequence, request) = (number()?, number()?, number()?, number()?);
        let list = content.try_get_u32().ok()?;
        let tag = content.try_get_u8().ok()?;
        let team = TeamId(content.try_get_u32().ok()?);
        let from = MemberId(content.try_get_u32().ok()?);
        let from = match tag {
            0 => MemberCursor::Teams { from: team },
            1 => MemberCursor::People { team, from },
            2 => MemberCursor::Alone { from },
            _ => return None,
        };
        Some(PageToken { instance, copy, sequence, request, place: Place { list, from } })
    }
}

fn malformed() -> Failure {
    Failure::new(Reason::PageTokenMalformed, "the page token is not one that this API makes")
}

/// The list cannot go on, because of `why`.
pub(crate) fn expired(why: &'static str) -> Failure {
    Failure::new(Reason::PageTokenExpired, why)
}

/// FNV-1a of 64 bits: equal bytes give equal digests in every build, which std's hashers do not
/// promise. <http://www.isthe.com/chongo/tech/comp/fnv/>
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(from: MemberCursor) -> PageToken {
        let place = Place { list: u32::MAX - 1, from };
        PageToken { instance: 1, copy: 2, sequence: u64::MAX, request: 4, place }
    }

    #[test]
    fn tokens_survive_their_text() {
        for cursor in [
            MemberCursor::Teams { from: TeamId(u32::MAX) },
            MemberCursor::People { team: TeamId(3), from: MemberId(u32::MAX) },
            MemberCursor::Alone { from: MemberId(9) },
        ] {
            let text = token(cursor).encode();
            assert!(text.len() <= limits::PAGE_TOKEN_BYTES.count());
            assert_eq!(PageToken::decode(&text, 1, 4), Ok(token(cursor)));
        }
    }

    #[test]
    fn any_damage_is_malformed() {
        let text = token(MemberCursor::Teams { from: TeamId(5) }).encode();
        let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            let damaged = URL_SAFE_NO_PAD.encode(damaged);
            let failure = PageToken::decode(&damaged, 1, 4).unwrap_err();
            assert_eq!(failure.reason, Reason::PageTokenMalformed, "byte {at}");
        }
        let longer = URL_SAFE_NO_PAD.encode([bytes.as_slice(), &[0]].concat());
        for wrong in ["", "!", "AAAA", text.get(1..).unwrap(), &longer, &"A".repeat(10_000)] {
            let failure = PageToken::decode(wrong, 1, 4).unwrap_err();
            assert_eq!(failure.reason, Reason::PageTokenMalformed, "{wrong}");
        }
    }

    #[test]
    fn a_token_out_of_place_says_how() {
        let text = token(MemberCursor::Teams { from: TeamId(5) }).encode();
        let reason = |instance, request| PageToken::decode(&text, instance, request).unwrap_err();
        assert_eq!(reason(1, 5).reason, Reason::PageTokenMismatch);
        assert_eq!(reason(2, 4).reason, Reason::PageTokenExpired);
    }

    #[test]
    fn the_digest_is_the_published_function() {
        assert_eq!(digest(b""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(digest(b"foobar"), 0x8594_4171_F739_67E8);
    }
}
