//! Medians, percentiles and how long things take.

use tokio::time::Instant;

/// The value below which `share` of them lie. They are sorted on the way.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    assert!(!values.is_empty(), "nothing was measured");
    values.sort_unstable_by(f64::total_cmp);
    let place = (values.len() - 1) as f64 * share;
    values[place.round() as usize]
}

/// The value in the middle.
pub fn median(values: &[f64]) -> f64 {
    percentile(&mut values.to_vec(), 0.5)
}

/// What the work gives, and how many seconds it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed().as_secs_f64())
}

/// The two alternate, and who begins alternates too: what comes first finds colder caches.
pub fn alternate<T>(
    samples: usize,
    mut ours: impl FnMut() -> anyhow::Result<T>,
    mut peer: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<Vec<(T, T)>> {
    let mut pairs = Vec::with_capacity(samples);
    for sample in 0..samples {
        pairs.push(if sample % 2 == 0 {
            let first = ours()?;
            (first, peer()?)
        } else {
            let first = peer()?;
            (ours()?, first)
        });
    }
    Ok(pairs)
}
