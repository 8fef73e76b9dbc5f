//! The position that a checkpoint has come to hold for, since nothing changed after it.
//!
//! Owns the 44 bytes of the file beside the checkpoint. It names the checkpoint that it belongs to,
//! so that one left from an earlier checkpoint counts for nothing.

use super::content::Stamp;
use crate::id::Lsn;
use crc32fast::hash;

const MAGIC: [u8; 8] = *b"TGPOSIT1";
/// The file's size.
pub(super) const BYTES: usize = 8 + 8 + 4 + 8 + 4 + 8 + 4;

/// The file's bytes.
pub(super) fn encode(stamp: &Stamp, lsn: Lsn) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(BYTES);
    bytes.extend(MAGIC);
    bytes.extend(stamp.history.system_id.to_le_bytes());
    bytes.extend(stamp.history.timeline.to_le_bytes());
    bytes.extend(stamp.applied.0.to_le_bytes());
    bytes.extend(stamp.check.to_le_bytes());
    bytes.extend(lsn.0.to_le_bytes());
    bytes.extend(hash(&bytes).to_le_bytes());
    bytes
}

/// The position that the bytes give to this checkpoint; none if they belong to another, or are
/// not what was written.
pub(super) fn decode(bytes: &[u8], stamp: &Stamp) -> Option<Lsn> {
    let lsn = bytes.get(BYTES - 12..BYTES - 4)?.try_into().ok()?;
    let lsn = Lsn(u64::from_le_bytes(lsn));
    (bytes == encode(stamp, lsn) && lsn >= stamp.applied).then_some(lsn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::History;

    #[test]
    fn a_position_counts_for_its_own_checkpoint_and_unharmed() {
        let history = History { system_id: 7, timeline: 1 };
        let stamp = Stamp { history, applied: Lsn(100), check: 5 };
        let bytes = encode(&stamp, Lsn(120));
        assert_eq!(bytes.len(), BYTES);
        assert_eq!(decode(&bytes, &stamp), Some(Lsn(120)));
        let others = [
            Stamp { check: 6, ..stamp },
            Stamp { applied: Lsn(101), ..stamp },
            Stamp { history: History { timeline: 2, ..history }, ..stamp },
        ];
        assert!(others.iter().all(|other| decode(&bytes, other).is_none()));
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bytes, &stamp), None);
        }
        for len in 0..bytes.len() {
            assert_eq!(decode(&bytes[..len], &stamp), None);
        }
        assert_eq!(decode(&[bytes, vec![0]].concat(), &stamp), None);
    }
}
