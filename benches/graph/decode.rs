//! `Message::decode`: what a transaction of the change feed costs before anything is known of it.
//!
//! | workload | why |
//! |---|---|
//! | `insert_binary` | a membership's row as PostgreSQL sends it in binary: most of any bulk |
//! | `insert_text` | the same in text, as columns without a binary format come |
//! | `delete` | the key alone, as the default replica identity has it |
//! | `transaction` | begin, one row, commit: an ordinary change |

use criterion::{Criterion, Throughput};
use std::hint::black_box;
use teamgraph::feed::pgoutput::Message;
use teamgraph::id::Role;
use teamgraph::synthetic::{Shape, Synthetic, SyntheticMembership};

/// Rows to take turns with: more than the first cache holds.
const ROWS: usize = 4_096;

const RELATION: [u8; 4] = 16_402_u32.to_be_bytes();

fn cell(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind], &length[..], value].concat()
}

/// The cells of the row: its key, the member, the team, the status.
fn cells(row: i64, membership: &SyntheticMembership, binary: bool) -> Vec<u8> {
    let number = |number: i64| {
        if binary {
            cell(b'b', &number.to_be_bytes())
        } else {
            cell(b't', number.to_string().as_bytes())
        }
    };
    let status = if membership.role == Role::Admin { "administrator" } else { "approved" };
    [
        number(row),
        number(membership.member),
        number(membership.team),
        cell(if binary { b'b' } else { b't' }, status.as_bytes()),
    ]
    .concat()
}

fn insert(row: i64, membership: &SyntheticMembership, binary: bool) -> Vec<u8> {
    [b"I", &RELATION[..], b"N", &[0, 4], &cells(row, membership, binary)].concat()
}

fn delete(row: i64) -> Vec<u8> {
    let key = cell(b'b', &row.to_be_bytes());
    [b"D", &RELATION[..], b"K", &[0, 4], &key, b"nnn"].concat()
}

fn begin(lsn: u64) -> Vec<u8> {
    [b"B", &lsn.to_be_bytes()[..], &[0; 12]].concat()
}

fn commit(lsn: u64) -> Vec<u8> {
    [b"C\0", &lsn.to_be_bytes()[..], &(lsn + 48).to_be_bytes(), &[0; 8]].concat()
}

pub fn bench(criterion: &mut Criterion) {
    let synthetic = Synthetic::new(Shape::S);
    let rows: Vec<(i64, SyntheticMembership)> =
        (1..).zip(synthetic.memberships()).take(ROWS).collect();
    let each = |make: &dyn Fn(i64, &SyntheticMembership) -> Vec<Vec<u8>>| -> Vec<Vec<Vec<u8>>> {
        rows.iter().map(|(row, membership)| make(*row, membership)).collect()
    };
    let workloads = [
        ("insert_binary", each(&|row, it| vec![insert(row, it, true)])),
        ("insert_text", each(&|row, it| vec![insert(row, it, false)])),
        ("delete", each(&|row, _| vec![delete(row)])),
        ("transaction", each(&|row, it| vec![begin(9_000), insert(row, it, true), commit(9_000)])),
    ];
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    for (name, messages) in workloads {
        let mut next = messages.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for message in next.next().unwrap() {
                    black_box(Message::decode(message).unwrap());
                }
            });
        });
    }
    group.finish();
}
